"""Finite group elements and generators, drawn at random from the parts that their kind names.

Everything here is said once for arrays of numpy and of torch: `library` is that of the array. An
element is a product of factors that act on rows and need no inversion: 1 + u v^T, numbers s, or a
given matrix with its inverse. A matrix of GL is drawn as g = L S R, with L and R two Householder
reflections each (so det > 0) and S diagonal in [2^-1/2, 2^1/2]. The condition number is at most 2;
with 4, rounding alone reached 10 floors once in 400 float64 runs. Rotations are L alone, and shifts
at most as large as what they shift, for the same reason; a centred element is 1 + u 1^T with |u| at
most 1/2 and 1^T u >= 0, and smaller for a bias with a large sum, which moves by u times its sum.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

from symgauge.plain import PlainElement

Array = Any  # of numpy or of torch

REFLECTIONS = 2


def library(array: Array) -> Any:
    """numpy or torch, whichever the array is of."""
    return sys.modules["torch" if hasattr(array, "new_tensor") else "numpy"]


def beside(value: Any, like: Array) -> Any:
    """An array, or what is made of arrays, in float64 on the device of another."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(beside(item, like) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: beside(getattr(value, f.name), like)
                                 for f in fields(value)})
    xp = library(like)
    return xp.asarray(value, dtype=xp.float64, device=like.device)


def transposed(matrix: Array) -> Array:
    return matrix.swapaxes(-1, -2)


# -- what acts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """1 + u v^T, for vectors copies + [n] with v.u > -1; a reflection is 1 - 2 v v^T."""

    u: Array
    v: Array

    def act(self, form: str, rows: Array) -> None:
        u, v = self.u, self.v
        if form != "g":
            u = self.inverse().u
        if form == "g^-T":
            u, v = v, u
        rows += (rows @ v[..., :, None]) * u[..., None, :]

    def inverse(self) -> Line:
        """1 - u v^T / (1 + v.u)."""
        return Line(-self.u / (1 + (self.u * self.v).sum(-1)[..., None]), self.v)


@dataclass(frozen=True)
class Numbers:
    """diag(s), or s times 1: copies + [n or 1]."""

    s: Array

    def act(self, form: str, rows: Array) -> None:
        if form == "g":
            rows *= self.s[..., None, :]
        else:
            rows /= self.s[..., None, :]

    def inverse(self) -> Numbers:
        return Numbers(1 / self.s)


@dataclass(frozen=True)
class Matrix:
    """A matrix and its inverse, copies + [n, n]."""

    g: Array
    back: Array

    def act(self, form: str, rows: Array) -> None:
        by = {"g": transposed(self.g), "g^-T": self.back, "g^-1": transposed(self.back)}[form]
        rows[...] = rows @ by

    def inverse(self) -> Matrix:
        return Matrix(self.back, self.g)


@dataclass(frozen=True)
class Element:
    """A finite group element: factors, the first of which acts first; or numbers s and a shift c.

    In a family of scalings the shift is log s, where a move adds it.
    """

    factors: tuple[Line | Numbers | Matrix, ...] = ()
    scale: Array = None
    shift: Array = None

    def act(self, form: str, rows: Array) -> Array:
        """g, g^-T or g^-1 on every row (copies + [rows, n]), in place."""
        for factor in self.factors[::-1] if form == "g^-1" else self.factors:
            factor.act(form, rows)
        return rows

    def inverse(self) -> Element:
        """The factors' inverses in reverse order; 1/s; -c."""
        return Element(
            tuple(factor.inverse() for factor in reversed(self.factors)),
            None if self.scale is None else 1 / self.scale,
            None if self.shift is None else -self.shift,
        )

    def __matmul__(self, other: Element) -> Element:
        """The product: this one after the other."""
        scales = [x for x in (self.scale, other.scale) if x is not None]
        shifts = [x for x in (self.shift, other.shift) if x is not None]
        return Element(
            other.factors + self.factors,
            math.prod(scales) if scales else None, sum(shifts) if shifts else None)


@dataclass(frozen=True)
class Generator:
    """The derivative of an element at the identity: the matrix u^T v + diag(t), or a vector t."""

    u: Array = None
    v: Array = None
    t: Array = None

    def act(self, form: str, rows: Array) -> Array:
        """xi, -xi^T or -xi on every row: the derivatives of g, g^-T and g^-1."""
        u, v = (self.v, self.u) if form == "g^-T" else (self.u, self.v)
        changed = rows @ transposed(v) @ u
        if self.t is not None:
            changed = changed + rows * self.t[..., None, :]
        return changed if form == "g" else -changed

    def __add__(self, other: Generator) -> Generator:
        """The sum, where only one has a vector t or only one has a matrix."""
        pairs = ((self.u, other.u), (self.v, other.v), (self.t, other.t))
        return Generator(*(b if a is None else a for a, b in pairs))


# -- drawn at random -------------------------------------------------------------------------------


class Source(Protocol):
    """Random numbers in float64, of numpy or of torch."""

    def normal(self, shape: Sequence[int]) -> Array:
        """N(0, 1)."""

    def away_from_zero(self, shape: Sequence[int], least: float, most: float) -> Array:
        """Uniform in [-most, -least] and [least, most]: the identity is not drawn by accident."""


def random_element(element: PlainElement, unit: float, source: Source) -> Element:
    """A random element of one family; `unit` is the scale of a translation, or of a centred u."""
    found = Element()
    for part in element["parts"]:
        made, numbers = part_named(part)
        shape = [*element["copies"], element["size"]]
        found = PARTS[made](shape, unit, source, *numbers) @ found
    return found


def random_generator(element: PlainElement, unit: float, source: Source) -> Generator:
    """A random element of the family's Lie algebra."""
    found = Generator()
    for part in element["algebra_parts"]:
        made, numbers = part_named(part)
        shape = [*element["copies"], element["size"]]
        found = found + ALGEBRA_PARTS[made](shape, unit, source, *numbers)
    return found


def part_named(part: str) -> tuple[str, list[int]]:
    """A part's own name, and the numbers that stand behind it, as "columns[2:3]"."""
    made, _, numbers = part.rstrip("]").partition("[")
    return made, [int(k) for k in numbers.split(":")] if numbers else []


def unit_vectors(vectors: Array) -> Array:
    return vectors / ((vectors * vectors).sum(-1) ** 0.5)[..., None]


def without_mean(vectors: Array) -> Array:
    """Orthogonal to the vector of ones: what is made of these fixes it."""
    return vectors - vectors.mean(-1)[..., None]


def unprepared(vectors: Array) -> Array:
    return vectors


def random_reflections(prepared: Callable[[Array], Array]) -> Callable[..., Element]:
    """1 - 2 v v^T for random unit vectors v, each prepared first."""
    def drawn(shape: list[int], unit: float, source: Source) -> Element:
        found = [unit_vectors(prepared(source.normal(shape))) for _ in range(REFLECTIONS)]
        return Element(tuple(Line(-2 * v, v) for v in found))

    return drawn


def random_numbers(shape: list[int], unit: float, source: Source) -> Element:
    """diag(s), s in [2^-1/2, 2^1/2]."""
    log = source.away_from_zero(shape, math.log(2) / 4, math.log(2))
    return Element((Numbers(library(log).exp(log / 2)),))


def random_number(shape: list[int], unit: float, source: Source) -> Element:
    return random_numbers([*shape[:-1], 1], unit, source)


def random_line(shape: list[int], unit: float, source: Source) -> Element:
    """1 + u 1^T."""
    u = unit / math.sqrt(shape[-1]) * source.away_from_zero(shape, 1 / 8, 1 / 2)
    xp = library(u)
    u = xp.where(u.sum(-1)[..., None] < 0, -u, u)
    return Element((Line(u, xp.ones_like(u)),))


def unit_rows(like: Array, start: int, stop: int) -> Array:
    """The basis vectors of a range, copies + [stop - start, n]."""
    rows = library(like).zeros_like(like)
    for k in range(stop - start):
        rows[..., k, start + k] = 1.0
    return rows


def random_columns(
    shape: list[int], unit: float, source: Source, start: int, stop: int
) -> Element:
    """1 + u e_j^T for each basis vector e_j of a range: all others are fixed."""
    *copies, size = shape
    u = source.away_from_zero([*copies, stop - start, size], 1 / 8, 1 / 2) / math.sqrt(size)
    e = unit_rows(u, start, stop)
    return Element(tuple(Line(u[..., k, :], e[..., k, :]) for k in range(stop - start)))


def of_pairs(real: Array, imaginary: Array, classes: Sequence[int]) -> Array:
    """A complex matrix on pairs (k, k + m), 0 between the classes."""
    m, xp = len(classes), library(real)
    for i in range(m):
        for j in range(m):
            if classes[i] != classes[j]:
                real[..., i, j] = 0.0
                imaginary[..., i, j] = 0.0
    join = xp.concatenate
    return join([join([real, -imaginary], -1), join([imaginary, real], -1)], -2)


def random_pairs(shape: list[int], unit: float, source: Source, *classes: int) -> Element:
    """1 + Z with |Z| at most 1/3."""
    m = len(classes)
    real, imaginary = (
        source.away_from_zero([*shape[:-1], m, m], 1 / 16, 1 / 5) / m for _ in range(2))
    g = of_pairs(real, imaginary, classes)
    one = library(g).zeros_like(g)
    for k in range(2 * m):
        one[..., k, k] = 1.0
    return Element((Matrix(one + g, library(g).linalg.inv(one + g)),))


def random_scaling(shape: list[int], unit: float, source: Source) -> Element:
    """s in [1/2, 2]."""
    log = source.away_from_zero(shape, math.log(2) / 4, math.log(2))
    return Element((), library(log).exp(log), log)


def random_shift(shape: list[int], unit: float, source: Source) -> Element:
    return Element((), None, unit * source.away_from_zero(shape, 0.25, 1.0))


def rank_two(shape: list[int], unit: float, source: Source) -> Generator:
    """A matrix of rank 2."""
    *copies, size = shape
    u, v = (source.normal([*copies, REFLECTIONS, size]) / math.sqrt(size) for _ in range(2))
    return Generator(u, v)


def rank_one(shape: list[int], unit: float, source: Source) -> Generator:
    """u 1^T."""
    u = random_speed(shape, source)[..., None, :] / shape[-1]
    return Generator(u, library(u).ones_like(u))


def columns(
    shape: list[int], unit: float, source: Source, start: int, stop: int
) -> Generator:
    """V E^T, E the basis vectors of a range."""
    *copies, size = shape
    u = random_speed([*copies, stop - start, size], source) / math.sqrt(size)
    return Generator(u, unit_rows(u, start, stop))


def pairs(shape: list[int], unit: float, source: Source, *classes: int) -> Generator:
    """A complex matrix on the pairs of each class."""
    m = len(classes)
    real, imaginary = (random_speed([*shape[:-1], m, m], source) / m for _ in range(2))
    z = of_pairs(real, imaginary, classes)
    one = library(z).zeros_like(z)
    for k in range(2 * m):
        one[..., k, k] = 1.0
    return Generator(transposed(z), one)


def random_planes(prepared: Callable[[Array], Array], fixed: int) -> Callable[..., Generator]:
    """Antisymmetric: planes orthogonal to each other, and to `fixed` vectors by what prepares them.

    Of a sum of others little but rounding may be left.
    """
    def drawn(shape: list[int], unit: float, source: Source) -> Generator:
        *copies, size = shape
        count = min(REFLECTIONS, (size - fixed) // 2)
        vectors = prepared(source.normal([*copies, 2 * count, size]))
        # after it once more: of almost parallel vectors rounding leaves a mean
        frame = prepared(transposed(library(vectors).linalg.qr(transposed(vectors))[0]))
        u = frame[..., :count, :] * random_speed([*copies, count, 1], source)
        v = frame[..., count:, :]
        join = library(u).concatenate
        return Generator(join([u, -v], -2), join([v, u], -2))

    return drawn


def random_speed(shape: list[int], source: Source) -> Array:
    return source.away_from_zero(shape, 0.25, 1.75)


PARTS: dict[str, Callable[..., Element]] = {
    "reflections": random_reflections(unprepared),
    "reflections that fix ones": random_reflections(without_mean),
    "numbers": random_numbers,
    "one number": random_number,
    "line": random_line,
    "columns": random_columns,
    "pairs": random_pairs,
    "scale": random_scaling,
    "shift": random_shift,
}
ALGEBRA_PARTS: dict[str, Callable[..., Generator]] = {
    "lines": rank_two,
    "line": rank_one,
    "columns": columns,
    "pairs": pairs,
    "planes": random_planes(unprepared, 0),
    "planes that fix ones": random_planes(without_mean, 1),
    "numbers": lambda shape, unit, source: Generator(t=random_speed(shape, source)),
    "one number": lambda shape, unit, source: Generator(t=random_speed([*shape[:-1], 1], source)),
    "scale": lambda shape, unit, source: Generator(t=random_speed(shape, source)),
    "shift": lambda shape, unit, source: Generator(t=unit * random_speed(shape, source)),
}
