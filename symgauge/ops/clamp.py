"""min(max(x, low), high)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

from symgauge.ops.take import beneath
from symgauge.program.constant import Constant
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


#: A bound below which a norm is taken not to fall: those of torch and of usual code lie below.
SMALL = 1e-5
#: What the scope says of it.
GUARD = "a norm that is held above {} is taken to be above it"


class Clamp(Rewrite):
    """min(max(x, low), high); a guard of a norm, as `normalize` has one, is the norm."""

    name = "clamp"
    aten = (
        "clamp.default",
        "clamp.Tensor",
        "clamp_min.default",
        "clamp_max.default",
        "hardtanh.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Either bound may be missing."""
        x, low, high = (*args, None, None)[:3]
        low, high = kwargs.get("min", low), kwargs.get("max", high)
        if overload.startswith("clamp_max"):
            low, high = None, low
        if overload.startswith("hardtanh"):
            low = kwargs.get("min_val", -1 if low is None else low)
            high = kwargs.get("max_val", 1 if high is None else high)
        # an infinite bound bounds nothing, as the largest step of Mamba 2 does not
        low, high = None if low == -inf else low, None if high == inf else high
        least = guard(build, x, low) if low is not None else 0
        if least:
            build.note(GUARD.format(f"{least:g}"))
        elif low is not None:
            x = build.entrywise("maximum", x, low)
        if high is not None:
            up = build.scale(build.number(high), -1)
            x = build.scale(build.entrywise("maximum", build.scale(x, -1), up), -1)
        return x

    def samples(self) -> Iterator[Sample]:
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), -0.75, 0.5))
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), None, 0.5))
        yield Sample("clamp.default", (Sample.Tensor((2, 3)),), {"min": 0.1})
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), 0.1, inf))
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), -inf, 0.5))
        yield Sample("clamp.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
        yield Sample("clamp_min.default", (Sample.Tensor((2, 3)), 0.1))
        yield Sample("clamp_max.default", (Sample.Tensor((2, 3)), 0.1))
        yield Sample("hardtanh.default", (Sample.Tensor((2, 3)),))
        yield Sample("hardtanh.default", (Sample.Tensor((2, 3)), 0.0, 0.75))


def guard(build: Writer, x: Value, low: Any) -> float:
    """The bound where it keeps a norm away from 0, and no more, as in max(|v|, 1e-12); else 0."""
    if isinstance(low, Value):
        leaf = build.node(low).leaf
        low = float(leaf.floats().max()) if isinstance(leaf, Constant) else inf
    norm = any(_is(build, x, names) for names in (("sqrt", "sum", "power"), ("sum", "abs")))
    return low if norm and 0 < low <= SMALL else 0.0


def _is(build: Writer, x: Value, names: Sequence[str]) -> bool:
    """Whether a line is made by these ops, the last first, with views between them."""
    for name in names:
        node = beneath(build, x)
        if node.op is None or node.op.name != name or node.attrs.get("exponent", 2) != 2:
            return False
        x = build.value(node.inputs[0])
    return True
