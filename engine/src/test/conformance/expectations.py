"""What the fixtures' expected.json say, in the forms that the tests compare with."""
import json
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = pathlib.Path(os.environ.get("TRENCADIS_FIXTURES", HERE.parent / "resources" / "fixtures" / "deepspeed"))


def cases():
    return sorted(path.parent.name for path in FIXTURES.glob("*/expected.json"))


def checkpoint(case):
    return FIXTURES / case / "checkpoint"


def read(case):
    return json.loads((FIXTURES / case / "expected.json").read_text(encoding="utf-8"))


def shape_text(shape):
    return "x".join(map(str, shape)) or "scalar"


def line(sha256, name, state, dtype, shape):
    """A line of `trencadis digest --sha256`."""
    return f"{sha256}  {name}\t{state}\t{dtype}\t{shape_text(shape)}"


def optimizer_lines(expected):
    """Lines of master weights and optimizer states."""
    return [line(sha256, name, state, "float32", tensor["shape"])
            for name, tensor in expected["tensors"].items() for state, sha256 in tensor["states"].items()]


def module_lines(expected, stored=lambda tensor: True):
    """Lines of module tensors; those that each tensor-parallel rank trains on its own have no digest of the whole."""
    return [line(tensor["sha256"], name, "model", tensor["dtype"], tensor["shape"])
            for name, tensor in expected["model_dtype_tensors"].items() if "sha256" in tensor and stored(tensor)]
