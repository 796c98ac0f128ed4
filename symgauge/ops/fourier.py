"""Discrete Fourier transforms: products with the matrices of cosines and sines."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import cos, pi, prod
from typing import Any

import numpy as np

from symgauge.ops.complex import Complex, as_complex
from symgauge.ops.cumsum import along
from symgauge.program.network import ROUNDED
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer

#: The parts a + b sqrt 2 + c sqrt 3 of cos at multiples of 1/24 of a turn, where it has such.
_HALF = Fraction(1, 2)
EXACT = {0: (1, 0, 0), 2: (0, 0, _HALF), 3: (0, _HALF, 0), 4: (_HALF, 0, 0), 6: (0, 0, 0)}


class Fourier(Rewrite):
    """y_k = sum_j exp(-+ 2 pi i j k / n) x_j along axes, over 1, sqrt n or n."""

    name = "fourier"
    aten = ("_fft_c2c.default", "_fft_r2c.default", "_fft_c2r.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Of real numbers half of the transform, and real numbers of such a half."""
        given, axes, norm = as_complex(build, args[0]), list(args[1]), args[2]
        rank = len(given.shape)
        axes = [a % rank for a in axes]
        sizes = {a: given.shape[a] for a in axes}
        if overload.startswith("_fft_c2r"):
            sizes[axes[-1]] = args[3]
            for axis in axes[:-1]:
                given = _transformed(build, given, axis, 1)
            real = _from_half(build, given, axes[-1], args[3])
            return _over(build, real, norm, prod(sizes.values()))
        sign = 1 if overload.startswith("_fft_c2c") and not args[3] else -1
        for axis in axes:
            given = _transformed(build, given, axis, sign)
        parts = [_over(build, x, norm, prod(sizes.values())) for x in (given.re, given.im)]
        if overload.startswith("_fft_r2c") and args[3]:
            last = axes[-1]
            parts = [build.slice(x, last, 0, sizes[last] // 2 + 1) for x in parts]
        return Complex(*parts)

    def samples(self) -> Iterator[Sample]:
        yield from ()


def _transformed(build: Writer, z: Complex, axis: int, sign: int) -> Complex:
    """sum_j (cos + i sign sin)(2 pi j k / n) z_j."""
    n = z.shape[axis]
    turns = np.outer(np.arange(n), np.arange(n))
    c, s = _cosines(build, turns, n), build.scale(_sines(build, turns, n), sign)
    (a, b), (d, e) = ([along(build, x, axis, t) for t in (c, s)] for x in (z.re, z.im))
    return Complex(build.add(a, build.scale(e, -1)), build.add(b, d))


def _from_half(build: Writer, z: Complex, axis: int, n: int) -> Value:
    """The real x whose transform has z as its first half."""
    half = np.arange(n // 2 + 1)
    z = Complex(*(build.slice(x, axis, 0, len(half)) for x in (z.re, z.im)))
    turns = np.outer(half, np.arange(n))
    twice = np.where((half == 0) | (2 * half == n), 1.0, 2.0)[:, None] * np.ones(n)
    weights = build.floats(twice)
    c, s = (build.mul(f(build, turns, n), weights) for f in (_cosines, _sines))
    return build.add(along(build, z.re, axis, c), build.scale(along(build, z.im, axis, s), -1))


def _over(build: Writer, x: Value, norm: int, count: int) -> Value:
    """x over 1, the root of the number of entries, or that number."""
    if norm == 1:
        return build.mul(x, build.apply("rsqrt", build.full(count, ())))
    return build.scale(x, Fraction(1, count)) if norm else x


def _sines(build: Writer, turns: Any, n: int) -> Value:
    return _cosines(build, 4 * turns - n, 4 * n)


def _cosines(build: Writer, turns: Any, n: int) -> Value:
    """cos(2 pi t / n) of whole numbers t: exact where the turns are multiples of 1/8 and 1/12."""
    steps = 24 * (turns % n)
    exact = [None if k % n else _exact(int(k // n)) for k in steps.reshape(-1)]
    if None in exact:
        build.note(ROUNDED.format(op="fft"))
        table = [cos(2 * pi * t / n) for t in (turns % n).reshape(-1)]
        return build.floats(np.array(table).reshape(turns.shape))
    found = None
    for k, radicand in enumerate((1, 2, 3)):
        numbers = np.array([float(parts[k]) for parts in exact if parts]).reshape(turns.shape)
        if k and not numbers.any():
            continue
        part = build.floats(numbers)
        if k:
            part = build.mul(part, build.apply("sqrt", build.full(radicand, ())))
        found = part if found is None else build.add(found, part)
    assert found is not None
    return found


def _exact(k: int) -> tuple[Any, ...] | None:
    """cos(2 pi k / 24) as a + b sqrt 2 + c sqrt 3."""
    k = min(k % 24, -k % 24)
    parts = EXACT.get(min(k, 12 - k))
    return parts if parts is None or k <= 6 else tuple(-p for p in parts)
