"""Minimal Llama for CPU training: pure PyTorch, same arithmetic and parameter layout as Hugging Face's LlamaForCausalLM.

Why: the Hugging Face class spends a large part of a small model's step in Python and in unfused
operations. Used by train.py, evaluate.py and export.py; run nothing here.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 2048
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    head_dim: int = 64
    ffn: int = 640
    theta: float = 1e8
    max_pos: int = 32768
    eps: float = 1e-5


def rope_table(cfg):
    """cos and sin for every position, [max_pos, head_dim], in Hugging Face's half-split layout."""
    inv = 1.0 / (cfg.theta ** (torch.arange(0, cfg.head_dim, 2, dtype=torch.float32) / cfg.head_dim))
    ang = torch.outer(torch.arange(cfg.max_pos, dtype=torch.float32), inv)
    ang = torch.cat([ang, ang], dim=-1)
    return ang.cos(), ang.sin()


def rope(x, cos, sin):
    h = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., h:], x[..., :h]], dim=-1) * sin


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        a = c.heads * c.head_dim
        self.n1 = nn.Parameter(torch.ones(c.hidden))
        self.n2 = nn.Parameter(torch.ones(c.hidden))
        self.qkv = nn.Linear(c.hidden, 3 * a, bias=False)
        self.o = nn.Linear(a, c.hidden, bias=False)
        self.gate_up = nn.Linear(c.hidden, 2 * c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.hidden, bias=False)

    def forward(self, x, cos, sin, attend=None):
        c = self.c
        B, T, _ = x.shape
        h = F.rms_norm(x, (c.hidden,), self.n1, c.eps)
        q, k, v = self.qkv(h).view(B, T, 3, c.heads, c.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = rope(q, cos, sin), rope(k, cos, sin)
        if attend is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = attend(q, k, v)
        x = x + self.o(y.transpose(1, 2).reshape(B, T, -1))
        h = F.rms_norm(x, (c.hidden,), self.n2, c.eps)
        g, u = self.gate_up(h).chunk(2, dim=-1)
        return x + self.down(F.silu(g) * u)


class Llama(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.emb = nn.Embedding(cfg.vocab, cfg.hidden)
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.layers))
        self.norm = nn.Parameter(torch.ones(cfg.hidden))
        cos, sin = rope_table(cfg)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def hidden_states(self, ids, pos, attend=None):
        """ids, pos: [B, T]. attend: optional replacement of the attention, called as attend(layer)(q, k, v)."""
        cos, sin = self.cos[pos].unsqueeze(1), self.sin[pos].unsqueeze(1)
        x = self.emb(ids)
        for i, b in enumerate(self.blocks):
            x = b(x, cos, sin, None if attend is None else attend(i))
        return F.rms_norm(x, (self.cfg.hidden,), self.norm, self.cfg.eps)

    def logits(self, h):
        return F.linear(h, self.emb.weight)

    @torch.no_grad()
    def initialise(self, const=0.5):
        """Random init with a retrieval circuit sketched in, so that it need not be found by luck.

        Embedding dimension 0 is the same constant for every token, so a head can have a score that depends
        on the distance alone (Llama has no attention bias). Layer 0: two heads look one and two tokens back,
        two are soft windows over about ten tokens ("bag of recent words"); layers 1 and 2: one induction head
        (own token against the previous token at the key) and heads that match bag against bag in the slow,
        almost static RoPE pairs and copy the token they find.
        """
        c = self.cfg
        s, D, a, half = c.hidden ** -0.5, c.head_dim, c.heads * c.head_dim, c.head_dim // 2
        nn.init.normal_(self.emb.weight, std=s)
        self.emb.weight[:, 0] = const
        inv = 1.0 / (c.theta ** (torch.arange(0, D, 2, dtype=torch.float32) / D))
        slow = torch.cat([torch.arange(18, half), torch.arange(half + 18, D)])

        def ortho(n):                                   # n orthonormal rows that do not read the constant
            r = torch.zeros(n, c.hidden)
            nn.init.orthogonal_(r[:, 1:])
            return r

        for b in self.blocks:
            for w in (b.qkv.weight, b.gate_up.weight):
                nn.init.normal_(w, std=s)
            nn.init.normal_(b.o.weight, std=s / math.sqrt(2 * c.layers))
            nn.init.normal_(b.down.weight, std=c.ffn ** -0.5 / math.sqrt(2 * c.layers))

        def head(l, h):
            w, r = self.blocks[l].qkv.weight, slice(h * D, (h + 1) * D)
            return w[:a][r], w[a:2 * a][r], w[2 * a:][r], self.blocks[l].o.weight[:, r]

        def look_back(l, h, dist, sharp, read, write, gain):
            q, k, v, o = head(l, h)
            q.mul_(.1), k.mul_(.1)
            f = inv[:10] * dist
            q[:10, 0], q[half:half + 10, 0] = sharp * f.cos(), -sharp * f.sin()
            k[:10, 0], k[half:half + 10, 0] = sharp, 0.
            v.copy_(read), o.copy_(write.T * gain)

        def match(l, h, readq, readk, strength):
            q, k, v, o = head(l, h)
            m = torch.zeros(len(slow), D)
            nn.init.orthogonal_(m)
            q.mul_(.1), k.mul_(.1)
            q[slow], k[slow] = strength * m @ readq, strength * m @ readk
            r = ortho(D)
            v.copy_(r), o.copy_(r.T * .3)

        prev_r, prev_w, bag_r, bag_w = ortho(D), ortho(D), ortho(D), ortho(D)
        look_back(0, 0, 1, 1., prev_r, prev_w, .12)
        look_back(0, 1, 2, 1., ortho(D), ortho(D), .12)
        look_back(0, 2, 3, .35, bag_r, bag_w, .25)
        look_back(0, 3, 7, .25, bag_r, bag_w, .25)
        for l in (1, 2):
            match(l, 0, prev_r, prev_w, 1.7)
            for h in range(1, c.heads):
                match(l, h, bag_w, bag_w, 1.7)
        for h in range(c.heads):
            q, k, _, _ = head(3, h)
            k[slow] = q[slow]
