"""Leaves of a parameter as places of a family's moves, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from symgauge.families.family import Move, Place
from symgauge.laws.shifting import Term
from symgauge.program.moves import Address
from symgauge.proof.intertwiners.shifts import Compensated
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def place_of(
    structure: Structure, node: int, address: Address, copies: Sequence[Address] = ()
) -> Place:
    """The place of a leaf; `copies` are the leaves beside it that number the copies.

    Raises NoLemma where it is no range of the axis.
    """
    found = structure.range_of(node, address)
    if found is None:
        raise NoLemma("a leaf that is no range of its axis")
    start, sizes, along = found
    if any(c[:-1] != address[:-1] for c in copies):
        raise NoLemma("copies on another axis")
    return Place(address[0], start, sizes, along, tuple(c[-1] for c in copies))


def halves_of(place: Place) -> Place:
    """The place of the pairs (k, k + n/2) of a leaf: two halves, numbered by k."""
    assert isinstance(place.along, int)
    k = place.along
    sizes = (*place.sizes[:k], 2, place.sizes[k] // 2, *place.sizes[k + 1:])
    per = tuple(p if p < k else p + 1 for p in place.per)
    return Place(place.axis, place.start, sizes, k, (*per, k + 1))


def address_of(
    structure: Structure, node: int, place: Place
) -> tuple[Address, tuple[Address, ...], bool]:
    """The leaf at a place, the leaves that number its copies, and whether it is taken by halves.

    Raises NoLemma where there is none.
    """
    for address, _ in structure.addresses(node):
        found = structure.range_of(node, address)
        if address[0] != place.axis or found is None:
            continue
        start, sizes, along = found
        whole = Place(place.axis, start, sizes, along)
        copies = tuple((*address[:-1], k) for k in place.per)
        if replace(place, per=()) == whole:
            return address, copies, False
        if sizes[along] % 2 == 0 and replace(place, per=()) == replace(halves_of(whole), per=()):
            *per, last = (k if k < along else k - 1 for k in place.per)
            if last == along and along not in per:
                return address, tuple((*address[:-1], k) for k in per), True
    raise NoLemma("a place without a leaf")


def shift_moves(structure: Structure, proved: Compensated) -> tuple[Move, ...]:
    """The moves of a family of shifts. Raises NoLemma where a term has no form as a move."""
    return tuple(
        _shift_move(structure, target, term, weight)
        for target, terms in proved.moves.items() for term, weight in terms.items()
    )


def _shift_move(structure: Structure, node: int, term: Term, weight: Fraction) -> Move:
    name = structure.names[node]
    at = [a for _, a in sorted(term.at)] if term.source is None else list(term.contracted)
    if term.source is None:
        where = place_of(structure, node, at[-1], at[:-1]) if at else None
        return Move(name, "+c", where, weight)
    shape = structure.network.nodes[term.source].shape
    rest = [n for a, n in enumerate(shape) if a != at[0][0]]
    order = [a for _, a in sorted(term.at)]
    if list(structure.network.nodes[node].shape) != rest or order != structure.top(node):
        raise NoLemma("a compensation of another shape")
    where = place_of(structure, term.source, at[-1], at[:-1])
    return Move(name, "+Tc", where, weight, structure.names[term.source])
