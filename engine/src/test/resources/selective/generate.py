"""What transformers says of token-selective prefill, written to expected.json.

Run: python generate.py   (needs torch and transformers; not part of the build)

The first layers read a document and a question behind it. What counts for a token is the attention probability that the
question's rows give it: mean over rows, maximum over heads and layers. Smoothed over 13 tokens, chunks of 32 by their
largest token, the first and the last chunk always. The whole model then answers from the kept tokens and the question, at
the kept tokens' own positions or counted anew. float32, eager attention.
"""
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM

FOLDERS = ["llama3-gqa", "qwen3-qknorm"]
DOCUMENT, QUESTION, CHUNK, SMOOTH, LAYERS, KEEP, NEW = 330, 21, 32, 13, [1, 3], [0.3, 0.6], 16


def chunks(attention, keep):
    """Numbers of the kept chunks, and how far the best that is not kept is below the worst that is."""
    smooth = torch.nn.functional.avg_pool1d(attention[None, None], SMOOTH, 1, SMOOTH // 2)[0, 0]
    scores = [float(smooth[at : at + CHUNK].max()) for at in range(0, DOCUMENT, CHUNK)]
    others = sorted(range(1, len(scores) - 1), key=lambda i: -scores[i])
    most = max(2, int(keep * len(scores) + 0.5)) - 2
    kept = sorted([0, len(scores) - 1] + others[:most])
    return kept, scores[others[most - 1]] - scores[others[most]]


def answer(model, document, question, kept, compacted):
    """Greedy tokens and their log-probabilities from the kept tokens of the document."""
    tokens = torch.cat([document[kept], question])
    positions = torch.cat([kept, torch.arange(DOCUMENT, DOCUMENT + QUESTION)])
    greedy, log_probs = [], []
    for _ in range(NEW):
        at = torch.arange(len(tokens)) if compacted else positions
        # Without a mask, transformers takes a jump in position_ids for the start of another sequence.
        seen = torch.ones(1, len(tokens), dtype=torch.long)
        logits = model(
            tokens[None], attention_mask=seen, position_ids=at[None], use_cache=False
        ).logits[0, -1]
        token = int(logits.argmax())
        greedy.append(token)
        log_probs.append(round(float(logits.double().log_softmax(-1)[token]), 6))
        tokens = torch.cat([tokens, torch.tensor([token])])
        positions = torch.cat([positions, positions[-1:] + 1])
    return {"tokens": greedy, "log_probs": log_probs}


def main():
    generator = torch.Generator().manual_seed(11)
    document = torch.randint(3, 320, (DOCUMENT,), generator=generator)
    question = torch.randint(3, 320, (QUESTION,), generator=generator)
    expected = {"document": document.tolist(), "question": question.tolist(), "models": {}}
    for folder in FOLDERS:
        path = pathlib.Path(__file__).parent.parent / "hf-models" / folder
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        with torch.no_grad():
            whole = torch.cat([document, question])[None]
            attentions = model(whole, output_attentions=True, use_cache=False).attentions
            readings = []
            for layers in LAYERS:
                rows = torch.stack([a[0, :, DOCUMENT:, :DOCUMENT] for a in attentions[:layers]])
                attention = rows.mean(2).amax((0, 1))
                selections = []
                for keep in KEEP:
                    kept, margin = chunks(attention, keep)
                    ids = torch.cat(
                        [torch.arange(c * CHUNK, min(DOCUMENT, (c + 1) * CHUNK)) for c in kept]
                    )
                    selections.append(
                        {
                            "keep": keep,
                            "chunks": kept,
                            "margin": margin,
                            "original": answer(model, document, question, ids, False),
                            "compacted": answer(model, document, question, ids, True),
                        }
                    )
                readings.append(
                    {
                        "layers": layers,
                        "attention": [round(float(a), 8) for a in attention],
                        "selections": selections,
                    }
                )
        expected["models"][folder] = readings
    (pathlib.Path(__file__).parent / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
