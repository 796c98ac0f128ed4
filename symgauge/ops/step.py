"""1 where x > 0, else 0: the branch of a piecewise op."""

from __future__ import annotations

from typing import Any

from symgauge.program.array import Array
from symgauge.program.domain import Domain
from symgauge.program.op import LocallyConstant


class Step(LocallyConstant):
    """H(x), locally constant, H^2 = H. Its derivative is 0 off the boundary of the cells."""

    name = "step"
    law = "sign"

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.step(xs[0])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{step}}({inputs[0]})"
