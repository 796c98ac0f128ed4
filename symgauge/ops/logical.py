"""and, or, xor, not, any and all of numbers 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.ops.amax import largest
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Logical(Rewrite):
    """x and y is x y, not x is 1 - x, x or y is x + y - x y, on numbers 0 and 1."""

    name = "logical"
    aten = (
        *(f"logical_{kind}.default" for kind in ("and", "or", "xor", "not")),
        *(f"bitwise_{kind}.Tensor" for kind in ("and", "or", "xor")), "bitwise_not.default",
        *(f"{kind}.{form}" for kind in ("any", "all") for form in ("default", "dim", "dims")),
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Masks that depend on no parameter and no input never come here: they are folded."""
        kind = overload.split(".")[0].rpartition("_")[2]
        if kind == "not":
            return _not(build, args[0])
        if kind in ("any", "all"):
            x, dims, keep = (*args, None, False)[:3] if len(args) < 3 else args[:3]
            keep = bool(kwargs.get("keepdim", keep))
            return largest(build, x, kwargs.get("dim", dims), keep, 1 if kind == "any" else -1)
        x, y = (build.number(a) for a in args)
        both = build.mul(x, y)
        if kind == "and":
            return both
        return build.add(build.add(x, y), build.scale(both, -1 if kind == "or" else -2))

    def samples(self) -> Iterator[Sample]:
        yield from ()


def _not(build: Writer, x: Value) -> Value:
    return build.add(build.scale(x, -1), 1)
