"""A safetensors file written tensor by tensor: one of them is in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import prod

import torch

from symgauge.weights.checkpoint import DTYPES

NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_tensors(
    file: str, names: Sequence[str], shapes: Mapping[str, Sequence[int]],
    dtypes: Mapping[str, torch.dtype], tensor: Callable[[str], torch.Tensor],
    metadata: Mapping[str, str] | None,
) -> None:
    """Write these tensors, each made when its turn comes. Raises OSError as any writing does.

    The format: the length of a header in 8 bytes, the header as JSON, and all entries without a
    gap; the widest first, so that each lies where its size divides its place.
    """
    order = sorted(names, key=lambda n: (-dtypes[n].itemsize, n))
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name in order:
        end = place + prod(shapes[name]) * dtypes[name].itemsize
        header[name] = {
            "dtype": NAMES[dtypes[name]], "shape": list(shapes[name]), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            value = tensor(name)
            assert value.dtype == dtypes[name] and tuple(value.shape) == tuple(shapes[name])
            out.write(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
