"""Polynomials over QQ with relations: the domain in which proofs are decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from symgauge.domains.known import arguments_of
from symgauge.exact import polynomial as poly
from symgauge.exact.polynomial import Polynomial, Ring
from symgauge.exact.rational import factors, root_free
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.lower import lower
from symgauge.program.network import Network

_ADD = np.frompyfunc(poly.add, 2, 1)
#: Multiples of a unit whose exponentials and angles are written by those of the unit.
MAX_MULTIPLE = 64


def units_of(network: Network) -> dict[str, Fraction]:
    """The largest numbers of which the constants under exp, and under sin and cos, are multiples.

    >>> from symgauge.program.network import Network
    >>> units_of(Network((), (), {}))
    {}
    """
    found: dict[str, Fraction] = {}
    lowered = lower(network)
    for i, argument in arguments_of(lowered).items():
        name = "exp" if lowered.nodes[i].label == "exp" else "circle"
        if lowered.nodes[i].label in ("exp", "sin", "cos"):
            for r in filter(None, argument.table):
                g = found.get(name, Fraction(0))
                below = lcm(g.denominator, r.denominator)
                found[name] = Fraction(gcd(int(g * below), int(r * below)), below)
    return found


def _integral(value: Fraction) -> poly.Number:
    return value.numerator if value.denominator == 1 else value


class PolynomialDomain(Domain):
    """Object arrays of polynomials of one ring, batch of one."""

    def __init__(self, ring: Ring, units: Mapping[str, Fraction] | None = None) -> None:
        """`units`: what the rationals that exp, and that sin and cos are taken of are multiples of.

        See `units_of`. Without them such values are symbols without relations.
        """
        self.ring = ring
        #: Whether a root of what a selection takes is what it takes of the roots.
        self.by_cases = False
        self._units = units or {}
        self._mul = np.frompyfunc(ring.mul, 2, 1)

    def constant(self, constant: Constant) -> Array:
        table = np.empty(len(constant.table), dtype=object)
        table[:] = [poly.constant(_integral(v)) for v in constant.table]
        # flat: an object array with an index without axes would give the bare entry
        out: Array = table[constant.index.reshape(-1)].reshape(1, *constant.shape)
        return out

    def at(self, function: str, argument: Constant) -> Array:
        """Powers of exp g, multiple angles of g, roots of and logarithms of primes."""
        rules: dict[str, Callable[[Fraction], Polynomial | None]] = {
            "exp": self._exp_at, "cos": lambda r: self._circle_at(r, 0),
            "sin": lambda r: self._circle_at(r, 1), "log": self._log_at, "rsqrt": self._rsqrt_at,
        }
        rule = rules.get(function)
        if rule is None:
            return super().at(function, argument)
        found = [rule(r) for r in argument.table]
        if None in found:
            return super().at(function, argument)
        table = np.empty(len(found), dtype=object)
        table[:] = found
        out: Array = table[argument.index.reshape(-1)].reshape(1, *argument.shape)
        return out

    def _multiple(self, function: str, r: Fraction) -> int | None:
        """r over the unit, where it is a small number."""
        k = r / self._units[function] if r else Fraction(0)
        return int(k) if k.denominator == 1 and abs(k) <= MAX_MULTIPLE else None

    def _exp_at(self, r: Fraction) -> Polynomial | None:
        k = self._multiple("exp", r) if "exp" in self._units or not r else None
        if k is None:
            return None
        if not k:
            return poly.constant(1)
        base: Polynomial = {
            (self.ring.function("exp", poly.constant(_integral(self._units["exp"]))),): 1}
        return self.ring.power(self.ring.inverse(base, 1) if k < 0 else base, abs(k))

    def _circle_at(self, r: Fraction, which: int) -> Polynomial | None:
        k = self._multiple("circle", r) if "circle" in self._units or not r else None
        if k is None:
            return None
        x, y = poly.constant(1), poly.constant(0)
        if k:
            unit = poly.constant(_integral(self._units["circle"]))
            cosine, sine = self.ring.circle(unit)
            c: Polynomial = {(cosine,): 1}
            s: Polynomial = {(sine,): 1}
            mul = self.ring.mul
            for _ in range(abs(k)):
                x, y = (poly.add(mul(x, c), poly.scale(mul(y, s), -1)),
                        poly.add(mul(x, s), mul(y, c)))
        return x if not which else poly.scale(y, 1 if k > 0 else -1)

    def _log_at(self, r: Fraction) -> Polynomial | None:
        if r <= 0:
            return None
        return self.ring.sum(
            {(self.ring.function("log", poly.constant(q)),): e} for q, e in factors(r).items())

    def _rsqrt_at(self, r: Fraction) -> Polynomial | None:
        if r <= 0:
            return None
        s, m = root_free(r)
        out = poly.constant(_integral(1 / s))
        for q in factors(Fraction(m)):
            out = self.ring.mul(out, self.ring.inverse(poly.constant(q), 2))
        return out

    def fresh(self, name: str, shape: tuple[int, ...]) -> Array:
        """New symbols name[0], name[1], ... in the given shape (batch axis not counted)."""
        out = np.empty((1, *shape), dtype=object)
        flat = out.reshape(-1)
        for k in range(flat.size):
            flat[k] = {(self.ring.symbol(f"{name}[{k}]"),): 1}
        return out

    def add(self, a: Array, b: Array) -> Array:
        out: Array = np.asarray(_ADD(a, b), dtype=object)
        return out

    def mul(self, a: Array, b: Array) -> Array:
        out: Array = np.asarray(self._mul(a, b), dtype=object)
        return out

    def scale(self, a: Array, factor: Fraction) -> Array:
        c = _integral(factor)
        out: Array = np.asarray(np.frompyfunc(lambda x: poly.scale(x, c), 1, 1)(a), dtype=object)
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = np.broadcast_to(a, (*lead, *a.shape[-2:]))
        b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
        out = np.empty((*lead, a.shape[-2], b.shape[-1]), dtype=object)
        mul, total = self.ring.mul, self.ring.sum
        for where in np.ndindex(*lead):
            left, right, target = a[where], b[where], out[where]
            for i in range(left.shape[0]):
                row = [(k, x) for k, x in enumerate(left[i]) if x]
                for j in range(right.shape[1]):
                    target[i, j] = total(mul(x, right[k, j]) for k, x in row if right[k, j])
        return out

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        kept = [i for i in range(a.ndim) if i not in axes]
        moved = a.transpose(*kept, *axes)
        shape = tuple(a.shape[i] for i in kept)
        flat = moved.reshape(int(np.prod(shape, dtype=int)), -1)
        out = np.empty(len(flat), dtype=object)
        for i, row in enumerate(flat):
            out[i] = self.ring.sum(row)
        return out.reshape(shape)

    def _lift(self, a: Array, kind: str) -> Array:
        ring = self.ring
        lifted = np.frompyfunc(lambda x: {(ring.function(kind, x),): 1}, 1, 1)
        return np.asarray(lifted(a), dtype=object)

    def reciprocal(self, a: Array) -> Array:
        lifted = np.frompyfunc(lambda x: self.ring.inverse(x, 1), 1, 1)
        return np.asarray(lifted(a), dtype=object)

    def rsqrt(self, a: Array) -> Array:
        return np.asarray(np.frompyfunc(self._root, 1, 1)(a), dtype=object)

    def _root(self, x: Polynomial) -> Polynomial:
        cases = self.ring.cases(x) if self.by_cases else []
        if len(cases) < 2 or not all(value for _, value in cases):
            return self.ring.inverse(x, 2)
        return self.ring.sum(
            self.ring.mul(entry, self.ring.inverse(value, 2)) for entry, value in cases)

    def exp(self, a: Array) -> Array:
        ring = self.ring

        def value(x: Polynomial) -> Polynomial:
            if not x:
                return poly.constant(1)
            # exp(-a) = 1 / exp(a): of the two, the one with positive first coefficient is a symbol
            if x[min(x)] < 0:
                return ring.inverse({(ring.function("exp", poly.scale(x, -1)),): 1}, 1)
            return {(ring.function("exp", x),): 1}

        return np.asarray(np.frompyfunc(value, 1, 1)(a), dtype=object)

    def log(self, a: Array) -> Array:
        return self._lift(a, "log")

    def erf(self, a: Array) -> Array:
        return self._odd("erf", a)

    def atan(self, a: Array) -> Array:
        return self._odd("atan", a)

    def _odd(self, function: str, a: Array) -> Array:
        ring = self.ring

        def value(x: Polynomial) -> Polynomial:
            if not x:
                return {}
            if x[min(x)] < 0:
                return {(ring.function(function, poly.scale(x, -1)),): -1}
            return {(ring.function(function, x),): 1}

        return np.asarray(np.frompyfunc(value, 1, 1)(a), dtype=object)

    def erf_slope(self, a: Array) -> Array:
        # 2 / sqrt(pi) is a symbol of its own
        slope = {(self.ring.function("two_over_sqrt_pi", {}),): 1}
        constant = np.empty((), dtype=object)
        constant[()] = slope
        return self.mul(self.exp(self.scale(self.mul(a, a), Fraction(-1))), constant)

    def sin(self, a: Array) -> Array:
        return self._circle(a, 1)

    def cos(self, a: Array) -> Array:
        return self._circle(a, 0)

    def _circle(self, a: Array, which: int) -> Array:
        ring = self.ring

        def value(x: Polynomial) -> Polynomial:
            if not x:
                return poly.constant(1 - which)
            # cos is even, sin odd: of a and -a, the one with positive first coefficient
            turned = x[min(x)] < 0
            symbol = ring.circle(poly.scale(x, -1) if turned else x)[which]
            return {(symbol,): -1 if turned and which else 1}

        return np.asarray(np.frompyfunc(value, 1, 1)(a), dtype=object)

    def step(self, a: Array) -> Array:
        return self._lift(a, "step")

    def floor(self, a: Array) -> Array:
        return self._lift(a, "floor")

    def ranking(self, a: Array, count: int) -> Array:
        return self._selection("rank", a, count, a.shape[-1])

    def one_hot(self, a: Array, count: int) -> Array:
        return self._selection("one hot", a[..., None], 1, count)[..., 0, :]

    def _selection(self, kind: str, a: Array, count: int, n: int) -> Array:
        out = np.empty((*a.shape[:-1], count, n), dtype=object)
        for where in np.ndindex(*a.shape[:-1]):
            for j, row in enumerate(self.ring.selection(kind, a[where].tolist(), count, n)):
                out[(*where, j)] = row
        return out

    def function(self, kind: str, a: Array) -> Array:
        """Symbols for the values of an entrywise function."""
        return self._lift(a, kind)

    def power(self, a: Array, k: int) -> Array:
        lifted = np.frompyfunc(lambda x: self.ring.power(x, k), 1, 1)
        return np.asarray(lifted(a), dtype=object)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        out = np.empty(shape, dtype=object)
        out.reshape(-1)[:] = [poly.ZERO] * out.size
        return out
