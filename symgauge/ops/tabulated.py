"""A function of integers, as one-hot rows: what token ids decide beside the rows they pick."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Composite
from symgauge.program.writer import Value, Writer


class Tabulated(Composite):
    """e[..., k] = sum of a[..., i] b[..., j] ... over table[i, j, ...] = k, for k < count - 1.

    The last entry is 1 less the others, so rows sum to 1 whatever the inputs are. Of one-hot rows
    it is the one-hot row of table[i, j, ...]. `table` is flat, its last index runs fastest.
    """

    name = "tabulated"
    law = "function of tokens"
    closed = True
    of_tokens = True

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        lead = shapes[0][:-1]
        table, count = attrs["table"], attrs["count"]
        if not (count > 1 and all(s and s[:-1] == lead for s in shapes)
                and len(table) == prod(s[-1] for s in shapes)
                and all(isinstance(k, int) and 0 <= k < count for k in table)):
            raise ValueError(f"tabulated: {len(table)} values below {count} for {shapes}")
        return (*lead, count)

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        lead, count = xs[0].shape[:-1], attrs["count"]
        joint = build.reshape(xs[0], (prod(lead), xs[0].shape[-1]))
        for x in xs[1:]:
            m, n = joint.shape[-1], x.shape[-1]
            row = build.reshape(x, (prod(lead), 1, n))
            joint = build.mul(build.reshape(joint, (prod(lead), m, 1)), row)
            joint = build.reshape(joint, (prod(lead), m * n))
        chosen = np.array(attrs["table"])[:, None] == np.arange(count)
        # 1, 0 or -1 by their places in the table of constants
        places = np.where(chosen, 1, 0)
        places[:, -1] = np.where(chosen[:, -1], 0, 2)
        matrix = build.leaf(Constant((Fraction(0), Fraction(1), Fraction(-1)), places))
        rest = build.leaf(Constant(
            (Fraction(0), Fraction(1)), (np.arange(count) == count - 1).astype(np.int64)))
        return build.reshape(
            build.add(build.apply("matmul", joint, matrix), rest), (*lead, count))

    def symbols(self, domain: Domain, y: Array, *xs: Array, **attrs: Any) -> Array:
        """Rows sum to 1, by definition."""
        first = y[..., :-1]
        rest = domain.scale(domain.sum(first, (first.ndim - 1,)), Fraction(-1))
        last = domain.add(rest, domain.constant(Constant(
            (Fraction(1),), np.zeros(rest.shape[1:], dtype=np.int64))))
        return np.concatenate([first, last[..., None]], axis=-1)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return [*inputs[0][:-1], legs.fresh(attrs["count"])]

    def unit_axis(self, rank: int, **attrs: Any) -> int | None:
        return rank - 1

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return f"e_{{t({', '.join(inputs)})}}"
