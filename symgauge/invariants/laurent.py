"""Laurent polynomials in the coordinates of the parameters, sparse and exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from symgauge.exact.prime_field import PrimeField
from symgauge.lie.fields import Monomial, Number, VectorField, times


@dataclass(frozen=True)
class Laurent:
    """A sum of monomials with rational coefficients."""

    terms: Mapping[Monomial, Number]

    @staticmethod
    def collect(entries: Iterable[tuple[Monomial, Number]]) -> Laurent:
        """The polynomial with these terms; they may repeat, they add."""
        total: dict[Monomial, Number] = {}
        for m, c in entries:
            total[m] = total.get(m, 0) + c
        return Laurent({m: c for m, c in total.items() if c})

    @staticmethod
    def coordinate(k: int) -> Laurent:
        """theta_k."""
        return Laurent({((k, 1),): 1})

    @staticmethod
    def number(c: Number) -> Laurent:
        """A constant."""
        return Laurent({(): c} if c else {})

    def __add__(self, other: Laurent) -> Laurent:
        return Laurent.collect([*self.terms.items(), *other.terms.items()])

    def __sub__(self, other: Laurent) -> Laurent:
        return self + other * Laurent.number(-1)

    def __mul__(self, other: Laurent) -> Laurent:
        return Laurent.collect(
            (times(m, n), c * d) for m, c in self.terms.items() for n, d in other.terms.items())

    def power(self, k: int) -> Laurent | None:
        """The k-th power; None for the inverse of what is no monomial."""
        if k < 0:
            if len(self.terms) != 1:
                return None
            (m, c), = self.terms.items()
            return Laurent({tuple((j, -e) for j, e in m): 1 / Fraction(c)}).power(-k)
        out = Laurent.number(1)
        for _ in range(k):
            out = out * self
        return out

    @property
    def coordinates(self) -> frozenset[int]:
        """The coordinates that it depends on."""
        return frozenset(k for m in self.terms for k, _ in m)

    def along(self, field: VectorField) -> Laurent:
        """X f = sum_k X_k d f / d theta_k, the Lie derivative."""
        moved = field.components
        return Laurent.collect(
            (times(times(m, ((k, -1),)), n), c * e * d)
            for m, c in self.terms.items() for k, e in m if k in moved for n, d in moved[k])

    def gradient(self, theta: Sequence[int], field: PrimeField) -> dict[int, int]:
        """The residues of the partial derivatives at a point without zeros."""
        p = field.p
        out: dict[int, int] = {}
        for m, c in self.terms.items():
            value = field.residue(Fraction(c))
            for k, e in m:
                value = value * pow(theta[k], e % (p - 1), p) % p
            for k, e in m:
                out[k] = (out.get(k, 0) + value * e * pow(theta[k], -1, p)) % p
        return {k: v for k, v in out.items() if v}
