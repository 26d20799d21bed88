# SPDX-License-Identifier: MIT
"""Fixtures for the black-box tests of the program.

    root        the repository's root
    notso       path of the binary: $NOTSO, or build/release/notso
    model       the default model: $NOTSO_MODEL, or models/SmolLM2-135M-Instruct.Q4_1.gguf
    reference   the folder of outside truth: $NOTSO_REFERENCE, or ../shared/reference
    run         run(["tokenize", "-m", model], stdin="text") -> subprocess.CompletedProcess, as text unless
                binary=True
    fails       fails(["inspect", path], "truncated") checks that the exit code is not 0 and that there is
                exactly one line on standard error, which holds the words; returns the line

No test touches the chats of whoever runs it: the data directory is a temporary one.

Where the model or the reference folder is absent, the tests that ask for it are skipped. The environment of
the program is ours less the four variables that would change its behaviour; a test that wants one of them
passes env={...}.
"""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_MODEL = ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"


def path_from(variable, default):
    return pathlib.Path(os.environ.get(variable) or default)


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory):
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def notso():
    path = path_from("NOTSO", ROOT / "build" / "release" / "notso")
    assert os.access(path, os.X_OK), f"{path} is missing: build it with ./run.sh --setup, or set NOTSO"
    return path


@pytest.fixture(scope="session")
def model():
    path = path_from("NOTSO_MODEL", DEFAULT_MODEL)
    if not path.is_file():
        pytest.skip(f"no model at {path}; ./run.sh --setup fetches it")
    return path


@pytest.fixture(scope="session")
def reference():
    path = path_from("NOTSO_REFERENCE", ROOT.parent / "shared" / "reference")
    if not path.is_dir():
        pytest.skip(f"no reference folder at {path}")
    return path


def clean_environment(extra):
    dropped = {"MODEL_PATH", "TOKENIZER_PATH", "PORT", "LOG_LEVEL"}
    return {k: v for k, v in os.environ.items() if k not in dropped} | (extra or {})


@pytest.fixture(scope="session")
def run(notso):
    def run(args, stdin="", env=None, timeout=120, binary=False):
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run([notso, *map(str, args)], input=data, capture_output=True, timeout=timeout,
                              env=clean_environment(env))
        if not binary:
            done.stdout = done.stdout.decode("utf-8", "surrogateescape")
            done.stderr = done.stderr.decode("utf-8", "surrogateescape")
        return done

    return run


@pytest.fixture(scope="session")
def fails(run):
    def fails(args, *words, code=None, **options):
        done = run(args, **options)
        assert done.returncode > 0, f"exit code {done.returncode}; a signal has a negative one\n{done.stderr}"
        if code is not None:
            assert done.returncode == code
        lines = done.stderr.splitlines()
        assert len(lines) == 1, f"not one line on standard error:\n{done.stderr}"
        for word in words:
            assert word in lines[0]
        return lines[0]

    return fails
