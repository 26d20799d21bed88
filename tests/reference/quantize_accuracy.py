#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Error of `notso quantize` beside that of llama.cpp's library and of the gguf package: quantize_accuracy.py
[--notso F] [--model F]

Inputs are the model's own tensors, dequantised, in rows of whole blocks of 256. Most of them lie on a grid of
4 bits, which no trained tensor does, so the matrices are also taken through a rotation that mixes 64
neighbours and keeps the scale of each row. Printed is the root mean square error relative to that of the
input, in percent; the program fails where ours is worse than the better of the two by more than one part in a
thousand."""

import argparse
import ctypes
import pathlib
import tempfile

import gguf
import llama_cpp
import numpy as np

from program import Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
TYPES = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")
BY_GGUF = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
COLUMNS = 768
SLACK = 1.001

library = ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
library.ggml_quantize_chunk.restype = ctypes.c_size_t
library.ggml_quantize_chunk.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_void_p,
]


def by_ggml(values, kind):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros((values.shape[0], values.shape[1] // block * size), dtype=np.uint8)
    written = library.ggml_quantize_chunk(
        int(kind), values.ctypes.data, out.ctypes.data, 0, *values.shape, None
    )
    assert written == out.nbytes
    return gguf.dequantize(out, kind)


def hadamard(n):
    h = np.ones((1, 1), dtype=np.float32)
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h / np.sqrt(n, dtype=np.float32)


def inputs(path):
    """Name -> F32 [rows, COLUMNS]."""
    wanted = {"token_embd.weight": "embedding", "blk.0.attn_q.weight": "q of layer 0",
              "blk.14.ffn_down.weight": "down of layer 14", "blk.29.attn_v.weight": "v of layer 29",
              "blk.29.ffn_gate.weight": "gate of layer 29"}
    result = {}
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.name in wanted:
            data = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(-1)[:COLUMNS * 512]
            data = np.ascontiguousarray(data[:len(data) // COLUMNS * COLUMNS].reshape(-1, COLUMNS))
            result[wanted[tensor.name]] = data
            mixed = data.reshape(-1, 64) @ hadamard(64)
            result[wanted[tensor.name] + ", mixed"] = np.ascontiguousarray(mixed.reshape(data.shape))
    assert len(result) == 2 * len(wanted)
    return result


def by_notso(program, arrays, kind):
    """The whole list at once, as the matrices of a file."""
    source, target = program.scratch / "in.gguf", program.scratch / "out.gguf"
    writer = gguf.GGUFWriter(source, "llama")
    writer.add_block_count(len(arrays))
    for i, values in enumerate(arrays.values()):
        writer.add_tensor(f"blk.{i}.ffn_down.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    program.run("quantize", source, target, kind.name.lower())
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(target).tensors}
    result = {}
    for i, name in enumerate(arrays):
        tensor = tensors[f"blk.{i}.ffn_down.weight"]
        assert tensor.tensor_type == kind
        result[name] = gguf.dequantize(tensor.data, tensor.tensor_type)
    target.unlink()
    return result


def error(got, values):
    return 100 * float(
        np.sqrt(np.mean((got.astype(np.float64) - values) ** 2) / np.mean(values.astype(np.float64) ** 2))
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notso", type=pathlib.Path, default=ROOT / "build" / "release" / "notso")
    parser.add_argument(
        "--model", type=pathlib.Path, default=ROOT / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    )
    args = parser.parse_args()
    arrays = inputs(args.model)
    n_worse = 0
    print(f"{'':6}{'input':28}{'ours':>10}{'llama.cpp':>11}{'gguf':>10}   ours / best")
    with tempfile.TemporaryDirectory(prefix="notso-quantize-") as scratch:
        program = Program(args.notso, scratch)
        for type_name in TYPES:
            kind = gguf.GGMLQuantizationType[type_name]
            ours = by_notso(program, arrays, kind)
            for name, values in arrays.items():
                mine = error(ours[name], values)
                others = [error(by_ggml(values, kind), values)]
                if type_name in BY_GGUF:
                    others.append(error(gguf.dequantize(gguf.quantize(values, kind), kind), values))
                # On its own grid a tensor may come back exactly: then there is no ratio to speak of.
                worse = mine > min(others) * SLACK + 1e-3
                n_worse += worse
                shown = "".join(f"{e:10.4f}" for e in others) + " " * 10 * (2 - len(others))
                print(f"{type_name:6}{name:28}{mine:10.4f} {shown}   {mine / max(min(others), 1e-9):.4f}"
                      f"{'  WORSE' if worse else ''}")
    raise SystemExit(1 if n_worse else 0)


if __name__ == "__main__":
    main()
