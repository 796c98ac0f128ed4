"""Affine vector fields X(theta) = A theta + a on QQ^n, sparse and exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from symgauge.errors import BadInputError
from symgauge.exact.linear_algebra import rank, rational_array, row_reduce
from symgauge.exact.prime_field import Array, PrimeField


@dataclass(frozen=True)
class AffineField:
    """X_k = shift[k] + sum over l of linear[k, l] theta_l; only non-zero entries are held."""

    shift: Mapping[int, Fraction]
    linear: Mapping[tuple[int, int], Fraction]

    @staticmethod
    def build(
        shift: Iterable[tuple[int, Fraction]], linear: Iterable[tuple[int, int, Fraction]]
    ) -> AffineField:
        """Entries may repeat; they add."""
        s: dict[int, Fraction] = {}
        m: dict[tuple[int, int], Fraction] = {}
        for k, c in shift:
            s[k] = s.get(k, Fraction(0)) + c
        for k, j, c in linear:
            m[k, j] = m.get((k, j), Fraction(0)) + c
        return AffineField(
            {k: c for k, c in sorted(s.items()) if c}, {k: c for k, c in sorted(m.items()) if c}
        )

    @cached_property
    def support(self) -> frozenset[int]:
        """Coordinates that move."""
        return frozenset(self.shift) | frozenset(k for k, _ in self.linear)

    @cached_property
    def key(self) -> dict[Any, Fraction]:
        """Entries under one index set: k for shifts, (k, l) for the linear part."""
        return {**self.shift, **self.linear}

    def at(self, theta: Array, field: PrimeField) -> Array:
        """The residues of X(theta)."""
        out = np.zeros(len(theta))
        for k, c in self.shift.items():
            out[k] = (out[k] + field.residue(c)) % field.p
        for (k, j), c in self.linear.items():
            out[k] = (out[k] + field.residue(c) * int(theta[j])) % field.p
        return out

    def __bool__(self) -> bool:
        return bool(self.shift or self.linear)

    def to_json(self) -> dict[str, Any]:
        """Plain data with exact numbers as strings."""
        return {
            "shift": [[k, str(c)] for k, c in self.shift.items()],
            "linear": [[k, j, str(c)] for (k, j), c in self.linear.items()],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], size: int) -> AffineField:
        """The field that `to_json` wrote.

        Raises BadInputError on anything else, a coordinate out of range included.
        """
        try:
            shift = [(_index(k, size), Fraction(c)) for k, c in data["shift"]]
            linear = [(_index(k, size), _index(j, size), Fraction(c)) for k, j, c in data["linear"]]
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise BadInputError(f"this is not a generator of a certificate: {error}") from error
        return AffineField.build(shift, linear)


def _index(k: Any, size: int) -> int:
    if not isinstance(k, int) or isinstance(k, bool) or not 0 <= k < size:
        raise ValueError(f"coordinate {k!r} of {size}")
    return k


def bracket(x: AffineField, y: AffineField) -> AffineField:
    """[X, Y] = X.grad Y - Y.grad X = (B A - A B) theta + B a - A b.

    >>> one = Fraction(1)
    >>> scaling = AffineField.build([], [(0, 0, one)])
    >>> shift = AffineField.build([(0, one)], [])
    >>> bracket(shift, scaling) == shift
    True
    """
    if not (x.support & _reads(y) or y.support & _reads(x)):
        return AffineField({}, {})
    shift: list[tuple[int, Fraction]] = []
    linear: list[tuple[int, int, Fraction]] = []
    for first, second, sign in ((x, y, 1), (y, x, -1)):
        # first.grad second: the matrix of `second` applied to `first`
        rows: dict[int, list[tuple[int, Fraction]]] = {}
        for (k, j), c in first.linear.items():
            rows.setdefault(k, []).append((j, c))
        for (k, j), c in second.linear.items():
            if j in first.shift:
                shift.append((k, sign * c * first.shift[j]))
            linear += [(k, i, sign * c * d) for i, d in rows.get(j, ())]
    return AffineField.build(shift, linear)


def _reads(x: AffineField) -> frozenset[int]:
    return frozenset(j for _, j in x.linear)


def combination(fields: Sequence[AffineField], weights: Iterable[Fraction]) -> AffineField:
    """The linear combination."""
    shift: list[tuple[int, Fraction]] = []
    linear: list[tuple[int, int, Fraction]] = []
    for f, w in zip(fields, weights, strict=True):
        if w:
            shift += [(k, w * c) for k, c in f.shift.items()]
            linear += [(k, j, w * c) for (k, j), c in f.linear.items()]
    return AffineField.build(shift, linear)


def matrix(fields: Sequence[AffineField], field: PrimeField) -> tuple[Array, dict[Any, int]]:
    """The fields as rows over the union of their entries, and the columns."""
    columns: dict[Any, int] = {}
    for f in fields:
        for entry in f.key:
            columns.setdefault(entry, len(columns))
    out = np.zeros((len(fields), len(columns)))
    for i, f in enumerate(fields):
        for entry, c in f.key.items():
            out[i, columns[entry]] = field.residue(c)
    return out, columns


def orbit_rank(fields: Sequence[AffineField], theta: Array, field: PrimeField) -> int:
    """Rank of the fields' values at one point: the dimension of the orbit through it, mod p."""
    return rank(np.array([f.at(theta, field) for f in fields]), field.p) if fields else 0


def coordinates_in(
    basis: Sequence[AffineField], targets: Sequence[AffineField], field: PrimeField
) -> list[list[Fraction] | None]:
    """Each target as a combination of a linearly independent basis, exactly; None where not.

    Solved mod p, reconstructed, and then checked over QQ.
    """
    if not targets:
        return []
    full, _ = matrix([*basis, *targets], field)
    form, pivots = row_reduce(np.ascontiguousarray(full.T), field.p)
    n = len(basis)
    if pivots[:n] != list(range(n)):
        raise ValueError("the basis is linearly dependent")
    out: list[list[Fraction] | None] = []
    for t, target in enumerate(targets):
        if n + t in pivots:
            out.append(None)
            continue
        solution = rational_array(form[:n, n + t], field.p)
        if solution is None:
            out.append(None)
            continue
        weights = [Fraction(w) for w in solution]
        difference = combination([*basis, target], [*weights, Fraction(-1)])
        out.append(None if difference else weights)
    return out
