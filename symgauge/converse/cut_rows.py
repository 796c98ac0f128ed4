"""Where the last row of a stream alone is read: below an attention every row is known again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from symgauge.facts.asked import Asked
from symgauge.facts.attention import pattern
from symgauge.facts.stream import ROWS
from symgauge.converse.part import Part
from symgauge.sums.sizes import Size
from symgauge.sums.affine import Affine, Weight
from symgauge.sums.bases import Gated, Mixing, Norm, Source, Units
from symgauge.sums.cut import Cut
from symgauge.sums.routed import Routed
from symgauge.sums.stop import Stop


def seen_by_last(
    sweep: Asked, cut: Cut, parts: Sequence[Part], z: Affine, width: Size, ones: str
) -> list[Part]:
    """The parts of a block with an attention as the last row sees them: its averages alone.

    dz_s = z_s A (centred: + phi_s 1) for every row s, as values see all of N(z_s). Raises Stop
    where that is not shown.
    """
    (base, *others) = [p.base for p in parts if isinstance(p.base, Mixing)]
    ledger = sweep.ledger
    ledger.step(ROWS, base.node)

    def needs(holds: bool, reason: str) -> None:
        if not holds:
            raise Stop(base.node, ROWS.name, reason)

    needs(not others and not base.entrywise, "several averages, or scores without a normaliser")
    needs(cut.rows(sweep.structure) == _rows(sweep, z), "what is cut are no rows of the input")
    last = base.rows - 1
    needs(base.rows == base.columns and len(
        {s for t, s in pattern(sweep, base) if t == last}) == base.columns,
        "the last row does not see all rows")
    needs(all(t == last for m in (base, *_averages(sweep, z)) for t, s in pattern(sweep, m)
              if s == last), "another row sees the last one")
    value = base.value
    below = sweep.base(value.terms[0]) if len(value.terms) == 1 else None
    if not isinstance(below, Norm) or below.eps == 0:
        raise Stop(base.node, ROWS.name, "values read no norm with epsilon")
    needs(ones == ("free" if below.centred else ""), "a norm that sees more than the readers above")
    weights = [f for f in value.terms[0].factors if isinstance(f, Weight)]
    needs(len(weights) == 1, "values behind several matrices")
    heads = ledger.sizes.of(base.node, base.feats)
    ledger.asks(width, ledger.sizes.of(weights[0].node, weights[0].outs), "values see all entries")
    ledger.asks(heads, width - 1 if below.centred else width, "the values of a head are seen")
    mask = np.zeros((base.rows, base.columns))
    mask[last] = 1
    return [replace(p, base=replace(base, seen=mask)) if p.base is base else p for p in parts]


def _rows(sweep: Asked, z: Affine) -> list[int]:
    """The legs of the rows of the input that a stream begins with."""
    structure = sweep.structure
    return [structure.legs.find(structure.leg_at(t.base, a))[0] for t in z.terms if isinstance(
        sweep.base(t), Source) for a in structure.top(t.base) if a not in t.feats]


def _averages(sweep: Asked, z: Affine) -> list[Mixing]:
    """The averages of tokens that a line is made of."""
    stack, met, found = [z], set[tuple[object, ...]](), list[Mixing]()
    while stack:
        for t in stack.pop().terms:
            base = sweep.base(t)
            if (t.base, t.feats) in met:
                continue
            met.add((t.base, t.feats))
            if isinstance(base, (Norm, Units)):
                stack.append(base.argument)
            elif isinstance(base, Gated):
                stack += [base.gate, base.up]
            elif isinstance(base, Routed):
                stack += [*base.arguments, base.router]
            elif isinstance(base, Mixing):
                found.append(base)
                stack += [base.query.affine, base.key.affine, base.value]
    return found
