"""What Trencadís reads of a framework's checkpoint is what the framework itself loads, for fixtures and for fresh ones.

Tensors are compared as a collection of (digest, dtype, shape): the names that Trencadís gives them are proved against the
fixtures' truth by the engine's own tests.
"""
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

import check_live_state
import expectations
import folders
import sources_writer

WORKERS = 2
FIXTURES = pathlib.Path(expectations.FIXTURES).parent

# what the framework cannot load itself, each for the reason beside it
NOT_LOADED = {
    "unknown_transform": "refused by both",
    "bytes_entries": "a tuple with a tensor in it is one object in the file, for us an attachment",
    "rank_local_metadata": "torch's own converter wants one .metadata",
    "numpy_and_rng": "arrays of numpy are attachments",
    "distopt_dp_reshardable": "refused: it does not say which parameter lies where",
}


def cases(family, kind, skip=()):
    """The fixtures of a family: a folder `checkpoint`, or the one file beside `expected.json`."""
    found = []
    for case in sorted((FIXTURES / family).iterdir()):
        if (case / "expected.json").exists() and case.name not in NOT_LOADED and not case.name.startswith(tuple(skip) or ("\0",)):
            files = [file for file in case.iterdir() if file.suffix in (".pt", ".pth")]
            found.append((kind, files[0] if files else case / "checkpoint"))
    return found


def fixture_sources():
    return (cases("dcp", "dcp", ("hf_",))
            + [("hf", FIXTURES / "dcp" / "hf_sharded" / "checkpoint"), ("safetensors", FIXTURES / "dcp" / "hf_rank0" / "checkpoint")]
            + cases("megatron", "megatron", ("legacy",))
            + [("safetensors", FIXTURES / "safetensors" / case / "checkpoint") for case in ("llama_sharded", "llama_single_tied", "odd_entries")]
            + cases("torch", "torch", ("sparse_and_meta", "whole_module")))


FRESH = [("dcp", "dcp"), ("dcp", "dcp_flat_bf16"), ("hf", "hf_shards"), ("megatron", "megatron"), ("safetensors", "safetensors"),
         ("safetensors", "transformers"), ("torch", "torch")]


# Megatron-LM's older folders, which nothing but Megatron-LM loads: what they should hold is beside them
REMEMBERED = ["legacy_flat", "legacy_flat_buckets", "legacy_virtual", "legacy_experts_sequential", "legacy_experts_grouped"]


def ours(launcher, path):
    lines = folders.run(launcher, "digest", "--sha256", path).splitlines()
    split = [line.split("  ", 1) for line in lines]
    return sorted(f"{digest}\t{rest.split(chr(9))[2]}\t{rest.split(chr(9))[3]}" for digest, rest in split)


def theirs(sources):
    """What the frameworks load of all sources, by one process."""
    requests = "".join(f"{kind} {path}\n" for kind, path in sources)
    done = subprocess.run([sys.executable, sources_writer.__file__, "read"], input=requests, capture_output=True, text=True,
                          timeout=folders.TIMEOUT_SECONDS)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(sources), done.stderr[-2000:]
    return answers


def ours_or_error(launcher, path):
    try:
        return ours(launcher, path)
    except Exception as error:
        return error


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    place = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, sources_writer.__file__, "write", str(place)], check=True, capture_output=True,
                   timeout=folders.TIMEOUT_SECONDS)
    return place


@pytest.fixture(scope="module")
def compared(launcher, fresh):
    """{source: (our lines, their lines)}; an error stands for itself."""
    sources = {identity(kind, path): (kind, path) for kind, path in fixture_sources()}
    sources |= {f"fresh-{name}": (kind, fresh / name / ("model.pt" if kind == "torch" else "")) for kind, name in FRESH}
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        loaded = pool.submit(theirs, list(sources.values()))
        read = list(pool.map(lambda source: ours_or_error(launcher, source[1]), sources.values()))
    return dict(zip(sources, zip(read, loaded.result())))


def identity(kind, path):
    return f"{kind}-{path.parent.name}"


@pytest.mark.parametrize("source", [identity(*source) for source in fixture_sources()] + [f"fresh-{name}" for _, name in FRESH])
def test_what_is_read_is_what_the_framework_loads(compared, source):
    read, loaded = compared[source]
    if isinstance(read, Exception):
        raise read
    assert isinstance(loaded, list) and loaded, loaded
    assert read == loaded


@pytest.mark.parametrize("name", REMEMBERED)
def test_megatrons_folders_hold_what_their_writer_remembers(launcher, fresh, name):
    memory = torch.load(fresh / name / "memory.pt")
    wanted = [expectations.line(check_live_state.sha256(tensor), key, state, check_live_state.dtype_name(tensor), tensor.shape)
              for (key, state), tensor in memory.items()]
    assert sorted(folders.run(launcher, "digest", "--sha256", fresh / name).splitlines()) == sorted(wanted)


def test_each_ranks_file_holds_what_is_said_to_lie_in_it(launcher):
    """Of each file, the bytes where `inspect` says that its fragments lie are the tensors that the rank wrote."""
    case = FIXTURES / "megatron" / "legacy_tp2_pp2"
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))

    def fragments(name):
        document = json.loads(folders.run(launcher, "--json", "inspect", case / "checkpoint", f"{name}:model"))
        copies = document["tensors"][0]["copies"]
        extents = [extent for copy in copies for fragment in copy["fragments"] for extent in fragment["extents"]]
        return [copy["sha256"] for copy in copies], extents
    found = {}
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for name, (digests, extents) in zip(expected["tensors"], pool.map(fragments, expected["tensors"])):
            assert set(digests) == {expected["tensors"][name]["sha256"]}, name
            for file in {extent["file"] for extent in extents}:
                data = (case / "checkpoint" / "iter_0000100" / file).read_bytes()
                parts = sorted((extent["offset"], extent["bytes"]) for extent in extents if extent["file"] == file)
                digest = hashlib.sha256(b"".join(data[offset:offset + size] for offset, size in parts)).hexdigest()
                found.setdefault(f"iter_0000100/{file}", []).append(digest)
    for file, tensors in expected["files"].items():
        assert sorted(found[file]) == sorted(tensor["sha256"] for key, tensor in tensors.items() if key.startswith("model.")), file


def test_a_tied_weight_is_equal_to_one_that_is_stored_twice(launcher, tmp_path):
    """torch.save keeps which tensors share memory; safetensors files hold such a weight twice."""
    weight = torch.randn(64, 32)
    changed = weight.clone()
    changed[3, 4] += 1
    torch.save({"emb": weight, "head": weight}, tmp_path / "tied.pt")
    for name, head in (("equal", weight.clone()), ("changed", changed)):
        save_file({"emb": weight.clone(), "head": head}, tmp_path / f"{name}.safetensors")
        for pair in ((tmp_path / "tied.pt", tmp_path / f"{name}.safetensors"), (tmp_path / f"{name}.safetensors", tmp_path / "tied.pt")):
            done = subprocess.run([launcher, "diff", *pair], capture_output=True, text=True, timeout=folders.TIMEOUT_SECONDS)
            names = [line.split("\t")[0] for line in done.stdout.splitlines()]
            assert (done.returncode, names) == ((0, []) if name == "equal" else (1, ["head"])), done
