"""What is told of a flow's end without its value: what it reads, how it scales, its signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.domains.degrees import DegreeDomain, Inhomogeneous
from symgauge.domains.reads import ReadsDomain
from symgauge.domains.signs import ANY, SignDomain
from symgauge.domains.velocity import Flow
from symgauge.errors import UnsupportedOpError
from symgauge.program.array import Array


@dataclass(frozen=True)
class Reads:
    """What the end can read: more of the start at every step, until nothing changes."""

    domain: ReadsDomain

    def _end(self, flow: Flow, xs: Sequence[Array]) -> tuple[Array, list[Array]]:
        x, t = xs[0], np.ones((1,))
        while True:
            lines = flow.lines(self.domain, t, x, xs[1:])
            grown = np.maximum(x, lines[flow.output])
            if np.array_equal(grown, x):
                return x, lines
            x = grown

    def value(self, flow: Flow, xs: Sequence[Array]) -> Array:
        return self._end(flow, xs)[0]

    def tangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None]
    ) -> Array:
        x, lines = self._end(flow, xs)
        moved = np.zeros(x.shape) if dxs[0] is None else dxs[0]
        while True:
            pushed = flow.push(self.domain, lines, moved, dxs[1:])
            grown = moved if pushed is None else np.maximum(moved, pushed)
            if np.array_equal(grown, moved):
                return moved
            moved = grown

    def cotangent(
        self, flow: Flow, xs: Sequence[Array], y: Array, ct: Array
    ) -> tuple[Array | None, ...]:
        _, lines = self._end(flow, xs)
        while True:
            back, own = flow.pull(self.domain, lines, ct)
            grown = ct if back is None else np.maximum(ct, back)
            if np.array_equal(grown, ct):
                return ct, *own
            ct = grown


@dataclass(frozen=True)
class Degrees:
    """The end scales as the start does; a velocity is of one degree more, and time of one less.

    The elapsed time is what scales: of a field that reads the time, the flow must start at 0.
    """

    domain: DegreeDomain

    def value(self, flow: Flow, xs: Sequence[Array]) -> Array:
        domain, start = self.domain, xs[0]
        # what starts at 0 is there with every degree, and goes on with one of its own
        x = np.where(start == 0, domain.fresh(start.shape), start)
        t = domain.raised(domain.one(1), -1)
        if flow.t0 and flow.reads_time:
            raise Inhomogeneous("a field that reads the time is followed from another time than 0")
        v = flow.velocity(domain, t, x, xs[1:])
        domain.alike(v, domain.raised(x, 1))
        return np.where((start == 0) & (v == 0), 0, x)

    def tangent(self, *_: object) -> Array:
        raise UnsupportedOpError("degrees have no tangents")

    def cotangent(self, *_: object) -> tuple[Array | None, ...]:
        raise UnsupportedOpError("degrees have no cotangents")


@dataclass(frozen=True)
class Signs:
    """The end may have any sign; roots, logarithms and divisions of the velocity are met."""

    domain: SignDomain

    def value(self, flow: Flow, xs: Sequence[Array]) -> Array:
        """Any signs."""
        end = np.full(xs[0].shape, ANY, dtype=np.int8)
        flow.velocity(self.domain, np.full((1,), ANY, dtype=np.int8), end, xs[1:])
        return end

    def tangent(self, *_: object) -> Array:
        raise UnsupportedOpError("signs have no tangents")

    def cotangent(self, *_: object) -> tuple[Array | None, ...]:
        raise UnsupportedOpError("signs have no cotangents")
