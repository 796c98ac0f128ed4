"""Sums of multiples of the entries of one line, exactly: what a linear region makes of it.

A number system. A constant is an array of numbers, a form an array of pairs (entry, number), one
for each term, the terms along the batch axis; the factors are known by the numbers that `Numbers`
gives them. What is no such sum raises NoForm.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.leaf import Leaf
from symgauge.program.op import Primitive, Structural

#: A rational multiple of a product of named numbers, such as (2, ("cos 1/2", "cos 1/2")).
_Number = tuple[Fraction, tuple[str, ...]]


class Numbers:
    """Numbers by number, so that arrays of them are arrays of integers; 0 is 0 and 1 is 1.

    Those that are no rationals are known by their names: equal names are equal numbers.
    """

    def __init__(self) -> None:
        self.values: list[_Number] = [(Fraction(0), ()), (Fraction(1), ())]
        self._ids = {v: i for i, v in enumerate(self.values)}

    def of(self, value: Fraction, *names: str) -> int:
        """The number of a rational multiple of a product."""
        key = value, tuple(sorted(names)) if value else ()
        if key not in self._ids:
            self._ids[key] = len(self.values)
            self.values.append(key)
        return self._ids[key]

    def wave(self, function: str, r: Fraction) -> int:
        """The number of cos r, which is even, or sin r, which is odd."""
        if not r:
            return self.of(Fraction(function == "cos"))
        return self.of(Fraction(-1 if function == "sin" and r < 0 else 1), f"{function} {abs(r)}")

    def times(self, a: Array, b: Array) -> Array:
        """Products, entry by entry."""
        width = len(self.values)
        pairs, where = np.unique(a * width + b, return_inverse=True)
        found = []
        for q in pairs.tolist():
            (x, left), (y, right) = self.values[q // width], self.values[q % width]
            found.append(self.of(x * y, *left, *right))
        return np.array(found, dtype=np.int64)[where].reshape(np.broadcast_shapes(a.shape, b.shape))

    def scaled(self, a: Array, factor: Fraction) -> Array:
        """Multiples."""
        return self.times(a, np.array(self.of(factor)))

    def turns(
        self, terms: Array, own: Array, partner: Array, first: Array
    ) -> tuple[Array, Array] | None:
        """a and b, where every entry is a times itself and b times its partner as a complex number.
        """
        parts = []
        for wanted in (own, partner):
            met = [np.where(t["entry"] == wanted, t["number"], 0) for t in terms]
            if (sum((m != 0).astype(int) for m in met) > 1).any():
                return None  # two terms for one entry
            parts.append(np.asarray(sum(met)))
        straight, crossed = parts
        stray = any(
            ((t["entry"] != own) & (t["entry"] != partner) & (t["number"] != 0)).any()
            for t in terms
        )
        complex_ = not stray and np.array_equal(straight[..., first], straight[..., ~first]) and (
            np.array_equal(
                crossed[..., first], self.scaled(crossed[..., ~first], Fraction(-1))))
        return (straight, crossed) if complex_ else None


#: A term: which entry of the line, and the number of its factor.
FORM = np.dtype([("entry", np.int64), ("number", np.int64)])
#: Products of a row with constants above which a region is left alone.
ENTRIES = 10_000_000


class NoForm(Exception):
    """A value that is no sum of multiples of entries, or too long a one."""


class FormDomain(Domain):
    """Arithmetic of forms, as far as regions of constant coefficients use it."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def leaf(self, leaf: Leaf) -> Array:
        """A constant; another line than the one whose entries are counted is no form."""
        return self.constant(leaf) if isinstance(leaf, Constant) else self._refuse()

    def constant(self, constant: Constant) -> Array:
        if constant.unknown:
            self._refuse()
        numbers = [self.numbers.of(v) for v in constant.table]
        return np.array(numbers, dtype=np.int64)[constant.index][None]

    def at(self, function: str, argument: Constant) -> Array:
        if function not in ("cos", "sin"):
            self._refuse()
        waves = [self.numbers.wave(function, r) for r in argument.table]
        return np.array(waves, dtype=np.int64)[argument.index][None]

    def add(self, a: Array, b: Array) -> Array:
        if a.dtype == b.dtype == FORM:
            return np.concatenate([a, b])
        # a masked entry and one that takes its place
        if FORM in (a.dtype, b.dtype) or not ((a == 0) | (b == 0)).all():
            self._refuse()
        return np.where(a == 0, b, a)

    def mul(self, a: Array, b: Array) -> Array:
        if a.dtype != FORM:
            a, b = b, a
        if b.dtype == FORM:
            self._refuse()
        if a.dtype != FORM:
            return self.numbers.times(a, b)
        return _form(a["entry"], self.numbers.times(a["number"], b))

    def scale(self, a: Array, factor: Fraction) -> Array:
        return self.mul(a, np.array(self.numbers.of(factor)))

    def matmul(self, a: Array, b: Array) -> Array:
        """Rows times a matrix of constants; the terms that are not 0."""
        if a.dtype != FORM or b.dtype == FORM or b.size * a.shape[-2] * len(a) > ENTRIES:
            self._refuse()
        terms = np.concatenate([
            self.mul(np.broadcast_to(a[..., k, None], (*a.shape[:-1], b.shape[-1])),
                     b[..., k, None, :])
            for k in range(a.shape[-1])
        ])
        order = np.argsort(terms["number"] == 0, axis=0, kind="stable")
        count = max(1, int((terms["number"] != 0).sum(axis=0).max()))
        return np.take_along_axis(terms, order[:count], 0)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NoForm

    sum = reciprocal = rsqrt = exp = log = erf = erf_slope = sin = cos = _refuse
    step = floor = ranking = one_hot = power = _refuse


def _form(entry: Array, number: Array) -> Array:
    out = np.empty(np.broadcast_shapes(entry.shape, number.shape), dtype=FORM)
    out["entry"], out["number"] = entry, number
    return out


def padded(xs: Sequence[Array], op: Primitive) -> Sequence[Array]:
    """What an op that moves entries takes: forms of as many terms, or constants alone."""
    if len(xs) < 2 or not isinstance(op, Structural):
        return xs
    forms = [x.dtype == FORM for x in xs]
    if any(forms) and not all(forms):
        raise NoForm
    longest = max(len(x) for x in xs)
    more = [x[:1].copy() for x in xs]
    for x in more if all(forms) else ():
        x["number"] = 0
    return [np.concatenate([x, *[y] * (longest - len(x))]) for x, y in zip(xs, more, strict=True)]
