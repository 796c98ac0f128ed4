"""The randomised leaky ReLU in eval mode: the mean slope where x < 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Rrelu(Rewrite):
    """The randomised leaky ReLU in eval mode: the mean slope where x < 0."""

    name = "rrelu"
    aten = ("rrelu_with_noise_functional.default", "rrelu_with_noise.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The randomised leaky ReLU in eval mode: the mean slope where x < 0."""
        given = dict(zip(("lower", "upper", "training"), args[2:]), **kwargs)
        if given.get("training"):
            raise CaptureError("rrelu draws random slopes; call .eval() in the factory")
        low, high = given.get("lower", 1 / 8), given.get("upper", 1 / 3)
        slope = (build.fraction(low) + build.fraction(high)) / 2
        value = build.apply("leaky_relu", args[0], slope=slope)
        return (value, None) if "functional" in overload else value

    def samples(self) -> Iterator[Sample]:
        x, noise = Sample.Tensor((2, 3)), Sample.Tensor((2, 3))
        yield Sample("rrelu_with_noise.default", (x, noise, 0.25, 0.5, False))
