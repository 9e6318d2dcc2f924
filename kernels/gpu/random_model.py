"""Writes a checkpoint of Llama-3.1-8B's shape with random bf16 weights: real sizes, no downloads, no meaning.

    random_model.py FOLDER [tiny | LAYERS]
"""
import json
import pathlib
import random
import struct
import sys


def main():
    folder = pathlib.Path(sys.argv[1])
    tiny = sys.argv[2:] == ["tiny"]
    hidden, inner, layers, heads, kv, vocab, dim = (
        (64, 128, 2, 4, 2, 320, 16) if tiny else (4096, 14336, int((sys.argv[2:] or [32])[0]), 32, 8, 128256, 128))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": dim,
        "vocab_size": vocab, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "max_position_embeddings": 131072,
        "hidden_act": "silu", "tie_word_embeddings": False, "torch_dtype": "bfloat16", "bos_token_id": 0,
        "eos_token_id": 1}))
    shapes = {"model.embed_tokens.weight": (vocab, hidden), "lm_head.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        at = f"model.layers.{i}."
        shapes |= {
            at + "input_layernorm.weight": (hidden,), at + "post_attention_layernorm.weight": (hidden,),
            at + "self_attn.q_proj.weight": (heads * dim, hidden), at + "self_attn.k_proj.weight": (kv * dim, hidden),
            at + "self_attn.v_proj.weight": (kv * dim, hidden), at + "self_attn.o_proj.weight": (hidden, heads * dim),
            at + "mlp.gate_proj.weight": (inner, hidden), at + "mlp.up_proj.weight": (inner, hidden),
            at + "mlp.down_proj.weight": (hidden, inner)}
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # One block of small random bf16 numbers (sign, exponent for 2^-7 to 2^-6, mantissa), repeated at odd strides.
    source = random.Random(3)
    block = b"".join(struct.pack("<H", source.choice((0x3C00, 0xBC00)) | source.getrandbits(7)) for _ in range(1 << 20))
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            left = header[name]["data_offsets"][1] - header[name]["data_offsets"][0]
            if len(shape) == 1:
                file.write(struct.pack("<H", 0x3F80) * shape[0])
                continue
            at = 2 * source.randrange(1 << 19)
            while left:
                part = block[at:at + left]
                file.write(part)
                left -= len(part)
                at = 2 * source.randrange(1 << 19)


if __name__ == "__main__":
    main()
