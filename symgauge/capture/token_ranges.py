"""How far token ids range: the tables of the exported graph whose rows they pick."""

from __future__ import annotations

from typing import Any

import torch

from symgauge.capture.exported import overload_of
from symgauge.capture.token_calls import INDEXING, MOVING, SHAPING
from symgauge.capture.tokens import PASSING

#: Beginnings of the names of ops that pick rows of their first argument.
PICKING = ("embedding", "_embedding_bag", "index.Tensor", "index_select", "gather")
#: Ops that add a constant: a table may be indexed from there on.
SHIFTING = ("add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar")


def classes_of(node: Any) -> int:
    """How many ids an integer input ranges over: the rows of the tables it picks from; else 0.

    A table that is indexed with an id plus a constant counts where no other is.
    """
    direct: set[int] = set()
    shifted: set[int] = set()
    stack, seen = [(node, direct)], set()
    while stack:
        current, found = stack.pop()
        for user in current.users:
            if user in seen or user.op == "output" or not hasattr(user.target, "_schema"):
                continue
            seen.add(user)
            overload = overload_of(user.target)
            chosen = overload == "where.self" and current in user.args[1:] or (
                overload.startswith("masked_fill") and current is user.args[0])
            if _picks_rows(user, current):
                found.add(int(user.args[0].meta["val"].shape[0]))
            elif overload in SHAPING + PASSING + MOVING or chosen:
                stack.append((user, found))
            elif overload in SHIFTING:
                stack.append((user, shifted))
    classes = min(direct) if direct else max(shifted, default=0)
    return classes if classes > 1 else 0


def picks_rows(node: Any) -> bool:
    """Whether rows of a parameter are picked by an integer input, or by integers made of it."""
    stack, seen = [node], {node}
    while stack:
        current = stack.pop()
        for user in current.users:
            if user.op != "call_function" or user in seen:
                continue
            seen.add(user)
            table = user.args[0] if user.args else None
            if overload_of(user.target).startswith(PICKING) and table is not current and (
                    getattr(table, "op", "") == "placeholder"):
                return True
            value = user.meta.get("val")
            if isinstance(value, (tuple, list)) or (
                    isinstance(value, torch.Tensor) and not value.is_floating_point()):
                stack.append(user)
    return False


def _picks_rows(user: Any, index: Any) -> bool:
    """Whether an op picks rows of a table, along its first axis, by these ids alone."""
    overload = overload_of(user.target)
    if overload == "index_select.default":
        table, axis, given = user.args
        return axis in (0, -table.meta["val"].dim()) and (
            given is index and table.op == "placeholder")
    if overload not in INDEXING:
        return False
    given = user.args[1]
    if isinstance(given, (list, tuple)):
        return len(given) == 1 and given[0] is index and user.args[0].op == "placeholder"
    return given is index and user.args[0].op == "placeholder"
