"""The same values: copies and aliases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Clone(Rewrite):
    """The same values: copies and aliases."""

    name = "clone"
    aten = (
        "clone.default",
        "alias.default",
        "detach.default",
        "lift_fresh_copy.default",
        "contiguous.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Memory layout is not part of exact arithmetic."""
        return args[0]

    def samples(self) -> Iterator[Sample]:
        yield Sample("clone.default", (Sample.Tensor((2, 3)),))
        yield Sample("alias.default", (Sample.Tensor((2, 3)),))
