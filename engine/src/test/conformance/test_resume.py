"""Real DeepSpeed resumes from Trencadís's universal folders in another layout, and holds what it should.

Where ds_to_universal can convert the case for the target, everything must be as after resuming from its folder, bit for
bit: every rank's tensors with their paddings, hyperparameters, steps, loss scaler, client state, then loss and state
after one training step. Everywhere, masters and moments must have the digests of expected.json.
"""
import functools
import json

import pytest

import engines
import expectations
import folders
import resume
from fixture_cases import JOBS, target

NO_HYPERPARAMETERS = {"zero1_dp2_elastic"}  # an elastic save leaves them out
BF16_OPTIMIZER = {"grad_dtype": "fp32"}

# case, changes to its layout
LIKE_CONVERTER = [
    ("zero1_dp2_fp32", {"dp": 3}),
    ("zero1_dp2_fp32", {"dp": 4, "zero": 2}),
    ("zero1_dp2_fp32", {"dp": 2, "dtype": "bf16", **BF16_OPTIMIZER}),
    ("zero1_dp3_bf16", {"dp": 2, "zero": 2}),
    ("zero1_dp3_bf16", {"dp": 1, "dtype": "fp32"}),
    ("zero1_dp3_bf16_bf16opt", {"dp": 2, "grad_dtype": None}),
    ("zero1_dp2_aligned", {"dp": 3}),
    ("zero1_dp2_aligned", {"dp": 2, "zero_config": {}}),
    ("zero1_dp2_legacy_pickle", {"dp": 3}),
    ("zero2_dp2_fp16", {"dp": 3, "zero": 1}),
    ("zero2_dp4_frozen_tied", {"dp": 3}),
    ("zero3_dp3", {"dp": 2}),
    ("zero3_dp2_subgroups_frozen", {"dp": 4, "zero_config": {"sub_group_size": 4000}}),
    ("tp2_dp2_zero1", {"tp": 1, "dp": 2}),
    ("tp2_dp2_zero1", {"tp": 2, "dp": 1}),
    ("tp2_dp2_zero1", {"tp": 1, "dp": 4, **BF16_OPTIMIZER}),
    ("tp2_dp2_zero1_v02", {"tp": 1, "dp": 3}),
    ("tp2_dp2_zero1_v02", {"tp": 2, "dp": 1, "zero": 2}),
    ("zero2_tp2_dp1_frozen", {"tp": 1, "dp": 2}),
    ("pp2_dp2_zero1_tied", {"pp": 1, "dp": 3}),
    ("pp2_dp2_zero1_tied", {"pp": 2, "dp": 1}),
    ("tp2_pp2_dp2_zero1", {"tp": 1, "pp": 2, "dp": 1}),
    ("tp2_pp2_dp2_zero1", {"tp": 1, "pp": 1, "dp": 2}),
    ("tp2_pp2_dp2_zero1", {"tp": 2, "pp": 2, "dp": 1}),
    ("autotp2_dp2_zero1", {"tp": 1, "dp": 3}),
    ("autotp2_dp2_zero1", {"tp": 2, "dp": 1}),
    ("autotp2_dp2_zero1__as__plain_dp3", {"tp": 2, "dp": 2}),
    ("autoep2_dp2_zero1", {"dp": 4}),
    ("autoep2_dp2_zero1", {"dp": 2, "model": {"ep": 1}}),
]

# the converter stops, or is wrong, or the two stages' folders cannot be loaded into each other
AS_EXPECTED = [
    ("zero0_dp2_fp32", {"dp": 3, "zero": 1}),
    ("zero0_dp2_fp32", {"dp": 2, "zero": 2}),
    ("zero0_dp2_bf16", {"dp": 3, "zero": 1}),
    ("zero0_dp2_bf16", {"dp": 2, "zero": 3}),
    ("zero1_dp2_elastic", {"dp": 3}),
    ("zero1_dp2_elastic", {"dp": 2, "zero": 3}),
    ("zero2_dp3_round_robin", {"dp": 2}),
    ("moe_ep2_dp2_zero1", {"dp": 2, "model": {"ep": 1}}),
    ("zero1_dp2_fp32", {"dp": 3, "zero": 3}),
    ("zero2_dp4_frozen_tied", {"dp": 2, "zero": 3}),
    ("tp2_dp2_zero1", {"kind": "dp", "tp": 1, "dp": 2, "zero": 3, "model": {"vocab_multiple": 1}}),  # that loader cannot pad
    ("autotp2_dp2_zero1", {"tp": 1, "dp": 2, "zero": 3}),
    ("zero3_dp3", {"dp": 2, "zero": 1}),
    ("zero3_dp3", {"dp": 3, "zero": 2, **BF16_OPTIMIZER}),
    ("zero3_dp2_subgroups_frozen", {"dp": 3, "zero": 2, "zero_config": {}}),
]


def title(row):
    case, changes = row
    return case + "->" + ",".join(f"{k}={v}" for k, v in changes.items()).replace(" ", "").replace("'", "")


@pytest.fixture(scope="session")
def theirs(workplace):
    return functools.cache(lambda case: folders.converted(case, workplace / "theirs" / case, JOBS[case]))


@pytest.fixture(scope="session")
def ours(workplace, launcher):
    @functools.cache
    def export(case, zero_stage):
        out = workplace / "ours" / f"{case}-zero{zero_stage}"
        out.parent.mkdir(exist_ok=True)
        return folders.exported(launcher, expectations.checkpoint(case), out, zero_stage)

    return export


@pytest.fixture(scope="session")
def digests(launcher):
    """What a user would give check_live_state."""
    return functools.cache(lambda case: folders.run(launcher, "digest", "--sha256", expectations.checkpoint(case)).splitlines())


def schema(job):
    return 3 if job["zero"] == 3 else 1


@pytest.mark.parametrize("row", LIKE_CONVERTER, ids=map(title, LIKE_CONVERTER))
def test_resumes_as_from_the_converter(row, ours, theirs, digests, tmp_path):
    case, changes = row
    job = target(case, **changes)
    mine, reference = resume.resume_all(job, [(ours(case, schema(job)), digests(case)), (theirs(case), None)], tmp_path / "rank")
    check_loaded(mine, case, job)
    del mine["report"]
    assert first_difference(mine, reference) is None


@pytest.mark.parametrize("row", AS_EXPECTED, ids=map(title, AS_EXPECTED))
def test_resumes_as_expected(row, ours, digests, tmp_path):
    case, changes = row
    job = target(case, **changes)
    [mine] = resume.resume_all(job, [(ours(case, schema(job)), digests(case))], tmp_path / "rank")
    check_loaded(mine, case, job)


def check_loaded(answer, case, job):
    expected = expectations.read(case)
    live = answer["loaded"]["tensors"]
    owned = {name: states for name, states in live.items() if "fp32" in states}
    assert sorted(owned) == sorted(expected["tensors"])
    for name, states in owned.items():
        found = {state: tensor["sha256"] for state, tensor in states.items() if state != "model"}
        assert found == expected["tensors"][name]["states"], name
        module = expected["model_dtype_tensors"][name]
        if "sha256" in module and module["dtype"] == states["model"]["dtype"]:
            assert states["model"]["sha256"] == module["sha256"], name
    check_groups(answer["loaded"]["runs"], expected, job)
    assert any(states["fp32"]["sha256"] != answer["stepped"]["tensors"][name]["fp32"]["sha256"] for name, states in owned.items())
    report = answer["report"]
    assert (report["different"], report["missing"]) == ([], [])
    assert report["equal"] >= 3 * len(expected["tensors"])


def check_groups(runs, expected, job):
    wanted = expected["optimizer_groups"]
    if expected["case"] in NO_HYPERPARAMETERS:
        wanted = [dict(engines.OWN_SETTINGS, weight_decay=decay) for decay in engines.OWN_DECAYS]
    wanted = [{k: resume.plain(v) for k, v in group.items()} for group in wanted]
    if job["zero"] == 3 and expected["case"] not in NO_HYPERPARAMETERS:  # DeepSpeed gives every group the hyperparameters of the first
        wanted = [wanted[0]] * len(wanted)
    steps = {tensor["step"] for tensor in expected["tensors"].values()}
    for run in runs:
        assert [{k: group.get(k) for k in want} for group, want in zip(run["groups"], wanted, strict=True)] == wanted
        assert set(run["steps"]) == steps


def first_difference(one, other, path=""):
    """Where two answers first differ, or None."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            if key not in one or key not in other:
                return f"{path}/{key}: only {'ours' if key in one else 'theirs'}"
            found = first_difference(one[key], other[key], f"{path}/{key}")
            if found:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next(filter(None, (first_difference(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, other)))), None)
    return None if one == other else f"{path}: ours {json.dumps(one)[:200]}, theirs {json.dumps(other)[:200]}"
