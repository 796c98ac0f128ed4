"""The blocks of a parameter: where an axis is a direct sum, one summand of it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import product

from symgauge.laws.reads import unread_summands
from symgauge.program.legs import Ref
from symgauge.program.moves import Address
from symgauge.spaces.structure import Structure


def blocks(
    structure: Structure, node: int, halved: Container[tuple[int, Address]]
) -> Iterator[list[Address]]:
    """The leaves of each block that is read. `halved`: leaves whose two summands are one leg.

    A summand that has one of size 1 in its turn stays whole: that has no leaf to shift along.
    """

    def within(prefix: Address, leaves: Sequence[Ref]) -> list[list[Address]]:
        here = [(*prefix, k) for k in range(len(leaves))]
        for k, (leg, _) in enumerate(leaves):
            parts, at = structure.parts(leg), here[k]
            if not parts or (node, at) in halved or (
                    len(prefix) > 1 and any(structure.size(part) == 1 for part, _ in parts)):
                continue
            return [
                [*here[:k], *inner, *here[k + 1:]] for j, part in enumerate(parts)
                if (node, *at, j) not in unread_summands(structure)
                for inner in within((*at, j), structure.part_leaves(part))]
        return [here]

    axes = range(len(structure.axes[node]))
    for chosen in product(*(within((a,), structure.leaves(node, a)) for a in axes)):
        yield [a for group in chosen for a in group]
