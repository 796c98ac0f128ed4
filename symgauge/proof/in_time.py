"""Variations along a flow, as polynomials in the time since its start."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from symgauge.exact.polynomial import Monomial, Number, Polynomial, Ring, add, ratio, scale
from symgauge.program.array import Array
from symgauge.program.network import Network
from symgauge.proof.folding import Folded, as_number, recombine

#: Degree in time of the variations tried along a flow, and the words for it in a table.
TIME_DEGREE = 2
IN_TIME = ", from a variation that grows with time, to the power "


def inputs_of(field: Network) -> tuple[int, int | None]:
    """The lines of the state and of the time."""
    places = {x.name: i for i, x in zip(field.input_nodes, field.inputs, strict=True)}
    return places["x"], places.get("t")


def in_time(
    powers: Sequence[Folded], x: Array, clock: Monomial, ring: Ring, derivative: int
) -> Array:
    """xi, or its derivative with respect to time (1)."""
    out = np.empty(x.shape, dtype=object)
    flat = out.reshape(-1)
    flat[:] = [dict[Monomial, Number]() for _ in range(flat.size)]
    for k, part in enumerate(powers):
        if k < derivative:
            continue
        factor: Polynomial = {clock * (k - derivative): k if derivative else 1}
        for n, p in enumerate(recombine(part, x).reshape(-1)):
            flat[n] = add(flat[n], ring.mul(p, factor))
    return out


def rate(
    powers: Sequence[Folded], x: Array, y: Array, clock: Monomial, ring: Ring
) -> Array:
    """d xi / dt along the field: d_t xi + (grad xi) y."""
    linear = [Folded(part.linear, [{} for _ in part.shift]) for part in powers]
    turned = in_time(linear, y, clock, ring, 0)
    own = in_time(powers, x, clock, ring, 1)
    out: Array = np.asarray(np.frompyfunc(add, 2, 1)(turned, own), dtype=object)
    return out


def coefficient(a: Array, clock: Monomial, power: int, divisor: int) -> Array:
    """The coefficient of a power of the elapsed time, over a number."""
    (t,) = clock
    out = np.empty(a.shape, dtype=object)
    out.reshape(-1)[:] = [
        {tuple(s for s in m if s != t): ratio(c, divisor) for m, c in p.items()
         if m.count(t) == power}
        for p in a.reshape(-1)
    ]
    return out


def at_time(powers: Sequence[Folded], elapsed: Fraction) -> Folded:
    """xi at one time."""
    linear: list[dict[int, Number]] = [{} for _ in powers[0].linear]
    shift: list[Polynomial] = [{} for _ in powers[0].shift]
    for k, part in enumerate(powers):
        size = as_number(elapsed**k)
        for n, (row, c) in enumerate(zip(part.linear, part.shift, strict=True)):
            for j, w in row.items():
                linear[n][j] = linear[n].get(j, 0) + w * size
            shift[n] = add(shift[n], scale(c, size))
    return Folded([{j: w for j, w in row.items() if w} for row in linear], shift)
