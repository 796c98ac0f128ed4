"""The general mode ansatz: every axis of every tensor by a matrix, plus shifts and cross terms.

delta W = sum over axes a of A^(a) acting on axis a, plus a constant C, plus T contracted with a
constant tensor, T a tensor that shares the axes of W and one more. Linear in the unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.exact.prime_field import Array, PrimeField
from symgauge.families.coordinates import Coordinates
from symgauge.lie.fields import VectorField
from symgauge.program.legs import Axis
from symgauge.program.network import Network


@dataclass(frozen=True)
class _Block:
    """One group of unknowns: its columns, and the field of one of them."""

    size: int
    columns: Callable[[Array, Array, PrimeField], Array]
    entries: Callable[[int], tuple[list[tuple[int, Fraction]], list[tuple[int, int, Fraction]]]]


def _axis_block(coordinates: Coordinates, name: str, axis: int) -> _Block:
    index = np.moveaxis(coordinates.whole(name), axis, 0)
    n = index.shape[0]
    flat = index.reshape(n, -1)

    def columns(rows: Array, theta: Array, field: PrimeField) -> Array:
        product = field.matmul(rows[:, flat], np.swapaxes(theta[:, flat], -1, -2))
        return product.reshape(len(rows), n * n)

    def entries(u: int) -> Any:
        i, j = divmod(u, n)
        one = Fraction(1)
        return [], [(int(k), int(m), one) for k, m in zip(flat[i], flat[j], strict=True)]

    return _Block(n * n, columns, entries)


def _shift_block(coordinates: Coordinates, name: str) -> _Block:
    flat = coordinates.whole(name).reshape(-1)
    return _Block(
        flat.size, lambda rows, theta, field: rows[:, flat],
        lambda u: ([(int(flat[u]), Fraction(1))], []),
    )


def _cross_block(
    coordinates: Coordinates, target: str, source: str, axis: int
) -> _Block:
    goal = coordinates.whole(target).reshape(-1)
    index = np.moveaxis(coordinates.whole(source), axis, 0)
    n = index.shape[0]
    flat = index.reshape(n, -1)

    def columns(rows: Array, theta: Array, field: PrimeField) -> Array:
        out: Array = field.matmul(theta[:, flat], rows[:, goal][:, :, None])[:, :, 0]
        return out

    def entries(u: int) -> Any:
        one = Fraction(1)
        return [], [(int(k), int(m), one) for k, m in zip(goal, flat[u], strict=True)]

    return _Block(n, columns, entries)


def general_candidates(
    network: Network,
    coordinates: Coordinates,
    axes_of: Callable[[str], list[Axis]],
    signature: Callable[[Axis], Any],
    solve: Callable[[int, Callable[[Array, Array, PrimeField], Array]], Any],
    max_unknowns: int,
) -> list[VectorField]:
    """Fields that solve the determining equations at fresh points, sparsest first.

    Empty where the ansatz has more than `max_unknowns` unknowns.
    """
    blocks = [
        _axis_block(coordinates, p.name, a) for p in network.parameters
        for a in range(len(p.shape))
    ]
    blocks += _cross_blocks(network, coordinates, lambda name: list(map(signature, axes_of(name))))
    blocks += [_shift_block(coordinates, p.name) for p in network.parameters]
    unknowns = sum(b.size for b in blocks)
    if unknowns > max_unknowns:
        return []

    def columns(rows: Array, theta: Array, field: PrimeField) -> Array:
        return np.concatenate([b.columns(rows, theta, field) for b in blocks], axis=1)

    basis = solve(unknowns, columns)
    if basis is None:
        return []
    made = [_field_of(vector, blocks) for vector in basis]
    return sorted(filter(None, made), key=lambda f: len(f.terms))


def _cross_blocks(
    network: Network, coordinates: Coordinates, signatures: Callable[[str], list[Any]]
) -> Iterator[_Block]:
    """Sums of a tensor along an axis, for each tensor whose axes are the others."""
    for target in network.parameters:
        wanted = signatures(target.name)
        for source in network.parameters:
            if source.name == target.name or len(source.shape) != len(target.shape) + 1:
                continue
            found = signatures(source.name)
            for a in range(len(source.shape)):
                rest = (*source.shape[:a], *source.shape[a + 1:])
                if found[:a] + found[a + 1:] == wanted and rest == target.shape:
                    yield _cross_block(coordinates, target.name, source.name, a)


def _field_of(vector: Any, blocks: Sequence[_Block]) -> VectorField:
    """The field whose unknowns have these values."""
    starts = np.cumsum([0, *(b.size for b in blocks)])
    shift: list[tuple[int, Fraction]] = []
    linear: list[tuple[int, int, Fraction]] = []
    for u in np.flatnonzero(vector != 0):
        b = int(np.searchsorted(starts, u, side="right")) - 1
        s, m = blocks[b].entries(int(u - starts[b]))
        w = Fraction(vector[u])
        shift += [(k, c * w) for k, c in s]
        linear += [(k, j, c * w) for k, j, c in m]
    return VectorField.build(shift, linear)
