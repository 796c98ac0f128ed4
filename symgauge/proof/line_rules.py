"""Value and variation of one line, from its inputs': by an op's own rule, or by its expansion."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from symgauge.domains.evaluate import tangents, values
from symgauge.domains.polynomials import PolynomialDomain
from symgauge.exact.polynomial import SizeLimit
from symgauge.laws import all_laws
from symgauge.program.array import Array
from symgauge.program.network import Network, Node
from symgauge.program.op import Composite, NodeOp, Primitive
from symgauge.proof.regions import expansion

#: Terms of a polynomial that a line may keep when it does not fold.
MAX_TERMS = 4000


class LineRules:
    """The lines of one network over polynomials; what a composite expands to is kept."""

    def __init__(
        self, network: Network, domain: PolynomialDomain, leaf: Mapping[int, Array]
    ) -> None:
        """`leaf`: the values of the leaves, which may change later."""
        self.network = network
        self.domain = domain
        #: Terms up to which an unmoved sum or product stays expanded.
        self.short = 0
        #: Whether contractions that no input reaches are among them: a query of parameters alone.
        self.alone = False
        self._leaf = leaf
        self._opaque: dict[int, Array] = {}
        self._expansions: dict[int, Network] = {}

    def symbols_of(self, i: int, node: Node) -> Array:
        """The symbols that stand for the entries of a line."""
        known = self._opaque.get(i)
        if known is None:
            known = self.domain.fresh(f"v{i}", node.shape)
            self._opaque[i] = known
        return known

    def unmoved(self, i: int, node: Node, value: Any) -> Array:
        """The value of a line that does not vary: short sums and products stay what they are.

        A gain times a standardised vector must stay a product, for a reader's row to meet the
        sum of its entries; everything else is a symbol.
        """
        assert node.op is not None
        if self._is_short(i, node, value):
            return self.plain(i, node, [value(j) for j in node.inputs], False)
        if isinstance(node.op, Composite) and node.op.of_tokens:
            xs = [value(j) for j in node.inputs]
            if prod(x.shape[-1] * max(len(p) for p in x.reshape(-1)) for x in xs) <= MAX_TERMS:
                return self.plain(i, node, xs, False)
        return self._opaque_value(i, node, value)

    def _is_short(self, i: int, node: Node, value: Any) -> bool:
        """Whether a line is a sum or product of few terms."""
        op = node.op
        assert op is not None
        shapes = [self.network.nodes[j].shape for j in node.inputs]
        contracted = self.alone and op.law == "contraction" and not self.network.reached[i]
        if not contracted and op.terms([1] * len(shapes), shapes, **node.attrs) is None:
            return False
        entries = (value(j).reshape(-1) for j in node.inputs)
        counts = [max((len(p) for p in x), default=0) for x in entries]
        found = prod(counts) * shapes[0][-1] if contracted else op.terms(
            counts, shapes, **node.attrs)
        return found is not None and found <= self.short

    def _opaque_value(self, i: int, node: Node, value: Any) -> Array:
        if node.op is not None and node.op.closed:
            xs = [self._leaf.get(j, np.zeros(0)) for j in node.inputs]
            return node.op.symbols(self.domain, self.symbols_of(i, node), *xs, **node.attrs)
        return self.symbols_of(i, node)

    def plain(self, i: int, node: Node, xs: list[Array], closed: bool) -> Array:
        """The value of a line from its inputs'; `closed`: by its own rule, where it has one."""
        op = node.op
        assert op is not None
        if node.body is not None:
            return self.symbols_of(i, node)
        if isinstance(op, Primitive):
            return op.apply(self.domain, *xs, **node.attrs)
        assert isinstance(op, Composite)
        if closed and op.closed and type(op).variation is not Composite.variation:
            return op.symbols(self.domain, self.symbols_of(i, node), *xs, **node.attrs)
        network = self._expansion(i, node)
        inputs = {x.name: xs[int(x.name)] for x in network.inputs}
        lines = values(network, self.domain, {}, inputs)
        return lines[network.outputs[0]]

    def step(
        self, i: int, node: Node, xs: list[Array], dxs: list[Array | None], closed: bool,
        opaque: bool,
    ) -> tuple[Array, Array]:
        """Value and variation of one line from its inputs'."""
        op: NodeOp | None = node.op
        domain = self.domain
        if isinstance(op, Primitive):
            if op.branches and dxs[0] is not None and not (
                    all_laws()[op.law].decides_alike(xs[0], dxs[0])):
                raise SizeLimit(f"line {i} ({op.name}): where it jumps is moved")
            y = op.apply(domain, *xs, **node.attrs)
            return y, op.tangent(domain, xs, y, dxs, **node.attrs)
        assert isinstance(op, Composite)
        if closed and op.closed and type(op).variation is not Composite.variation:
            y = op.symbols(domain, self.symbols_of(i, node), *xs, **node.attrs)
            return y, op.variation(domain, xs, y, dxs, **node.attrs)
        if opaque and op.opaque:
            assert dxs[0] is not None
            kind = op.name + "".join(f",{v}" for _, v in sorted(node.attrs.items()))
            slope = domain.function(f"d {kind}", xs[0])
            return domain.function(kind, xs[0]), domain.mul(slope, dxs[0])
        network = self._expansion(i, node)
        inputs = {x.name: xs[int(x.name)] for x in network.inputs}
        seeds = {
            position: moved
            for position, leaf in zip(network.input_nodes, network.inputs, strict=True)
            if (moved := dxs[int(leaf.name)]) is not None
        }
        lines = values(network, domain, {}, inputs)
        moved_lines = tangents(network, domain, lines, seeds)
        y, dy = lines[network.outputs[0]], moved_lines[network.outputs[0]]
        return y, domain.zeros(y.shape) if dy is None else dy

    def _expansion(self, i: int, node: Node) -> Network:
        """A composite line as a program of primitives on its inputs."""
        known = self._expansions.get(i)
        if known is None:
            known = self._expansions[i] = expansion(self.network, node)
        return known
