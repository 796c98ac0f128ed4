"""Projective fields of what a norm with epsilon reads: all of gl(n), not the rotations alone.

n = z / sqrt(|z|^2 / d + eps) maps R^d onto an open ball. dz = z S + c z (z S z^T) with
c = 1 / (d eps) gives dn = n S, which linear readers of n make up for. So a symmetric matrix is
sought on every axis that carries a leg, and z times a quadratic form; c is solved for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.determining.search import MAX_UNKNOWNS, Search
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.families.columns import common_copies
from symgauge.families.coordinates import touched
from symgauge.families.family import Family, Move, Place
from symgauge.families.kinds.other import GENERATORS
from symgauge.lie.fields import Monomial, VectorField, times
from symgauge.program.legs import Location
from symgauge.program.lower import lower

#: A tensor as vectors along a leg: coordinates of shape (copies, n, number).
Lines = npt.NDArray[np.int64]


def projective(search: Search) -> Iterator[Family]:
    """For each leg those of degree 3 that solve the determining equations at fresh points.

    None where there is no root, or more than MAX_UNKNOWNS matrix entries.
    """
    if lower(search.network).root_lines:
        for leg, places in search.places.items():
            fields = tuple(_on_leg(search, leg, places))
            if fields:
                moved = dict.fromkeys(m for f in fields for m in touched(search.network, f))
                yield Family(GENERATORS, (), 1, tuple(moved), fields)


def _on_leg(search: Search, leg: int, places: Sequence[Location]) -> Iterator[VectorField]:
    places = [p for p in places
              if p.factors.count(leg) == 1 and p.parameter not in search.network.added]
    copies = common_copies(places, leg)
    moves = [Move(p.parameter, "g", Place.of(p, copies)) for p in places]
    lines = [x.reshape(*x.shape[:2], -1) for x in map(search.coordinates.moved, moves)]
    if not lines:
        return
    number, n = lines[0].shape[:2]
    above = np.triu_indices(n)
    half = len(lines) * number * len(above[0])
    if n == 1 or 2 * half > MAX_UNKNOWNS:
        return

    def columns(rows: Array, theta: Array, field: PrimeField) -> Array:
        linear, cubic = zip(*(_columns(x, rows, theta, field) for x in lines), strict=True)
        return np.concatenate(
            [x[..., above[0], above[1]].reshape(len(rows), -1) for x in (*linear, *cubic)], axis=1)

    vectors = search.nullspace(2 * half, columns)
    for vector in () if vectors is None else vectors:
        if vector[half:].any():
            yield _field_of(vector.reshape(2, len(lines), number, -1), lines)


def _columns(x: Lines, rows: Array, theta: Array, field: PrimeField) -> tuple[Array, Array]:
    """The pairing of rows with S and with z (z S z^T), for E_ij + E_ji in place of S."""
    left, z = rows[:, x], theta[:, x]
    along = field.sum(field.mul(left, z), (2,))
    turned = np.swapaxes(z, -1, -2)
    linear = field.matmul(left, turned)
    cubic = field.matmul(field.mul(z, along[:, :, None]), turned)
    return field.add(linear, np.swapaxes(linear, -1, -2)), field.add(cubic, cubic)


def _field_of(vector: npt.NDArray[Any], lines: Sequence[Lines]) -> VectorField:
    """The field with these entries of S and of the quadratic form, at each place and copy."""
    entries: list[tuple[int, Monomial, Any]] = []
    for (cubic, t, copy, u), w in np.ndenumerate(vector):
        for z in lines[t][copy].T.tolist() if w else ():
            i, j = (z[k[u]] for k in np.triu_indices(len(z)))
            if cubic:
                square = times(((i, 1),), ((j, 1),))
                entries += [(k, times(((k, 1),), square), 2 * w) for k in z]
            else:
                entries += [(i, ((j, 1),), w), (j, ((i, 1),), w)]
    return VectorField.collect(entries)
