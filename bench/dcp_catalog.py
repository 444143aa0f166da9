"""Times the catalog of a PyTorch DCP save of very many fragments, and samples the memory that it takes.

    python bench/dcp_catalog.py SCRATCH [--tensors 1024] [--ranks 1024] [--rounds 3]

The save is made first, if it is not there: a `.metadata` as torch pickles it (protocol 4, a MetadataIndex, a _StorageInfo
and a ChunkStorageMetadata for each fragment) and one data file a rank, whose items are archives as torch writes them, of a
row of 32 float32. torch itself is not needed.
"""
import argparse
import collections
import io
import os
import pickle
import struct
import subprocess
import sys
import threading
import time
import types
import zlib

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH = 32


def stub(module, name, bases=(), **members):
    """A class that pickles under torch's name."""
    parts = module.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[: i + 1]), types.ModuleType(".".join(parts[: i + 1])))
    made = type(name, bases, dict(members, __module__=module, __qualname__=name))
    setattr(sys.modules[module], name, made)
    return made


META = "torch.distributed.checkpoint.metadata"
Size = stub("torch", "Size", (tuple,), __reduce__=lambda self: (Size, (tuple(self),)))
Metadata = stub(META, "Metadata")
TensorStorageMetadata = stub(META, "TensorStorageMetadata")
TensorProperties = stub(META, "TensorProperties", __getstate__=lambda self: self.state)
ChunkStorageMetadata = stub(META, "ChunkStorageMetadata")
MetadataIndex = stub(META, "MetadataIndex")
StorageInfo = stub("torch.distributed.checkpoint.filesystem", "_StorageInfo")


def get_layout(name):
    return None


get_layout.__module__, get_layout.__qualname__ = "torch.serialization", "_get_layout"
stub("torch.serialization", "Tag")
sys.modules["torch.serialization"]._get_layout = get_layout
MemoryFormat = stub(META, "_MEM_FORMAT_ENCODING", __init__=lambda self, *a: None, __reduce__=lambda self: (MemoryFormat, (0,)))
float32 = stub("torch", "float32")
FloatStorage = stub("torch", "FloatStorage")
STORAGE = object()


def rebuild(*arguments):
    return None


rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
stub("torch._utils", "Tag")
sys.modules["torch._utils"]._rebuild_tensor_v2 = rebuild


class Tensor:
    def __reduce__(self):
        return rebuild, (STORAGE, 0, (1, WIDTH), (WIDTH, 1), False, collections.OrderedDict())


Layout = type("Layout", (), {"__reduce__": lambda self: (get_layout, ("torch.strided",))})


def made(cls, **fields):
    thing = cls.__new__(cls)
    thing.__dict__.update(fields)
    return thing


class ItemPickler(pickle.Pickler):
    def persistent_id(self, thing):
        return ("storage", FloatStorage, "0", "cpu", WIDTH) if thing is STORAGE else None


def item():
    """A row of 32 float32 as torch.save writes it into a stream: records aligned to 64 bytes, lengths behind them."""
    pickled = io.BytesIO()
    ItemPickler(pickled, protocol=2).dump(Tensor())
    records = [("data.pkl", pickled.getvalue()), (".format_version", b"1"), (".storage_alignment", b"64"),
               ("byteorder", b"little"), ("data/0", struct.pack(f"<{WIDTH}f", *range(WIDTH))), ("version", b"3\n"),
               (".data/serialization_id", b"0" * 40)]
    out, directory = b"", b""
    for name, data in records:
        name = b"archive/" + name.encode()
        padding = -(len(out) + 30 + len(name) + 4) % 64
        checks = struct.pack("<III", zlib.crc32(data), len(data), len(data))
        directory += struct.pack("<IHHHHHH", 0x02014B50, 0, 0, 0x0808, 0, 0, 0) + checks
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, len(out)) + name
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, 0x0808, 0, 0, 0, 0, 0, 0, len(name), 4 + padding) + name
        out += b"FB" + struct.pack("<H", padding) + b"Z" * padding + data + b"PK\x07\x08" + checks
    count, start = len(records), len(out)
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, count, count, len(directory), start)
    end += struct.pack("<IIQI", 0x07064B50, 0, start + len(directory), 1)
    return out + directory + end + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), start, 0)


def write(folder, tensors, ranks):
    row = item()
    os.makedirs(folder)
    names = [f"layers.{i // 8}.block{i % 8}.weight" for i in range(tensors)]
    block = row * tensors
    for rank in range(ranks):
        with open(os.path.join(folder, f"__{rank}_0.distcp"), "wb") as file:
            file.write(block)
    properties = TensorProperties.__new__(TensorProperties)
    properties.state = (float32, Layout(), False, MemoryFormat(), False, (WIDTH, 1))
    entries = {}
    for name in names:
        chunks = [made(ChunkStorageMetadata, offsets=Size((rank, 0)), sizes=Size((1, WIDTH))) for rank in range(ranks)]
        entries["model." + name] = made(
            TensorStorageMetadata, properties=properties, size=Size((ranks, WIDTH)), chunks=chunks)
    items = {}
    for rank in range(ranks):
        path = f"__{rank}_0.distcp"
        for i, name in enumerate(names):
            key = made(MetadataIndex, fqn="model." + name, index=rank, offset=Size((rank, 0)))
            items[key] = made(StorageInfo, relative_path=path, offset=i * len(row), length=len(row))
    whole = made(
        Metadata,
        state_dict_metadata=entries,
        planner_data={"model." + name: ("model", name) for name in names},
        storage_data=items,
        storage_meta=None,
        version="1.0.0")
    with open(os.path.join(folder, ".metadata"), "wb") as file:
        pickle.dump(whole, file, protocol=4)


def sample(process, peaks):
    """Keeps the greatest anonymous memory of a process, in KiB."""
    path = f"/proc/{process.pid}/status"
    while process.poll() is None:
        try:
            with open(path) as file:
                for line in file:
                    if line.startswith("RssAnon"):
                        peaks.append(int(line.split()[1]))
        except OSError:
            return
        time.sleep(0.005)


def run(folder):
    began = time.monotonic()
    with open(os.devnull, "wb") as sink:
        process = subprocess.Popen([os.path.join(HOME, "trencadis"), "ls", folder], stdout=sink)
        peaks = [0]
        watch = threading.Thread(target=sample, args=(process, peaks))
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        watch.join()
    if status != 0:
        sys.exit(f"trencadis ended with {status}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, max(peaks) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scratch")
    parser.add_argument("--tensors", type=int, default=1024)
    parser.add_argument("--ranks", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = os.path.join(arguments.scratch, f"dcp-{arguments.tensors}x{arguments.ranks}")
    if not os.path.exists(os.path.join(folder, ".metadata")):
        write(folder, arguments.tensors, arguments.ranks)
    size = os.path.getsize(os.path.join(folder, ".metadata"))
    print(f"{arguments.tensors * arguments.ranks:,} fragments, .metadata of {size / 1e6:.0f} MB")
    for _ in range(arguments.rounds):
        seconds, cpu, peak = run(folder)
        print(f"{seconds:.2f} s, {cpu:.2f} s of CPU, {peak:.0f} MiB of anonymous memory at the most")


if __name__ == "__main__":
    main()
