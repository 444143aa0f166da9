#!/usr/bin/env python3
"""Times Trencadís against what people use today, on one large DeepSpeed checkpoint, in one interleaved run.

    python bench/peers.py CHECKPOINT SCRATCH [--runs 3] [--only import,universal] [--json FILE]

CHECKPOINT is a directory that engine.save_checkpoint wrote; SCRATCH, on the same file system, takes the outputs, each
removed after its run. The interpreter must have DeepSpeed. What is measured:

  link        trencadis link            (no peer: nothing else does this); also once with a cold cache, for the bytes read
  import      trencadis import          cp -r
  universal   trencadis export          ds_to_universal.py, to the checkpoint's own stage
  safetensors trencadis export          zero_to_fp32.py --safe_serialization
  digest      trencadis digest          sha256sum, to /dev/null

Every run starts with the source in the page cache and nothing dirty in it, and ends when each file and directory that
it wrote has been forced to the disk (fsync), whether by the command or afterwards by this script. Bytes are those of
/proc/PID/io with its children: `read` and `written` by system calls, `disk` what reached the device. `anonymous` is the
highest sum of private memory of the command's processes, sampled 20 times a second.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1 << 20
SAMPLE_SECONDS = 0.05
BLOCK_BYTES = 4 * MIB


def source_files(checkpoint):
    return sorted(path for path in checkpoint.rglob("*") if path.is_file())


def warm(files):
    block = bytearray(BLOCK_BYTES)
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(block):
                pass


def chill(files):
    """Drops the files' pages from the cache."""
    os.sync()
    for path in files:
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def force(out):
    """Forces an output to the disk: its files, its directories, and the entry of the output itself."""
    paths = [out.parent]
    if out.is_dir():
        for folder, _, files in os.walk(out):
            paths += [pathlib.Path(folder), *(pathlib.Path(folder) / file for file in files)]
    elif out.exists():
        paths.append(out)
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def remove(out):
    if out.is_dir():
        shutil.rmtree(out)
    elif out.exists():
        out.unlink()


# ---------------------------------------------------------------- one measured command


def process_tree(pid):
    found, left = [], [pid]
    while left:
        pid = left.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                left += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def anonymous_bytes(pid):
    total = 0
    for member in process_tree(pid):
        try:
            lines = pathlib.Path(f"/proc/{member}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))
    return total


class Sampler(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.highest, self.done = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(SAMPLE_SECONDS):
            self.highest = max(self.highest, anonymous_bytes(self.pid))


def measured(command, out, log):
    """Runs a command that writes `out`, to the point where the output is on the disk."""
    remove(out)
    os.sync()
    started = time.perf_counter()
    with open(log, "ab") as messages:
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        sampler = Sampler(process.pid)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its counters can be read until it is reaped
        io = dict(line.split(": ") for line in pathlib.Path(f"/proc/{process.pid}/io").read_text().splitlines())
        process.wait()
    command_seconds = time.perf_counter() - started
    force(out)
    seconds = time.perf_counter() - started
    sampler.done.set()
    if process.returncode:
        sys.exit(f"{command[0]} exited with {process.returncode}; see {log}")
    return {"seconds": seconds, "command_seconds": command_seconds, "read": int(io["rchar"]), "written": int(io["wchar"]),
            "disk_read": int(io["read_bytes"]), "disk_written": int(io["write_bytes"]), "anonymous": sampler.highest}


# ---------------------------------------------------------------- what is compared


def pairs(checkpoint, scratch, launcher):
    """name -> (our command, the peer's or None); outputs are scratch/ours and scratch/theirs."""
    ours, theirs = scratch / "ours", scratch / "theirs"
    tag = (checkpoint / "latest").read_text(encoding="utf-8").strip()
    stage = 3 if any((checkpoint / tag).glob("*zero_pp_rank_*_model_states.pt")) else 1
    python = sys.executable
    return {
        "link": ([launcher, "link", checkpoint, ours], None),
        "import": ([launcher, "import", checkpoint, ours], ["cp", "-r", checkpoint, theirs]),
        "universal": ([launcher, "export", checkpoint, ours, "--format", "deepspeed-universal", "--layout", f"zero={stage}"],
                      [python, "-m", "deepspeed.checkpoint.ds_to_universal", "--input_folder", checkpoint / tag,
                       "--output_folder", theirs / f"{tag}_universal", "--inject_missing_state"]),
        "safetensors": ([launcher, "export", checkpoint, ours, "--format", "safetensors"],
                        [python, checkpoint / "zero_to_fp32.py", checkpoint, theirs, "--safe_serialization"]),
        "digest": ([launcher, "digest", checkpoint], ["sha256sum", *source_files(checkpoint)]),
    }


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def row(name, side, runs):
    return (f"{name:12s} {side:7s} {median(runs, 'seconds'):8.2f} {min(r['seconds'] for r in runs):8.2f} {max(r['seconds'] for r in runs):8.2f}"
            f" {median(runs, 'read') / MIB:9.0f} {median(runs, 'written') / MIB:9.0f} {median(runs, 'disk_read') / MIB:9.1f}"
            f" {median(runs, 'disk_written') / MIB:9.0f} {max(r['anonymous'] for r in runs) / MIB:9.0f}")


def report(results, source_bytes):
    print(f"\n{platform.platform()}, {os.cpu_count()} processors; source {source_bytes} bytes; seconds to durability, sizes in MiB")
    print(f"{'':12s} {'':7s} {'median':>8s} {'least':>8s} {'most':>8s} {'read':>9s} {'written':>9s} {'disk read':>9s} {'disk wr.':>9s} {'anonymous':>9s}")
    for name, sides in results.items():
        for side, runs in sides.items():
            if runs:
                print(row(name, side, runs))
        if sides.get("theirs") and sides.get("ours"):
            print(f"{name:12s} {'ratio':7s} {median(sides['theirs'], 'seconds') / median(sides['ours'], 'seconds'):8.2f} times as fast as the peer")
    if results.get("link", {}).get("cold"):
        read = median(results["link"]["cold"], "disk_read")
        print(f"link, cold cache: {read:.0f} bytes from the disk, {100 * read / source_bytes:.3f} % of the source")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("scratch", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="link,import,universal,safetensors,digest")
    parser.add_argument("--side", choices=("both", "ours", "theirs"), default="both")
    parser.add_argument("--launcher", type=lambda text: pathlib.Path(text).resolve(), default=ROOT / "trencadis")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    files = source_files(args.checkpoint)
    source_bytes = sum(path.stat().st_size for path in files)
    log = args.scratch / "peers.log"
    if args.side != "theirs":
        subprocess.run([args.launcher, "--version"], check=True, stdout=subprocess.DEVNULL)  # builds and caches what is missing
    chosen = {name: commands for name, commands in pairs(args.checkpoint, args.scratch, args.launcher).items() if name in args.only.split(",")}
    results = {name: {"ours": [], "theirs": []} for name in chosen}
    for number in range(args.runs):
        for name, commands in chosen.items():
            for side, command in zip(("ours", "theirs"), commands):
                if command is None or args.side not in ("both", side):
                    continue
                out = args.scratch / side
                warm(files)
                run = measured(command, out, log)
                remove(out)
                results[name][side].append(run)
                print(f"run {number + 1} {name} {side}: {run['seconds']:.2f} s", file=sys.stderr, flush=True)
    if "link" in chosen and args.side != "theirs":
        chill(files)
        results["link"]["cold"] = [measured(chosen["link"][0], args.scratch / "ours", log)]
        remove(args.scratch / "ours")
    report(results, source_bytes)
    if args.json:
        args.json.write_text(json.dumps({"source_bytes": source_bytes, "results": results}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
