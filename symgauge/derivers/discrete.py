"""Discrete symmetries: permutations of the indices of a leg, and signs. Never called complete.

Candidates come from the legs; each is checked at random exact points over GF(p), branches
included. That is evidence, not proof: the status is "checked".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import factorial, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.domains.residues import ResidueDomain
from symgauge.errors import UndecidedError
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.points.cells import balanced_shadow, branch_patterns, draw_reals
from symgauge.points.draw import Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.reads import read_coordinates
from symgauge.points.roots import root_plan, settle_roots
from symgauge.points.rows import Lifted
from symgauge.program.legs import Location
from symgauge.program.lower import germ_of, is_piecewise, lower
from symgauge.program.network import Network
from symgauge.spaces.follow import follow

POINTS = 12
#: Sizes of the parameters on whose cells what holds is looked at: rare branches are taken at some.
SIZES = (1.0, 4.0, 16.0)
#: Points with all their roots at which it has to hold, and how often POINTS of them are drawn.
ENOUGH, DRAWS = 8, 12

#: A map of parameter vectors (points, coordinates), given how its number system negates.
Action = Callable[[Array, Callable[[Array], Array]], Array]


def discrete_symmetries(
    network: Network, families: Sequence[Family], field: PrimeField, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Permutations and signs that hold at random exact points, as plain data."""
    legs, places, _ = follow(network)
    coordinates = Coordinates(network)
    covered = {_first_place(f) for f in families if f.kind.covers_discrete}
    numbered = {
        other for where in places.values() for p in where
        if (p.parameter, p.axis, p.start, p.along) in covered
        for i, other in enumerate(p.factors) if i != p.along
    }
    holds = _Points(network, field, rng).hold
    read = read_coordinates(network)
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
        permuted = all(map(holds, _permutations(indices, n)))
        if permuted:
            copies, each = _copies(
                indices, apart, lambda one: all(map(holds, _permutations(one, n))))
            found.append(_element(
                f"permutations of the {n} indices shared by {names}{each}",
                f"S_{n}" + (f"^{len(copies)}" if len(copies) > 1 else ""),
                factorial(n) ** len(copies)))
        # -1 in each copy of a matrix group belongs to the group
        seen = 1 if permuted else n
        if leg not in numbered and all(map(holds, _signs(indices, seen))):
            copies, each = _copies(indices, apart, lambda one: all(map(holds, _signs(one, seen))))
            own, m = {_negated(one, k) for one in copies for k in range(n)}, n * len(copies)
            # the signs of units by expert and by place in each are the same elements
            if not own <= signs:
                found.append(_element(
                    f"signs of the {n} indices shared by {names}{each}", f"(Z_2)^{m}", 2 ** m))
            signs |= own
    found += _negative(families, coordinates, holds)
    return found


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


def _permutations(indices: Sequence[Any], n: int) -> list[Action]:
    """A transposition and the cycle through all n indices, which generate S_n."""
    first, cycle = np.arange(n), np.roll(np.arange(n), 1)
    first[:2] = first[1::-1] if n > 1 else first[:2]
    return [_reordered(indices, order) for order in ([first, cycle] if n > 2 else [first])]


def _reordered(indices: Sequence[Any], order: npt.NDArray[np.int64]) -> Action:
    def act(theta: Array, negate: Callable[[Array], Array]) -> Array:
        out = theta.copy()
        # one after another: a tensor may carry the leg on two axes
        for index in indices:
            out[:, index] = out[:, index[order]]
        return out

    return act


def _signs(indices: Sequence[Any], count: int) -> Iterator[Action]:
    """The first, the second, ... of the leg's indices changes sign, everywhere.

    Where all indices may be permuted, one of these signs tells of the others.
    """
    def sign(k: int) -> Action:
        def act(theta: Array, negate: Callable[[Array], Array]) -> Array:
            out = theta.copy()
            for index in indices:
                out[:, index[k]] = negate(out[:, index[k]])
            return out
        return act

    return map(sign, range(count))


def _negative(
    families: Sequence[Family], coordinates: Coordinates, holds: Callable[[Action], bool]
) -> list[dict[str, Any]]:
    """Rescalings by s = -1, where the positive ones are a family with integer weights."""
    found = []
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
        entries = [index.reshape(n, -1) for index in odd]
        if entries and all(map(holds, _signs(entries, n))):
            found.append(_element(
                f"s = -1 in the rescaling of {names}", f"(Z_2)^{n}", 2 ** n))
    return found


def _split(network: Network, theta: Array) -> Mapping[str, Array]:
    out, start = {}, 0
    for p in network.parameters:
        out[p.name] = theta[:, start:start + p.size].reshape(len(theta), *p.shape)
        start += p.size
    return out


def _join(network: Network, parameters: Mapping[str, Array]) -> Array:
    return np.concatenate(
        [parameters[p.name].reshape(len(parameters[p.name]), -1) for p in network.parameters],
        axis=1,
    )


def _shadows(network: Network, rng: np.random.Generator) -> list[Mapping[str, Array]]:
    """Parameters on whose cells a symmetry is looked for: small and large ones, a balanced one."""
    if not is_piecewise(network):
        return [draw_reals(network, rng, 1)[0]]
    drawn = [
        {n: size * v for n, v in draw_reals(network, rng, 1)[0].items()} for size in SIZES]
    return [*drawn, balanced_shadow(network, rng)]


@dataclass(frozen=True)
class _Batch:
    """POINTS points of one cell and every line there; `seed` draws the inputs of its shadow."""

    shadow: Mapping[str, Array]
    seed: int
    point: Point
    theta: Array
    lines: Sequence[Array]
    domain: ResidueDomain


class _Points:
    """Random exact points at which every element is looked at, drawn as they are asked for."""

    def __init__(self, network: Network, field: PrimeField, rng: np.random.Generator) -> None:
        self._network, self._field, self._rng = network, field, rng
        self._shadows = _shadows(network, rng)
        self._plan = root_plan(network, field, True)
        self._batches: dict[int, _Batch] = {}

    def hold(self, act: Action) -> bool:
        """f(act(theta), x) = f(theta, x) at random exact points, on the same cells.

        With branches, on cells of several sizes: on one cell a unit may be dead that is moved.
        """
        seen = 0
        for k in range(DRAWS):
            if k >= len(self._shadows) and seen >= ENOUGH:
                break
            try:
                same = self._compared(act, self._batch(k))
            except UndecidedError:
                continue  # no branch is decided there
            if not same.all():
                return False
            seen += len(same)
        return seen >= ENOUGH

    def _batch(self, k: int) -> _Batch:
        """The k-th batch, the same for all elements."""
        if k not in self._batches:
            network, field, rng = self._network, self._field, self._rng
            shadow, seed = self._shadows[k % len(self._shadows)], int(rng.integers(1 << 62))
            point = Point(
                int(rng.integers(1 << 62)),
                {p.name: field.random(rng, (POINTS, *p.shape)) for p in network.parameters},
                residue_inputs(network, field, rng, POINTS), self._patterns(shadow, seed))
            settle_roots(germ_of(network), field, rng, self._plan, point)
            domain, lifted = self._lifted(point, point.patterns)
            lines = lifted.values(point.parameters, point.inputs)
            self._batches[k] = _Batch(
                shadow, seed, point, _join(network, point.parameters), lines, domain)
        return self._batches[k]

    def _patterns(self, shadow: Mapping[str, Array], seed: int) -> list[Array]:
        return branch_patterns(self._network, shadow, np.random.default_rng(seed), POINTS)

    def _lifted(self, point: Point, patterns: Sequence[Array]) -> tuple[ResidueDomain, Lifted]:
        domain = ResidueDomain(
            self._field, point.salt, POINTS, patterns, self._plan.twisted)
        return domain, Lifted(self._network, domain, POINTS)

    def _compared(self, act: Action, batch: _Batch) -> npt.NDArray[np.bool_]:
        """Whether the values are the same, at each point of one cell that has its roots."""
        network, point = self._network, batch.point
        moved = _split(network, act(_join(network, batch.shadow), np.negative))
        domain, lifted = self._lifted(point, self._patterns(moved, batch.seed))
        after = _split(network, act(batch.theta, self._field.neg))
        lines = (
            lifted.values(after, point.inputs) if point.patterns
            else lifted.values_after(batch.lines, after))
        same = np.ones(POINTS, dtype=bool)
        for i in lower(network).outputs:
            a, b = np.broadcast_arrays(batch.lines[i], lines[i])
            # a series counts as one value: its coefficients stand one after another
            equal = (a == b).reshape(-1, POINTS, a[0].size) if len(a) > 1 else np.broadcast_to(
                a == b, (POINTS, *a.shape[1:])).reshape(1, POINTS, -1)
            same &= equal.all(axis=(0, 2))
        valid: npt.NDArray[np.bool_] = np.broadcast_to(
            batch.domain.valid & domain.valid, (POINTS,))
        return same[valid]
