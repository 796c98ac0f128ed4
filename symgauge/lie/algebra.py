"""Structure constants of a family of fields, and the smallest family that is closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.exact.running_rank import RunningRank
from symgauge.lie.brackets import bracket, meeting_pairs
from symgauge.lie.constants import Constants
from symgauge.lie.fields import VectorField, coordinates_in, independent
from symgauge.lie.generated import generated_constants

#: A pair of fields by their numbers, and its bracket.
Bracket = tuple[tuple[int, int], VectorField]
#: Terms of brackets that are held at once.
TERMS = 1_000_000
#: Brackets that are paired with all of the algebra at once.
BRACKETS = 1024
#: A degree from which no closure is sought beyond fields of that degree, and the terms of all such
#: fields together above which brackets are not made at all.
HIGH, LONG = 4, 5000


@dataclass(frozen=True)
class Closure:
    """A basis and its structure constants, or a pair whose bracket leaves the span."""

    basis: tuple[VectorField, ...]
    constants: Constants | None
    escapes: tuple[int, int] | None = None


def structure_constants(basis: Sequence[VectorField], field: PrimeField) -> Closure:
    """[X_i, X_j] = sum c_ijk X_k with constant c, exactly, where the family is closed."""
    return close(basis, field, len(basis))


def close(basis: Sequence[VectorField], field: PrimeField, limit: int) -> Closure:
    """The smallest bracket-closed family that holds the basis, of at most `limit` fields.

    Brackets that leave the span join the basis, and only pairs with a newcomer are new. None is
    looked for among fields of more than twice the degree of the basis (of more than its degree,
    where that is HIGH). Brackets of long fields are not made: there is no algebra then, and no
    pair that is known to leave the span.
    """
    if sum(len(f.terms) for f in basis if f.degree >= HIGH) > LONG:
        return Closure(tuple(basis), None)
    found = generated_constants(basis)
    if found is not None:
        return Closure(tuple(basis), found)
    fields = list(basis)
    degree = max((f.degree for f in basis), default=0)
    highest = 2 * degree if degree < HIGH else degree
    constants: Constants = {}
    outside: dict[tuple[int, int], VectorField] = {}
    done = 0
    while True:
        again, outside = outside, {}
        for some in _batched(chain(again.items(), _brackets(fields, done))):
            solved = coordinates_in(fields, [b for _, b in some], field)
            for (pair, b), weights in zip(some, solved, strict=True):
                if weights is None:
                    outside[pair] = b
                else:
                    constants[pair] = weights
        done = len(fields)
        if not outside:
            return Closure(tuple(fields), constants)
        chosen = independent([*fields, *outside.values()], field)
        new = [k - len(fields) for k in chosen if k >= len(fields)]
        if not new or len(fields) + len(new) > limit or any(
                b.degree > highest for b in outside.values()):
            return Closure(tuple(fields), None, next(iter(outside)))
        escaped = list(outside.values())
        fields += [VectorField.collect((*key, c) for key, c in escaped[k].terms.items())
                   for k in new]


def _brackets(fields: Sequence[VectorField], done: int) -> Iterator[Bracket]:
    """The pairs with a field from `done` on whose brackets are not 0."""
    for i, j in meeting_pairs(fields, done):
        b = bracket(fields[i], fields[j])
        if b:
            yield (i, j), b


def _batched(brackets: Iterable[Bracket]) -> Iterator[list[Bracket]]:
    """As many at once as have TERMS terms: those of rotations of a wide stream fill the memory."""
    batch: list[Bracket] = []
    terms = 0
    for pair, b in brackets:
        batch.append((pair, b))
        terms += len(b.terms)
        if terms >= TERMS:
            yield batch
            batch, terms = [], 0
    if batch:
        yield batch


def radical_dimension(constants: Constants, n: int, field: PrimeField) -> int:
    """Dimension of the solvable radical: the Killing-orthogonal of [g, g] (Cartan).

    Computed mod p, where a rank may only drop: an upper bound that is exact but for unlucky p.
    """
    #: By (k, l): the fields i with ad_i[k, l] not 0, and that entry.
    ad: dict[tuple[int, int], list[tuple[int, int]]] = {}
    rows: list[dict[int, int]] = []
    for (i, j), weights in constants.items():
        rows.append({k: field.residue(c) for k, c in weights.items()})
        for k, r in rows[-1].items():
            ad.setdefault((k, j), []).append((i, r))
            ad.setdefault((k, i), []).append((j, field.p - r))
    if not rows:
        return n
    killing: dict[tuple[int, int], int] = {}
    for (k, l), entries in ad.items():
        for i, r in entries:
            for j, s in ad.get((l, k), ()):
                killing[i, j] = (killing.get((i, j), 0) + r * s) % field.p
    form = np.zeros((n, n))
    for (i, j), value in killing.items():
        form[i, j] = value
    running = RunningRank(n, field.p)
    for start in range(0, len(rows), BRACKETS):
        some = rows[start:start + BRACKETS]
        derived = np.zeros((len(some), n))
        for at, row in zip(derived, some, strict=True):
            at[list(row)] = list(row.values())
        running.add(field.matmul(derived, form))
    return n - running.rank
