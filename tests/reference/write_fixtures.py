#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what tests/cli/test_exactness.py compares with: write_fixtures.py tiny|smollm2|all [--model FILE]

tests/fixtures/model/tiny.npz: per case of make_tiny.py the logits at SAMPLED_POSITIONS, from transformers.
tests/fixtures/model/VERSIONS: the packages that computed them.
tests/fixtures/model/smollm2.npz: the texts cut into chunks of 512 tokens, and for every position:
    ids               token ids, all texts one after the other
    text_lengths      tokens per text
    argmax            the most likely next token, from transformers on the dequantised weights in F32
    margin            its logit less the second best, F16
    score             natural log of the probability of the token that follows within the chunk; 0 at its end
    rows, samples     every 96th logit of some positions, F32
    peer_argmax       the most likely next token, from llama.cpp on the file as it is
    peer_perplexity, peer_error    of llama.cpp over `ids`, with the chunks of llama-perplexity, context 512
    exact_perplexity  the same of llama.cpp on the dequantised weights, where it rounds no activations
"""

import argparse
import hashlib
import importlib.metadata
import pathlib
import platform
import tempfile

import numpy as np

import hf_models
from chunks import CHUNK, FIXTURES, TEXTS, chunks_of, log_softmax_at, perplexity
import make_tiny

PACKAGES = ("numpy", "gguf", "torch", "transformers", "llama-cpp-python")
DEFAULT_MODEL = FIXTURES.parents[2] / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
SAMPLE_STEP = 96


def write_tiny():
    arrays = {}
    for name, case in make_tiny.CASES.items():
        logits = hf_models.logits(hf_models.tiny_model(case), make_tiny.prompt_ids(case))
        arrays[name] = logits[list(make_tiny.SAMPLED_POSITIONS)]
        print(f"{name:28} max |logit| {abs(logits).max():8.3f}")
    np.savez_compressed(FIXTURES / "tiny.npz", **arrays)


def write_smollm2(path):
    from llama_library import Llama, dequantized_copy

    peer = Llama(path, n_ctx=CHUNK)
    model = hf_models.llama_model_from_gguf(path)
    texts = [peer.tokenize(text.read_bytes()) for text in TEXTS]
    lengths = [len(ids) for ids in texts]
    ids = np.concatenate(texts)
    argmax, margin, score, peer_argmax, rows, samples = [], [], [], [], [], []
    for start, chunk in chunks_of(ids, lengths):
        logits = hf_models.logits(model, chunk)
        order = np.partition(logits, -2, axis=1)
        argmax.append(logits.argmax(axis=1))
        margin.append(order[:, -1] - order[:, -2])
        score.append(np.append(log_softmax_at(logits[:-1], chunk[1:]), 0))
        peer_argmax.append(peer.logits(chunk).argmax(axis=1))
        for row in (0, len(chunk) - 1):
            rows.append(start + row)
            samples.append(logits[row, ::SAMPLE_STEP])
        print(f"{start:5}: {len(chunk)} tokens, peer agrees on {np.mean(argmax[-1] == peer_argmax[-1]):.4f}")
    bos = peer.bos() if peer.adds_bos() else None
    value, error = perplexity(peer.logits, ids, bos=bos)
    with tempfile.TemporaryDirectory() as scratch:
        dequantized_copy(path, f"{scratch}/f32.gguf")
        exact, _ = perplexity(Llama(f"{scratch}/f32.gguf", n_ctx=CHUNK, exact=True).logits, ids, bos=bos)
    print(f"llama.cpp: perplexity {value:.4f} +/- {error:.4f}, from F32 weights {exact:.4f}")
    np.savez_compressed(
        FIXTURES / "smollm2.npz",
        ids=ids.astype(np.uint16),
        text_lengths=np.array(lengths, dtype=np.uint16),
        argmax=np.concatenate(argmax).astype(np.uint16),
        margin=np.concatenate(margin).astype(np.float16),
        score=np.concatenate(score).astype(np.float32),
        rows=np.array(rows, dtype=np.uint16),
        samples=np.array(samples, dtype=np.float32),
        peer_argmax=np.concatenate(peer_argmax).astype(np.uint16),
        peer_perplexity=np.float64(value),
        peer_error=np.float64(error),
        exact_perplexity=np.float64(exact),
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("tiny", "smollm2", "all"))
    parser.add_argument("--model", type=pathlib.Path, default=DEFAULT_MODEL)
    args = parser.parse_args()
    lines = [f"python {platform.python_version()}"]
    lines += [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    if args.what in ("tiny", "all"):
        write_tiny()
    if args.what in ("smollm2", "all"):
        lines.append(f"model sha256 {write_smollm2(args.model)}")
        (FIXTURES / "VERSIONS").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
