#!/usr/bin/env python3
"""What writing a file costs on Linux, by how it is done: the choices of storage.OutputFile and storage.Writeback.

    python bench/writing.py SCRATCH [--mebibytes 1152] [--runs 3]

Prints, as medians, the processor time of writing a file in calls of a size, and the time until a file that is made at
1 GB/s is durable, where the device is told to write each 16 MiB, and where its cache is emptied each 64 MiB as well.
"""
import argparse
import ctypes
import os
import pathlib
import queue
import statistics
import threading
import time

MIB = 1 << 20
SYNC_FILE_RANGE_WRITE = 2
BYTES_PER_SECOND = 1e9
LIBC = ctypes.CDLL(None, use_errno=True)


def created(path, size):
    if path.exists():
        path.unlink()
    os.sync()
    time.sleep(1)
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.posix_fallocate(file, 0, size)
    return file


def processor_seconds(path, size, call):
    block = os.urandom(call)
    file = created(path, size)
    before = os.times().system
    for offset in range(0, size, call):
        os.pwrite(file, block, offset)
    spent = os.times().system - before
    os.close(file)
    path.unlink()
    return spent


def durable_seconds(path, size, flush):
    block = os.urandom(4 * MIB)
    file = created(path, size)
    steps = queue.Queue()

    def ask():
        for end in iter(steps.get, None):
            LIBC.sync_file_range(file, ctypes.c_long(end - 16 * MIB), ctypes.c_long(16 * MIB), SYNC_FILE_RANGE_WRITE)
            if flush and end % (64 * MIB) == 0:
                os.fdatasync(file)

    asking = threading.Thread(target=ask)
    asking.start()
    start = time.perf_counter()
    for offset in range(0, size, len(block)):
        for call in range(0, len(block), 256 * 1024):
            os.pwrite(file, block[call:call + 256 * 1024], offset + call)
        if (offset + len(block)) % (16 * MIB) == 0:
            steps.put(offset + len(block))
        time.sleep(max(0, start + (offset + len(block)) / BYTES_PER_SECOND - time.perf_counter()))
    steps.put(None)
    os.fsync(file)
    spent = time.perf_counter() - start
    asking.join()
    os.close(file)
    path.unlink()
    return spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=pathlib.Path)
    parser.add_argument("--mebibytes", type=int, default=1152)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    path, size = args.scratch / "writing", args.mebibytes * MIB
    cases = [(f"calls of {call // 1024} KiB, processor", lambda call=call: processor_seconds(path, size, call)) for call in (256 * 1024, MIB, 2 * MIB, 4 * MIB)]
    cases += [(f"until durable, {'cache emptied each 64 MiB' if flush else 'written each 16 MiB'}", lambda flush=flush: durable_seconds(path, size, flush)) for flush in (False, True)]
    times = {name: [] for name, _ in cases}
    for _ in range(args.runs):
        for name, case in cases:
            times[name].append(case())
    for name, seconds in times.items():
        print(f"{name:45s} {statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
