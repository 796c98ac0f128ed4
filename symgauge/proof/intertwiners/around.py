"""The lines of a proof as a program of their own, in which it may be made again.

A proof is local: it speaks of the lines from the tensors that move to where nothing varies any
more, whatever the other lines give them (`program.excerpt`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from symgauge.laws.facts import facts_of
from symgauge.program.excerpt import excerpt
from symgauge.program.legs import Legs
from symgauge.spaces.structure import Structure


def around(
    whole: Structure, told: Structure, lines: Collection[int], held: Mapping[str, Fraction]
) -> Structure:
    """These lines, and those before them as far as something is known of them, parameters held.

    `told`: the same program with more parameters held. Its index spaces are taken: what splits
    them may be among other lines.
    """
    found, stack = set[int](), list(lines)
    while stack:
        i = stack.pop()
        if i not in found and (i in lines or not all(_is_cut(s, i) for s in (whole, told))):
            found.add(i)
            stack += whole.network.nodes[i].inputs
    part = excerpt(whole.network, found)
    network, legs, known = part.network.fixed(held), Legs(), dict[int, int]()
    given = {
        k: [legs.copied(axis, told.legs, known) for axis in told.axes[i]]
        for k, i in enumerate(part.numbers)
        if network.nodes[k].op is None and not network.is_constant[k]}
    return Structure(network, legs, given)


def _is_cut(structure: Structure, i: int) -> bool:
    """Whether nothing is known of a line for every data."""
    return i in structure.lines and not facts_of(structure).tells(i)
