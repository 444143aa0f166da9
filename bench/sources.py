#!/usr/bin/env python3
"""Times the import of DCP, safetensors and torch.save checkpoints against a copy, and a slice of each by bytes read.

    python bench/sources.py SCRATCH [--runs 3] [--gigabytes 1.2] [--json FILE]

SCRATCH takes the checkpoints, made here by PyTorch and safetensors from random weights, and the outputs. The interpreter
must have torch, safetensors and numpy. For each kind:

  import    trencadis import                     cp -r, both to durability, interleaved, page cache warm
  load      the framework's own loader           for scale: dcp.load, HuggingFaceStorageReader, safe_open, torch.load
  slice     an eighth of the columns of one tensor, page cache cold: bytes read from the disk, of the bytes of the slice,
            and those of the pages that hold it
"""
import argparse
import json
import pathlib
import subprocess
import sys

import peers

ROWS, COLUMNS = 2048, 4096
MATRIX_BYTES = ROWS * COLUMNS * 4
SLICE_COLUMNS = COLUMNS // 8
PAGE_BYTES = 4096
MIB = peers.MIB

WRITE = """
import sys, torch
kind, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
state = {f"layers.{i}.weight": torch.randn(%d, %d) for i in range(count)}
if kind == "torch":
    torch.save(state, out + "/model.pt")
elif kind == "safetensors":
    from safetensors.torch import save_file
    save_file(state, out + "/model.safetensors")
else:
    import torch.distributed.checkpoint as dcp
    dcp.save(state, checkpoint_id=out, no_dist=True)
""" % (ROWS, COLUMNS)

LOAD = """
import sys, time, torch
kind, path = sys.argv[1], sys.argv[2]
names = [f"layers.{i}.weight" for i in range(int(sys.argv[3]))]
empty = lambda: {name: torch.empty(%d, %d) for name in names}
started = time.perf_counter()
if kind == "torch.load":
    torch.load(path + "/model.pt", weights_only=True)
elif kind == "safe_open":
    from safetensors import safe_open
    with safe_open(path + "/model.safetensors", "pt") as file:
        [file.get_tensor(name).clone() for name in file.keys()]
elif kind == "HuggingFaceStorageReader":
    from torch.distributed.checkpoint import HuggingFaceStorageReader, load
    load(empty(), storage_reader=HuggingFaceStorageReader(path), no_dist=True)
else:
    import torch.distributed.checkpoint as dcp
    dcp.load(empty(), checkpoint_id=path, no_dist=True)
print(time.perf_counter() - started)
""" % (ROWS, COLUMNS)

LOADERS = {"dcp": ["dcp.load"], "safetensors": ["safe_open", "HuggingFaceStorageReader"], "torch": ["torch.load"]}


def python(script, *arguments):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)], check=True, capture_output=True, text=True)
    return done.stdout


def what(kind, folder):
    return folder / "model.pt" if kind == "torch" else folder


def make(kind, scratch, count):
    folder = scratch / kind
    if not folder.exists():
        folder.mkdir(parents=True)
        python(WRITE, kind, folder, count)
    return folder


def measure_slice(kind, folder, scratch, launcher, log):
    peers.chill(peers.source_files(folder))
    run = peers.measured([launcher, "slice", what(kind, folder), "layers.3.weight", "--box", f"0:{ROWS},{SLICE_COLUMNS}:{2 * SLICE_COLUMNS}",
                          "-o", scratch / "slice"], scratch / "slice", log)
    peers.remove(scratch / "slice")
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=1.2)
    parser.add_argument("--launcher", type=lambda text: pathlib.Path(text).resolve(), default=peers.ROOT / "trencadis")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    count = max(4, round(args.gigabytes * 1e9 / MATRIX_BYTES))
    total = count * MATRIX_BYTES
    subprocess.run([args.launcher, "--version"], check=True, stdout=subprocess.DEVNULL)
    log = args.scratch / "sources.log"
    folders = {kind: make(kind, args.scratch, count) for kind in LOADERS}
    ours, theirs = args.scratch / "ours", args.scratch / "theirs"
    results = {kind: {"ours": [], "theirs": [], "loads": {loader: [] for loader in LOADERS[kind]}} for kind in folders}
    for number in range(args.runs):
        for kind, folder in folders.items():
            for side, command, out in (("ours", [args.launcher, "import", what(kind, folder), ours], ours),
                                       ("theirs", ["cp", "-r", folder, theirs], theirs)):
                peers.warm(peers.source_files(folder))
                results[kind][side].append(peers.measured(command, out, log))
                peers.remove(out)
                print(f"run {number + 1} {kind} {side}: {results[kind][side][-1]['seconds']:.2f} s", file=sys.stderr, flush=True)
            for loader in LOADERS[kind]:
                results[kind]["loads"][loader].append(float(python(LOAD, loader, folder, count)))
    slices = {kind: measure_slice(kind, folder, args.scratch, args.launcher, log) for kind, folder in folders.items()}
    peers.report({kind: {side: sides[side] for side in ("ours", "theirs")} for kind, sides in results.items()}, total)
    for kind, sides in results.items():
        rates = [f"{loader} {total / 1e9 / sorted(seconds)[len(seconds) // 2]:.2f} GB/s" for loader, seconds in sides["loads"].items()]
        print(f"{kind:12s} import {total / 1e9 / peers.median(sides['ours'], 'seconds'):.2f} GB/s; loaded by {', '.join(rates)}")
    wanted = ROWS * SLICE_COLUMNS * 4
    pages = ROWS * ((SLICE_COLUMNS * 4 - 2) // PAGE_BYTES + 2) * PAGE_BYTES
    for kind, run in slices.items():
        print(f"{kind:12s} slice of {wanted} bytes in {ROWS} runs, which lie in pages of at most {pages}:"
              f" {run['disk_read']} bytes from the disk, {100 * run['disk_read'] / total:.2f} % of the checkpoint, {run['seconds']:.2f} s")
    if args.json:
        args.json.write_text(json.dumps({"bytes": total, "results": results, "slices": slices}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
