"""The processes that torchrun started: each with a device of its own; the first one speaks."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import torch

from symgauge.checks.runtime.record import BadInput, require_device


@contextlib.contextmanager
def joined(device: str) -> Iterator[tuple[str, bool]]:
    """The device of this process, and whether it prints and writes: the first of several does.

    Raises BadInput where torch cannot use the device, or has fewer than there are processes.
    """
    require_device(device)
    count = os.environ.get("WORLD_SIZE", "1")
    if count == "1":
        yield device, True
        return
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        raise BadInput(
            f"WORLD_SIZE is {json.dumps(count)}, and torchrun has not started this process: start "
            "several with torchrun, or unset it")
    if not torch.distributed.is_available():
        raise BadInput("this torch has no torch.distributed: run the check in one process")
    if device == "cuda":
        here, devices = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if int(os.environ["LOCAL_WORLD_SIZE"]) > devices:
            raise BadInput(
                f"this machine has {devices} CUDA device{'s' * (devices > 1)}, and each process "
                f"takes one: start {devices} with --nproc-per-node")
        torch.cuda.set_device(here)
        device = f"cuda:{here}"
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if "cuda" in device else "gloo")
    try:
        first = torch.distributed.get_rank() == 0
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            with contextlib.nullcontext() if first else contextlib.redirect_stdout(nowhere):
                yield device, first
    finally:
        torch.distributed.destroy_process_group()
