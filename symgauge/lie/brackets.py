"""Brackets of vector fields, and which pairs of fields can have one that is not 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from symgauge.lie.fields import Monomial, Number, VectorField, added, times


def bracket(x: VectorField, y: VectorField) -> VectorField:
    """[X, Y] = X.grad Y - Y.grad X, its terms in no order.

    >>> from fractions import Fraction
    >>> one = Fraction(1)
    >>> scaling = VectorField.build([], [(0, 0, one)])
    >>> shift = VectorField.build([(0, one)], [])
    >>> bracket(shift, scaling) == shift
    True
    """
    if x.support.isdisjoint(y.reads) and y.support.isdisjoint(x.reads):
        return VectorField({})
    if x.scaling is not None:
        return _scaled(x.scaling, y, 1)
    if y.scaling is not None:
        return _scaled(y.scaling, x, -1)
    return VectorField(added([*_along(x, y, 1), *_along(y, x, -1)]))


def _scaled(weights: Mapping[int, Number], y: VectorField, sign: int) -> VectorField:
    """[X, Y] for a scaling X: each term of Y is an eigenvector. Times a sign."""
    out = {}
    for k, m in _meeting(weights, y):
        factor: Number = -weights.get(k, 0)
        for j, e in m:
            if j in weights:
                factor += e * weights[j]
        if factor:
            out[k, m] = sign * factor * y.terms[k, m]
    return VectorField(out)


def _meeting(weights: Mapping[int, Number], y: VectorField) -> Iterable[tuple[int, Monomial]]:
    """The terms of Y along these coordinates, and those that depend on one."""
    if len(weights) >= len(y.components):
        return y.terms
    moved, read = y.components, y.readers
    return sorted({
        *((k, m) for k in weights if k in moved for m, _ in moved[k]),
        *((k, m) for j in weights if j in read for k, m, _, _ in read[j])})


def meeting_pairs(fields: Sequence[VectorField], first: int = 0) -> Iterator[tuple[int, int]]:
    """Pairs (i, j), j < i and first <= i, where one field moves what the other depends on.

    The brackets of all others are 0. Sets of fields are the bits of integers.

    >>> from fractions import Fraction
    >>> one = Fraction(1)
    >>> a, b = VectorField.build([(0, one)], []), VectorField.build([], [(0, 0, one)])
    >>> list(meeting_pairs([a, VectorField.build([(1, one)], []), b]))
    [(2, 0)]
    """
    moving: dict[int, int] = {}
    reading: dict[int, int] = {}
    for i, f in enumerate(fields):
        if i >= first:
            met = 0
            for k in f.reads:
                met |= moving.get(k, 0)
            for k in f.support:
                met |= reading.get(k, 0)
            while met:
                low = met & -met
                yield i, low.bit_length() - 1
                met ^= low
        for k in f.support:
            moving[k] = moving.get(k, 0) | 1 << i
        for k in f.reads:
            reading[k] = reading.get(k, 0) | 1 << i


def _along(
    x: VectorField, y: VectorField, sign: int
) -> Iterator[tuple[int, Monomial, Number]]:
    """The terms of X.grad Y."""
    moved, read = x.components, y.derivatives
    for j in moved if len(moved) < len(read) else read:
        if j in moved and j in read:
            for k, m, c in read[j]:
                for n, d in moved[j]:
                    yield k, times(m, n), sign * c * d
