# SPDX-License-Identifier: MIT
"""notso inspect: the same keys and tensors as the gguf package reads; what it says about bad files."""

import json
import math
import struct

import gguf
import numpy
import pytest

from gguf_files import read_gguf

NAMES = {
    gguf.GGUFValueType.UINT8: "u8", gguf.GGUFValueType.INT8: "i8", gguf.GGUFValueType.UINT16: "u16",
    gguf.GGUFValueType.INT16: "i16", gguf.GGUFValueType.UINT32: "u32", gguf.GGUFValueType.INT32: "i32",
    gguf.GGUFValueType.FLOAT32: "f32", gguf.GGUFValueType.BOOL: "bool", gguf.GGUFValueType.STRING: "str",
    gguf.GGUFValueType.UINT64: "u64", gguf.GGUFValueType.INT64: "i64", gguf.GGUFValueType.FLOAT64: "f64",
}


def inspect(run, path):
    done = run(["inspect", path, "--json"])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_everything(path):
    """A file with every type of value, alone and in arrays, and with an alignment of its own."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_custom_alignment(64)
    values = {
        gguf.GGUFValueType.UINT8: 255, gguf.GGUFValueType.INT8: -128, gguf.GGUFValueType.UINT16: 65535,
        gguf.GGUFValueType.INT16: -32768, gguf.GGUFValueType.UINT32: 2**32 - 1,
        gguf.GGUFValueType.INT32: -2**31, gguf.GGUFValueType.FLOAT32: 0.1, gguf.GGUFValueType.BOOL: True,
        gguf.GGUFValueType.STRING: "a\"\n\0é😀", gguf.GGUFValueType.UINT64: 2**63 - 1,
        gguf.GGUFValueType.INT64: -2**63, gguf.GGUFValueType.FLOAT64: 1e300,
    }
    for kind, value in values.items():
        name = f"test.{kind.name.lower()}"
        writer.add_key_value(name, value, kind)
        writer.add_key_value(name + "s", [value, value], gguf.GGUFValueType.ARRAY, sub_type=kind)
    writer.add_array("test.long", list(range(100)))
    writer.add_tensor("plain", numpy.arange(15, dtype=numpy.float32).reshape(5, 3))
    writer.add_tensor("half", numpy.zeros((2, 3, 8), dtype=numpy.float16))
    blocks = numpy.zeros((4, 144), dtype=numpy.uint8)
    writer.add_tensor("blocks", blocks, raw_dtype=gguf.GGMLQuantizationType.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def compare(shown, path):
    reader = read_gguf(path)
    keys = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert list(shown["keys"]) == list(keys)
    for name, field in keys.items():
        key = shown["keys"][name]
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            assert key["of"] == NAMES[field.types[1]]
            assert key["count"] == len(field.data)
            assert key["value"] == field.contents(slice(64))
        else:
            assert key["type"] == NAMES[field.types[0]]
            assert key["value"] == field.contents()
    assert len(shown["tensors"]) == len(reader.tensors)
    for tensor, wanted in zip(shown["tensors"], reader.tensors):
        assert tensor["name"] == wanted.name
        assert tensor["type"] == wanted.tensor_type.name
        assert tensor["shape"] == [int(n) for n in wanted.shape]
        assert tensor["offset"] == int(wanted.data_offset)
        assert tensor["size"] == int(wanted.n_bytes)
    assert shown["parameters"] == sum(int(t.n_elements) for t in reader.tensors)


def test_every_type_as_the_gguf_package_reads_it(run, tmp_path):
    path = tmp_path / "everything.gguf"
    write_everything(path)
    shown = inspect(run, path)
    compare(shown, path)
    assert shown["keys"]["general.alignment"]["value"] == 64
    assert shown["keys"]["test.long"]["abbreviated"] is True
    assert not shown["usable"]


def test_numbers_that_json_cannot_hold(run, tmp_path):
    path = tmp_path / "numbers.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_float32("test.nan", math.nan)
    writer.add_float64("test.minus", -math.inf)
    writer.add_uint64("test.large", 2**64 - 1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    keys = inspect(run, path)["keys"]
    assert keys["test.nan"]["value"] == "NaN"
    assert keys["test.minus"]["value"] == "-Infinity"
    assert keys["test.large"]["value"] == str(2**64 - 1)


def test_the_default_model(run, model):
    shown = inspect(run, model)
    compare(shown, model)
    assert shown["usable"] and shown["architecture"] == "llama"
    assert shown["types"]["Q4_1"]["tensors"] > 100
    assert "<|im_end|> (2)" in shown["use"]["reply ends at"]
    assert "smollm" in shown["use"]["tokenizer"]
    assert shown["chat_template"].startswith("{% for message in messages %}")
    text = run(["inspect", model]).stdout
    for words in ("llama.block_count", "blk.0.attn_q.weight", "chat template", "576 x 576", "base 100000"):
        assert words in text


def test_vocabulary_only_files(run, reference):
    path = reference / "vocab" / "ggml-vocab-gpt-2.gguf"
    shown = inspect(run, path)
    compare(shown, path)
    assert not shown["usable"]
    assert "gpt-2" in shown["use"]["tokenizer"]


def test_layers_without_rope_are_named(run, tmp_path):
    path = tmp_path / "tiny.gguf"
    assert run(["synth", "--shape", "smollm3-tiny", "--quant", "q8_0", path]).returncode == 0
    shown = inspect(run, path)
    compare(shown, path)
    assert "none in layers 3, 7 (every 4th" in shown["use"]["rope"]
    assert "tied" in shown["use"]["output"]


def test_text_of_the_file_cannot_disturb_the_terminal(run, tmp_path):
    path = tmp_path / "escape.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.name", "\x1b[31mred\x07\n")
    writer.add_string("tokenizer.chat_template", "\x1b]0;title\x07 {{ x }}\n")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    done = run(["inspect", path])
    assert done.returncode == 0
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout
    assert "\\x1b[31mred\\x07\\n" in done.stdout


def test_an_architecture_that_is_not_supported(run, tmp_path):
    path = tmp_path / "bert.gguf"
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_tensor("x", numpy.zeros((2, 32), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    use = inspect(run, path)["use"]
    assert "bert" in use["architecture"] and "smollm3" in use["architecture"]


ONE_KEY = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k"


@pytest.mark.parametrize("content, words", [
    (b"", "empty"),
    (b"GGUF\3\0", "truncated"),
    (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "GGUF version 1"),
    (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60), "claims"),
    (b"PK\3\4" + bytes(100), "ZIP"),
    (b"<html><body>404", "web page"),
    (ONE_KEY + struct.pack("<II", 9, 9) + bytes(30), "array of arrays"),
    (ONE_KEY + struct.pack("<IIQ", 9, 4, 2**61) + bytes(30), "truncated or damaged"),
])
def test_bad_files(fails, tmp_path, content, words):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    line = fails(["inspect", path], words, code=1)
    assert line.startswith("notso inspect: ") and str(path) in line


def test_a_truncated_model(fails, model, tmp_path):
    path = tmp_path / "cut.gguf"
    with open(model, "rb") as whole:
        path.write_bytes(whole.read(50_000_000))
    fails(["inspect", path], "past the end of the file", "download it again", code=1)


def test_wrong_command_lines(fails, tmp_path):
    fails(["inspect"], "usage", code=2)
    fails(["inspect", "a", "b"], "unexpected", code=2)
    fails(["inspect", "a", "--colour"], "--colour", code=2)
    fails(["inspect", tmp_path / "absent.gguf"], "absent.gguf", "No such file", code=1)
    fails(["inspect", tmp_path], "not a regular file", code=1)
