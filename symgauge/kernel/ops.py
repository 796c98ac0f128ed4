"""What each op of a program is, stated once, as a value over any domain of numbers.

`OPS[name](domain, *values, **attributes)` is the value. Values have axes of their own in front
(points, directions); an op acts on the last ones. Composite ops are written by the primitive ones.
A wrong shape, axis or place raises ValueError or IndexError where the program is read.
"""

from __future__ import annotations

from fractions import Fraction
from math import pi, prod, sqrt

import numpy as np

OPS = {}
#: Attributes that are exact rationals, and all that an op may have.
RATIONAL = ("factor", "slope", "alpha", "scale", "rate", "beta", "eps")
ATTRIBUTES = (*RATIONAL, "exponent", "axes", "axis", "size", "dims", "start", "stop", "step",
              "index", "count", "approximate", "table")
ONE = Fraction(1)


def float_value(value):
    """The rational that a float of the code stands for: a small one, a short decimal, itself."""
    small, decimal = Fraction(value).limit_denominator(1000), Fraction(repr(value))
    if float(small) == value:
        return small
    short = len(str(abs(decimal.numerator)).rstrip("0")) <= 6
    return decimal if short else Fraction(value)


def _op(rule):
    OPS[rule.__name__.rstrip("_")] = rule
    return rule


def _require(holds, what):
    if not holds:
        raise ValueError(what)


def _rank(d, x):
    return len(d.shape(x)) - 1


# -- primitives -----------------------------------------------------------------------------------


for _name in ("reciprocal", "rsqrt", "exp", "log", "erf", "sin", "cos", "step", "floor", "add",
              "mul", "matmul"):
    OPS[_name] = lambda d, *xs, _name=_name: getattr(d, _name)(*xs)


@_op
def scale(d, x, factor):
    return d.scale(x, factor)


@_op
def ranking(d, x, count):
    _require(type(count) is int and 0 < count <= d.shape(x)[-1], f"count {count!r}")
    return d.ranking(x, count)


@_op
def one_hot(d, x, count):
    _require(type(count) is int and 0 < count < 1 << 20, f"count {count!r}")
    return d.one_hot(x, count)


@_op
def power(d, x, exponent):
    _require(type(exponent) is int and 2 <= exponent <= 64, f"exponent {exponent!r}")
    out = x
    for bit in bin(exponent)[3:]:
        out = d.mul(out, out)
        out = d.mul(out, x) if bit == "1" else out
    return out


@_op
def sum_(d, x, axes):
    n = _rank(d, x)
    _require(len(set(axes)) == len(axes) and all(0 <= a < n for a in axes), f"axes {axes}")
    return d.sum(x, tuple(a - n for a in axes))


@_op
def reshape(d, x, size):
    k = _rank(d, x)
    return d.move(lambda a: a.reshape(*a.shape[:a.ndim - k], *size), x)


@_op
def permute(d, x, dims):
    k = _rank(d, x)
    _require(sorted(dims) == list(range(k)), f"dims {dims}")
    return d.move(lambda a: a.transpose(
        *range(a.ndim - k), *(a.ndim - k + i for i in dims)), x)


@_op
def expand(d, x, size):
    _require(_rank(d, x) == len(size), f"size {size}")
    return d.move(lambda a: np.broadcast_to(a, (*a.shape[:a.ndim - len(size)], *size)), x)


@_op
def slice_(d, x, axis, start, stop, step):
    _require(0 <= axis < _rank(d, x) and 0 <= start <= stop and step > 0, "the slice")
    place = (..., slice(start, stop, step), *(slice(None),) * (_rank(d, x) - axis - 1))
    return d.move(lambda a: a[place], x)


@_op
def take(d, x, axis, index):
    k, chosen = _rank(d, x), np.array(index)
    _require(0 <= axis < k and chosen.ndim and chosen.dtype.kind == "i" and (chosen >= 0).all(),
             f"axis {axis}")
    return d.move(lambda a: np.take(a, chosen, axis=a.ndim - k + axis), x)


@_op
def concatenate(d, *xs, axis):
    k = _rank(d, xs[0])
    _require(0 <= axis < k and all(_rank(d, x) == k for x in xs), f"axis {axis}")

    def move(*parts):
        lead = np.broadcast_shapes(*(a.shape[:a.ndim - k] for a in parts))
        return np.concatenate([np.broadcast_to(a, (*lead, *a.shape[a.ndim - k:]))
                               for a in parts], axis=axis - k)
    return d.move(move, *xs)


# -- composites -----------------------------------------------------------------------------------


def _along(d, x, axes, rule=lambda total: total):
    """A function of the sum along axes, repeated along them."""
    behind = tuple(a - _rank(d, x) for a in axes)
    sizes = [d.shape(x)[a] for a in behind]

    def repeated(a):
        a = np.expand_dims(a, behind)
        shape = list(a.shape)
        for axis, n in zip(behind, sizes):
            shape[axis] = n
        return np.broadcast_to(a, shape)
    _require(all(-_rank(d, x) <= a < 0 for a in behind), f"axes {axes}")
    return d.move(repeated, rule(d.sum(x, behind)))


@_op
def sigmoid(d, x):
    return d.reciprocal(d.shift(d.exp(d.scale(x, -ONE)), ONE))


@_op
def tanh(d, x):
    return d.shift(d.scale(d.reciprocal(d.shift(d.exp(d.scale(x, 2 * ONE)), ONE)), -2 * ONE), ONE)


@_op
def silu(d, x):
    return d.mul(x, sigmoid(d, x))


@_op
def sqrt_(d, x):
    return d.mul(x, d.rsqrt(x))


@_op
def relu(d, x):
    return d.mul(d.gate(x), x)


@_op
def abs_(d, x):
    return d.mul(d.shift(d.scale(d.gate(x), 2 * ONE), -ONE), x)


@_op
def maximum(d, a, b):
    gap = d.add(a, d.scale(b, -ONE))
    return d.add(b, d.mul(d.gate(gap), gap))


@_op
def leaky_relu(d, x, slope):
    return d.mul(d.shift(d.scale(d.gate(x), 1 - slope), slope), x)


@_op
def softplus(d, x, beta):
    return d.scale(d.log(d.shift(d.exp(d.scale(x, beta)), ONE)), 1 / beta)


@_op
def elu(d, x, alpha, scale, rate):
    on = d.gate(x)
    fall = d.scale(d.shift(d.exp(d.scale(x, rate)), -ONE), alpha)
    return d.scale(d.add(d.mul(on, x), d.mul(d.shift(d.scale(on, -ONE), ONE), fall)), scale)


@_op
def gelu(d, x, approximate):
    if approximate == "tanh":
        cubic = d.scale(d.mul(x, d.mul(x, x)), float_value(0.044715))
        gate = tanh(d, d.scale(d.add(x, cubic), float_value(sqrt(2 / pi))))
    else:
        _require(approximate == "none", f"approximate {approximate!r}")
        gate = d.erf(d.scale(x, float_value(sqrt(0.5))))
    return d.scale(d.mul(x, d.shift(gate, ONE)), ONE / 2)


@_op
def softmax(d, x, mask=None, *, axis, kept=None):
    weights = d.exp(x) if mask is None else d.mul(d.exp(x), mask)

    def inverse(total):
        if kept is not None and not kept.any(axis=axis).all():
            # a row that is left out whole has the value 0, not 0/0
            empty = (~kept.any(axis=axis)).astype(np.int64)
            total = d.add(total, d.constant((0 * ONE, ONE), empty))
        return d.reciprocal(total)
    return d.mul(weights, _along(d, weights, (axis,), inverse))


@_op
def log_softmax(d, x, axis):
    return d.add(x, d.scale(_along(d, d.exp(x), (axis,), d.log), -ONE))


@_op
def standardise(d, x, axes, eps):
    count = int(np.prod([d.shape(x)[a - _rank(d, x)] for a in axes]))
    if count == 1 and eps > 0:
        return d.scale(x, 0 * ONE)
    centred = d.add(x, d.scale(_along(d, x, axes), -ONE / count))
    return d.mul(centred, _along(d, d.mul(centred, centred), axes, lambda total: d.rsqrt(
        d.shift(d.scale(total, ONE / count), eps))))


@_op
def amax(d, x):
    return d.sum(d.mul(d.move(lambda a: a[..., 0, :], d.ranking(x, 1)), x), (-1,))


@_op
def position(d, x, table):
    _require(len(table) == d.shape(x)[-1] and all(type(t) is int for t in table), "the table")
    index = np.broadcast_to(np.arange(len(table)), d.shape(x)[-_rank(d, x):])
    return d.sum(d.mul(x, d.constant(tuple(map(Fraction, table)), index)), (-1,))


@_op
def tabulated(d, *xs, table, count):
    _require(len(table) == prod(d.shape(x)[-1] for x in xs), "the table")
    joint = xs[0]
    for x in xs[1:]:
        m, n = d.shape(joint)[-1], d.shape(x)[-1]
        joint = d.mul(d.move(lambda a, n=n: np.repeat(a, n, axis=-1), joint),
                      d.move(lambda a, m=m: np.tile(a, m), x))
    _require(count > 1 and all(type(k) is int and 0 <= k < count for k in table), "the table")
    # column k sums the products whose value is k; the last one is 1 minus the others
    chosen = (np.array(table)[:, None] == np.arange(count)).astype(np.int64)
    chosen[:, -1] = 2 * (1 - chosen[:, -1])
    lead = d.shape(joint)[-_rank(d, joint):-1]
    matrix = d.constant((0 * ONE, ONE, -ONE), np.broadcast_to(chosen, (*lead, *chosen.shape)))
    rest = np.broadcast_to((np.arange(count) == count - 1).astype(np.int64), (*lead, count))
    sums = d.matmul(d.move(lambda a: a[..., None, :], joint), matrix)
    return d.add(d.move(lambda a: a[..., 0, :], sums), d.constant((0 * ONE, ONE), rest))
