"""Variations linear in the line itself, plus a term in the parameters: delta v = L v + c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symgauge.exact.polynomial import Monomial, Number, Polynomial, add, ratio, scale
from symgauge.program.array import Array


@dataclass(frozen=True)
class Folded:
    """delta v = L v + c: rows of L as dicts, c as polynomials in the parameters."""

    linear: list[dict[int, Number]]
    shift: list[Polynomial]

    def __bool__(self) -> bool:
        return any(self.linear) or any(self.shift)

    def describe(self) -> str:
        entries = sum(len(row) for row in self.linear)
        shifted = any(self.shift)
        if not entries:
            return "delta v = c"
        diagonal = all(set(row) <= {k} for k, row in enumerate(self.linear))
        same = {v for row in self.linear for v in row.values()}
        if diagonal and len(same) == 1 and all(self.linear):
            left = f"{same.pop()} v"
        elif diagonal:
            left = "D v"
        else:
            left = "A v"
        return f"delta v = {left} + c" if shifted else f"delta v = {left}"


def fold_variation(y: Array, dy: Array, parameters: set[int]) -> Folded | None:
    """L and c with dy = L y + c as polynomials, or None.

    An entry of y is recognised by a monomial that no other entry has.
    """
    ys: Sequence[Polynomial] = y.reshape(-1).tolist()
    dys: Sequence[Polynomial] = dy.reshape(-1).tolist()
    owner: dict[Monomial, int] = {}
    for k, p in enumerate(ys):
        for m in p:
            owner[m] = -1 if m in owner else k
    # the last symbols are the newest: a private monomial without parameters alone is preferred
    chosen: dict[Monomial, int] = {}
    for k, p in enumerate(ys):
        private = [m for m in p if m and owner[m] == k]
        if private:
            chosen[max(private, key=lambda m: (len(m), m))] = k
    linear: list[dict[int, Number]] = []
    shift: list[Polynomial] = []
    for p in dys:
        row: dict[int, Number] = {}
        for m, c in p.items():
            if m in chosen:
                k = chosen[m]
                row[k] = ratio(c, ys[k][m])
        rest = p
        for k, c in row.items():
            rest = add(rest, scale(ys[k], -c))
        if any(not parameters.issuperset(m) for m in rest):
            return None
        linear.append(row)
        shift.append(rest)
    return Folded(linear, shift)


def recombine(folded: Folded, symbols: Array) -> Array:
    out = np.empty(symbols.shape, dtype=object)
    flat, source = out.reshape(-1), symbols.reshape(-1)
    for k, (row, shift) in enumerate(zip(folded.linear, folded.shift, strict=True)):
        total = dict(shift)
        for j, c in row.items():
            total = add(total, scale(source[j], c))
        flat[k] = total
    return out


def as_number(c: Fraction) -> Number:
    return c.numerator if c.denominator == 1 else c
