"""What an op is compared with torch's own on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symgauge.program.array import Shape


@dataclass(frozen=True)
class Sample:
    """Arguments on which an op is compared with torch's own.

    `args` may hold `Sample.Tensor` placeholders: a tensor of that shape, drawn in [low, high].
    """

    @dataclass(frozen=True)
    class Tensor:
        """A random tensor argument."""

        shape: Shape
        low: float = -1.5
        high: float = 1.5

    @dataclass(frozen=True)
    class Mask:
        """A constant Boolean mask."""

        rows: tuple[tuple[bool, ...], ...]

    @dataclass(frozen=True)
    class Indices:
        """A constant tensor of integers, as nested tuples."""

        values: tuple[Any, ...]

    overload: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
