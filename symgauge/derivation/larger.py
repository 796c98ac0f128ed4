"""Directions that small sizes leave: a target derived at larger ones, where nobody chose its sizes.

Token ids are points, not free inputs: where a vocabulary is small, the few rows of its table leave
null directions that are gone at more of them. In one layer a class token's query is one constant
vector. Ranks say so before anything is searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from symgauge.derivers.exact import ExactDeriver
from symgauge.errors import SymgaugeError

if TYPE_CHECKING:
    from symgauge.capture.target import Target

#: Larger sizes that are tried, one after the other, while less is left.
SIZES = {"vocabulary": (24, 48, 96), "layers": (2,)}
#: What is said of a small one, and how they are counted.
WORDS = {"vocabulary": ("small vocabulary", "tokens"), "layers": ("one layer", "layers")}


@dataclass(frozen=True)
class Sized:
    """A target, what its capture says of it, and the deriver of its network."""

    target: Target
    said: Mapping[str, Any]
    deriver: ExactDeriver
    #: The module that was captured.
    module: Any
    notes: tuple[str, ...] = ()


def without_accidents(here: Sized, made: Callable[[Target], Sized]) -> Sized:
    """The target at sizes at which the families proved for all sizes leave least.

    `made` captures it at other sizes. A size that was asked for is kept; the note says what is
    left at a larger one. rank J at a point bounds the generic rank from below, so that what is
    left is at most this much.
    """
    for kind, name in here.target.growing:
        here = _grown(here, kind, name, made)
    return here


def said_of_larger(here: Sized, made: Callable[[Target], Sized]) -> tuple[str, ...]:
    """What is said of directions that no generator explains, where larger sizes do without them.

    Of a factory of one's own, whose sizes are kept.
    """
    return tuple(
        note for kind, name in here.target.growing for note in _grown(here, kind, name, made).notes)


def _grown(here: Sized, kind: str, name: str, made: Callable[[Target], Sized]) -> Sized:
    best, before = here, here.target.sizes[name]
    if not isinstance(before, int):
        return here
    for size in SIZES[kind]:
        if not best.deriver.left:
            break
        if size <= before:
            continue
        try:
            larger = made(here.target.at({name: size}))
            if larger.deriver.left >= best.deriver.left:
                break
        except SymgaugeError:  # too large, or not at this size
            break
        best = larger
    if best is here:
        return here
    left, rest = here.deriver.left, best.deriver.left
    after, (small, counted) = best.target.sizes[name], WORDS[kind]
    note = (
        f"{small}: up to {left - rest} null directions vanish at {after} {counted}; beyond the "
        f"families proved for all sizes rank J leaves at most {left} at {before}, {rest} at {after}"
    )
    if here.target.chose or name in here.target.given:
        return replace(here, notes=(*here.notes, f"{note} (--set {name}={after})"))
    return replace(best, notes=(*here.notes, note))
