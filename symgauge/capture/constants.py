"""What does not depend on a parameter or an input: folded with torch."""

from __future__ import annotations

from typing import Any

import torch

from symgauge.capture.module import WideFloats
from symgauge.capture.skeleton import has_values
from symgauge.errors import CaptureError


def folded(target: Any, overload: str, args: Any, kwargs: Any) -> Any:
    """A constant, in float64 where floats are narrower: casts between them are dropped."""
    kwargs = {k: v for k, v in kwargs.items() if k != "pin_memory"}
    with WideFloats():  # type: ignore[no-untyped-call]
        value = target(*args, **kwargs)
    # memory that is read nowhere may hold anything; 0 makes the program reproducible
    return torch.zeros_like(value) if overload.startswith(("empty", "new_empty")) else value


def without_masks(indices: list[Any]) -> list[Any]:
    """A Boolean index as the places where it holds, one tensor for each of its axes."""
    out: list[Any] = []
    for i in indices:
        mask = isinstance(i, torch.Tensor) and i.dtype == torch.bool
        if mask and not has_values(i):
            raise CaptureError("an index is a mask on the meta device; give it its values")
        out += i.nonzero(as_tuple=True) if mask else [i]
    return out
