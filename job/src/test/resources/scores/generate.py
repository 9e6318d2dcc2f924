"""Writes pairs.json: answers, references and expected scores, from implementations of its own.

Every metric is written down here from its definition a second time (recursion instead of tables, counters instead
of loops), and where a library has it, that one is asked too and must agree: rapidfuzz gives the edit similarity and
the length of the longest common subsequence; difflib's ratio, from matching runs, bounds the similarity from below.

Run:  python generate.py        (needs rapidfuzz; writes pairs.json beside itself)
"""
import collections
import difflib
import functools
import json
import pathlib
import random
import re
import string
import sys

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

sys.setrecursionlimit(10000)


def normal(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(p, r):
    a, b = normal(p).split(), normal(r).split()
    same = sum((collections.Counter(a) & collections.Counter(b)).values())
    return 0.0 if not same else 2 * (same / len(a)) * (same / len(b)) / (same / len(a) + same / len(b))


def subsequence(x, y):
    """One longest common subsequence, by memoised recursion from the ends; a tie drops a word of y."""
    @functools.lru_cache(None)
    def size(i, j):
        if not i or not j:
            return 0
        return size(i - 1, j - 1) + 1 if x[i - 1] == y[j - 1] else max(size(i - 1, j), size(i, j - 1))

    def walk(i, j):
        if not i or not j:
            return []
        if x[i - 1] == y[j - 1]:
            return walk(i - 1, j - 1) + [x[i - 1]]
        return walk(i - 1, j) if size(i - 1, j) > size(i, j - 1) else walk(i, j - 1)
    return walk(len(x), len(y))


def rouge_sentence(p, r):
    words = lambda s: re.sub(r"[^a-z0-9]+", " ", s.lower()).split()
    a, b = words(p), words(r)
    if not a or not b:
        return 0.0
    same = LCSseq.similarity(a, b)                     # second library
    assert same == len(subsequence(tuple(b), tuple(a)))
    return 0.0 if not same else 2 * (same / len(a)) * (same / len(b)) / (same / len(a) + same / len(b))


def rouge(p, r):
    sents = lambda s: [" ".join(x.split()) for x in s.split(".") if x]
    hyp, ref = sents(p), sents(r)
    n, m = len({w for s in hyp for w in s.split()}), len({w for s in ref for w in s.split()})
    if not n or not m:
        return 0.0
    union = set()
    for t in ref:
        for s in hyp:
            union |= set(subsequence(tuple(t.split()), tuple(s.split())))
    pr, rc = len(union) / n, len(union) / m
    return 2.0 * ((pr * rc) / (pr + rc + 1e-8))


def classification(p, r, classes):
    found = [c for c in classes if c in p]
    for term in found:
        if term in r and term != r:
            found.remove(term)
    return 1.0 / len(found) if r in found else 0.0


def share(p, n):
    numbers = re.findall(r"\d+", p)
    return sum(x == n for x in numbers) / len(numbers) if numbers else 0.0


def retrieval(p, r):
    return share(p, re.findall(r"(?:Paragraph |段落)(\d+)", r)[0])


def code_sim(p, r):
    line = next((s for s in p.lstrip("\n").split("\n") if "`" not in s and "#" not in s and "//" not in s), "")
    if line == r:
        return 1.0
    if not line or not r:
        return 0.0
    percent = round(fuzz.ratio(line, r))
    assert difflib.SequenceMatcher(None, line, r, autojunk=False).ratio() * 100 <= percent + 1
    return int(percent) / 100


def first_integer(p, r):
    found = re.search(r"\d+", p)
    return float(found is not None and int(found.group()) == int(r))


ONE = {"exact": lambda p, r: float(p.strip() == r.strip()), "normalized_exact": lambda p, r: float(normal(p) == normal(r)),
       "f1": f1, "rouge_l": rouge, "rouge_l_sentence": rouge_sentence, "retrieval": retrieval, "count": share,
       "code_sim": code_sim, "first_integer": first_integer}


def score(metric, p, refs, classes):
    if metric == "classification":
        return max(classification(p, r, classes) for r in refs)
    if metric == "match_all":
        return sum(r.lower() in p.lower() for r in refs) / len(refs)
    if metric == "match_part":
        return float(any(r.lower() in p.lower() for r in refs))
    return max(ONE[metric](p, r) for r in refs)


TEXTS = ["", " ", "The", "the an a", "The access code is 71932.", "71932", " 71932\n", "It's the captain's log, isn't it?",
         "A whale; a white whale! The whale.", "an apple a day keeps the doctor away", "Äpfel und Öl", "ÄPFEL und öl",
         "der Straße nach", "DER STRASSE NACH", "naïve café", "nai\u0308ve cafe\u0301", "Θάλασσα ΟΔΥΣΣΕΥΣ", "θάλασσα οδυσσευς",
         "日本語のテキスト", "日本語 の テキスト", "答案是北京。", "北京", "emoji 🐋 whale 🐋🐋", "🐋", "non\u00a0breaking\u2003space\u3000here",
         "zero\u200bwidth", "tabs\tand\nlines\r\nmixed", "quotes \u201ccurly\u201d \u2018and\u2019 dashes \u2014 too", "ab-cd_ef", "x_the_y the z",
         "one. two. three.", "three. two. one", "one two three two one", "two one two", "a.b.c", "...", ". . .", "Yes", "yes.", "No, never",
         "Call me Ishmael. Some years ago - never mind how long precisely - I thought I would sail about a little.",
         "Some years ago Ishmael thought he would sail a little and see the watery part of the world.",
         "The sea was calm. The captain slept. Nobody spoke. The captain woke and the sea was no longer calm.",
         "The captain slept while the sea was calm. Then the sea rose.", "1 22 333 4444", "vingt-deux", "İstanbul", "istanbul", "ﬁsh ﬁn"]
CODE = ["return x + 1", "    return x + 1", "return x+1;", "# comment\nreturn x + 1", "```python\nreturn y\n```", "\n\nfor i in range(10):",
        "for (int i = 0; i < n; i++) {", "// note\n/* block */ foo();", "", "self.assertEqual(größe, 3)", "print('🐋')", "print('🐳')",
        "#!/bin/sh\n# only\n// comments"]
NUMBERS = ["Paragraph 7", "The answer is Paragraph 17, not 7.", "7", "paragraph seven", "7 7 7 8", "", "It is 12 of 12", "٧", "007", "12"]
CLASSES = ["Location", "Human being", "Number of something", "Number", "Description of something", "Manner of an action",
           "Abbreviation", "Expression abbreviated", "Human", "Other number", "date"]


def main():
    rng = random.Random(11)
    cases = []

    def add(metric, p, refs, classes=()):
        cases.append({"metric": metric, "prediction": p, "references": list(refs), "classes": list(classes),
                      "expected": score(metric, p, refs, list(classes))})
    vocabulary = "the a whale sea Ahab ship. ship and, white black - 42 7 été große 海 sail. sailed an".split()
    phrase = lambda: " ".join(rng.choices(vocabulary, k=rng.randrange(0, 25)))
    for metric in ("exact", "normalized_exact", "f1", "rouge_l", "rouge_l_sentence", "match_all", "match_part"):
        for _ in range(45):
            add(metric, rng.choice(TEXTS), rng.sample(TEXTS, rng.choice((1, 1, 2, 3))))
        for t in TEXTS[::4]:
            add(metric, t, [t])
        for _ in range(25):
            add(metric, phrase(), [phrase() for _ in range(rng.choice((1, 2)))])
    for p in CODE:
        for r in rng.sample(CODE, 6):
            add("code_sim", p, [r])
    for p in NUMBERS:
        for r in ("Paragraph 7", "Paragraph 17", "段落12"):
            add("retrieval", p, [r])
        for r in ("7", "12", "0"):
            add("count", p, [r])
        for r in ("7", "17", " 12"):
            add("first_integer", p, [r])
    for _ in range(60):
        p = " or ".join(rng.sample(CLASSES, rng.randrange(0, 4))) + rng.choice(("", ".", "\nNext"))
        add("classification", p, rng.sample(CLASSES, rng.choice((1, 1, 2))), CLASSES)
    path = pathlib.Path(__file__).with_name("pairs.json")
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
    path.write_text("[\n" + lines + "\n]\n", encoding="utf-8", newline="\n")
    print(len(cases), "pairs,", sum(0 < c["expected"] < 1 for c in cases), "of them strictly between 0 and 1")


if __name__ == "__main__":
    main()
