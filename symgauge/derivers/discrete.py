"""Discrete symmetries: permutations of the indices of a leg, and signs. Never called complete.

Candidates come from the legs; each is checked at random exact points over GF(p), branches
included. That is evidence, not proof: the status is "checked".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import factorial, prod
from typing import Any

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.points.invariance import Flip, Invariance
from symgauge.points.reads import read_coordinates
from symgauge.program.legs import Location
from symgauge.program.network import Network
from symgauge.spaces.follow import follow


def discrete_symmetries(
    network: Network, families: Sequence[Family], field: PrimeField, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Permutations and signs that hold at random exact points, as plain data."""
    legs, places, _ = follow(network)
    coordinates, tests = Coordinates(network), Invariance(network, field, rng)
    candidates, numbered = _candidates(network, families, places, coordinates)
    shared = Counter(_tensors(c.where) for c in candidates)
    permutable = {
        candidates[k].leg for k in tests.with_permutations([c.indices for c in candidates])}

    def signs_of(c: _Candidate, indices: Sequence[Any]) -> list[Flip]:
        # where all indices may be permuted, the sign of one tells of the others
        return _signs(indices, 1 if c.leg in permutable else legs.leg_size(c.leg))

    def signs_hold(c: _Candidate, several: Sequence[list[Any]]) -> bool:
        return tests.flips([f for one in several for f in signs_of(c, one)])

    # -1 in each copy of a matrix group belongs to the group
    rest = [c for c in candidates if c.leg not in numbered]
    signed = {rest[k].leg for k in tests.with_flips([signs_of(c, c.indices) for c in rest])}
    signs, found = set[frozenset[int]](), list[dict[str, Any]]()
    for c in candidates:
        if c.leg not in permutable | signed:
            continue
        n, names = legs.leg_size(c.leg), _tensors(c.where)
        if shared[names] > 1:
            # two legs of the same tensors are told apart by their axes, and by their parts of them
            names = ", ".join(dict.fromkeys(map(_place, c.where)))
        apart = _apart(coordinates, c.where, c.indices, places, legs.leg_size)
        if c.leg in permutable:
            copies, each = _copies(c.indices, apart, tests.permutations)
            found.append(_element(
                f"permutations of the {n} indices shared by {names}{each}",
                f"S_{n}" + (f"^{len(copies)}" if len(copies) > 1 else ""),
                factorial(n) ** len(copies)))
        if c.leg in signed:
            copies, each = _copies(c.indices, apart, partial(signs_hold, c))
            own, m = {_negated(one, k) for one in copies for k in range(n)}, n * len(copies)
            # the signs of units by expert and by place in each are the same elements
            if not own <= signs:
                found.append(_element(
                    f"signs of the {n} indices shared by {names}{each}", f"(Z_2)^{m}", 2 ** m))
            signs |= own
    return found + _negative(families, coordinates, tests)


@dataclass(frozen=True)
class _Candidate:
    """A leg on which no matrix group acts, where it is, and the coordinates by its index."""

    leg: int
    where: list[Location]
    indices: list[Any]


def _candidates(
    network: Network, families: Sequence[Family], places: Mapping[int, list[Location]],
    coordinates: Coordinates,
) -> tuple[list[_Candidate], set[int]]:
    """The legs that are looked at, and those that number copies of matrix groups."""
    covered = {_first_place(f) for f in families if f.kind.covers_discrete}
    numbered = {
        other for where in places.values() for p in where
        if (p.parameter, p.axis, p.start, p.along) in covered
        for i, other in enumerate(p.factors) if i != p.along
    }
    read, out = read_coordinates(network), []
    for leg, at in places.items():
        where = [p for p in at if p.factors.count(leg) == 1]
        if not where or any((p.parameter, p.axis, p.start, p.along) in covered for p in where):
            continue
        indices = [_index(coordinates, p) for p in where]
        if any(read[index].any() for index in indices):
            out.append(_Candidate(leg, where, indices))
    return out, numbered


def _element(label: str, group: str, order: int) -> dict[str, Any]:
    return {"label": label, "group": group, "order": order, "status": "checked"}


def _tensors(where: Sequence[Location]) -> str:
    return ", ".join(dict.fromkeys(p.parameter for p in where))


def _place(p: Location) -> str:
    part = f"factor {p.along + 1} of " if len(p.sizes) > 1 else ""
    start = f" from {p.start}" if p.start else ""
    return f"{part}axis {p.axis} of {p.parameter}{start}"


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
    whole: list[Any], apart: Sequence[Sequence[list[Any]]],
    hold: Callable[[Sequence[list[Any]]], bool],
) -> tuple[Sequence[list[Any]], str]:
    """The most copies in each of which it holds by itself (or the whole), and that in words."""
    copies = max((copies for copies in apart if hold(copies)), key=len, default=[whole])
    return copies, f", in each of {len(copies)} copies by itself" if len(copies) > 1 else ""


def _signs(indices: Sequence[Any], count: int) -> list[Flip]:
    """The coordinates that the sign of the first, the second, ... index changes."""
    return [np.array(sorted(_negated(indices, k)), dtype=np.int64) for k in range(count)]


def _negated(indices: Sequence[Any], k: int) -> frozenset[int]:
    """The coordinates to which the sign of an index gives another sign."""
    places, times = np.unique(
        np.concatenate([index[k] for index in indices]), return_counts=True)
    return frozenset(places[times % 2 == 1].tolist())


def _negative(
    families: Sequence[Family], coordinates: Coordinates, tests: Invariance
) -> list[dict[str, Any]]:
    """Rescalings by s = -1, where the positive ones are a family with integer weights."""
    cases = []
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
        n = len(family.fields)
        if odd:
            cases.append((family, _signs([index.reshape(n, -1) for index in odd], n)))
    return [
        _element(f"s = -1 in the rescaling of {', '.join(family.tensors)}",
                 f"(Z_2)^{len(flips)}", 2 ** len(flips))
        for family, flips in (cases[k] for k in tests.with_flips([f for _, f in cases]))
    ]
