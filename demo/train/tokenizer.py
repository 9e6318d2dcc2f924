"""Trains the byte-level BPE tokenizer on the books and on sample facts and writes tokenizer.json.

Why the facts: every adjective, noun and kind becomes one token. Every digit is one token.
Run: python tokenizer.py --out WORK/tokenizer.json
"""
import argparse
import json
import pathlib
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import data

HERE = pathlib.Path(__file__).parent


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--books", default=HERE / "books")
    ap.add_argument("--out", required=True)
    ap.add_argument("--vocab", type=int, default=2048)
    a = ap.parse_args()
    rng = random.Random(1)
    text = [p for c in data.books(a.books, False) for p in c]
    for f in [f for _ in range(1200) for f in data.draw_facts(rng, 24, 0)]:
        text.append("x " + data.fact(*f) + " " + data.fact(*f) + data.suffix(data.question(*f[:3])))
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=a.vocab, special_tokens=[data.BOS, data.EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.save(str(a.out))
    path = pathlib.Path(a.out)                      # merges as "a b", which old versions of the library read too
    j = json.loads(path.read_text(encoding="utf-8"))
    j["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in j["model"]["merges"]]
    path.write_text(json.dumps(j, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
    tok = Tokenizer.from_file(str(path))
    n = sum(len(e.ids) for e in tok.encode_batch(text[:2000]))
    print("vocab", tok.get_vocab_size(), "chars/token", sum(map(len, text[:2000])) / n)
    bad = [w for w in data.ADJ + data.NOUN + " ".join(data.KIND).split() if len(tok.encode(" " + w).ids) != 1]
    print("words of more than one token:", bad)
    s = data.fact(*data.draw_facts(rng, 1, 0)[0])
    print(tok.encode(" " + s).tokens, tok.encode(data.suffix("What is the x?")).tokens)


if __name__ == "__main__":
    main()
