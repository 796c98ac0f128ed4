"""Permutations of the indices of a leg, proved at every size: units, heads, groups, channels."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

from symgauge.derivers.element import Found
from symgauge.derivers.stage import Stage
from symgauge.families.family import Move
from symgauge.laws.turning import Mark
from symgauge.program.moves import Address
from symgauge.program.parted import parted
from symgauge.proof.intertwiners.orders import prove_order
from symgauge.proof.intertwiners.places import place_of
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class Ordered:
    """S_n, or one for each copy, on a leg: the parameters that are reordered, and where."""

    size: int
    copies: tuple[int, ...]
    moves: tuple[Move, ...]

    @property
    def group(self) -> str:
        """As S_12^4."""
        return f"S_{self.size}" + self._power

    @property
    def order(self) -> str:
        """The number of its elements, as 12!^4."""
        return f"{self.size}!" + self._power

    @property
    def _power(self) -> str:
        count = prod(self.copies)
        return f"^{count}" if count > 1 else ""


def orders(found: Found, moving: Collection[str] | None = None) -> Iterator[Ordered]:
    """One for each leg with as many copies as go, but where matrices act that hold them.

    Proved by intertwiners; never said to be all. Of the families it asks for the matrices alone.
    `moving`: of legs that meet one of these parameters, or a part of it.
    """
    structure, parts = found.structure, found.parts
    if found.changes:  # the numbers of a fixed vector are in no order of the parameters
        cut = parted(found.network)
        structure, parts = Structure(cut.network, numbers=cut.numbers), cut.parts
    stage = Stage(structure)
    met = None if moving is None else {n for name in moving for n in (name, *parts.get(name, ()))}
    held = {
        (m.parameter, m.at.axis, m.at.start, m.at.along)
        for s in found.families if s.family.kind.covers_discrete
        for m in s.family.moves if m.at is not None}
    for root, places in stage.met.items():
        if structure.size(root) < 2 or met is not None and met.isdisjoint(
                stage.names[i] for i, _, _ in places):
            continue
        one = _largest(stage, root, places)
        if one is not None and not any(
                (m.parameter, m.at.axis, m.at.start, m.at.along) in held
                for m in one.moves if m.at is not None):
            yield one


def _largest(
    stage: Stage, root: int, places: Sequence[tuple[int, Address, int]]
) -> Ordered | None:
    """With the most copies that go; where one order for all does not go, none does."""
    found = None
    with contextlib.suppress(NoLemma):
        found = _ordered(stage, root, places, ())
    legs = stage.copies(places) if found is not None else []
    for k in range(len(legs), 0, -1):
        for copies in combinations(legs, k):
            with contextlib.suppress(NoLemma):
                return _ordered(stage, root, places, copies)
    return found


def _ordered(
    stage: Stage, root: int, places: Sequence[tuple[int, Address, int]], copies: Sequence[int]
) -> Ordered:
    """Raises NoLemma where it is not proved, or a leaf is no range of its axis."""
    structure = stage.structure
    start: dict[int, dict[Address, Mark]] = {}
    moves = []
    for node, address, _ in places:
        at = stage.copy_addresses(node, address, copies)
        start.setdefault(node, {})[address] = Mark(1, at)
        moves.append(Move(stage.names[node], "g", place_of(structure, node, address, at)))
    prove_order(structure, start)
    return Ordered(
        structure.size(root), tuple(structure.size(c) for c in copies), tuple(moves))
