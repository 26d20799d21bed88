# SPDX-License-Identifier: MIT
"""Options: flags beat the environment, which beats the config file; what is wrong is named, with exit code
2."""
import os
import subprocess

import pytest

COMMANDS = ["serve", "chat", "data", "run", "inspect", "tokenize", "render", "perplexity", "logits", "bench",
            "synth", "quantize"]


def call(notso, *args, env=None):
    return subprocess.run([notso, *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(notso, command):
    result = call(notso, command, "--help")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith(f"usage: notso {command} ")
    assert "Exit codes" in result.stdout
    assert all(len(line) <= 120 for line in result.stdout.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_named(notso, command):
    result = call(notso, command, "--no-such-option")
    assert result.returncode == 2
    assert (
        result.stderr == f"notso {command}: unknown option '--no-such-option'; see notso {command} --help\n"
    )


def test_an_unknown_command_is_named(notso):
    result = call(notso, "sevre")
    assert (result.returncode, result.stderr) == (2, "notso: no command 'sevre'; notso --help lists them\n")


def test_without_a_command_they_are_listed(notso):
    result = call(notso)
    assert result.returncode == 2 and all(f"  {name} " in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("args, text", [
    (["bench", "--threads", "x"], "--threads needs a whole number from 0 to 256, not 'x'"),
    (["bench", "--threads=-1"], "--threads needs a whole number from 0 to 256, not '-1'"),
    (["bench", "-t"], "--threads needs a value (N)"),
    (["bench", "--depth", "1,,2"], "--depth needs up to 16 numbers"),
    (["run", "-p", "x", "--temp", "nan"], "--temp needs a number from 0 to 100, not 'nan'"),
    (["run", "--no-think=1", "-p", "x"], "--no-think takes no value"),
    (["run"], "needs -p TEXT or --file FILE"),
    (["perplexity", "extra"], "unexpected argument 'extra'"),
    (["logits", "-m", "x"], "needs -o OUT.npy"),
])
def test_wrong_values_are_named(notso, args, text):
    result = call(notso, *args)
    assert result.returncode == 2
    assert text in result.stderr and result.stderr.count("\n") == 1


def model_that_is_missing(result):
    assert result.returncode == 1 and result.stderr.count("\n") == 1, result
    return result.stderr.split("cannot open ")[1].split(":")[0]


def test_precedence(notso, tmp_path):
    config = tmp_path / "config"
    config.write_text("# shared\nmodel = from-config.gguf\nport = 1\n[serve]\nmodel = not-mine.gguf\n")
    environment = {"NOTSO_CONFIG": str(config), "MODEL_PATH": ""}
    bench = lambda *args, **more: model_that_is_missing(
        call(notso, "bench", *args, env={**environment, **more})
    )
    assert bench() == "from-config.gguf"
    assert bench(MODEL_PATH="from-environment.gguf") == "from-environment.gguf"
    assert bench("-m", "from-flag.gguf", MODEL_PATH="from-environment.gguf") == "from-flag.gguf"
    config.write_text("model = shared.gguf\n[bench]\nmodel=mine.gguf\n")
    assert bench() == "mine.gguf"


@pytest.mark.parametrize("text, expected", [
    ("[bench]\nmodle = x\n", "line 2: no option 'modle'"),
    ("model\n", "line 1: expected 'name = value'"),
    ("\n[bench]\nthreads = many\n", "line 3: threads needs a whole number"),
])
def test_a_wrong_config_file_is_named(notso, tmp_path, text, expected):
    config = tmp_path / "config"
    config.write_text(text)
    result = call(notso, "bench", "-m", "x", env={"NOTSO_CONFIG": str(config)})
    assert result.returncode == 2 and expected in result.stderr and str(config) in result.stderr


def test_a_config_file_that_was_named_must_exist(notso, tmp_path):
    result = call(notso, "bench", env={"NOTSO_CONFIG": str(tmp_path / "none")})
    assert result.returncode == 2 and "cannot open" in result.stderr
