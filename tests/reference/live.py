#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The comparisons of tests/cli/test_exactness.py, computed afresh: live.py [tiny|argmax|perplexity …]

    tiny        tiny random models: every logit of every position, against transformers (and llama.cpp as a third opinion)
    argmax      the texts: argmax of the chosen tiers against transformers in F32 and llama.cpp on the same file
    perplexity  a text of some 24,000 tokens: notso perplexity against llama.cpp's, with llama-perplexity's chunks

Without a name all three. Exits 1 if a bound is broken."""

import argparse
import pathlib
import tempfile

import numpy as np

from chunks import CHUNK, TEXTS, chunks_of, perplexity  # also puts make_tiny's folder on the path
import make_tiny
from program import Program, processor_tiers

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG_TEXT_BYTES = 80_000
failures = []


def check(ok, line):
    print(f"{'ok  ' if ok else 'FAIL'} {line}", flush=True)
    if not ok:
        failures.append(line)


def compare_tiny(program, args):
    import hf_models
    from llama_library import Llama

    for name, case in make_tiny.CASES.items():
        path = program.scratch / f"{name}.gguf"
        make_tiny.write_gguf(case, path, name)
        ids = make_tiny.prompt_ids(case)
        theirs = hf_models.logits(hf_models.tiny_model(case), ids)
        peer = Llama(path, n_ctx=case.n_ctx, exact=True)
        results = {"llama.cpp": peer.logits(ids)}
        peer.close()
        results |= {tier: program.logits(path, ids, tier=tier, kv="f32") for tier in processor_tiers()}
        results["f16 cache"] = program.logits(path, ids)
        scale = np.abs(theirs).max()
        errors = {who: float(np.abs(logits - theirs).max() / scale) for who, logits in results.items()}
        ok = all(errors[tier] < 1e-4 for tier in processor_tiers())
        check(ok, f"{name:28} " + "  ".join(f"{who} {error:.1e}" for who, error in errors.items()))
        path.unlink()


def compare_argmax(program, args):
    import hf_models
    from llama_library import Llama

    peer = Llama(args.model, n_ctx=CHUNK)
    model = hf_models.llama_model_from_gguf(args.model)
    texts = [peer.tokenize(text.read_bytes()) for text in TEXTS]
    ids, lengths = np.concatenate(texts), [len(text) for text in texts]
    picks = {who: [] for who in ("transformers", "llama.cpp", *args.tiers)}
    margins = []
    for _, chunk in chunks_of(ids, lengths):
        logits = hf_models.logits(model, chunk)
        best = np.partition(logits, -2, axis=1)
        margins.append(best[:, -1] - best[:, -2])
        picks["transformers"].append(logits.argmax(axis=1))
        picks["llama.cpp"].append(peer.logits(chunk).argmax(axis=1))
        for tier in args.tiers:
            picks[tier].append(program.logits(args.model, chunk, tier=tier).argmax(axis=1))
    picks = {who: np.concatenate(rows) for who, rows in picks.items()}
    margins = np.concatenate(margins)
    truth, theirs = picks["transformers"], picks["llama.cpp"]
    base = float(np.mean(theirs == truth))
    print(f"     {len(truth)} positions; llama.cpp picks what transformers picks on {base:.4f}")
    for tier in args.tiers:
        to_truth, to_peer = (float(np.mean(picks[tier] == other)) for other in (truth, theirs))
        clear = margins >= 0.3
        clear_peer = float(np.mean((picks[tier] == theirs)[clear]))
        ok = to_truth >= (0.999 if tier == "reference" else base - 0.005) and clear_peer >= 0.995
        check(ok, f"{tier}: transformers {to_truth:.4f}; llama.cpp {to_peer:.4f}, {clear_peer:.4f} where the margin is "
                  f"at least 0.3 ({clear.mean():.2f} of the positions)")


def long_text():
    """The committed texts and as much of the program's own sources as is needed, in the order of their names."""
    parts = [text.read_bytes() for text in TEXTS]
    for source in sorted((ROOT / "src").rglob("*.[ch]")):
        if sum(map(len, parts)) >= LONG_TEXT_BYTES:
            break
        parts.append(source.read_bytes())
    return b"\n".join(parts)[:LONG_TEXT_BYTES].decode(errors="ignore").encode()


def compare_perplexity(program, args):
    from llama_library import Llama

    text = program.scratch / "long.txt"
    text.write_bytes(long_text() if args.text is None else args.text.read_bytes())
    peer = Llama(args.model, n_ctx=CHUNK)
    ids = peer.tokenize(text.read_bytes())
    check(program.tokenize(args.model, text.read_bytes()) == ids.tolist(), f"the same {len(ids)} tokens")
    theirs, error = perplexity(peer.logits, ids, bos=peer.bos() if peer.adds_bos() else None)
    print(f"     llama.cpp: {theirs:.4f} +/- {error:.4f}")
    for tier in args.tiers:
        if tier == "reference" and not args.slow:
            continue
        ours = program.perplexity(args.model, text, "--cpu", tier)
        ratio = ours["perplexity"] / theirs - 1
        check(abs(ratio) < 0.003, f"{tier}: {ours['perplexity']:.4f} ({100 * ratio:+.3f} %)")


COMPARISONS = {"tiny": compare_tiny, "argmax": compare_argmax, "perplexity": compare_perplexity}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=(*COMPARISONS, []))
    parser.add_argument("--notso", type=pathlib.Path, default=ROOT / "build" / "release" / "notso")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--text", type=pathlib.Path, help="another text for the perplexity")
    parser.add_argument("--tiers", nargs="+", default=processor_tiers())
    parser.add_argument("--slow", action="store_true", help="perplexity on the reference tier too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="notso-live-") as scratch:
        program = Program(args.notso, scratch)
        for what in args.what or COMPARISONS:
            COMPARISONS[what](program, args)
    raise SystemExit(1 if failures else 0)


if __name__ == "__main__":
    main()
