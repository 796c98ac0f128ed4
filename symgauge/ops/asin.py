"""asin x and acos x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Asin(Rewrite):
    """asin x = 2 atan(x / (1 + r)) and acos x = 2 atan(r / (1 + x)), r = sqrt(1 - x^2)."""

    name = "asin"
    aten = ("asin.default", "acos.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Half the angle: pi stands nowhere. Where -1 < x < 1."""
        x = args[0]
        square = build.apply("power", x, exponent=2)
        root = build.apply("sqrt", build.add(build.scale(square, -1), 1))
        up, side = (x, root) if overload.startswith("asin") else (root, x)
        tangent = build.mul(up, build.reciprocal(build.add(side, 1)))
        return build.scale(build.apply("atan", tangent), 2)

    def samples(self) -> Iterator[Sample]:
        for overload in self.aten:
            yield Sample(overload, (Sample.Tensor((2, 3), -0.9, 0.9),))
