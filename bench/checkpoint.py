#!/usr/bin/env python3
"""Writes a random-weight checkpoint of Qwen2.5-0.5B's shape, bfloat16, about 1 GB, as a Hugging Face folder.

Speed does not depend on what weights say, so nobody has to download any.

    bench/checkpoint.py FOLDER [--layers 24]
    bench/checkpoint.py FOLDER --layers 6 --hidden 512 --inner 2048 --heads 8   # a small reader of the same vocabulary
"""
import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file

SHAPE = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "max_position_embeddings": 32768 + 1024,  # room to decode at 32K
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "use_sliding_window": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 151643,
    "eos_token_id": 151645,
}


def tensors(shape):
    """Names and random tensors; 0.02 is the deviation that such models start training with."""
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    head = hidden // shape["num_attention_heads"]
    kv = head * shape["num_key_value_heads"]

    def matrix(rows, cols):
        return (torch.randn(rows, cols) * 0.02).to(torch.bfloat16)

    def ones(size):
        return torch.ones(size, dtype=torch.bfloat16)

    result = {"model.embed_tokens.weight": matrix(shape["vocab_size"], hidden), "model.norm.weight": ones(hidden)}
    for layer in range(shape["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        result[prefix + "input_layernorm.weight"] = ones(hidden)
        result[prefix + "post_attention_layernorm.weight"] = ones(hidden)
        for name, rows in (("q", hidden), ("k", kv), ("v", kv)):
            result[f"{prefix}self_attn.{name}_proj.weight"] = matrix(rows, hidden)
            result[f"{prefix}self_attn.{name}_proj.bias"] = matrix(1, rows)[0].contiguous()
        result[prefix + "self_attn.o_proj.weight"] = matrix(hidden, hidden)
        result[prefix + "mlp.gate_proj.weight"] = matrix(inner, hidden)
        result[prefix + "mlp.up_proj.weight"] = matrix(inner, hidden)
        result[prefix + "mlp.down_proj.weight"] = matrix(hidden, inner)
    return result


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--layers", type=int, default=SHAPE["num_hidden_layers"])
    arguments.add_argument("--hidden", type=int, default=SHAPE["hidden_size"])
    arguments.add_argument("--inner", type=int, default=SHAPE["intermediate_size"])
    arguments.add_argument("--heads", type=int, default=SHAPE["num_attention_heads"])
    options = arguments.parse_args()
    torch.manual_seed(1)
    shape = SHAPE | {
        "num_hidden_layers": options.layers,
        "hidden_size": options.hidden,
        "intermediate_size": options.inner,
        "num_attention_heads": options.heads,
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "config.json").write_text(json.dumps(shape, indent=2))
    save_file(tensors(shape), str(options.folder / "model.safetensors"), metadata={"format": "pt"})


if __name__ == "__main__":
    main()
