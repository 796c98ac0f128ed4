"""The signs that values can have, whatever the parameters and inputs: is f analytic everywhere?

A value is the set of the signs it may have, as bits: NEGATIVE, ZERO, POSITIVE. Products and sums
of sets are those of their members; a square is not negative. What this does not see (x - x = 0)
only makes a set too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from symgauge.domains.evaluate import values
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.lower import lower
from symgauge.program.network import Network

NEGATIVE, ZERO, POSITIVE = 1, 2, 4
ANY, NOT_NEGATIVE = NEGATIVE | ZERO | POSITIVE, ZERO | POSITIVE
_BIT = {-1: NEGATIVE, 0: ZERO, 1: POSITIVE}


def _table(combine: dict[tuple[int, int], int]) -> Array:
    """The set of what the members of two sets combine to."""
    out = np.zeros((8, 8), dtype=np.int8)
    for (s, t), found in combine.items():
        for a in range(8):
            for b in range(8):
                if a & _BIT[s] and b & _BIT[t]:
                    out[a, b] |= found
    return out


_SIGNS = (-1, 0, 1)
_MUL = _table({(s, t): _BIT[s * t] for s in _SIGNS for t in _SIGNS})
_ADD = _table({
    (s, t): ANY if s * t < 0 else _BIT[s or t] for s in _SIGNS for t in _SIGNS
})
_SQUARE = np.array(
    [(a & ZERO) | (POSITIVE if a & ~ZERO else 0) for a in range(8)], dtype=np.int8)


class SignDomain(Domain):
    """Sets of signs. `partial`: a root or logarithm of what may not be positive was met; `rooted`:
    a root or logarithm at all; `negative`: one of what may be negative; `divides`: a division by
    what may be 0."""

    def __init__(self) -> None:
        self.partial = self.rooted = self.negative = self.divides = False

    def constant(self, constant: Constant) -> Array:
        table = np.array([_sign(v) for v in constant.table], dtype=np.int8)
        out: Array = table[constant.index][None]
        return out

    def add(self, a: Array, b: Array) -> Array:
        out: Array = _ADD[a, b]
        return out

    def mul(self, a: Array, b: Array) -> Array:
        out: Array = _SQUARE[a] if a is b else _MUL[a, b]
        return out

    def scale(self, a: Array, factor: Fraction) -> Array:
        out: Array = _MUL[a, _sign(factor)]
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        return self.sum(_MUL[a[..., :, :, None], b[..., None, :, :]], (a.ndim - 1,))

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        kept = [k for k in range(a.ndim) if k not in axes]
        flat = a.transpose(*axes, *kept).reshape(-1, *(a.shape[k] for k in kept))
        out: Array = np.full(flat.shape[1:], ZERO, dtype=np.int8)
        for term in flat:
            out = _ADD[out, term]
        return out

    def reciprocal(self, a: Array) -> Array:
        self.divides |= bool((a & ZERO).any())
        out: Array = a & ~np.int8(ZERO)
        return out

    def _root(self, a: Array) -> None:
        self.rooted = True
        self.partial |= bool((a != POSITIVE).any())
        self.negative |= bool((a & NEGATIVE).any())

    def rsqrt(self, a: Array) -> Array:
        self._root(a)
        return self._full(a, POSITIVE)

    def log(self, a: Array) -> Array:
        self._root(a)
        return self._full(a, ANY)

    def exp(self, a: Array) -> Array:
        return self._full(a, POSITIVE)

    def erf(self, a: Array) -> Array:
        return a

    def erf_slope(self, a: Array) -> Array:
        return self._full(a, POSITIVE)

    def sin(self, a: Array) -> Array:
        return self._full(a, ANY)

    def cos(self, a: Array) -> Array:
        return self._full(a, ANY)

    def atan(self, a: Array) -> Array:
        return a

    def step(self, a: Array) -> Array:
        return self._full(a, NOT_NEGATIVE)

    def floor(self, a: Array) -> Array:
        return self._full(a, ANY)

    def ranking(self, a: Array, count: int) -> Array:
        return np.full((*a.shape[:-1], count, a.shape[-1]), NOT_NEGATIVE, dtype=np.int8)

    def one_hot(self, a: Array, count: int) -> Array:
        return np.full((*a.shape, count), NOT_NEGATIVE, dtype=np.int8)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, ZERO, dtype=np.int8)

    def _full(self, a: Array, signs: int) -> Array:
        return np.full(a.shape, signs, dtype=np.int8)


def _sign(value: Fraction) -> int:
    return POSITIVE if value > 0 else NEGATIVE if value < 0 else ZERO


def analytic_everywhere(network: Network) -> bool:
    """Whether one non-zero minor shows that it is non-zero off a proper analytic subset.

    So it is where every root and logarithm is of what is always positive: f is then analytic for
    all parameters and inputs. Divisions by what may be 0 do no harm where there are no roots and
    logarithms: f is single-valued and holomorphic off a complex hypersurface, whose complement is
    connected. Only sufficient; not for piecewise networks.
    """
    domain, _ = _signs(network)
    return not (domain.partial or domain.rooted and domain.divides)


def ends_somewhere(network: Network) -> bool:
    """Whether a division may be by 0, or a root or a logarithm of what is not positive."""
    domain, _ = _signs(network)
    return domain.partial or domain.divides


def may_be_negative(network: Network, zero: Sequence[str]) -> bool:
    """Whether a root or logarithm may be of a negative number where these parameters are 0."""
    return _signs(network, zero)[0].negative


def signs_of_lines(network: Network) -> list[int]:
    """The signs that some entry of a line of the lowered program may have, for each line."""
    return [int(np.bitwise_or.reduce(a, axis=None)) for a in _signs(network)[1]]


def _signs(network: Network, zero: Sequence[str] = ()) -> tuple[SignDomain, list[Array]]:
    """What is met at all parameters, some of them 0, and all inputs; and the signs of all lines."""
    lowered, domain = lower(network), SignDomain()
    theta = {
        p.name: np.full((1, *p.shape), ZERO if p.name in zero else ANY, dtype=np.int8)
        for p in lowered.parameters
    }
    inputs = {
        x.name: np.full((1, *x.shape), NOT_NEGATIVE if x.classes else ANY, dtype=np.int8)
        for x in lowered.inputs
    }
    return domain, values(lowered, domain, theta, inputs)
