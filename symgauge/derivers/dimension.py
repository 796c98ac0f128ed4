"""The dimension of a structural algebra, counted on legs: a polynomial in their sizes.

Matrices on different legs are independent, but for their multiples of 1: those, all scalings and
all shifts are counted by components. A family that is numbered by the indices of the legs S is
the sum over U within S of functions that vary along U and have mean 0 along each leg of U; on such
a component families are vectors of numbers, one for each place, and their rank counts the
dimension: sum over U of rank(U) prod over U of (n - 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING

from symgauge.network.intertwiners.weights import nullspace
from symgauge.network.structure import Address, Structure

if TYPE_CHECKING:
    from symgauge.derivers.structural import Found, Structural

#: A monomial: the legs of U, each for the factor n - 1.
Component = tuple[int, ...]


def components(
    structure: Structure, families: Sequence[Structural]
) -> dict[tuple[str, Component], int]:
    """How many independent components of each kind ("scale" or "shift") there are on each U."""
    rows: dict[tuple[str, Component], list[dict[object, Fraction]]] = {}
    halved = {-1 - leg for found in families for leg in found.element.legs if leg < 0}
    for found in families:
        kind = "shift" if found.family.kind == "translation" else "scale"
        legs = found.element.legs
        if not found.element.entries:
            continue
        for k in range(len(legs) + 1):
            for chosen in combinations(range(len(legs)), k):
                vector: dict[object, Fraction] = {}
                for node, at, tag, weight in found.element.entries:
                    own = frozenset(at[i] for i in chosen)
                    for block in _blocks(structure, node, at, tag, halved):
                        key = (node, block, own, tag if kind == "shift" else ())
                        vector[key] = vector.get(key, Fraction(0)) + weight
                u = tuple(sorted(_root(structure, legs[i]) for i in chosen))
                rows.setdefault((kind, u), []).append(vector)
    return {key: _rank(vectors) for key, vectors in rows.items()}


def _root(structure: Structure, leg: int) -> int:
    # the number of pairs of a halved leg is -1 - leg
    return leg if leg < 0 else structure.legs.find(leg)[0]


def _blocks(
    structure: Structure, node: int, at: Sequence[Address], tag: tuple[object, ...],
    halved: set[int],
) -> Iterable[tuple[Address, ...]]:
    """The blocks of a parameter that a family reaches: one summand of each axis, or all."""
    prefixes = {a[0]: a[:-1] for a in at if a[-1] >= 0}
    for t in tag:
        if isinstance(t, tuple) and t and all(isinstance(x, int) for x in t):
            prefixes.setdefault(t[0], t)
    blocks: list[tuple[Address, ...]] = [()]
    for axis in range(len(structure.axes[node])):
        leaves = structure.leaves(node, axis)
        # what turns as pairs is one leg
        parts = structure.parts(leaves[0][0]) if leaves and leaves[0][0] not in halved else ()
        if axis in prefixes:
            choices = [prefixes[axis]]
        elif parts:
            choices = [(axis, 0, j) for j in range(len(parts))]
        else:
            choices = [(axis,)]
        blocks = [(*b, c) for b in blocks for c in choices]
    return blocks


def _rank(vectors: Sequence[Mapping[object, Fraction]]) -> int:
    keys: dict[object, int] = {}
    forms = []
    for k, v in enumerate(vectors):
        for key in v:
            keys.setdefault(key, len(keys))
    # vectors are columns: relations among them are the nullspace
    equations: list[dict[int, Fraction]] = [{} for _ in keys]
    for k, v in enumerate(vectors):
        for key, w in v.items():
            equations[keys[key]][k] = w
    forms = [e for e in equations if e]
    return len(vectors) - len(nullspace(forms, len(vectors)))


def dimension(found: Found) -> int:
    """The dimension of the algebra at the sizes of the program: slices and families together."""
    structure = found.sliced
    total = sum(
        prod(s.family.copies) * s.family.size for s, _ in found.slices
    )
    for s in found.families:
        total += s.traceless * prod(s.family.copies)
    for (_, u), count in components(structure, found.families).items():
        total += count * prod(_size(structure, leg) - 1 for leg in u)
    return total


def _size(structure: Structure, leg: int) -> int:
    return structure.size(-1 - leg) // 2 if leg < 0 else structure.size(leg)
