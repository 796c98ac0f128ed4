"""Casts: between float types the same values, to integers towards 0, to Booleans x != 0."""

from __future__ import annotations

from typing import Any

from symgauge.errors import CaptureError
from symgauge.ops.amax import require_finite
from symgauge.ops.rounding import nonzero, rounded
from symgauge.program.op import Rewrite
from symgauge.program.writer import Value, Writer


class Cast(Rewrite):
    """The value that a type can hold: x, trunc x or x != 0. Float types are exact arithmetic."""

    name = "cast"
    aten = ("_to_copy.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """`dtype` is that of the result; none means the same."""
        dtype = kwargs.get("dtype")
        return args[0] if dtype is None else cast(build, args[0], str(dtype))


def cast(build: Writer, x: Value, dtype: str) -> Value:
    """x as a torch type by its name, as "torch.int64"."""
    kind = dtype.removeprefix("torch.")
    if "float" in kind:
        return x
    require_finite(x, f"a cast to {kind}")
    if kind == "bool":
        return nonzero(build, x)
    if kind not in ("int32", "int64"):
        raise CaptureError(
            f"a cast of a value that moves to {kind} has no rule; cast to int64 or bool")
    return rounded(build, x, "trunc")
