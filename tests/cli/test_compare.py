# SPDX-License-Identifier: MIT
"""bench/compare without a network and without its peer: what it takes and refuses, and how rounds become a
verdict."""

import importlib.machinery
import importlib.util
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def call(root):
    def call(*args):
        return subprocess.run([sys.executable, root / "bench" / "compare", *map(str, args)],
                              capture_output=True, text=True, timeout=60)

    return call


@pytest.fixture(scope="module")
def compare(root):
    path = str(root / "bench" / "compare")
    spec = importlib.util.spec_from_loader("compare", importlib.machinery.SourceFileLoader("compare", path))
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare"] = module  # dataclasses look their module up
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = keep
    yield module
    del sys.modules["compare"]


def test_help_names_every_row(call, compare):
    done = call("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert all(row.name in done.stdout for row in compare.ROWS)


@pytest.mark.parametrize("args, words", [
    (["--rows", "pp512,pp5"], "no row 'pp5'; there are pp512"),
    (["--rounds", "0"], "a whole number from 1 to 99 is needed, not '0'"),
    (["--threads", "two"], "a whole number from 1 to 256 is needed, not 'two'"),
    (["--isa", "sse2"], "invalid choice: 'sse2'"),
    (["-m", "no-such.gguf"], "there is no file 'no-such.gguf'"),
    (["--notso", "no-such-notso"], "there is no program 'no-such-notso'"),
    (["--isa", "avx2", "--python", "python3"], "--isa native only"),
    (["extra"], "unrecognized arguments: extra"),
])
def test_wrong_arguments_are_named(call, args, words):
    done = call(*args)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]


def test_deep_rows_only_when_asked_for(compare, notso):
    plain, deep = (compare.parse([*args, "--notso", str(notso)]).rows for args in ([], ["--deep"]))
    assert [r.name for r in deep if r not in plain] == ["tg32@16384"]


def test_rows_beyond_the_models_context_are_left_out_and_named(compare, capsys):
    rows = compare.rows_within(compare.ROWS, 8192)
    assert [r.name for r in compare.ROWS if r not in rows] == ["tg32@16384"]
    assert "without tg32@16384: the model's context is 8192 tokens" in capsys.readouterr().err
    assert compare.rows_within(rows, 8192) == rows and capsys.readouterr().err == ""
    assert "pp512" not in [r.name for r in compare.rows_within(rows, 511)]


@pytest.mark.parametrize("n_ctx", [256, 1024])
def test_our_memory_is_that_of_a_filled_context(compare, notso, run, tmp_path, n_ctx):
    path = tmp_path / "tiny.gguf"
    assert run(["synth", "--shape", "smollm3-tiny", path]).returncode == 0
    side = compare.sides.Notso(notso, path, 1, "native")
    prompt = side.filling_prompt(n_ctx)
    assert n_ctx - 8 <= side.prompt_length(n_ctx, "-p", prompt) < n_ctx
    assert side.peak_memory(n_ctx) > path.stat().st_size


def test_ratio_is_the_median_of_rounds_against_the_faster_peer(compare):
    row = compare.Row("tg64", "decode", 64)
    rounds = [{"notso": 10, "a": 5, "b": 1}, {"notso": 30, "a": 5, "b": 1}, {"notso": 9, "a": 3, "b": 9}]
    result = compare.summarise(row, rounds, 20)
    assert (result["faster_peer"], result["ratio"], result["lowest"], result["highest"]) == ("a", 3, 2, 6)
    assert (result["notso"], result["peer"], result["of_roof"]) == (10, 5, 0.5)


def test_seconds_and_bytes_count_down(compare):
    rounds = [{"notso": 2.0, "a": 8.0, "b": 6.0}]
    for kind in ("first", "memory", "tokenize"):
        result = compare.summarise(compare.Row(kind, kind), rounds, None)
        assert (result["faster_peer"], result["ratio"]) == ("b", 3)


def test_goals(compare):
    row = compare.Row("pp512", "prefill", 512)
    goal = compare.Goal(ratio=3, roof=0.6)
    assert goal.is_met(row, {"ratio": 3, "of_roof": 0.6, "notso": 1})
    assert not goal.is_met(row, {"ratio": 2.9, "of_roof": 0.6, "notso": 1})
    assert not goal.is_met(row, {"ratio": 3, "of_roof": 0.5, "notso": 1})
    assert not compare.Goal(most=1).is_met(row, {"ratio": 9, "notso": 1.1})
    assert compare.goal_of(row, compare.SYNTH, "native").ratio == 3
    assert compare.goal_of(row, compare.SYNTH, "avx2").ratio == 1
    assert compare.goal_of(row, compare.SMALL, "native").ratio == 1.5


def test_a_side_that_dies_is_one_line(compare):
    command = [sys.executable, "-c", "import sys; sys.exit('first line\\nno such layout')"]
    with compare.sides.Process(command, "somebody") as process:
        with pytest.raises(compare.sides.Failure, match="somebody ended with exit code 1: no such layout"):
            process.ask("[]")


def test_npm_lock_names_no_addresses(root):
    assert "resolved" not in (root / "bench" / "package-lock.json").read_text()
