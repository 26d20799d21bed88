# SPDX-License-Identifier: MIT
"""The terminal chat, in a pipe and on a pseudo-terminal."""

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


class Terminal:
    """The program on a pseudo-terminal."""

    def __init__(self, notso, *args):
        master, slave = pty.openpty()
        self.master = master
        self.process = subprocess.Popen(
            [notso, "chat", *map(str, args)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=self.take_terminal,
            env=os.environ | {"TERM": "xterm", "HOME": "/nonexistent"},
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
