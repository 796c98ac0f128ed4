"""Branches that are none: quantities that are identically 0, entries that are always the same.

Both sides of such a branch are the same (max(h, h) = h), and neither floats nor balls decide it.
It is decided by normal forms of polynomials over QQ, with free symbols for the values of functions
and earlier branches: what this forgets only leaves a branch undecided.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgauge.domains.polynomials import PolynomialDomain
from symgauge.exact.polynomial import Polynomial, Ring, SizeLimit
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.network import Network
from symgauge.program.op import Primitive

#: Monomial products for one line, and terms of an entry, above which a line is symbols of its own.
PRODUCTS, TERMS = 50_000, 200


def ties(program: Network) -> list[Array | None]:
    """For each branching line of a program of primitives, in order, what is tied; None: nothing.

    For a step a mask of the entries that are 0 whatever parameters and inputs are; for a ranking
    the first entry of the row that is the same as each entry.
    """
    domain = PolynomialDomain(Ring())
    lines: list[Array] = []
    found: list[Array | None] = []
    last = max((i for i, n in enumerate(program.nodes) if _branches(n.op)), default=-1)
    for i, node in enumerate(program.nodes[:last + 1]):
        if isinstance(node.leaf, Constant):
            lines.append(domain.constant(node.leaf))
            continue
        inputs = [lines[j] for j in node.inputs]
        value = None
        if isinstance(node.op, Primitive):
            if node.op.branches:
                tied = _TIED.get(node.op.name)
                found.append(None if tied is None else tied(inputs[0]))
            domain.ring.budget = PRODUCTS
            try:
                value = np.broadcast_to(
                    node.op.apply(domain, *inputs, **node.attrs), (1, *node.shape))
            except (SizeLimit, ZeroDivisionError):
                value = None
        if value is None or any(len(p) > TERMS for p in value.reshape(-1)):
            value = domain.fresh(f"line {i}", node.shape)
        lines.append(value)
    return found


def _branches(op: object) -> bool:
    return isinstance(op, Primitive) and op.branches


def _zeros(a: Array) -> Array | None:
    """The entries that are 0."""
    mask = np.array([not p for p in a.reshape(-1)], dtype=bool).reshape(a.shape[1:])
    return mask if mask.any() else None


def _same_entries(a: Array) -> Array | None:
    """The first entry of its row that is the same as each."""
    flat: Sequence[Polynomial] = a.reshape(-1).tolist()
    n = a.shape[-1]
    first = np.array([
        row.index(p) for k in range(0, len(flat), n) for row in [flat[k:k + n]] for p in row
    ], dtype=np.int64).reshape(a.shape[1:])
    return first if (first != np.arange(n)).any() else None


#: What is tied in the argument of a branching op; of any other nothing is said.
_TIED = {"step": _zeros, "ranking": _same_entries}


def untied(a: Array, tied: Array | None, zero: object) -> Array:
    """The values of a branching line's argument, batch first, with what is tied made the same."""
    if tied is None:
        return a
    a = np.broadcast_to(a, (len(a), *tied.shape))
    if tied.dtype == bool:
        out = a.copy()
        out[:, tied] = zero
        return out
    return np.take_along_axis(a, np.broadcast_to(tied, a.shape), axis=-1)
