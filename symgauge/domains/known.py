"""Known numbers: an entry is a rational number, or unknown (None), whatever the other leaves are.

It says which lines are constants once some parameters are 0: 0 times anything is 0, and a
function of a known number is known where its value is rational. A quotient by 0 is unknown; where
one stands, nothing that is read off here holds (residues mark such rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import isqrt

import numpy as np

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.kept import kept
from symgauge.program.network import Network
from symgauge.program.op import Primitive

Known = Fraction | None
#: Functions whose values at rational numbers each domain knows (`Domain.at`).
FUNCTIONS_OF_CONSTANTS = ("exp", "log", "erf", "sin", "cos", "atan", "rsqrt")


def _add(a: Known, b: Known) -> Known:
    return None if a is None or b is None else a + b


def _mul(a: Known, b: Known) -> Known:
    if a == 0 or b == 0:
        return Fraction(0)
    return None if a is None or b is None else a * b


_ADD, _MUL = np.frompyfunc(_add, 2, 1), np.frompyfunc(_mul, 2, 1)


def inverse_root(a: Known) -> Known:
    """a**(-1/2) where it is rational and positive."""
    if a is None or a <= 0:
        return None
    n, d = isqrt(a.numerator), isqrt(a.denominator)
    return Fraction(d, n) if n * n == a.numerator and d * d == a.denominator else None


def _at(place: int, value: int) -> Callable[[Array], Array]:
    """A function whose one rational value is known."""
    ufunc = np.frompyfunc(lambda a: Fraction(value) if a == place else None, 1, 1)
    return lambda a: np.asarray(ufunc(a), dtype=object)


_EXP, _LOG, _ODD, _COS = _at(0, 1), _at(1, 0), _at(0, 0), _at(0, 1)
_RECIPROCAL = np.frompyfunc(lambda a: 1 / a if a else None, 1, 1)
_RSQRT = np.frompyfunc(inverse_root, 1, 1)


class KnownDomain(Domain):
    """Object arrays of Fractions and None."""

    def constant(self, constant: Constant) -> Array:
        constant.require_values()
        table = np.empty(len(constant.table), dtype=object)
        table[:] = constant.table
        out: Array = table[constant.index.reshape(-1)].reshape(1, *constant.shape)
        return out

    def add(self, a: Array, b: Array) -> Array:
        return np.asarray(_ADD(a, b), dtype=object)

    def mul(self, a: Array, b: Array) -> Array:
        return np.asarray(_MUL(a, b), dtype=object)

    def scale(self, a: Array, factor: Fraction) -> Array:
        return self.mul(a, np.full((1,) * a.ndim, factor, dtype=object))

    def matmul(self, a: Array, b: Array) -> Array:
        terms = self.mul(a[..., :, :, None], b[..., None, :, :])
        return self.sum(terms, (terms.ndim - 2,))

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        kept = [k for k in range(a.ndim) if k not in axes]
        flat = a.transpose(*axes, *kept).reshape(-1, *(a.shape[k] for k in kept))
        out = self.zeros(flat.shape[1:])
        for term in flat:
            out = self.add(out, term)
        return out

    def reciprocal(self, a: Array) -> Array:
        return np.asarray(_RECIPROCAL(a), dtype=object)

    def rsqrt(self, a: Array) -> Array:
        return np.asarray(_RSQRT(a), dtype=object)

    def exp(self, a: Array) -> Array:
        return _EXP(a)

    def log(self, a: Array) -> Array:
        return _LOG(a)

    def erf(self, a: Array) -> Array:
        return _ODD(a)

    def erf_slope(self, a: Array) -> Array:
        return self.unknown(a.shape)

    def sin(self, a: Array) -> Array:
        return _ODD(a)

    def cos(self, a: Array) -> Array:
        return _COS(a)

    def atan(self, a: Array) -> Array:
        return _ODD(a)

    def step(self, a: Array) -> Array:
        return self.unknown(a.shape)

    def floor(self, a: Array) -> Array:
        return self.unknown(a.shape)

    def ranking(self, a: Array, count: int) -> Array:
        return self.unknown((*a.shape[:-1], count, a.shape[-1]))

    def one_hot(self, a: Array, count: int) -> Array:
        return self.unknown((*a.shape, count))

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, Fraction(0), dtype=object)

    def lines(self, network: Network, wanted: Iterable[int]) -> dict[int, Array]:
        """Some lines that depend on constants alone, and what they are made of."""
        needed, stack = set(), list(wanted)
        while stack:
            i = stack.pop()
            if i not in needed:
                needed.add(i)
                stack += network.nodes[i].inputs
        out: dict[int, Array] = {}
        for i in sorted(needed):
            node = network.nodes[i]
            if isinstance(node.leaf, Constant):
                unknown = bool(node.leaf.unknown)
                out[i] = self.unknown((1, *node.shape)) if unknown else self.constant(node.leaf)
            elif isinstance(node.op, Primitive) and node.body is None:
                out[i] = node.op.apply(self, *(out[j] for j in node.inputs), **node.attrs)
            else:
                out[i] = self.unknown((1, *node.shape))
        return out

    @staticmethod
    def as_constant(a: Array) -> Constant | None:
        """A batch of one as a constant, where every entry is known."""
        flat = a[0].reshape(-1).tolist() if a.ndim > 1 else [a[0]]
        if any(v is None for v in flat):
            return None
        number = {v: k for k, v in enumerate(dict.fromkeys(flat))}
        index = np.array([number[v] for v in flat], dtype=np.int64).reshape(a.shape[1:])
        return Constant(tuple(number), index)

    def unknown(self, shape: tuple[int, ...]) -> Array:
        """Entries of which nothing is known."""
        return np.full(shape, None, dtype=object)


def arguments_of(network: Network) -> Mapping[int, Constant]:
    """The argument of each function of rational constants (exp 1, sqrt 2), by line."""
    return _functions_of_constants(network)[0]


def nested_functions(network: Network) -> tuple[str, ...]:
    """The functions of constants that are not rational, such as exp of exp 1."""
    return _functions_of_constants(network)[1]


@kept
def _functions_of_constants(network: Network) -> tuple[Mapping[int, Constant], tuple[str, ...]]:
    found = {
        i: n.inputs[0] for i, n in enumerate(network.nodes)
        if network.is_constant[i] and n.op is not None and n.op.name in FUNCTIONS_OF_CONSTANTS
    }
    domain = KnownDomain()
    lines = domain.lines(network, found.values())
    known: dict[int, Constant] = {}
    nested: list[str] = []
    for i, j in found.items():
        argument = domain.as_constant(lines[j])
        if argument is None:
            nested.append(network.nodes[i].label)
        else:
            known[i] = argument
    return known, tuple(sorted(set(nested)))
