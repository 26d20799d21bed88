# SPDX-License-Identifier: MIT
"""tools/embed-assets.c, the build's program that writes the table of embedded files; it lies beside notso."""

import re
import subprocess

import pytest
from conftest import NOTSO


@pytest.fixture
def embed(tmp_path):
    program = NOTSO.parent / "embed-assets"
    if not program.is_file():
        pytest.skip(f"no {program}: only a build has it")

    def embed(*arguments):
        return subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return embed


def test_writes_every_byte(embed, tmp_path):
    data = bytes(range(256)) * 3
    (tmp_path / "b.png").write_bytes(data)
    (tmp_path / "a.css").write_bytes(b"")
    assert embed("table.c", "static/b.png=b.png", "static/a.css=a.css").returncode == 0
    table = (tmp_path / "table.c").read_text()
    values = table.split("data_1[] = {")[1].split("};")[0].replace("\n", "").split(",")
    octal = re.compile(r"'\\(\d+)'")
    numbers = (int(octal.match(value)[1], 8) if octal.match(value) else int(value) for value in values)
    assert bytes(numbers) == data + b"\0"
    assert table.index('"static/a.css"') < table.index('"static/b.png"'), "sorted by path"
    assert '"image/png"' in table and '"text/css; charset=utf-8"' in table


def test_version_and_etag_follow_the_content(embed, tmp_path):
    tables = []
    for text in "one", "two", "one":
        (tmp_path / "a.css").write_text(text)
        assert embed("table.c", "static/a.css=a.css").returncode == 0
        tables.append((tmp_path / "table.c").read_text().split("asset_table[]")[1])
    assert tables[0] == tables[2] != tables[1]


@pytest.mark.parametrize("arguments, words", [
    (["table.c"], "usage"),
    (["table.c", "static/a.css"], "not PATH=FILE"),
    (["table.c", "static/a.unknown=a.css"], "extension"),
    (["table.c", 'static/".css=a.css'], "extension"),
    (["table.c", "static/a.css=absent.css"], "absent.css"),
    (["table.c", "static/a.js=node_modules/absent.js"], "run ./run.sh --setup"),
    (["table.c", "static/a.css=."], "failed"),
    (["absent/table.c", "static/a.css=a.css"], "cannot write"),
])
def test_bad_input_is_one_line_and_no_file(embed, tmp_path, arguments, words):
    (tmp_path / "a.css").write_text("x")
    done = embed(*arguments)
    assert done.returncode > 0
    assert len(done.stderr.splitlines()) == 1 and words in done.stderr
    assert not list(tmp_path.glob("table*"))
