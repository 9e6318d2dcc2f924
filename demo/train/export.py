"""Writes the trained model as a Hugging Face folder (bfloat16 weights) and reads such a folder back.

Run: python export.py --work WORK --out ../model [--check]   (--check compares with transformers' LlamaForCausalLM)
"""
import argparse
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

import data
from model import Config, Llama


def to_hf(net):
    c, a = net.cfg, net.cfg.heads * net.cfg.head_dim
    out = {"model.embed_tokens.weight": net.emb.weight, "model.norm.weight": net.norm}
    for i, b in enumerate(net.blocks):
        p = f"model.layers.{i}."
        for j, n in enumerate("qkv"):
            out[p + f"self_attn.{n}_proj.weight"] = b.qkv.weight[j * a:(j + 1) * a]
        out[p + "self_attn.o_proj.weight"] = b.o.weight
        out[p + "mlp.gate_proj.weight"], out[p + "mlp.up_proj.weight"] = b.gate_up.weight.chunk(2)
        out[p + "mlp.down_proj.weight"] = b.down.weight
        out[p + "input_layernorm.weight"], out[p + "post_attention_layernorm.weight"] = b.n1, b.n2
    return {k: v.detach().to(torch.bfloat16).contiguous().clone() for k, v in out.items()}


def load(folder):
    """The exported model as a Llama in float32 arithmetic, and its tokenizer."""
    folder = pathlib.Path(folder)
    j = json.loads((folder / "config.json").read_text())
    net = Llama(Config(j["vocab_size"], j["hidden_size"], j["num_hidden_layers"], j["num_attention_heads"],
                       j["head_dim"], j["intermediate_size"], j["rope_theta"], j["max_position_embeddings"],
                       j["rms_norm_eps"]))
    t = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
    with torch.no_grad():
        net.emb.weight.copy_(t["model.embed_tokens.weight"]); net.norm.copy_(t["model.norm.weight"])
        for i, b in enumerate(net.blocks):
            p = f"model.layers.{i}."
            b.qkv.weight.copy_(torch.cat([t[p + f"self_attn.{n}_proj.weight"] for n in "qkv"]))
            b.o.weight.copy_(t[p + "self_attn.o_proj.weight"])
            b.gate_up.weight.copy_(torch.cat([t[p + "mlp.gate_proj.weight"], t[p + "mlp.up_proj.weight"]]))
            b.down.weight.copy_(t[p + "mlp.down_proj.weight"])
            b.n1.copy_(t[p + "input_layernorm.weight"]); b.n2.copy_(t[p + "post_attention_layernorm.weight"])
    return net.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--work", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--check", action="store_true")
    a = ap.parse_args()
    work, out = pathlib.Path(a.work), pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    net = Llama(Config())
    net.load_state_dict(torch.load(work / "last.pt")["net"])
    shutil.copy(work / "tokenizer.json", out / "tokenizer.json")
    tok = Tokenizer.from_file(str(out / "tokenizer.json"))
    c, bos, eos = net.cfg, tok.token_to_id(data.BOS), tok.token_to_id(data.EOS)
    write = lambda n, o: (out / n).write_text(json.dumps(o, indent=2) + "\n")
    write("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": c.vocab, "hidden_size": c.hidden,
        "intermediate_size": c.ffn, "num_hidden_layers": c.layers, "num_attention_heads": c.heads,
        "num_key_value_heads": c.heads, "head_dim": c.head_dim, "hidden_act": "silu", "rms_norm_eps": c.eps,
        "rope_theta": c.theta, "rope_scaling": None, "max_position_embeddings": c.max_pos, "attention_bias": False,
        "mlp_bias": False, "tie_word_embeddings": True, "bos_token_id": bos, "eos_token_id": eos,
        "initializer_range": 0.02, "pretraining_tp": 1, "use_cache": True, "torch_dtype": "bfloat16"})
    write("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "do_sample": False, "max_new_tokens": 16})
    write("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": data.BOS, "eos_token": data.EOS,
        "model_max_length": c.max_pos, "add_bos_token": False, "add_eos_token": False,
        "clean_up_tokenization_spaces": False})
    write("special_tokens_map.json", {"bos_token": data.BOS, "eos_token": data.EOS})
    save_file(to_hf(net), out / "model.safetensors", metadata={"format": "pt"})
    print("parameters", sum(p.numel() for p in net.parameters()), "bytes", (out / "model.safetensors").stat().st_size)
    if a.check:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        mine, _ = load(out)
        ref = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
        text = data.fact("gate code", "amber", "falcon", "71932") + data.suffix("What is the gate code of the amber falcon?")
        t = AutoTokenizer.from_pretrained(out)
        ids = torch.tensor([[bos] + tok.encode(text, add_special_tokens=False).ids])
        assert t(text, add_special_tokens=False).input_ids == ids[0, 1:].tolist()
        with torch.no_grad():
            for at in (0, 30000):
                pos = torch.arange(at, at + ids.shape[1])[None]
                x = ref(ids, position_ids=pos).logits
                y = mine.logits(mine.hidden_states(ids, pos))
                print("largest difference of logits", (x - y).abs().max().item(), "of", x.abs().max().item())


if __name__ == "__main__":
    main()
