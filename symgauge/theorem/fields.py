"""Identities between vector fields with general components, in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symgauge.errors import BadInputError
from symgauge.flows.fields import VectorField
from symgauge.theorem.scalars import decide_zero, printed
from symgauge.theorem.theorem import Decision, Step
from symgauge.verdict import Verdict

#: Characters of LaTeX above which the case n = 1 is not written out.
LONGEST = 900


@dataclass(frozen=True)
class FieldIdentity(Step):
    """left(n) = right(n) component by component, n the dimension of space.

    Both sides are made for each n from undefined functions, so the identity holds for all fields
    of that dimension. `caption` is the formula in index-free notation; n = 1 is printed in full.
    """

    name: str
    left: Callable[[int], Any]
    right: Callable[[int], Any]
    caption: str
    dimensions: tuple[int, ...] = (1, 2, 3)
    note: str = ""
    must_fail: bool = False

    method = "polynomial identity over QQ in the jets"

    @property
    def scope(self) -> str:  # type: ignore[override]
        """The dimensions."""
        return f"n = {', '.join(map(str, self.dimensions))}, general functions"

    def decide(self) -> Decision:
        count = 0
        for n in self.dimensions:
            pairs = list(zip(_parts(self.left(n)), _parts(self.right(n)), strict=True))
            if not pairs:
                raise BadInputError(f"{self.name}: there is nothing to compare at n = {n}")
            count += len(pairs)
            decision = decide_zero([a - b for a, b in pairs])
            if decision.verdict is not Verdict.PROVED:
                return Decision(decision.verdict, f"n = {n}: {decision.evidence}")
        return Decision(Verdict.PROVED, f"{count} components")

    def formulas(self) -> Sequence[str]:
        n = self.dimensions[0]
        shown = [
            f"{printed(a)} = {printed(b)}"
            for a, b in zip(_parts(self.left(n)), _parts(self.right(n)), strict=True)
        ]
        if sum(map(len, shown)) > LONGEST:
            return [self.caption]
        return [self.caption, rf"\text{{for }} n{{=}}{n}\text{{: }}\quad {shown[0]}", *shown[1:]]


def _parts(side: Any) -> tuple[Any, ...]:
    if isinstance(side, VectorField):
        return side.components
    return tuple(side) if isinstance(side, (tuple, list)) else (side,)
