"""The flow of dx/dt = v(t, x; theta) in each number system: value, tangent, cotangent.

Power series (`SeriesDomain` over residues): the flow for the duration s (t1 - t0), as a series
in the formal factor s; the trajectory is a series in the elapsed time w, over series in s, by
Picard iteration. Reals: an adaptive Runge-Kutta method. What is told of a flow without its value
stands in `flow_facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from symgauge.domains.degrees import DegreeDomain
from symgauge.domains.velocity import Flow
from symgauge.domains.flow_facts import Degrees, Reads, Signs
from symgauge.domains.reads import ReadsDomain
from symgauge.domains.real import RealDomain
from symgauge.domains.series import Coefficients, SeriesDomain
from symgauge.domains.signs import SignDomain
from symgauge.errors import FlowError, UnsupportedOpError
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

#: Relative and absolute error of one step of the real solver.
TOLERANCE = 1e-11
#: Steps of the real solver after which a flow is taken to blow up.
MAX_STEPS = 20_000


class Method(Protocol):
    """A flow in one number system."""

    def value(self, flow: Flow, xs: Sequence[Array]) -> Array:
        """x(t1)."""

    def tangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None]
    ) -> Array:
        """Its derivative."""

    def cotangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, ct: Array
    ) -> tuple[Array | None, ...]:
        """The adjoint of its derivative."""


def method(domain: Domain) -> Method:
    """How a domain integrates. Raises UnsupportedOpError where it cannot."""
    if isinstance(domain, SeriesDomain):
        return _Series(domain)
    if isinstance(domain, RealDomain):
        return _Reals(domain)
    if isinstance(domain, ReadsDomain):
        return Reads(domain)
    if isinstance(domain, DegreeDomain):
        return Degrees(domain)
    if isinstance(domain, SignDomain):
        return Signs(domain)
    raise UnsupportedOpError(
        f"a flow has no value in {type(domain).__name__}: only in power series and in floats"
    )


# -- power series --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Series:
    """Trajectories as series in w over the outer domain, whose variable s multiplies durations."""

    outer: SeriesDomain

    def value(self, flow: Flow, xs: Sequence[Array]) -> Array:
        x0, parameters = xs[0], xs[1:]
        outer, order = self.outer, self.outer.order
        found: Coefficients = [x0]
        branches: list[Array] | None = None
        for known in range(1, order + 1):
            # x is known up to w^(known - 1), and so is v
            inner = SeriesDomain(outer, known, len(x0))
            if branches is not None:
                inner.meet(branches)
            lines = self._lines(flow, inner, inner.join(found, x0.shape[1:]), parameters)
            branches = inner.met()
            if known < order:
                last = inner.split(lines[flow.output])[known - 1]
                found.append(None if last is None else outer.scale(last, Fraction(1, known)))
        total = x0
        for k, c in enumerate(found):
            if k and c is not None:
                total = outer.add(total, outer.shifted(outer.scale(c, flow.duration**k), k))
        # total is x0 itself where nothing moves: a copy has an identity of its own
        total = np.array(total)
        outer.kept[id(total)] = (total, (inner, lines))
        return total

    def _lines(
        self, flow: Flow, inner: SeriesDomain, x: Array, parameters: Sequence[Array]
    ) -> list[Array]:
        start = self.outer.constant(Constant((flow.t0,), np.zeros((), dtype=np.int64)))
        one = self.outer.constant(Constant((Fraction(1),), np.zeros((), dtype=np.int64)))
        t = inner.join([start, one], ())
        return flow.lines(inner, t, x, [inner.lift(p) for p in parameters])

    def _kept(self, y: Array) -> tuple[SeriesDomain, list[Array]]:
        return self.outer.kept[id(y)][1]  # type: ignore[return-value]

    def tangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None]
    ) -> Array:
        inner, lines = self._kept(y)
        outer, shape = self.outer, xs[0].shape[1:]
        first = outer.zeros(xs[0].shape) if dxs[0] is None else dxs[0]
        moved = [None if d is None else inner.lift(d) for d in dxs[1:]]
        found: Coefficients = [first]
        for known in range(1, outer.order):
            pushed = flow.push(inner, lines, inner.join(found, shape), moved)
            last = None if pushed is None else inner.split(pushed)[known - 1]
            found.append(None if last is None else outer.scale(last, Fraction(1, known)))
        total = first
        for k, c in enumerate(found):
            if k and c is not None:
                total = outer.add(total, outer.shifted(outer.scale(c, flow.duration**k), k))
        return total

    def cotangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, ct: Array
    ) -> tuple[Array | None, ...]:
        # a functional l on series in w is stored as m with l(r) = coefficient of w^(order-1) in
        # m r: then an entry a acts on it by the product a m, as on any cotangent
        inner, lines = self._kept(y)
        outer, order, shape = self.outer, self.outer.order, ct.shape[1:]
        seen: Coefficients = [
            outer.shifted(outer.scale(ct, flow.duration**k), k) for k in range(order)
        ]
        end = inner.join(seen[::-1], shape)
        own: list[Array | None] = []
        total = end
        for _ in range(order):
            # the adjoint of the integral from 0: w^k -> w^(k+1) / (k+1)
            parts = inner.split(total)
            drawn: Coefficients = [None]
            for j in range(1, order):
                c = parts[j - 1]
                drawn.append(None if c is None else outer.scale(c, Fraction(1, order - j)))
            back, own = flow.pull(inner, lines, inner.join(drawn, shape))
            total = end if back is None else inner.add(end, back)

        def constant_part(a: Array) -> Array:
            last = inner.split(a)[order - 1]
            return outer.zeros((len(ct), *a.shape[1:])) if last is None else last

        return constant_part(total), *(None if a is None else constant_part(a) for a in own)


# -- reals ---------------------------------------------------------------------------------------

#: Dormand and Prince's pair of orders 5 and 4 (J. Comp. Appl. Math. 6 (1980) 19).
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (), (1 / 5,), (3 / 40, 9 / 40), (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_FOURTH = (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)


class _Rate(Protocol):
    def __call__(self, t: float, state: list[Array]) -> list[Array]:
        """The derivative of a state."""


def _integrate(rate: _Rate, state: list[Array], start: float, end: float) -> list[Array]:
    """An adaptive Dormand-Prince method. Raises FlowError where the state blows up."""
    t, sign = start, 1.0 if end > start else -1.0
    step = abs(end - start) / 16
    for _ in range(MAX_STEPS):
        step = min(step, abs(end - t))
        h = sign * step
        slopes: list[list[Array]] = []
        for node, row in zip(_NODES, _STAGES, strict=True):
            at = [
                x + h * sum((c * k[i] for c, k in zip(row, slopes, strict=True)), 0.0 * x)
                for i, x in enumerate(state)
            ]
            slopes.append(rate(t + node * h, at))
        # the last stage stands at the new state
        wrong = max(
            float(np.max(np.abs(h * sum(
                (a - b) * k[i] for a, b, k in zip((*_STAGES[6], 0.0), _FOURTH, slopes, strict=True)
            )) / (1.0 + np.abs(at[i])), initial=0.0))
            for i in range(len(state))
        )
        if wrong <= TOLERANCE:
            state, t = at, t + h
            if abs(end - t) <= 1e-14 * abs(end - start):
                return state
        factor = 0.9 * (TOLERANCE / wrong) ** 0.2 if wrong > 0.0 else 5.0
        step *= min(5.0, max(0.2, factor if np.isfinite(factor) else 0.2))
        if not step > 1e-14 * abs(end - start):
            break
    norm = max(float(np.max(np.abs(x), initial=0.0)) for x in state)
    raise FlowError(
        f"the flow from t = {start:g} to {end:g} cannot be integrated: it was followed to "
        f"t = {t:.6g}, where the largest entry of the state is {norm:.3g}"
    )


@dataclass(frozen=True)
class _Reals:
    """Floats. `domain` is not used: branches along a trajectory are no branches of the program."""

    domain: RealDomain

    def value(self, flow: Flow, xs: Sequence[Array]) -> Array:
        batch = max(len(x) for x in xs)
        x0 = np.broadcast_to(xs[0], (batch, *xs[0].shape[1:]))

        def rate(t: float, state: list[Array]) -> list[Array]:
            return [flow.velocity(RealDomain(), np.array([t]), state[0], xs[1:])]

        return _integrate(rate, [np.array(x0)], float(flow.t0), float(flow.t1))[0]

    def tangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None]
    ) -> Array:
        dx0 = np.zeros(y.shape) if dxs[0] is None else np.array(np.broadcast_to(dxs[0], y.shape))
        x0 = np.array(np.broadcast_to(xs[0], y.shape))

        def rate(t: float, state: list[Array]) -> list[Array]:
            lines = flow.lines(RealDomain(), np.array([t]), state[0], xs[1:])
            pushed = flow.push(RealDomain(), lines, state[1], dxs[1:])
            moved = np.zeros(y.shape) if pushed is None else np.broadcast_to(pushed, y.shape)
            return [np.broadcast_to(lines[flow.output], y.shape), moved]

        return _integrate(rate, [x0, dx0], float(flow.t0), float(flow.t1))[1]

    def cotangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, ct: Array
    ) -> tuple[Array | None, ...]:
        # backwards from the end: x, the adjoint, and what the parameters gather
        batch = len(ct)
        shapes = [(batch, *p.shape[1:]) for p in xs[1:]]

        def rate(t: float, state: list[Array]) -> list[Array]:
            lines = flow.lines(RealDomain(), np.array([t]), state[0], xs[1:])
            back, own = flow.pull(RealDomain(), lines, state[1])
            gathered = [
                np.zeros(s) if a is None else -np.broadcast_to(a, s)
                for a, s in zip(own, shapes, strict=True)
            ]
            v = np.broadcast_to(lines[flow.output], ct.shape)
            return [v, np.zeros(ct.shape) if back is None else -back, *gathered]

        end = [np.array(np.broadcast_to(y, ct.shape)), ct, *(np.zeros(s) for s in shapes)]
        _, first, *own = _integrate(rate, end, float(flow.t1), float(flow.t0))
        return first, *own
