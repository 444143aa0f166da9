"""Layers that are cut over tensor-parallel ranks and remember how.

Every parameter keeps the index map of its piece: for each element, its position in the whole tensor, -1 for padding.
So a whole tensor is put back without any merge rule, name pattern or file. The layers are those that the fixtures
under engine/src/test/resources/fixtures/deepspeed were trained with.
"""
import math
import zlib

import torch
import torch.nn.functional as F
from torch import nn


class Par:
    """The tensor-parallel context a layer is built in."""

    def __init__(self, rank=0, size=1, group=None):
        self.rank, self.size, self.group = rank, size, group

    def split(self, n, grain=1):
        """Near-even split of n in units of `grain`; the first ranks take the remainder."""
        units = n // grain
        assert units * grain == n
        return [grain * (units // self.size + (r < units % self.size)) for r in range(self.size)]


class Cut:
    """Cuts a rank's piece out of a whole tensor; applied alike to values and to positions.

    kind: replicated | average | parts | vocab.
    parts: along `dim` of view(`view`), consecutive parts, each split over ranks by its own widths.
    vocab: rows are padded with `fill` to a multiple of `multiple`, then split evenly.
    """

    def __init__(self, kind, dim=0, widths=None, view=None, multiple=1):
        self.kind, self.dim, self.widths, self.view, self.multiple = kind, dim, widths, view, multiple

    def apply(self, whole, par, fill):
        if self.kind in ("replicated", "average"):
            return whole
        if self.kind == "vocab":
            padding = -whole.shape[0] % self.multiple
            if padding:
                whole = torch.cat([whole, torch.full((padding, *whole.shape[1:]), fill, dtype=whole.dtype)])
            return whole.chunk(par.size, 0)[par.rank]
        viewed = whole.view(self.view) if self.view else whole
        pieces, start = [], 0
        for widths in self.widths:
            pieces.append(viewed.narrow(self.dim, start + sum(widths[:par.rank]), widths[par.rank]))
            start += sum(widths)
        assert start == viewed.shape[self.dim]
        piece = torch.cat(pieces, self.dim)
        return piece.flatten(0, self.dim) if self.view else piece


def whole_init(tag, shape, seed):
    generator = torch.Generator().manual_seed((zlib.crc32(tag.encode()) ^ seed) & 0x7FFFFFFF)
    values = torch.randn(shape, generator=generator)
    if len(shape) <= 1 and not tag.endswith("bias"):
        return 1 + 0.1 * values
    return values * (0.3 / math.sqrt(max(shape[-1] if shape else 1, 1)) ** 0.5)


def make_param(m, tag, shape, cut=None, par=None):
    """A parameter that holds this rank's piece, with what is needed to put it back."""
    cut, par = cut or Cut("replicated"), par or Par()
    whole = whole_init(tag, shape, m["seed"])
    param = nn.Parameter(cut.apply(whole, par, 7.0).clone().contiguous())
    describe(param, tag, shape, cut, par)
    if cut.kind in ("parts", "vocab") and par.size > 1:
        param.model_parallel = True
        param.tensor_model_parallel = True
    return param


def describe(param, tag, shape, cut, par):
    positions = torch.arange(math.prod(shape)).view(tuple(shape))
    param.case_tag, param.case_shape, param.case_kind = tag, tuple(shape), cut.kind
    param.case_index = cut.apply(positions, par, -1).clone().flatten()


def _all_reduce(tensor, par):
    wide = tensor.float().contiguous()
    torch.distributed.all_reduce(wide, group=par.group)
    return wide.to(tensor.dtype)


class CopyIn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, par):
        ctx.par = par
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return _all_reduce(g, ctx.par), None


class ReduceOut(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, par):
        return _all_reduce(x, par)

    @staticmethod
    def backward(ctx, g):
        return g, None


class GatherOut(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, par):
        ctx.par = par
        parts = [torch.empty_like(x) for _ in range(par.size)]
        torch.distributed.all_gather(parts, x.contiguous(), group=par.group)
        return torch.cat(parts, -1)

    @staticmethod
    def backward(ctx, g):
        return g.chunk(ctx.par.size, -1)[ctx.par.rank].contiguous(), None


def copy_in(x, par):
    return CopyIn.apply(x, par) if par.size > 1 else x


def reduce_out(x, par):
    return ReduceOut.apply(x, par) if par.size > 1 else x


def gather_out(x, par):
    return GatherOut.apply(x, par) if par.size > 1 else x


class ColumnLinear(nn.Module):
    def __init__(self, m, tag, cin, parts, grains, par, bias=False):
        super().__init__()
        widths = [par.split(n, g) for n, g in zip(parts, grains)]
        self.weight = make_param(m, tag + ".weight", (sum(parts), cin), Cut("parts", 0, widths), par)
        self.bias = make_param(m, tag + ".bias", (sum(parts),), Cut("parts", 0, widths), par) if bias else None
        self.local_parts = [w[par.rank] for w in widths]

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


class RowLinear(nn.Module):
    def __init__(self, m, tag, cin, cout, grain, par, bias=False):
        super().__init__()
        self.par = par
        self.weight = make_param(m, tag + ".weight", (cout, cin), Cut("parts", 1, [par.split(cin, grain)]), par)
        self.bias = make_param(m, tag + ".bias", (cout,)) if bias else None

    def forward(self, x):
        y = reduce_out(F.linear(x, self.weight), self.par)
        return y if self.bias is None else y + self.bias


class Norm(nn.Module):
    def __init__(self, m, tag, size):
        super().__init__()
        self.weight = make_param(m, tag + ".weight", (size,))

    def forward(self, x):
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * self.weight


def vocabulary_param(m, tag, par):
    cut = Cut("vocab", multiple=m.get("vocab_multiple", 1) * par.size)
    return make_param(m, tag + ".weight", (m["vocab"], m["hidden"]), cut, par)


class Embedding(nn.Module):
    def __init__(self, m, tag, par):
        super().__init__()
        self.par = par
        self.weight = vocabulary_param(m, tag, par)

    def forward(self, ids):
        ids = ids - self.par.rank * self.weight.shape[0]
        own = (ids >= 0) & (ids < self.weight.shape[0])
        rows = F.embedding(ids.clamp(0, self.weight.shape[0] - 1), self.weight) * own[..., None]
        return reduce_out(rows, self.par)


class Head(nn.Module):
    def __init__(self, m, tag, par):
        super().__init__()
        self.par = par
        self.weight = vocabulary_param(m, tag, par)

    def forward(self, x):
        return logits(self.weight, x, self.par)


def logits(weight, x, par):
    return gather_out(F.linear(copy_in(x, par), weight), par)
