"""Power series in one variable over another domain, truncated: D[[s]] mod s^order.

A batch of `batch` series is one array with order * batch entries along its first axis, the
coefficients of s^0 first: ops that only move entries need not know. A series of series is made
of the same class, one over the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from symgauge.domains.residues import ResidueDomain
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

#: Coefficients from s^0 on; None is zero.
Coefficients = list[Array | None]


class SeriesDomain(Domain):
    """Truncated power series. Transcendental functions by their differential equations."""

    def __init__(self, base: Domain, order: int, batch: int) -> None:
        self.base, self.order, self.batch = base, order, batch
        #: Branches met, or to be met, in the order of evaluation.
        self._branches: list[Array] = []
        self._next = 0
        #: What a flow keeps from its value for its derivatives: its value, and what it kept.
        self.kept: dict[int, tuple[Array, object]] = {}

    # -- packing -------------------------------------------------------------------------------

    def split(self, a: Array) -> Coefficients:
        """The coefficients."""
        parts = a.reshape(self.order, self.batch, *a.shape[1:])
        return [part if part.any() else None for part in parts]

    def join(self, coefficients: Sequence[Array | None], shape: tuple[int, ...]) -> Array:
        """The series with these first coefficients; `shape` is that of an entry."""
        out = np.zeros((self.order, self.batch, *shape))
        for k, c in enumerate(coefficients[:self.order]):
            if c is not None:
                out[k] = c
        return out.reshape(self.order * self.batch, *shape)

    def lift(self, a: Array) -> Array:
        """A base value as a constant series."""
        return self.join([a], a.shape[1:])

    def shifted(self, a: Array, by: int) -> Array:
        """s^by a."""
        return self.join([*[None] * by, *self.split(a)], a.shape[1:])

    def met(self) -> list[Array]:
        """The branches met, as base values."""
        return [self._head(b) for b in self._branches]

    def meet(self, branches: Sequence[Array]) -> None:
        """Branches, as base values, to be met in this order."""
        self._branches = [self.lift(b) for b in branches]

    # -- linear --------------------------------------------------------------------------------

    def constant(self, constant: Constant) -> Array:
        return self.lift(self.base.constant(constant))

    def at(self, function: str, argument: Constant) -> Array:
        return self.lift(self.base.at(function, argument))

    def add(self, a: Array, b: Array) -> Array:
        return self.base.add(a, b)

    def scale(self, a: Array, factor: Fraction) -> Array:
        return self.base.scale(a, factor)

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        return self.base.sum(a, axes)

    def one(self, batch: int) -> Array:
        raise self._missing("one")

    # -- products ------------------------------------------------------------------------------

    def mul(self, a: Array, b: Array) -> Array:
        return self._bilinear(a, b, self.base.mul)

    def matmul(self, a: Array, b: Array) -> Array:
        return self._bilinear(a, b, self.base.matmul)

    def _bilinear(self, a: Array, b: Array, product: Callable[[Array, Array], Array]) -> Array:
        if isinstance(self.base, ResidueDomain):
            return self._convolved(a, b, product)
        left, right = self.split(a), self.split(b)
        out: Coefficients = []
        for k in range(self.order):
            out.append(self._total(
                product(x, y) for j in range(k + 1)
                if (x := left[j]) is not None and (y := right[k - j]) is not None
            ))
        shape = next((c.shape[1:] for c in out if c is not None), None)
        if shape is None:
            shape = product(self._head(a), self._head(b)).shape[1:]
        return self.join(out, shape)

    def _convolved(self, a: Array, b: Array, product: Callable[[Array, Array], Array]) -> Array:
        """`_bilinear` over residues: all products with one coefficient in one call."""
        left, right = (x.reshape(self.order, self.batch, *x.shape[1:]) for x in (a, b))
        some = [[k for k, part in enumerate(x) if part.any()] for x in (left, right)]
        out: Array | None = None
        swap = len(some[1]) < len(some[0])
        for j in some[swap] or [0]:
            last = self.order - j
            part = product(left[:last], right[j]) if swap else product(left[j], right[:last])
            if out is None:
                out = np.zeros((self.order, *part.shape[1:]))
            out[j:] = self.base.add(out[j:], part)
        assert out is not None
        return out.reshape(self.order * self.batch, *out.shape[2:])

    def _total(self, terms: object) -> Array | None:
        total: Array | None = None
        for term in terms:  # type: ignore[attr-defined]
            total = term if total is None else self.base.add(total, term)
        return total

    def _weighted(
        self, a: Coefficients, b: Coefficients, k: int, weight: Callable[[int], int]
    ) -> Array | None:
        """sum over j = 1..k of weight(j) a_j b_(k-j)."""
        if isinstance(self.base, ResidueDomain):
            terms = [(j, x, y) for j in range(1, k + 1)
                     if (x := a[j]) is not None and (y := b[k - j]) is not None]
            if not terms:
                return None
            numbers, xs, ys = (np.stack(part) for part in zip(*terms, strict=True))
            weights = np.array([weight(j) for j in numbers], dtype=np.float64)
            found = self.base.mul(xs, ys)
            if (weights != 1.0).any():
                found = self.base.mul(found, weights.reshape(-1, *(1,) * (found.ndim - 1)))
            return self.base.sum(found, (0,))
        return self._total(
            self.base.scale(self.base.mul(x, y), Fraction(weight(j))) for j in range(1, k + 1)
            if weight(j) and (x := a[j]) is not None and (y := b[k - j]) is not None
        )

    def _scaled(self, a: Array | None, factor: Fraction) -> Array | None:
        return None if a is None else self.base.scale(a, factor)

    def _times(self, a: Array | None, b: Array) -> Array | None:
        return None if a is None else self.base.mul(a, b)

    # -- functions -----------------------------------------------------------------------------

    def _head(self, a: Array) -> Array:
        return a[:self.batch]

    def reciprocal(self, a: Array) -> Array:
        # a_0 y_k = - sum a_j y_(k-j)
        xs, first = self.split(a), self.base.reciprocal(self._head(a))
        out: Coefficients = [first]
        for k in range(1, self.order):
            rest = self._scaled(self._weighted(xs, out, k, lambda j: 1), Fraction(-1))
            out.append(self._times(rest, first))
        return self.join(out, a.shape[1:])

    def rsqrt(self, a: Array) -> Array:
        # 2 a y' = -a' y
        xs, inverse = self.split(a), self.base.reciprocal(self._head(a))
        found: Coefficients = [self.base.rsqrt(self._head(a))]
        for k in range(1, self.order):
            rest = self._weighted(xs, found, k, lambda j: 2 * k - j)
            found.append(self._times(self._scaled(rest, Fraction(-1, 2 * k)), inverse))
        return self.join(found, a.shape[1:])

    def rsqrt_slope(self, a: Array, y: Array) -> Array:
        # -y / (2 a): also where y^2 a = -1 stands in for a missing root
        return self.scale(self.mul(y, self.reciprocal(a)), Fraction(-1, 2))

    def exp(self, a: Array) -> Array:
        # y' = a' y
        xs = self.split(a)
        out: Coefficients = [self.base.exp(self._head(a))]
        for k in range(1, self.order):
            out.append(self._scaled(self._weighted(xs, out, k, lambda j: j), Fraction(1, k)))
        return self.join(out, a.shape[1:])

    def log(self, a: Array) -> Array:
        return self._integral(self.base.log(self._head(a)), self.reciprocal(a), a)

    def erf(self, a: Array) -> Array:
        return self._integral(self.base.erf(self._head(a)), self.erf_slope(a), a)

    def erf_slope(self, a: Array) -> Array:
        constant = self.base.erf_slope(self.base.zeros(self._head(a).shape))
        return self.mul(
            self.exp(self.scale(self.mul(a, a), Fraction(-1))), self.lift(constant)
        )

    def _integral(self, first: Array, slope: Array, a: Array) -> Array:
        """y with y' = slope a' and y_0 = first."""
        xs, slopes = self.split(a), self.split(slope)
        out: Coefficients = [first]
        for k in range(1, self.order):
            out.append(self._scaled(self._weighted(xs, slopes, k, lambda j: j), Fraction(1, k)))
        return self.join(out, a.shape[1:])

    def sin(self, a: Array) -> Array:
        return self._circle(a)[0]

    def cos(self, a: Array) -> Array:
        return self._circle(a)[1]

    def _circle(self, a: Array) -> tuple[Array, Array]:
        xs, head = self.split(a), self._head(a)
        sines: Coefficients = [self.base.sin(head)]
        cosines: Coefficients = [self.base.cos(head)]
        for k in range(1, self.order):
            up = self._scaled(self._weighted(xs, cosines, k, lambda j: j), Fraction(1, k))
            down = self._scaled(self._weighted(xs, sines, k, lambda j: j), Fraction(-1, k))
            sines.append(up)
            cosines.append(down)
        return self.join(sines, a.shape[1:]), self.join(cosines, a.shape[1:])

    def atan(self, a: Array) -> Array:
        head = self._head(a)
        one = self.constant(Constant((Fraction(1),), np.zeros(head.shape[1:], dtype=np.int64)))
        slope = self.reciprocal(self.add(self.mul(a, a), one))
        return self._integral(self.base.atan(head), slope, a)

    # -- branches: those of s = 0 --------------------------------------------------------------

    def step(self, a: Array) -> Array:
        return self._decided(lambda: self.base.step(self._head(a)))

    def floor(self, a: Array) -> Array:
        return self._decided(lambda: self.base.floor(self._head(a)))

    def ranking(self, a: Array, count: int) -> Array:
        return self._decided(lambda: self.base.ranking(self._head(a), count))

    def one_hot(self, a: Array, count: int) -> Array:
        return self._decided(lambda: self.base.one_hot(self._head(a), count))

    def _decided(self, decide: Callable[[], Array]) -> Array:
        if self._next == len(self._branches):
            self._branches.append(self.lift(decide()))
        self._next += 1
        return self._branches[self._next - 1]

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)
