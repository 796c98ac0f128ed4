"""What is added to a residual stream: units, attention, or a norm of one of these."""

from __future__ import annotations

from dataclasses import dataclass, replace

from symgauge.converse.bound import Bound, Matrices
from symgauge.converse.context import Context
from symgauge.facts.stream import HEAD_NORM, NORM_OF_BLOCK, SKIP
from symgauge.sums.sizes import Size
from symgauge.sums.affine import Affine, Factors, Gain, Term, Weight
from symgauge.sums.bases import Base, Gated, Mixing, Norm, Units
from symgauge.sums.routed import Routed
from symgauge.sums.stop import Stop


@dataclass(frozen=True)
class Part:
    """A base that is added to the stream, its maps to it, and how it reads the stream.

    `norm`: where it is added behind a norm, that one and the maps behind it; `term` is below.
    """

    term: Term
    base: Base
    readings: tuple[tuple[Affine, bool], ...]
    norm: tuple[Norm, Factors] | None = None


def part_of(sweep: Context, term: Term) -> Part:
    """What a term on top of a stream is. Raises Stop where it is neither units nor attention."""
    base = sweep.base(term)
    if isinstance(base, Norm) and len(base.argument.terms) == 1:
        (inner,) = base.argument.terms
        below = sweep.base(inner)
        if isinstance(below, (Units, Gated, Mixing)):
            return Part(inner, below, tuple(_arguments(below)), (base, term.factors))
    return Part(term, base, tuple(_arguments(base)))


def _arguments(base: Base) -> list[tuple[Affine, bool]]:
    """What a base reads, and whether a constant added to it is unseen."""
    if isinstance(base, Units):
        return [(base.argument, False)]
    if isinstance(base, Gated):
        return [(base.gate, False), (base.up, False)]
    if isinstance(base, Routed):
        return [*((a, False) for a in base.arguments), (base.router, False)]
    if isinstance(base, Mixing) and not base.linear:
        loose = not base.entrywise and base.query.turned is None and base.key.normed is None
        return [(base.query.affine, False), (base.key.affine, loose), (base.value, False)]
    raise Stop(base.node, SKIP.name, "what is added to the stream is no unit and no attention")


def behind_norm(sweep: Context, part: Part, alone: bool, width: Size, bound: Bound) -> Bound:
    """y = z + N(u) G: u and G do not vary, and how y may vary, narrowed.

    Raises Stop where that is not shown: a norm that centres or without epsilon, other maps behind
    it than one gain, constants beside u, u that does not span.
    """
    if part.norm is None:
        return bound
    ledger, (norm, maps) = sweep.ledger, part.norm
    ledger.step(NORM_OF_BLOCK, norm.node)

    def needs(holds: bool, reason: str) -> None:
        if not holds:
            raise Stop(norm.node, NORM_OF_BLOCK.name, reason)

    needs(alone, "other terms beside a norm")
    needs(not norm.centred and norm.eps != 0 and not bound.ones,
          "a norm that centres, or without epsilon")
    needs(len(maps) == 1 and isinstance(maps[0], Gain), "other maps than a gain behind a norm")
    needs(bound.matrix is not Matrices.ALL, "a stream that is read out by a matrix alone")
    argument = norm.argument
    needs(not (argument.biases or argument.constant or argument.repeated)
          and not any(a.biases for a, _ in part.readings), "constants below a norm")
    needs(not part.base.entrywise if isinstance(part.base, Mixing) else isinstance(
        part.base, (Units, Gated)) and part.base.converse == "smooth",
          "units with walls or without a function, or weights without a sum of 1")
    weights = [f for f in part.term.factors if isinstance(f, Weight)]
    needs(len(weights) == 1 and part.term.factors == (weights[0],),
          "other maps than a matrix below a norm")
    ledger.asks(2, width, "a norm of two entries")
    ledger.asks(width, ledger.sizes.of(weights[0].node, weights[0].ins), "what is normed spans")
    ledger.settle(f.piece for f in maps)
    ledger.words("the squares of a gain behind a norm are distinct")
    if bound.projective:
        needs(not isinstance(part.base, Mixing) and not bound.scale,
              "an average, or no epsilon, below two norms")
        if sweep.head_biased:
            raise Stop(norm.node, HEAD_NORM.name, "a bias of the head above a norm of a block")
    return replace(bound, matrix=Matrices.ZERO, projective=False)
