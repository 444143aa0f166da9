"""Builds a DeepSpeed engine for a job, and runs one training step of it on data fixed by step and rank."""
import torch

import tiny_models
from parallel_layers import Par

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BUCKET_ELEMENTS = 20_000  # DeepSpeed's 500 million would be allocated
SEED_SHIFT = 1  # weights start from other values than the fixtures' did, so whatever equals them was loaded


class Mpu:
    """The client's model-parallel unit: tensor-parallel ranks are consecutive."""

    def __init__(self, tp):
        world, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
        self.tp, self.dp, self.tp_rank, self.dp_rank = tp, world // tp, rank % tp, rank // tp
        self.tp_group = own_group([list(range(d * tp, (d + 1) * tp)) for d in range(self.dp)], rank)
        self.dp_group = own_group([list(range(t, world, tp)) for t in range(tp)], rank)

    def get_model_parallel_rank(self):
        return self.tp_rank

    def get_model_parallel_world_size(self):
        return self.tp

    def get_model_parallel_group(self):
        return self.tp_group

    get_tensor_model_parallel_rank = get_model_parallel_rank
    get_tensor_model_parallel_world_size = get_model_parallel_world_size
    get_tensor_model_parallel_group = get_model_parallel_group

    def get_data_parallel_rank(self):
        return self.dp_rank

    def get_data_parallel_world_size(self):
        return self.dp

    def get_data_parallel_group(self):
        return self.dp_group


def own_group(members, rank):
    """The group of `members` that has `rank`; all ranks make all groups."""
    groups = [(ranks, torch.distributed.new_group(ranks)) for ranks in members]
    return next(group for ranks, group in groups if rank in ranks)


class Job:
    """An engine in its place of the mesh."""

    def __init__(self, job):
        self.job, self.model_settings = job, dict(job["model"], seed=job["model"]["seed"] + SEED_SHIFT)
        self.rank = torch.distributed.get_rank()
        self.tp_rank, self.dp_rank, self.par = 0, self.rank, Par()
        self.config = config(job)
        self.arguments = {}
        torch.manual_seed(self.model_settings["seed"])
        model = getattr(self, "_" + job["kind"])()
        import deepspeed
        self.engine = deepspeed.initialize(model=model, config=self.config, **self.arguments)[0]
        self._describe()

    # one method for each kind: makes the model and what deepspeed.initialize needs beside it

    def _dp(self):
        model = tiny_models.Decoder(self.model_settings, Par())
        self._own_optimizer(model)
        return model

    def _moe(self):
        from deepspeed.moe.utils import split_params_into_different_moe_groups_for_optimizer
        model = tiny_models.Decoder(self.model_settings, Par())
        groups = split_params_into_different_moe_groups_for_optimizer(named_groups(model))
        self.arguments["optimizer"] = torch.optim.AdamW(groups)
        return model

    def _tp(self):
        mpu = Mpu(self.job["tp"])
        self.tp_rank, self.dp_rank = mpu.tp_rank, mpu.dp_rank
        self.par = Par(mpu.tp_rank, mpu.tp, mpu.tp_group)
        model = tiny_models.Decoder(self.model_settings, self.par)
        self.arguments["mpu"] = mpu
        self._own_optimizer(model)
        return model

    def _pipe(self):
        from deepspeed.pipe import PipelineModule
        from deepspeed.runtime.pipe.topology import PipeModelDataParallelTopology
        topology = PipeModelDataParallelTopology(num_pp=self.job["pp"], num_mp=self.job["tp"], num_dp=self.job["dp"])
        place = topology.get_coord(self.rank)
        if self.job["tp"] > 1:
            self.par = Par(place.model, self.job["tp"], own_group(topology.get_axis_comm_lists("model"), self.rank))
        self.tp_rank, self.dp_rank = self.par.rank, place.data
        loss = tiny_models.loss_of(self.model_settings["vocab"])
        model = PipelineModule(tiny_models.pipe_layers(self.model_settings, self.par), topology=topology, loss_fn=loss,
                               partition_method="uniform", activation_checkpoint_interval=0)
        self._own_optimizer(model)
        return model

    def _autotp(self):
        model = tiny_models.llama(self.model_settings)
        if self.job["tp"] > 1:
            self.config["tensor_parallel"] = {"autotp_size": self.job["tp"]}
        self.arguments["model_parameters"] = list(model.parameters())
        self.arguments["optimizer"] = lambda _: torch.optim.AdamW(param_groups(model))
        return model

    def _autoep(self):
        from deepspeed.module_inject import auto_ep  # 0.19.8 trips over the recorder registry of transformers 5.23
        for kind in vars(auto_ep).values():
            if hasattr(kind, "_retarget_transformers_output_recorders"):
                kind._retarget_transformers_output_recorders = lambda *a, **k: None
        model = tiny_models.mixtral(self.model_settings)
        self.config["expert_parallel"] = {"enabled": True, "autoep_size": self.model_settings["ep"],
                                          "preset_model": "mixtral", "use_grouped_mm": False}

        def optimizer(_):
            from deepspeed.moe.utils import split_params_into_different_moe_groups_for_optimizer
            for p in model.parameters():
                p.case_shape = tuple(getattr(p, "ds_shape", p.shape))
            return torch.optim.AdamW(split_params_into_different_moe_groups_for_optimizer(named_groups(model)))

        self.arguments["model_parameters"] = list(model.parameters())
        self.arguments["optimizer"] = optimizer
        return model

    def _own_optimizer(self, model):
        self.arguments["optimizer"] = torch.optim.AdamW(param_groups(model))

    def _describe(self):
        """Index maps of pieces that DeepSpeed cut itself."""
        from deepspeed.utils import groups
        if self.job["kind"] == "autotp":
            if self.job["tp"] > 1:
                group = groups.get_tensor_model_parallel_group()
            else:
                group = torch.distributed.new_group([self.rank], use_local_synchronization=True)
            self.tp_rank = torch.distributed.get_rank(group)
            self.dp_rank = torch.distributed.get_rank(groups._get_data_parallel_group())
            tiny_models.describe_autotp(self.engine.module, self.model_settings, Par(self.tp_rank, self.job["tp"], group))
        if self.job["kind"] == "autoep":
            ep = self.model_settings["ep"]
            tiny_models.describe_autoep(self.engine.module, groups._get_expert_parallel_rank(f"ep_size_{ep}"), ep)

    def step(self, number):
        """One optimizer step; returns the sum of this rank's losses."""
        batches = [tokens(self.job["model"], number, self.dp_rank, i) for i in range(self.job.get("gas", 1))]
        if self.job["kind"] == "pipe":
            return self.engine.train_batch(iter(batches)).detach().float()
        total = torch.zeros(())
        for ids, labels in batches:
            if self.job["kind"] in ("autotp", "autoep"):
                loss = self.engine(input_ids=ids, labels=ids).loss
            else:
                loss = self.engine(ids, labels)
            self.engine.backward(loss)
            self.engine.step()
            total += loss.detach().float()
        return total


def tokens(m, step, dp_rank, micro):
    generator = torch.Generator().manual_seed(m["seed"] * 7919 + step * 131 + dp_rank * 17 + micro)
    t = torch.randint(0, m["vocab"], (2, m["seq"] + 1), generator=generator)
    return t[:, :-1].contiguous(), t[:, 1:].contiguous()


OWN_SETTINGS = {"lr": 0.5, "betas": (0.5, 0.5), "eps": 1e-3}  # hyperparameters that no checkpoint has
OWN_DECAYS = (0.5, 0.25)


def param_groups(model):
    """One group for tensors of two or more axes, one for the rest."""
    trained = [p for p in model.parameters() if p.requires_grad]
    members = [[p for p in trained if len(p.case_shape) >= 2], [p for p in trained if len(p.case_shape) < 2]]
    return [dict(OWN_SETTINGS, params=params, weight_decay=decay) for params, decay in zip(members, OWN_DECAYS)]


def named_groups(model):
    return [dict(group, name=name) for group, name in zip(param_groups(model), ("decay", "plain"))]


def config(job):
    c = {
        "train_micro_batch_size_per_gpu": 2,
        "gradient_accumulation_steps": job.get("gas", 1),
        "zero_optimization": dict({"stage": job["zero"], "reduce_bucket_size": BUCKET_ELEMENTS,
                                   "allgather_bucket_size": BUCKET_ELEMENTS}, **job.get("zero_config", {})),
        "gradient_clipping": job.get("clip", 0.0),  # DeepSpeed's own default is 1.0
        "steps_per_print": 10 ** 9,
        "checkpoint": {"load_universal": job.get("load_universal", True)},
    }
    if job["dtype"] == "bf16":
        c["bf16"] = {"enabled": True}
    if job["dtype"] == "fp16":
        c["fp16"] = {"enabled": True, "initial_scale_power": 4, "loss_scale_window": 50}
    if job.get("grad_dtype"):
        c["data_types"] = {"grad_accum_dtype": job["grad_dtype"]}
    if job.get("scheduler"):
        c["scheduler"] = {"type": "WarmupLR", "params": {"warmup_min_lr": 1e-3, "warmup_max_lr": 1e-2, "warmup_num_steps": 5}}
    return c
