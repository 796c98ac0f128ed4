"""Pieces that a family moves are joined to functions that it keeps.

A scaling: products of powers. A matrix g: contractions of an axis on which g acts with one on which
g^-T does (of GL; of SO all pairs; of GL(1, C) also with a quarter turn between). These generate the
polynomial invariants of GL and O (Weyl's first fundamental theorem); permutations are no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations_with_replacement
from math import gcd, lcm

import numpy as np
import numpy.typing as npt

from symgauge.families.family import Family
from symgauge.invariants.laurent import Laurent
from symgauge.invariants.pieces import Entry, Piece

#: Terms of all entries that are still held.
LARGEST = 20_000
#: How many products of a contraction may meet in one term.
MEETING = 10
#: Pieces with one axis of a matrix family beyond which no longer words are made.
WORDS = 24


Array = npt.NDArray[np.object_]


class TooLarge(Exception):
    """More terms than are held: nothing is said of the rest."""


def reduced(pieces: Sequence[Piece], families: Sequence[Family], done: set[int]) -> list[Piece]:
    """Pieces that no scaling and no matrix family moves any more, as far as their axes tell."""
    left = [p for p in pieces if p.values.size]
    scalings = {n for n, f in enumerate(families) if f.kind.is_scaling and n not in done}
    left = [q for p in left for q in _without(p, done)]
    left = _scaled(left, scalings)
    for number, family in enumerate(families):
        if family.kind.is_matrix and number not in done:
            left = _turned(left, number, family)
            _check(left)
    return left


def _check(pieces: Sequence[Piece]) -> None:
    _hold(sum(_terms(p.values) for p in pieces))


def _hold(terms: int) -> None:
    """Raise TooLarge before so many terms are made."""
    if terms > LARGEST:
        raise TooLarge


def _terms(values: Array) -> int:
    return sum(len(x.terms) for x in values.reshape(-1))


def _without(piece: Piece, done: set[int]) -> Iterator[Piece]:
    """The piece without families that are done."""
    yield replace(piece, axes=tuple(
        {f: a for f, a in axis.items() if f not in done} for axis in piece.axes))


# -- scalings ------------------------------------------------------------------------------------


def _scaled(pieces: list[Piece], scalings: set[int]) -> list[Piece]:
    """Products of powers that no number of a scaling moves."""
    apart = [q for p in pieces for q in _apart(p, scalings)]
    entries = list(dict.fromkeys(e for p in apart for e in p.weights))
    for entry in entries:
        mine = [p for p in apart if p.weights.get(entry)]
        apart = [p for p in apart if not p.weights.get(entry)]
        apart += _products(mine, entry)
        _check(apart)
    return apart


def _apart(piece: Piece, scalings: set[int]) -> list[Piece]:
    """Parts of a piece, each of which is scaled as a whole."""
    for k, axis in enumerate(piece.axes):
        acting = [f for f in axis if f in scalings and max(axis[f].copy) >= 0]
        if not acting:
            continue
        groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for at in range(piece.values.shape[k]):
            key = tuple((axis[f].copy[at], axis[f].index[at]) for f in acting)
            groups.setdefault(key, []).append(at)
        out = []
        for key, positions in groups.items():
            part = piece.take(k, positions).scaled_apart(k, scalings)
            if len(groups) > 1 and all(c >= 0 for c, _ in key):
                where = ",".join(str(i) for _, i in key[:1])
                part = replace(part, name=_indexed(part.name, k, where))
            out += _apart(part, scalings)
        return out
    return [piece]


def _indexed(name: str, axis: int, where: str) -> str:
    return f"{name}[{':,' * axis}{where}]"


def _products(pieces: list[Piece], entry: Entry) -> list[Piece]:
    """What is made of all pieces that one number scales."""
    plus = [p for p in pieces if p.weights[entry] > 0]
    minus = [p for p in pieces if p.weights[entry] < 0]
    if plus and minus:
        return [_product(p, q, entry) for p in plus for q in minus]
    reference = next(
        ((p, x) for p in pieces for x in p.values.reshape(-1) if len(x.terms) == 1), None)
    if reference is None:
        return []
    whole, number = reference
    out = []
    for p in pieces:
        power = -p.weights[entry] / whole.weights[entry]
        factor = number.power(int(power)) if power.denominator == 1 else None
        if factor is not None:
            unit = Piece(f"{whole.name}[0]^{power}", np.array(factor, dtype=object).reshape(()),
                         (), {e: w * power for e, w in whole.weights.items()})
            out.append(outer(unit, p))
    return out


def _product(p: Piece, q: Piece, entry: Entry) -> Piece:
    """p^a q^b with a and b coprime, which the number does not move."""
    u, v = p.weights[entry], -q.weights[entry]
    scale = lcm(u.denominator, v.denominator)
    a, b = int(v * scale), int(u * scale)
    common = gcd(a, b)
    out = p
    for factor in [p] * (a // common - 1) + [q] * (b // common):
        out = outer(out, factor)
        _check([out])
    return out


def outer(p: Piece, q: Piece) -> Piece:
    """All products of an entry of one and an entry of the other."""
    _hold(_terms(p.values) * _terms(q.values))
    values = np.multiply.outer(p.values, q.values) if p.values.shape or q.values.shape else (
        np.array(p.values.item() * q.values.item(), dtype=object))
    weights = dict(p.weights)
    for e, w in q.weights.items():
        weights[e] = weights.get(e, Fraction(0)) + w
    return Piece(f"{p.name} (x) {q.name}", values, (*p.axes, *q.axes),
                 {e: w for e, w in weights.items() if w})


# -- matrices ------------------------------------------------------------------------------------


def _turned(pieces: list[Piece], number: int, family: Family) -> list[Piece]:
    """Contractions that a matrix family does not move."""
    apart = [q for p in pieces for q in _copies(p, number, family.size)]
    out = [p for p in apart if not p.where(number)]
    copies = sorted({p.axes[p.where(number)[0]][number].copy[0] for p in apart if p.where(number)})
    for c in copies:
        mine = [p for p in apart
                if p.where(number) and p.axes[p.where(number)[0]][number].copy[0] == c]
        out += _contractions(mine, number, family)
        _check(out)
    return out


def _copies(piece: Piece, number: int, size: int) -> list[Piece]:
    """Parts whose axes are one copy of the element each, in its order, or not moved by it."""
    for k, axis in enumerate(piece.axes):
        acting = axis.get(number)
        if acting is None or max(acting.copy) < 0:
            continue
        groups: dict[tuple[int, int], list[int]] = {}
        seen: dict[tuple[int, int], int] = {}
        for at, (c, i) in enumerate(zip(acting.copy, acting.index, strict=True)):
            turn = 0
            if c >= 0:
                turn = seen.get((c, i), 0)
                seen[c, i] = turn + 1
            groups.setdefault((c, turn), []).append(at)
        if len(groups) == 1:
            continue
        out = []
        many = len({turn for _, turn in groups}) > 1
        for (c, turn), positions in groups.items():
            positions.sort(key=lambda at: acting.index[at])
            if c >= 0 and len(positions) != size:
                raise ValueError("a copy of the element is not whole")
            part = piece.take(k, positions)
            if c >= 0:
                said = f"{piece.name}_{c}" + (f",{turn}" if many else "")
                part = replace(part, name=said)
            out += _copies(part, number, size)
        return out
    return [piece]


def _contractions(pieces: list[Piece], number: int, family: Family) -> list[Piece]:
    """All invariants of one copy of the element that pieces with one or two of its axes make."""
    kind = family.kind
    orthogonal = bool(getattr(kind, "orthogonal", False))
    turned = getattr(kind, "is_of_a_plane", False)
    vectors = _vectors(pieces, number, family)
    out: list[Piece] = []
    for p, q in combinations_with_replacement(vectors, 2):
        a, b = p.where(number)[0], q.where(number)[0]
        roles = _role(p, a, number), _role(q, b, number)
        if not orthogonal and roles[0] == roles[1]:
            continue
        if not orthogonal and roles[0] < 0:
            p, q, a, b = q, p, b, a
        out.append(contracted(p, a, q, b))
        if turned:
            out.append(contracted(p, a, _quarter(q, b), b))
        _check(out)
    return out


def _role(piece: Piece, axis: int, number: int) -> int:
    """1 where g acts, -1 where g^-T does."""
    return 1 if piece.axes[axis][number].weight > 0 else -1


def _vectors(pieces: list[Piece], number: int, family: Family) -> list[Piece]:
    """Pieces with one axis of a matrix family, and words: matrices times these, again and again.
    """
    orthogonal = bool(getattr(family.kind, "orthogonal", False))
    vectors = [p for p in pieces if len(p.where(number)) == 1]
    double = [p for p in pieces if len(p.where(number)) == 2]
    # of GL, matrices times vectors on one side alone: (A^2 b, c), (A b, A^T c) say the same
    plus = any(_role(p, p.where(number)[0], number) > 0 for p in vectors)
    if getattr(family.kind, "fixes_ones", False):
        ones = np.array([Laurent.number(1)] * family.size, dtype=object)
        axis = next(p.axes[k][number] for p in pieces for k in p.where(number))
        vectors.append(Piece("1", ones, ({number: axis},)))
    newest = [v for v in vectors
              if orthogonal or (_role(v, v.where(number)[0], number) > 0) == plus]
    for _ in range(family.size if double else 0):
        newest = [
            contracted(m, k, v, v.where(number)[0])
            for m in double for k in m.where(number) for v in newest
            if orthogonal or _role(v, v.where(number)[0], number) == -_role(m, k, number)
        ]
        vectors += newest
        _check(vectors)
        if len(vectors) > WORDS:
            break
    return vectors


def _quarter(piece: Piece, axis: int) -> Piece:
    """A quarter turn of a plane."""
    values = np.moveaxis(piece.values, axis, 0)
    minus = np.vectorize(lambda x: x * Laurent.number(-1), otypes=[object])
    turned = np.stack([minus(values[1]), values[0]]) if values.ndim > 1 else np.array(
        [values[1] * Laurent.number(-1), values[0]], dtype=object)
    return replace(piece, name=f"J {piece.name}", values=np.moveaxis(turned, 0, axis))


def contracted(p: Piece, a: int, q: Piece, b: int) -> Piece:
    """The sum over an axis of each."""
    left, right = np.moveaxis(p.values, a, -1), np.moveaxis(q.values, b, 0)
    shape = (*left.shape[:-1], *right.shape[1:])
    n = left.shape[-1]
    rows, columns = left.reshape(-1, n), right.reshape(n, -1)
    # terms of one entry may meet: the entries' own numbers are held as well, by the callers
    _hold(sum(_terms(rows[:, k]) * _terms(columns[k]) for k in range(n)) // MEETING)
    values = np.empty((len(rows), columns.shape[1]), dtype=object)
    for i, j in np.ndindex(*values.shape):
        values[i, j] = Laurent.collect(
            term for k in range(n) for term in (rows[i, k] * columns[k, j]).terms.items())
    axes = [x for k, x in enumerate(p.axes) if k != a] + [
        x for k, x in enumerate(q.axes) if k != b]
    weights = dict(p.weights)
    for e, w in q.weights.items():
        weights[e] = weights.get(e, Fraction(0)) + w
    return Piece(_said(p, a, q, b), values.reshape(shape), tuple(axes), weights)


def _said(p: Piece, a: int, q: Piece, b: int) -> str:
    """W_Q^T W_K, as it is written for matrices."""
    left, right = (f"({x.name})" if " " in x.name else x.name for x in (p, q))
    first = f"{left}^T" if a == 0 and len(p.axes) > 1 else left
    second = f"{right}^T" if b == 1 else right
    return f"{first} {second}"
