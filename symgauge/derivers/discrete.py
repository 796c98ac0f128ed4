"""Discrete symmetries: permutations of the indices of a leg, and signs. Never called complete.

Candidates come from the legs; each is checked at random exact points over GF(p), branches
included. That is evidence, not proof: the status is "checked". It is "proved" where the program
is the same expression with its parameters in another order, or with other signs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import factorial, prod
from typing import Any

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move
from symgauge.points.places import Indices, Places, Reordering
from symgauge.points.reads import read_coordinates
from symgauge.program.legs import Location
from symgauge.program.network import Network
from symgauge.proof.rearranged import Rearrangements
from symgauge.spaces.follow import follow


def discrete_symmetries(
    network: Network, families: Sequence[Family], field: PrimeField, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Permutations and signs that hold at random exact points, as plain data."""
    legs, places, _ = follow(network)
    coordinates = Coordinates(network)
    covered = {_first_place(f) for f in families if f.kind.covers_discrete}
    numbered = set(_numbering(places, covered))
    holds = Places(network, field, rng).hold
    proved, read = partial(_proved, network, Rearrangements(network)), read_coordinates(network)
    candidates, signs = list[tuple[Any, list[Location], list[Any]]](), set[frozenset[int]]()
    for leg, where in places.items():
        where = [p for p in where if p.factors.count(leg) == 1]
        if not where or any((p.parameter, p.axis, p.start, p.along) in covered for p in where):
            continue
        indices = [_index(coordinates, p) for p in where]
        if any(read[index].any() for index in indices):
            candidates.append((leg, where, indices))
    shared = Counter(_tensors(where) for _, where, _ in candidates)
    found: list[dict[str, Any]] = []
    for leg, where, indices in candidates:
        n, names = legs.leg_size(leg), _tensors(where)
        if shared[names] > 1:
            # two legs of the same tensors are told apart by their axes, and by their parts of them
            names = ", ".join(dict.fromkeys(map(_place, where)))
        apart = _apart(coordinates, where, indices, places, legs.leg_size)
        permuted, ordered = all(map(holds, _permutations(indices, n))), False
        if permuted:
            copies, each = _copies(
                indices, apart, lambda one: all(map(holds, _permutations(one, n))))
            ordered = all(proved(act) for one in copies for act in _permutations(one, n))
            found.append(_element(
                f"permutations of the {n} indices shared by {names}{each}",
                f"S_{n}" + (f"^{len(copies)}" if len(copies) > 1 else ""),
                factorial(n) ** len(copies), ordered))
        # -1 in each copy of a matrix group belongs to the group
        seen = 1 if permuted else n
        # values of parameters, as exp(c), have a range
        numbers = network.values.keys().isdisjoint(p.parameter for p in where)
        if numbers and leg not in numbered and all(map(holds, _signs(indices, seen))):
            copies, each = _copies(indices, apart, lambda one: all(map(holds, _signs(one, seen))))
            own, m = {_negated(one, k) for one in copies for k in range(n)}, n * len(copies)
            # the signs of units by expert and by place in each are the same elements
            if not own <= signs:
                found.append(_element(
                    f"signs of the {n} indices shared by {names}{each}", f"(Z_2)^{m}", 2 ** m,
                    all(proved(a) for one in copies for a in _signs(one, 1 if ordered else n))))
            signs |= own
    found += _negative(families, coordinates, holds, proved)
    return found


def _numbering(places: Mapping[int, list[Location]], covered: Container[Any]) -> Iterator[int]:
    """The legs that number the copies of a matrix group that has its permutations and signs."""
    for p in (p for where in places.values() for p in where):
        if (p.parameter, p.axis, p.start, p.along) in covered:
            yield from (other for i, other in enumerate(p.factors) if i != p.along)


def _proved(network: Network, expression: Rearrangements, act: Reordering) -> bool:
    """Whether the program is the same expression at g.theta."""
    return expression.proves(lambda t: act.moved(network, t, expression.negate))


def _element(label: str, group: str, order: int, proved: bool = False) -> dict[str, Any]:
    status = "proved" if proved else "checked"
    return {"label": label, "group": group, "order": order, "status": status}


def _tensors(where: Sequence[Location]) -> str:
    return ", ".join(dict.fromkeys(p.parameter for p in where))


def _place(p: Location) -> str:
    part = f"factor {p.along + 1} of " if len(p.sizes) > 1 else ""
    start = f" from {p.start}" if p.start else ""
    return f"{part}axis {p.axis} of {p.parameter}{start}"


def _reach(move: Move) -> str:
    at = move.at
    if at is None:
        return f"all of {move.parameter}"
    start, stop = at.extent
    return f"entries {start} to {stop - 1} along axis {at.axis} of {move.parameter}"


def _first_place(family: Family) -> tuple[str, int, int, int | tuple[int, ...]] | None:
    at = family.moves[0].at
    return None if at is None else (family.moves[0].parameter, at.axis, at.start, at.along)


def _index(coordinates: Coordinates, place: Location) -> Any:
    """Coordinates with the leg's index first: shape (size, rest)."""
    index = np.moveaxis(coordinates.whole(place.parameter), place.axis, 0)
    piece = index[place.start:place.start + prod(place.sizes)]
    piece = piece.reshape(*place.sizes, -1)
    return np.moveaxis(piece, place.along, 0).reshape(place.sizes[place.along], -1)


def _apart(
    coordinates: Coordinates, where: Sequence[Location], indices: Sequence[Any],
    places: Mapping[int, list[Location]], size_of: Callable[[int], int],
) -> list[list[list[Any]]]:
    """For each leg that stands beside this one wherever it is: the indices at each of its values.

    So the units of one expert, or the heads of one group, are moved without the others'.
    """
    if len({p.parameter for p in where}) < len(where):
        return []
    beside: list[dict[int, Location]] = [
        {
            **{other: q for other, at in places.items() for q in at
               if q.parameter == p.parameter and q.axis != p.axis},
            **{other: replace(p, along=i) for i, other in enumerate(p.factors) if i != p.along},
        }
        for p in where
    ]
    common = [leg for leg in beside[0] if size_of(leg) > 1 and all(leg in b for b in beside)]
    return [
        [[_among(index, _index(coordinates, b[leg])[k])
          for index, b in zip(indices, beside, strict=True)] for k in range(size_of(leg))]
        for leg in common
    ]


def _among(index: Any, members: Any) -> Any:
    """The coordinates of each row that are among these, which each row has as many of."""
    return index[np.isin(index, members)].reshape(len(index), -1)


def _copies(
    whole: list[Any], apart: Sequence[Sequence[list[Any]]], holds: Callable[[list[Any]], bool]
) -> tuple[Sequence[list[Any]], str]:
    """The most copies in each of which it holds by itself (or the whole), and that in words."""
    each = (copies for copies in apart if all(map(holds, copies)))
    copies = max(each, key=len, default=[whole])
    return copies, f", in each of {len(copies)} copies by itself" if len(copies) > 1 else ""


def _negated(indices: Sequence[Any], k: int) -> frozenset[int]:
    """The coordinates to which the sign of an index gives another sign."""
    places, times = np.unique(
        np.concatenate([index[k] for index in indices]), return_counts=True)
    return frozenset(places[times % 2 == 1].tolist())


def _permutations(indices: Sequence[Any], n: int) -> list[Reordering]:
    """A transposition and the cycle through all n indices, which generate S_n."""
    first, cycle = np.arange(n), np.roll(np.arange(n), 1)
    first[:2] = first[1::-1] if n > 1 else first[:2]
    return [_reordered(indices, order) for order in ([first, cycle] if n > 2 else [first])]


def _reordered(indices: Sequence[Any], order: Indices) -> Reordering:
    def change(entries: Indices, index: Indices) -> None:
        entries[index] = entries[index[order]]

    # one after another: a tensor may carry the leg on two axes
    return Reordering.of(indices, change)


def _signs(indices: Sequence[Any], count: int) -> Iterator[Reordering]:
    """The first, the second, ... of the leg's indices changes sign, everywhere.

    Where all indices may be permuted, one of these signs tells of the others.
    """
    def change(entries: Indices, index: Indices) -> None:
        entries[index] = -entries[index]

    return (Reordering.of([index[k] for index in indices], change) for k in range(count))


def _negative(
    families: Sequence[Family], coordinates: Coordinates, holds: Callable[[Reordering], bool],
    proved: Callable[[Reordering], bool],
) -> list[dict[str, Any]]:
    """Rescalings by s = -1, where the positive ones are a family with integer weights."""
    found, shared = [], Counter(family.tensors for family in families)
    for family in families:
        plain = family.kind.is_scaling and not family.via and all(
            m.form == "s^k" and m.weight.denominator == 1 and not m.offset
            for m in family.moves
        )
        if not plain:
            continue
        odd = [
            coordinates.moved(m) for m in family.moves if m.weight.numerator % 2
        ]
        n, names = len(family.fields), ", ".join(family.tensors)
        if shared[family.tensors] > 1:
            # two families of the same tensors are told apart by the entries that they reach
            names = ", ".join(dict.fromkeys(map(_reach, family.moves)))
        entries = [index.reshape(n, -1) for index in odd]
        if entries and all(map(holds, _signs(entries, n))):
            found.append(_element(
                f"s = -1 in the rescaling of {names}", f"(Z_2)^{n}", 2 ** n,
                all(map(proved, _signs(entries, n)))))
    return found
