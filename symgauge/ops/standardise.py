"""x minus its mean, over its standard deviation."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.program.array import Array
from symgauge.program.domain import Domain
from symgauge.program.op import Composite
from symgauge.program.writer import Value, Writer


class Standardise(Composite):
    """(x - mean) / sqrt(variance + eps) over `axes`: a shift along them leaves it unchanged."""

    name = "standardise"
    law = "standardising"
    rational_attrs = ("eps",)
    closed = True

    def symbols(self, domain: Domain, y: Array, *xs: Array, **attrs: Any) -> Array:
        """Entries sum to 0 over the axes: the last is minus the sum of the others."""
        axes = tuple(a + 1 for a in attrs["axes"])
        kept = [a for a in range(y.ndim) if a not in axes]
        moved = y.transpose(*kept, *axes)
        flat = moved.reshape(-1, prod(y.shape[a] for a in axes)).copy()
        flat[:, -1] = domain.scale(domain.sum(flat[:, :-1], (1,)), Fraction(-1))
        back = flat.reshape(moved.shape)
        return back.transpose(*np.argsort([*kept, *axes]))

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        centred, variance = moments(build, xs[0], attrs["axes"])
        if prod(xs[0].shape[a] for a in attrs["axes"]) == 1 and attrs["eps"] > 0:
            return centred
        root = build.apply("rsqrt", build.add(variance, attrs["eps"]))
        return build.mul(centred, build.broadcast(root, xs[0].shape))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{standardise}}({inputs[0]})"


def mean(build: Writer, x: Value, axes: tuple[int, ...]) -> Value:
    """The mean over axes, which are kept."""
    count = prod(x.shape[a] for a in axes)
    return build.scale(build.sum(x, axes, True), Fraction(1, count))


def moments(build: Writer, x: Value, axes: tuple[int, ...]) -> tuple[Value, Value]:
    """x minus its mean, and the mean of its square: the (biased) variance, axes kept."""
    if prod(x.shape[a] for a in axes) == 1:
        # x is its own mean
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        return build.full(0, x.shape), build.full(0, kept)
    shift = build.broadcast(mean(build, x, axes), x.shape)
    centred = build.add(x, build.scale(shift, -1))
    return centred, mean(build, build.apply("power", centred, exponent=2), axes)
