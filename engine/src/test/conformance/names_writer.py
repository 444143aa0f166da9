#!/usr/bin/env python3
"""Writes the same weights as different software keeps them.

    python names_writer.py OUT

makes, for a tiny Llama and a tiny GPT-2 of transformers: OUT/MODEL/hf as save_pretrained writes it, OUT/MODEL/megatron
and OUT/MODEL/megatron-classic as Megatron-LM's tensor- and pipeline-parallel ranks write them (2 x 2, attention and gated
feed-forward fused, vocabulary padded), OUT/MODEL/deepspeed by DeepSpeed's ZeRO, and OUT/MODEL/pipeline by DeepSpeed too,
with the modules numbered as in a pipeline; and for a tiny Mixtral, with experts over two expert-parallel ranks, Megatron's
folders with a module an expert, with one module of a matrix an expert, with two matrices of all experts, and the form
torch_dist of Megatron Core. Nothing here is read from Trencadís.
"""
import argparse
import collections
import multiprocessing
import os
import pathlib
import socket
import subprocess
import sys
import traceback

os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "error")

import torch
from torch import nn

VOCAB, HIDDEN, FFN, HEADS, KEY_HEADS, LAYERS, POSITIONS = 101, 32, 88, 4, 2, 4, 64
PADDED = 104  # rows that Megatron's ranks can share
TP, PP = 2, 2
EXPERTS, EXPERT_FFN, EP = 4, 24, 2
TIMEOUT_SECONDS = 120


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM
    torch.manual_seed(7)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS, max_position_embeddings=POSITIONS, tie_word_embeddings=False))


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel
    torch.manual_seed(8)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_embd=HIDDEN, n_inner=FFN, n_layer=LAYERS, n_head=HEADS,
                                       n_positions=POSITIONS))
    for parameter in model.parameters():  # biases start from zeros, which no mistake would show
        parameter.data.normal_(std=0.2)
    return model


def mixtral():
    from transformers import MixtralConfig, MixtralForCausalLM
    torch.manual_seed(9)
    return MixtralForCausalLM(MixtralConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=EXPERT_FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS, max_position_embeddings=POSITIONS, num_local_experts=EXPERTS, tie_word_embeddings=False))


MODELS = {"llama": llama, "gpt2": gpt2}


# ---------------------------------------------------------------- Megatron-LM

def interleaved(q, k, v, groups):
    """Megatron's order of attention rows: of each group the query heads, the key head, the value head."""
    parts = [p.reshape(groups, -1, *p.shape[1:]) for p in (q, k, v)]
    return torch.cat(parts, 1).reshape(-1, *q.shape[1:])


def padded(table):
    rows = torch.full((PADDED, *table.shape[1:]), 0.5)
    rows[:len(table)] = table
    return rows


def megatron_llama(weights):
    """{name: (whole tensor, axis cut by tensor parallelism or None, parts that are cut one by one)}"""
    whole = {"embedding.word_embeddings.weight": (padded(weights["model.embed_tokens.weight"]), 0, 1)}
    for n in range(LAYERS):
        hf, mine = f"model.layers.{n}.", f"decoder.layers.{n}."
        q, k, v = (weights[f"{hf}self_attn.{p}_proj.weight"] for p in "qkv")
        gated = torch.cat([weights[hf + "mlp.gate_proj.weight"], weights[hf + "mlp.up_proj.weight"]])
        whole |= {
            mine + "self_attention.linear_qkv.layer_norm_weight": (weights[hf + "input_layernorm.weight"], None, 1),
            mine + "self_attention.linear_qkv.weight": (interleaved(q, k, v, KEY_HEADS), 0, 1),
            mine + "self_attention.linear_proj.weight": (weights[hf + "self_attn.o_proj.weight"], 1, 1),
            mine + "mlp.linear_fc1.layer_norm_weight": (weights[hf + "post_attention_layernorm.weight"], None, 1),
            mine + "mlp.linear_fc1.weight": (gated, 0, 2),
            mine + "mlp.linear_fc2.weight": (weights[hf + "mlp.down_proj.weight"], 1, 1),
        }
    whole["decoder.final_layernorm.weight"] = (weights["model.norm.weight"], None, 1)
    whole["output_layer.weight"] = (padded(weights["lm_head.weight"]), 0, 1)
    return whole


def megatron_gpt2(weights):
    whole = {"embedding.word_embeddings.weight": (padded(weights["transformer.wte.weight"]), 0, 1),
             "embedding.position_embeddings.weight": (weights["transformer.wpe.weight"], None, 1)}
    for n in range(LAYERS):
        hf, mine = f"transformer.h.{n}.", f"decoder.layers.{n}."
        for w in ("weight", "bias"):
            turned = {key: weights[f"{hf}{key}.{w}"].mT if w == "weight" else weights[f"{hf}{key}.{w}"] for key in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")}
            column = 0 if w == "weight" else 0
            row = 1 if w == "weight" else None
            whole |= {
                f"{mine}self_attention.linear_qkv.layer_norm_{w}": (weights[f"{hf}ln_1.{w}"], None, 1),
                f"{mine}self_attention.linear_qkv.{w}": (interleaved(*turned["attn.c_attn"].chunk(3), HEADS), column, 1),
                f"{mine}self_attention.linear_proj.{w}": (turned["attn.c_proj"], row, 1),
                f"{mine}mlp.linear_fc1.layer_norm_{w}": (weights[f"{hf}ln_2.{w}"], None, 1),
                f"{mine}mlp.linear_fc1.{w}": (turned["mlp.c_fc"], column, 1),
                f"{mine}mlp.linear_fc2.{w}": (turned["mlp.c_proj"], row, 1),
            }
    for w in ("weight", "bias"):
        whole[f"decoder.final_layernorm.{w}"] = (weights[f"transformer.ln_f.{w}"], None, 1)
    return whole


CLASSIC = [("self_attention.linear_qkv.layer_norm_", "input_layernorm."), ("mlp.linear_fc1.layer_norm_", "post_attention_layernorm."),
           ("self_attention.linear_qkv.", "self_attention.query_key_value."), ("self_attention.linear_proj.", "self_attention.dense."),
           ("mlp.linear_fc1.", "mlp.dense_h_to_4h."), ("mlp.linear_fc2.", "mlp.dense_4h_to_h."), ("decoder.", "")]


def classic(name):
    for new, old in CLASSIC:
        name = name.replace(new, old)
    return name


def nested(local):
    """What Megatron-LM's older modules save: dictionaries in dictionaries."""
    language = {"encoder": collections.OrderedDict((k, v) for k, v in local.items() if k.startswith(("layers.", "final_")))}
    for key, value in local.items():
        owner, _, rest = key.partition(".")
        if owner == "embedding":
            table, _, weight = rest.partition(".")
            language.setdefault("embedding", {})[table] = collections.OrderedDict({weight: value})
        if owner == "output_layer":
            language["output_layer"] = collections.OrderedDict({rest: value})
    return {"language_model": language}


def in_old_order(tensor, version):
    """Rows of fused attention as versions 0 (all queries, all keys, all values) and 1 (in turns inside a head) ordered them."""
    heads = tensor.reshape(HEADS // TP, 3, HIDDEN // HEADS, *tensor.shape[1:])
    return heads.transpose(0, 1) if version == 0 else heads.transpose(1, 2)


def write_megatron(out, name, weights, is_classic, version=3.0):
    whole = {"llama": megatron_llama, "gpt2": megatron_gpt2}[name](weights)
    folder = out / "iter_0000001"
    per_stage = LAYERS // PP
    settings = argparse.Namespace(
        tensor_model_parallel_size=TP, pipeline_model_parallel_size=PP, num_layers=LAYERS, hidden_size=HIDDEN,
        num_attention_heads=HEADS, num_query_groups=KEY_HEADS if name == "llama" else 1, group_query_attention=name == "llama",
        ffn_hidden_size=FFN, padded_vocab_size=PADDED, params_dtype=torch.float32, swiglu=name == "llama", world_size=TP * PP,
        iteration=1, untie_embeddings_and_output_weights=name == "llama",
        position_embedding_type="rope" if name == "llama" else "learned_absolute")
    for stage in range(PP):
        for rank in range(TP):
            local = collections.OrderedDict()
            for key, (tensor, axis, parts) in whole.items():
                if key.startswith("decoder.layers."):
                    layer = int(key.split(".")[2])
                    if layer // per_stage != stage:
                        continue
                    key = key.replace(f"layers.{layer}.", f"layers.{layer % per_stage}.")
                elif stage != (0 if key.startswith("embedding") else PP - 1):
                    continue
                if axis is not None:
                    tensor = torch.cat([part.chunk(TP, axis)[rank] for part in tensor.chunk(parts, axis)], axis)
                if version < 2 and "linear_qkv." in key and "norm" not in key:
                    tensor = in_old_order(tensor, version).reshape(tensor.shape)
                local[classic(key) if is_classic else key] = tensor.contiguous().clone()
            if not is_classic:
                local["decoder.layers.0.self_attention.core_attention._extra_state"] = None
            place = folder / f"mp_rank_{rank:02d}_{stage:03d}"
            place.mkdir(parents=True)
            torch.save({"args": settings, "checkpoint_version": version, "iteration": 1, "model": nested(local) if is_classic else local},
                       place / "model_optim_rng.pt")
    (out / "latest_checkpointed_iteration.txt").write_text("1", encoding="utf-8")


def megatron_mixtral(weights):
    """({name: (whole tensor, axis or None, 1)} of all but experts, {layer: {expert: (gate, up, down)}})"""
    whole = {"embedding.word_embeddings.weight": (padded(weights["model.embed_tokens.weight"]), 0, 1)}
    experts = {}
    for n in range(LAYERS):
        hf, mine = f"model.layers.{n}.", f"decoder.layers.{n}."
        q, k, v = (weights[f"{hf}self_attn.{p}_proj.weight"] for p in "qkv")
        whole |= {
            mine + "self_attention.linear_qkv.layer_norm_weight": (weights[hf + "input_layernorm.weight"], None, 1),
            mine + "self_attention.linear_qkv.weight": (interleaved(q, k, v, KEY_HEADS), 0, 1),
            mine + "self_attention.linear_proj.weight": (weights[hf + "self_attn.o_proj.weight"], 1, 1),
            mine + "pre_mlp_layernorm.weight": (weights[hf + "post_attention_layernorm.weight"], None, 1),
            mine + "mlp.router.weight": (weights[hf + "block_sparse_moe.gate.weight"], None, 1),
        }
        experts[n] = {e: tuple(weights[f"{hf}block_sparse_moe.experts.{e}.{w}.weight"] for w in ("w1", "w3", "w2")) for e in range(EXPERTS)}
    whole["decoder.final_layernorm.weight"] = (weights["model.norm.weight"], None, 1)
    whole["output_layer.weight"] = (padded(weights["lm_head.weight"]), 0, 1)
    return whole, experts


def expert_tensors(form, layer, experts, rank, first):
    """What a tensor-parallel rank holds of a layer's experts, the first of which is number "first" of all."""
    local = [(torch.cat([gate.chunk(TP)[rank], up.chunk(TP)[rank]]), down.chunk(TP, 1)[rank])
             for gate, up, down in (experts[first + e] for e in range(EXPERTS // EP))]
    names = {"sequential": "local_experts.{e}.linear_fc{i}.weight", "te": "linear_fc{i}.weight{e}"}
    prefix = f"decoder.layers.{layer}.mlp.experts."
    if form != "grouped":
        return {prefix + names[form].format(e=e, i=i + 1): pair[i].contiguous() for e, pair in enumerate(local) for i in (0, 1)}
    # Weights of all experts turned, one after another, seen flat.
    return {prefix + "weight1": torch.stack([one.T for one, _ in local]).reshape(HIDDEN, -1),
            prefix + "weight2": torch.stack([two.T for _, two in local]).reshape(-1, HIDDEN)}


def mixtral_settings(tp, ep):
    return argparse.Namespace(
        tensor_model_parallel_size=tp, pipeline_model_parallel_size=1, expert_model_parallel_size=ep, expert_tensor_parallel_size=tp,
        num_experts=EXPERTS, num_layers=LAYERS, hidden_size=HIDDEN, num_attention_heads=HEADS, num_query_groups=KEY_HEADS,
        group_query_attention=True, ffn_hidden_size=EXPERT_FFN, padded_vocab_size=PADDED, swiglu=True, world_size=tp * ep, iteration=1,
        untie_embeddings_and_output_weights=True)


def write_mixtral(out, weights, form):
    whole, experts = megatron_mixtral(weights)
    for rank in range(TP):
        for e in range(EP):
            local = collections.OrderedDict()
            for key, (tensor, axis, _) in whole.items():
                local[key] = (tensor if axis is None else tensor.chunk(TP, axis)[rank]).contiguous().clone()
            for layer, of in experts.items():
                local |= {key: tensor.clone() for key, tensor in expert_tensors(form, layer, of, rank, e * EXPERTS // EP).items()}
            place = out / "iter_0000001" / f"mp_rank_{rank:02d}_{e:03d}"
            place.mkdir(parents=True)
            torch.save({"args": mixtral_settings(TP, EP), "checkpoint_version": 3.0, "iteration": 1, "model": local}, place / "model_optim_rng.pt")
    (out / "latest_checkpointed_iteration.txt").write_text("1", encoding="utf-8")


def write_mixtral_dist(out):
    """By Megatron Core itself: layers and experts on axes in front, gate and up projection of each rank two shards."""
    import torch.distributed as dist
    from safetensors.torch import load_file
    import sources_writer
    sources_writer.without_cuda()
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    from megatron.core import dist_checkpointing
    from megatron.core.dist_checkpointing import ShardedTensor
    whole, experts = megatron_mixtral(load_file(out / "hf" / "model.safetensors"))
    state = {"args": mixtral_settings(1, 1), "iteration": 1, "checkpoint_version": 3.0}

    def add(key, tensor, axes, *offsets):
        state[f"{key} {offsets}"] = ShardedTensor.from_rank_offsets(key, tensor.contiguous(), *offsets, prepend_axis_num=axes)
    for key, (tensor, axis, _) in whole.items():
        parts = key.split(".")
        stacked = key.startswith("decoder.layers.")
        front = [(0, int(parts[2]), LAYERS)] if stacked else []
        key = ".".join(parts[:2] + parts[3:]) if stacked else key
        for rank, part in enumerate([tensor] if axis is None else tensor.chunk(TP, axis)):
            add(key, part, len(front), *front, *([] if axis is None else [(len(front) + axis, rank, TP)]))
    for layer, of in experts.items():
        for e, (gate, up, down) in of.items():
            front = [(0, layer, LAYERS), (1, e, EXPERTS)]
            for rank in range(TP):
                name = "decoder.layers.mlp.experts.experts.linear_fc"
                add(name + "1.weight", gate.chunk(TP)[rank], 2, *front, (2, rank, 2 * TP))
                add(name + "1.weight", up.chunk(TP)[rank], 2, *front, (2, TP + rank, 2 * TP))
                add(name + "2.weight", down.chunk(TP, 1)[rank], 2, *front, (3, rank, TP))
    (out / "megatron-dist").mkdir()
    dist_checkpointing.save(state, str(out / "megatron-dist"))
    dist.destroy_process_group()


def write_experts(out):
    from safetensors.torch import load_file
    mixtral().save_pretrained(out / "hf")
    weights = load_file(out / "hf" / "model.safetensors")
    for form in ("sequential", "te", "grouped"):
        write_mixtral(out / f"megatron-{form}", weights, form)
    subprocess.run([sys.executable, __file__, "--dist", str(out)], check=True, timeout=TIMEOUT_SECONDS)


# ---------------------------------------------------------------- DeepSpeed

def numbered(model):
    """The modules of transformers' Llama or GPT-2 from one end to the other, numbered as a pipeline numbers them."""
    if hasattr(model, "model"):
        return nn.Sequential(model.model.embed_tokens, *model.model.layers, model.model.norm, model.lm_head)
    return nn.Sequential(model.transformer.wte, *model.transformer.h, model.transformer.ln_f)


JOBS = [("llama", "deepspeed", 1), ("gpt2", "deepspeed", 3), ("llama", "pipeline", 2)]


def rank_main(rank, world, port, out, results):
    try:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), LOCAL_RANK=str(rank),
                          WORLD_SIZE=str(world), GLOO_SOCKET_IFNAME="lo")
        torch.set_num_threads(1)
        import deepspeed
        deepspeed.init_distributed("gloo")
        for name, kind, stage in JOBS:
            model = MODELS[name]()
            model = numbered(model) if kind == "pipeline" else model
            optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.0)
            engine = deepspeed.initialize(model=model, optimizer=optimizer, config={
                "train_micro_batch_size_per_gpu": 1, "steps_per_print": 10 ** 9,
                "zero_optimization": {"stage": stage, "reduce_bucket_size": 20_000, "allgather_bucket_size": 20_000}})[0]
            engine.save_checkpoint(str(out / name / kind), tag="step0")
        results.put(None)
    except BaseException as error:  # the parent must hear of everything
        traceback.print_exc()
        results.put(f"rank {rank}: {type(error).__name__}: {error}")
    finally:
        results.close()
        results.join_thread()
        os._exit(0)


def write_deepspeed(out):
    import deepspeed.runtime.zero.muon.muon_optimizer  # noqa: F401 - with all that it imports: once here, not in each rank
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    ranks = [context.Process(target=rank_main, args=(rank, 2, port, out, results)) for rank in range(2)]
    for process in ranks:
        process.start()
    errors = [error for error in (results.get(timeout=TIMEOUT_SECONDS) for _ in ranks) if error]
    for process in ranks:
        process.join()
    if errors:
        raise RuntimeError("; ".join(errors))


def write(out):
    out = pathlib.Path(out)
    for name, make in MODELS.items():
        model = make()
        model.save_pretrained(out / name / "hf")
        weights = {key: value.detach() for key, value in model.state_dict().items()}
        write_megatron(out / name / "megatron", name, weights, False)
        write_megatron(out / name / "megatron-classic", name, weights, True)
        if name == "gpt2":
            write_megatron(out / name / "megatron-version0", name, weights, True, 0)
            write_megatron(out / name / "megatron-version1", name, weights, True, 1.0)
    write_experts(out / "mixtral")
    write_deepspeed(out)


if __name__ == "__main__":
    if sys.argv[1] == "--dist":
        write_mixtral_dist(pathlib.Path(sys.argv[2]))
    else:
        write(sys.argv[1])
