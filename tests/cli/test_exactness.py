# SPDX-License-Identifier: MIT
"""Logits against independent implementations, from fixtures that tests/reference/write_fixtures.py computed
once.

The tiny models are built here from numbers; the texts and what transformers and llama.cpp make of them are
committed. tests/reference/live.py computes the same comparisons afresh."""

import pathlib
import shutil
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "reference"), str(ROOT / "tests" / "fixtures" / "model")]

import make_tiny  # noqa: E402
from chunks import FIXTURES, TEXTS, chunks_of, log_softmax_at  # noqa: E402
from program import TIERS, Program, processor_tiers, scratch_folder  # noqa: E402

# Largest difference over largest logit. The reference tier and F32 weights leave only the order of additions.
TINY_BOUND = {"reference": 1e-4, "avx2": 1e-4, "avx512": 1e-4, "amx": 1e-4, "neon": 1e-4}

# The share of positions where a tier may pick another token than transformers. Tier amx reads prompts, as
# which the texts count, with BF16 factors.
DIFFERING_SHARE = {"avx2": 0.001, "avx512": 0.001, "amx": 0.01, "neon": 0.001}

# The reference tier computes these chunks of the texts: about 2,100 positions of English, code and other
# scripts.
REFERENCE_CHUNKS = 5

# Less than this between the two best logits, and llama.cpp's rounding of activations may decide between them.
CLEAR_MARGIN = 0.3


@pytest.fixture(scope="session")
def program(notso):
    scratch = scratch_folder()
    yield Program(notso, scratch)
    shutil.rmtree(scratch)


@pytest.fixture(scope="session")
def tiny_logits():
    return np.load(FIXTURES / "tiny.npz")


@pytest.fixture(scope="session")
def smollm2():
    return dict(np.load(FIXTURES / "smollm2.npz"))


@pytest.fixture(params=TIERS)
def tier(request):
    if request.param not in processor_tiers():
        pytest.skip(f"this processor has no {request.param}")
    return request.param


@pytest.mark.parametrize("name", make_tiny.CASES)
def test_tiny_models_match_transformers(program, tiny_logits, tmp_path, tier, name):
    case = make_tiny.CASES[name]
    path = tmp_path / "tiny.gguf"
    make_tiny.write_gguf(case, path, name)
    ours = program.logits(path, make_tiny.prompt_ids(case), tier=tier, kv="f32")
    theirs = tiny_logits[name]
    assert ours.shape == (make_tiny.N_PROMPT, case.n_vocab)
    difference = np.abs(ours[list(make_tiny.SAMPLED_POSITIONS)] - theirs).max() / np.abs(theirs).max()
    print(f"{name} {tier}: {difference:.1e}")
    assert difference < TINY_BOUND[tier]


def test_texts_give_the_same_tokens(program, model, smollm2):
    base = 0
    for text, length in zip(TEXTS, map(int, smollm2["text_lengths"])):
        ids = program.tokenize(model, text.read_bytes())
        assert ids == smollm2["ids"][base:base + length].tolist(), text.name
        base += length


def agreement(program, model, smollm2, chunks, tier, wanted):
    """For the positions of the chunks: how many there are, and which of them have another argmax than
    `wanted`."""
    n, differing = 0, []
    for start, ids in chunks:
        logits = program.logits(model, ids, tier=tier)
        theirs = smollm2[wanted][start:start + len(ids)]
        differing += [start + int(i) for i in np.flatnonzero(logits.argmax(axis=1) != theirs)]
        n += len(ids)
    margins = smollm2["margin"][differing]
    print(
        f"{tier or 'default'} tier, {wanted}: {len(differing)} of {n} positions differ, "
        "margins there at most "
        f"{margins.max(initial=0):.3f}"
    )
    return n, differing


def every_kind_of_text(smollm2):
    """The chunks of the three texts, taken in turns."""
    base, queues = 0, []
    for length in map(int, smollm2["text_lengths"]):
        queues.append(
            [(base + start, ids) for start, ids in chunks_of(smollm2["ids"][base : base + length], [length])]
        )
        base += length
    return [
        chunk for turn in range(max(map(len, queues))) for queue in queues for chunk in queue[turn : turn + 1]
    ]


def test_reference_tier_picks_what_transformers_picks(program, model, smollm2):
    chunks = every_kind_of_text(smollm2)[:REFERENCE_CHUNKS]
    n, differing = agreement(program, model, smollm2, chunks, "reference", "argmax")
    assert n >= 2000
    assert len(differing) <= n // 1000


def test_reference_tier_logits_of_sampled_rows(program, model, smollm2):
    start, ids = next(chunks_of(smollm2["ids"], smollm2["text_lengths"]))
    ours = program.logits(model, ids, tier="reference", kv="f32")
    scale = np.abs(smollm2["samples"]).max()
    n_checked = 0
    for row, sample in zip(smollm2["rows"], smollm2["samples"]):
        if start <= row < start + len(ids):
            step = -(-ours.shape[1] // len(sample))
            assert np.abs(ours[row - start, ::step] - sample).max() / scale < 1e-4
            n_checked += 1
    assert n_checked == 2
    scores = log_softmax_at(ours[:-1], ids[1:].astype(np.int64))
    assert np.abs(scores - smollm2["score"][start:start + len(ids) - 1]).max() < 1e-2


@pytest.fixture(scope="session", params=[t for t in TIERS if t != "reference"])
def fast_argmax(request, program, model, smollm2):
    """A tier, and what it takes for the likeliest next token at every position of the texts."""
    if request.param not in processor_tiers():
        pytest.skip(f"this processor has no {request.param}")
    chunks = chunks_of(smollm2["ids"], smollm2["text_lengths"])
    return request.param, np.concatenate(
        [program.logits(model, ids, tier=request.param).argmax(axis=1) for _, ids in chunks]
    )


def test_fast_tiers_pick_what_transformers_picks(fast_argmax, smollm2):
    tier, argmax = fast_argmax
    differing = np.flatnonzero(argmax != smollm2["argmax"])
    print(
        f"another argmax than transformers in F32: {len(differing)} of {len(argmax)} positions, "
        "margins there "
        f"at most {smollm2['margin'][differing].max(initial=0):.4f}"
    )
    assert len(differing) <= len(argmax) * DIFFERING_SHARE[tier]


def test_fast_tiers_pick_what_llama_cpp_picks(fast_argmax, smollm2):
    """llama.cpp rounds activations to 8 bits, which moves a difference of two logits of this model by some
    0.15 (root mean square): it agrees with transformers, and with itself when only its KV cache becomes F32,
    on 95 to 96 % of these positions. So the two programs must agree where the choice is no toss-up."""
    same = fast_argmax[1] == smollm2["peer_argmax"]
    clear = smollm2["margin"] >= CLEAR_MARGIN
    print(
        f"same argmax as llama.cpp: {same.mean():.4f} of all {len(same)} positions, "
        f"{same[clear].mean():.4f} of the "
        f"{clear.mean():.2f} with a margin of {CLEAR_MARGIN}"
    )
    assert same[clear].mean() >= 0.995
    assert same.mean() >= 0.94


# A tier's greedy reply must be what its own logits say, token by token; and where two tiers part, the choice
# must have been a toss-up. From F16 weights all tiers multiply F32 activations, and nothing but the order of
# additions is left; from Q4_1 the faster tiers round activations, finely.
PROMPTS = {
    "story": "Write a long story about a lighthouse keeper.",
    "code": "Write a Python program that keeps a list of books in a file. Explain every function in detail.",
    "facts": "Explain in detail how tides work, and why there are two of them each day.",
}
N_GENERATED = 220
PARTING_MARGIN = {"f16": 1e-3, "q4_1": 0.02}
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@pytest.fixture(scope="session")
def f16_model(program, model):
    path = program.scratch / "f16.gguf"
    program.run("quantize", model, path, "f16")
    return path


@pytest.mark.parametrize(
    "weights, prompt", [("f16", "story"), ("q4_1", "story"), ("q4_1", "code"), ("q4_1", "facts")]
)
def test_greedy_replies_on_every_tier(program, model, weights, prompt, request):
    path = request.getfixturevalue("f16_model") if weights == "f16" else model
    question = (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{PROMPTS[prompt]}<|im_end|>\n"
                "<|im_start|>assistant\n")
    asked = program.tokenize(model, question, special=True)

    def picks(tier, reply):
        """Row i: the logits that choose the reply's token i."""
        return program.logits(path, asked + reply, tier=tier, reply=len(reply))[len(asked) - 1:-1]

    replies = {}
    for tier in processor_tiers()[1:]:
        text = program.run("run", "-m", path, "--cpu", tier, "--temp", 0, "--max-tokens", N_GENERATED,
                           "-p", PROMPTS[prompt])
        replies[tier] = program.tokenize(model, text.removesuffix(b"\n"))
        assert len(replies[tier]) >= 200
        assert picks(tier, replies[tier]).argmax(axis=1).tolist() == replies[tier], tier
    if not replies:
        pytest.skip("this processor has only the reference tier")
    best, wanted = list(replies.items())[-1]
    truth = picks("reference", wanted)
    replies["reference"] = truth.argmax(axis=1).tolist()  # its own greedy reply as far as it follows `wanted`
    for tier in replies.keys() - {best}:
        parting = next((i for i, pair in enumerate(zip(wanted, replies[tier])) if len(set(pair)) == 2), None)
        if parting is None:
            print(f"{weights}, {prompt}: {tier} and {best} give the same {len(wanted)} tokens")
            continue
        margin = abs(float(truth[parting, wanted[parting]] - truth[parting, replies[tier][parting]]))
        print(
            f"{weights}, {prompt}: {tier} and {best} part at token {parting}, "
            f"where the margin is {margin:.3f}"
        )
        assert margin < PARTING_MARGIN[weights]
