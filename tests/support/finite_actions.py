"""Families of every kind and form, and their finite action written once more, exactly.

The second writing takes whatever arithmetic its arrays have (fractions, SymPy symbols, floats). It
reads places by `Coordinates` alone, and shares nothing with what acts on weights.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from networks import Sketch

from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Place, Through
from symgauge.families.kinds import kind_named, kinds
from symgauge.families.kinds.fixing import Fixing
from symgauge.families.part import Part
from symgauge.families.serial import plain_family
from symgauge.program.network import Network

Values = dict[str, np.ndarray[Any, Any]]
KINDS = kinds()
SHAPES = {"w": (4, 6), "v": (6, 4), "b": (6,), "t": (4, 6), "o": (4,), "gain": (6,), "n": (),
          "other": (6, 4)}


def network() -> Network:
    """A program that has these parameters: their squares, summed."""
    sketch = Sketch()
    total = sketch.input("x")
    for name, shape in SHAPES.items():
        p = sketch.parameter(name, *shape)
        square = sketch.build.mul(p, p)
        for _ in shape:
            square = sketch.build.sum(square, 0)
        total = sketch.build.add(total, square)
    return sketch.network(total)


def at(axis: int, sizes: tuple[int, ...], along: int, *per: int, start: int = 0) -> Place:
    return Place(axis, start, sizes, along, per)


def scaled(parameter: str, place: Place | None, weight: Any = 1, offset: Any = 0) -> Move:
    return Move(parameter, "s^k", place, Fraction(weight), None, Fraction(offset))


def shifted(parameter: str, place: Place | None, weight: Any = 1) -> Move:
    return Move(parameter, "+c", place, Fraction(weight))


def read(parameter: str, source: str, place: Place, weight: Any = -1) -> Move:
    return Move(parameter, "+Tc", place, Fraction(weight), source)


def over(parameter: str, source: str, part: Part = (), weight: Any = 1) -> Move:
    return Move(parameter, "+c/T", None, Fraction(weight), source, part=part)


SIX = (6,)
GAIN = Through("gain", KINDS["diagonal"], (), 6, (
    scaled("gain", at(0, SIX, 0)), scaled("w", at(1, SIX, 0), -1)))
BIAS = Through("b", KINDS["translation"], (), 6, (
    shifted("b", at(0, SIX, 0)), read("o", "w", at(1, SIX, 0))))


def matrices(kind: str, n: int, *copies: int) -> Family:
    """g on rows of v and g^-T on columns of w, for each copy."""
    sizes = (*copies, n)
    per = tuple(range(len(copies)))
    rest = 6 // prod(sizes)
    sizes = (*sizes, rest) if rest > 1 else sizes
    return Family(KINDS[kind], copies, n, (
        Move("v", "g", at(0, sizes, len(copies), *per)),
        Move("w", "g^-T", at(1, sizes, len(copies), *per)),
    ), ())


#: Every kind and form; copies and none, a place and none, blocks, fractional powers, slices.
FAMILIES: dict[str, Family] = {
    "gl": matrices("gl", 2), "gl, copies": matrices("gl", 2, 3),
    "so": matrices("so", 3), "so, copies": matrices("so", 3, 2),
    "so1": matrices("so1", 3), "so1, copies": matrices("so1", 3, 2),
    "complex": matrices("complex", 2), "complex, copies": matrices("complex", 2, 3),
    "centred": matrices("centred", 3), "centred, copies": matrices("centred", 3, 2),
    "fixing": matrices("fixing", 3), "fixing, copies": matrices("fixing", 3, 2),
    "fixing all but two": replace(matrices("fixing", 3), kind=kind_named("fixing[1:3]")),
    "pairs that turn alike": replace(
        matrices("fixing", 4), kind=kind_named("equal_turns[0:0]")),
    "two of three pairs that turn alike": replace(
        matrices("fixing", 6), kind=kind_named("equal_turns[0:1:0]")),
    "rows and columns": Family(KINDS["gl"], (), 2, (
        Move("w", "g", at(0, (2, 2), 1)), Move("w", "g^-T", at(1, (2, 3), 0))), ()),
    "two factors of one axis": Family(KINDS["gl"], (), 2, (
        Move("w", "g", at(0, (2, 2), 0)), Move("w", "g^-T", at(0, (2, 2), 1))), ()),
    "two blocks": Family(KINDS["gl"], (), 2, (
        Move("w", "g", at(0, (2,), 0)), Move("w", "g", at(0, (2,), 0, start=2))), ()),
    "scaling": Family(KINDS["diagonal"], (), 6, (
        scaled("w", at(1, SIX, 0)), scaled("v", at(0, SIX, 0), -1),
        scaled("gain", at(0, SIX, 0), 2),
    ), ()),
    "scaling, copies": Family(KINDS["diagonal"], (2,), 3, (
        scaled("w", at(1, (2, 3), 1, 0)), scaled("b", at(0, (2, 3), 1, 0), Fraction(-1, 2)),
    ), ()),
    "scaling of all": Family(KINDS["diagonal"], (), 1, (
        scaled("w", None), scaled("n", None, -2), scaled("v", None, Fraction(2, 3))), ()),
    "gain with an offset": Family(KINDS["diagonal"], (), 6, (
        scaled("gain", at(0, SIX, 0), 1, 1), scaled("w", at(1, SIX, 0), -1)), ()),
    "gain with an offset, copies": Family(KINDS["diagonal"], (3,), 2, (
        scaled("gain", at(0, (3, 2), 1, 0), Fraction(-3, 2), Fraction(-5, 3)),
        scaled("w", at(1, (3, 2), 1, 0), -1)), ()),
    "one gain with an offset": Family(KINDS["diagonal"], (), 1, (
        scaled("n", None, 2, Fraction(1, 4)), scaled("w", None, -2)), ()),
    "logarithms": Family(KINDS["diagonal"], (), 6, (
        shifted("b", at(0, SIX, 0), 3), scaled("w", at(1, SIX, 0), -1),
        read("o", "t", at(1, SIX, 0), Fraction(1, 2))), ()),
    "translation": Family(KINDS["translation"], (), 6, (
        shifted("b", at(0, SIX, 0)), shifted("gain", at(0, SIX, 0), Fraction(-2, 3)),
        read("o", "w", at(1, SIX, 0))), ()),
    "over a gain": Family(KINDS["translation"], (), 1, (
        over("w", "gain", (0, 0, 2)), over("w", "gain", (0, 2, 4), -2), over("b", "gain")), ()),
    "over a gain, copies, with sums of what stays": Family(KINDS["translation"], (2,), 2, (
        replace(over("w", "gain"), at=at(0, (2, 2), 1, 0)),
        replace(shifted("o", at(0, (2, 2), 1, 0), -1), sum_of="v", sum_over="other"),
        replace(read("b", "t", at(0, (2, 2), 1, 0)), sum_of="gain")), ()),
    "a sum on a slice": Family(KINDS["translation"], (), 4, (
        shifted("w", at(0, (4,), 0)), replace(
            shifted("o", at(0, (4,), 0), -1), sum_of="b")), (), (replace(
                GAIN, moves=(*GAIN.moves, scaled("b", at(0, SIX, 0)))),)),
    "a part": Family(KINDS["gl"], (), 2, (
        replace(Move("w", "g", at(1, (3, 2), 1)), part=(0, 1, 3)),
        replace(Move("w", "g^-T", at(1, (3, 2), 1)), part=(0, 0, 1))), ()),
    "translation, copies": Family(KINDS["translation"], (2,), 3, (
        shifted("b", at(0, (2, 3), 1, 0)), read("o", "w", at(1, (2, 3), 1, 0)),
        read("o", "t", at(1, (2, 3), 1, 0), 2)), ()),
    "translation of all": Family(KINDS["translation"], (), 1, (
        shifted("b", None), shifted("w", None, -1)), ()),
    "through a gain": Family(KINDS["so"], (), 6, (
        Move("w", "g^-T", at(1, SIX, 0)), Move("v", "g", at(0, SIX, 0))), (), (GAIN,)),
    "through a gain and a bias": Family(KINDS["so1"], (), 3, (
        Move("w", "g^-T", at(1, (2, 3), 1)), Move("v", "g", at(0, (2, 3), 1))), (), (GAIN, BIAS)),
}

#: Families whose moves, one after the other, are no group action with the sum of their fields.
FALSE: dict[str, Family] = {
    "scaled and then shifted": Family(KINDS["diagonal"], (), 6, (
        scaled("gain", at(0, SIX, 0)), shifted("gain", at(0, SIX, 0))), ()),
    "shifted and then scaled, a block": Family(KINDS["diagonal"], (), 3, (
        shifted("gain", at(0, (3,), 0, start=3)), scaled("gain", at(0, (2, 3), 1), 2)), ()),
    "two offsets": Family(KINDS["diagonal"], (), 6, (
        scaled("gain", at(0, SIX, 0), 1, 1), scaled("gain", at(0, SIX, 0), 1, 2)), ()),
    "one offset and none": Family(KINDS["diagonal"], (), 6, (
        scaled("gain", at(0, SIX, 0), 1, 1), scaled("gain", at(0, SIX, 0), 1)), ()),
    "a source that is scaled": Family(KINDS["diagonal"], (), 6, (
        scaled("t", at(1, SIX, 0)), read("o", "t", at(1, SIX, 0))), ()),
    "a source that is shifted": Family(KINDS["translation"], (), 6, (
        read("o", "t", at(1, SIX, 0)), shifted("t", at(1, SIX, 0))), ()),
    "a sum of what is shifted": Family(KINDS["translation"], (), 6, (
        shifted("b", at(0, SIX, 0)), replace(shifted("gain", at(0, SIX, 0)), sum_of="b")), ()),
    "a target that is scaled": Family(KINDS["diagonal"], (), 6, (
        scaled("o", None), read("o", "t", at(1, SIX, 0))), ()),
    "two matrices on one axis": Family(KINDS["gl"], (), 2, (
        Move("w", "g", at(0, (2, 2), 1)), Move("w", "g", at(0, (2, 2), 1))), ()),
    "a matrix on what numbers the other's copies": Family(KINDS["gl"], (2,), 2, (
        Move("w", "g", at(0, (2, 2), 1, 0)), Move("w", "g", at(0, (2, 2), 0, 1))), ()),
    "blocks that overlap": Family(KINDS["gl"], (), 2, (
        Move("w", "g", at(0, (2,), 0)), Move("w", "g^-T", at(0, (2,), 0, start=1))), ()),
    "what the slice holds moves": Family(KINDS["diagonal"], (), 6, (
        scaled("gain", at(0, SIX, 0)), scaled("v", at(0, SIX, 0))), (), (GAIN,)),
    "what the slice holds is read": Family(KINDS["translation"], (), 4, (
        read("gain", "w", at(0, (4,), 0)),), (), (GAIN,)),
    "a slice that is no action": Family(KINDS["translation"], (), 4, (
        shifted("n", None),), (), (Through("gain", KINDS["diagonal"], (), 6, (
            scaled("gain", at(0, SIX, 0)), shifted("gain", at(0, SIX, 0)))),)),
}


@dataclass(frozen=True)
class Exact:
    """An element: matrices (copies, n, n) and their inverses, or s and log s, or c (copies, n)."""

    g: Any = None
    inverse: Any = None
    s: Any = None
    log: Any = None

    def times(self, other: "Exact") -> "Exact":
        """The product: this one after the other."""
        if self.g is not None:
            return Exact(self.g @ other.g, other.inverse @ self.inverse)
        s = None if self.s is None else self.s * other.s
        return Exact(None, None, s, self.log + other.log)


def moved(family: Family, element: Exact, theta: Values) -> Values:
    """g.theta by the moves in their order, through the slices."""
    coordinates = Coordinates(network())
    names = {n: coordinates.whole(n).reshape(-1) for n in SHAPES}
    flat = np.empty(coordinates.total, dtype=object)
    for name, where in names.items():
        flat[where] = theta[name].reshape(-1)
    ways = []
    for through in family.via:
        (own,) = (m for m in through.moves if m.parameter == through.parameter)
        value = flat[coordinates.at(own.parameter, own.at).reshape(-1)]
        value = value.reshape(1, -1)
        h = Exact(s=value ** int(own.weight)) if through.kind.is_scaling else Exact(
            log=value / own.weight)
        back = [m for m in through.moves if m is not own]
        for m in reversed(back):
            _one(m, Exact(s=None if h.s is None else 1 / h.s,
                          log=None if h.log is None else -h.log), flat, coordinates)
        ways.append((back, h))
    for move in family.moves:
        _one(move, element, flat, coordinates)
    for back, h in reversed(ways):
        for m in back:
            _one(m, h, flat, coordinates)
    return {n: flat[where].reshape(SHAPES[n]) for n, where in names.items()}


def _one(move: Move, e: Exact, flat: Any, coordinates: Coordinates) -> None:
    if move.form == "+c/T":
        target = coordinates.whole(move.parameter, move.part)
        source = np.broadcast_to(coordinates.whole(move.source), target.shape)
        c = np.full(target.size, e.log[0, 0], dtype=object)
        if move.at is not None:
            first = target.reshape(-1)[0]
            for k, rows in enumerate(coordinates.moved(move)):
                for i, row in enumerate(rows):
                    c[row.reshape(-1) - first] = e.log[k, i]
        flat[target] = flat[target] + move.weight * c.reshape(target.shape) / flat[source]
        return
    if move.sum_of is not None:
        entries = flat[coordinates.whole(move.sum_of)]
        if move.sum_over is not None:
            entries = entries / flat[coordinates.whole(move.sum_over)]
        e = replace(e, log=e.log * entries.sum())
    index = (coordinates.read if move.source else coordinates.moved)(move)
    copies, size = index.shape[:2]
    for c in range(copies):
        rows = index[c].reshape(size, -1)
        if move.form in ("g", "g^-T"):
            matrix = e.g[c] if move.form == "g" else e.inverse[c].T
            flat[rows] = matrix @ flat[rows]
            continue
        for i in range(size):
            if move.form == "s^k":
                power = _power(e.s[c, i], move.weight)
                flat[rows[i]] = power * (flat[rows[i]] + move.offset) - move.offset
            elif move.form == "+c":
                flat[rows[i]] = flat[rows[i]] + move.weight * e.log[c, i]
            else:
                target = coordinates.whole(move.parameter).reshape(-1)
                for row in index[c, i]:
                    flat[target] = flat[target] + move.weight * e.log[c, i] * flat[row]


def _power(s: Any, k: Fraction) -> Any:
    """s^k; of a fraction that is a sixth power, exactly."""
    if k.denominator == 1:
        return s ** int(k)
    if isinstance(s, float):
        return s ** float(k)
    if not isinstance(s, Fraction):
        return s ** k  # a symbol
    root = Fraction(round(s.numerator ** (1 / 6)), round(s.denominator ** (1 / 6)))
    assert root**6 == s
    return root ** int(6 * k)


def draw(family: Family, rng: Any) -> Exact:
    """A random exact element."""
    copies, n = prod(family.copies), family.size
    if family.kind.is_shift:
        return Exact(log=_fractions(rng, copies, n))
    if family.kind.is_scaling:
        roots = np.vectorize(lambda k: Fraction(int(k), 2) ** 6, otypes=[object])(
            rng.integers(1, 5, (copies, n)))
        return Exact(s=roots, log=_fractions(rng, copies, n))
    g = np.stack([_matrix(family.kind, n, rng) for _ in range(copies)])
    return Exact(g, np.stack([_inverse(m) for m in g]))


def _fractions(rng: Any, *shape: int) -> Any:
    return np.vectorize(lambda k: Fraction(int(k), 3), otypes=[object])(rng.integers(-9, 10, shape))


def _matrix(kind: Any, n: int, rng: Any) -> Any:
    one = np.vectorize(Fraction, otypes=[object])(np.eye(n, dtype=int))
    a = _fractions(rng, n, n)
    if isinstance(kind, Fixing):
        one[:, kind.start:kind.stop] += np.abs(a[:, kind.start:kind.stop])
        return one
    kind = kind.name
    if kind == "gl":
        return a + 7 * one
    if kind == "complex":
        turn = np.array([[0, -1], [1, 0]], dtype=object)
        return a[0, 0] * turn + (abs(a[1, 1]) + 1) * one
    if kind == "centred":
        return one + np.abs(a[:, :1]) * np.ones((1, n), dtype=object)
    if kind == "so1":
        centre = one - np.ones((n, n), dtype=object) * Fraction(1, n)
        a = centre @ a @ centre
    skew = (a - a.T) * Fraction(1, 7)
    return _inverse(one - skew) @ (one + skew)  # Cayley


def _inverse(m: Any) -> Any:
    n = len(m)
    rows = np.concatenate([m, np.vectorize(Fraction, otypes=[object])(np.eye(n, dtype=int))], 1)
    for i in range(n):
        k = next(k for k in range(i, n) if rows[k, i])
        rows[[i, k]] = rows[[k, i]]
        rows[i] = rows[i] / rows[i, i]
        for j in range(n):
            if j != i:
                rows[j] = rows[j] - rows[j, i] * rows[i]
    return rows[:, n:]


def entry(family: Family) -> dict[str, Any]:
    """The family as derivation.json says it."""
    return {"label": "family", **plain_family(family)}


def is_matrix(family: Family) -> bool:
    return family.kind.is_matrix
