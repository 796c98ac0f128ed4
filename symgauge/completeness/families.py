"""The dimension of the structural families as a polynomial in the legs of the sweep's program."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from sympy import expand

from symgauge.sums.sizes import Size, Sizes
from symgauge.derivers.element import Found
from symgauge.program.moves import Address
from symgauge.program.parted import part_name
from symgauge.spaces.structure import Structure
from symgauge.statements.dimension import counted

#: Where a leg meets a parameter.
Place = tuple[str, Address]


def dimension_in(found: Found, sizes: Sizes) -> Size | None:
    """The dimension of the families in the symbols of `sizes`; None where a leg has no symbol.

    The legs of two readings of one program are matched by the places where they meet parameters.
    """
    there = {place: leg for place, leg in _places(sizes.structure)}
    maps = {id(s): _matched(s, there) for s in (found.structure, found.sliced)}

    def size(leg: int, structure: Structure) -> Size:
        if leg < 0:  # pairs of a leg that turns as pairs
            return size(-1 - leg, structure) / 2
        return sizes.leg(maps[id(structure)][structure.legs.find(leg)[0]])

    try:
        return expand(counted(found, size))
    except KeyError:
        return None


def _places(structure: Structure) -> Iterator[tuple[Place, int]]:
    """Where legs meet parameters that lines read."""
    for i, name in structure.names.items():
        if i in structure.lines:
            for address, (leg, _) in structure.addresses(i):
                yield (name, address), structure.legs.find(leg)[0]
            yield from _of_parts(structure, i, name)


def _of_parts(structure: Structure, i: int, name: str) -> Iterator[tuple[Place, int]]:
    """Where legs of ranges of an axis meet these, as parameters of their own."""
    top = structure.top(i)
    for axis, k in top:
        if sum(a[0] == axis for a in top) > 1:
            continue
        start = 0
        for part in structure.parts(structure.leg_at(i, (axis, k))):
            legs = [structure.legs.find(leg)[0] for leg, _ in structure.part_leaves(part)]
            stop = start + prod(map(structure.size, legs))
            for n, leg in enumerate(legs):
                yield (part_name(name, axis, start, stop), (axis, n)), leg
            start = stop


def _matched(structure: Structure, there: dict[Place, int]) -> dict[int, int]:
    """The legs of a structure and those of another, by their places."""
    return {leg: there[place] for place, leg in _places(structure) if place in there}
