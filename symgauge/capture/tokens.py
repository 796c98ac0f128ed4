"""Integer inputs that do nothing but pick rows of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symgauge.capture.exported import DROP, overload_of
from symgauge.network.builder import Value


#: Ops through which tokens stay tokens, and those by which they pick rows of a table.
SHAPING = ("view.default", "_unsafe_view.default", "reshape.default", "unsqueeze.default")
PASSING = ("clone.default", "alias.default", "_to_copy.default", "detach.default")


INDEXING = ("embedding.default", "index.Tensor")


@dataclass(frozen=True)
class Tokens:
    """An integer input that does nothing but pick rows, as one-hot vectors."""

    one_hot: Value


def classes_of(node: Any, program: Any) -> int:
    """Rows of the tables that an integer input picks from; 0 where it does anything else."""
    found: set[int] = set()
    stack, seen = [node], set()
    while stack:
        current = stack.pop()
        for user in current.users:
            if user in seen or user.op == "output":
                if user.op == "output":
                    return 0
                continue
            seen.add(user)
            overload = overload_of(user.target) if hasattr(user.target, "_schema") else ""
            if overload in SHAPING + PASSING:
                stack.append(user)
            elif overload in INDEXING and _picks_rows(user, current):
                found.add(int(user.args[0].meta["val"].shape[0]))
            elif not overload.startswith(DROP):
                return 0
    return found.pop() if len(found) == 1 and min(found) > 1 else 0


def _picks_rows(user: Any, index: Any) -> bool:
    given = user.args[1]
    if isinstance(given, (list, tuple)):
        return len(given) == 1 and given[0] is index and user.args[0].op == "placeholder"
    return given is index and user.args[0].op == "placeholder"
