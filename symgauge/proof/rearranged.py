"""f(g.theta, x) = f(theta, x) for a g that orders the parameters' entries anew, or turns signs.

The program is written out in symbols, with theta and with g.theta. Where every output is the same
expression, up to the order of sums and products, it is proved for all theta and x at these sizes.
Where it is not, nothing is refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from symgauge.domains.evaluate import values, values_after
from symgauge.domains.terms import TermDomain
from symgauge.errors import UndecidedError, UnsupportedOpError
from symgauge.program.array import Array
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.op import Primitive


class Rearrangements:
    """A program in symbols; asked for orders and signs of its parameters' entries."""

    def __init__(self, network: Network) -> None:
        self._program = lower(network)
        self._domain = TermDomain()
        # a flow has no expression
        self._written = all(
            n.op is None or isinstance(n.op, Primitive) for n in self._program.nodes)
        self._symbols: Mapping[str, Array] = {}
        self._usual: list[Array] | None = None

    def negate(self, a: Array) -> Array:
        """-a, of terms."""
        return self._domain.scale(a, Fraction(-1))

    def proves(self, moved: Callable[[Mapping[str, Array]], Mapping[str, Array]]) -> bool:
        """Whether every output stays as it is where the parameters' symbols (batch of one) move.

        `moved` gives those that do, from all of them.
        """
        if not self._written:
            return False
        try:
            if self._usual is None:
                self._symbols = {
                    p.name: self._domain.symbols("parameter", p.name, p.shape)
                    for p in self._program.parameters}
                inputs = {i.name: self._domain.symbols("input", i.name, i.shape)
                          for i in self._program.inputs}
                self._usual = values(self._program, self._domain, self._symbols, inputs)
            # a value here is its arguments' alone, of steps and rankings too
            lines = values_after(self._program, self._domain, self._usual, moved(self._symbols))
        except (UndecidedError, UnsupportedOpError):
            self._written = self._usual is not None  # else it is no better with other parameters
            return False
        return all(
            np.array_equal(self._usual[k], lines[k]) for k in self._program.outputs)
