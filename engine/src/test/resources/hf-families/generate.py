"""Tiny random checkpoints of one model family each, with reference outputs of Hugging Face transformers.

Run: python generate.py [name ...]   (needs torch and transformers; not part of the build; without names, all)

Weights are random and exact in bfloat16. The reference loads each folder as a user does: float32 arithmetic, eager
attention. A seed is taken only if every greedy token wins by a margin that no rounding can turn.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

HERE = pathlib.Path(__file__).parent
PROMPT_TOKENS = 150
POSITIONS = [0, 1, 31, 32, 33, 100, 149]  # around a window of 32
NEW_TOKENS = 16
MARGIN = 0.02

BASE = dict(
    vocab_size=96, hidden_size=64, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.12, bos_token_id=0, eos_token_id=1,
    pad_token_id=2, tie_word_embeddings=False, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
)
LOCAL_AND_GLOBAL = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
}
VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1, head_dim=16,
              image_size=28, patch_size=14)
LONG = [1.0 + 0.5 * i for i in range(6)]
SHORT = [1.0 + 0.05 * i for i in range(6)]


def rope(**parameters):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, **parameters}}


# name: model type and what differs from BASE
FAMILIES = {
    "smollm3": ("smollm3", dict(num_hidden_layers=4, tie_word_embeddings=True)),
    "ministral": ("ministral", dict(head_dim=16, sliding_window=32,
                                    layer_types=["sliding_attention", "full_attention", "sliding_attention"])),
    "seed-oss": ("seed_oss", dict(head_dim=16, attention_out_bias=True)),
    "ernie4-5": ("ernie4_5", dict(head_dim=16, use_bias=True)),
    "arcee": ("arcee", dict(attention_bias=True, mlp_bias=True)),
    "phi3": ("phi3", dict(sliding_window=32)),
    "phi3-longrope": ("phi3", dict(
        original_max_position_embeddings=128, tie_word_embeddings=True,
        **rope(rope_type="longrope", long_factor=LONG, short_factor=SHORT, partial_rotary_factor=0.75,
               original_max_position_embeddings=128))),
    "granite": ("granite", dict(attention_multiplier=0.2, residual_multiplier=0.4, embedding_multiplier=2.0,
                                logits_scaling=4.0)),
    "olmo2": ("olmo2", dict()),
    "olmo3": ("olmo3", dict(num_hidden_layers=4, sliding_window=32)),
    "gemma2": ("gemma2", dict(head_dim=16, sliding_window=32, query_pre_attn_scalar=24, tie_word_embeddings=True,
                              attn_logit_softcapping=5.0, final_logit_softcapping=3.0)),
    "gemma3-text": ("gemma3_text", dict(head_dim=16, sliding_window=32, query_pre_attn_scalar=24,
                                        tie_word_embeddings=True, rope_parameters=LOCAL_AND_GLOBAL,
                                        layer_types=["sliding_attention", "sliding_attention", "full_attention"])),
    "glm4": ("glm4", dict(head_dim=16, **rope(partial_rotary_factor=0.5))),
    "exaone4": ("exaone4", dict(num_hidden_layers=4, sliding_window=32, sliding_window_pattern=4)),
    "hunyuan-dense": ("hunyuan_v1_dense", dict(
        head_dim=16, **rope(rope_type="dynamic", alpha=1000.0, factor=1.0))),
    "cohere2": ("cohere2", dict(num_hidden_layers=4, sliding_window=32, tie_word_embeddings=True, logit_scale=0.25)),
    "apertus": ("apertus", dict()),
    "nemotron": ("nemotron", dict(head_dim=16, **rope(partial_rotary_factor=0.5))),
    "qwen3-moe": ("qwen3_moe", dict(head_dim=16, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=24,
                                    norm_topk_prob=True)),
    "mixtral": ("mixtral", dict(num_local_experts=4, num_experts_per_tok=2)),
}
# Image and text models, of which the text part is read: name, model type, model type of the text part, differences
WRAPPERS = {
    "mistral3": ("mistral3", "mistral", dict(head_dim=16, sliding_window=None), "pixtral"),
    "gemma3": ("gemma3", "gemma3_text", FAMILIES["gemma3-text"][1], "siglip_vision_model"),
}


def configured(name):
    if name in FAMILIES:
        model_type, differs = FAMILIES[name]
        return AutoConfig.for_model(model_type, **{**BASE, **differs})
    model_type, text_type, differs, vision_type = WRAPPERS[name]
    text = AutoConfig.for_model(text_type, **{**BASE, **differs})
    vision = AutoConfig.for_model(vision_type, **VISION)
    extra = {"image_token_index": 3, "boi_token_index": 4, "eoi_token_index": 5} if name == "gemma3" else {}
    extra = extra or {"image_token_index": 3}
    return AutoConfig.for_model(
        model_type, text_config=text, vision_config=vision,
        tie_word_embeddings=text.tie_word_embeddings, **extra)


def auto(name):
    return AutoModelForImageTextToText if name in WRAPPERS else AutoModelForCausalLM


def make(name, seed):
    torch.manual_seed(seed)
    model = auto(name).from_config(configured(name), attn_implementation="eager").float().eval()
    one_plus = name.startswith("gemma") or name == "nemotron"  # their norms multiply with 1 + weight
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if key.endswith("bias"):
                weight.normal_(0, 0.1)
            elif name.startswith("gemma") and "post_" in key:
                weight.normal_(3, 0.1)  # or every token would repeat itself, as the head is the embedding
            elif "norm" in key:
                weight.normal_(0 if one_plus else 1, 0.1)
            elif key.endswith(("alpha_p", "alpha_n")):
                weight.normal_(0, 0.5)
            elif "experts" in key or key.endswith("gate.weight"):
                weight.normal_(0, 0.3)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def expected(name, seed):
    model = auto(name).from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(seed)
    sequence = torch.randint(6, BASE["vocab_size"], (1, PROMPT_TOKENS), generator=generator)
    prompt = sequence[0].tolist()
    greedy = []
    margin = float("inf")
    with torch.no_grad():
        logits = model(sequence).logits[0]
        for _ in range(NEW_TOKENS):
            last = model(sequence).logits[0, -1]
            first, second = last.topk(2).values.tolist()
            margin = min(margin, first - second)
            if margin < MARGIN * float(logits.std()):
                break
            greedy.append(int(last.argmax()))
            sequence = torch.cat([sequence, torch.tensor([[greedy[-1]]])], 1)
    result = {
        "made_by": f"Hugging Face transformers {transformers.__version__}, float32, eager attention",
        "prompt": prompt,
        "logit_positions": POSITIONS,
        "logits": [[round(float(v), 6) for v in logits[p]] for p in POSITIONS],
        "greedy": greedy,
    }
    return result, margin, float(logits.std())


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or [*FAMILIES, *WRAPPERS]:
        for seed in range(100):
            make(name, seed)
            result, margin, spread = expected(name, seed)
            if margin > MARGIN * spread and len(set(result["greedy"])) > 4:
                break
        else:
            raise SystemExit(f"{name}: no seed has a clear winner at every token")
        (HERE / name / "expected.json").write_text(json.dumps(result))
        size = sum(file.stat().st_size for file in (HERE / name).iterdir()) // 1024
        print(name, "seed", seed, "margin", round(margin, 4), "spread", round(spread, 3), size, "KB", flush=True)


if __name__ == "__main__":
    main()
