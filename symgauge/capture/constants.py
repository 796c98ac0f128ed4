"""What does not depend on a parameter or an input.

Integers, Booleans, masks, positions and what moves or compares entries are folded with torch.
Float arithmetic rounds: it is built as lines of the program on exact constants, and folded where
the result is a rational number. So softmax, cosines and square roots of buffers stay what they
are, and a / b + c is a rational. Beside each such constant stand its floats, for comparisons and
casts to integers: those are what the module's own floats decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from symgauge.capture.module import WideFloats
from symgauge.capture.skeleton import has_values
from symgauge.domains.known import KnownDomain
from symgauge.errors import CaptureError
from symgauge.exact.rational import power
from symgauge.ops import by_overload
from symgauge.program.build import Builder
from symgauge.program.constant import Constant, exact_value
from symgauge.program.lower import lower
from symgauge.program.writer import Value

#: Ops whose value holds entries of their arguments, by their names without the overload.
MOVES = frozenset("""
    _reshape_copy _to_copy _to_dense
    _unsafe_view abs alias amax amin as_strided cat chunk clamp clamp_max
    clamp_min clone constant_pad_nd contiguous copy detach diag_embed diagonal embedding empty
    empty_like empty_strided expand eye fill flip full full_like gather hardtanh index index_put
    index_select lift_fresh_copy masked_fill max max_pool1d max_pool2d max_pool2d_with_indices
    maximum min minimum narrow neg new_empty new_full new_ones new_zeros ones ones_like permute
    relu repeat reshape roll scalar_tensor scatter select select_scatter slice slice_scatter sort
    split split_with_sizes squeeze stack t threshold topk transpose tril triu unbind unfold
    unsqueeze upsample_nearest1d upsample_nearest2d view where zeros zeros_like
""".split())
#: Ops whose value is a whole number that the arguments decide, in floats.
DECIDES = frozenset("ceil floor floor_divide heaviside round sgn sign trunc".split())
#: Ops that floats do without rounding where all numbers are whole.
WHOLE = frozenset("add addmm bmm cumsum matmul mm mul prod rsub sub sum".split())
#: Whole numbers that are exact in floats, and what stands for minus infinity.
LARGEST, MASKED = 2.0**53, -1e30
#: Entries of constants that are made exactly; larger ones are their floats.
MAX_ENTRIES = 1 << 18


@dataclass(frozen=True)
class Computed:
    """A constant that floats do not hold: its line, and the floats next to it."""

    line: Value
    floats: torch.Tensor

    @property
    def shape(self) -> torch.Size:
        """Shape of the constant."""
        return self.floats.shape


def floats_of(arguments: Any) -> Any:
    """Arguments with floats in the place of computed constants."""
    return pytree.tree_map(lambda x: x.floats if isinstance(x, Computed) else x, arguments)


def folded(target: Any, overload: str, args: Any, kwargs: Any) -> Any:
    """A constant, in float64 where floats are narrower: casts between them are dropped."""
    kwargs = {k: v for k, v in kwargs.items() if k != "pin_memory"}
    with WideFloats():  # type: ignore[no-untyped-call]
        value = target(*floats_of(args), **floats_of(kwargs))
    # memory that is read nowhere may hold anything; 0 makes the program reproducible
    return torch.zeros_like(value) if overload.startswith(("empty", "new_empty")) else value


def is_exact(overload: str, args: Any, kwargs: Any, value: Any) -> bool:
    """Whether the floats of a folded constant are what the op gives of these arguments."""
    name = overload.split(".")[0]
    floating = [x for x in pytree.tree_leaves(value)
                if isinstance(x, torch.Tensor) and (x.is_floating_point() or x.is_complex())]
    if not floating or name in DECIDES:
        return True
    given = pytree.tree_leaves((args, kwargs))
    if any(isinstance(x, Computed) for x in given):
        return False
    numbers = [x for x in given if isinstance(x, (float, torch.Tensor))]
    if name in MOVES or not any(x.numel() for x in floating):
        return True
    if name in ("arange", "linspace"):
        return name == "arange" and all(float(x).is_integer() for x in given
                                        if isinstance(x, (int, float)))
    return name in WHOLE and all(_whole(x) for x in (*numbers, *floating))


def _whole(x: float | torch.Tensor) -> bool:
    """Whether all entries are small whole numbers, or stand for minus infinity."""
    if not isinstance(x, torch.Tensor):
        x = torch.tensor(x, dtype=torch.float64)
    if not x.is_floating_point():
        return True
    x = x[x > MASKED]
    return bool(((x == x.round()) & (x.abs() < LARGEST)).all())


def computed(build: Builder, overload: str, args: Any, kwargs: Any, floats: Any) -> Any:
    """The value of an op on constants, by the op's own rule; `floats` is what torch makes of it.

    `args` and `kwargs` are values of the program. Raises CaptureError or UnsupportedOpError where
    there is no rule.
    """
    entries = sum(prod(x.shape) for x in pytree.tree_leaves((args, kwargs, floats))
                  if isinstance(x, (Value, torch.Tensor)))
    if entries > MAX_ENTRIES:
        raise CaptureError("too many entries")
    made = _spaced(build, overload, args) or _powers(build, overload, args)
    if made is None:
        op = by_overload().get(overload)
        if op is None:
            raise CaptureError("no rule")
        made = op.capture(build, overload, *args, **kwargs)
    return _beside(build, made, floats)


def _beside(build: Builder, made: Any, floats: Any) -> Any:
    """Values with their floats; floats alone where they hold the value exactly."""
    if isinstance(floats, (list, tuple)):
        return type(floats)(_beside(build, m, f) for m, f in zip(made, floats))
    if not isinstance(floats, torch.Tensor) or not floats.is_floating_point():
        return floats
    if not isinstance(made, Value):
        # a part that the rule does not give
        return None if made is None else floats
    if made.shape != tuple(floats.shape) or made.kept is not None:
        raise CaptureError("no rule")
    constant = rational(build, made)
    if constant is None:
        return Computed(made, floats)
    line = build.leaf(constant)
    line = Value(line.index, line.shape, made.minus_infinity)
    if any(exact_value(float(v)) != v for v in constant.table):
        return Computed(line, floats)
    exact = torch.from_numpy(np.array(constant.floats()))
    if made.minus_infinity is not None:
        exact[torch.from_numpy(made.minus_infinity)] = -torch.inf
    return exact


def rational(build: Builder, x: Value) -> Constant | None:
    """The rational numbers that a line of constants holds, where all are rational."""
    lowered = lower(build.line_alone(x))
    (output,) = lowered.outputs
    return KnownDomain.as_constant(KnownDomain().lines(lowered, [output])[output])


def _spaced(build: Builder, overload: str, args: Any) -> Value | None:
    """arange and linspace: start + k step."""
    name = overload.split(".")[0]
    numbers = [build.fraction(x) for x in args if isinstance(x, (int, float))]
    if name == "linspace":
        start, end, total = numbers
        count = int(total)
        step = (end - start) / (count - 1) if count > 1 else Fraction(0)
    elif name == "arange":
        start, end = (Fraction(0), numbers[0]) if len(numbers) == 1 else numbers[:2]
        step = numbers[2] if len(numbers) > 2 else Fraction(1)
        count = -((start - end) // step)
    else:
        return None
    table = tuple(start + k * step for k in range(count))
    return build.leaf(Constant(table, np.arange(len(table))))


def _powers(build: Builder, overload: str, args: Any) -> Value | None:
    """x**y of rational numbers, where all are rational."""
    if overload not in ("pow.Tensor_Tensor", "pow.Scalar", "pow.Tensor_Scalar"):
        return None
    x, y = (build.number(a) for a in args)
    shape = build.common_shape(x, y)
    known = [rational(build, build.broadcast(z, shape)) for z in (x, y)]
    if known[0] is None or known[1] is None:
        return None
    pairs = zip(*(k.objects().reshape(-1).tolist() for k in known if k), strict=True)
    found = np.empty((1, prod(shape)), dtype=object)
    found[0] = [power(a, b) for a, b in pairs]
    constant = KnownDomain.as_constant(found.reshape(1, *shape))
    return None if constant is None else build.leaf(constant)


def without_masks(indices: list[Any]) -> list[Any]:
    """A Boolean index as the places where it holds, one tensor for each of its axes."""
    out: list[Any] = []
    for i in indices:
        mask = isinstance(i, torch.Tensor) and i.dtype == torch.bool
        if mask and not has_values(i):
            raise CaptureError("an index is a mask on the meta device; give it its values")
        out += i.nonzero(as_tuple=True) if mask else [i]
    return out
