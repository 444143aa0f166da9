#!/usr/bin/env python3
"""Shows that a DeepSpeed engine holds, after load_checkpoint, exactly the tensors of a checkpoint.

Print the checkpoint's digests once:

    trencadis digest --sha256 CHECKPOINT > digests.txt

then run the training script unchanged, under this one; every load_checkpoint is followed by a check:

    TRENCADIS_DIGESTS=digests.txt deepspeed check_live_state.py train.py --its --arguments

or call it yourself, on every rank, after load_checkpoint:

    import check_live_state
    report = check_live_state.check(engine, "digests.txt")      # report.equal, .different, .missing, .unchecked

Master weights and optimizer states are gathered over the data-parallel ranks as bits, so that not even a sign of zero
is lost, then hashed whole and unpadded. Rows that a padded vocabulary has beyond the digest's shape are left out.
A piece of a tensor-parallel weight cannot be hashed alone: give `assemble`, a function called on every rank with
(name, state, piece) that returns the whole tensor, or leave it and see them listed as unchecked.
DeepSpeed restores neither frozen parameters nor buffers from a universal folder: they are listed as unchecked there.
Needs torch and deepspeed only.
"""
import hashlib
import os
import re
import runpy
import sys
from dataclasses import dataclass, field

import torch
import torch.distributed as dist

MASTER = "fp32"
MODULE = "model"


@dataclass
class Report:
    """What was found; the same on every rank. Entries are "name state: reason"."""

    equal: int = 0
    different: list = field(default_factory=list)
    missing: list = field(default_factory=list)  # in the checkpoint, but on no rank
    unchecked: list = field(default_factory=list)

    @property
    def clean(self):
        return not self.different and not self.missing

    def __str__(self):
        lines = [f"live state: {self.equal} tensors equal, {len(self.different)} different, {len(self.missing)} missing, "
                 f"{len(self.unchecked)} unchecked"]
        for title in ("different", "missing", "unchecked"):
            lines += [f"  {title}: {entry}" for entry in getattr(self, title)]
        return "\n".join(lines)


@dataclass(frozen=True)
class Digest:
    sha256: str
    dtype: str
    shape: tuple


def read_digests(path):
    """{(name, state): Digest} from the lines of `trencadis digest --sha256`."""
    with open(path, encoding="utf-8") as lines:
        return parse_digests(lines)


def parse_digests(lines):
    digests = {}
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            continue
        sha256, _, rest = line.partition("  ")
        fields = rest.split("\t")
        if len(fields) != 4 or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ValueError(f"not a line of `digest --sha256`: {line!r}")
        name, state, dtype, shape = fields
        extents = () if shape == "scalar" else tuple(int(extent) for extent in shape.split("x"))
        digests[unescape(name), unescape(state)] = Digest(sha256, dtype, extents)
    return digests


def unescape(text):
    """Undoes the escapes of control characters; a backslash itself is not escaped."""
    plain = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(?:([ntr])|u([0-9a-f]{4}))", lambda m: plain.get(m[1]) or chr(int(m[2], 16)), text)


def sha256(tensor):
    """SHA-256 of the tensor's little-endian row-major bytes."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"").hexdigest()


def dtype_name(tensor):
    return str(tensor.dtype).removeprefix("torch.")


# ---------------------------------------------------------------- what an engine holds


@dataclass
class Live:
    """A tensor of this rank, whole over the data-parallel ranks, still a piece over the tensor-parallel ones."""

    name: str
    state: str
    tensor: torch.Tensor
    param: object  # None for a buffer
    restored: bool = True  # by the way in which this engine loads


def live_tensors(engine):
    """Yields every tensor of this rank; all ranks must take all of them, for each is gathered in turn."""
    wrapper = engine.optimizer
    relink(wrapper)
    if getattr(wrapper, "round_robin_gradients", False):
        raise RuntimeError("with round_robin_gradients DeepSpeed's map from parameters to optimizer state is wrong, so live state cannot be read")
    universal = engine.load_universal_checkpoint()
    owned = unpartitioned_masters(wrapper)
    for name, param in live_parameters(engine):
        yield Live(name, MODULE, module_tensor(param), param, param.requires_grad or not universal)
        if not param.requires_grad:
            continue
        for state, tensor in optimizer_tensors(wrapper, param, owned):
            yield Live(name, state, tensor, param)
    for name, buffer in persistent_buffers(engine.module):
        yield Live(name, MODULE, buffer.detach(), None, not universal)


def live_parameters(engine):
    """Names as universal checkpoints have them: experts by their global number, a tied parameter once."""
    numbers = expert_numbers(engine.module)
    for name, param in engine.module.named_parameters():
        head, expert, tail = name.partition(".deepspeed_experts.")
        if expert:
            local, _, rest = tail.partition(".")
            name = f"{head}{expert}{numbers[head.removesuffix('.experts')] + int(local)}.{rest}"
        yield name, param


def expert_numbers(module):
    """{prefix of a deepspeed.moe expert list: global number of this rank's first expert}."""
    numbers = {}
    for name, part in module.named_modules():
        if type(part).__name__ == "MOELayer":
            from deepspeed.utils import groups
            group = part.ep_group_name if hasattr(part, "ep_group_name") else None
            rank = groups._get_expert_parallel_rank(group) if group else 0
            numbers[name] = rank * part.num_local_experts
    return numbers


def persistent_buffers(module):
    for name, buffer in module.named_buffers():
        owner, _, last = name.rpartition(".")
        if last not in module.get_submodule(owner)._non_persistent_buffers_set:
            yield name, buffer


def module_tensor(param):
    if not hasattr(param, "ds_id"):
        return param.data.detach()
    import deepspeed
    with deepspeed.zero.GatheredParameters([param]):
        return param.data.detach().clone()


def optimizer_tensors(wrapper, param, owned):
    """(state, tensor) of one trainable parameter, in the order of the states' names."""
    if hasattr(param, "ds_id"):
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
        tensors = [(MASTER, safe_get_full_fp32_param(param))]
        partition = wrapper.fp32_partitioned_groups_flat[wrapper.grad_position[wrapper.get_param_id(param)][0]]
        keys = tensor_states(wrapper.optimizer.state[partition], partition.numel())
        return tensors + [(key, safe_get_full_optimizer_state(param, key)) for key in keys]
    if hasattr(param, "_hp_mapping"):
        return gathered_fragments(param)
    master, states = owned[param]
    return [(MASTER, master)] + [(key, states[key].view(param.shape)) for key in tensor_states(states, param.numel())]


def tensor_states(states, elements):
    return sorted(key for key, value in states.items() if torch.is_tensor(value) and value.dim() and value.numel() == elements)


def gathered_fragments(param):
    """A parameter of a ZeRO 1 or 2 or BF16_Optimizer: each rank holds a fragment, or none."""
    mapping, group = param._hp_mapping, param._dp_group
    mine = [] if mapping is None else sorted((key, str(mapping.get_hp_fragment(key).dtype)) for key in mapping.get_optim_state_keys())
    every = [None] * dist.get_world_size(group)
    dist.all_gather_object(every, mine, group=group)
    states = [(MASTER, "torch.float32")] + sorted({entry for entries in every for entry in entries})
    return [(state, gathered_bits(param, mapping, state, getattr(torch, dtype.removeprefix("torch.")))) for state, dtype in states]


def gathered_bits(param, mapping, state, dtype):
    """Sums bytes, of which all but one rank's are zero: a sum of floats would turn -0.0 into 0.0."""
    whole = torch.zeros(param.numel(), dtype=dtype, device=param.device)
    if mapping is not None:
        address = mapping.lp_fragment_address
        fragment = mapping.get_hp_fragment(None if state == MASTER else state)
        whole.narrow(0, address.start, address.numel).copy_(fragment)
    dist.all_reduce(whole.view(torch.uint8), group=param._dp_group)
    return whole.view(param.shape)


def relink(wrapper):
    """DeepSpeed 0.19 links optimizer states to parameters after its first step of the first group only; now all exist."""
    if hasattr(wrapper, "_hp_optimizer_states_linked"):
        wrapper._hp_optimizer_states_linked = False
        wrapper._lazy_init_hp_params_optimizer_state()


def unpartitioned_masters(wrapper):
    """{parameter: (master, {state: tensor})} of engines without ZeRO, whose ranks hold everything."""
    if isinstance(wrapper, torch.optim.Optimizer):
        return {p: (p.data, wrapper.state[p]) for group in wrapper.param_groups for p in group["params"]}
    owned = {}
    if hasattr(wrapper, "fp32_groups_flat"):
        for params, flat in zip(wrapper.fp16_groups, wrapper.fp32_groups_flat):
            states, start = wrapper.optimizer.state[flat], 0
            for p in params:
                cut = slice(start, start + p.numel())
                keys = tensor_states(states, flat.numel())
                owned[p] = (flat.data[cut].view(p.shape), {key: states[key][cut] for key in keys})
                start += p.numel()
    elif hasattr(wrapper, "fp32_groups"):
        for params, masters in zip(wrapper.fp16_groups, wrapper.fp32_groups):
            owned.update((p, (master.data, wrapper.optimizer.state[master])) for p, master in zip(params, masters))
    return owned


# ---------------------------------------------------------------- the check


def check(engine, digests, assemble=None):
    """Compares the engine's tensors with digests (a file, or what read_digests returned). Every rank must call it."""
    if not isinstance(digests, dict):
        digests = read_digests(digests)
    found = {}
    for live in live_tensors(engine):
        tensor = assemble(live.name, live.state, live.tensor) if assemble else live.tensor
        verdict = judge(live, tensor, digests.get((live.name, live.state)))
        if verdict:
            found[live.name, live.state] = verdict
    every = [None] * dist.get_world_size()
    dist.all_gather_object(every, found)
    return merged(digests, every)


def judge(live, tensor, digest):
    """("equal" | "different" | "unchecked", reason), or None where there is nothing to compare."""
    if digest is None:
        return None if live.state == MODULE else ("unchecked", "not in the checkpoint")
    if not live.restored:
        return "unchecked", "not restored by load_universal"
    if dtype_name(tensor) != digest.dtype:
        return "unchecked", f"{dtype_name(tensor)} here, {digest.dtype} in the checkpoint"
    shape = tuple(tensor.shape)
    if shape != digest.shape:
        padded = shape[1:] == digest.shape[1:] and shape[:1] > digest.shape[:1]
        if not padded:
            return "unchecked", f"a piece of shape {shape}, {digest.shape} in the checkpoint"
        tensor = tensor[:digest.shape[0]]
    actual = sha256(tensor)
    return ("equal", "") if actual == digest.sha256 else ("different", f"sha256 {actual}, {digest.sha256} in the checkpoint")


def merged(digests, every):
    """One report of all ranks; a tensor is as bad as on its worst rank."""
    report = Report()
    for name, state in sorted({key for found in every for key in found} | set(digests)):
        verdicts = [found[name, state] for found in every if (name, state) in found]
        if not verdicts:
            report.missing.append(f"{name} {state}: on no rank")
            continue
        kind, reason = min(verdicts, key=lambda verdict: ("different", "unchecked", "equal").index(verdict[0]))
        if kind == "equal":
            report.equal += 1
        else:
            getattr(report, kind).append(f"{name} {state}: {reason}")
    return report


# ---------------------------------------------------------------- around an unchanged training script


def follow_loads(path):
    """Makes every load_checkpoint of DeepSpeed check what it loaded, and stop the run where that differs."""
    from deepspeed.runtime.engine import DeepSpeedEngine
    load = DeepSpeedEngine.load_checkpoint

    def load_and_check(engine, *args, **kwargs):
        result = load(engine, *args, **kwargs)
        report = check(engine, path)
        if dist.get_rank() == 0:
            print(report, file=sys.stderr, flush=True)
        if not report.clean:
            raise RuntimeError(str(report).splitlines()[0])
        return result

    DeepSpeedEngine.load_checkpoint = load_and_check


def main():
    path = os.environ.get("TRENCADIS_DIGESTS")
    arguments = [a for a in sys.argv[1:] if not a.startswith("--local_rank")]
    if not path or not arguments:
        sys.exit(__doc__)
    follow_loads(path)
    script = arguments[0]
    sys.argv = [a for a in sys.argv[1:] if a.startswith("--local_rank") or a != script]
    sys.argv.insert(0, script)
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
