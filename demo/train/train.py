"""Trains the model for one phase (one line of schedule.sh) and saves WORK/last.pt; resumes from it.

A phase is a sequence length, a batch, a range of facts and of questions, and a learning rate that goes
linearly from --lr to --lr-end after a warm-up. The loss is the mean next-token loss, weighted: answers 1,
prose --prose, questions .02, the digits inside facts 0 (they are random). The log has one line every
--every steps: loss, accuracy of the first digit, of all digits and of whole answers in training batches
(every batch is fresh data), tokens per second.
Run: python train.py --work WORK --len 320 --batch 24 --facts 8-10 --questions 8 --steps 800 --lr 2e-3
"""
import argparse
import json
import os
import pathlib
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import data
from model import Config, Llama

HERE = pathlib.Path(__file__).parent


def batch_of(stream, a, rng):
    lo, hi = a.facts
    nf = rng.randint(lo, hi)
    nq = min(nf, rng.randint(*a.questions))
    rows = [stream.sample(a.len + 1, nf, nq, a.share, a.prose, pose=a.pose, open_=a.open, wrapped=a.wrapped) for _ in range(a.batch)]
    ids = torch.tensor([r[0] for r in rows])
    pos = torch.tensor([r[1] for r in rows])
    w = torch.tensor([r[2] for r in rows])
    return ids, pos, w


def main():
    span = lambda s: tuple(int(x) for x in (s.split("-") * 2)[:2])
    ap = argparse.ArgumentParser()
    ap.add_argument("--books", default=HERE / "books")
    ap.add_argument("--work", required=True)
    ap.add_argument("--len", type=int, required=True)
    ap.add_argument("--batch", type=int, required=True)
    ap.add_argument("--facts", type=span, required=True)
    ap.add_argument("--questions", type=span, required=True)
    ap.add_argument("--steps", type=int, required=True)
    ap.add_argument("--lr", type=float, required=True)
    ap.add_argument("--lr-end", type=float)
    ap.add_argument("--warmup", type=int, default=50)
    ap.add_argument("--share", type=float, default=.5)
    ap.add_argument("--open", type=float, default=0., help="part of the samples whose facts use any words")
    ap.add_argument("--wrapped", type=float, default=0., help="part of the samples that are hard-wrapped")
    ap.add_argument("--prose", type=float, default=.1)
    ap.add_argument("--pose", type=float, default=.7)
    ap.add_argument("--until", type=float, default=2., help="stop early at this running accuracy of digits")
    ap.add_argument("--minutes", type=float, default=1e9, help="stop after this time")
    ap.add_argument("--bf16", action="store_true")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--every", type=int, default=10)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--fresh", action="store_true")
    a = ap.parse_args()
    import random
    torch.set_flush_denormal(True)    # sharp attention makes denormals, which are many times slower
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    work = pathlib.Path(a.work)
    cfg = Config()
    net = Llama(cfg)
    net.initialise()
    opt = torch.optim.AdamW(
        [{"params": [p for p in net.parameters() if p.ndim == 2 and p is not net.emb.weight], "weight_decay": .05},
         {"params": [p for p in net.parameters() if p.ndim == 1 or p is net.emb.weight], "weight_decay": 0.}],
        lr=a.lr, betas=(.9, .98), eps=1e-9, fused=True)
    total = {"step": 0, "tokens": 0, "seconds": 0.}
    if (work / "last.pt").exists() and not a.fresh:
        s = torch.load(work / "last.pt")
        net.load_state_dict(s["net"]); opt.load_state_dict(s["opt"]); total = s["total"]
    stream = data.Stream(Tokenizer.from_file(str(work / "tokenizer.json")), a.books, a.seed * 1000003 + total["step"])
    rng = random.Random(a.seed + total["step"])
    log = open(work / "train.log", "a")
    say = lambda s: (print(s, flush=True), print(s, file=log, flush=True))
    say(time.strftime("%H:%M:%S", time.gmtime()) + " phase " + json.dumps(vars(a), default=str))

    def save():
        torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "total": total}, work / "tmp.pt")
        os.replace(work / "tmp.pt", work / "last.pt")

    ema, t0, saved, mark, acc = None, time.time(), time.time(), time.time(), []
    end = a.lr if a.lr_end is None else a.lr_end
    for step in range(a.steps):
        begun = time.time()
        frac = max(step / a.steps, (begun - t0) / 60 / a.minutes)
        for g in opt.param_groups:
            g["lr"] = min(1., (step + 1) / a.warmup) * (a.lr + (end - a.lr) * frac)
        ids, pos, w = batch_of(stream, a, rng)
        x, y, w = ids[:, :-1], ids[:, 1:], w[:, 1:]
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            h = net.hidden_states(x, pos[:, :-1])
            pick = w > 0
            lg = net.logits(h[pick])
        ce = F.cross_entropy(lg.float(), y[pick], reduction="none")
        ww = w[pick]
        loss = (ce * ww).sum() / ww.sum()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.)
        opt.step()
        with torch.no_grad():
            d, dm = ww == 1, w == 1
            starts = (dm & ~F.pad(dm, (1, 0))[:, :-1])[dm]        # first digits; their running count names the answer
            ok = (lg[d].argmax(-1) == y[pick][d]).float()
            exact = torch.ones(int(starts.sum())).index_reduce(0, starts.cumsum(0) - 1, ok, "amin")
            pr = ww == torch.tensor(a.prose)
            now = torch.tensor([loss.item(), ce[d].mean(), ok[starts].mean(), ok.mean(), exact.mean(),
                                ce[pr].mean() if pr.any() else 0., float(norm)])
        acc.append(now)
        total["step"] += 1; total["tokens"] += x.numel(); total["seconds"] += time.time() - begun
        ema = now[3].item() if ema is None else .9 * ema + .1 * now[3].item()
        if (step + 1) % a.every == 0:
            m = torch.stack(acc).mean(0).tolist(); acc = []
            say("%s step %d loss %.3f answer %.3f first %.3f digits %.3f exact %.3f prose %.2f norm %.2f tok/s %d tokens %.2fM"
                % (time.strftime("%H:%M:%S", time.gmtime()), total["step"], *m,
                   a.every * x.numel() / (time.time() - mark), total["tokens"] / 1e6))
            mark = time.time()
        if time.time() - saved > 120:
            save(); saved = time.time()
        if (ema > a.until and step > 20) or time.time() - t0 > a.minutes * 60:
            break
    save()
    say(time.strftime("%H:%M:%S", time.gmtime()) + " end of phase " + json.dumps(total))


if __name__ == "__main__":
    main()
