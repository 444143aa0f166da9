"""Every tensor of every fixture has, on every route through Trencadís, the digest that it had in the training processes.

Routes: the raw directory, a link to it, an import of it, that import packed by lz4 or zstd, both safetensors exports as
the safetensors library reads them, and universal folders of both schemas, read back. The cases run two at a time.
"""
import concurrent.futures
import json
import shutil

import pytest
import safetensors.torch

import check_live_state
import expectations
import folders

STATES = "fp32,exp_avg,exp_avg_sq,model"
ROUTES = ["raw", "link", "import", "packed", "safetensors", "weights", "universal for stage 1", "universal for stage 3"]
WORKERS = 2


def digests(launcher, what):
    return folders.run(launcher, "digest", "--sha256", what).splitlines()


def safetensors_entries(out):
    """{name: tensor} of all files of an export."""
    entries = {}
    for file in sorted(out.glob("*.safetensors")):
        entries.update(safetensors.torch.load_file(file))
    return entries


def lines_of(entries):
    """Digest lines of (name, state, tensor)."""
    return [expectations.line(check_live_state.sha256(tensor), name, state, check_live_state.dtype_name(tensor), tensor.shape)
            for name, state, tensor in entries]


class Trip:
    """All routes of one case, each made from another's output where it can be."""

    def __init__(self, launcher, case, place):
        self.launcher, self.case, self.place = launcher, case, place
        self.source = expectations.checkpoint(case)
        self.made = {}

    def run(self):
        """{route: lines, or the exception that it ended with}"""
        results = {}
        self.place.mkdir(parents=True)
        for route in ROUTES:
            try:
                results[route] = getattr(self, "_" + route.split()[0])(*route.split()[-1:] if " " in route else ())
            except Exception as error:
                results[route] = error
        try:
            results["copies"] = self._copies()
        except Exception as error:
            results["copies"] = error
        shutil.rmtree(self.place)
        return results

    def _make(self, name, *arguments):
        out = self.place / name
        folders.run(self.launcher, *[out if a is ... else a for a in arguments])
        self.made[name] = out
        return out

    def _raw(self):
        return digests(self.launcher, self.source)

    def _link(self):
        return digests(self.launcher, self._make("link", "link", self.source, ...))

    def _import(self):
        return digests(self.launcher, self._make("import", "import", self.source, ...))

    def _packed(self):
        codec = ("lz4", "zstd")[expectations.cases().index(self.case) % 2]
        return digests(self.launcher, self._make("packed", "import", self.made["import"], ..., "--codec", codec))

    def _safetensors(self):
        out = self._make("safetensors", "export", self.made["packed"], ..., "--format", "safetensors", "--states", STATES)
        return lines_of((*name.rsplit(".", 1), tensor) for name, tensor in safetensors_entries(out).items())

    def _weights(self):
        out = self._make("weights", "export", self.made["link"], ..., "--format", "safetensors")
        return lines_of((name, "", tensor) for name, tensor in safetensors_entries(out).items())

    def _universal(self, stage):
        what = {"1": self.source, "3": self.made["packed"]}[stage]
        return digests(self.launcher, folders.exported(self.launcher, what, self.place / f"universal{stage}", stage))

    def _copies(self):
        """{name: digests of its copies} of module tensors that each tensor-parallel rank trains on its own."""
        copies = {}
        for name in own_copies(expectations.read(self.case)):
            for what in (self.source, self.made["import"]):
                document = json.loads(folders.run(self.launcher, "--json", "inspect", what, f"{name}:model"))
                [tensor] = find_objects(document, "copies")
                copies.setdefault(name, []).append([copy["sha256"] for copy in tensor["copies"] if not copy["margin"]])
        return copies


def find_objects(value, key):
    """Objects of a JSON document that have `key`."""
    if isinstance(value, dict):
        if key in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from find_objects(item, key)


def own_copies(expected):
    return {name: tensor["sha256_per_tp_rank"] for name, tensor in expected["model_dtype_tensors"].items() if "sha256_per_tp_rank" in tensor}


def saved(expected):
    """Whether a module tensor is in the checkpoint: stage 3 saves no weights in the training dtype."""
    partitioned = expected["layout"]["zero_stage"] == 3
    return lambda tensor: tensor.get("in_checkpoint", True) and (not partitioned or "frozen" in tensor or "buffer" in tensor)


def wanted(expected, route):
    module = expectations.module_lines(expected, saved(expected))
    if route == "weights":
        masters = [expectations.line(t["states"]["fp32"], name, "", "float32", t["shape"]) for name, t in expected["tensors"].items()]
        return masters + [line.replace("\tmodel\t", "\t\t") for line in module if name_of(line) not in expected["tensors"]]
    return expectations.optimizer_lines(expected) + module


def name_of(line):
    return line.partition("  ")[2].split("\t")[0]


@pytest.fixture(scope="module")
def trips(request, launcher, workplace):
    chosen = sorted({item.callspec.params["case"] for item in request.session.items if item.module is request.module})
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        started = {case: workers.submit(Trip(launcher, case, workplace / "trips" / case).run) for case in chosen}
        yield lambda case: started[case].result()


def result(trips, case, route):
    found = trips(case)[route]
    if isinstance(found, Exception):
        raise found
    return found


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", expectations.cases())
def test_tensors_are_those_of_memory(trips, case, route):
    expected = expectations.read(case)
    means = {f"{name}\tmodel" for name in own_copies(expected)}  # printed as rounded means; see the test of copies
    found = [line for line in result(trips, case, route) if line.partition("  ")[2].rsplit("\t", 2)[0] not in means]
    assert sorted(found) == sorted(wanted(expected, route))


@pytest.mark.parametrize("case", [case for case in expectations.cases() if own_copies(expectations.read(case))])
def test_copies_of_a_blend_are_those_of_the_ranks(trips, case):
    for name, ranks in own_copies(expectations.read(case)).items():
        for copies in result(trips, case, "copies")[name]:
            assert copies == ranks, name
