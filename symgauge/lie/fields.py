"""Vector fields on QQ^n with Laurent polynomial components, sparse and exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.errors import BadInputError
from symgauge.exact.linear_algebra import rational_array, row_reduce
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.exact.rational import rational
from symgauge.exact.sparse import sparse_independent_rows, sparse_rank


#: A Laurent monomial: coordinates with their non-zero integer exponents, sorted.
Monomial = tuple[tuple[int, int], ...]


#: Integers in place of fractions where they are: most coefficients are 1 and -1.
Number = int | Fraction
_SMALL: dict[Number, Fraction] = {k: Fraction(k) for k in range(-64, 65)}


def times(a: Monomial, b: Monomial) -> Monomial:
    """The product of two monomials."""
    if not a or not b:
        return a or b
    powers = dict(a)
    for k, e in b:
        powers[k] = powers.get(k, 0) + e
    return tuple(sorted((k, e) for k, e in powers.items() if e))


@dataclass(frozen=True)
class VectorField:
    """X_k = sum of terms[k, m] m(theta) over Laurent monomials m; only non-zero terms are held.

    Most fields are affine (monomials 1 and theta_l). Lifting one from a slice brings products
    and inverses of the coordinates that the slice fixes.
    """

    terms: Mapping[tuple[int, Monomial], Fraction]

    @staticmethod
    def build(
        shift: Iterable[tuple[int, Fraction]], linear: Iterable[tuple[int, int, Fraction]]
    ) -> VectorField:
        """The affine field shift + linear theta; entries may repeat, they add."""
        entries: list[tuple[int, Monomial, Fraction]] = [(k, (), c) for k, c in shift]
        entries += [(k, ((j, 1),), c) for k, j, c in linear]
        return VectorField.collect(entries)

    @staticmethod
    def collect(entries: Iterable[tuple[int, Monomial, Number]]) -> VectorField:
        """The field with these terms; they may repeat, they add."""
        return VectorField(dict(sorted(added(entries).items())))

    @cached_property
    def numbers(self) -> dict[tuple[int, Monomial], Number]:
        """The terms, whole coefficients as integers."""
        return {
            key: c.numerator if c.denominator == 1 else c for key, c in self.terms.items()
        }

    @cached_property
    def shift(self) -> dict[int, Fraction]:
        """The constant part."""
        return {k: c for (k, m), c in self.terms.items() if not m}

    @cached_property
    def linear(self) -> dict[tuple[int, int], Fraction]:
        """The linear part, as a sparse matrix."""
        return {
            (k, m[0][0]): c for (k, m), c in self.terms.items() if len(m) == 1 and m[0][1] == 1
        }

    @property
    def is_affine(self) -> bool:
        """Whether there are no other terms."""
        return len(self.shift) + len(self.linear) == len(self.terms)

    @cached_property
    def scaling(self) -> dict[int, Number] | None:
        """The weights w of a field sum w_k theta_k d/d theta_k; None where it is no such field."""
        if all(m == ((k, 1),) for k, m in self.terms):
            return {k: c for (k, _), c in self.numbers.items()}
        return None

    @cached_property
    def components(self) -> dict[int, list[tuple[Monomial, Number]]]:
        """The terms of each coordinate that moves."""
        out: dict[int, list[tuple[Monomial, Number]]] = {}
        for (k, m), c in self.numbers.items():
            out.setdefault(k, []).append((m, c))
        return out

    @cached_property
    def readers(self) -> dict[int, list[tuple[int, Monomial, int, Number]]]:
        """By coordinate: the terms that depend on it, each with its power."""
        out: dict[int, list[tuple[int, Monomial, int, Number]]] = {}
        for (k, m), c in self.numbers.items():
            for j, e in m:
                out.setdefault(j, []).append((k, m, e, c))
        return out

    @cached_property
    def derivatives(self) -> dict[int, list[tuple[int, Monomial, Number]]]:
        """By coordinate: the terms of the components' derivatives along it."""
        return {
            j: [(k, times(m, ((j, -1),)), e * c) for k, m, e, c in terms]
            for j, terms in self.readers.items()
        }

    @cached_property
    def degree(self) -> int:
        """The largest sum of exponents, those of inverses counted as they are without a sign."""
        return max((sum(abs(e) for _, e in m) for _, m in self.terms), default=0)

    @cached_property
    def support(self) -> frozenset[int]:
        """Coordinates that move."""
        return frozenset(k for k, _ in self.terms)

    @cached_property
    def reads(self) -> frozenset[int]:
        """Coordinates that the components depend on."""
        return frozenset(j for _, m in self.terms for j, _ in m)

    def at(self, theta: Array, field: PrimeField) -> Array:
        """The residues of X(theta) at points, shape (..., n); a negative power of 0 counts as 0."""
        points = theta.reshape(-1, theta.shape[-1])
        out = np.zeros(points.shape)
        by_length: dict[int, list[tuple[int, Monomial, Fraction]]] = {}
        for (k, m), c in self.terms.items():
            by_length.setdefault(len(m), []).append((k, m, c))
        for length, terms in by_length.items():
            moved = np.array([k for k, _, _ in terms])
            value = np.array([float(field.residue(c)) for _, _, c in terms])[None]
            powers = np.array([m for _, m, _ in terms], dtype=np.int64)
            for i in range(length):
                value = field.mul(value, _power(points, powers[:, i, 0], powers[:, i, 1], field))
            # sums of residues are exact below 2^53
            for point, added in zip(out, np.broadcast_to(value, (len(out), len(terms)))):
                np.add.at(point, moved, added)
        return field.reduce(out).reshape(theta.shape)

    def entries_at(self, theta: Sequence[int], field: PrimeField) -> dict[int, int]:
        """The residues of X(theta) at the coordinates that move."""
        p = field.p
        out: dict[int, int] = {}
        for (k, m), c in self.terms.items():
            value = field.residue(c)
            for j, e in m:
                value = value * (theta[j] if e == 1 else pow(theta[j], e % (p - 1), p)) % p
            out[k] = (out.get(k, 0) + value) % p
        return out

    def __bool__(self) -> bool:
        return bool(self.terms)

    def to_json(self) -> dict[str, Any]:
        """Plain data with exact numbers as strings."""
        return {
            "shift": [[k, str(c)] for k, c in self.shift.items()],
            "linear": [[k, j, str(c)] for (k, j), c in self.linear.items()],
            "higher": [
                [k, [list(power) for power in m], str(c)] for (k, m), c in self.terms.items()
                if m and not (len(m) == 1 and m[0][1] == 1)
            ],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], size: int) -> VectorField:
        """The field that `to_json` wrote.

        Raises BadInputError on anything else, a coordinate out of range included.
        """
        try:
            entries: list[tuple[int, Monomial, Fraction]] = [
                (_index(k, size), (), rational(c)) for k, c in data["shift"]
            ]
            entries += [
                (_index(k, size), ((_index(j, size), 1),), rational(c))
                for k, j, c in data["linear"]
            ]
            entries += [
                (_index(k, size), _monomial(m, size), rational(c)) for k, m, c in data["higher"]
            ]
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise BadInputError(f"this is not a generator of a certificate: {error}") from error
        return VectorField.collect(entries)


def _power(
    theta: Array, at: npt.NDArray[np.int64], exponents: npt.NDArray[np.int64], field: PrimeField
) -> Array:
    """theta[:, at] ** exponents, shape (points, entries)."""
    out = theta[:, at]
    for e in np.unique(exponents[exponents != 1]).tolist():
        out[:, exponents == e] = field.power(out[:, exponents == e], e % (field.p - 1))
    return out


def added(entries: Iterable[tuple[int, Monomial, Number]]) -> dict[tuple[int, Monomial], Fraction]:
    """The terms, those that repeat added, in the order in which they come."""
    total: dict[tuple[int, Monomial], Number] = {}
    for k, m, c in entries:
        key = (k, m)
        total[key] = total[key] + c if key in total else c
    return {key: _SMALL.get(c) or Fraction(c) for key, c in total.items() if c}


def _index(k: Any, size: int) -> int:
    if not isinstance(k, int) or isinstance(k, bool) or not 0 <= k < size:
        raise ValueError(f"coordinate {k!r} of {size}")
    return k


def _monomial(powers: Any, size: int) -> Monomial:
    out: Monomial = ()
    for k, e in powers:
        if not isinstance(e, int) or isinstance(e, bool) or not 0 < abs(e) <= 64:
            raise ValueError(f"exponent {e!r}")
        out = times(out, ((_index(k, size), e),))
    return out


def combination(fields: Sequence[VectorField], weights: Iterable[Fraction]) -> VectorField:
    """The linear combination."""
    return VectorField.collect(_weighted(fields, weights))


def _weighted(
    fields: Sequence[VectorField], weights: Iterable[Fraction]
) -> Iterator[tuple[int, Monomial, Number]]:
    """The terms of the linear combination."""
    for f, v in zip(fields, weights, strict=True):
        w = v.numerator if v.denominator == 1 else v
        if w:
            yield from ((k, m, w * c) for (k, m), c in f.numbers.items())


def matrix(fields: Sequence[VectorField], field: PrimeField) -> tuple[Array, dict[Any, int]]:
    """The fields as rows over the union of their entries, and the columns."""
    columns: dict[Any, int] = {}
    for f in fields:
        for entry in f.terms:
            columns.setdefault(entry, len(columns))
    out = np.zeros((len(fields), len(columns)))
    for i, f in enumerate(fields):
        for entry, c in f.terms.items():
            out[i, columns[entry]] = field.residue(c)
    return out, columns


def independent(fields: Sequence[VectorField], field: PrimeField) -> list[int]:
    """Indices of fields that are no combination of those before, with constant coefficients.

    Modulo p a dependence may appear that there is none of, never the other way round.
    """
    return sparse_independent_rows(
        [{entry: field.residue(c) for entry, c in f.terms.items()} for f in fields], field.p
    )


def orbit_rank(fields: Sequence[VectorField], theta: Array, field: PrimeField) -> int:
    """Rank of the fields' values at one point: the dimension of the orbit through it, mod p."""
    point = theta.astype(np.int64).tolist()
    return sparse_rank([f.entries_at(point, field) for f in fields], field.p)


class Owned:
    """Fields with terms that one of them alone has, which tell its weight in a combination.

    Without these some of the others have such terms, and so on.
    """

    def __init__(self, basis: Sequence[VectorField]) -> None:
        self._basis = basis
        #: By the term that a field alone has among those that are left: one layer after another.
        self._layers: list[dict[tuple[int, Monomial], int]] = []
        #: The fields that are left in the end.
        self.core = list(range(len(basis)))
        while True:
            owner: dict[tuple[int, Monomial], int] = {}
            for i in self.core:
                for key in basis[i].terms:
                    owner[key] = -1 if key in owner else i
            own = {i: key for key, i in owner.items() if i >= 0}
            if not own:
                break
            self._layers.append({key: i for i, key in own.items()})
            self.core = [i for i in self.core if i not in own]

    def told(self, target: VectorField) -> tuple[dict[int, Fraction], VectorField]:
        """The weights that are not 0 of the fields with such terms, and what they leave."""
        weights: dict[int, Fraction] = {}
        for owned in self._layers:
            told = [(owned[key], key, c) for key, c in target.terms.items() if key in owned]
            new = {i: c / self._basis[i].terms[key] for i, key, c in told}
            if new:
                weights |= new
                target = VectorField(added(_weighted(
                    [target, *(self._basis[i] for i in new)],
                    [Fraction(1), *(-w for w in new.values())])))
        return weights, target


def coordinates_in(
    basis: Sequence[VectorField], targets: Sequence[VectorField], field: PrimeField
) -> list[dict[int, Fraction] | None]:
    """Each target as a combination of a linearly independent basis, exactly; None where not.

    The weights that are not 0, by the number of their field. Solved mod p, reconstructed, and then
    checked over QQ.
    """
    owned = Owned(basis)
    core, told = owned.core, [owned.told(target) for target in targets]
    left = [k for k, (_, rest) in enumerate(told) if rest or len(core) == len(basis)]
    solved = dict(zip(left, _by_elimination(
        [basis[i] for i in core], [told[k][1] for k in left], field), strict=True))
    out: list[dict[int, Fraction] | None] = []
    for k, (weights, _) in enumerate(told):
        among = solved.get(k, [Fraction(0)] * len(core))
        if among is None:
            out.append(None)
            continue
        weights.update((i, w) for i, w in zip(core, among, strict=True) if w)
        out.append(dict(sorted(weights.items())))
    return out


def _by_elimination(
    basis: Sequence[VectorField], targets: Sequence[VectorField], field: PrimeField
) -> list[list[Fraction] | None]:
    if not targets:
        return []
    if not basis:
        return [None if target else [] for target in targets]
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
