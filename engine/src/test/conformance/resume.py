#!/usr/bin/env python3
"""Resumes a fixture's training job from checkpoint folders with real DeepSpeed, and tells what its ranks then hold.

    python resume.py CASE FOLDER [name=value ...]     # dp=3 tp=1 pp=1 zero=1 dtype=bf16 grad_dtype=fp32 ...

prints the state after load_checkpoint and after one training step as JSON. Ranks are forked (CPU, gloo).
Two views of the same state: `tensors`, whole and unpadded, whose digests any layout shares, and `ranks`, one digest of
everything that each rank holds, paddings included, which only the same layout shares.
"""
import collections
import dataclasses
import hashlib
import json
import math
import multiprocessing
import os
import pathlib
import queue as queues
import socket
import sys
import traceback

os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import deepspeed
import deepspeed.moe.layer
import deepspeed.pipe
import deepspeed.runtime.zero.muon.muon_optimizer  # imports torch._inductor: once here, not again in each rank
import torch
import transformers
from transformers import LlamaForCausalLM, MixtralForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "tools" / "scripts"))

import check_live_state
import engines
from fixture_cases import ranks, target

CLIENT_KEYS = ("iteration", "universal_checkpoint_info")  # what the fixtures' clients saved, beside what DeepSpeed adds for itself
STEP_NUMBER = 3  # of the data; the fixtures were trained on 0, 1 and 2
TIMEOUT_SECONDS = 180


# ---------------------------------------------------------------- in a rank


def states(job):
    """This rank's tensors: those of check_live_state, with what is needed to put pieces together."""
    records = []
    for live in check_live_state.live_tensors(job.engine):
        record = {"name": live.name, "state": live.state, "tensor": live.tensor.detach().clone().cpu(), "tp": job.tp_rank,
                  "restored": live.restored}
        if live.param is None:
            record.update(shape=tuple(live.tensor.shape), kind="replicated", index=torch.arange(live.tensor.numel()))
        else:
            record.update(shape=live.param.case_shape, kind=live.param.case_kind, index=live.param.case_index)
        records.append(record)
    return records


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def put_together(records):
    """The whole tensor from all ranks' pieces, which must agree where they overlap; a list where each rank has its own."""
    if records[0]["kind"] == "average":
        by_rank = {r["tp"]: r["tensor"] for r in records}
        wholes = [by_rank[tp] for tp in sorted(by_rank)]
        return wholes[0] if all(torch.equal(bits(w), bits(wholes[0])) for w in wholes) else wholes
    first = records[0]
    elements = math.prod(first["shape"])
    whole, seen = torch.zeros(elements, dtype=first["tensor"].dtype), torch.zeros(elements, dtype=torch.bool)
    for record in records:
        real = record["index"] >= 0
        at, values = record["index"][real], record["tensor"].flatten()[real]
        again = seen[at]
        if not torch.equal(bits(whole[at][again]), bits(values[again])):
            raise AssertionError(f"ranks disagree about {record['name']} {record['state']}")
        whole[at], seen[at] = values, True
    assert bool(seen.all()), first["name"]
    return whole.view(first["shape"])


def whole_tensors(parts):
    """{name: {state: {sha256, dtype, shape}}} from all ranks' records."""
    gathered = collections.defaultdict(list)
    for record in (r for part in parts for r in part):
        gathered[record["name"], record["state"]].append(record)
    tensors = collections.defaultdict(dict)
    for (name, state), records in sorted(gathered.items()):
        whole = put_together(records)
        copies = whole if isinstance(whole, list) else [whole]
        digests = [check_live_state.sha256(copy) for copy in copies]
        tensors[name][state] = {"sha256": digests[0] if len(digests) == 1 else digests, "dtype": check_live_state.dtype_name(copies[0]),
                                "shape": list(records[0]["shape"]), "restored": records[0]["restored"]}
    return tensors


def optimizer_of(engine):
    return getattr(engine.optimizer, "optimizer", engine.optimizer)


def local_digest(engine, records):
    """One digest of everything this rank holds: its pieces, and the optimizer's own flat tensors with their paddings."""
    digest = hashlib.sha256()
    for record in sorted(records, key=lambda r: (r["name"], r["state"])):
        digest.update(f"{record['name']} {record['state']}".encode())
        digest.update(bits(record["tensor"]).numpy().tobytes())
    for number, group in enumerate(flat_partitions(engine.optimizer)):
        held = optimizer_of(engine).state[group]
        for key in ["", *sorted(k for k, v in held.items() if torch.is_tensor(v))]:
            value = held[key] if key else group.data
            digest.update(f"{number} {key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(bits(value.detach().reshape(-1)).numpy().tobytes())
    return digest.hexdigest()


def flat_partitions(wrapper):
    for name in ("single_partition_of_fp32_groups", "fp32_groups_flat_partition", "fp32_partitioned_groups_flat"):
        if hasattr(wrapper, name):
            return [p for p in getattr(wrapper, name) if p is not None]
    return []


def plain(value):
    """A value as JSON has it, the same for equal values; tensors by digest."""
    if torch.is_tensor(value):
        return {"sha256": check_live_state.sha256(value), "dtype": str(value.dtype), "shape": list(value.shape),
                "value": value.item() if value.numel() == 1 else None}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, (int, str)) or value is None:
        return value
    if dataclasses.is_dataclass(value) or hasattr(value, "__dict__"):
        return {"class": type(value).__name__, **plain(vars(value))}
    return repr(value)


def run_state(engine):
    """Everything of the training run that is not a tensor of the model."""
    optimizer = optimizer_of(engine)
    groups = [{k: plain(v) for k, v in group.items() if k not in ("params", "foreach", "fused", "capturable", "differentiable")}
              for group in optimizer.param_groups]
    steps = sorted({float(held["step"]) for held in optimizer.state.values() if "step" in held})
    return {"groups": groups, "steps": steps, "loss_scaler": plain(getattr(engine.optimizer, "loss_scaler", None)),
            "clip": getattr(engine.optimizer, "clip_grad", None),
            "scheduler": plain(engine.lr_scheduler.state_dict()) if engine.lr_scheduler else None,
            "global_steps": engine.global_steps, "global_samples": engine.global_samples, "skipped_steps": engine.skipped_steps}


def state(job):
    records = states(job)
    world = torch.distributed.get_world_size()
    parts, digests, runs = [None] * world, [None] * world, [None] * world
    torch.distributed.all_gather_object(parts, records)
    torch.distributed.all_gather_object(digests, local_digest(job.engine, records))
    torch.distributed.all_gather_object(runs, run_state(job.engine))
    return {"tensors": whole_tensors(parts), "ranks": digests, "runs": runs}


def resume(job_settings, folder, digests):
    job = engines.Job(job_settings)
    path, client = job.engine.load_checkpoint(folder)
    if path is None:
        raise RuntimeError(f"nothing to load in {folder}")
    result = {"loaded": state(job), "client": plain(client_state(client))}
    if digests:
        report = check_live_state.check(job.engine, check_live_state.parse_digests(digests), whole_over_tp(job))
        result["report"] = dataclasses.asdict(report)
    losses = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(losses, float(job.step(STEP_NUMBER)).hex())
    result["losses"] = losses
    result["stepped"] = state(job)
    job.engine.destroy()
    return result


def client_state(client):
    """What the client saved, less a pattern that the converter spells anew, with or without a leading `.*`."""
    kept = {key: client[key] for key in CLIENT_KEYS if key in client}
    if "universal_checkpoint_info" in kept:
        kept["universal_checkpoint_info"] = dict(kept["universal_checkpoint_info"])
        kept["universal_checkpoint_info"].pop("expert_parameter_patterns", None)
    return kept


def whole_over_tp(job):
    """What a client gives check_live_state: puts a piece together with those of the other tensor-parallel ranks."""
    maps = {}
    for name, param in check_live_state.live_parameters(job.engine):
        maps[name] = param

    def assemble(name, state_name, piece):
        if name not in maps or maps[name].case_kind not in ("parts", "vocab"):
            return piece
        index, shape = maps[name].case_index, maps[name].case_shape
        if index.numel() == math.prod(shape):
            return piece
        every = [(index, piece.detach().cpu().flatten())]
        group = cutting_group(job)
        if group is not None:
            mine, every = every[0], [None] * torch.distributed.get_world_size(group)
            torch.distributed.all_gather_object(every, mine, group=group)
        whole = torch.zeros(math.prod(shape), dtype=piece.dtype)
        for at, values in every:
            whole[at[at >= 0]] = values[at >= 0]
        return whole.view(shape)

    return assemble


def cutting_group(job):
    """The group over which this job cuts tensors by shape: tensor-parallel, or experts' for AutoEP. None where it cuts none."""
    from deepspeed.utils import groups
    if job.job["kind"] == "autoep":
        return groups._get_expert_parallel_group(f"ep_size_{job.model_settings['ep']}")
    if job.job["kind"] == "autotp" and job.job["tp"] > 1:
        return groups.get_tensor_model_parallel_group()
    return job.par.group


def rank_main(rank, world, port, job, folders, log, results):
    """Body of a forked rank: all folders, one after the other, each into a new engine of the same layout."""
    try:
        with open(f"{log}.{rank}", "w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world),
                          GLOO_SOCKET_IFNAME="lo")
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # DeepSpeed's buckets are gigabytes
        if job["dtype"] == "fp16":  # the CPU accelerator declares fp16 unsupported on hosts without AMX or AVX512-FP16
            deepspeed.accelerator.get_accelerator().__class__.is_fp16_supported = lambda self: True
        torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
        deepspeed.init_distributed(dist_backend="gloo")
        answers = [resume(job, folder, digests) for folder, digests in folders]
        results.put((rank, None, json.dumps(answers) if rank == 0 else None))
    except BaseException as error:  # the parent must hear of everything
        traceback.print_exc()
        results.put((rank, f"{type(error).__name__}: {error}\n{traceback.format_exc()}", None))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        results.close()
        results.join_thread()
        os._exit(0)


# ---------------------------------------------------------------- in the parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resume_all(job, folders, log):
    """Forks the job's ranks, which resume from each (folder, digest lines or None) in turn; one answer for each folder."""
    world = ranks(job)
    context = multiprocessing.get_context("fork")
    results, port = context.Queue(), free_port()
    processes = [context.Process(target=rank_main, args=(r, world, port, job, folders, log, results), daemon=True) for r in range(world)]
    for process in processes:
        process.start()
    try:
        answers = None
        for _ in processes:
            rank, error, answer = results.get(timeout=TIMEOUT_SECONDS)
            if error:
                raise RuntimeError(f"rank {rank} of {world}: {error}")
            answers = json.loads(answer) if answer else answers
        return answers
    except queues.Empty:
        raise RuntimeError(f"ranks did not answer in {TIMEOUT_SECONDS} s; see {log}.*") from None
    finally:
        for process in processes:
            process.join(0.2)
            if process.is_alive():
                process.kill()
                process.join()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    case, folder, *changes = sys.argv[1:]
    parsed = {key: int(value) if value.isdigit() else value for key, value in (change.split("=", 1) for change in changes)}
    answers = resume_all(target(case, **parsed), [(os.path.abspath(folder), None)], os.path.join("/tmp", f"resume-{os.getpid()}.log"))
    json.dump(answers[0], sys.stdout, indent=1)


if __name__ == "__main__":
    main()
