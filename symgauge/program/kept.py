"""Functions of a network, or of what is made of one, that are computed once for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

T = TypeVar("T")
N = TypeVar("N")


def kept(function: Callable[[N], T]) -> Callable[[N], T]:
    """The function, its value kept beside the cached properties of its frozen argument."""
    key = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def once(network: N) -> T:
        known = network.__dict__
        if key not in known:
            known[key] = function(network)
        value: T = known[key]
        return value

    return once
