#!/usr/bin/env python3
"""Makes checkpoints with PyTorch, safetensors, transformers and Megatron Core, and reads checkpoints back with them.

    python sources_writer.py write OUT          fresh checkpoints, one folder each
    python sources_writer.py read               for each line "KIND PATH" of its input, a line of JSON: for each tensor that
                                                the framework itself loads digest, dtype and shape, or what it said instead

Nothing here is read from Trencadís.
"""
import json
import os
import pathlib
import socket
import sys
import tempfile
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.append(str(pathlib.Path(__file__).resolve().parents[4] / "tools" / "scripts"))

import torch
import torch.distributed as dist
from torch import nn

import check_live_state

RANKS = 2


def without_cuda():
    """Megatron Core asks for CUDA in a few places that have nothing to do with files."""
    torch.cuda.synchronize = torch.cuda.empty_cache = lambda *_: None
    torch.cuda.current_device = lambda: torch.device("cpu")
    torch.Tensor.cuda = lambda self, *_, **__: self
    for name in ("tensor", "zeros", "empty"):
        setattr(torch, name, _on_cpu(getattr(torch, name)))


def _on_cpu(factory):
    def make(*values, **settings):
        if settings.get("device") == "cuda":
            settings["device"] = "cpu"
        settings.pop("strides", None)  # a property of torch 2.15 that Megatron Core 0.16.1 hands on
        return factory(*values, **settings)
    return make


# ---------------------------------------------------------------- reading

def tensors_of(value):
    """Every tensor in nested dictionaries and lists, by its path."""
    def walk(value, path):
        if isinstance(value, torch.Tensor):
            yield path, value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(item, path + (str(key),))
        elif isinstance(value, (list, tuple)):
            for number, item in enumerate(value):
                yield from walk(item, path + (str(number),))
    return list(walk(value, ()))


def line(tensor):
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    return f"{check_live_state.sha256(tensor)}\t{check_live_state.dtype_name(tensor)}\t{shape}"


def read_dcp(path):
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
    with tempfile.TemporaryDirectory() as place:
        out = os.path.join(place, "all.pt")
        dcp_to_torch_save(path, out)
        found = tensors_of(torch.load(out, weights_only=False))
    # Steps are no tensors here: they belong to the groups.
    return [tensor for keys, tensor in found if keys[-1].rsplit(".", 1)[-1] != "step"]


def read_hf(path):
    from torch.distributed.checkpoint import HuggingFaceStorageReader, load
    reader = HuggingFaceStorageReader(path)
    state = {name: torch.empty(entry.size, dtype=entry.properties.dtype)
             for name, entry in reader.read_metadata().state_dict_metadata.items()}
    load(state, storage_reader=HuggingFaceStorageReader(path))
    return list(state.values())


def read_safetensors(path):
    from safetensors import safe_open
    found = []
    for file in sorted(pathlib.Path(path).rglob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            found += [opened.get_tensor(name) for name in opened.keys()]
    return found


def read_torch(path):
    """Tensors that are one view of one storage are one tensor under several names."""
    seen, found = set(), []
    for _, tensor in tensors_of(torch.load(path, weights_only=False)):
        place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype,
                 tensor.is_conj(), tensor.is_neg())
        if tensor.numel() == 0 or place not in seen:
            found.append(tensor)
        seen.add(place)
    return found


def read_megatron(path):
    from megatron.core import dist_checkpointing
    # What load adds from common.pt, steps for instance, is no sharded tensor.
    common = {keys for keys, _ in tensors_of(dist_checkpointing.load_common_state_dict(path))}
    return [tensor for keys, tensor in tensors_of(dist_checkpointing.load_plain_tensors(path)) if keys not in common]


def read_all(requests):
    without_cuda()
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    for request in requests:
        kind, path = request.rstrip("\n").split(" ", 1)
        try:
            answer = sorted(map(line, globals()["read_" + kind](path)))
        except BaseException as error:  # CheckpointException is no Exception
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), flush=True)


# ---------------------------------------------------------------- writing


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embed = nn.Embedding(37, 24)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(24, 50), nn.LayerNorm(50), nn.Linear(50, 24)) for _ in range(3))
        self.head = nn.Linear(24, 37, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def train(model, optimizer):
    for step in range(2):
        torch.manual_seed(step)
        loss = model(torch.randint(0, 37, (2, 9))).float().square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def rank_main(rank, port, out):
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(RANKS), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=RANKS)
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, get_state_dict
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.device_mesh import init_device_mesh
    mesh = init_device_mesh("cpu", (RANKS,))
    for name, dtype, flat in (("dcp", torch.float32, False), ("dcp_flat_bf16", torch.bfloat16, True)):
        model = Net().to(dtype)
        for block in model.blocks:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        train(model, optimizer)
        weights, states = get_state_dict(model, optimizer, options=StateDictOptions(flatten_optimizer_state_dict=flat))
        dcp.save({"model": weights, "optim": states, "epoch": 3}, checkpoint_id=f"{out}/{name}")
        if name == "dcp":
            writer = HuggingFaceStorageWriter(f"{out}/hf_shards", save_distributed=True)
            dcp.save(get_model_state_dict(model), storage_writer=writer)
    write_megatron(rank, f"{out}/megatron")
    for name, buckets in (("legacy_flat", False), ("legacy_flat_buckets", True)):
        write_flat_optimizer(rank, f"{out}/{name}", buckets)
    dist.destroy_process_group()


def write_megatron(rank, out):
    """A stack of layers cut by columns, a replicated norm, an object of each rank."""
    without_cuda()
    from megatron.core import dist_checkpointing
    from megatron.core.dist_checkpointing import ShardedObject, ShardedTensor
    if rank == 0:
        os.makedirs(out)
    dist.barrier()
    generator = torch.Generator().manual_seed(11)
    state = {}
    for layer in range(3):
        whole = torch.randn(20, 14, generator=generator)
        part = whole.chunk(RANKS, dim=1)[rank].contiguous()
        state[f"layer{layer}"] = ShardedTensor.from_rank_offsets(
            "decoder.layers.mlp.weight", part, (0, layer, 3), (2, rank, RANKS), prepend_axis_num=1)
    norm = torch.randn(14, generator=generator)
    state["norm"] = ShardedTensor.from_rank_offsets("decoder.final_norm.weight", norm, replica_id=rank)
    state["rng"] = ShardedObject("rng_state", [rank], (RANKS,), (rank,))
    state["iteration"] = 7
    dist_checkpointing.save(state, out)


class Gpt(nn.Module):
    """Parameters under Megatron Core's names, of sizes that its flat buffers must pad."""

    SHAPES = {"embedding.word_embeddings": (37, 10), "decoder.layers.0.self_attention.linear_qkv": (30, 10),
              "decoder.layers.0.self_attention.linear_proj": (10, 10), "decoder.layers.0.mlp.linear_fc1": (26, 10),
              "decoder.layers.0.mlp.linear_fc2": (10, 26), "decoder.final_layernorm": (10,), "output_layer": (37, 10)}

    def __init__(self):
        super().__init__()
        torch.manual_seed(17)
        for name, shape in self.SHAPES.items():
            owner = self
            for part in name.split("."):
                if part not in dict(owner.named_children()):
                    owner.add_module(part, nn.Module())
                owner = getattr(owner, part)
            owner.weight = nn.Parameter(torch.randn(shape).bfloat16())


def states_of(optimizer, model):
    """{name.state: the whole tensor} of a distributed optimizer, put together from what each rank owns of it."""
    from megatron.core.optimizer.optimizer import ChainedOptimizer
    [optimizer] = optimizer.chained_optimizers if isinstance(optimizer, ChainedOptimizer) else [optimizer]
    mine = []
    for name, parameter in model.named_parameters():
        if parameter in optimizer.model_param_group_index_map:
            owned = optimizer._get_model_param_range_map(parameter)["param"]
            states = optimizer._get_main_param_and_optimizer_states(parameter)
            mine += [(f"{name}.{key}", owned.start, owned.end, states[key].clone()) for key in ("param", "exp_avg", "exp_avg_sq")]
    everyone = [None] * RANKS
    dist.all_gather_object(everyone, mine)
    whole = {f"{name}.{key}": torch.zeros_like(parameter, dtype=torch.float32).flatten()
             for name, parameter in model.named_parameters() for key in ("param", "exp_avg", "exp_avg_sq")}
    for key, start, end, part in [item for rank in everyone for item in rank]:
        whole[key][start:end] = part
    return {key: tensor.reshape(dict(model.named_parameters())[key.rpartition(".")[0]].shape) for key, tensor in whole.items()}


def write_flat_optimizer(rank, out, buckets):
    """A save of Megatron-LM's older form with the files that Megatron Core's distributed optimizer writes, and what it held."""
    without_cuda()
    plain_type = torch.Tensor.type
    torch.Tensor.type = lambda self, *a, **k: plain_type(self, *a, **k) if a or k else plain_type(self).replace("torch.", "torch.cuda.", 1)
    from argparse import Namespace
    from megatron.core import parallel_state
    from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig
    from megatron.core.optimizer import OptimizerConfig, get_megatron_optimizer
    from megatron.core.transformer import TransformerConfig
    if not parallel_state.model_parallel_is_initialized():
        parallel_state.initialize_model_parallel()
    model = Gpt()
    config = TransformerConfig(num_layers=1, hidden_size=10, num_attention_heads=1)
    settings = DistributedDataParallelConfig(use_distributed_optimizer=True, overlap_grad_reduce=buckets, bucket_size=300 if buckets else None)
    wrapped = DistributedDataParallel(config, settings, model)
    optimizer = get_megatron_optimizer(OptimizerConfig(optimizer="adam", lr=1e-2, bf16=True, params_dtype=torch.bfloat16,
                                                       use_distributed_optimizer=True, clip_grad=0.0), [wrapped])
    for step in range(2):
        for number, parameter in enumerate(model.parameters()):
            parameter.main_grad.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(100 * step + number)))
        optimizer.step()
    states = states_of(optimizer, model)
    folder = pathlib.Path(out, "iter_0000002", "mp_rank_00")
    if rank == 0:
        folder.mkdir(parents=True)
        pathlib.Path(out, "latest_checkpointed_iteration.txt").write_text("2")
        args = Namespace(tensor_model_parallel_size=1, pipeline_model_parallel_size=1, num_layers=1, hidden_size=10, world_size=RANKS,
                         num_attention_heads=1, overlap_grad_reduce=buckets, ddp_bucket_size=300 if buckets else None,
                         use_distributed_optimizer=True, untie_embeddings_and_output_weights=True, vocab_size=37, padded_vocab_size=37,
                         make_vocab_size_divisible_by=1)
        torch.save({"args": args, "checkpoint_version": 3.0, "iteration": 2, "model": model.state_dict(),
                    "optimizer": optimizer.state_dict()}, folder / "model_optim_rng.pt")
        remember(out, {(key.rpartition(".")[0], {"param": "fp32"}.get(key.rpartition(".")[2], key.rpartition(".")[2])): tensor
                       for key, tensor in states.items()} | {(key, "model"): tensor for key, tensor in model.state_dict().items()})
    optimizer.save_parameter_state(str(folder / "distrib_optim.pt"))
    torch.Tensor.type = plain_type


def remember(out, tensors):
    """What a save should hold: {(name, state): tensor}"""
    torch.save(tensors, pathlib.Path(out, "memory.pt"))


def write_virtual_stages(out):
    """Megatron-LM's folders of 2 x 2 ranks, two pieces of the model on each stage, with numbered optimizer states."""
    from argparse import Namespace
    tp, pp, vp, each, hidden, ffn, vocab = 2, 2, 2, 2, 12, 16, 40
    generator = torch.Generator().manual_seed(23)
    shapes = {"self_attention.linear_qkv.layer_norm_weight": ((hidden,), None, 1), "self_attention.linear_qkv.weight": ((3 * hidden, hidden), 0, 1),
              "self_attention.linear_qkv.bias": ((3 * hidden,), 0, 1), "self_attention.linear_proj.weight": ((hidden, hidden), 1, 1),
              "mlp.linear_fc1.layer_norm_weight": ((hidden,), None, 1), "mlp.linear_fc1.weight": ((2 * ffn, hidden), 0, 2),
              "mlp.linear_fc2.weight": ((hidden, ffn), 1, 1)}
    pieces, memory = [], {}
    for depth in range(vp * pp):
        names = {"embedding.word_embeddings.weight": ((vocab, hidden), 0, 1)} if depth == 0 else {}
        for layer in range(each):
            names |= {f"decoder.layers.{layer}.{name}": entry for name, entry in shapes.items()}
        if depth == vp * pp - 1:
            names |= {"decoder.final_layernorm.weight": ((hidden,), None, 1), "output_layer.weight": ((vocab, hidden), 0, 1)}
        piece = {}
        for name, (shape, axis, parts) in names.items():
            whole = name
            if name.startswith("decoder.layers."):
                rest = name.split(".", 3)
                whole = f"decoder.layers.{depth * each + int(rest[2])}.{rest[3]}"
            master = torch.randn(shape, generator=generator)
            states = {"fp32": master, "exp_avg": torch.randn(shape, generator=generator), "exp_avg_sq": torch.rand(shape, generator=generator),
                      "model": master.bfloat16()}
            memory |= {(whole, state): tensor for state, tensor in states.items()}
            piece[name] = (states, axis, parts)
        pieces.append(piece)
    args = Namespace(tensor_model_parallel_size=tp, pipeline_model_parallel_size=pp, virtual_pipeline_model_parallel_size=vp, world_size=tp * pp,
                     num_layers=each * vp * pp, hidden_size=hidden, num_attention_heads=2, swiglu=True, untie_embeddings_and_output_weights=True,
                     vocab_size=vocab, padded_vocab_size=vocab, make_vocab_size_divisible_by=vocab // tp)
    for stage in range(pp):
        for rank in range(tp):
            local = [{name: {state: tensor if axis is None else torch.cat([part.chunk(tp, axis)[rank] for part in tensor.chunk(parts, axis)], axis)
                             for state, tensor in states.items()} for name, (states, axis, parts) in pieces[v * pp + stage].items()} for v in range(vp)]
            held = [tensors for piece in local for tensors in piece.values()]
            content = {"args": args, "checkpoint_version": 3.0, "iteration": 4, "optimizer": {
                "optimizer": {"state": {i: {key: tensors[key] for key in ("exp_avg", "exp_avg_sq")} for i, tensors in enumerate(held)},
                              "param_groups": [{"lr": 0.1, "step": 4, "params": list(range(len(held)))}]},
                "fp32_from_fp16_params": [[nn.Parameter(tensors["fp32"]) for tensors in held]]}}
            content |= {f"model{v}": {name: tensors["model"].clone() for name, tensors in local[v].items()} for v in range(vp)}
            folder = pathlib.Path(out, "iter_0000004", f"mp_rank_{rank:02d}_{stage:03d}")
            folder.mkdir(parents=True)
            torch.save(content, folder / "model_optim_rng.pt")
    pathlib.Path(out, "latest_checkpointed_iteration.txt").write_text("4")
    remember(out, memory)


def write_experts(out, form):
    """Megatron-LM's folders of two tensor-parallel and two expert-parallel ranks."""
    import names_writer as names
    generator = torch.Generator().manual_seed(29)

    class Weights(dict):
        def __missing__(self, key):
            h, rows = names.HIDDEN, names.VOCAB
            kv = h // names.HEADS * names.KEY_HEADS
            shape = ([kv, h] if "k_proj" in key or "v_proj" in key else [names.EXPERTS, h] if ".gate." in key else [h] if "norm" in key
                     else [h, names.EXPERT_FFN] if ".w2." in key else [names.EXPERT_FFN, h] if ".w" in key and "experts" in key
                     else [rows, h] if "embed" in key or "lm_head" in key else [h, h])
            self[key] = torch.randn(shape, generator=generator)
            return self[key]
    weights = Weights()
    names.write_mixtral(pathlib.Path(out), weights, form)
    whole, experts = names.megatron_mixtral(weights)
    memory = {(name, "model"): tensor for name, (tensor, _, _) in whole.items()}
    for layer, of in experts.items():
        prefix = f"decoder.layers.{layer}.mlp.experts."
        fused = [torch.cat([gate, up]) for gate, up, _ in of.values()]
        if form == "grouped":
            memory[prefix + "weight1", "model"] = torch.stack([one.T for one in fused])
            memory[prefix + "weight2", "model"] = torch.stack([down.T for _, _, down in of.values()])
        else:
            memory |= {(f"{prefix}local_experts.{e}.linear_fc1.weight", "model"): one for e, one in enumerate(fused)}
            memory |= {(f"{prefix}local_experts.{e}.linear_fc2.weight", "model"): down for e, (_, _, down) in of.items()}
    remember(out, memory)


def write(out):
    import multiprocessing
    from safetensors.torch import save_file
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    ranks = [context.Process(target=rank_main, args=(rank, port, str(out))) for rank in range(RANKS)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(120)
        if process.exitcode != 0:
            raise SystemExit(f"a rank ended with {process.exitcode}")
    write_virtual_stages(out / "legacy_virtual")
    for form in ("sequential", "grouped"):
        write_experts(out / f"legacy_experts_{form}", form)
    # safetensors: every dtype that both sides name alike
    torch.manual_seed(5)
    (out / "safetensors").mkdir()
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int64,
             torch.int16, torch.uint8, torch.bool, torch.complex64, torch.uint32]
    save_file({f"t.{i}": (torch.randn(3, i + 1) * 50).to(kind) for i, kind in enumerate(kinds)},
              out / "safetensors" / "model.safetensors")
    from transformers import GPT2Config, GPT2LMHeadModel
    GPT2LMHeadModel(GPT2Config(vocab_size=101, n_embd=32, n_layer=3, n_head=4, n_positions=32)).save_pretrained(
        out / "transformers", max_shard_size="60KB")
    # torch.save
    (out / "torch").mkdir()
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    train(model, optimizer)
    base = torch.randn(12, 10)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3,
                "views": [base[2:5], base.t(), base[:, ::2], base], "z": torch.randn(4, dtype=torch.complex64).conj(),
                "tied": {"a": model.head.weight, "b": model.head.weight}}, out / "torch" / "model.pt")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        read_all(sys.stdin)
