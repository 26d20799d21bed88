# SPDX-License-Identifier: MIT
"""The text of /quote, checked against the King James Bible that Debian packages (bible-kjv)."""

import shutil
import subprocess

import pytest


def test_quote_is_the_packaged_text(run, tmp_path):
    bible = shutil.which("bible")
    if not bible:
        pytest.skip("the package bible-kjv is not installed")
    # One line a verse: "John1:1 In the beginning …"
    told = subprocess.run([bible, "-f", "john1:1-14"], capture_output=True, text=True, timeout=60)
    verses = [line.partition(" ")[2].strip() for line in told.stdout.splitlines() if line.strip()]
    assert len(verses) == 14, told.stdout + told.stderr

    done = run(["chat", "--model", tmp_path / "absent.gguf"], "/quote\n")
    assert done.returncode == 0, done.stderr
    title, *blocks = [block for block in done.stdout.split("\n\n") if block.strip()]
    assert "John 1:1" in title
    assert [" ".join(block.split()) for block in blocks] == [f"**{n}** {v}" for n, v in enumerate(verses, 1)]
