"""Rotary tables of Hugging Face transformers (5.18.0, torch 2.13, CPU), for RopeTableTest.

    python generate.py > expected.json
"""
import json

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

POSITIONS = [0, 1, 2, 127, 128, 2047, 8191, 32767]
CASES = {
    "default": (64, 4096, {"rope_type": "default", "rope_theta": 10000.0}),
    "default-wide": (128, 4096, {"rope_type": "default", "rope_theta": 1000000.0}),
    "linear": (64, 4096, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 8.0}),
    "llama-3.1": (128, 131072, {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "llama-3.2": (64, 131072, {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "yarn": (128, 32768, {
        "rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0,
        "original_max_position_embeddings": 32768}),
    "yarn-short": (16, 2048, {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 16.0,
        "original_max_position_embeddings": 128}),
    "yarn-betas": (64, 8192, {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 2.5, "beta_fast": 16, "beta_slow": 2,
        "truncate": False, "original_max_position_embeddings": 4096}),
    "yarn-attention-factor": (64, 8192, {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 40.0, "attention_factor": 1.25,
        "original_max_position_embeddings": 4096}),
    "yarn-mscale": (64, 8192, {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 40.0, "mscale": 1.0,
        "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096}),
    "yarn-no-ramp": (8, 64, {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 2.0,
        "original_max_position_embeddings": 4}),
    "dynamic": (64, 4096, {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}),
}

cases = []
for name, (head_dim, max_positions, rope) in CASES.items():
    heads = 4
    config = LlamaConfig(
        vocab_size=320, hidden_size=heads * head_dim, num_attention_heads=heads, num_hidden_layers=1,
        intermediate_size=32, head_dim=head_dim, max_position_embeddings=max_positions,
        rope_parameters=dict(rope))
    module = LlamaRotaryEmbedding(config)
    if rope["rope_type"] == "dynamic":  # the base that its own rule has at the longest position
        inv_freq, scale = ROPE_INIT_FUNCTIONS["dynamic"](config, "cpu", seq_len=POSITIONS[-1] + 1)
    else:
        inv_freq, scale = module.inv_freq, module.attention_scaling
    angles = torch.tensor(POSITIONS).float()[:, None] * inv_freq[None, :]
    cases.append({
        "name": name, "head_dim": head_dim, "max_position_embeddings": max_positions,
        "rope_parameters": rope, "attention_factor": float(scale),
        "inverse_frequencies": inv_freq.tolist(), "positions": POSITIONS,
        "cos": (angles.cos() * scale).tolist(), "sin": (angles.sin() * scale).tolist()})
text = json.dumps({"max_model_len": POSITIONS[-1] + 1, "cases": cases}, separators=(",", ":"))
print(text.replace('{"name"', '\n{"name"'))
