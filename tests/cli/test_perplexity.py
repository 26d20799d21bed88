# SPDX-License-Identifier: MIT
"""notso perplexity: the same number as llama-perplexity's from the same tokens, and its errors."""

import json
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "reference"), str(ROOT / "tests" / "fixtures" / "model")]

import make_tiny  # noqa: E402
from chunks import CHUNK, FIXTURES, TEXTS, perplexity  # noqa: E402
from program import TIERS, Program, processor_tiers  # noqa: E402

# llama.cpp rounds activations to 8 bits, which changes the log-probability of a token of this model by some
# 0.1, more often for the worse. So its perplexity is compared twice: from the same file, and exactly from the
# dequantised weights.
BOUND, EXACT_BOUND = 0.005, 0.0005


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """All texts in one file."""
    path = tmp_path_factory.mktemp("texts") / "all.txt"
    path.write_bytes(b"".join(text.read_bytes() for text in TEXTS))
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    make_tiny.write_gguf(make_tiny.CASES["smollm3-4q4kv-untied"], path)
    return path


@pytest.mark.parametrize("tier", [t for t in TIERS if t != "reference"])
def test_llama_perplexity_says_the_same(run, model, texts, tier):
    if tier not in processor_tiers():
        pytest.skip(f"this processor has no {tier}")
    fixture = np.load(FIXTURES / "smollm2.npz")
    done = run(["perplexity", "-m", model, "-f", texts, "--cpu", tier, "--json"], timeout=600)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    ratio, exact = (
        result["perplexity"] / float(fixture[who]) for who in ("peer_perplexity", "exact_perplexity")
    )
    print(
        f"{tier}: {result['perplexity']:.4f}, {100 * (ratio - 1):+.3f} % of llama.cpp's, "
        f"{100 * (exact - 1):+.3f} % of "
        "llama.cpp's from F32 weights"
    )
    assert abs(ratio - 1) < BOUND and abs(exact - 1) < EXACT_BOUND
    assert result["error"] == pytest.approx(float(fixture["peer_error"]), rel=0.02)
    assert result["n_chunks"] == len(fixture["ids"]) // CHUNK
    assert result["n_scored"] == result["n_chunks"] * (CHUNK // 2 - 1)


def test_perplexity_follows_from_the_logits(notso, run, tiny, tmp_path):
    """The chunking, on a small context: 64 tokens, of which positions 32 to 62 predict a token that is
    scored."""
    program = Program(notso, tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("The quick brown fox jumps over the lazy dog. " * 12)
    ids = program.tokenize(tiny, text.read_bytes())
    value, error = perplexity(lambda chunk: program.logits(tiny, chunk), np.array(ids), n_ctx=64)
    result = program.perplexity(tiny, text, "--ctx", "64")
    assert result["n_ctx"] == 64 and result["n_chunks"] == len(ids) // 64
    assert result["n_scored"] == 31 * result["n_chunks"]
    assert result["perplexity"] == pytest.approx(value, rel=1e-4)
    assert result["error"] == pytest.approx(error, rel=1e-3)
    plain = run(["perplexity", "-m", tiny, "-f", text, "--ctx", "64"]).stdout
    assert plain.startswith("PPL = ") and float(plain.split()[2]) == pytest.approx(value, rel=1e-4)


def test_text_shorter_than_a_chunk(run, tiny, tmp_path):
    text = tmp_path / "short.txt"
    text.write_text("Too short.")
    done = run(["perplexity", "-m", tiny, "-f", text])
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "short.txt" in done.stderr and "512" in done.stderr


def test_bad_input(fails, tiny, tmp_path):
    fails(["perplexity", "-m", tiny, "-f", tmp_path / "nowhere.txt"], "nowhere.txt", code=1)
    fails(["perplexity", "-m", tiny], "-f", code=2)
    fails(["perplexity", "-m", tiny, "-f", __file__, "--ctx", "0"], "--ctx", code=2)
    fails(["perplexity", "-m", tmp_path / "nowhere.gguf", "-f", __file__], "nowhere.gguf", code=1)
    fails(["perplexity", "-m", tiny, "-f", __file__, "--cpu", "abacus"], "abacus", "reference", code=1)


def test_weights_that_are_no_numbers_give_no_perplexity(run, tiny, texts, tmp_path):
    damaged = tmp_path / "damaged.gguf"
    data = tiny.read_bytes()
    damaged.write_bytes(data[:-256] + b"\xff" * 256)
    done = run(["perplexity", "-m", damaged, "-f", texts, "--chunks", 1])
    assert (done.returncode, done.stdout) == (1, "")
    assert "not a number" in done.stderr.splitlines()[-1]


def test_a_q8_0_cache_predicts_as_well(run, model, texts):
    def perplexity_with(kv_type):
        done = run(["perplexity", "-m", model, "-f", texts, "--chunks", "8", "--kv-type", kv_type, "--json"],
                   timeout=600)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["perplexity"]

    half, q8_0 = perplexity_with("f16"), perplexity_with("q8_0")
    print(f"q8_0: {100 * (q8_0 / half - 1):+.3f} % of f16's")
    assert half != q8_0
    assert abs(q8_0 / half - 1) < 0.003


@pytest.mark.parametrize("kv_type", ["q4_k", "", "eight"])
def test_an_unknown_cache_type_is_refused(run, model, texts, kv_type):
    done = run(["perplexity", "-m", model, "-f", texts, "--kv-type", kv_type])
    assert done.returncode != 0
    assert done.stdout in (b"", "")
    error = done.stderr if isinstance(done.stderr, str) else done.stderr.decode()
    assert error.endswith(f"a KV cache is of type f16, q8_0 or f32, not '{kv_type}' (--kv-type)\n")
    assert error.count("\n") == 1
