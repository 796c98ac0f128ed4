"""The outputs of a module, by name."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree


def output_names(module: torch.nn.Module, program: Any, count: int) -> list[str]:
    """Names of a mapping's or model output's fields, else indices."""
    try:
        spec = program.call_spec.out_spec
        dummy = pytree.tree_unflatten(list(range(count)), spec)
        paths = pytree.tree_flatten_with_path(dummy)[0]
        names = {leaf: str(getattr(path[-1], "key", getattr(path[-1], "name", leaf)))
                 for path, leaf in paths if path}
        return [names.get(i, str(i)) for i in range(count)]
    except Exception:
        return [str(i) for i in range(count)]
