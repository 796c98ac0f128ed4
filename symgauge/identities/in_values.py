"""A program in other coordinates: a parameter that functions alone read is named by its values.

exp(c), sigmoid(c), softplus(c) of a parameter are free numbers of an interval, and c is locally a
function of them. Where c is read as f(k c) alone, the program in z = f(k c) is plain, and J has the
same rank: f is analytic, f' is 0 at single points at most. Where it is read in exp(k c) with
several whole numbers k the coordinate is exp(c); in sin(k c) and cos(k c) it is t = tan(c/2),

    sin c = 2 t / (1 + t^2),   cos c = (1 - t^2) / (1 + t^2).

A field with components p(z) along z is p(f(c)) / f'(c) along c. Where a branch or a root depends on
c it is left as it is: it would be decided at values of z, too, that no c has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from symgauge.domains.known import FUNCTIONS_OF_CONSTANTS
from symgauge.program.build import Builder, rebuilt
from symgauge.program.entries import entries_below
from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Input, Parameter
from symgauge.program.lower import lower
from symgauge.program.network import Network, Node
from symgauge.program.op import Composite, Primitive, Structural
from symgauge.program.writer import Value

#: The largest k of exp(k c), sin(k c), cos(k c) with others beside them.
MAX_POWER = 8


def in_values(network: Network) -> Network:
    """The program in the values of parameters that functions alone read; itself without any.

    What is made of parameters alone is in primitives then, where that helps.
    """
    if network.has_flows:
        return network
    found = _all(network)
    opened = rebuilt(found, lambda build, moved, i: _opened(found, build, moved, i))
    powers = _all(opened)
    found = found if powers is opened else powers
    if found is network:
        return network
    held = tuple(s for s in found.held if s not in network.said_of_values)
    return replace(found, held=(*held, *found.said_of_values))


def _opened(network: Network, build: Builder, moved: list[Value], i: int) -> Value | None:
    """A line that no input reaches by primitives."""
    op = network.nodes[i].op
    if network.reached[i] or network.is_constant[i] or not isinstance(op, Composite):
        return None
    return build.lower(op, [moved[j] for j in network.nodes[i].inputs], network.nodes[i].attrs)


def _all(network: Network) -> Network:
    """Parameter by parameter, until none is left: exp(-exp(c)) takes two steps."""
    while (found := _next(network)) is not None:
        network = found
    return network


def _next(network: Network) -> Network | None:
    """The program with one parameter more in its values."""
    decided = _decided(network)
    names = {p.name for p in network.parameters}
    for w, leaf in zip(network.parameter_nodes, network.parameters, strict=True):
        reads = [] if leaf.name in decided else list(_reads(network, w, Fraction(1)))
        form = _form(network, leaf, reads)
        if form is not None and form.name not in names:
            return _named(network, w, reads, form)
    return None


def _decided(network: Network) -> set[str]:
    """The parameters on which a branch or a root depends."""
    lowered = lower(network)
    lines = [i for i, n in enumerate(lowered.nodes) if isinstance(n.op, Primitive) and (
        n.op.branches or n.op.takes_root)]
    leaves = (lowered.nodes[i].leaf for i in lines_below(lowered, lines))
    return {leaf.name for leaf in leaves if isinstance(leaf, Parameter)}


@dataclass(frozen=True)
class _Read:
    """A line that reads a multiple of a parameter, entries moved perhaps; None: it is an output."""

    line: int
    factor: Fraction
    node: Node | None


def _reads(network: Network, source: int, factor: Fraction) -> Iterator[_Read]:
    """What reads a line that is a multiple of a parameter and takes no more multiples."""
    if source in network.outputs:
        yield _Read(source, factor, None)
    for i in network.readers[source]:
        node = network.nodes[i]
        if isinstance(node.op, Structural) and len(node.inputs) == 1 or (
                _picks(network, node, source)):
            yield from _reads(network, i, factor)
        elif node.op is not None and node.op.law == "multiple":
            yield from _reads(network, i, factor * node.attrs["factor"])
        else:
            yield _Read(i, factor, node)


def _picks(network: Network, node: Node, table: int) -> bool:
    """Whether a line is rows of a table, picked by tokens: f of them are rows of f of the table."""
    if node.op is None or node.op.law != "contraction" or node.inputs[1] != table:
        return False
    line, numbers = entries_below(network, node.inputs[0])
    tokens = network.nodes[line].leaf
    if not isinstance(tokens, Input) or not tokens.classes:
        return False
    # wherever they stand, each row is the whole row of one token
    rows = numbers.reshape(-1, numbers.shape[-1])
    return rows.shape[1] == tokens.classes and bool(
        (rows % tokens.classes == np.arange(tokens.classes)).all()
        and (rows // tokens.classes == rows[:, :1] // tokens.classes).all())


@dataclass(frozen=True)
class _Form:
    """The coordinate by its name; f of each line that is `f(k c)`: k, with exp and tan alone."""

    name: str
    unit: Fraction | None = None


def _form(network: Network, leaf: Parameter, reads: list[_Read]) -> _Form | None:
    """The coordinate of a parameter that these read; None where one of them is no function."""
    if not reads or not all(r.node is not None and _is_function(r.node) for r in reads):
        return None
    inner = f"({leaf.added} + {leaf.name})" if leaf.added else leaf.name
    calls = {(r.node.op_name, *sorted(r.node.attrs.items()), r.factor) for r in reads if r.node}
    ops = {r.node.op_name for r in reads if r.node}
    if len(calls) == 1:
        more = _attributes(reads[0].node)
        return _Form(f"{ops.pop()}({_multiple(reads[0].factor, inner)}{more})")
    unit = Fraction(gcd(*(r.factor.numerator for r in reads)),
                    lcm(*(r.factor.denominator for r in reads)))
    if any(abs(r.factor / unit) > MAX_POWER for r in reads):
        return None
    kinds = {_OF_MULTIPLES.get(op, ("", Fraction(0), _exp))[:2] for op in ops}
    ((name, part),) = kinds if len(kinds) == 1 else {("", Fraction(0))}
    return _Form(f"{name}({_multiple(unit * part, inner)})", unit) if name else None


def _is_function(node: Node) -> bool:
    """Whether an op is a transcendental function entry by entry: no branch or root is asked here.
    """
    opaque = isinstance(node.op, Composite) and node.op.opaque
    return opaque or node.op_name in FUNCTIONS_OF_CONSTANTS


def _attributes(node: Node | None) -> str:
    """What tells a function from others of its name, as the beta of softplus."""
    shown = [] if node is None else sorted(node.attrs.items())
    return "".join(f", {k}={v}" for k, v in shown if v not in (1, "none"))


def _multiple(factor: Fraction, name: str) -> str:
    return name if factor == 1 else f"-{name}" if factor == -1 else f"{factor} {name}"


def _named(network: Network, w: int, reads: list[_Read], form: _Form) -> Network:
    """The program in which a parameter is the coordinate, and these lines are functions of it."""
    leaf = network.nodes[w].leaf
    assert isinstance(leaf, Parameter)
    named = Parameter(form.name, leaf.shape, of=leaf.of or leaf.name)
    functions: Mapping[int, _Read] = {r.line: r for r in reads}
    multiples = {j for j in lines_below(network, list(functions), [w])
                 if w in lines_below(network, [j])} - set(functions)

    def instead(build: Builder, moved: list[Value], i: int) -> Value | None:
        node = network.nodes[i]
        if i == w:
            return build.leaf(named)
        if i in functions:
            z = moved[node.inputs[0]]
            if form.unit is None:
                return z
            return _OF_MULTIPLES[node.op_name][2](
                build, z, int(functions[i].factor / form.unit))
        if i in multiples and node.op is not None and node.op.law == "multiple":
            return moved[node.inputs[0]]
        return None

    return rebuilt(network, instead)


def _exp(build: Builder, z: Value, k: int) -> Value:
    """exp(k c) of z = exp(c)."""
    power = z if abs(k) == 1 else build.apply("power", z, exponent=abs(k))
    return build.reciprocal(power) if k < 0 else power


def _sin(build: Builder, z: Value, k: int) -> Value:
    """sin(k c) of z = tan(c/2)."""
    return build.scale(_wave(build, z, abs(k))[0], -1 if k < 0 else 1)


def _cos(build: Builder, z: Value, k: int) -> Value:
    return _wave(build, z, abs(k))[1]


def _wave(build: Builder, z: Value, k: int) -> tuple[Value, Value]:
    """sin(k c) and cos(k c) of z = tan(c/2)."""
    below = build.reciprocal(build.add(build.mul(z, z), 1))
    sin, cos = build.scale(build.mul(z, below), 2), build.add(build.scale(below, 2), -1)
    wave = sin, cos
    for _ in range(k - 1):
        wave = (build.add(build.mul(wave[0], cos), build.mul(wave[1], sin)),
                build.add(build.mul(wave[1], cos), build.scale(build.mul(wave[0], sin), -1)))
    return wave


#: Functions of whole multiples of c: the coordinate is this function of that part of c.
_OF_MULTIPLES = {
    "exp": ("exp", Fraction(1), _exp), "sin": ("tan", Fraction(1, 2), _sin),
    "cos": ("tan", Fraction(1, 2), _cos),
}
