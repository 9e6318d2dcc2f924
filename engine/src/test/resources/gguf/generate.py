"""Small GGUF files and what they mean, for the tests of package gguf.

    python generate.py    (writes beside itself; needs gguf, numpy, torch, safetensors, sentencepiece, tokenizers)

blocks.gguf          a matrix of every block type; blocks.bin is what gguf's own dequantize makes of them, in float32
mistral-window.gguf  the checkpoint of hf-models as llama.cpp stores the llama architecture: query and key rows interleaved
qwen2-bias.gguf      the same of an architecture whose rows are as they are, with biases
llama3-rope.gguf     no weights but the factors of Llama 3.1's rotation
spm.gguf, llama-bpe.gguf, qwen2.gguf   tokenizers alone: with scores; byte-level, cut as Llama 3 and Qwen do
tokenizers.json      texts and the ids that sentencepiece and tokenizers give
"""
import io
import json
import pathlib

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as T
from safetensors import safe_open
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "hf-models"
random = np.random.default_rng(7)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def blocks():
    writer = gguf.GGUFWriter(HERE / "blocks.gguf", "llama")
    writer.add_head_count(4)
    expected = b""
    for kind in (T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K):
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (3, 512 // elements, size), dtype=np.uint8)
        half = random.uniform(0.001, 0.1, (3, 512 // elements, 2)).astype(np.float16).view(np.uint8)
        if kind == T.Q6_K:  # its scale stands at the end
            data[..., -2:] = half[..., :2]
        else:
            two = kind in (T.Q4_1, T.Q5_1, T.Q4_K, T.Q5_K)
            data[..., :4 if two else 2] = half if two else half[..., :2]
        data = data.reshape(3, -1)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        expected += gguf.quants.dequantize(data, kind).astype("<f4").tobytes()
    close(writer)
    (HERE / "blocks.bin").write_bytes(expected)


def bfloat16(tensor):
    return tensor.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(np.uint16)


NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def name_of(name):
    if not name.startswith("model.layers."):
        return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
                "lm_head.weight": "output.weight"}[name]
    _, _, layer, *part, kind = name.split(".")
    return f"blk.{layer}.{NAMES['.'.join(part)]}.{kind}"


def permute(tensor, heads):
    """As llama.cpp's convert_hf_to_gguf.py does to query and key rows of the llama architecture."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def checkpoint(name, architecture):
    config = json.loads((MODELS / name / "config.json").read_text())
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", architecture)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    rope = config.get("rope_parameters") or {}
    writer.add_rope_freq_base(config.get("rope_theta") or rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if config.get("sliding_window") and architecture == "llama":
        writer.add_sliding_window(config["sliding_window"])
    for file in sorted((MODELS / name).glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for key in tensors.keys():
                tensor = tensors.get_tensor(key)
                for part, heads in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
                    if architecture == "llama" and part in key:
                        tensor = permute(tensor, config[heads])
                if tensor.dim() == 1:
                    writer.add_tensor(name_of(key), tensor.float().numpy())
                else:
                    writer.add_tensor(name_of(key), bfloat16(tensor).view(np.uint8), raw_dtype=T.BF16)
    close(writer)


def llama3_rope():
    """The factors as convert_hf_to_gguf.py computes them, of a head of 64 and Llama 3.2's factor."""
    writer = gguf.GGUFWriter(HERE / "llama3-rope.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(131072)
    writer.add_embedding_length(128)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    base, dim, factor, low, high, trained = 500000.0, 64, 32.0, 1.0, 4.0, 8192
    factors = []
    for freq in 1.0 / (base ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)):
        wavelen = 2 * np.pi / freq
        if wavelen < trained / high:
            factors.append(1)
        elif wavelen > trained / low:
            factors.append(factor)
        else:
            smooth = (trained / wavelen - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    writer.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    close(writer)


CORPUS = ["The harbour lay quiet under the morning fog, and the keeper of the light was asleep.",
          "Whoever reads this text in 1851 or 2026 reads it for the tokenizer's sake alone; it isn't long.",
          "na\u00efve caf\u00e9: two  spaces, three   spaces, a tab\tand a line\nmake four kinds of blank."] * 8
TEXTS = ["", "a", "The harbour, the light.", " two  spaces 12345", "na\u00efve \u4f60\u597d \U0001f40b", "it's\n\n  ISN'T\r\nx",
         "e\u0301 combining", "\u00a0x", "1234567 years"]


def spm():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, model_type="bpe", vocab_size=380, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True, minloglevel=2)
    tokenizer = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    writer = gguf.GGUFWriter(HERE / "spm.gguf", "llama")
    writer.add_head_count(1)
    ids = range(tokenizer.vocab_size())
    writer.add_tokenizer_model("llama")
    writer.add_token_list([tokenizer.id_to_piece(i) for i in ids])
    writer.add_token_scores([tokenizer.get_score(i) for i in ids])
    writer.add_token_types([2 if tokenizer.is_unknown(i) else 3 if tokenizer.is_control(i)
                            else 6 if tokenizer.is_byte(i) else 1 for i in ids])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    close(writer)
    return [[1] + tokenizer.encode(text) for text in TEXTS]


WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def bpe(pre, digits, normalizer):
    from tokenizers import normalizers
    tokenizer = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    if normalizer:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS % digits), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=380, special_tokens=["<|begin|>", "<|end|>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    writer = gguf.GGUFWriter(HERE / f"{pre}.gguf", "llama")
    writer.add_head_count(1)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])])
    writer.add_token_types([3, 3] + [1] * (len(model["vocab"]) - 2))
    writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    if pre == "qwen2":
        writer.add_add_bos_token(False)
    close(writer)
    begin = [0] if pre == "llama-bpe" else []
    return [begin + tokenizer.encode(text).ids for text in TEXTS]


blocks()
checkpoint("mistral-window", "llama")
checkpoint("qwen2-bias", "qwen2")
llama3_rope()
ids = {"spm": spm(), "llama-bpe": bpe("llama-bpe", "{1,3}", False), "qwen2": bpe("qwen2", "", True)}
(HERE / "tokenizers.json").write_text(json.dumps({"texts": TEXTS, "ids": ids}) + "\n")
