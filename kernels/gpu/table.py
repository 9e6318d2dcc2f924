"""Makes the table of BENCHMARKS.md from the JSON lines of a run.

    table.py OUT_DIR
"""
import json
import pathlib
import sys


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rate(value, unit, scale):
    return f"{value / scale:,.2f} {unit}"


def beside(folder):
    """Every op's time beside that of the commit before, of each round; both ran in turns on the same device."""
    shapes = ("kv_budget", "context", "rows", "tokens")
    rounds = []
    for number in (1, 2):
        for name in ("before", "ops"):
            rounds.append({(line["what"], *(line.get(key) for key in shapes)): line["us"]
                           for line in lines(folder / f"{name}-{number}.jsonl") if "us" in line})
    print(f"\nBefore: {(folder / 'before.txt').read_text().strip()}\n")
    print("| op | budget | context | rows or tokens | before, us | now, us | now over before |\n|---|---|---|---|---|---|---|")
    for key in rounds[1]:
        if all(key in times for times in rounds):
            old, new = ([rounds[i][key], rounds[i + 2][key]] for i in (0, 1))
            what, *shape, rows, tokens = (cell if cell is not None else "" for cell in key)
            print(f"| {what} | {shape[0]} | {shape[1]} | {rows or tokens} | {old[0]:,.1f}, {old[1]:,.1f} |"
                  f" {new[0]:,.1f}, {new[1]:,.1f} | {sum(new) / sum(old):.2f} |")


def main():
    folder = pathlib.Path(sys.argv[1])
    ops, ceilings, models = (lines(folder / f"{name}.jsonl") for name in ("ops", "ceilings", "model"))
    device = next((line["device"] for line in ops if line["what"] == "device"), "no device")
    copy = next((line["bytes_per_s"] for line in ops if line["what"] == "copy"), None)
    torch_copy = next((line["bytes_per_s"] for line in ceilings if line["what"] == "torch copy"), None)
    print(f"{device}\n")
    if copy:
        print(f"Copy bandwidth, read and written: {rate(copy, 'TB/s', 1e12)} by our kernel"
              + (f", {rate(torch_copy, 'TB/s', 1e12)} by PyTorch" if torch_copy else "") + ".\n")
    print("| attention | context | batch | budget | us | floor us | of copy bandwidth | over dense |")
    print("|---|---|---|---|---|---|---|---|")
    for line in ops:
        if "of_copy_bandwidth" in line:
            print(f"| {line['what']} | {line['context']:,} | {line['batch']} | {line['kv_budget']:,} | {line['us']:,.1f} |"
                  f" {line['floor_us']:,.1f} | {line['of_copy_bandwidth']:.1%} | {line['over_dense']:.2f}x |")
    print("\n| op | shape | us | rate | PyTorch | ratio |\n|---|---|---|---|---|---|")
    for line in ops:
        if line["what"] == "top_pages":
            print(f"| top_pages | {line['context']:,} tokens | {line['us']:.1f} | | | |")
        if line["what"].startswith(("rms_norm", "add_rms_norm", "silu_mul", "append_kv")):
            print(f"| {line['what']} | {line['rows']} rows | {line['us']:.1f} | | | |")
        peer = None
        if line["what"] == "linear":
            shape = f"({line['rows']}, {line['k']}) x ({line['n']}, {line['k']})"
            peer = next((c for c in ceilings if c["what"] == "torch linear" and c["rows"] == line["rows"]), None)
        elif line["what"] == "attend_prefill":
            shape = f"{line['tokens']:,} tokens, 32/8 heads"
            peer = next((c for c in ceilings if c["what"] == "torch sdpa" and c["tokens"] == line["tokens"]), None)
        else:
            continue
        print(f"| {line['what']} | {shape} | {line['us']:,.1f} | {rate(line['flop_per_s'], 'TFLOP/s', 1e12)} |"
              + (f" {rate(peer['flop_per_s'], 'TFLOP/s', 1e12)} | {line['flop_per_s'] / peer['flop_per_s']:.2f}x |"
                 if peer else " not measured | |"))
    listed = [line for line in ops if line["what"] in ("attend_prefill_blocks", "attend_prefill_skip")]
    if listed:
        print("\n| over block lists | tokens | rows | density | us | on computed blocks | of the dense rate |")
        print("|---|---|---|---|---|---|---|")
        for line in listed:
            print(f"| {line['what']} | {line['tokens']:,} | {line['rows']:,} | {line['density']:.2f} | {line['us']:,.1f} |"
                  f" {rate(line['flop_per_s'], 'TFLOP/s', 1e12)} | {line['over_dense_rate']:.2f}x |")
        print("\n| op | tokens | rows | scoring | us |\n|---|---|---|---|---|")
        for line in ops:
            if line["what"] in ("score_blocks", "top_blocks"):
                print(f"| {line['what']} | {line['tokens']:,} | {line['rows']:,} | {line['scoring']} | {line['us']:,.1f} |")
    if models:
        print("\n| model | cache policy | batch | context | prefill tok/s | ms per step | decode tok/s | over the first | bytes/s |"
              " of copy bandwidth |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for line in models:
            share = f"{line['bytes_per_s'] / copy:.1%}" if copy else "not measured"
            gain = line["decode_tokens_per_s"] / models[0]["decode_tokens_per_s"]
            print(f"| {line['what']} | {line['cache_policy']} | {line['batch']} | {line['context']:,} |"
                  f" {line['prefill_tokens_per_s'] or 0:,.0f} | {line['ms_per_step']:.2f} | {line['decode_tokens_per_s']:,.1f} |"
                  f" {gain:.2f}x | {rate(line['bytes_per_s'], 'TB/s', 1e12)} | {share} |")
    if (folder / "before.txt").exists():
        beside(folder)
    prefill = next((c for c in ceilings if c["what"] == "torch 8B-shaped prefill"), None)
    if prefill:
        print(f"\nPyTorch's 8B-shaped prefill of {prefill['tokens']:,} tokens: {prefill['tokens_per_s']:,.0f} tok/s.")


if __name__ == "__main__":
    main()
