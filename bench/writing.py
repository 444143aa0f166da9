#!/usr/bin/env python3
"""What writing a file costs on Linux, by how it is done: the choices of storage.OutputFile, DirectWrites and Writeback.

    python bench/writing.py SCRATCH [--mebibytes 1152] [--runs 3]

Prints, as medians, the processor time of writing a file in calls of a size, through the page cache and past it, and the time
until it is durable: forced once at the end, and on another thread after each 64 MiB as well.
"""
import argparse
import mmap
import os
import pathlib
import queue
import statistics
import threading
import time

MIB = 1 << 20
KIB = 1 << 10
STEP_BYTES = 64 * MIB


def force_all(file, steps):
    while steps.get():
        os.fdatasync(file)


def write(path, size, call, direct, early):
    """Seconds of the processor and until durable."""
    block = mmap.mmap(-1, call)  # starts at a page
    block.write(os.urandom(call))
    if path.exists():
        path.unlink()
    os.sync()
    time.sleep(1)
    steps = queue.Queue()
    started, before = time.perf_counter(), os.times()
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | (os.O_DIRECT if direct else 0))
    forcing = threading.Thread(target=force_all, args=(file, steps))
    forcing.start()
    for offset in range(0, size, call):
        os.pwrite(file, block, offset)
        if early and (offset + call) % STEP_BYTES == 0:
            steps.put(True)
    steps.put(False)
    forcing.join()
    os.fsync(file)
    durable, after = time.perf_counter() - started, os.times()
    os.close(file)
    path.unlink()
    return after.system - before.system, durable


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--mebibytes", type=int, default=1152)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    path, size = args.scratch / "writing", args.mebibytes * MIB
    cases = [(call, direct, early) for direct in (False, True) for call in (256 * KIB, MIB, 4 * MIB) for early in (False, True)]
    times = {case: [] for case in cases}
    for _ in range(args.runs):
        for case in cases:
            times[case].append(write(path, size, *case))
    for (call, direct, early), seconds in times.items():
        processor, durable = (sorted(column) for column in zip(*seconds))
        print(f"{'past' if direct else 'through'} the page cache, calls of {call // KIB:4d} KiB, {'forced each 64 MiB' if early else 'forced once':18s}:"
              f" processor {statistics.median(processor):.2f} s ({processor[0]:.2f} to {processor[-1]:.2f}),"
              f" durable after {statistics.median(durable):.2f} s ({durable[0]:.2f} to {durable[-1]:.2f})")


if __name__ == "__main__":
    main()
