# SPDX-License-Identifier: MIT
"""notso quantize against the gguf package's own quantisation, and on the default model."""

import gguf
import numpy
import pytest

from gguf_files import read_gguf

N_COLS = 512
TYPES = "F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0".split()


def write_model(path, weights, alignment=None, **keys):
    writer = gguf.GGUFWriter(path, "llama")
    if alignment:
        writer.add_custom_alignment(alignment)
    for name, number in keys.items():
        writer.add_uint32(name.replace("__", "."), number)
    writer.add_array("tokenizer.ggml.tokens", ["a", "é", ""])
    for name, values in weights.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def weights():
    generator = numpy.random.default_rng(2)
    return {
        "token_embd.weight": generator.normal(0, 0.05, (33, N_COLS)).astype(numpy.float32),
        "blk.0.ffn_up.weight": generator.standard_t(3, (40, N_COLS)).astype(numpy.float32),
        "blk.0.attn_norm.weight": generator.normal(1, 0.1, N_COLS).astype(numpy.float32),
    }


def quantize(run, source, target, kind, *args):
    done = run(["quantize", source, target, kind, *args])
    assert done.returncode == 0, done.stderr
    reader = read_gguf(target)
    return {t.name: t for t in reader.tensors}, reader, done.stderr


def error(a, b):
    return float(numpy.sqrt(numpy.mean((a - b) ** 2)))


@pytest.mark.parametrize("kind", TYPES)
def test_at_least_as_accurate_as_the_gguf_package(run, tmp_path, weights, kind):
    source, target = tmp_path / "in.gguf", tmp_path / "out.gguf"
    write_model(source, weights)
    tensors, _, _ = quantize(run, source, target, kind.lower())
    quantization = gguf.GGMLQuantizationType[kind]
    for name, values in weights.items():
        if values.ndim == 1:
            assert tensors[name].tensor_type.name == "F32"
            assert (tensors[name].data == values).all()
            continue
        assert tensors[name].tensor_type == quantization
        ours = gguf.dequantize(tensors[name].data, quantization)
        theirs = gguf.dequantize(gguf.quantize(values, quantization), quantization)
        assert error(ours, values) <= error(theirs, values) * 1.0001


def test_metadata_is_kept(run, tmp_path, weights):
    source, target = tmp_path / "in.gguf", tmp_path / "out.gguf"
    write_model(source, weights, alignment=128, general__file_type=0, llama__block_count=1)
    _, reader, said = quantize(run, source, target, "q5_k_m", "--threads", "3")
    assert reader.fields["general.file_type"].contents() == 17
    assert reader.fields["llama.block_count"].contents() == 1
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ["a", "é", ""]
    assert "1 F32 + 1 Q5_K + 1 Q6_K" in said


def test_short_rows_are_reported(run, tmp_path):
    source, target = tmp_path / "in.gguf", tmp_path / "out.gguf"
    write_model(source, {"a.weight": numpy.ones((4, 96), dtype=numpy.float32),
                         "b.weight": numpy.ones((4, 100), dtype=numpy.float32)})
    tensors, _, said = quantize(run, source, target, "q4_k")
    assert tensors["a.weight"].tensor_type.name == "Q5_0"
    assert tensors["b.weight"].tensor_type.name == "F16"
    assert "2 tensors have rows too short" in said


def test_the_default_model_keeps_its_weights(run, model, tmp_path):
    """From Q4_1 to Q8_0, across several batches of work; compared on tensors of every kind."""
    tensors, _, _ = quantize(run, model, tmp_path / "out.gguf", "q8_0")
    originals = {t.name: t for t in read_gguf(model).tensors}
    assert list(tensors) == list(originals)
    for name in ("token_embd.weight", "blk.0.attn_k.weight", "blk.29.ffn_down.weight", "output_norm.weight"):
        wanted = gguf.dequantize(originals[name].data, originals[name].tensor_type)
        found = gguf.dequantize(tensors[name].data, tensors[name].tensor_type)
        assert error(found, wanted) < 0.01 * wanted.std()


def test_bad_requests(fails, tmp_path, weights):
    source, target = tmp_path / "in.gguf", tmp_path / "out.gguf"
    write_model(source, weights)
    before = source.read_bytes()
    fails(["quantize", source, target], "usage", "q4_k_m", code=2)
    fails(["quantize", source, target, "q9"], "q9", "q4_k_m", code=2)
    fails(["quantize", source, target, "q8_0", "-t", "many"], "--threads", code=2)
    fails(["quantize", source, source, "q8_0"], "same file", code=1)
    fails(["quantize", tmp_path / "no.gguf", target, "q8_0"], "no.gguf", code=1)
    fails(["quantize", source, tmp_path / "no" / "out.gguf", "q8_0"], "cannot create", code=1)
    fails(["quantize", source, tmp_path, "q8_0"], "not a regular file", code=1)
    source.write_bytes(before[:-100])
    fails(["quantize", source, target, "q8_0"], "past the end", code=1)
    assert not target.exists() and not list(tmp_path.glob("*.part"))
