"""A given permutation of the indices of a leg: the outputs do not change."""

from __future__ import annotations

from collections.abc import Mapping

from symgauge.laws.facts import facts_of
from symgauge.laws.sweep import Step, turned
from symgauge.laws.turning import Marks, Permutations, Turned, Turning
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def prove_order(structure: Structure, start: Mapping[int, Marks]) -> list[Step[Turned]]:
    """The proof for any permutation, of these leaves. Raises NoLemma where a line has no lemma."""
    turning = Turning(structure, facts_of(structure), Permutations())
    steps, ends = turned(turning, {i: Turned(m) for i, m in start.items() if m})
    if ends:
        raise NoLemma("an output is reordered")
    return steps
