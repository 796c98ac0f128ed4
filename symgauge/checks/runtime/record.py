"""What any generated check needs: bad input in one sentence, seeds, JSON records, exit status."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import torch


class BadInput(Exception):
    """What was asked cannot be done; the message is one sentence for the user."""


class Parser(argparse.ArgumentParser):
    """Usage errors are bad input: one sentence, exit status 3."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message)


def options(description: str, dtypes: Sequence[str], sizes: Sequence[str]) -> Parser:
    """A command line with device, dtype, size, seed and record."""
    parser = Parser(description=description)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", default="float64", choices=list(dtypes))
    parser.add_argument("--size", default="small", choices=list(sizes))
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", metavar="PATH", help="write the record there")
    return parser


def seeded(device: torch.device, seed: int, name: str) -> torch.Generator:
    """A generator of its own for every (seed, name)."""
    digest = hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))


def require_device(device: str) -> None:
    """Raises BadInput where torch cannot use it."""
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("this machine has no CUDA device that torch can use")


def device_name(device: str) -> str:
    """The model of the GPU or of the processor, where the system tells."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for text in file:
                if text.startswith("model name"):
                    return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def finite(row: Mapping[str, object]) -> dict[str, object]:
    """JSON has no nan and no inf: they are written as text."""
    odd = {k: str(v) for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)}
    return {**row, **odd}


def require_folder(path: str | None) -> None:
    """Raises BadInput before the work where the file could not be written after it."""
    if path and not os.path.isdir(os.path.dirname(path) or "."):
        raise BadInput(f"the folder of {path} does not exist")


def write(path: str, record: Mapping[str, object]) -> None:
    """Writes the record, the whole file or nothing."""
    part = path + ".part"
    try:
        with open(part, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
        os.replace(part, path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error}") from error


def exit_status(work: Callable[[], int], narrower: str) -> int:
    """What `work` returns; 3 bad input or no memory, 4 a bug, 130 interrupted."""
    try:
        return work()
    except BadInput as error:
        sentence = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
        if os.environ.get("LOCAL_RANK", "0") == "0":  # of several processes, all found the same
            print(f"error: {sentence}", file=sys.stderr)
        return 3
    except torch.OutOfMemoryError:
        print(f"error: out of memory: try --size small or {narrower}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
        return 4
