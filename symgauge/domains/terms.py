"""Formal terms: sums and products without an order of their parts, functions of terms, symbols.

Two entries with one number are one expression, up to the commutative and associative laws,
rational factors, and signs in odd and even functions. Nothing is expanded and no other identity is
used, so two expressions with unlike numbers may still be equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from symgauge.domains.term_signs import Key, TermSigns
from symgauge.errors import UndecidedError
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

#: A rational number; a whole one as an integer, which is equal to it and faster.
Number = int | Fraction
#: So many terms are told apart; a program that makes more is left undecided.
MOST = 100_000


class TermDomain(Domain):
    """Arrays of numbers of terms, batch of one; every different term gets a number of its own.

    Raises UndecidedError where there are more than MOST of them, at a quotient by 0, and where the
    entries that are ranked are not all different. What is ranked loses its order only where all
    entries are analytic: others (units at 0, clamped ones) may tie on open sets, where places tell.
    """

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._keys: list[Key] = []
        #: Sums and products that were asked for: entries in another order ask for the same ones.
        self._sums: dict[tuple[int, ...], int] = {}
        self._products: dict[tuple[int, int], int] = {}
        self._signs = TermSigns(self._keys)
        self._one = self._term(("one",))
        self._zero = self._linear({})

    def symbols(self, kind: str, name: str, shape: tuple[int, ...]) -> Array:
        """An array of symbols, batch of one; those of another kind or name are others."""
        found = np.empty((1, *shape), dtype=np.int64)
        for place in np.ndindex(*shape):
            found[(0, *place)] = self._term(("symbol", kind, name, place))
        return found

    def _term(self, key: Key) -> int:
        if key not in self._numbers:
            if len(self._keys) >= MOST:
                raise UndecidedError(f"the program makes more than {MOST} terms")
            self._numbers[key] = len(self._keys)
            self._keys.append(key)
        return self._numbers[key]

    # -- linear forms: ("sum", ((term, coefficient), ...)) ----------------------------------------

    def _parts(self, term: int) -> Mapping[int, Number]:
        key = self._keys[term]
        return dict(key[1]) if key[0] == "sum" else {term: 1}

    def _linear(self, parts: Mapping[int, Number]) -> int:
        kept = {t: c for t, c in parts.items() if c}
        if len(kept) == 1 and 1 in kept.values():
            return next(iter(kept))
        return self._term(("sum", tuple(sorted(kept.items()))))

    def _sum(self, terms: Sequence[int]) -> int:
        asked = tuple(sorted(terms))
        if asked not in self._sums:
            total: dict[int, Number] = {}
            for term, times in Counter(asked).items():
                for part, c in self._parts(term).items():
                    total[part] = total.get(part, 0) + times * c
            self._sums[asked] = self._linear(total)
        return self._sums[asked]

    def _scaled(self, term: int, factor: Number) -> int:
        return self._linear({t: _short(c * factor) for t, c in self._parts(term).items()})

    # -- products: ("product", ((term, exponent), ...)) -------------------------------------------

    def _factors(self, term: int) -> tuple[Number, Mapping[int, int]]:
        """A rational factor, and terms with their exponents: sums that start with 1."""
        parts = self._parts(term)
        if not parts or term == self._one:
            return len(parts), {}
        number = parts[min(parts)]
        if len(parts) == 1:
            term = min(parts)
        elif number != 1:
            term = self._scaled(term, 1 / Fraction(number))
        if term == self._one:
            return number, {}
        key = self._keys[term]
        return number, dict(key[1]) if key[0] == "product" else {term: 1}

    def _product(self, number: Number, factors: Mapping[int, int]) -> int:
        kept = tuple(sorted((t, k) for t, k in factors.items() if k))
        if not kept or not number:
            return self._scaled(self._one, number)
        one = kept[0][0] if len(kept) == 1 and kept[0][1] == 1 else self._term(("product", kept))
        return self._scaled(one, number)

    def _times(self, a: int, b: int) -> int:
        asked = (a, b) if a < b else (b, a)
        if asked not in self._products:
            (m, left), (n, right) = self._factors(a), self._factors(b)
            found = dict(left)
            for term, k in right.items():
                found[term] = found.get(term, 0) + k
            self._products[asked] = self._product(m * n, found)
        return self._products[asked]

    def _inverse(self, a: int) -> int:
        number, factors = self._factors(a)
        if not number:
            raise UndecidedError("a quotient by 0")
        return self._product(1 / Fraction(number), {term: -k for term, k in factors.items()})

    # -- what ops are written in ------------------------------------------------------------------

    def constant(self, constant: Constant) -> Array:
        constant.require_values()
        table = np.array([self._scaled(self._one, v) for v in constant.table], dtype=np.int64)
        out: Array = table[constant.index.reshape(-1)].reshape(1, *constant.shape)
        return out

    def add(self, a: Array, b: Array) -> Array:
        return _each(lambda x, y: self._sum((x, y)), a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return _each(self._times, a, b)

    def scale(self, a: Array, factor: Fraction) -> Array:
        return _each(lambda x: self._scaled(x, Fraction(factor)), a)

    def matmul(self, a: Array, b: Array) -> Array:
        return self.sum(self.mul(a[..., :, :, None], b[..., None, :, :]), (-2,))

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        axes = tuple(k % a.ndim for k in axes)
        kept = [k for k in range(a.ndim) if k not in axes]
        rows = a.transpose(*kept, *axes).reshape(*(a.shape[k] for k in kept), -1)
        out = np.empty(rows.shape[:-1], dtype=np.int64)
        for place in np.ndindex(*out.shape):
            out[place] = self._sum(rows[place].tolist())
        return out

    def reciprocal(self, a: Array) -> Array:
        return _each(self._inverse, a)

    def _function(self, name: str, a: Array) -> Array:
        return _each(lambda x: self._term((name, x)), a)

    def _signed(self, name: str, odd: bool, a: Array) -> Array:
        """An odd or even function: of x and -x the one whose first coefficient is positive."""
        def at(x: int) -> int:
            parts = sorted(self._parts(x).items())
            if not parts or parts[0][1] > 0:
                return self._term((name, x))
            value = self._term((name, self._scaled(x, Fraction(-1))))
            return self._scaled(value, Fraction(-1)) if odd else value

        return _each(at, a)

    def rsqrt(self, a: Array) -> Array:
        return self._function("rsqrt", a)

    def exp(self, a: Array) -> Array:
        return self._function("exp", a)

    def log(self, a: Array) -> Array:
        return self._function("log", a)

    def erf(self, a: Array) -> Array:
        return self._signed("erf", True, a)

    def erf_slope(self, a: Array) -> Array:
        return self._signed("erf_slope", False, a)

    def step(self, a: Array) -> Array:
        return self._function("step", a)

    def sin(self, a: Array) -> Array:
        return self._signed("sin", True, a)

    def cos(self, a: Array) -> Array:
        return self._signed("cos", False, a)

    def atan(self, a: Array) -> Array:
        return self._signed("atan", True, a)

    def floor(self, a: Array) -> Array:
        return self._function("floor", a)

    def ranking(self, a: Array, count: int) -> Array:
        out = np.empty((*a.shape[:-1], count, a.shape[-1]), dtype=np.int64)
        for place in np.ndindex(*a.shape[:-1]):
            row = a[place].tolist()
            if len(set(row)) < len(row):
                raise UndecidedError("equal entries are ranked by their places")
            order = tuple(sorted(row) if all(map(self._signs.analytic, row)) else row)
            for j in range(count):
                for i, term in enumerate(row):
                    out[(*place, j, i)] = self._term(("ranked", j, term, order))
        return out

    def one_hot(self, a: Array, count: int) -> Array:
        places = np.arange(count)
        return _each(lambda x, j: self._term(("one hot", x, j)), a[..., None], places)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self._zero, dtype=np.int64)


def _short(value: Number) -> Number:
    return value.numerator if value.denominator == 1 else value


def _each(function: Callable[..., int], *arrays: Array) -> Array:
    out: Array = np.frompyfunc(function, len(arrays), 1)(
        *(np.asarray(a, dtype=object) for a in arrays))
    return np.asarray(out, dtype=np.int64)
