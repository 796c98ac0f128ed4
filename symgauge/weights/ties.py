"""Which tensors of a checkpoint are one tensor by several names.

Equal entries show nothing: a buffer may hold a copy of a weight, and stays when the weight moves.
The module says which of its names are one tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Protocol

from symgauge.capture import Target, build_without_weights
from symgauge.errors import BadInputError
from symgauge.weights.checkpoint import Checkpoint
from symgauge.weights.running import tensors_of


class Tensors(Protocol):
    """A checkpoint with its tensors by name."""

    checkpoint: Checkpoint

    def __getitem__(self, name: str) -> Any:
        """The tensor."""


def alike_in(named: set[str], weights: Tensors) -> dict[str, str]:
    """Tensors that are not named, with the named one whose very entries they hold."""
    shapes, dtypes = weights.checkpoint.shapes, weights.checkpoint.dtypes
    found = {}
    for name in (n for n in shapes if n not in named and dtypes[n].is_floating_point):
        for other in sorted(named & set(shapes)):
            alike = shapes[other] == shapes[name] and dtypes[other] == dtypes[name]
            # what is constant, as zeros, is the same by accident
            if alike and prod(shapes[name]) > 1 and (
                    weights[name] == weights[other]).all() and (
                    weights[name] != weights[name].reshape(-1)[0]).any():
                found[name] = other
                break
    return found


def one_tensor(
    alike: Mapping[str, str], target: Callable[[], Target] | None
) -> dict[str, str]:
    """Of these the names that the module has for one tensor, at its own or its full sizes.

    Raises BadInputError where no module says.
    """
    if target is None:
        name, other = next(iter(alike.items()))
        raise BadInputError(
            f"{name} holds the entries of {other}, and the record names no TARGET that says "
            f"whether they are one tensor: save {name} elsewhere, or derive from a TARGET")
    found: dict[str, str] = {}
    made = target()
    for sizes in (made.sizes, made.full_sizes):
        tensors = tensors_of(build_without_weights(made.at(sizes))[0])
        found.update({
            n: m for n, m in alike.items()
            if n in tensors and m in tensors and tensors[n] is tensors[m]})
    return found
