"""What the weights of an average are of its scores."""

from __future__ import annotations

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


def kind_of(soft: Line | None) -> str | None:
    """"linear": the scores; "entrywise": a smooth function of each; "softmax"; None: another.

    Scores of a homogeneous function scale, exponents shift, against the values.
    """
    if soft is None or soft.op is None:
        return None
    if soft.law in ("contraction", "multiple"):
        return "linear"
    if soft.law != "normaliser":
        return "entrywise" if soft.op.converse == "smooth" else None
    last = soft.attrs["axis"] == len(soft.shape) - 1
    return "softmax" if soft.op.converse and soft.op.exponentiates and last else None


def seen_by(structure: Structure, mask: int | None) -> tuple[Array | None] | None:
    """1 where a row sees a token, or None for all, in a tuple; None where the mask varies."""
    if mask is None:
        return (None,)
    leaf = structure.network.nodes[mask].leaf
    return (leaf.floats(),) if isinstance(leaf, Constant) and not leaf.unknown else None
