"""The slices that a family needs, of those on which it was found: none, its tensors' own, or all.

A proof is local: it speaks of the lines from the tensors that move to where nothing varies any
more. Those lines alone, whatever the others give them, are the program in which a family is proved
again (`program.excerpt`); where they do not tell enough, all lines are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from symgauge.derivers.element import Found, Structural
from symgauge.families.family import Through, held_values
from symgauge.laws.facts import facts_of
from symgauge.program.excerpt import excerpt
from symgauge.program.legs import Legs
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
        tensors |= {m.source for m in family.moves if m.source}
        near = tuple(
            t for t in self._via
            if any(m.parameter in tensors or m.source in tensors for m in t.moves))
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
        held = held_values(near)
        if names not in self._whole:
            yield self._around(proved, held)
            whole = self._found.structure
            self._whole[names] = Structure(
                whole.network.fixed(held), numbers=whole.numbers, like=whole)
        yield self._whole[names]

    def _around(self, proved: Structural, held: Mapping[str, Fraction]) -> Structure:
        """The lines of a proof, and those before them as far as something is known of them.

        On the same index spaces: what splits them may be among other lines.
        """
        whole, sliced = self._found.structure, self._found.sliced
        moved = {m.parameter for m in proved.family.moves}
        mine = {step.line.node for step in proved.steps}
        mine |= {i for i, name in whole.names.items() if name in moved}
        lines, stack = set[int](), list(mine)
        while stack:
            i = stack.pop()
            if i not in lines and (i in mine or not self._is_cut(i)):
                lines.add(i)
                stack += whole.network.nodes[i].inputs
        found = excerpt(whole.network, lines)
        network, legs, known = found.network.fixed(held), Legs(), dict[int, int]()
        given = {
            k: [legs.copied(axis, sliced.legs, known) for axis in sliced.axes[i]]
            for k, i in enumerate(found.numbers)
            if network.nodes[k].op is None and not network.is_constant[k]}
        return Structure(network, legs, given)

    def _is_cut(self, i: int) -> bool:
        """Whether nothing is known of a line for every data, held or not."""
        return all(
            i in s.lines and not facts_of(s).tells(i)
            for s in (self._found.structure, self._found.sliced))


def _form(s: Structural) -> object:
    return s.family.kind, s.family.copies, s.family.size, s.family.moves
