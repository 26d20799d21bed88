# SPDX-License-Identifier: MIT
"""llama.cpp through the low-level interface of llama-cpp-python: token ids, and logits of every position."""

import ctypes

import gguf
import llama_cpp as library
import numpy as np

library.llama_backend_init()


@library.llama_log_callback
def silent(level, text, user):
    pass


library.llama_log_set(silent, ctypes.c_void_p(0))


class Llama:
    def __init__(self, path, n_ctx=512, n_threads=2, exact=False, repack=False, n_sequences=1, n_batch=None):
        """n_ctx is for all sequences together. exact: F32 keys and values and plain attention. repack: the
        machine's special weight layouts, AMX among them. (Compiled by GCC 12, llama.cpp's AMX code loads an
        empty tile configuration and dies of SIGILL.)"""
        model_params = library.llama_model_default_params()
        model_params.n_gpu_layers = 0
        model_params.use_extra_bufts = repack
        self.model = library.llama_model_load_from_file(str(path).encode(), model_params)
        if not self.model:
            raise RuntimeError(f"llama.cpp does not load {path}")
        self.vocab = library.llama_model_get_vocab(self.model)
        self.n_vocab = library.llama_vocab_n_tokens(self.vocab)
        self.n_ctx = n_ctx
        params = library.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = n_batch or n_ctx
        params.n_seq_max = self.n_sequences = n_sequences
        params.n_threads = params.n_threads_batch = n_threads
        if exact:
            params.type_k = params.type_v = library.GGML_TYPE_F32
            params.flash_attn_type = 0
        self.context = library.llama_init_from_model(self.model, params)
        if not self.context:
            raise RuntimeError(f"llama.cpp makes no context for {path}")
        self.memory = library.llama_get_memory(self.context)
        self.batch = library.llama_batch_init(max(params.n_batch, n_sequences), 0, 1)

    def close(self):
        library.llama_batch_free(self.batch)
        library.llama_free(self.context)
        library.llama_model_free(self.model)

    def tokenize(self, text, special=False):
        data = text.encode() if isinstance(text, str) else text
        out = (library.llama_token * (len(data) + 8))()
        n = library.llama_tokenize(self.vocab, data, len(data), out, len(out), False, special)
        assert n >= 0
        return np.array(out[:n], dtype=np.int64)

    def count_tokens(self, data):
        """Of bytes, and nothing else: what a measurement wants."""
        out = (library.llama_token * (len(data) + 8))()
        n = library.llama_tokenize(self.vocab, data, len(data), out, len(out), False, False)
        assert n >= 0
        return n

    def adds_bos(self):
        return bool(library.llama_vocab_get_add_bos(self.vocab))

    def bos(self):
        return library.llama_vocab_bos(self.vocab)

    def clear(self):
        library.llama_memory_clear(self.memory, True)

    def forget_from(self, position):
        for sequence in range(self.n_sequences):
            library.llama_memory_seq_rm(self.memory, sequence, position, -1)

    def decode(self, ids, n_past=0, all_logits=True, sequence=0):
        """Computes consecutive tokens of a sequence; the results wait in the context."""
        last = len(ids) - 1
        self.run([(int(token), n_past + i, sequence, all_logits or i == last) for i, token in enumerate(ids)])

    def decode_each(self, ids, position):
        """Computes one token of each sequence in one pass."""
        self.run([(int(token), position, sequence, True) for sequence, token in enumerate(ids)])

    def run(self, tokens):
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, (token, position, sequence, wants_logits) in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = wants_logits
        status = library.llama_decode(self.context, batch)
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status}")
        library.llama_synchronize(self.context)

    def last_logits(self):
        """F32 [n_vocab] of the last token of the last pass."""
        pointer = library.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.n_vocab,))

    def logits(self, ids):
        """F32 [len(ids), n_vocab] of one new sequence of at most n_ctx tokens."""
        self.clear()
        self.decode(ids)
        pointer = library.llama_get_logits(self.context)
        return np.ctypeslib.as_array(pointer, shape=(len(ids), self.n_vocab)).copy()


def system_info():
    return library.llama_print_system_info().decode()


def dequantized_copy(source, target):
    """The same model with F32 weights, made by the gguf package. llama.cpp multiplies those without
    rounding."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            element = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)
    for tensor in reader.tensors:
        writer.add_tensor(
            tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
