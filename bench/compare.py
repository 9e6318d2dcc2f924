#!/usr/bin/env python3
"""Runs two commands in turns and prints the ratio of their medians, as JSON: machines drift, neighbours come and go.

    bench/compare.py NAME --pairs 5 --ours 'COMMAND' --peer 'COMMAND' [--ours-where budget=1024] [--append FILE]

A command prints JSON: lines with a "value" (EngineBenchmark, transformers_peer.py), or llama-bench's "-o jsonl", whose
"avg_ts" is taken, or llama-batched-bench's "--output-format jsonl", whose "speed_tg" is. WHERE picks the line if there
are several. Memory that a virtual machine has not touched yet is slow, so the first pair is thrown away.
"""
import argparse
import json
import os
import statistics
import subprocess


def value(line):
    for key in ("value", "avg_ts", "speed_tg"):
        if key in line:
            return float(line[key])
    return None


def run(command, where):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    lines = [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]
    if where:
        key, wanted = where.split("=")
        lines = [line for line in lines if str(line.get(key)) == wanted]
    values = [number for number in map(value, lines) if number is not None]
    if done.returncode != 0 or len(values) != 1:
        raise SystemExit(f"{command}\nexit code {done.returncode}, {len(values)} values\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return values[0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("name")
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--ours", required=True)
    arguments.add_argument("--peer", required=True)
    arguments.add_argument("--ours-where", default="")
    arguments.add_argument("--peer-where", default="")
    arguments.add_argument("--append", default="")
    options = arguments.parse_args()
    ours, peer, load = [], [], []
    for pair in range(options.pairs + 1):
        one, other = run(options.ours, options.ours_where), run(options.peer, options.peer_where)
        if pair > 0:
            ours.append(one)
            peer.append(other)
            load.append(os.getloadavg()[0])
    result = {
        "name": options.name,
        "ours": statistics.median(ours),
        "peer": statistics.median(peer),
        "ratio": statistics.median(ours) / statistics.median(peer),
        "ratio_of_pairs": sorted(round(a / b, 3) for a, b in zip(ours, peer)),
        "load": load,
    }
    print(json.dumps(result), flush=True)
    if options.append:
        with open(options.append, "a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
