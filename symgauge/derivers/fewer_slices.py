"""The slices that a family needs, of those on which it was found: none, its tensors' own, or all.

It is proved again on the lines of its proof alone (`proof.intertwiners.around`), and on all lines
where those do not tell enough.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from symgauge.derivers.element import Found, Structural
from symgauge.families.family import Through, held_values
from symgauge.proof.intertwiners.around import around
from symgauge.proof.intertwiners.proof import steps_of
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


class FewerSlices:
    """Families of one program, each with the slices that it acts through."""

    def __init__(self, found: Found, plain: Iterable[Structural]) -> None:
        """`plain`: the families that are proved without slices."""
        self._found = found
        self._plain = {_form(s) for s in plain}
        self._via = tuple(t for _, t in found.slices)
        #: The whole program by the parameters that are held.
        self._whole: dict[tuple[str, ...], Structure] = {}

    def of(self, proved: Structural) -> Structural:
        """The family with the slices that it acts through."""
        family = proved.family
        if _form(proved) in self._plain:
            return proved
        tensors = {m.parameter for m in family.moves}
        tensors |= {n for m in family.moves for n in m.reads}
        near = tuple(
            t for t in self._via
            if any(not tensors.isdisjoint((m.parameter, *m.reads)) for m in t.moves))
        fewer = len(near) < len(self._via) and self._holds(proved, near)
        return replace(proved, family=replace(family, via=near if fewer else self._via))

    def _holds(self, proved: Structural, near: tuple[Through, ...]) -> bool:
        """Whether the family is proved where these alone are held."""
        names = tuple(t.parameter for t in near)
        for there in self._programs(proved, near, names):
            with contextlib.suppress(NoLemma):
                steps_of(there, proved.family)
                return True
        return False

    def _programs(
        self, proved: Structural, near: tuple[Through, ...], names: tuple[str, ...]
    ) -> Iterator[Structure]:
        """The lines of the proof, then all."""
        held, whole = held_values(near), self._found.structure
        if names not in self._whole:
            moved = {m.parameter for m in proved.family.moves}
            lines = {step.line.node for step in proved.steps}
            lines |= {i for i, name in whole.names.items() if name in moved}
            yield around(whole, self._found.sliced, lines, held)
            self._whole[names] = Structure(
                whole.network.fixed(held), numbers=whole.numbers, like=whole)
        yield self._whole[names]


def _form(s: Structural) -> object:
    return s.family.kind, s.family.copies, s.family.size, s.family.moves
