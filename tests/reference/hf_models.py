# SPDX-License-Identifier: MIT
"""Logits from the transformers library, in F32, for the two kinds of models that the fixtures are about: the
tiny random ones of tests/fixtures/model/make_tiny.py, and the weights of a llama GGUF file, dequantised."""

import gguf
import numpy as np
import torch
import transformers

import chunks  # noqa: F401  (puts make_tiny's folder on the path)
import make_tiny


def load_weights(model, tensors):
    """Every tensor must find its place, and every parameter its tensor (a tied output head apart)."""
    state = {name: torch.from_numpy(np.array(data, dtype=np.float32)) for name, data in tensors.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    if model.config.tie_word_embeddings:
        missing = [name for name in missing if name != "lm_head.weight"]
        model.tie_weights()
    assert not missing and not unexpected, (missing, unexpected)
    return model.float().eval()


def tiny_model(case):
    config_class, model_class = {
        "smollm3": (transformers.SmolLM3Config, transformers.SmolLM3ForCausalLM),
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    }[case.architecture]
    config = config_class(
        vocab_size=case.n_vocab, hidden_size=case.n_embd, intermediate_size=case.n_ff,
        num_hidden_layers=case.n_layer, num_attention_heads=case.n_head, num_key_value_heads=case.n_head_kv,
        head_dim=case.head_dim, rms_norm_eps=case.rms_eps, tie_word_embeddings=case.tied,
        max_position_embeddings=case.n_ctx, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        rope_parameters={"rope_type": "default"} | dict(case.scaling) | {"rope_theta": case.rope_theta},
        attn_implementation="eager")
    return load_weights(model_class(config), make_tiny.weights(case))


# GGUF name -> checkpoint name, within a layer and outside.
OUTSIDE = {v: k for k, v in make_tiny.GGUF_NAMES.items() if k.startswith(("model.", "lm_head."))}
INSIDE = {v: k for k, v in make_tiny.GGUF_NAMES.items() if v not in OUTSIDE}


def gguf_value(reader, key):
    return reader.fields[key].contents()


def llama_model_from_gguf(path):
    reader = gguf.GGUFReader(path)
    assert gguf_value(reader, "general.architecture") == "llama"
    n_head = gguf_value(reader, "llama.attention.head_count")
    n_head_kv = gguf_value(reader, "llama.attention.head_count_kv")
    tensors = {}
    for tensor in reader.tensors:
        data = gguf.dequantize(tensor.data, tensor.tensor_type)
        name = tensor.name
        if name in OUTSIDE:
            tensors[OUTSIDE[name]] = data
            continue
        _, layer, rest = name.split(".", 2)
        if rest in ("attn_q.weight", "attn_k.weight"):
            data = make_tiny.pairs_to_halves(data, n_head if rest == "attn_q.weight" else n_head_kv)
        tensors[f"model.layers.{layer}.{INSIDE[rest]}"] = data
    config = transformers.LlamaConfig(
        vocab_size=gguf_value(reader, "llama.vocab_size"),
        hidden_size=gguf_value(reader, "llama.embedding_length"),
        intermediate_size=gguf_value(reader, "llama.feed_forward_length"),
        num_hidden_layers=gguf_value(reader, "llama.block_count"),
        num_attention_heads=n_head,
        num_key_value_heads=n_head_kv,
        rms_norm_eps=gguf_value(reader, "llama.attention.layer_norm_rms_epsilon"),
        max_position_embeddings=gguf_value(reader, "llama.context_length"),
        tie_word_embeddings="lm_head.weight" not in tensors,
        attention_bias=False,
        rope_parameters={"rope_type": "default", "rope_theta": gguf_value(reader, "llama.rope.freq_base")},
        attn_implementation="eager",
    )
    return load_weights(transformers.LlamaForCausalLM(config), tensors)


def logits(model, ids):
    """F32 [len(ids), n_vocab]."""
    with torch.inference_mode():
        return model(torch.tensor([list(map(int, ids))]), use_cache=False).logits[0].float().numpy()
