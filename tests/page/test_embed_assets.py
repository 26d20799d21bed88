# SPDX-License-Identifier: MIT
"""tools/embed-assets.c, the build's program that writes the table of embedded files; it lies beside notso."""

import gzip
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


def array(table, name):
    """The bytes of an array, without the NUL at its end."""
    values = table.split(name + "[] = {")[1].split("};")[0].replace("\n", "").split(",")
    octal = re.compile(r"'\\(\d+)'")
    data = bytes(int(octal.match(value)[1], 8) if octal.match(value) else int(value) for value in values)
    assert data.endswith(b"\0")
    return data[:-1]


def test_writes_every_byte(embed, tmp_path):
    data = bytes(range(256)) * 3
    (tmp_path / "b.png").write_bytes(data)
    (tmp_path / "a.css").write_bytes(b"")
    assert embed("table.c", "templates/b.png=b.png", "static/a.css=a.css").returncode == 0
    table = (tmp_path / "table.c").read_text()
    assert array(table, "data_1") == data
    assert table.index('"static/a.css"') < table.index('"templates/b.png"'), "sorted by path"
    assert '"image/png"' in table and '"text/css; charset=utf-8"' in table


def test_packs_what_is_served(embed, tmp_path):
    text = b"text that repeats itself; " * 400
    for name in "a b.js", "c.js", "d.html":  # noise does not get shorter, and templates are not served
        (tmp_path / name).write_bytes(text)
    noise = subprocess.run(["gzip", "-c"], input=text[:3000], capture_output=True, check=True).stdout
    (tmp_path / "c.js").write_bytes(noise)
    inputs = "static/a.js=a b.js", "static/c.js=c.js", "templates/d.html=d.html"
    assert embed("table.c", *inputs).returncode == 0
    table = (tmp_path / "table.c").read_text()
    packed = array(table, "packed_0")
    assert gzip.decompress(packed) == text and len(packed) < len(text) / 10
    assert packed[3:8] == bytes(5), "neither a name nor a time: the same input gives the same bytes"
    assert "packed_1" not in table and "packed_2" not in table


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
