"""A family found at small sizes, stated at the full ones: the same legs at the same places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TypeVar

from symgauge.families.coordinates import held_coordinates
from symgauge.families.family import Family, Move, Place, Through
from symgauge.families.parts import has_parts, of_parts, of_whole
from symgauge.families.statement import Acting, element_of, slices_of
from symgauge.program.legs import Location
from symgauge.program.network import Network
from symgauge.program.parted import parted
from symgauge.spaces.follow import follow

#: The locations on each axis of each parameter.
Places = dict[tuple[str, int], list[Location]]


def _places(network: Network) -> Places:
    legs, _, axes = follow(network)
    found: Places = {}
    for position, p in zip(network.parameter_nodes, network.parameters, strict=True):
        for a, axis in enumerate(axes[position]):
            found[p.name, a] = legs.locate(p.name, a, axis)
    return found


def at_full(family: Family, small: Network, full: Network) -> Acting | None:
    """The same family on the full-size program: the same legs at the same places.

    None where a tensor or the structure of an axis differs, or where sizes disagree.
    """
    found = _of_parts_at_full(family, small, full) if has_parts(family) else (
        _at_full(family, small, full))
    return None if found is None else Acting(
        element=element_of(found), action=found.moves, via=slices_of(found))


def _of_parts_at_full(family: Family, small: Network, full: Network) -> Family | None:
    """The same in the programs of the parts: the parts of each tensor, in their order."""
    one, two = parted(small), parted(full)
    here = of_parts(family, one.parts)
    pairs = [(one.parts[p], own) for p, own in two.parts.items() if p in one.parts]
    if here is None or len(pairs) < max(len(one.parts), len(two.parts)) or any(
            len(a) != len(b) for a, b in pairs):
        return None
    names = {x: y for a, b in pairs for x, y in zip(a, b, strict=True)}
    found = _at_full(_renamed(here, names), one.network.renamed(names), two.network)
    return None if found is None else of_whole(found, two.parts)


def _renamed(family: Family, names: Mapping[str, str]) -> Family:
    def moved(moves: Sequence[Move]) -> tuple[Move, ...]:
        return tuple(m.renamed(names) for m in moves)

    return replace(family, moves=moved(family.moves), via=tuple(
        replace(t, moves=moved(t.moves)) for t in family.via))


def _on_slices(network: Network, family: Family) -> Network:
    return network.fixed(held_coordinates(network, family.via))


def _at_full(family: Family, small: Network, full: Network) -> Family | None:
    names = {p.name: p.shape for p in full.parameters}
    # other layers would have to move too, and the weight of a shift may count elements
    if set(names) != {p.name for p in small.parameters} or any(
        m.form in ("+c", "+Tc", "+c/T") and abs(m.weight) != 1 for m in family.moves
    ) or (family.kind.commutes_with_turns and not family.kind.is_of_a_plane):
        return None  # which pairs turn alike is said of the small table
    pairs = [(_places(small), _places(full))]
    if family.via:
        # on the slices axes may have fewer factors
        pairs.append((_places(_on_slices(small, family)), _places(_on_slices(full, family))))
    own = _restated(family, pairs, names)
    via = [_restated(t, pairs, names) for t in family.via]
    found = tuple(t for t in via if t is not None)
    if own is None or len(found) < len(via):
        return None
    return replace(own, via=found)


T = TypeVar("T", Family, Through)


def _restated(
    part: T, pairs: Sequence[tuple[Places, Places]], names: Mapping[str, tuple[int, ...]],
) -> T | None:
    """A family, or the family of a slice, with the element and the moves of the full sizes."""
    moves: list[Move] = []
    copies: tuple[int, ...] | None = None
    size = part.size
    move: Move
    for move in part.moves:
        if not names.keys() >= {move.parameter, *move.reads}:
            return None
        if move.at is None:
            moves.append(move)
            continue
        where = move.source if move.source and move.form == "+Tc" else move.parameter, move.at.axis
        tried = (_matching(move.at, a.get(where, ()), b.get(where, ())) for a, b in pairs)
        place = next((found for found in tried if found is not None), None)
        if place is None:
            return None
        per = tuple(
            k if isinstance(k, int) else (k[0], names[where[0]][k[0]]) for k in place.per)
        place = replace(place, per=per)
        shape = place.copies
        assert isinstance(place.along, int)  # several factors stand in planted failures alone
        length = place.sizes[place.along]
        if copies is not None and (copies, size) != (shape, length):
            return None
        copies, size = shape, length
        moves.append(replace(move, at=place))
    return replace(part, copies=copies or (), size=size, moves=tuple(moves))


def _matching(
    place: Place, here: Sequence[Location], there: Sequence[Location]
) -> Place | None:
    if len(here) != len(there):
        return None
    for a, b in zip(here, there, strict=True):
        if (a.start, a.along, a.sizes) == (place.start, place.along, place.sizes):
            return Place(b.axis, b.start, b.sizes, b.along, place.per)
    # a block scaled as a whole: sizes (1, length)
    for a, b in zip(here, there, strict=True):
        if a.along == 0 and (a.start, prod(a.sizes)) == (place.start, prod(place.sizes)):
            return Place(b.axis, b.start, (1, prod(b.sizes)), 0, ())
    return None
