# SPDX-License-Identifier: MIT
"""The terminal chat, in a pipe and on a pseudo-terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest


def test_commands_without_model(run, tmp_path):
    done = run(["chat", "--model", tmp_path / "absent.gguf"], "/help\n/quote\n/clear\n/exit\nnot reached\n")
    assert done.returncode == 0
    assert "/quote" in done.stdout and "And the Word was made flesh" in done.stdout
    assert "not reached" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr, "no colours in a pipe"


def test_message_without_model(run, tmp_path):
    done = run(["chat", "--model", tmp_path / "absent.gguf"], "hello\n")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "absent.gguf" in done.stderr
    assert done.stdout == ""


def test_empty_input(run, tmp_path):
    done = run(["chat", "--model", tmp_path / "absent.gguf"], "\n  \n\n")
    assert done.returncode == 0 and done.stdout == "" and done.stderr == ""


def test_message_too_long(run, tmp_path):
    done = run(["chat", "--model", tmp_path / "absent.gguf"], "x" * 600_000 + "\n")
    assert done.returncode == 1 and "too long" in done.stderr


@pytest.mark.parametrize(
    "args, word", [(["--temp", "x"], "--temp"), (["--log-level", "x"], "'x'"), (["--bad"], "--bad")]
)
def test_bad_flags(run, args, word):
    done = run(["chat", *args])
    assert done.returncode == 2 and word in done.stderr and len(done.stderr.splitlines()) == 1


def test_it_answers(run, model):
    done = run(
        ["chat", "--model", model, "--temp", "0"], "What is the capital of Germany?\nAnd of England?\n"
    )
    assert done.returncode == 0, done.stderr
    assert "Berlin" in done.stdout and "London" in done.stdout and "\x1b" not in done.stdout


def chat(notso, folder, lines, *args):
    """The program in a pipe, with chats and files in a folder of its own."""
    command = [notso, "chat", "--data", folder / "data", "--model", folder / "absent.gguf", *args]
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        input="".join(line + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_export(notso, tmp_path):
    lines = ["json", "", "", "text", "pdf"]
    done = chat(notso, tmp_path, ["/help", "/rename Tea & *milk*"] + [f"/export {line}" for line in lines])
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "written" in line] == [
        "written: tea-milk.json",
        "written: tea-milk.md",
        "written: tea-milk-2.md",
        "written: tea-milk.txt",
    ]
    assert "/export wants markdown, json or text" in done.stdout
    whole = json.loads((tmp_path / "tea-milk.json").read_text())
    assert whole["format"] == "notso-chats" and whole["chats"][0]["title"] == "Tea & *milk*"
    assert [m["role"] for m in whole["chats"][0]["messages"]] == ["user", "assistant"]
    assert (tmp_path / "tea-milk.md").read_text() == (tmp_path / "tea-milk-2.md").read_text()
    assert (tmp_path / "tea-milk.txt").read_text().startswith("=== notso chat, version 1 ===\nTea & *milk*\n")


def test_export_where_nothing_can_be_written(notso, tmp_path):
    (tmp_path / "chat.json.part").mkdir()
    done = chat(notso, tmp_path, ["/export json", "/help", "/rename \u8336", "/export json"])
    assert done.returncode == 1
    assert "nothing in this chat yet" in done.stderr and "cannot create chat.json.part" in done.stderr
    assert not (tmp_path / "chat.json").exists()


def test_chats_are_kept_and_listed(notso, tmp_path):
    chat(notso, tmp_path, ["/help", "/rename First", "/new", "/help", "/rename Second"])
    lines = ["/chats", "/open 2", "/search clear", "/export text", "/open 3", "/open x", "/open"]
    done = chat(notso, tmp_path, lines)
    assert re.search(r"1  \d{4}-\d\d-\d\d  Second\n +2  \d{4}-\d\d-\d\d  First\n", done.stdout)
    assert "- **Second**" in done.stdout, done.stdout
    assert "First" in (tmp_path / "first.txt").read_text()
    assert done.stderr.count("/open wants the number of a chat") == 3 and done.returncode == 1


def test_commands_of_a_chat_with_nothing_in_it(notso, tmp_path):
    for line in ["/continue", "/regenerate", "/rename x", "/export", "/summarize"]:
        done = chat(notso, tmp_path, [line])
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, (line, done.stderr)
    done = chat(notso, tmp_path, ["/thinking show", "/clear", "/chats", "/theme dark", "/hlep"])
    assert done.returncode == 0 and done.stderr == ""
    none, unknown = "There are no chats yet.\n", "There is no command /hlep. Did you mean /help?"
    assert done.stdout == f"{none}{unknown} /help lists all commands.\n\n"


class Terminal:
    """The program on a pseudo-terminal."""

    def __init__(self, notso, *args, **environment):
        master, slave = pty.openpty()
        self.master = master
        self.process = subprocess.Popen(
            [notso, "chat", *map(str, args)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=self.take_terminal,
            env=os.environ | {"TERM": "xterm", "HOME": "/nonexistent"} | environment,
        )
        os.close(slave)
        self.seen = ""

    @staticmethod
    def take_terminal():
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, pattern, seconds=60):
        """Reads until the pattern comes, and returns what came up to its end."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < end, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
        seen, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return seen

    def end(self):
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            os.close(self.master)


def test_terminal(notso, tmp_path):
    terminal = Terminal(notso, "--model", tmp_path / "absent.gguf")
    terminal.wait_for("No model is loaded")
    terminal.wait_for("> ")
    terminal.type("/help\n")
    terminal.wait_for(r"/clear")
    terminal.type("/quote\n")
    terminal.wait_for("beginning")
    terminal.type("\x03")  # Ctrl-C stops the reply, not the program
    assert "grace and truth" not in terminal.wait_for("stopped")
    terminal.type("\x03")
    time.sleep(0.2)
    terminal.type("\x03")
    time.sleep(0.2)
    assert terminal.process.poll() is None
    terminal.type("\n/exit\n")
    assert terminal.end() == 0


def test_terminal_completes_commands(notso, tmp_path):
    terminal = Terminal(notso, "--model", tmp_path / "absent.gguf", "--data", tmp_path)
    terminal.wait_for("No model is loaded")
    terminal.wait_for("> ")
    time.sleep(0.3)
    terminal.type("/th\t")  # /thinking or /theme: a list
    assert "Let the model think" in terminal.wait_for(r"/theme \[THEME\].*Switch between")
    terminal.type("in\t\t")  # then what can stand behind it
    terminal.wait_for("show")
    terminal.type("of\t\n")
    terminal.wait_for("Thinking is .*off")
    terminal.type("/qu\t\n")
    terminal.wait_for("beginning")
    terminal.type("\x03/exit\n")
    assert "/exit" not in terminal.wait_for("stopped"), "what is typed meanwhile does not show"
    time.sleep(0.3)
    terminal.type("\x15/ex\t\n")
    assert terminal.end() == 0


def test_terminal_keeps_the_history(notso, tmp_path):
    for expected in ("/status", "/model"):
        terminal = Terminal(notso, "--model", tmp_path / "absent.gguf", "--data", tmp_path)
        terminal.wait_for("> ")
        time.sleep(0.3)
        if expected == "/model":
            terminal.type("\x1b[A\x1b[A")  # two up: before /exit
            terminal.wait_for("/status")
            terminal.type("\x15")
        terminal.type(expected + "\n/exit\n")
        assert terminal.end() == 0
    history = tmp_path / "terminal-history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert "/status" in history.read_text() and "/model" in history.read_text()


def test_terminal_styles(notso, tmp_path):
    text = tmp_path / "quote.md"
    text.write_text(
        "# Head **er\n| a | `b\\|c` |\n|---|:-:|\n| long cell | **x** |\n"
        "some **strong** and `co**de`\n2 * 3 \\* 4\n"
        "```c\nint **x; // `\n```\n\x1b[31m\u009b31mred\x07\n~~~\n```\n"
    )
    arguments = [notso, "--model", tmp_path / "absent.gguf", "--data", tmp_path, "--quote", text]
    strong, code, plain = r"\x1b\[0m\x1b\[1m", r"\x1b\[0m\x1b\[36m", r"\x1b\[0m"
    terminal = Terminal(*arguments)
    terminal.wait_for("> ")
    time.sleep(0.3)
    terminal.type("/quote\n")
    seen = terminal.wait_for("red.*```.*> ".replace(".*", r"[\s\S]*"))
    for pattern in (
        strong + "Head " + strong + "er" + plain,
        rf"{strong}a  [^\n]*b\|c",  # /quote puts every line into a block of its own, so into a table too
        rf"{strong}long cell  [^\n]*x{plain}",
        rf"some {strong}strong{plain} and {code}co\*\*de{plain}",
        r"2 \* 3 \* 4",
        rf"{code}int \*\*x; // `{plain}",
        r"[^\x1b]\[31m\S*31mred",
    ):
        assert re.search(pattern, seen), (pattern, seen)
    assert "\x1b[31m" not in seen and "\x9b" not in seen and "\x07" not in seen and "---" not in seen
    terminal.type("/help\n")
    terminal.wait_for(rf"{code}/clear{plain} {{12}}Empty this chat{plain}\r\n{code}/reset")
    terminal.type("/exit\n")
    assert terminal.end() == 0


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_terminal_without_colours(notso, tmp_path, environment):
    terminal = Terminal(notso, "--model", tmp_path / "absent.gguf", "--data", tmp_path, **environment)
    terminal.wait_for("> ")
    time.sleep(0.3)
    terminal.type("/help\n")
    seen = terminal.wait_for(r"\| `/clear`")
    assert "\x1b[1m" not in seen and "\x1b[36m" not in seen
    terminal.type("/exit\n")
    assert terminal.end() == 0


def test_terminal_end_of_input(notso, tmp_path):
    terminal = Terminal(notso, "--model", tmp_path / "absent.gguf")
    terminal.wait_for("> ")
    time.sleep(0.3)  # what is typed before the editor has the terminal is lost
    terminal.type("\x04")
    assert terminal.end() == 0


def test_terminal_with_model(notso, model):
    terminal = Terminal(notso, "--model", model, "--temp", "0")
    terminal.wait_for("/exit leaves")
    terminal.type("What is the capital of Germany?\n")
    assert "Berlin" in terminal.wait_for(r"tokens/s")
    terminal.type("Write a very long story about the sea.\n")
    time.sleep(1)
    os.kill(terminal.process.pid, signal.SIGINT)
    terminal.wait_for("stopped")
    terminal.type("/exit\n")
    assert terminal.end() == 0
