"""The tiny decoders that the DeepSpeed fixtures were trained with: plain, pipelined, and of transformers."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from parallel_layers import (ColumnLinear, Cut, Embedding, Head, Norm, Par, RowLinear, copy_in, describe, logits, make_param, whole_init)


class Attention(nn.Module):
    def __init__(self, m, tag, par):
        super().__init__()
        self.m, self.par = m, par
        heads, kv, width = m["heads"], m["kv"], m["hidden"] // m["heads"]
        q, k = heads * width, kv * width
        grain = (heads // kv) * width  # a key/value head and its query heads stay together
        bias = m.get("bias", False)
        if m.get("fused", True):
            self.qkv = ColumnLinear(m, tag + ".qkv", m["hidden"], (q, k, k), (grain, width, width), par, bias)
        else:
            self.q = ColumnLinear(m, tag + ".q", m["hidden"], (q,), (grain,), par, bias)
            self.k = ColumnLinear(m, tag + ".k", m["hidden"], (k,), (width,), par, bias)
            self.v = ColumnLinear(m, tag + ".v", m["hidden"], (k,), (width,), par, bias)
        self.o = RowLinear(m, tag + ".o", q, m["hidden"], grain, par, bias)
        if m.get("average"):
            self.q_gain = make_param(m, tag + ".q_gain", (width,), Cut("average"), par)
        t = m["seq"]
        self.register_buffer("mask", torch.ones(t, t, dtype=torch.bool).tril())
        self.register_buffer("position", (torch.arange(t).float()[:, None] / 7.0 ** (torch.arange(width).float() / width)).cos())

    def forward(self, x):
        b, t, _ = x.shape
        width = self.m["hidden"] // self.m["heads"]
        x = copy_in(x, self.par)
        if hasattr(self, "qkv"):
            q, k, v = self.qkv(x).split(self.qkv.local_parts, -1)
        else:
            q, k, v = self.q(x), self.k(x), self.v(x)
        q = q.view(b, t, -1, width)
        if hasattr(self, "q_gain"):
            q = q * self.q_gain
        k, v = k.view(b, t, -1, width), v.view(b, t, -1, width)
        repeats = q.shape[2] // k.shape[2]
        k, v = k.repeat_interleave(repeats, 2), v.repeat_interleave(repeats, 2)
        position = self.position[:t, None]
        scores = torch.einsum("bqhd,bkhd->bhqk", q * position, k * position) / math.sqrt(width)
        scores = scores.float().masked_fill(~self.mask[:t, :t], -1e4).softmax(-1).to(v.dtype)
        return self.o(torch.einsum("bhqk,bkhd->bqhd", scores, v).reshape(b, t, -1))


class Mlp(nn.Module):
    def __init__(self, m, tag, par):
        super().__init__()
        self.par = par
        f = m["ffn"]
        if m.get("fused", True):
            self.gate_up = ColumnLinear(m, tag + ".gate_up", m["hidden"], (f, f), (1, 1), par)
        else:
            self.gate = ColumnLinear(m, tag + ".gate", m["hidden"], (f,), (1,), par)
            self.up = ColumnLinear(m, tag + ".up", m["hidden"], (f,), (1,), par)
        self.down = RowLinear(m, tag + ".down", f, m["hidden"], 1, par, m.get("bias", False))

    def forward(self, x):
        x = copy_in(x, self.par)
        gate, up = self.gate_up(x).chunk(2, -1) if hasattr(self, "gate_up") else (self.gate(x), self.up(x))
        return self.down(F.silu(gate) * up)


class Mix(nn.Module):
    """Dense mixture: one 2-D weight that holds E matrices [F, H], cut on F inside every expert."""

    def __init__(self, m, tag, par):
        super().__init__()
        self.experts, self.par = m["mix"], par
        e, f, h = m["mix"], m["mix_ffn"], m["hidden"]
        self.up = make_param(m, tag + ".up", (e * f, h), Cut("parts", 1, [par.split(f)], view=(e, f, h)), par)
        self.down = RowLinear(m, tag + ".down", f, h, 1, par)

    def forward(self, x):
        y = F.linear(copy_in(x, self.par), self.up)
        return self.down(F.silu(y.unflatten(-1, (self.experts, -1))).mean(-2))


class Block(nn.Module):
    def __init__(self, m, tag, par):
        super().__init__()
        self.norm1, self.norm2 = Norm(m, tag + ".norm1", m["hidden"]), Norm(m, tag + ".norm2", m["hidden"])
        self.attn = Attention(m, tag + ".attn", par)
        self.mlp = make_moe(m) if m.get("moe") else Mlp(m, tag + ".mlp", par)
        if m.get("mix"):
            self.mix = Mix(m, tag + ".mix", par)
        self.gain = make_param(m, tag + ".gain", (1,))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.seen += 1
        x = x + self.attn(self.norm1(x)) * self.gain
        y = self.mlp(self.norm2(x))
        y = y[0] if isinstance(y, tuple) else y
        if hasattr(self, "mix"):
            y = y + self.mix(self.norm2(x))
        return x + y


def loss_of(vocab):
    def loss(out, labels):
        return F.cross_entropy(out[..., :vocab].float().flatten(0, 1), labels.flatten())

    return loss


class Decoder(nn.Module):
    def __init__(self, m, par):
        super().__init__()
        self.m = m
        self.embed = Embedding(m, "embed", par)
        self.layers = nn.ModuleList(Block(m, f"layers.{i}", par) for i in range(m["layers"]))
        self.norm = Norm(m, "norm", m["hidden"])
        self.head = Head(m, "head", par)
        if m.get("tied"):
            self.head.weight = self.embed.weight
        for name, p in self.named_parameters():
            if name in m.get("frozen", ()):
                p.requires_grad_(False)
            if not hasattr(p, "case_tag"):  # experts of deepspeed.moe
                describe(p, name, p.shape, Cut("replicated"), Par())

    def forward(self, ids, labels):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return loss_of(self.m["vocab"])(self.head(self.norm(x)), labels)


class Expert(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.up = nn.Linear(m["hidden"], m["moe_ffn"], bias=True)
        self.down = nn.Linear(m["moe_ffn"], m["hidden"], bias=False)

    def forward(self, x):
        return self.down(F.silu(self.up(x)))


def make_moe(m):
    from deepspeed.moe.layer import MoE
    torch.manual_seed(m["seed"] + 1000 * torch.distributed.get_rank())
    return MoE(m["hidden"], Expert(m), num_experts=m["moe"], ep_size=m["ep"], k=1, capacity_factor=4.0, min_capacity=0,
               use_rts=False, use_residual=False)


class EmbeddingPipe(Embedding):
    pass


def tied_head(module, x):
    return logits(module.weight, x, module.par)


def pipe_layers(m, par):
    """The decoder as a list of pipeline layers."""
    from deepspeed.pipe import LayerSpec, TiedLayerSpec
    blocks = [LayerSpec(Block, m, f"layers.{i}", par) for i in range(m["layers"])]
    norm = LayerSpec(Norm, m, "norm", m["hidden"])
    if m.get("tied"):
        first = TiedLayerSpec("embed", EmbeddingPipe, m, "embed", par)
        last = TiedLayerSpec("embed", EmbeddingPipe, m, "embed", par, forward_fn=tied_head)
    else:
        first, last = LayerSpec(EmbeddingPipe, m, "embed", par), LayerSpec(Head, m, "head", par)
    return [first, *blocks, norm, last]


def llama(m):
    """transformers' Llama, for DeepSpeed to cut by AutoTP."""
    from transformers import LlamaConfig, LlamaForCausalLM
    config = LlamaConfig(vocab_size=m["vocab"], hidden_size=m["hidden"], intermediate_size=m["ffn"],
                         num_hidden_layers=m["layers"], num_attention_heads=m["heads"], num_key_value_heads=m["kv"],
                         max_position_embeddings=64, tie_word_embeddings=False, use_cache=False, attn_implementation="eager")
    return filled(LlamaForCausalLM(config), m)


def mixtral(m):
    """transformers' Mixtral, for DeepSpeed to cut by AutoEP."""
    from transformers import MixtralConfig, MixtralForCausalLM
    config = MixtralConfig(vocab_size=m["vocab"], hidden_size=m["hidden"], intermediate_size=m["moe_ffn"],
                           num_hidden_layers=m["layers"], num_attention_heads=m["heads"], num_key_value_heads=m["kv"],
                           num_local_experts=m["moe"], num_experts_per_tok=2, max_position_embeddings=64,
                           tie_word_embeddings=False, use_cache=False, attn_implementation="eager")
    return filled(MixtralForCausalLM(config), m)


def filled(model, m):
    torch.manual_seed(m["seed"])
    for name, p in model.named_parameters():
        p.data.copy_(whole_init(name, tuple(p.shape), m["seed"]))
        p.case_shape = tuple(p.shape)
    return model


def describe_autotp(model, m, par):
    """Finds, for each piece that AutoTP cut, the axis that shrank."""
    sizes = {n: tuple(getattr(p, "ds_shape", p.shape)) for n, p in model.named_parameters()}
    wholes = {n: tuple(p.shape) for n, p in llama(m).named_parameters()}
    every = [None] * par.size
    torch.distributed.all_gather_object(every, sizes, group=par.group)
    for name, p in model.named_parameters():
        whole = wholes[name]
        axes = [axis for axis in range(len(whole)) if sizes[name][axis] != whole[axis]]
        assert len(axes) <= 1, name
        cut = Cut("parts", axes[0], [[e[name][axes[0]] for e in every]]) if axes else Cut("replicated")
        describe(p, name, whole, cut, par)


def describe_autoep(model, ep_rank, ep):
    """AutoEP keeps E/ep experts of every fused expert weight [E, ., .]."""
    for name, p in model.named_parameters():
        shape = tuple(getattr(p, "ds_shape", p.shape))
        if ".experts.w" in name:
            whole = (shape[0] * ep, *shape[1:])
            describe(p, name, whole, Cut("parts", 0, [[shape[0]] * ep]), Par(ep_rank, ep))
        else:
            describe(p, name, shape, Cut("replicated"), Par())
