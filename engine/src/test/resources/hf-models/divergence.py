"""What transformers says of sink_recent: divergence from dense attention and perplexity, written to expected-divergence.json.

Run: python divergence.py   (needs torch and transformers; not part of the build)

The text's first PREFIX tokens see everything before them, as a document that is prefilled densely. Those behind it, the
window, see the pages of the sink tokens and the most recent pages up to the budget, given to the model as an attention mask;
a page is PAGE consecutive tokens, and the window's own page counts. float32, eager attention, sums in float64.
"""
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM

FOLDERS = ["llama3-gqa", "qwen3-qknorm"]
PREFIX, WINDOW, PAGE, SINK = 300, 40, 16, 4
BUDGETS = [48, 96, 192]


def mask(budget):
    """(1, 1, N, N) of what is added to attention scores: row i may see token j where it is 0."""
    n = PREFIX + WINDOW
    row, token = torch.arange(n)[:, None], torch.arange(n)[None]
    sinks = -(-SINK // PAGE)
    kept = (token // PAGE < sinks) | (row // PAGE - token // PAGE < budget // PAGE - sinks)
    seen = (token <= row) & ((row < PREFIX) | kept)
    return torch.zeros(n, n).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]


def main():
    expected = {"prefix": PREFIX, "budgets": BUDGETS, "sink": SINK, "page": PAGE, "models": {}}
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randint(3, 320, (1, PREFIX + WINDOW + 1), generator=generator)
    expected["tokens"] = tokens[0].tolist()
    for folder in FOLDERS:
        model = AutoModelForCausalLM.from_pretrained(
            pathlib.Path(__file__).parent / folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()

        def window(attention_mask):
            with torch.no_grad():
                logits = model(tokens[:, :-1], attention_mask=attention_mask).logits[0, PREFIX:]
            return logits.double().log_softmax(-1)

        def perplexity(log_probs):
            return float((-log_probs.gather(1, tokens[0, PREFIX + 1 :, None])).mean().exp())

        dense = window(None)
        rows = []
        for budget in BUDGETS:
            sparse = window(mask(budget))
            rows.append(
                {
                    "kl": float((dense.exp() * (dense - sparse)).sum(-1).mean()),
                    "same_argmax": float((dense.argmax(-1) == sparse.argmax(-1)).double().mean()),
                    "perplexity": perplexity(sparse),
                }
            )
        expected["models"][folder] = {"dense_perplexity": perplexity(dense), "sink_recent": rows}
    text = json.dumps(expected)
    (pathlib.Path(__file__).parent / "expected-divergence.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
