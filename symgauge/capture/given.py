"""What the verbs of Python are given: a module, a tuple of its inputs, what is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from symgauge.errors import BadInputError, CaptureError

#: What may be looked at: the outputs as they are, or log_softmax of them.
OBSERVABLES = ("logits", "probabilities")


def given(
    module: Any, args: Sequence[Any], kwargs: Mapping[str, object] | None,
    observable: str = "logits",
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The inputs as a tuple and a dict.

    Raises BadInputError, of the module CaptureError, where one of the four is of another kind: what
    it is, and what to give.
    """
    if not isinstance(module, torch.nn.Module):
        what = "the class " if isinstance(module, type) else ""
        name = module.__name__ if isinstance(module, type) else type(module).__name__
        raise CaptureError(
            f"expected a torch.nn.Module, found {what}{name}; give a module with its weights")
    if isinstance(args, torch.Tensor):
        raise BadInputError("args is a tensor; give a tuple of the module's inputs, (x,)")
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise BadInputError(
            f"args is {named(args)}; give a tuple of the module's inputs, (x,), and inputs by "
            "name as kwargs")
    if kwargs is not None and not (
            isinstance(kwargs, Mapping) and all(isinstance(name, str) for name in kwargs)):
        raise BadInputError(
            f"kwargs is {named(kwargs)}; give a dict from the names of inputs to their values")
    if observable not in OBSERVABLES:
        raise BadInputError(
            f"there is no observable {observable!r}; give one of {', '.join(OBSERVABLES)}")
    return tuple(args), dict(kwargs or {})


def named(value: Any) -> str:
    """What a message calls a value of the wrong kind."""
    return "None" if value is None else f"of type {type(value).__name__}"
