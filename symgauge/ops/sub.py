"""x - alpha y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Sub(Rewrite):
    """x - alpha y."""

    name = "sub"
    aten = ("sub.Tensor", "sub.Scalar", "rsub.Scalar")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x - alpha y."""
        a, b = (build.number(x) for x in args[:2])
        if overload.startswith("rsub"):
            a, b = b, a
        alpha = args[2] if len(args) > 2 else kwargs.get("alpha", 1)
        return build.add(a, build.scale(b, -build.fraction(alpha)))

    def samples(self) -> Iterator[Sample]:
        yield Sample("sub.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
        yield Sample("sub.Tensor", (Sample.Tensor((2, 3)), 0.5))
        yield Sample("rsub.Scalar", (Sample.Tensor((2, 3)), 1.0))
