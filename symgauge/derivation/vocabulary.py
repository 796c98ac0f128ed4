"""Directions that a small vocabulary leaves: a model of tokens derived at a larger one.

Token ids are points, not free inputs. Where a vocabulary is small, the few rows of its table leave
null directions that are gone at more of them. Ranks say so before anything is searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from symgauge.derivers.exact import ExactDeriver
from symgauge.errors import SymgaugeError

if TYPE_CHECKING:
    from symgauge.capture.target import Target

#: Vocabularies that are tried, one after the other, while less is left.
SIZES = (24, 48, 96)


@dataclass(frozen=True)
class Sized:
    """A target, what its capture says of it, and the deriver of its network."""

    target: Target
    said: Mapping[str, Any]
    deriver: ExactDeriver
    notes: tuple[str, ...] = ()


def at_a_vocabulary(here: Sized, made: Callable[[Target], Sized]) -> Sized:
    """The target at the vocabulary at which the families proved for all sizes leave least.

    `made` captures it at other sizes. A vocabulary that was asked for is kept; the note says what
    is left at a larger one. rank J at a point bounds the generic rank from below, so that what is
    left is at most this much.
    """
    name = here.target.vocabulary
    before = None if name is None else here.target.sizes[name]
    if name is None or not isinstance(before, int) or not any(
            x.classes for x in here.deriver.network.inputs):
        return here
    best = here
    for size in SIZES:
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
    after = best.target.sizes[name]
    note = (
        f"small vocabulary: up to {left - rest} null directions vanish at {after} tokens; beyond "
        f"the families proved for all sizes rank J leaves at most {left} at {before} tokens, "
        f"{rest} at {after}")
    if name in here.target.given:
        return replace(here, notes=(f"{note} (--set {name}={after})",))
    return replace(best, notes=(note,))
