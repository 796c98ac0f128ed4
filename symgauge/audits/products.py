"""Products of scalings of one index that leave a tensor alone which both of them move.

Several families may scale an index, and share tensors: a norm's running variance, its gain, and
what writes and reads the channel. Taken one by one each spoils what another has put right; s of one
with s^-1 of the other moves fewer tensors, and these show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

from symgauge.families.family import Move, Place
from symgauge.weights.action import Element
from symgauge.weights.statement import Group


@dataclass(frozen=True)
class Product:
    """A group that is others, by number, to powers."""

    group: Group
    powers: tuple[tuple[int, int], ...]

    def split(self, element: Element) -> Iterator[tuple[int, Element]]:
        """The element of each of the groups."""
        for k, power in self.powers:
            yield k, element if power == 1 else Element(
                element.kind, element.values ** float(power))


def products(groups: Sequence[Group]) -> list[Product]:
    """Every group alone; then for two scalings of one index what leaves a shared tensor alone."""
    found = [Product(g, ((k, 1),)) for k, g in enumerate(groups)]
    for (j, one), (k, two) in combinations(enumerate(groups), 2):
        scale = all(g.kind is not None and g.kind.is_scaling and not g.via for g in (one, two))
        if not scale or (one.kind, one.copies, one.size) != (two.kind, two.copies, two.size):
            continue
        first, second = (
            {(m.parameter, str(m.form), m.at): m for m in g.moves} for g in (one, two))
        shared = [p for p in first if p in second]
        # to another power than 1 signs may be lost
        for sign in sorted({-first[p].weight / second[p].weight for p in shared}):
            if abs(sign) == 1:
                moves = _joined(first, second, sign)
                if moves:
                    label = f"{one.label}, with {'1/' * (sign < 0)}s in {two.label}"
                    found.append(Product(replace(
                        one, label=label, moves=moves, positive=one.positive or two.positive,
                    ), ((j, 1), (k, int(sign)))))
    return found


Moves = dict[tuple[str, str, Place | None], Move]


def _joined(one: Moves, two: Moves, sign: Fraction) -> tuple[Move, ...]:
    """The moves of the first, and those of the second to the power 1 or -1; none where they differ
    in what they add before.
    """
    found = dict(one)
    for place, move in two.items():
        first = found.get(place)
        if first is None:
            found[place] = replace(move, weight=sign * move.weight)
        elif first.offset != move.offset:
            return ()
        else:
            found[place] = replace(move, weight=first.weight + sign * move.weight)
    return tuple(m for m in found.values() if m.weight)
