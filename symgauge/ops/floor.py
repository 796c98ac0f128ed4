"""The largest integer not above x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.array import Array
from symgauge.program.domain import Domain
from symgauge.program.op import LocallyConstant
from symgauge.program.sample import Sample


class Floor(LocallyConstant):
    """The largest integer not above x, locally constant. Unlike H(x) a positive factor moves it."""

    name = "floor"
    aten = ("floor.default",)

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.floor(xs[0])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\lfloor {inputs[0]} \rfloor"

    def samples(self) -> Iterator[Sample]:
        yield Sample("floor.default", (Sample.Tensor((2, 3), -3.0, 3.0),))

    def non_symmetries(self) -> Iterator[str]:
        yield "a positive factor, which leaves a sign as it is"
