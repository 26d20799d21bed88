# SPDX-License-Identifier: MIT
"""notso synth: files that the gguf package reads, with types, vocabulary and weights as in real models."""

import gguf
import numpy
import pytest

from gguf_files import read_gguf


def synth(run, path, *args):
    done = run(["synth", *args, path])
    assert done.returncode == 0, done.stderr
    return read_gguf(path), done.stderr


def value(reader, name):
    return reader.fields[name].contents()


@pytest.mark.parametrize("shape, architecture, n_layer", [
    ("smollm3-tiny", "smollm3", 8),
    ("llama-tiny", "llama", 4),
])
def test_keys_and_tensors(run, tmp_path, shape, architecture, n_layer):
    reader, said = synth(run, tmp_path / "m.gguf", "--shape", shape)
    assert value(reader, "general.architecture") == architecture
    assert value(reader, f"{architecture}.block_count") == n_layer
    n_vocab = value(reader, f"{architecture}.vocab_size")
    tensors = {t.name: t for t in reader.tensors}
    assert list(tensors["token_embd.weight"].shape) == [256, n_vocab]
    assert len(value(reader, "tokenizer.ggml.tokens")) == n_vocab
    assert ("output.weight" in tensors) == (shape == "llama-tiny")
    tied = "output.weight" not in tensors
    assert tensors["token_embd.weight"].tensor_type.name == ("Q6_K" if tied else "Q4_K")
    assert len(tensors) == n_layer * 9 + (2 if tied else 3)
    assert all(t.tensor_type.name == "F32" for t in tensors.values() if t.name.endswith("norm.weight"))
    assert "Q4_K" in said and "F32" in said


def test_every_type(run, tmp_path):
    for quant in "f32 f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k q4_k q5_k q6_k q4_k_m q5_k_m".split():
        reader, _ = synth(run, tmp_path / "m.gguf", "--shape", "llama-tiny", "--quant", quant)
        names = {t.tensor_type.name for t in reader.tensors}
        assert quant.upper().removesuffix("_M") in names
        tensor = next(t for t in reader.tensors if t.name == "blk.1.ffn_up.weight")
        weights = gguf.dequantize(tensor.data, tensor.tensor_type)
        assert abs(weights.std() * 16 - 1) < 0.1, quant
        assert numpy.isfinite(weights).all()


def test_the_seed_decides(run, tmp_path):
    files = []
    for seed in (3, 3, 4):
        path = tmp_path / "m.gguf"
        synth(run, path, "--shape", "llama-tiny", "--seed", seed)
        files.append(path.read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_copied_vocabulary(run, tmp_path):
    wanted, _ = synth(run, tmp_path / "vocab.gguf", "--shape", "smollm3-tiny", "--quant", "q2_k")
    reader, _ = synth(run, tmp_path / "m.gguf", "--shape", "llama-tiny", "--vocab", tmp_path / "vocab.gguf")
    names = [name for name in wanted.fields if name.startswith("tokenizer.")]
    assert names == [name for name in reader.fields if name.startswith("tokenizer.")]
    for name in names:
        assert value(reader, name) == value(wanted, name)
    assert value(reader, "tokenizer.ggml.pre") == "smaug-bpe"


def test_our_own_engine_runs_it(run, tmp_path):
    path = tmp_path / "m.gguf"
    synth(run, path, "--shape", "smollm3-tiny")
    out = tmp_path / "logits.npy"
    done = run(["logits", "-m", path, "-p", "the tea is here", "-o", out])
    assert done.returncode == 0, done.stderr
    logits = numpy.load(out)
    assert logits.shape[1] == 1024 and numpy.isfinite(logits).all()
    assert 0.3 < logits.std() < 3


def test_bad_requests(fails, tmp_path):
    out = tmp_path / "m.gguf"
    fails(["synth", out], "usage", code=2)
    fails(["synth", "--shape", "llama-tiny"], "usage", code=2)
    fails(["synth", "--shape", "llama-tiny", "--quant", "q9", out], "q9", "q4_k_m", code=2)
    fails(["synth", "--shape", "llama-tiny", "--seed", "-1", out], "--seed", code=2)
    fails(["synth", "--shape", "smollm9", out], "smollm9", "smollm3-3b", code=1)
    fails(["synth", "--shape", "llama-tiny", "--vocab", tmp_path / "no.gguf", out], "no.gguf", code=1)
    fails(["synth", "--shape", "llama-tiny", tmp_path / "no" / "m.gguf"], "cannot create", code=1)
    fails(["synth", "--shape", "llama-tiny", tmp_path], "not a regular file", code=1)
    assert list(tmp_path.iterdir()) == []
