"""H(x) - H(-x)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Sign(Rewrite):
    """H(x) - H(-x)."""

    name = "sign"
    aten = ("sign.default", "sgn.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """H(x) - H(-x)."""
        fall = build.apply("step", build.scale(args[0], -1))
        return build.add(build.apply("step", args[0]), build.scale(fall, -1))

    def samples(self) -> Iterator[Sample]:
        yield Sample("sign.default", (Sample.Tensor((2, 3)),))
