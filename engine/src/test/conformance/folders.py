"""Makes universal folders: DeepSpeed's own, by ds_to_universal, and Trencadís's, by its launcher."""
import argparse
import multiprocessing
import os
import pathlib
import subprocess
import traceback

import torch

import expectations

TIMEOUT_SECONDS = 240


def latest_tag(checkpoint):
    return (pathlib.Path(checkpoint) / "latest").read_text(encoding="utf-8").strip()


def converted(case, out, job):
    """The folder that DeepSpeed's converter makes of a fixture, as load_checkpoint wants it."""
    source = expectations.checkpoint(case)
    tag = latest_tag(source)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    arguments = argparse.Namespace(input_folder=str(source / tag), output_folder=str(out / f"{tag}_universal"), num_extract_workers=1,
                                   num_merge_workers=1, keep_temp_folder=False, strict=not job.get("lax", False),
                                   inject_missing_state=job.get("inject", False))
    out.mkdir(parents=True)
    process = context.Process(target=_convert, args=(arguments, out, results))
    process.start()
    error = results.get(timeout=TIMEOUT_SECONDS)
    process.join()
    if error:
        raise RuntimeError(f"ds_to_universal of {case}: {error}")
    return out


def _convert(arguments, out, results):
    try:
        with open(out / "ds_to_universal.log", "w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        torch.set_num_threads(1)
        from deepspeed.checkpoint import ds_to_universal
        ds_to_universal.main(arguments)
        results.put(None)
    except BaseException as error:  # the parent must hear of everything
        traceback.print_exc()
        results.put(f"{type(error).__name__}: {error}")
    finally:
        results.close()
        results.join_thread()
        os._exit(0)


def run(launcher, *arguments, codes=(0,)):
    """What the launcher printed; its messages where it failed."""
    done = subprocess.run([launcher, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode not in codes:
        raise AssertionError(f"trencadis {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def exported(launcher, what, out, zero_stage):
    """The folder that Trencadís writes, as load_checkpoint wants it."""
    run(launcher, "export", what, out, "--format", "deepspeed-universal", "--layout", f"zero={zero_stage}")
    return out
