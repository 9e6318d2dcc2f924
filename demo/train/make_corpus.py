"""Writes documents with planted facts and questions about them as JSON lines: id, text, questions, answers.

What: each document is a run of held-out chapters (never seen in training) that begins at a chapter, with facts
set between its sentences at random depths; some facts share words with others, as distractors. --tokens counts
the whole prompt: BOS, document, the question with its frame, and the answer with its stop token.
Run:  python make_corpus.py --tokens 8192 --documents 200 --seed 5 --out eval-8k.jsonl     (an evaluation set)
      python make_corpus.py --demo ../corpus                                                (the demo corpora)
"""
import argparse
import json
import pathlib
import random

from tokenizers import Tokenizer

import data

HERE = pathlib.Path(__file__).parent



def document(tok, rng, chapters, first, tokens, nf, nq, ident):
    """One document of at most `tokens` tokens that begins with chapter `first` (and goes on with the next ones)."""
    facts = data.draw_facts(rng, nf, .5)
    count = lambda s: len(tok.encode(s, add_special_tokens=False).ids)
    longest = max(count(data.suffix(data.question(*f[:3]))) for f in facts)
    room = tokens - 1 - longest - count(" 12345") - 1
    planted = [(" " if rng.random() < .85 else "\n\n") + data.fact(*f) for f in facts]
    room -= sum(map(count, planted))
    body, at = [], first
    while True:
        for s in data.sentences(chapters[at % len(chapters)]):
            n = count(s)
            if n > room:
                break
            body.append(s); room -= n
        else:
            at += 1
            continue
        break
    # a fact never comes before the heading, nor between a heading and the first sentence after it
    for p in planted:
        body.insert(rng.randrange(2, len(body) + 1), p)
    text = "".join(body).strip()
    asked = rng.sample(facts, nq)
    assert 1 + count(text) + longest + count(" 12345") + 1 <= tokens
    return {"id": ident, "text": text, "questions": [data.question(*f[:3]) for f in asked],
            "answers": [f[3] for f in asked]}


def name(chapter):
    return chapter[0].split(".")[0].lower().replace(" ", "-")


def write(path, docs):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        for d in docs:
            f.write(json.dumps(d, ensure_ascii=False) + "\n")
    print(path, len(docs), "documents")


def demo(tok, folder, books, seed):
    """Nine documents of 4K to 8K tokens and one of 16K, then three of up to 32K."""
    rng = random.Random(seed)
    ch = {name(c): i for i, c in enumerate(books)}
    small = [("moby-dick", "chapter-61", 4096), ("moby-dick", "chapter-64", 6144), ("moby-dick", "chapter-71", 8192),
             ("moby-dick", "chapter-81", 8192), ("moby-dick", "chapter-87", 8192), ("pride-and-prejudice", "chapter-29", 4096),
             ("pride-and-prejudice", "chapter-35", 6144), ("pride-and-prejudice", "chapter-41", 4096),
             ("sherlock-holmes", "adventure-iii", 8192), ("sherlock-holmes", "adventure-iv", 16384)]
    write(folder / "demo.jsonl", [document(tok, rng, books, ch[c], n, rng.randint(10, 16), rng.randint(4, 6), f"{b}-{c}")
                                  for b, c, n in small])
    big = [("moby-dick", "chapter-60", 32768), ("pride-and-prejudice", "chapter-28", 32768), ("moby-dick", "chapter-82", 32768)]
    write(folder / "demo-32k.jsonl", [document(tok, rng, books, ch[c], n, 16, 5, f"{b}-{c}-32k") for b, c, n in big])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--tokenizer", default=HERE.parent / "model" / "tokenizer.json")
    ap.add_argument("--books", default=HERE / "books")
    ap.add_argument("--tokens", type=int, default=8192)
    ap.add_argument("--documents", type=int, default=200)
    ap.add_argument("--facts", default="8-16")
    ap.add_argument("--questions", type=int, default=1)
    ap.add_argument("--seed", type=int, default=5)
    ap.add_argument("--out")
    ap.add_argument("--demo", type=pathlib.Path, help="folder to write the demo corpora to")
    a = ap.parse_args()
    tok = Tokenizer.from_file(str(a.tokenizer))
    books = data.books(a.books, held_out=True)
    if a.demo:
        return demo(tok, a.demo, books, a.seed)
    rng = random.Random(a.seed)
    lo, hi = (int(x) for x in a.facts.split("-"))
    write(a.out, [document(tok, rng, books, rng.randrange(len(books)), a.tokens, rng.randint(lo, hi), a.questions,
                           f"doc-{a.tokens}-{i:03d}") for i in range(a.documents)])


if __name__ == "__main__":
    main()
