# SPDX-License-Identifier: MIT
"""The program under test, as the comparisons use it. Needs numpy only."""

import json
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

TIERS = ("reference", "neon") if platform.machine() == "aarch64" else ("reference", "avx2", "avx512", "amx")
NEEDED_FLAGS = {
    "reference": set(),
    "neon": {"asimddp"},
    "avx2": {"avx2", "fma", "f16c", "bmi2"},
    "avx512": {"avx2", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"},
    "amx": {"avx512_vnni", "amx_tile", "amx_int8", "amx_bf16"},
}


def processor_tiers():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ("reference",)
    names = ("flags", "Features")  # on x86 and on Arm
    flags = next((set(line.split()) for line in lines if line.startswith(names)), set())
    return tuple(tier for tier in TIERS if NEEDED_FLAGS[tier] <= flags)


def scratch_folder():
    """For logits, gigabytes of them in the end, each file read once: in memory where there is plenty."""
    memory = Path("/dev/shm")
    plenty = memory.is_dir() and shutil.disk_usage(memory).free > 8 << 30
    return Path(tempfile.mkdtemp(prefix="notso-", dir=memory if plenty else None))


class Program:
    def __init__(self, binary, scratch=None):
        self.binary = str(binary)
        self.scratch = Path(scratch or scratch_folder())

    def run(self, *args, stdin=b"", timeout=600):
        """Standard output, as bytes."""
        done = subprocess.run(
            [self.binary, *map(str, args)], input=stdin, capture_output=True, timeout=timeout
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{' '.join(map(str, args))}: exit code {done.returncode}: {done.stderr.decode()}"
            )
        return done.stdout

    def tokenize(self, model, text, special=False):
        data = text.encode() if isinstance(text, str) else text
        out = self.run("tokenize", "-m", model, "--json", *(["--special"] if special else []), stdin=data)
        return json.loads(out)["ids"]

    def logits(self, model, ids, tier=None, kv=None, threads=None, reply=None):
        """F32 [len(ids), n_vocab], mapped from a file that is gone. The last `reply` ids are a reply. None
        leaves a flag to its default."""
        ids_file, out = self.scratch / "ids.txt", self.scratch / "logits.npy"
        ids_file.write_text(" ".join(str(int(i)) for i in ids))
        flags = [("--cpu", tier), ("--kv-type", kv), ("--threads", threads), ("--reply", reply)]
        self.run("logits", "-m", model, "--ids-file", ids_file, "-o", out,
                 *[word for flag, value in flags if value is not None for word in (flag, value)])
        result = np.load(out, mmap_mode="r")
        out.unlink()
        assert result.dtype == np.float32 and len(result) == len(ids)
        return result

    def perplexity(self, model, text_file, *flags):
        return json.loads(self.run("perplexity", "-m", model, "-f", text_file, "--json", *flags))
