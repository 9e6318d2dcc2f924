"""What the same GPU reaches with PyTorch, in the same run: copy, GEMM, attention, an 8B-shaped prefill.

    ceilings.py OUT.jsonl [tiny]

One JSON line per figure; medians over CUDA events.
"""
import json
import statistics
import sys


def main():
    try:
        import torch
    except ImportError:
        print("no PyTorch here: ceilings NOT MEASURED")
        return
    if not torch.cuda.is_available():
        print("PyTorch sees no GPU: ceilings NOT MEASURED")
        return
    tiny = len(sys.argv) > 2
    out = open(sys.argv[1], "w")

    def write(what, **figures):
        line = json.dumps({"what": what, **figures})
        print(line)
        out.write(line + "\n")
        out.flush()

    def seconds(call, rounds=15):
        times = []
        for i in range(rounds + 3):
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            call()
            end.record()
            torch.cuda.synchronize()
            if i >= 3:
                times.append(start.elapsed_time(end) / 1e3)
        return statistics.median(times)

    write("torch", version=torch.__version__, device=torch.cuda.get_device_name())
    source = torch.randn((1 if tiny else 512) << 20, device="cuda")
    target = torch.empty_like(source)
    write("torch copy", bytes_per_s=2 * source.nbytes / seconds(lambda: target.copy_(source)))
    del source, target

    hidden = 128 if tiny else 4096
    weight = torch.randn(2 * hidden, hidden, device="cuda", dtype=torch.bfloat16)
    for rows in (1, 8, 64, hidden):
        x = torch.randn(rows, hidden, device="cuda", dtype=torch.bfloat16)
        s = seconds(lambda: torch.nn.functional.linear(x, weight))
        write("torch linear", rows=rows, k=hidden, n=2 * hidden, us=s * 1e6, flop_per_s=2 * rows * hidden * 2 * hidden / s)

    for tokens in ((64, 128) if tiny else (8192, 32768)):
        q, k, v = (torch.randn(1, heads, tokens, 128, device="cuda", dtype=torch.bfloat16) for heads in (32, 8, 8))
        s = seconds(
            lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True), rounds=7)
        write("torch sdpa", tokens=tokens, us=s * 1e6, flop_per_s=2 * tokens * tokens * 128 * 32 / s)
        del q, k, v

    tokens = 128 if tiny else 8192
    s = prefill_8b(torch, seconds, tokens)
    write("torch 8B-shaped prefill", tokens=tokens, tokens_per_s=tokens / s)


def prefill_8b(torch, seconds, tokens):
    """Seconds of one forward pass of Llama-3.1-8B's shape over a prompt; one layer's weights serve all 32."""
    f = torch.nn.functional
    make = lambda *shape: torch.randn(*shape, device="cuda", dtype=torch.bfloat16) / 64
    qkv, o, gate_up, down = make(6144, 4096), make(4096, 4096), make(28672, 4096), make(4096, 14336)
    norm = torch.ones(4096, device="cuda", dtype=torch.bfloat16)

    def forward():
        x = make(1, tokens, 4096)
        for _ in range(32):
            y = f.linear(f.rms_norm(x, (4096,), norm), qkv)
            q, k, v = y.split((4096, 1024, 1024), dim=-1)
            q = q.view(1, tokens, 32, 128).transpose(1, 2)
            k = k.view(1, tokens, 8, 128).transpose(1, 2)
            v = v.view(1, tokens, 8, 128).transpose(1, 2)
            a = f.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + f.linear(a.transpose(1, 2).reshape(1, tokens, 4096), o)
            g, u = f.linear(f.rms_norm(x, (4096,), norm), gate_up).chunk(2, dim=-1)
            x = x + f.linear(f.silu(g) * u, down)
        return x

    with torch.inference_mode():
        return seconds(forward, rounds=3)


if __name__ == "__main__":
    main()
