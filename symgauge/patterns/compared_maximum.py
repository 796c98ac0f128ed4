r"""A comparison with a maximum that is the same everywhere, or that asks only which entry is it.

Law: for an entry x_j of the row whose maximum is m, x_j - m <= 0, and 0 where j is the place of m.
So H(x_j - m - c) = 0 for c >= 0, H(m - x_j + c) = 1 for c > 0, and H(m - x_j) = 1 - e_j, e the
one-hot row of the place: what floats and balls do not decide, since x_j - m is 0 on a whole cell.

Arguments are compared as linear forms over QQ: sums and multiples of lines, their entries moved;
every other line is a symbol for each entry. A step of which entries fall under different cases
stays as it is.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from symgauge.domains.polynomials import PolynomialDomain
from symgauge.exact import polynomial
from symgauge.exact.polynomial import Polynomial, Ring, ratio
from symgauge.ops.add import Add
from symgauge.ops.amax import Amax
from symgauge.ops.expand import Expand
from symgauge.ops.mul import Mul
from symgauge.ops.permute import Permute
from symgauge.ops.reshape import Reshape
from symgauge.ops.scale import Scale
from symgauge.ops.step import Step
from symgauge.program.array import Array
from symgauge.program.build import Builder, rebuilt
from symgauge.program.constant import Constant
from symgauge.program.network import Network, Node
from symgauge.program.op import Primitive, Structural
from symgauge.program.writer import Value

#: Entries of a comparison above which it is left as it is.
ENTRIES = 100_000


def rewritten(network: Network) -> Network:
    """The network with 0, 1 or a place for each step that says no more."""
    if not any(isinstance(node.op, Amax) for node in network.nodes):
        return network
    forms = _Forms(network)

    def instead(build: Builder, moved: list[Value], i: int) -> Value | None:
        node, case = network.nodes[i], forms.case(i)
        if isinstance(case, int):
            return build.full(case, node.shape)
        if case is not None:
            row, places = case
            ranking = build.apply("ranking", moved[row], count=1)
            flat = build.reshape(ranking, (int(np.prod(ranking.shape)),))
            place = build.apply("take", flat, axis=0, index=tuple(places))
            return build.add(build.scale(build.reshape(place, node.shape), -1), 1)
        number = _number(build, node, [moved[j] for j in node.inputs])
        return None if number is None else build.full(number, node.shape)
    return rebuilt(network, instead)


def _number(build: Builder, node: Node, inputs: list[Value]) -> Fraction | None:
    """The one number that a line is now, so that what is behind a 0 is unread."""
    leaves = [build.node(x).leaf for x in inputs]
    known = [
        leaf.table[0] if isinstance(leaf, Constant) and len(leaf.table) == 1 else None
        for leaf in leaves]
    if isinstance(node.op, Mul) and 0 in known:
        return Fraction(0)
    if None in known:
        return None
    numbers = [x for x in known if x is not None]
    if isinstance(node.op, Scale):
        return numbers[0] * Fraction(node.attrs["factor"])
    if isinstance(node.op, Add):
        return sum(numbers, Fraction(0))
    return numbers[0] if isinstance(node.op, (Reshape, Expand, Permute)) else None


class _Forms:
    """Lines as linear forms in the entries of others, and what a step says of a maximum."""

    def __init__(self, network: Network) -> None:
        self.network, self.domain = network, PolynomialDomain(Ring())
        self.known: dict[int, Array] = {}
        #: Of the symbol of each maximum: its line's input, its number among the rows, the row.
        self.rows: dict[int, tuple[int, int, list[Polynomial]]] = {}

    def of(self, i: int) -> Array:
        """The form of each entry of a line."""
        if i not in self.known:
            self.known[i] = self._form(i)
        return self.known[i]

    def _form(self, i: int) -> Array:
        node = self.network.nodes[i]
        if isinstance(node.leaf, Constant) and not node.leaf.unknown:
            return self.domain.constant(node.leaf)
        if isinstance(node.op, (Structural, Add, Scale)):
            assert isinstance(node.op, Primitive)
            return node.op.apply(self.domain, *map(self.of, node.inputs), **node.attrs)
        out = self.domain.fresh(f"line {i}", node.shape)
        if isinstance(node.op, Amax):
            values = self.of(node.inputs[0])
            rows = values.reshape(-1, values.shape[-1]).tolist()
            for k, (symbol, row) in enumerate(zip(out.reshape(-1), rows, strict=True)):
                ((number,),) = symbol
                self.rows[number] = (node.inputs[0], k, row)
        return out

    def case(self, i: int) -> int | tuple[int, list[int]] | None:
        """0 or 1 of a step that is this everywhere; or a line, and whose places are not the step's.

        None: neither.
        """
        node = self.network.nodes[i]
        if not isinstance(node.op, Step) or np.prod(node.shape) > ENTRIES or not self._asks(i):
            return None
        found = [self._entry(p) for p in self.of(node.inputs[0]).reshape(-1)]
        if found and found[0] in (0, 1) and len(set(found)) == 1:
            return found[0]
        pairs = [case for case in found if isinstance(case, tuple)]
        lines = {line for line, _ in pairs}
        if not pairs or len(pairs) < len(found) or len(lines) > 1:
            return None
        return lines.pop(), [place for _, place in pairs]

    def _asks(self, i: int) -> bool:
        """Whether a maximum is among the terms of a step's argument."""
        stack, seen = list(self.network.nodes[i].inputs), set()
        while stack:
            j = stack.pop()
            node = self.network.nodes[j]
            if isinstance(node.op, Amax):
                return True
            if j not in seen and isinstance(node.op, (Structural, Add, Scale)):
                stack += node.inputs
            seen.add(j)
        return False

    def _entry(self, p: Polynomial) -> int | tuple[int, int] | None:
        for monomial, factor in p.items():
            line, k, row = self.rows.get(monomial[0], (0, 0, [])) if monomial else (0, 0, [])
            for j, entry in enumerate(row):
                # p = factor (m - x_j + c)
                rest = polynomial.add(polynomial.scale(p, ratio(1, factor)), entry)
                rest = polynomial.add(rest, {monomial: -1})
                if rest.keys() <= {()}:
                    c = rest.get((), 0)
                    if factor < 0:
                        return 0 if c >= 0 else None
                    if c:
                        return 1 if c > 0 else None
                    return line, k * len(row) + j
        return None
