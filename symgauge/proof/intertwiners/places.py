"""Leaves of a parameter as places of a family's moves, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from symgauge.families.family import Move, Per, Place
from symgauge.laws.shifting import OVER, Term
from symgauge.program.moves import Address
from symgauge.proof.intertwiners.shifts import Compensated, last_leaf
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def place_of(
    structure: Structure, node: int, address: Address, copies: Sequence[Address] = ()
) -> Place:
    """The place of a leaf; `copies` are the leaves that number the copies, beside it or whole axes.

    Raises NoLemma where it is no range of the axis.
    """
    found = structure.range_of(node, address)
    if found is None:
        raise NoLemma("a leaf that is no range of its axis")
    shape, per = structure.network.nodes[node].shape, list[Per]()
    for c in copies:
        if c in found.factors:
            per.append(found.factors.index(c))
        elif c[0] != address[0] and is_whole_axis(structure, node, c):
            per.append((c[0], shape[c[0]]))
        else:
            raise NoLemma("copies on another axis")
    return Place(address[0], found.start, found.sizes, found.along, tuple(per), found.periods)


def is_whole_axis(structure: Structure, node: int, address: Address) -> bool:
    """Whether a leaf is all of its axis."""
    return len(address) == 2 and len(structure.leaves(node, address[0])) == 1


def halves_of(place: Place) -> Place:
    """The place of the pairs (k, k + n/2) of a leaf: two halves, numbered by k."""
    assert isinstance(place.along, int)
    k = place.along
    sizes = (*place.sizes[:k], 2, place.sizes[k] // 2, *place.sizes[k + 1:])
    per = tuple(p + 1 if isinstance(p, int) and p >= k else p for p in place.per)
    return Place(place.axis, place.start, sizes, k, (*per, k + 1), place.periods)


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
        sizes, along = found.sizes, found.along
        whole = Place(place.axis, found.start, sizes, along, (), found.periods)
        if replace(place, per=()) == whole:
            return address, _copies_of(structure, node, address, place.per), False
        if sizes[along] % 2 == 0 and replace(place, per=()) == replace(halves_of(whole), per=()):
            *per, last = (k - 1 if isinstance(k, int) and k >= along else k for k in place.per)
            if last == along and along not in per:
                return address, _copies_of(structure, node, address, per), True
    raise NoLemma("a place without a leaf")


def _copies_of(
    structure: Structure, node: int, address: Address, per: Sequence[Per]
) -> tuple[Address, ...]:
    found = structure.range_of(node, address)
    assert found is not None
    copies = tuple(found.factors[k] if isinstance(k, int) else (k[0], 0) for k in per)
    shape = structure.network.nodes[node].shape
    for k, c in zip(per, copies, strict=True):
        if not isinstance(k, int) and (shape[k[0]] != k[1] or not is_whole_axis(
                structure, node, c)):
            raise NoLemma("copies that are not all of an axis")
    return copies


def shift_moves(structure: Structure, proved: Compensated) -> tuple[Move, ...]:
    """The moves of a family of shifts. Raises NoLemma where a term has no form as a move."""
    return tuple(
        _shift_move(structure, target, term, weight)
        for target, terms in proved.moves.items() for term, weight in terms.items()
    )


def _shift_move(structure: Structure, node: int, term: Term, weight: Fraction) -> Move:
    name, times = structure.names[node], term.times
    sums = (None, None) if times is None else tuple(
        None if i is None else structure.names[i] for i in (times.of, times.over))
    if term.source is None:
        at = [a for key, a in sorted(term.at, key=lambda pair: str(pair[0])) if key != OVER]
        where = place_of(structure, node, at[-1], at[:-1]) if at else None
        if term.over is None:
            return Move(name, "+c", where, weight, sum_of=sums[0], sum_over=sums[1])
        last = last_leaf(structure, node)
        if (OVER, last) not in term.at or last in at or times is not None:
            raise NoLemma("c / T of another form")
        return Move(name, "+c/T", where, weight, structure.names[term.over])
    at = list(term.contracted)
    shape = structure.network.nodes[term.source].shape
    rest = [n for a, n in enumerate(shape) if a != at[0][0]]
    order = [a for _, a in sorted(term.at)]
    if list(structure.network.nodes[node].shape) != rest or order != structure.top(node):
        raise NoLemma("a compensation of another shape")
    where = place_of(structure, term.source, at[-1], at[:-1])
    return Move(name, "+Tc", where, weight, structure.names[term.source],
                sum_of=sums[0], sum_over=sums[1])
