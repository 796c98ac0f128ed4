"""The dimension of the structural families as a polynomial in the legs of the sweep's program."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from sympy import Add, Integer, Rational, expand

from symgauge.sums.sizes import Size, Sizes
from symgauge.derivers.element import Found
from symgauge.program.moves import Address
from symgauge.program.parted import part_name
from symgauge.spaces.structure import Structure
from symgauge.statements.dimension import independent

#: Where a leg meets a parameter.
Place = tuple[str, Address]


def dimension_in(found: Found, sizes: Sizes) -> Size | None:
    """The dimension of the families in the symbols of `sizes`; None where a leg has no symbol.

    The legs of two readings of one program are matched by the places where they meet parameters.
    """
    there = {place: leg for place, leg in _places(sizes.structure)}
    maps = {id(s): _matched(s, there) for s in (found.structure, found.sliced)}
    try:
        return expand(_total(found, sizes, maps))
    except KeyError:
        return None


def _total(found: Found, sizes: Sizes, maps: dict[int, dict[int, int]]) -> Size:
    def size(leg: int, structure: Structure) -> Size:
        if leg < 0:  # pairs of a leg that turns as pairs
            return size(-1 - leg, structure) / 2
        return sizes.leg(maps[id(structure)][structure.legs.find(leg)[0]])

    terms: list[Size] = []  # added at once: each sum by itself would be sorted anew
    for s, _ in found.slices:
        term: Size = Integer(1)
        for leg in s.element.legs:
            term = term * size(leg, found.structure)
        terms.append(term)
    for s in found.families:
        if not s.traceless:
            continue
        each: Size = -Integer(s.family.kind.contains_scalars) + sum(
            (Rational(c) * (size(s.leg, found.sliced)**k if k else 1)
             for k, c in enumerate(s.family.kind.polynomial) if c), Integer(0))
        for leg in s.copies:
            each = each * size(leg, found.sliced)
        terms.append(each)
    _, ranks = independent(found.sliced, found.families)
    for (_, u), count in ranks.items():
        term = Integer(count)
        for leg in u:
            term = term * (size(leg, found.sliced) - 1)
        terms.append(term)
    return Add(*terms)


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
