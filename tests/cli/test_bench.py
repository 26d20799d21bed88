# SPDX-License-Identifier: MIT
"""notso bench on a tiny made-up model: the rows that were asked for, the stages of --profile, the roofs of
--roof. Figures are only held to what must be true on any machine."""

import json

import pytest

STAGES = ["embed", "attention_norm", "qkv", "rope_store", "attention", "attention_pack", "attention_output",
          "attention_add", "ffn_norm", "gate_up", "silu_pack", "down", "ffn_add", "head_norm", "head"]


@pytest.fixture(scope="module")
def tiny(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "tiny.gguf"
    done = run(["synth", "--shape", "smollm3-tiny", path])
    assert done.returncode == 0, done.stderr
    return path


def objects(run, *args, stdin=""):
    done = run(["bench", *args, "-t", 2, "-o", "json"], stdin=stdin)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_rows_are_those_asked_for(run, tiny):
    rows = objects(run, "-m", tiny, "-p", 32, "-n", 4, "-d", "0,16", "-b", "1,3", "-r", 2)
    assert [(r["test"], r["depth"], r["batch"]) for r in rows] == [
        ("pp32", 0, 1), ("tg4", 0, 1), ("tg4", 0, 3), ("pp32", 16, 1), ("tg4", 16, 1), ("tg4", 16, 3)]
    assert all(r["tokens_per_second"] > 0 for r in rows)


def test_step_answers_each_line_once(run, tiny):
    asked = ["-m", tiny, "-p", 0, "-n", 4, "-r", 5, "--step"]
    assert len(objects(run, *asked, stdin="\n\n\n")) == 3
    assert len(objects(run, *asked, stdin="")) == 0
    assert len(objects(run, *asked, stdin="\n" * 9)) == 5


def test_profile_shares_add_up(run, tiny):
    rows = objects(run, "-m", tiny, "-p", 24, "-n", 4, "-d", "0,8", "-r", 2, "--profile")
    tests = [r for r in rows if "test" in r]
    assert len(tests) == 4
    for test in tests:
        stages = [r for r in rows if r.get("profile") == test["test"] and r["depth"] == test["depth"]]
        *stages, total = stages
        assert total["stage"] == "all"
        assert list(dict.fromkeys(r["stage"] for r in stages)) == STAGES
        assert sum(r["share"] for r in stages) == pytest.approx(1, abs=0.01)
        assert sum(r["seconds"] for r in stages) == pytest.approx(total["seconds"], abs=1e-4)
        by_stage = {r["stage"]: r for r in stages}
        for stage in ["qkv", "attention", "attention_output", "gate_up", "down", "head"]:
            assert by_stage[stage]["gigabytes_per_second"] > 0 and by_stage[stage]["gigamacs_per_second"] > 0
        assert {r["kind"] for r in stages if r["stage"] == "attention"} == {"rope", "no rope"}
        assert sum(r["layers"] for r in stages if r["stage"] == "down") == total["layers"]


def test_profile_as_a_table(run, tiny):
    done = run(["bench", "-m", tiny, "-p", 0, "-n", 2, "-r", 1, "--profile"])
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["test", "tg2", "stage"]
    assert lines[-1].split()[0] == "all" and "100.0%" in lines[-1]


@pytest.mark.parametrize("tier", ["reference", "avx2", "avx512", "amx"])
def test_roof_of_the_machine(run, tier):
    rows = objects(run, "--roof", "--cpu", tier)
    memory, *multiply = rows
    assert (memory["roof"], memory["threads"]) == ("memory_read", 2)
    assert memory["gigabytes_per_second"] > 0.1
    assert multiply
    for row in multiply:
        assert row["roof"] == "multiply" and row["instruction"] and row["threads"] == 2
        assert row["gigamacs_per_second"] > 0.1
    assert len({row["instruction"] for row in multiply}) == len(multiply)


def test_roof_of_a_model(run, tiny):
    rows = objects(run, "--roof", "-m", tiny, "-d", "0,4096", "-b", "1,8", "-p", 256, "-n", 16)
    rows = {(r["roof"], r["depth"], r["batch"]): r for r in rows if "depth" in r}
    assert set(rows) == {("pp256", 0, 1), ("tg16", 0, 1), ("tg16", 0, 8),
                         ("pp256", 4096, 1), ("tg16", 4096, 1), ("tg16", 4096, 8)}
    plain, deep, eight = rows["tg16", 0, 1], rows["tg16", 4096, 1], rows["tg16", 0, 8]
    assert plain["bytes"] < tiny.stat().st_size < 2 * plain["bytes"]  # all weights once, and hardly more
    assert deep["bytes"] > plain["bytes"] and deep["macs"] == plain["macs"]
    assert eight["macs"] == 8 * plain["macs"]
    assert eight["bytes"] < 2 * plain["bytes"]


@pytest.mark.parametrize("args, words", [
    (["--roof", "--profile"], "--roof measures the machine: it goes without --profile"),
    (["--roof", "--step"], "--roof measures the machine: it goes without --step"),
    (["--profile", "--step"], "--step shows single results: it goes without --profile"),
    (["--roof=1"], "--roof takes no value"),
    (["--roof", "-o", "xml"], "-o knows table and json, not 'xml'"),
    (["--roof", "--batch", "0"], "--batch needs up to 16 numbers from 1 to 256"),
    (["--roof", "--cpu", "sse9"], "--cpu knows"),
])
def test_wrong_options_are_named(fails, args, words):
    fails(["bench", *args], words, code=2)


def test_roof_of_a_model_that_is_not_there(run):
    done = run(["bench", "--roof", "-m", "no-such.gguf", "-t", 1])
    assert done.returncode == 1 and "no-such.gguf" in done.stderr and done.stderr.count("\n") == 1


def test_profile_without_a_model(fails):
    fails(["bench", "--profile"], "no model was named", code=1)
