"""Invariants of the gauge group, each proved by every generator, and how many are independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.exact.sparse import sparse_rank
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.invariants.laurent import Laurent
from symgauge.invariants.normal import normalised
from symgauge.invariants.pieces import Piece, raw_pieces
from symgauge.invariants.reduce import TooLarge, reduced
from symgauge.lie.fields import VectorField


@dataclass(frozen=True)
class Invariant:
    """Functions that every generator annuls: how they are written, and the entries."""

    formula: str
    entries: tuple[Laurent, ...]


@dataclass(frozen=True)
class Found:
    """The proved invariants, and those that were built and are none (left out).

    `reason`: why none were built, where none were.
    """

    proved: tuple[Invariant, ...]
    left_out: int
    reason: str = ""

    def rank(self, theta: Sequence[int], read: np.ndarray, field: PrimeField) -> int:
        """The rank of their Jacobian at a point, mod p: a lower bound on how many are independent.

        Along the coordinates that an output reads.
        """
        rows = [
            {k: v for k, v in e.gradient(theta, field).items() if read[k]}
            for i in self.proved for e in i.entries]
        return sparse_rank(rows, field.p) if rows else 0


def invariants(
    coordinates: Coordinates, families: Sequence[Family], generators: Sequence[VectorField]
) -> Found:
    """What families keep, built from how they move tensors.

    Each entry f is proved: X f is the polynomial 0 for every generator X. What is not is left out.
    """
    try:
        pieces, done = normalised(coordinates, raw_pieces(coordinates, families), families)
        parts = reduced(list(pieces.values()), families, done)
    except TooLarge:
        return Found((), 0, "products of more terms than are held")
    except ValueError as error:
        return Found((), 0, f"not built: {error}")
    readers: dict[int, list[int]] = {}
    for number, x in enumerate(generators):
        for k in x.support:
            readers.setdefault(k, []).append(number)
    proved, left_out = [], 0
    for piece in parts:
        entries = _distinct(piece)
        kept = tuple(e for e in entries if _annulled(e, generators, readers))
        left_out += len(entries) - len(kept)
        if kept:
            proved.append(Invariant(piece.name, kept))
    return Found(tuple(proved), left_out)


def _distinct(piece: Piece) -> list[Laurent]:
    """The entries that are no numbers, each once."""
    found = {frozenset(x.terms.items()): x for x in piece.values.reshape(-1) if x.coordinates}
    return list(found.values())


def _annulled(
    f: Laurent, generators: Sequence[VectorField], readers: dict[int, list[int]]
) -> bool:
    numbers = {n for k in f.coordinates for n in readers.get(k, ())}
    return all(not f.along(generators[n]).terms for n in numbers)


def random_point(size: int, field: PrimeField, rng: np.random.Generator) -> list[int]:
    """A point of residues other than 0."""
    return [int(x) for x in rng.integers(1, field.p, size)]
