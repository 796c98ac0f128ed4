"""A stream of which one row begins with parameters, the others with free inputs (a class token)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sympy import Integer

from symgauge.converse.bound import Bound
from symgauge.converse.context import Context
from symgauge.converse.part import Part
from symgauge.facts.attention import pattern
from symgauge.facts.stream import PARAMETERS
from symgauge.sums.affine import Affine
from symgauge.sums.bases import Gated, Mixing, Norm, Units
from symgauge.sums.rows import Rows
from symgauge.sums.sizes import Size
from symgauge.sums.stop import Stop


def beside_parameters(
    sweep: Context, parts: list[Part], z: Affine, seen: Size, bound: Bound
) -> list[Part]:
    """The parts of a block as the free rows see one another, which settles them.

    Raises Stop where the row of parameters may vary by itself, or see no free row.
    """
    rows = next((b for b in map(sweep.base, z.terms) if isinstance(b, Rows)), None)
    if rows is None:
        return parts
    sweep.ledger.step(PARAMETERS, parts[0].base.node)
    _needs(sweep.cut is None, rows, "some rows alone are read")
    _needs(not bound.scale, rows, "a norm without epsilon")
    return [_part(sweep, part, rows, seen) for part in parts]


def _needs(holds: bool, rows: Rows, reason: str) -> None:
    if not holds:
        raise Stop(rows.node, PARAMETERS.name, reason)


def _part(sweep: Context, part: Part, rows: Rows, seen: Size) -> Part:
    base, ledger = part.base, sweep.ledger
    for affine, _ in part.readings:
        norm = sweep.base(affine.terms[0]) if len(affine.terms) == 1 else None
        _needs(isinstance(norm, Norm) and norm.eps != 0, rows, "readers of no norm with epsilon")
    _needs(part.norm is None, rows, "a norm of what is added")
    if not isinstance(base, Mixing):
        _needs(isinstance(base, (Units, Gated)) and base.converse == "smooth", rows,
               "what is added is no attention and no smooth unit")
        return part
    sides = (base.query, base.key)
    _needs(not base.entrywise and all(s.turned is None and s.normed is None for s in sides), rows,
           "scores that are turned or normed, or without a normaliser")
    count = sweep.structure.network.nodes[rows.node].shape[-2]
    _needs(base.rows == base.columns == count, rows, "an average of other rows")
    pairs = pattern(sweep, base)
    _needs(any(t == rows.at != s for t, s in pairs), rows, "it sees no row beside")
    ledger.asks(seen, ledger.sizes.of(base.node, base.groups) * ledger.sizes.of(
        base.node, base.feats), "what it sees spans")
    sweep.mixed = True
    ledger.words("two of the free rows are seen by one of them")
    mask = np.zeros((count, count))
    for t, s in pairs:
        mask[t, s] = rows.at not in (t, s)
    return replace(part, base=replace(base, seen=mask))


def row_of_parameters(
    sweep: Context, rows: Rows, y: Affine, width: Size, bound: Bound
) -> Affine:
    """Settle the row, whose parameters undo each other; the line that the free rows begin with."""
    (t,) = y.terms
    ledger, (inner,) = sweep.ledger, rows.free.terms
    source = sweep.base(inner)
    _needs(not (t.factors or y.biases or y.repeated or rows.own.repeated), rows,
           "maps or biases behind it")
    _needs(sweep.mixed, rows, "no attention lets it see the others")
    _needs(bool(inner.factors) and not getattr(getattr(source, "leaf", None), "classes", 1), rows,
           "the rows beside it are no matrix of a free input")
    ledger.step(PARAMETERS, y.node)
    own = rows.own.biases
    ledger.settle(b.piece for b in own)
    seen = width - 1 if bound.ones == "free" else width
    ledger.free("constants of a row against each other", seen * (len(own) - 1))
    if bound.ones == "free":
        ledger.free("writers of 1", Integer(len(own)))
    return replace(rows.free, constant=False)
