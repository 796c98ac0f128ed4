"""What types say of a call: where torch turns floats into integers or Booleans.

Programs hold exact numbers without a type, so a call is read with the types that the exported
graph gives: a cast is an op, and an op that casts unseen is refused.
"""

from __future__ import annotations

from typing import Any

import torch

from symgauge.capture.exported import is_node
from symgauge.errors import CaptureError
from symgauge.ops.cast import cast
from symgauge.ops.rounding import nonzero
from symgauge.program.build import Builder
from symgauge.program.writer import Value

#: Ops of Booleans, which ask of other numbers whether they are 0.
LOGICAL = ("logical_and", "logical_or", "logical_xor", "logical_not", "any", "all")
#: The place of a mask among the arguments.
MASK = {"where": 0, "masked_fill": 1}
#: The place of what is cast to the type of the result, before anything else is done with it.
CASTING = {"copy": 1, "sum": 0, "cumsum": 0, "prod": 0, "cumprod": 0}
#: Ops that decide an integer or a Boolean from floats.
DECIDING = (
    "gt", "ge", "lt", "le", "eq", "ne", "isinf", "isnan", "argmax", "argmin", *LOGICAL)


def typed(build: Builder, node: Any, overload: str, args: Any) -> tuple[str, Any]:
    """The overload and the arguments of a call, with the casts that its types ask for.

    Raises CaptureError where floats become integers in an op that is not read as a cast.
    """
    kind, out, args = overload.split(".")[0], _dtype(node), list(args)
    if kind in LOGICAL or kind in MASK:
        for i in range(len(args)) if kind in LOGICAL else (MASK[kind],):
            if isinstance(args[i], Value) and _dtype(node.args[i]) != torch.bool:
                args[i] = nonzero(build, args[i])
    elif kind in ("index", "index_put") and any(
        isinstance(value, Value) and _dtype(x) == torch.bool
        for x, value in zip(node.args[1], args[1])
    ):
        raise CaptureError("a mask that inputs or parameters decide picks entries: their number "
                           "is none that one program has; write it with torch.where")
    elif kind.startswith("bitwise") and out != torch.bool:
        raise CaptureError(f"{overload} on integers that a branch decides has no rule")
    elif kind == "add" and out == torch.bool:
        return "logical_or.default", args[:2]
    elif kind in CASTING:
        i = CASTING[kind]
        if isinstance(args[i], Value) and _casts(node.args[i], out):
            args[i] = cast(build, args[i], str(out))
    elif kind not in (*DECIDING, "_to_copy") and out is not None and any(
        _casts(x, out) for x, value in zip(node.args, args) if isinstance(value, Value)
    ):
        raise CaptureError(f"{overload} turns floats into {out} unseen; cast them with .to({out})")
    return overload, args


def target(node: Any) -> torch.dtype | None:
    """The type that a `_to_copy` gives, where it changes the numbers; else None."""
    out, source = _dtype(node), _dtype(node.args[0])
    changes = _casts(node.args[0], out) or out == torch.bool and source != torch.bool
    return out if changes else None


def _dtype(x: Any) -> torch.dtype | None:
    value = x.meta.get("val") if is_node(x) else None
    return value.dtype if isinstance(value, torch.Tensor) else None


def _casts(source: Any, out: torch.dtype | None) -> bool:
    """Whether floats become integers or Booleans, or integers narrower ones."""
    given = _dtype(source)
    if out is None or given is None or out.is_floating_point or out.is_complex:
        return False
    return given.is_floating_point or out.itemsize < min(given.itemsize, 4)
