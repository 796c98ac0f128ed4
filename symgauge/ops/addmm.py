"""beta c + alpha a b."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Addmm(Rewrite):
    """beta c + alpha a b."""

    name = "addmm"
    aten = ("addmm.default", "baddbmm.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """beta c + alpha a b."""
        c, a, b = args
        product = build.scale(build.apply("matmul", a, b), build.fraction(kwargs.get("alpha", 1)))
        beta = build.fraction(kwargs.get("beta", 1))
        return build.add(product, build.scale(c, beta)) if beta else product

    def samples(self) -> Iterator[Sample]:
        three = (Sample.Tensor((4,)), Sample.Tensor((2, 3)), Sample.Tensor((3, 4)))
        yield Sample("addmm.default", three)
        yield Sample("addmm.default", three, {"beta": 2, "alpha": 0.5})
