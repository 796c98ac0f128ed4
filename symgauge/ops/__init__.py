"""The ops, one a file. The folder is enumerated: a new file is a new op, there is no list.

Not for: evaluation (network) or reading a module (capture). No torch here: ATen overloads are
named by strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symgauge.enumerated import classes_of
from symgauge.program.op import AbstractOp


@cache
def all_ops() -> Mapping[str, AbstractOp]:
    """Every op by name: each class with a `name` that a file of this folder defines."""
    found = classes_of(__name__, __path__, AbstractOp)
    return MappingProxyType({name: kind() for name, kind in found.items()})


@cache
def by_overload() -> Mapping[str, AbstractOp]:
    """Every captured ATen overload, as "mul.Tensor", and its op."""
    table: dict[str, AbstractOp] = {}
    for op in all_ops().values():
        for overload in op.aten:
            if overload in table:
                raise TypeError(f"{overload} is captured by {table[overload].name} and {op.name}")
            table[overload] = op
    return MappingProxyType(table)
