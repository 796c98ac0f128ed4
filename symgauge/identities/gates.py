"""Steps that multiply what is 0 where they jump: H(-a) = 1 - H(a), and 1 or 0 of what has a sign.

relu(a) is H(a) a, |a| is (2 H(a) - 1) a. At a = 0 such a product is 0 whatever H is there, so that
what holds of H elsewhere may be put in its place: the function is the same everywhere. So is
H(a b) = H(a) H(b) + H(-a) H(-b).
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from symgauge.domains.signs import ANY, NEGATIVE, POSITIVE
from symgauge.identities.terms import Form, Terms, leading, number
from symgauge.program.network import Network
from symgauge.program.writer import Value


def gates(network: Network, steps: Collection[int]) -> set[int]:
    """Those steps of a program of primitives that are read times what vanishes where they jump."""
    return {i for i in steps if _multiplies(
        network, i, _unscaled(network, network.nodes[i].inputs[0]), steps)}


def _multiplies(network: Network, i: int, argument: int, steps: Collection[int]) -> bool:
    """Whether a line is read in products alone that are 0 where the argument of a step is."""
    if i in network.outputs:
        return False
    for j in network.readers[i]:
        node = network.nodes[j]
        others = [k for k in node.inputs if k != i]
        law = "" if node.op is None else node.op.law
        if law == "product" and any(_vanishes(network, k, argument) for k in others):
            continue
        numbers = all(network.is_constant[k] for k in others)
        more = law == "sum of lines" and all(_unscaled(network, k) in steps for k in others)
        if not ((law in ("multiple", "sum of lines") and numbers or more) and _multiplies(
                network, j, argument, steps)):
            return False
    return True


def _vanishes(network: Network, i: int, argument: int) -> bool:
    """Whether a line is 0 where the argument is: a multiple of it, or a product with one."""
    if number(network.nodes.__getitem__, i) == 0:
        return True
    i = _unscaled(network, i)
    node = network.nodes[i]
    return i == argument or node.op is not None and node.op.law == "product" and any(
        _vanishes(network, k, argument) for k in node.inputs)


def _unscaled(network: Network, i: int) -> int:
    """The line of which one is a multiple, 0 perhaps added."""
    while (node := network.nodes[i]).op is not None:
        inputs = [k for k in node.inputs if number(network.nodes.__getitem__, k) != 0]
        if len(inputs) != 1 or node.op.law not in ("multiple", "sum of lines"):
            break
        (i,) = inputs
    return i


class OneStep:
    """One step for all arguments that are multiples of each other."""

    def __init__(self, terms: Terms) -> None:
        self._build, self._terms = terms.build, terms
        self._known: dict[Form, tuple[Fraction, Value]] = {}

    def of(self, x: Value, sign: int, gate: bool) -> Value:
        """H(x), by an earlier step where there is one; `sign`: the signs that x may have."""
        build = self._build
        if gate and sign and not (sign & NEGATIVE and sign & POSITIVE):
            return build.full(int(bool(sign & POSITIVE)), x.shape)
        key = self._terms.form(x)
        if not key:
            return build.apply("step", x)
        lead, key = leading(key)
        factors = build.node(build.value(key[0][0])) if gate and len(key) == 1 else None
        if factors is not None and factors.op is not None and factors.op.law == "product" and (
                len(set(factors.inputs)) > 1):
            one, two = (self.of(build.value(i), ANY, True) for i in factors.inputs)
            both = build.add(build.scale(build.mul(one, two), 2), build.scale(one, -1))
            same = build.add(build.add(both, build.scale(two, -1)), 1)
            return same if lead > 0 else build.add(build.scale(same, -1), 1)
        first = lead, build.apply("step", x)
        was, step = self._known.setdefault(key, first)
        if was * lead > 0:
            return step
        return build.add(build.scale(step, -1), 1) if gate else first[1]
