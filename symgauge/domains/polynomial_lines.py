"""Lines of a program as polynomials in its inputs and parameters."""

from __future__ import annotations

from symgauge.domains.polynomials import PolynomialDomain
from symgauge.exact.polynomial import Polynomial, Ring
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network
from symgauge.program.op import Primitive


class PolynomialLines:
    """Lines of a program of primitives, each evaluated where it is asked for, once.

    `inputs` and `parameters` are the symbols of the leaves that were met, those of parameters with
    their coordinates. `products`: of monomials, that may be taken.
    """

    def __init__(self, lowered: Network, products: int) -> None:
        self._network, self._domain = lowered, PolynomialDomain(Ring(products))
        self._lines: dict[int, Array] = {}
        self.ring = self._domain.ring
        self.inputs: set[int] = set()
        self.parameters: dict[int, int] = {}

    def entries(self, line: int) -> list[Polynomial]:
        """The entries of a line. Raises SizeLimit where they are too long."""
        for j in sorted(lines_below(self._network, [line])):
            node = self._network.nodes[j]
            if j in self._lines:
                continue
            if isinstance(node.leaf, Constant):
                self._lines[j] = self._domain.constant(node.leaf)
            elif isinstance(node.leaf, Parameter):
                start = self._network.offsets[node.leaf.name]
                symbols = self._fresh(j, node.leaf.name)
                self.parameters |= {x: start + k for k, x in enumerate(symbols)}
            elif isinstance(node.leaf, Input):
                self.inputs.update(self._fresh(j, node.leaf.name))
            elif isinstance(node.op, Primitive):
                xs = (self._lines[k] for k in node.inputs)
                self._lines[j] = node.op.apply(self._domain, *xs, **node.attrs)
        found: list[Polynomial] = self._lines[line].reshape(-1).tolist()
        return found

    def replaced(self, line: int) -> set[int]:
        """Symbols for the entries of a line, which are what others read of it from now on."""
        return set(self._fresh(line, f"line {line}"))

    def _fresh(self, line: int, name: str) -> list[int]:
        """Symbols for a line's entries, in their order."""
        self._lines[line] = self._domain.fresh(name, self._network.nodes[line].shape)
        return [next(iter(p))[0] for p in self._lines[line].reshape(-1)]
