"""exp of a sum as a product: the arguments of exp in an integer basis.

The residues take exp(u), exp(v) and exp(u + v) as three independent values. Here every argument
is written as a sum of rational multiples of lines that are no sums, and exp of it as the product of
integer powers of exp(g line), g the common divisor of the line's multiples: an identity of
real functions, whatever the lines are. Sums over an axis and matrix products stay whole.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import gcd, lcm

from symgauge.network.builder import Builder, Value
from symgauge.network.op import Structural
from symgauge.network.program import Constant, Network

#: Summands of one argument, and powers of one exponential, beyond which it is left whole.
MAX_TERMS = 8
MAX_POWER = 8

#: Rational multiples of lines of the program under construction.
_Sum = dict[int, Fraction]


def split_exponentials(network: Network) -> Network:
    """The same function, exp of sums written as products; the network itself if there are none."""
    lowered = network.lowered
    if not any(n.op is not None and n.op.name == "exp" for n in lowered.nodes):
        return network
    build = Builder(lowered.ops)
    bare = _copy(lowered, build, {})
    units: dict[int, Fraction] = {}
    for i, node in enumerate(lowered.nodes):
        if node.op is not None and node.op.name == "exp":
            for base, c in _terms(build, bare[node.inputs[0]]).items():
                units[base] = _common(units.get(base, Fraction(0)), c)
    split = _copy(lowered, build, units)
    found = build.network([split[i] for i in lowered.outputs], network.held)
    plain = build.network([bare[i] for i in lowered.outputs], network.held)
    return network if found.digest == plain.digest else found


def _copy(lowered: Network, build: Builder, units: dict[int, Fraction]) -> list[Value]:
    """Every line of the network; exp by the units of its argument's terms, where there are any."""
    moved: list[Value] = []
    for node in lowered.nodes:
        if node.op is None:
            assert node.leaf is not None
            moved.append(build.leaf(node.leaf))
        elif node.op.name == "exp" and units:
            moved.append(_product(build, moved[node.inputs[0]], units))
        else:
            moved.append(build.apply(node.op.name, *(moved[i] for i in node.inputs), **node.attrs))
    return moved


def _product(build: Builder, argument: Value, units: dict[int, Fraction]) -> Value:
    terms = _terms(build, argument)
    powers = {base: c / units[base] for base, c in terms.items() if base in units}
    if len(powers) < len(terms) or any(
        k.denominator > 1 or abs(k) > MAX_POWER for k in powers.values()
    ):
        return build.apply("exp", argument)
    out: Value | None = None
    for base, k in powers.items():
        factor = build.apply("exp", build.scale(build.value(base), units[base]))
        if abs(k) > 1:
            factor = build.apply("power", factor, exponent=int(abs(k)))
        factor = build.reciprocal(factor) if k < 0 else factor
        out = factor if out is None else build.mul(out, factor)
    return build.apply("exp", argument) if out is None else out


def _common(a: Fraction, b: Fraction) -> Fraction:
    """The largest g of which both are integer multiples."""
    below = lcm(a.denominator, b.denominator)
    return Fraction(gcd(int(a * below), int(b * below)), below)


def _terms(build: Builder, argument: Value) -> _Sum:
    """The argument as a sum of rational multiples of lines; itself where there are too many."""
    out: dict[int, Fraction] = defaultdict(Fraction)
    for c, value in _summands(build, argument):
        out[value.index] += c
    terms = {base: c for base, c in out.items() if c}
    # exp of a constant would be one more number of which nothing is known
    whole = len(terms) > MAX_TERMS or any(_constant(build, base) for base in terms)
    return {argument.index: Fraction(1)} if whole else terms


def _constant(build: Builder, index: int) -> bool:
    node = build.node(build.value(index))
    if node.op is None:
        return isinstance(node.leaf, Constant)
    return all(_constant(build, i) for i in node.inputs)


def _summands(build: Builder, value: Value) -> list[tuple[Fraction, Value]]:
    node = build.node(value)
    if node.op is None:
        return [(Fraction(1), value)]
    inputs = [build.value(i) for i in node.inputs]
    if node.op.name == "add":
        return [term for x in inputs for term in _summands(build, x)]
    if node.op.name == "scale":
        factor = Fraction(node.attrs["factor"])
        return [(factor * c, x) for c, x in _summands(build, inputs[0])]
    if isinstance(node.op, Structural) and len(inputs) == 1:
        inner = _summands(build, inputs[0])
        if len(inner) > 1 or inner[0][0] != 1:
            return [(c, build.apply(node.op.name, x, **node.attrs)) for c, x in inner]
    return [(Fraction(1), value)]
