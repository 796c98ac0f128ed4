"""Steps that multiply what is 0 where they jump: H(-a) = 1 - H(a), and 1 or 0 of what has a sign.

relu(a) is H(a) a, |a| is (2 H(a) - 1) a. At a = 0 such a product is 0 whatever H is there, so that
what holds of H elsewhere may be put in its place: the function is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from symgauge.domains.signs import NEGATIVE, POSITIVE
from symgauge.program.build import Builder
from symgauge.program.network import Network
from symgauge.program.writer import Value

#: A line as rational multiples of others.
Terms = Callable[[Value], Mapping[int, Fraction]]


def gates(network: Network) -> set[int]:
    """The steps of a program of primitives that reach outputs times multiples of their argument."""
    return {i for i, node in enumerate(network.nodes)
            if node.op_name == "step"
            and _multiplies(network, i, _unscaled(network, node.inputs[0]))}


def _multiplies(network: Network, i: int, argument: int) -> bool:
    """Whether a line is read in products with multiples of what it is a step of alone."""
    if i in network.outputs:
        return False
    for j in network.readers[i]:
        node = network.nodes[j]
        others = [k for k in node.inputs if k != i]
        law = "" if node.op is None else node.op.law
        if law == "product" and any(_unscaled(network, k) == argument for k in others):
            continue
        numbers = all(network.is_constant[k] for k in others)
        if not (law in ("multiple", "sum of lines") and numbers and _multiplies(
                network, j, argument)):
            return False
    return True


def _unscaled(network: Network, i: int) -> int:
    while (node := network.nodes[i]).op is not None and node.op.law == "multiple":
        (i,) = node.inputs
    return i


class OneStep:
    """One step for all arguments that are multiples of each other."""

    def __init__(self, build: Builder, terms: Terms) -> None:
        self._build, self._terms = build, terms
        self._known: dict[tuple[tuple[int, Fraction], ...], tuple[Fraction, Value]] = {}

    def of(self, x: Value, sign: int, gate: bool) -> Value:
        """H(x), by an earlier step where there is one; `sign`: the signs that x may have."""
        build = self._build
        if gate and sign and not (sign & NEGATIVE and sign & POSITIVE):
            return build.full(int(bool(sign & POSITIVE)), x.shape)
        terms = sorted(self._terms(x).items())
        if not terms:
            return build.apply("step", x)
        lead = terms[0][1]
        first = lead, build.apply("step", x)
        was, step = self._known.setdefault(tuple((i, c / lead) for i, c in terms), first)
        if was * lead > 0:
            return step
        return build.add(build.scale(step, -1), 1) if gate else first[1]
