"""Structure constants of a family of fields, and the smallest family that is closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField
from symgauge.lie.brackets import bracket, meeting_pairs
from symgauge.lie.constants import Constants
from symgauge.lie.fields import VectorField, coordinates_in, independent


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
    looked for among fields of more than twice the degree of the basis.
    """
    fields = list(basis)
    highest = 2 * max((f.degree for f in basis), default=0)
    constants: Constants = {}
    pending: dict[tuple[int, int], VectorField] = {}
    done = 0
    while True:
        for i, j in meeting_pairs(fields, done):
            b = bracket(fields[i], fields[j])
            if b:
                pending[i, j] = b
        done = len(fields)
        solved = coordinates_in(fields, list(pending.values()), field)
        outside: dict[tuple[int, int], VectorField] = {}
        for (pair, b), weights in zip(pending.items(), solved, strict=True):
            if weights is None:
                outside[pair] = b
            else:
                constants[pair] = weights
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
        pending = outside


def radical_dimension(constants: Constants, n: int, field: PrimeField) -> int:
    """Dimension of the solvable radical: the Killing-orthogonal of [g, g] (Cartan).

    Computed mod p, where a rank may only drop: an upper bound that is exact but for unlucky p.
    """
    #: By (k, l): the fields i with ad_i[k, l] not 0, and that entry.
    ad: dict[tuple[int, int], list[tuple[int, int]]] = {}
    derived = np.zeros((len(constants), n))
    for number, ((i, j), row) in enumerate(constants.items()):
        for k, c in row.items():
            r = field.residue(c)
            ad.setdefault((k, j), []).append((i, r))
            ad.setdefault((k, i), []).append((j, field.p - r))
            derived[number, k] = r
    if not len(derived):
        return n
    killing: dict[tuple[int, int], int] = {}
    for (k, l), entries in ad.items():
        for i, r in entries:
            for j, s in ad.get((l, k), ()):
                killing[i, j] = (killing.get((i, j), 0) + r * s) % field.p
    form = np.zeros((n, n))
    for (i, j), value in killing.items():
        form[i, j] = value
    pairing = field.matmul(derived, form)
    return n - rank(pairing, field.p)
