"""Degrees: how values scale when time does, entry by entry, with weights that are sought.

A factor l > 0 scales the clock of a flow by 1/l and its velocity by l. Parameters and inputs scale
by powers of l with unknown exponents, one for each entry; a value then scales by a power too, or
the program has no such scaling. A degree is a linear form in the unknowns; sums equate the degrees
of their terms, exp and its like ask for degree 0. What is identically 0 has every degree.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

#: A linear form: coefficients of the unknowns, and under UNIT its constant.
Form = tuple[tuple[int, Fraction], ...]
UNIT = -1
#: The numbers of what is identically 0, and of degree 0.
ZERO, STILL = 0, 1


class Inhomogeneous(Exception):
    """No weights make the program homogeneous."""


class DegreeDomain(Domain):
    """Entries are numbers of degrees; raises Inhomogeneous as soon as no weights are left."""

    def __init__(self) -> None:
        self._forms: list[Form] = [(), ()]
        self._numbers: dict[Form, int] = {(): STILL}
        self._rows: dict[int, dict[int, Fraction]] = {}
        self._unknowns = 0

    # -- forms -----------------------------------------------------------------------------------

    def fresh(self, shape: tuple[int, ...]) -> Array:
        """Entries of unknown degrees, one for each."""
        found = [self._number({self._unknowns + k: Fraction(1)}) for k in range(
            int(np.prod(shape)))]
        self._unknowns += len(found)
        return np.array(found, dtype=np.int64).reshape(shape)

    def raised(self, a: Array, by: int) -> Array:
        """The degrees, and so much more."""
        more = self._number({UNIT: Fraction(by)} if by else {})
        return self.mul(a, np.full((1,) * a.ndim, more))

    def alike(self, a: Array, b: Array) -> None:
        """Equate the degrees of entries that are both not 0."""
        for i, j in self._pairs(a, b)[0].tolist():
            if ZERO not in (i, j) and i != j:
                self._equate(dict(self._forms[i]), dict(self._forms[j]))

    def still(self, a: Array) -> Array:
        """Ask for degree 0."""
        self.alike(a, np.full((1,) * a.ndim, STILL))
        return np.full(a.shape, STILL)

    def _number(self, form: Mapping[int, Fraction]) -> int:
        key = tuple(sorted((k, c) for k, c in form.items() if c))
        if key not in self._numbers:
            self._numbers[key] = len(self._forms)
            self._forms.append(key)
        return self._numbers[key]

    def _equate(self, a: dict[int, Fraction], b: dict[int, Fraction]) -> None:
        row = {k: c for k in {*a, *b} if (c := a.get(k, Fraction(0)) - b.get(k, Fraction(0)))}
        while row:
            pivot = max(row)
            if pivot == UNIT:
                raise Inhomogeneous("a degree would have to be another")
            known = self._rows.get(pivot)
            if known is None:
                self._rows[pivot] = {k: c / row[pivot] for k, c in row.items()}
                return
            factor = row[pivot]
            row = {k: c for k in {*row, *known} if (
                c := row.get(k, Fraction(0)) - factor * known.get(k, Fraction(0)))}

    @staticmethod
    def _pairs(a: Array, b: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The pairs of numbers that meet, and which of them stands at each entry."""
        both = np.stack(np.broadcast_arrays(a, b), axis=-1).astype(np.int64)
        pairs, where = np.unique(both.reshape(-1, 2), axis=0, return_inverse=True)
        return pairs, where.reshape(both.shape[:-1])

    # -- arithmetic ------------------------------------------------------------------------------

    def constant(self, constant: Constant) -> Array:
        table = np.array([STILL if v else ZERO for v in constant.table], dtype=np.int64)
        out: Array = table[constant.index][None]
        return out

    def add(self, a: Array, b: Array) -> Array:
        self.alike(a, b)
        return np.where(a == ZERO, b, a)

    def mul(self, a: Array, b: Array) -> Array:
        pairs, where = self._pairs(a, b)
        found = []
        for i, j in pairs.tolist():
            total = dict(self._forms[i])
            for k, c in self._forms[j]:
                total[k] = total.get(k, Fraction(0)) + c
            found.append(ZERO if ZERO in (i, j) else self._number(total))
        out: Array = np.array(found, dtype=np.int64)[where]
        return out

    def scale(self, a: Array, factor: Fraction) -> Array:
        return a if factor else np.zeros_like(a)

    def matmul(self, a: Array, b: Array) -> Array:
        return self.sum(self.mul(a[..., :, :, None], b[..., None, :, :]), (a.ndim - 1,))

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        kept = [k for k in range(a.ndim) if k not in axes]
        flat = a.transpose(*axes, *kept).reshape(-1, *(a.shape[k] for k in kept))
        out: Array = np.zeros(flat.shape[1:], dtype=np.int64)
        for term in flat:
            out = self.add(out, term)
        return out

    def _times(self, a: Array, power: Fraction) -> Array:
        if (a == ZERO).any():
            raise Inhomogeneous("a division by 0, or a root of it")
        numbers, where = np.unique(a, return_inverse=True)
        found = [self._number({k: c * power for k, c in self._forms[n]}) for n in numbers]
        out: Array = np.array(found, dtype=np.int64)[where].reshape(a.shape)
        return out

    def reciprocal(self, a: Array) -> Array:
        return self._times(a, Fraction(-1))

    def rsqrt(self, a: Array) -> Array:
        return self._times(a, Fraction(-1, 2))

    # -- functions -------------------------------------------------------------------------------

    def exp(self, a: Array) -> Array:
        return self.still(a)

    def log(self, a: Array) -> Array:
        return self.still(a)

    def erf(self, a: Array) -> Array:
        return np.where(a == ZERO, ZERO, self.still(a))

    def erf_slope(self, a: Array) -> Array:
        return self.still(a)

    def sin(self, a: Array) -> Array:
        return np.where(a == ZERO, ZERO, self.still(a))

    def cos(self, a: Array) -> Array:
        return self.still(a)

    def atan(self, a: Array) -> Array:
        return self.erf(a)

    def step(self, a: Array) -> Array:
        # a positive factor keeps a sign
        return np.full(a.shape, STILL)

    def floor(self, a: Array) -> Array:
        return self.still(a)

    def ranking(self, a: Array, count: int) -> Array:
        # a common positive factor keeps an order
        self.alike(a, a[..., :1])
        return np.full((*a.shape[:-1], count, a.shape[-1]), STILL)

    def one_hot(self, a: Array, count: int) -> Array:
        self.still(a)
        return np.full((*a.shape, count), STILL)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape, dtype=np.int64)
