"""Reference outputs of Hugging Face transformers for every checkpoint in this folder, written to its expected.json.

Run: python reference.py   (needs torch and transformers; not part of the build)

The checkpoints and expected-rounded-rope.json were made by generate.py, which took the reference logits from a model that
had been cast to bfloat16 and back: the cast also rounds the rotary frequencies (a buffer, not a weight) to bfloat16, which
no loaded checkpoint does. This script loads each checkpoint as a user does (float32 arithmetic, float32 rotary
frequencies, eager attention). Tests check against both files, the older one with frequencies rounded the same way.
"""
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM

POSITIONS = [0, 1, 63, 64, 65, 150, 299]
NEW_TOKENS = 48


def main():
    for folder in sorted(path.parent for path in pathlib.Path(__file__).parent.glob("*/config.json")):
        prompt = json.loads((folder / "expected-rounded-rope.json").read_text())["prompt"]
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        sequence = torch.tensor([prompt])
        greedy = []
        with torch.no_grad():
            logits = model(sequence).logits[0]
            for _ in range(NEW_TOKENS):
                token = int(model(sequence).logits[0, -1].argmax())
                greedy.append(token)
                sequence = torch.cat([sequence, torch.tensor([[token]])], 1)
        expected = {
            "made_by": "Hugging Face transformers from_pretrained, float32, eager attention",
            "prompt": prompt,
            "logit_positions": POSITIONS,
            "logits": [[round(float(v), 6) for v in logits[p]] for p in POSITIONS],
            "greedy": greedy,
        }
        (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main()
