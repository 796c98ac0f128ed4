"""The structure of a Lie algebra over QQ: centre, derived series, radical, nilradical, Levi part.

Everything is decided exactly from the structure constants, in dense rational arithmetic. Subspaces
are matrices whose rows are a basis. Not for dimensions of several hundreds.
Source: W. de Graaf, Lie Algebras: Theory and Algorithms, North-Holland, 2000, chapters 1 to 4.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

from symgauge.exact.rational_matrix import (
    Frame, RationalMatrix, identity, is_zero, matrix, nullspace, reduced, shaped, solved,
    stacked,
)
from symgauge.lie.constants import Constants

#: Entries of the linear system of one step of Levi's theorem that are still solved.
SYSTEM = 4_000_000


class LieAlgebra:
    """A Lie algebra with the basis e_0, ..., e_(n-1), by [e_i, e_j] = sum c_ijk e_k.

    The basis is scaled so that all c are whole numbers.
    """

    def __init__(self, constants: Constants, n: int) -> None:
        self.n = n
        scale = lcm(*(c.denominator for row in constants.values() for c in row.values()))
        entries = [0] * (n**3)
        for (i, j), row in constants.items():
            for k, c in row.items():
                value = int(c * scale)
                entries[i * n * n + k * n + j] = value
                entries[j * n * n + k * n + i] = -value
        #: Row i is the matrix of ad e_i, row by row.
        self._adjoint = shaped(n, n * n, entries)

    @cached_property
    def whole(self) -> RationalMatrix:
        """The algebra itself, as a subspace."""
        return identity(self.n)

    @cached_property
    def none(self) -> RationalMatrix:
        """The subspace 0."""
        return matrix([], self.n)

    @cached_property
    def basis_adjoints(self) -> list[RationalMatrix]:
        """ad e_i for each i, acting on columns."""
        return list(self.adjoints(self.whole))

    def adjoints(self, subspace: RationalMatrix) -> Iterator[RationalMatrix]:
        """ad x for each row x."""
        n = self.n
        flat = (subspace * self._adjoint).entries()
        for k in range(subspace.nrows()):
            yield shaped(n, n, flat[k * n * n:(k + 1) * n * n])

    def product(self, left: RationalMatrix, right: RationalMatrix) -> RationalMatrix:
        """[left, right]: the span of all brackets, in reduced form."""
        span, annihilator, turned = self.none, self.whole, right.transpose()
        if not (left.nrows() and right.nrows()):
            return span
        for ad in self.adjoints(left):
            images = ad * turned
            if not is_zero(annihilator * images):
                span, _ = reduced(stacked([span, images.transpose()], self.n))
                annihilator = nullspace(span) if span.nrows() else self.whole
                if span.nrows() == self.n:
                    break
        return span

    def centraliser(self, within: RationalMatrix, of: RationalMatrix) -> RationalMatrix:
        """What of a subspace commutes with another."""
        left = within
        for ad in self.adjoints(of):
            if not left.nrows():
                break
            images = ad * left.transpose()
            if not is_zero(images):
                left = nullspace(images) * left
        return left

    @cached_property
    def killing(self) -> RationalMatrix:
        """The Killing form tr(ad x ad y) on the basis."""
        turned = [x for ad in self.basis_adjoints for x in ad.transpose().entries()]
        return self._adjoint * shaped(self.n, self.n**2, turned).transpose()

    @cached_property
    def centre(self) -> RationalMatrix:
        """What commutes with everything."""
        return self.centraliser(self.whole, self.whole)

    @cached_property
    def derived(self) -> RationalMatrix:
        """[L, L]."""
        return self.product(self.whole, self.whole)

    def derived_series(self, start: RationalMatrix | None = None) -> list[RationalMatrix]:
        """L, [L, L], [[L, L], [L, L]], ... until it stands."""
        series = [self.whole if start is None else start]
        while True:
            before = series[-1]
            after = self.derived if before is self.whole else self.product(before, before)
            if after.nrows() == before.nrows():
                return series
            series.append(after)

    @cached_property
    def radical(self) -> RationalMatrix:
        """The largest solvable ideal: what is Killing-orthogonal to [L, L] (Cartan)."""
        if not self.derived.nrows():
            return self.whole
        return nullspace(self.derived * self.killing)

    @cached_property
    def nilradical(self) -> RationalMatrix:
        """The largest nilpotent ideal: x in the radical R with tr(ad x (ad y)^k) = 0 for all k.

        On the composition factors of L the radical acts by numbers l_i (Lie): for a generic y in R
        the l_i(y) are different, and the traces are 0 where all l_i(x) are (Vandermonde). y is
        drawn; another one is where what is found is not nilpotent.
        """
        radical, drawn = self.radical, random.Random(1)
        if self.centre.nrows() == radical.nrows():
            return radical
        ads = list(self.adjoints(radical))
        while True:
            y = matrix([[drawn.randint(-99, 99) for _ in range(radical.nrows())]],
                       radical.nrows())
            power, rows = next(iter(self.adjoints(y * radical))), []
            step = power
            for _ in range(self.n):
                turned = power.transpose().entries()
                rows.append([_dot(ad.entries(), turned) for ad in ads])
                power = power * step
            found = nullspace(matrix(rows, len(ads))) * radical
            if self.is_nilpotent(found):
                return found

    def is_nilpotent(self, ideal: RationalMatrix) -> bool:
        """Whether the lower central series of an ideal ends in 0."""
        term = ideal
        while term.nrows():
            after = self.product(ideal, term)
            if after.nrows() == term.nrows():
                return False
            term = after
        return True

    def restricted(self, subalgebra: RationalMatrix) -> LieAlgebra:
        """The subalgebra with these rows as its basis. Raises ValueError where it is none."""
        if subalgebra == self.whole:
            return self
        k, turned = subalgebra.nrows(), subalgebra.transpose()
        frame = Frame(subalgebra)
        constants: Constants = {}
        for i, ad in enumerate(self.adjoints(subalgebra)):
            found = frame.coordinates((ad * turned).transpose())
            if found is None:
                raise ValueError("the subspace is no subalgebra")
            for j, row in enumerate(found.table()[:i]):
                values = {m: Fraction(int(x.p), int(x.q)) for m, x in enumerate(row) if x}
                if values:
                    constants[i, j] = values
        return LieAlgebra(constants, k)

    def on(self, x: RationalMatrix, subspace: RationalMatrix) -> RationalMatrix:
        """ad x (x one row) on an invariant subspace, by its basis, acting on rows from the right.

        Raises ValueError where it is not invariant.
        """
        ad = next(iter(self.adjoints(x)))
        found = Frame(subspace).coordinates((ad * subspace.transpose()).transpose())
        if found is None:
            raise ValueError("the subspace is not invariant")
        return found

    @cached_property
    def levi(self) -> RationalMatrix | None:
        """A semisimple subalgebra S with L = S + R; None where the systems are too large.

        [L, L] where R is the centre; else a complement is mended along the derived series of R.
        """
        radical = self.radical
        if radical.nrows() == self.n:
            return self.none
        if radical.nrows() == self.centre.nrows():
            return self.derived
        _, pivots = reduced(radical)
        others = [k for k in range(self.n) if k not in pivots]
        levi = matrix([[int(k == j) for j in range(self.n)] for k in others], self.n)
        series = [*self.derived_series(radical), self.none]
        for upper, lower in zip(series, series[1:]):
            mended = self._mended(levi, upper, lower)
            if mended is None:
                return None
            levi = mended
        self.restricted(levi)
        return levi

    def _mended(
        self, levi: RationalMatrix, upper: RationalMatrix, lower: RationalMatrix
    ) -> RationalMatrix | None:
        """S + z(S), z into upper / lower, that closes modulo lower; S closes modulo upper.

        The equations [s_i, s_j] - sum g_ijk s_k = -[z_i, s_j] - [s_i, z_j] + sum g_ijk z_k.
        """
        between = complement(lower, upper)
        count, a = levi.nrows(), between.nrows()
        if count * a * count * (count - 1) // 2 * a > SYSTEM:
            return None
        frame = Frame(stacked([levi, between, lower], self.n))
        acts, brackets = [], []
        for i, ad in enumerate(self.adjoints(levi)):
            inner = frame.coordinates((ad * levi.transpose()).transpose())
            moved = frame.coordinates((ad * between.transpose()).transpose())
            if inner is None or moved is None:
                return None
            brackets.append(inner.table())
            acts.append([row[count:count + a] for row in moved.table()])
        rows, right = [], []
        for i in range(count):
            for j in range(i):
                for b in range(a):
                    row = [0] * (count * a)
                    for c in range(a):
                        row[j * a + c] += acts[i][c][b]
                        row[i * a + c] -= acts[j][c][b]
                    for k in range(count):
                        row[k * a + b] -= brackets[i][j][k]
                    rows.append(row)
                    right.append([-brackets[i][j][count + b]])
        if not rows:
            return levi
        z = solved(matrix(rows, count * a), matrix(right, 1))
        if z is None:
            return None
        return levi + shaped(count, a, z.entries()) * between


def complement(lower: RationalMatrix, upper: RationalMatrix) -> RationalMatrix:
    """Rows of `upper` that complete `lower` to it."""
    columns, low = upper.ncols(), lower.nrows()
    joint = stacked([lower, upper], columns)
    _, pivots = reduced(joint.transpose())
    table = joint.table()
    return matrix([table[k] for k in pivots if k >= low], columns)


def _dot(left: Sequence[Any], right: Sequence[Any]) -> Any:
    return sum((a * b for a, b in zip(left, right, strict=True) if a and b), 0)


@dataclass(frozen=True)
class Invariants:
    """Dimensions that do not depend on a basis."""

    dimension: int
    centre: int
    derived: tuple[int, ...]
    radical: int
    nilradical: int


def invariants(algebra: LieAlgebra) -> Invariants:
    """The dimensions of the centre, the derived series, the radical and the nilradical."""
    return Invariants(
        algebra.n, algebra.centre.nrows(),
        tuple(s.nrows() for s in algebra.derived_series()),
        algebra.radical.nrows(), algebra.nilradical.nrows())
