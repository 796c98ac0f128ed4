"""A line of the calculus of intertwiners: an op, a leaf, or a region of several lines as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symgauge.program.array import Shape
from symgauge.program.op import NodeOp


class NoLemma(Exception):
    """No intertwiner is stated for what an op is asked; the words say why."""


@dataclass(frozen=True)
class Line:
    """One line of the calculus; `op` is None for a parameter and an input."""

    node: int
    op: NodeOp | None
    #: What a reader calls it.
    label: str
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: Shape
    #: The axis whose leaves are not those of the input's: a rotary region turns its pairs.
    turned: int | None = None

    @property
    def law(self) -> str:
        """The name of its law."""
        return "leaf" if self.op is None else self.op.law

    @property
    def adds(self) -> bool:
        """Whether the value is the sum of the inputs."""
        return self.law == "sum of lines"


class Region(NodeOp):
    """Several lines as one: what stands there in place of an op. It is in no program."""

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        raise TypeError(f"{self.name}: a region is made of lines that have their shapes")
