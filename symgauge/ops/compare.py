"""x > y, x >= y, x < y, x <= y as numbers 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Compare(Rewrite):
    """x > y is H(x - y), and x <= y is 1 - H(x - y): a branch decision, locally constant."""

    name = "compare"
    aten = tuple(f"{kind}.{form}" for kind in ("gt", "ge", "lt", "le")
                 for form in ("Tensor", "Scalar"))

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Strict and weak comparisons differ where both sides are equal on a whole cell."""
        x, y = (build.number(a) for a in args)
        kind = overload.split(".")[0]
        if kind in ("lt", "ge"):
            x, y = y, x
        above = build.apply("step", build.add(x, build.scale(y, -1)))
        return above if kind in ("gt", "lt") else build.add(build.scale(above, -1), 1)

    def samples(self) -> Iterator[Sample]:
        for kind in ("gt", "ge", "lt", "le"):
            yield Sample(f"{kind}.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
            yield Sample(f"{kind}.Scalar", (Sample.Tensor((2, 3)), 0.25))
