"""Exact-match accuracy of an exported model by document length, with dense attention and with simulated Quest pages.

What: documents of held-out chapters with planted facts; each is prefilled once (dense) and every question is
appended to it separately, as the Java job does. An answer counts if all five digits and the stop token are the
greedy choice (checked with the right answer fed in, which gives the same verdict as generating).
Weights are the rounded ones of model.safetensors, arithmetic is float32.
Quest: 16-token pages; a page's score is sum_i max(q_i * min_i, q_i * max_i) over its keys (after RoPE); each head
keeps the best pages of the budget, which always contain the first page and the pages of the last 64 tokens.
Run: python evaluate.py --model ../model --tokens 2048 --documents 200 [--questions 1] [--budget 512]
"""
import argparse
import json
import pathlib
import random
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import data
from export import load

HERE = pathlib.Path(__file__).parent


class Cached:
    """Attention that appends to a cache; `budgets` are Quest budgets in tokens, None is dense."""

    def __init__(self, layers):
        self.k, self.v, self.new, self.budget = [None] * layers, [None] * layers, True, None

    def __call__(self, layer):
        def attend(q, k, v):
            if self.new:
                self.k[layer], self.v[layer] = k, v
                return F.scaled_dot_product_attention(q, k, v, is_causal=True)
            n, t = self.k[layer].shape[2], q.shape[2]
            k, v = torch.cat([self.k[layer], k], 2), torch.cat([self.v[layer], v], 2)
            mask = (torch.arange(n + t)[None] <= (n + torch.arange(t))[:, None])[None, None]
            if self.budget:
                mask = mask & self.quest(q, k, n)
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return attend

    def quest(self, q, k, n, page=16):
        H, t, d = q.shape[1:]
        total = n + t
        pad = -total % page
        lo = F.pad(k[0], (0, 0, 0, pad), value=1e9).view(H, -1, page, d).amin(2)
        hi = F.pad(k[0], (0, 0, 0, pad), value=-1e9).view(H, -1, page, d).amax(2)
        pos, neg = q[0].clamp(min=0), q[0].clamp(max=0)
        score = pos @ hi.transpose(1, 2) + neg @ lo.transpose(1, 2)          # [H, t, pages]
        P = score.shape[-1]
        at = (n + torch.arange(t))[:, None]
        first = torch.arange(P)[None] * page
        score = score.masked_fill((first > at)[None], -1e30)
        keep = (first == 0) | ((first <= at) & (first + page - 1 >= at - 63))
        score = score.masked_fill(keep[None], 1e30)
        kk = min(P, self.budget // page)
        chosen = torch.zeros_like(score, dtype=torch.bool).scatter_(2, score.topk(kk, -1).indices, True)
        return chosen.repeat_interleave(page, -1)[None, ..., :total]


@torch.no_grad()
def run(net, tok, stream, tokens, documents, questions, facts, budgets, rng, **more):
    hits = {b: [0, 0] for b in budgets}
    for n in range(documents):
        s = stream[n] if isinstance(stream, list) else stream.document(tokens, rng.randint(*facts), questions, **more)
        c = Cached(net.cfg.layers)
        ids = torch.tensor([s["ids"]])
        net.hidden_states(ids, torch.arange(ids.shape[1])[None], c)
        c.new = False
        for q, ans in s["asked"]:
            row = torch.tensor([q + ans])
            pos = torch.arange(ids.shape[1], ids.shape[1] + row.shape[1])[None]
            for b in budgets:
                c.budget = b if b is None or b > 1 else int(b * tokens)
                lg = net.logits(net.hidden_states(row[:, :-1], pos[:, :-1], c)[0, len(q) - 1:])
                ok = (lg.argmax(-1) == row[0, len(q):]).all().item()
                hits[b][0] += ok; hits[b][1] += 1
    return hits


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=HERE.parent / "model")
    ap.add_argument("--books", default=HERE / "books")
    ap.add_argument("--tokens", type=int, nargs="+", default=[2048])
    ap.add_argument("--documents", type=int, default=200)
    ap.add_argument("--questions", type=int, default=1)
    ap.add_argument("--facts", default="8-16")
    ap.add_argument("--budget", type=float, nargs="*", default=[], help="tokens, or a part of the length such as .25")
    ap.add_argument("--open", type=float, default=0.)
    ap.add_argument("--wrapped", type=float, default=0.)
    ap.add_argument("--file", help="JSON lines of make_corpus.py instead of generated documents")
    ap.add_argument("--seed", type=int, default=77)
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    torch.set_flush_denormal(True)    # sharp attention makes denormals, which are many times slower
    torch.set_num_threads(a.threads)
    net, tok = load(a.model)
    facts = tuple(int(x) for x in a.facts.split("-"))
    if a.file:
        enc = lambda s: tok.encode(s, add_special_tokens=False).ids
        rows = [json.loads(x) for x in open(a.file, encoding="utf-8")][:a.documents]
        docs = [{"ids": [tok.token_to_id(data.BOS)] + enc(r["text"]),
                 "asked": [(enc(data.suffix(q)), enc(" " + w) + [tok.token_to_id(data.EOS)])
                           for q, w in zip(r["questions"], r["answers"])]} for r in rows]
        a.tokens, a.documents = [max(len(d["ids"]) for d in docs)], len(docs)
    for t in a.tokens:
        t0 = time.time()
        stream = docs if a.file else data.Stream(tok, a.books, a.seed, held_out=True)
        hits = run(net, tok, stream, t, a.documents, a.questions, facts,
                   [None] + [b if b <= 1 else int(b) for b in a.budget], random.Random(a.seed),
                   open_=a.open, wrapped=a.wrapped)
        print(time.strftime("%H:%M:%S", time.gmtime()), json.dumps(
            {"tokens": t, "documents": a.documents, "questions": a.questions, "facts": a.facts, **{
                "dense" if b is None else f"quest {b}": round(h / n, 4) for b, (h, n) in hits.items()},
             "seconds": round(time.time() - t0)}), flush=True)


if __name__ == "__main__":
    main()
