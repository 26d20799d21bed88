# SPDX-License-Identifier: MIT
"""peer_python.py CONFIG - llama.cpp, as llama-cpp-python builds it, doing one measurement for each line on
standard input. CONFIG, lines and answers are those of peer.js, which says what they mean; here there are no
"binding" and "backends". "repack": false keeps llama.cpp from its special weight layouts, and with that from
AMX: compiled by GCC 12 its AMX code dies of SIGILL."""

import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "reference"))

from llama_library import Llama, system_info  # noqa: E402

BATCH = 512


def memory(name):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


class Peer:
    def __init__(self, config):
        self.before = memory("VmRSS")
        self.sequences = config["sequences"]
        n_ctx = max(config["context"], 1) * self.sequences
        self.llama = Llama(config["model"], n_ctx=n_ctx, n_threads=config["threads"], repack=config["repack"],
                           n_sequences=self.sequences, n_batch=BATCH)
        self.ids = [(i * 7919 + 17) % config["vocabulary"] for i in range(BATCH)]

    def read(self, n, past, sequence=0):
        for at in range(0, n, BATCH):
            count = min(BATCH, n - at)
            self.llama.decode(self.ids[:count], n_past=past + at, all_logits=False, sequence=sequence)

    def fill(self, depth):
        self.llama.clear()
        for sequence in range(self.sequences):
            self.read(depth, 0, sequence)
        return {}

    def prefill(self, n, depth):
        self.llama.forget_from(depth)
        start = time.perf_counter()
        self.read(n, depth)
        return {"seconds": time.perf_counter() - start}

    def decode(self, n, depth):
        self.llama.forget_from(depth)
        start = time.perf_counter()
        for t in range(n):
            self.llama.decode_each([self.ids[t]] * self.sequences, depth + t)
        return {"seconds": time.perf_counter() - start}

    def first(self, n):
        self.read(n, 0)
        return {"token": int(self.llama.last_logits().argmax())}

    def tokenize(self, file):
        data = pathlib.Path(file).read_bytes()
        start = time.perf_counter()
        tokens = self.llama.count_tokens(data)
        return {"seconds": time.perf_counter() - start, "tokens": tokens}

    def peak(self):
        return {"bytes": memory("VmHWM")}

    def about(self):
        return {"variant": "its own build", "system": system_info(), "runtime_bytes": self.before}


def main():
    peer = Peer(json.loads(sys.argv[1]))
    for line in sys.stdin:
        name, *args = json.loads(line)
        print(json.dumps(getattr(peer, name)(*args)), flush=True)


if __name__ == "__main__":
    main()
