"""Training and evaluation data: book prose with planted facts, then questions about them.

What: reads the books, splits them into chapters (a middle block of each book is held out of training),
and mixes facts such as "The access code of the amber falcon is 71932." between the sentences.
Everything is seeded. Used by the other scripts; run nothing here.
"""
import collections
import pathlib
import random
import re

ADJ = ("amber azure bronze copper crimson golden silver scarlet violet emerald ivory purple gentle brave clever "
       "silent hidden frozen broken ancient humble noble rapid lonely hollow crooked curious dusty eager fancy "
       "fierce gloomy happy hasty jolly lively lucky merry mighty modest nervous patient playful polite proud quiet "
       "rusty sacred shy sleepy solemn spotted stormy stubborn sturdy tender wicked wild wise young").split()
NOUN = ("falcon badger beaver bishop captain castle cathedral cottage cousin dragon eagle engine forest fountain "
        "garden giraffe hammer harbor hermit island jaguar jester kettle knight ladder lantern leopard library "
        "lighthouse lizard market meadow mirror monkey museum orchard otter panther parrot pelican pilot pirate "
        "planet prince rabbit raven river sailor shepherd soldier sparrow spider statue temple tiger tower turtle "
        "valley walrus windmill").split()
KIND = ("access code", "room number", "locker number", "badge number", "vault code", "ticket number",
        "account number", "gate code")

BOS, EOS = "<|bos|>", "<|eos|>"


def fact(k, a, n, d):
    return f"The {k} of the {a} {n} is {d}."


def question(k, a, n):
    return f"What is the {k} of the {a} {n}?"


def suffix(q):
    """The text appended to the document to ask one question. The answer is " 12345" and then EOS."""
    return f"\nQuestion: {q}\nAnswer:"


def chapters(path):
    """A book as a list of chapters; a chapter is a list of paragraphs, unwrapped to one line each."""
    out, heading = [[]], re.compile(r"^(CHAPTER|Chapter|ADVENTURE) [0-9IVX]+\.?")
    text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace").replace("\r", "")
    text = text.replace("\u201c", '"').replace("\u201d", '"').replace("\u2018", "'").replace("\u2019", "'")
    for par in re.split(r"\n\s*\n", text):
        par = " ".join(par.replace("_", "").split())
        if not par:
            continue
        if heading.match(par):
            out.append([])
        out[-1].append(par)
    return [c for c in out if sum(map(len, c)) > 1500]


def books(folder, held_out):
    """All chapters of the training part, or of the held-out part (45 % to 70 % of each book's chapters)."""
    out = []
    for p in sorted(pathlib.Path(folder).glob("*.txt")):
        cs = chapters(p)
        lo, hi = int(len(cs) * .45), int(len(cs) * .70)
        out += cs[lo:hi] if held_out else cs[:lo] + cs[hi:]
    return out


def sentences(chapter):
    """Sentences of a chapter, each with the white space before it: '\n\n' starts a paragraph, ' ' goes on."""
    out = []
    for par in chapter:
        for i, s in enumerate(re.split(r"(?<=[.!?])(?<!Mr\.)(?<!Mrs\.)(?<!Dr\.)(?<!St\.) +(?=[A-Z\"'])", par)):
            out.append((" " if i else "\n\n") + s)
    return out


def draw_facts(rng, n, share, words=None):
    """n facts (kind, adjective, noun, digits), all different; each new one shares words with one before it
    with probability `share` (a distractor). With `words`, kinds and entities are open: any words of the list,
    and numbers of 3 to 7 digits."""
    seen, out = set(), []
    while len(out) < n:
        if words:
            k = rng.choice(KIND) if rng.random() < .5 else rng.choice(words) + rng.choice((" code", " number"))
            a, m = rng.choice(words), rng.choice(words)
        else:
            k, a, m = rng.choice(KIND), rng.choice(ADJ), rng.choice(NOUN)
        if out and rng.random() < share:
            k0, a0, m0, _ = rng.choice(out)
            mode = rng.randrange(4)
            if mode == 0: k, a = k0, a0
            elif mode == 1: k, m = k0, m0
            elif mode == 2: a, m = a0, m0
            else: k = k0
        if (k, a, m) not in seen:
            seen.add((k, a, m))
            size = rng.choice((3, 4, 4, 5, 5, 6, 7)) if words else 5
            out.append((k, a, m, "".join(rng.choice("0123456789") for _ in range(size))))
    return out


def wrap(s, width):
    """The sentence with about every width-th character's space turned into a line end, as in hard-wrapped text."""
    out, col = [], 0
    for w in s.split(" "):
        if col > width:
            out.append("\n"); col = 0
        elif out:
            out.append(" ")
        out.append(w); col += len(w) + 1
    return "".join(out)


class Stream:
    """Token-level samples for training. Concatenates ids of separately tokenised pieces, as the job does."""

    def __init__(self, tok, folder, seed, held_out=False):
        self.tok, self.rng = tok, random.Random(seed)
        self.bos, self.eos = tok.token_to_id(BOS), tok.token_to_id(EOS)
        text = [s for c in books(folder, held_out) for s in sentences(c)]
        ids = lambda t: [e.ids for e in tok.encode_batch(t, add_special_tokens=False)]
        self.plain, self.wrapped = ids(text), ids([wrap(s, 68) for s in text])
        count = collections.Counter(w for s in text for w in re.findall(r"\b[a-z]{3,10}\b", s))
        self.words = sorted(w for w, n in count.items() if 2 < n < 400)
        self.cache = {}

    def enc(self, s):
        if len(self.cache) > 200000:
            self.cache.clear()
        r = self.cache.get(s)
        if r is None:
            r = self.cache[s] = self.tok.encode(s, add_special_tokens=False).ids
        return r

    def sample(self, T, nf, nq, share=.5, prose=.1, max_pos=32768, pose=.7, open_=0., wrapped=0.):
        """One sequence of exactly T tokens: ids, positions, loss weights (of predicting the id at that place)
        and the place of the first token after the document."""
        rng = self.rng
        facts = draw_facts(rng, nf, share, self.words if rng.random() < open_ else None)
        hard = rng.random() < wrapped
        sents = self.wrapped if hard else self.plain
        self.last_facts = facts
        asked = rng.sample(facts, min(nq, nf))
        tail = []
        for k, a, m, d in asked:
            q = self.enc(suffix(question(k, a, m)))
            ans = self.enc(" " + d)
            tail.append((q + ans + [self.eos], [.02] * len(q) + [.2] + [1.0] * len(d) + [.5]))
        pieces = []
        for f in facts:
            t = fact(*f)
            if hard and rng.random() < .5:
                cut = rng.choice([i for i, ch in enumerate(t) if ch == " "])
                t = t[:cut] + "\n" + t[cut + 1:]
            ids = self.enc((" " if rng.random() < .85 else "\n\n") + t)
            n = len(f[3])
            w = [.03] * (len(ids) - n - 1) + [0.0] * n + [.03]
            pieces.append((ids, w))
        room = T - 1 - sum(len(p[0]) for p in pieces) - sum(len(t[0]) for t in tail)
        if room < 0:
            return self.sample(T, nf - 1, nq, share, prose, max_pos, pose, open_, wrapped)
        fill, i = [], rng.randrange(len(sents))
        while room > 0:
            s = sents[i % len(sents)][:room]
            if len(s) > 120: s = s[:120][:room]
            fill.append((s, [prose] * len(s)))
            room -= len(s)
            i += 1
        slots = sorted(rng.randrange(len(fill) + 1) for _ in pieces)
        doc, j = [], 0
        for i in range(len(fill) + 1):
            while j < len(pieces) and slots[j] == i:
                doc.append(pieces[j]); j += 1
            if i < len(fill):
                doc.append(fill[i])
        ids, w, pos, p = [self.bos], [0.0], [0], 1
        segs = doc + tail
        jumps = [0] * len(segs)
        if rng.random() < pose and max_pos > T:
            spare = int((max_pos - T) * rng.random() ** 1.5)
            for _ in range(rng.choice((1, 2, 4, 8))):
                take = int(spare * rng.random())
                jumps[rng.randrange(len(segs))] += take
                spare -= take
        start = 0
        for n, (s, sw) in enumerate(segs):
            if n == len(doc):
                start = len(ids)
            p += jumps[n]
            ids += s; w += sw
            pos += range(p, p + len(s))
            p += len(s)
        return ids, pos, w, start

    def document(self, tokens, nf, nq, share=.5, open_=0., wrapped=0.):
        """A document of `tokens` tokens (BOS included, without questions) and nq questions about it, as ids."""
        ids, _, _, start = self.sample(tokens, nf, 0, share, pose=0., open_=open_, wrapped=wrapped)
        assert start == 0
        asked = self.rng.sample(self.last_facts, nq)
        return {"ids": ids, "asked": [(self.enc(suffix(question(*f[:3]))), self.enc(" " + f[3]) + [self.eos])
                                      for f in asked]}
