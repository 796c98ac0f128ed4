"""Checkpoints: a safetensors file, or a directory of shards with model.safetensors.index.json.

Tensors are read one at a time. Nothing else is read: a pickle can run any code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from symgauge.capture.given import named
from symgauge.errors import BadInputError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
#: Entries that are looked at at once.
PIECE = 2**22


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors with their shapes and dtypes, each read when it is asked for."""

    path: str
    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, torch.dtype]
    #: Reads one tensor in its own dtype. Raises BadInputError where its file cannot be read.
    tensor: Callable[[str], torch.Tensor]
    #: The file of each tensor; none of a state dict.
    files: Mapping[str, Path] = field(default_factory=dict)

    def metadata(self, file: Path) -> dict[str, str] | None:
        """What stands in the header of one of the files beside the tensors."""
        with _opened(file) as opened:
            found: dict[str, str] | None = opened.metadata()
            return found


def held(state: Mapping[str, torch.Tensor], path: str) -> Checkpoint:
    """A state dict as a checkpoint; `path` is what messages call it. Extra states are left out.

    Raises BadInputError where it is none, or a tensor is sparse or has no values.
    """
    if not isinstance(state, Mapping):
        raise BadInputError(
            f"{path} is {named(state)}; give a state dict, such as module.state_dict()")
    for name in state:
        if not isinstance(name, str):
            raise BadInputError(f"{path} holds the key {name!r}; give the names of tensors")
    state = {n: t for n, t in state.items() if not is_extra_state(n)}
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise BadInputError(f"{path} holds {name} as {type(value).__name__}, not as a tensor")
        if value.is_meta:
            raise BadInputError(
                f"{path} holds {name} on the meta device, without values; give it values")
        if value.layout is not torch.strided:
            raise BadInputError(f"{path} holds {name} as a sparse tensor; make it dense")
    return Checkpoint(
        path, {n: tuple(t.shape) for n, t in state.items()},
        {n: t.dtype for n, t in state.items()}, lambda n: state[n].detach().cpu())


def is_extra_state(name: str) -> bool:
    """Whether a name of a state dict is that of what a module keeps by `get_extra_state`."""
    return name.rpartition(".")[2] == "_extra_state"


def open_checkpoint(path: str) -> Checkpoint:
    """The checkpoint at a path.

    Raises BadInputError where it is no safetensors file, is cut short, or lacks a shard; and where
    a directory says in two ways what it holds.
    """
    place = Path(path)
    if not os.path.exists(path):  # Path.exists raises where no file can have the name
        raise BadInputError(f"there is no file {path}")
    files = _shards(place) if place.is_dir() else {}
    if not place.is_dir():
        with _opened(place) as file:
            files = {name: place for name in file.keys()}
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, torch.dtype] = {}
    for shard in sorted(set(files.values())):
        with _opened(shard) as file:
            names = set(file.keys())
            beside = sorted(names - set(files))
            if beside:
                raise BadInputError(
                    f"{shard} holds {beside[0]!r}, which {INDEX} names nowhere: it would be left "
                    "out; place it in the index, or take it out of the file")
            for name in (n for n, f in files.items() if f == shard):
                if name not in names:
                    raise BadInputError(
                        f"{shard} has no tensor named {name!r}, which the index places there")
                piece = file.get_slice(name)
                shapes[name] = tuple(piece.get_shape())
                dtypes[name] = _dtype(piece.get_dtype(), name, shard)
    if not files:
        raise BadInputError(f"{path} holds no tensors")

    def read(name: str) -> torch.Tensor:
        with _opened(files[name]) as file:
            found: torch.Tensor = file.get_tensor(name)
            return found

    return Checkpoint(path, shapes, dtypes, read, files)


def has_no_number(value: torch.Tensor) -> bool:
    """Whether an entry of a tensor is infinite or no number."""
    if not value.is_floating_point():
        return False
    narrow = value.element_size() == 1  # floats of one byte have no ops
    return not all(
        bool((part.float() if narrow else part).isfinite().all())
        for part in value.reshape(-1).split(PIECE))


def _shards(folder: Path) -> dict[str, Path]:
    index = folder / INDEX
    if not index.is_file():
        if (folder / SINGLE).is_file():
            with _opened(folder / SINGLE) as file:
                return {name: folder / SINGLE for name in file.keys()}
        raise BadInputError(f"the directory {folder} holds neither {INDEX} nor {SINGLE}")
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        files = {str(name): folder / str(shard) for name, shard in places.items()}
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
    ) as error:
        raise BadInputError(f"{index} is no index of shards ({error!r:.80})") from error
    if (folder / SINGLE).is_file() and folder / SINGLE not in files.values():
        raise BadInputError(
            f"the directory {folder} holds {INDEX} and {SINGLE} beside it, and readers do not "
            "agree on which counts: take one away, or name the file")
    lost = sorted({f.name for f in files.values() if not f.is_file()})
    if lost:
        raise BadInputError(f"{folder} lacks the shard {lost[0]}, which {INDEX} names")
    return files


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise BadInputError("weights need safetensors; install symgauge[torch]") from error
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise BadInputError(
            f"{path} is not a complete safetensors file ({str(error):.120}); pickles are not "
            "read: save it with safetensors"
        ) from error


DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool, "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}


def _dtype(text: str, name: str, path: Path) -> torch.dtype:
    if text not in DTYPES:
        raise BadInputError(f"{path} holds {name!r} as {text}, which is not read")
    return DTYPES[text]
