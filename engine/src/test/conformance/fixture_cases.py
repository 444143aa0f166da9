"""The fixtures' training jobs, as far as resuming them needs: kind of parallelism, model, and how to convert.

A job is a dict: kind (dp | tp | pipe | autotp | moe | autoep), dp, tp, pp, zero, dtype, model and options.
A target is the source's job with some of these replaced.
"""

SMALL = {"vocab": 101, "hidden": 32, "ffn": 88, "heads": 4, "kv": 2, "layers": 2, "seq": 12, "seed": 11}
TINY = dict(SMALL, vocab=61, hidden=16, ffn=37, heads=2, kv=1, seed=5)
FROZEN_TIED = dict(SMALL, tied=True, frozen=["layers.0.attn.o.weight", "layers.1.norm1.weight"])
WIDE = dict(SMALL, bias=True, mix=3, mix_ffn=10, average=True, vocab_multiple=8)
WIDE3 = dict(WIDE, layers=3, hidden=24, heads=4, kv=2, ffn=50)
PIPE = dict(SMALL, tied=True)
MOE = dict(TINY, moe=4, ep=2, moe_ffn=13)
TP_FROZEN = dict(TINY, heads=4, kv=2, frozen=["layers.0.mlp.down.weight", "norm.weight"])


def job(kind, dp, zero, dtype, model, **options):
    return dict({"kind": kind, "dp": dp, "tp": 1, "pp": 1, "zero": zero, "dtype": dtype, "model": model}, **options)


# inject: the save carries no universal_checkpoint_info; lax: ds_to_universal stops in strict mode
JOBS = {
    "autoep2_dp2_zero1": job("autoep", 2, 1, "fp32", dict(MOE, heads=4, kv=2), inject=True),
    "autotp2_dp2_zero1": job("autotp", 2, 1, "bf16", SMALL, tp=2, inject=True),
    "autotp2_dp2_zero1__as__plain_dp3": job("autotp", 3, 1, "bf16", SMALL, inject=True),
    "moe_ep2_dp2_zero1": job("moe", 2, 1, "fp32", MOE, inject=True),
    "pp2_dp2_zero1_tied": job("pipe", 2, 1, "fp32", PIPE, pp=2, gas=2),
    "tp2_dp2_zero1": job("tp", 2, 1, "bf16", WIDE, tp=2),
    "tp2_dp2_zero1_v02": job("tp", 2, 1, "fp32", dict(WIDE, layers=1), tp=2),
    "tp2_pp2_dp2_zero1": job("pipe", 2, 1, "bf16", WIDE3, tp=2, pp=2, gas=2),
    "zero0_dp2_bf16": job("dp", 2, 0, "bf16", TINY),
    "zero0_dp2_fp32": job("dp", 2, 0, "fp32", TINY),
    "zero1_dp2_aligned": job("dp", 2, 1, "bf16", TINY, zero_config={"parameter_alignment": True}),
    "zero1_dp2_elastic": job("dp", 2, 1, "fp32", TINY),
    "zero1_dp2_fp32": job("dp", 2, 1, "fp32", SMALL, scheduler=True),
    "zero1_dp2_legacy_pickle": job("dp", 2, 1, "bf16", TINY),
    "zero1_dp3_bf16": job("dp", 3, 1, "bf16", SMALL, inject=True),
    "zero1_dp3_bf16_bf16opt": job("dp", 3, 1, "bf16", SMALL, grad_dtype="fp32"),
    "zero2_dp2_fp16": job("dp", 2, 2, "fp16", dict(SMALL, fused=False)),
    "zero2_dp3_round_robin": job("dp", 3, 2, "fp32", TINY),
    "zero2_dp4_frozen_tied": job("dp", 4, 2, "bf16", FROZEN_TIED, clip=1.0, gas=2),
    "zero2_tp2_dp1_frozen": job("tp", 1, 2, "bf16", TP_FROZEN, tp=2, lax=True),
    "zero3_dp2_subgroups_frozen": job("dp", 2, 3, "fp32", FROZEN_TIED, zero_config={"sub_group_size": 1500}),
    "zero3_dp3": job("dp", 3, 3, "bf16", SMALL),
}


def target(case, **changes):
    """The job of `case` under another layout; `model` changes are merged into its model."""
    changed = dict(JOBS[case], **changes)
    changed["model"] = dict(JOBS[case]["model"], **changes.get("model", {}))
    for option in ("inject", "lax"):
        changed.pop(option, None)
    return changed


def ranks(a_job):
    return a_job["dp"] * a_job["tp"] * a_job["pp"]
