# SPDX-License-Identifier: MIT
"""How texts are cut for the comparisons, and perplexity as llama-perplexity defines it. Needs numpy only."""

import math
import sys
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "model"
sys.path.append(str(FIXTURES))  # for make_tiny
TEXTS = [FIXTURES / "texts" / name for name in ("english.txt", "code.txt", "nonlatin.txt")]
CHUNK = 512


def chunks_of(ids, lengths):
    """(start, ids) of the chunks; none crosses from one text into the next."""
    base = 0
    for length in map(int, lengths):
        for start in range(base, base + length, CHUNK):
            yield start, ids[start:min(start + CHUNK, base + length)]
        base += length


def log_softmax_at(logits, tokens):
    """Natural log of the probability of tokens[i] under row i."""
    logits = logits.astype(np.float64)
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
    return logits[np.arange(len(tokens)), tokens] - total


def perplexity(logits_of, ids, n_ctx=CHUNK, bos=None):
    """Whole chunks of n_ctx tokens, each a new sequence whose first token BOS replaces where the model wants
    one; in each, the tokens after position n_ctx / 2 are scored, so that all have half a context before
    them."""
    scores = []
    for start in range(0, len(ids) - n_ctx + 1, n_ctx):
        chunk = np.array(ids[start:start + n_ctx])
        inputs = chunk.copy()
        if bos is not None:
            inputs[0] = bos
        first = n_ctx // 2
        logits = logits_of(inputs)
        scores.append(log_softmax_at(logits[first:n_ctx - 1], chunk[first + 1:]))
    scores = -np.concatenate(scores)
    mean = scores.mean()
    spread = math.sqrt(max((scores ** 2).mean() - mean ** 2, 0) / (len(scores) - 1))
    return math.exp(mean), spread * math.exp(mean)
