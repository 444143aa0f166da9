"""What Trencadís reads of a framework's checkpoint is what the framework itself loads, for fixtures and for fresh ones.

Tensors are compared as a collection of (digest, dtype, shape): the names that Trencadís gives them are proved against the
fixtures' truth by the engine's own tests.
"""
import concurrent.futures
import json
import pathlib
import subprocess
import sys

import pytest

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
def compared(launcher, tmp_path_factory):
    """{source: (our lines, their lines)}; an error stands for itself."""
    fresh = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, sources_writer.__file__, "write", str(fresh)], check=True, capture_output=True,
                   timeout=folders.TIMEOUT_SECONDS)
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
