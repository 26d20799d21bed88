#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""notso bench and llama.cpp (through llama-cpp-python) on the same file, in turns: peer.py [-m F] [-t 2] [-r
5]

One round measures llama.cpp, then notso, then the next round the other way round, so that a drifting machine
hurts both alike. Printed are the medians and the median of the ratios within a round; --json prints one
object a test.

llama.cpp decides for itself which weight layouts and instructions it uses. Compiled by GCC 12 its AMX code
dies of SIGILL (the tile configuration's stores are dropped); --plain-buffers keeps it from repacking weights,
and with that from AMX. LLAMA_CPP_LIB_PATH names another build of its libraries."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "reference"))

import numpy as np  # noqa: E402
from llama_library import Llama, system_info  # noqa: E402


def time_peer(peer, n_prompt, n_gen, ids):
    """Tokens a second: one batch of n_prompt tokens, and n_gen tokens one by one, each from an empty
    cache."""
    peer.clear()
    start = time.perf_counter()
    peer.decode(ids[:n_prompt], all_logits=False)
    prefill = n_prompt / (time.perf_counter() - start)
    peer.clear()
    start = time.perf_counter()
    for i in range(n_gen):
        peer.decode(ids[i:i + 1], n_past=i, all_logits=False)
    return {f"pp{n_prompt}": prefill, f"tg{n_gen}": n_gen / (time.perf_counter() - start)}


def time_notso(args):
    command = [
        str(args.notso),
        "bench",
        "-m",
        str(args.model),
        "-t",
        str(args.threads),
        "-p",
        str(args.prompt),
        "-n",
        str(args.gen),
        "-r",
        "1",
        "-o",
        "json",
    ]
    if args.cpu:
        command += ["--cpu", args.cpu]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    return {row["test"]: row["tokens_per_second"] for row in rows if row["batch"] == 1 and row["depth"] == 0}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notso", type=pathlib.Path, default=ROOT / "build" / "release" / "notso")
    parser.add_argument("-m", "--model", type=pathlib.Path,
                        default=ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("-p", "--prompt", type=int, default=512)
    parser.add_argument("-n", "--gen", type=int, default=64)
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("--cpu", help="passed on to notso")
    parser.add_argument(
        "--plain-buffers", action="store_true", help="llama.cpp without repacked weights and AMX"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    peer = Llama(
        args.model, n_ctx=max(args.prompt, args.gen), n_threads=args.threads, repack=not args.plain_buffers
    )
    ids = np.random.default_rng(1).integers(0, peer.n_vocab, max(args.prompt, args.gen))
    sides = {
        "llama.cpp": lambda: time_peer(peer, args.prompt, args.gen, ids),
        "notso": lambda: time_notso(args),
    }
    for measure in sides.values():
        measure()  # pages in, threads up
    rounds = []
    for i in range(args.rounds):
        order = list(sides) if i % 2 == 0 else list(reversed(sides))
        results = {who: sides[who]() for who in order}
        rounds.append(results)
    if not args.json:
        print(f"llama.cpp: {system_info()}{', plain buffers' if args.plain_buffers else ''}")
        print(f"{args.model.name}, {args.threads} threads, medians of {args.rounds} rounds, tokens a second")
    for test in rounds[0]["notso"]:
        ours, theirs = ([r[who][test] for r in rounds] for who in ("notso", "llama.cpp"))
        ratios = sorted(a / b for a, b in zip(ours, theirs))
        row = {"test": test, "notso": statistics.median(ours), "llama_cpp": statistics.median(theirs),
               "ratio": statistics.median(ratios), "lowest": ratios[0], "highest": ratios[-1]}
        if args.json:
            print(json.dumps(row))
        else:
            print(
                f"{test:8} notso {row['notso']:9.1f}   llama.cpp {row['llama_cpp']:9.1f}   "
                f"ratio {row['ratio']:.2f} "
                f"({row['lowest']:.2f} to {row['highest']:.2f})"
            )


if __name__ == "__main__":
    main()
