#!/usr/bin/env python3
"""Hugging Face transformers on PyTorch's CPU backend, the same measurements as EngineBenchmark, one JSON line each.

    bench/transformers_peer.py prefill MODEL --context 2048 [--threads N] [--rounds 3]
    bench/transformers_peer.py decode  MODEL --context 2048 [--batch 1] [--steps 16]
    bench/transformers_peer.py linear  -     --rows 512 --out 9728 --in 896

Weights and activations in --dtype (bfloat16 unless told), attention "sdpa", greedy. Decode starts from a cache of random keys and values.
"""
import argparse
import json
import os
import statistics
import time

import torch

TYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def emit(what, value, unit, **fields):
    print(json.dumps({"what": what, **fields, "torch": torch.__version__, "value": value, "unit": unit, "load": os.getloadavg()[0]}))


def load(options):
    from transformers import AutoConfig, AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(options.model, dtype=TYPES[options.dtype], attn_implementation="sdpa").eval()


def prefill(options):
    model = load(options)
    rates = []
    for _ in range(options.rounds + 1):
        ids = torch.randint(0, model.config.vocab_size, (1, options.context))
        start = time.perf_counter()
        model(ids, use_cache=True, logits_to_keep=1)
        rates.append(options.context / (time.perf_counter() - start))
    emit("prefill", statistics.median(rates[1:]), "tokens/s", context=options.context)


def decode(options):
    from transformers import DynamicCache

    model = load(options)
    config = model.config
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cache = DynamicCache()
    for layer in range(config.num_hidden_layers):
        shape = (options.batch, config.num_key_value_heads, options.context, head)
        cache.update(torch.randn(shape).to(TYPES[options.dtype]), torch.randn(shape).to(TYPES[options.dtype]), layer)
    ids = torch.zeros((options.batch, 1), dtype=torch.long)
    times = []
    for _ in range(options.steps + 3):
        start = time.perf_counter()
        logits = model(ids, past_key_values=cache, use_cache=True).logits
        ids = logits[:, -1:].argmax(-1)
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[3:])
    emit("decode", options.batch / seconds, "tokens/s", context=options.context, batch=options.batch, ms_per_step=seconds * 1e3)


def linear(options):
    weights = [torch.randn(options.out, options.inner).to(TYPES[options.dtype])]
    while len(weights) * weights[0].nbytes < 256 << 20:
        weights.append(weights[0].clone())
    x = torch.randn(options.rows, options.inner).to(TYPES[options.dtype])
    times = []
    for _ in range(options.rounds + 3):
        start = time.perf_counter()
        for weight in weights:
            torch.nn.functional.linear(x, weight)
        times.append((time.perf_counter() - start) / len(weights))
    seconds = statistics.median(times[3:])
    flops = 2.0 * options.rows * options.out * options.inner
    emit("linear", flops / seconds / 1e9, "GFLOP/s", rows=options.rows, out=options.out, ms=seconds * 1e3)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("part", choices=["prefill", "decode", "linear"])
    arguments.add_argument("model")
    arguments.add_argument("--dtype", choices=TYPES, default="bfloat16")
    arguments.add_argument("--context", type=int, default=2048)
    arguments.add_argument("--batch", type=int, default=1)
    arguments.add_argument("--steps", type=int, default=16)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--rows", type=int, default=512)
    arguments.add_argument("--out", type=int, default=9728)
    arguments.add_argument("--in", dest="inner", type=int, default=896)
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        {"prefill": prefill, "decode": decode, "linear": linear}[options.part](options)


if __name__ == "__main__":
    main()
