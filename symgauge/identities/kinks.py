"""relu of relu: one kink at each bound of a clamp.

min(max(w, 0), k) is k - relu(k - relu(w)). For numbers a > 0 and k >= 0
    relu(k - a relu(w)) = k - a relu(w) + a relu(w - k/a),    relu(a relu(w) - k) = a relu(w - k/a),
so that a clamp and its reflection have the same two kinks.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from symgauge.domains.signs import ANY
from symgauge.identities.gates import OneStep
from symgauge.identities.terms import Terms
from symgauge.program.network import Network, Node
from symgauge.program.writer import Value


def kinked(network: Network, node: Node, steps: Collection[int]) -> int | None:
    """The line x of a line H(x) x of a program of primitives; `steps` are all lines H(x)."""
    if node.op is None or node.op.law != "product":
        return None
    for step, x in (node.inputs, node.inputs[::-1]):
        if step in steps and network.nodes[step].inputs == (x,):
            return x
    return None


class OneKink:
    """relu(x) for one x after the other, those of an earlier one written out."""

    def __init__(self, terms: Terms, steps: OneStep) -> None:
        self._build, self._terms, self._steps = terms.build, terms, steps
        #: By line without a rational factor: the factor, and the argument.
        self._known: dict[int, tuple[Fraction, Value]] = {}

    def of(self, x: Value, whole: Value) -> Value:
        """relu(x), which `whole` is; by other kinks where x = k + a relu(w)."""
        build, parts = self._build, self._terms.form(x)
        if parts and parts[0][0] in self._known and all(i == -1 for i, _ in parts[1:]):
            factor, w = self._known[parts[0][0]]
            a, k = parts[0][1] / factor, sum((c for _, c in parts[1:]), Fraction(0))
            if a * k <= 0:
                moved = build.scale(self._relu(build.add(w, k / a)), abs(a))
                return build.add(x, moved) if a < 0 else moved
        return self._met(whole, x)

    def _relu(self, x: Value) -> Value:
        return self._met(self._build.mul(self._steps.of(x, ANY, True), x), x)

    def _met(self, line: Value, x: Value) -> Value:
        """Keep a line that is relu(x)."""
        found = self._terms.of(line)
        if len(found) == 1:
            ((base, factor),) = found.items()
            self._known[base] = factor, x
        return line
