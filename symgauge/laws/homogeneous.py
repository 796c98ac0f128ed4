"""f(s x) = s^k f(x) for s > 0, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from symgauge.laws.law import Call, Entrywise, the_only
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights, multiples
from symgauge.spaces.line import Line, NoLemma


class Homogeneous(Entrywise):
    """Weights are multiplied by the degree; squares of what a rotation turns may be summed."""

    name = "homogeneous"
    words = ("no lemma, but squares", "weight times degree", "no lemma")
    false = ("a matrix through relu",)

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        assert line.op is not None
        if (turning.orthogonal or turning.kind.of_form) and line.op.is_square(**line.attrs):
            return Turned(the_only(inputs).marks, squared=True)
        raise NoLemma(f"{line.label} is not linear")

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        assert line.op is not None
        return multiples(inputs[0], line.op.degree_at(**line.attrs))

    def samples(self) -> Iterator[Call]:
        for op in ("relu", "abs", "reciprocal"):
            yield Call(op, ((2, 3),))
        for op in ("sqrt", "rsqrt"):
            yield Call(op, ((2, 2),))
        yield Call("leaky_relu", ((2, 3),), {"slope": Fraction(1, 3)})
        for exponent in (3, 2):
            yield Call("power", ((2, 3),), {"exponent": exponent})
