r"""The flow of a(t) u(x): the flow of u for the time that a counts.

Law: let dx/dt = a(t) u(x) from t0 to t1, a a number that no state enters. With s(t) the integral of
a from t0 to t, x(t) = y(s(t)) where dy/ds = u(y), y(0) = x(t0): by the chain rule, and because the
solution is one (u locally Lipschitz). So the end depends on a through A = s(t1) alone, and is that
of dx/dt = A u(x) from 0 to 1. A is written out where a is a polynomial in t.

Of (p + q t) tanh(w x) from 0 to 1 only p + q/2 is seen, of (1 - 2t) u(x) nothing at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from symgauge.ops.add import Add
from symgauge.ops.expand import Expand
from symgauge.ops.mul import Mul
from symgauge.ops.power import Power
from symgauge.ops.reshape import Reshape
from symgauge.ops.scale import Scale
from symgauge.program.build import Builder, rebuilt
from symgauge.program.constant import Constant
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import CLOCKS, Network, Node
from symgauge.program.serial import network_to_json
from symgauge.program.writer import Value

#: A number, or a line of shape ().
Scalar = Fraction | Value
#: A polynomial in the time: its coefficients by the power.
Powers = dict[int, Scalar]
#: The name of the parameter of a new field that takes A.
INTEGRAL = "integral of the clock"


def rewritten(network: Network) -> Network:
    """The network with an autonomous field in each flow whose clock stands apart."""
    if not any(_apart(n.body) for n in network.nodes if n.body is not None):
        return network
    said: set[str] = set()

    def instead(build: Builder, moved: list[Value], i: int) -> Value | None:
        node = network.nodes[i]
        value = None if node.body is None else _autonomous(build, moved, node, node.body)
        if value is not None:
            said.add(CLOCKS)
        return value
    found = rebuilt(network, instead)
    return replace(found, held=(*found.held, *said))


@dataclass(frozen=True)
class _Factors:
    """The velocity as a product: lines that read the time alone, others, and a number."""

    clock: tuple[int, ...]
    others: tuple[int, ...]
    number: Fraction


def _apart(field: Network) -> _Factors | None:
    """The velocity's factors, where each reads the time or the state, and one the time."""
    times, states = _reading(field, "t"), _reading(field, "x")
    clock: list[int] = []
    others: list[int] = []
    number, stack = Fraction(1), [field.outputs[0]]
    while stack:
        i = stack.pop()
        node = field.nodes[i]
        if isinstance(node.op, Mul) and times[i]:
            stack += node.inputs
        elif isinstance(node.op, Scale) and times[i]:
            number *= node.attrs["factor"]
            stack += node.inputs
        elif not times[i]:
            others.append(i)
        elif states[i] or _one_entry(field, i) is None:
            return None
        else:
            clock.append(i)
    return _Factors(tuple(clock), tuple(others), number) if clock else None


def _reading(field: Network, name: str) -> list[bool]:
    """Which lines read an input."""
    out: list[bool] = []
    for node in field.nodes:
        out.append(isinstance(node.leaf, Input) and node.leaf.name == name
                   or any(out[j] for j in node.inputs))
    return out


def _one_entry(field: Network, i: int) -> int | None:
    """The line of one entry that a line repeats; None where its entries may differ."""
    while prod(field.nodes[i].shape) > 1:
        if not isinstance(field.nodes[i].op, (Expand, Reshape)):
            return None
        (i,) = field.nodes[i].inputs
    return i


def _autonomous(
    build: Builder, moved: list[Value], node: Node, field: Network
) -> Value | None:
    """The flow of A u from 0 to 1; None where the clock is not apart, or no polynomial."""
    found = _apart(field)
    if found is None:
        return None
    start, *parameters = (moved[j] for j in node.inputs)
    given = dict(zip(field.parameter_nodes, parameters, strict=True))
    powers: Powers | None = {0: found.number}
    for i in found.clock:
        factor = _polynomial(build, field, i, given)
        powers = None if factor is None or powers is None else _product(build, powers, factor)
    if powers is None:
        return None
    t0, t1 = node.attrs["t0"], node.attrs["t1"]
    whole: Scalar = Fraction(0)
    for k, c in sorted(powers.items()):
        whole = _add(build, whole, _mul(build, c, (t1 ** (k + 1) - t0 ** (k + 1)) / (k + 1)))
    inner, used = _field_of(field, found.others, whole)
    text = json.dumps(network_to_json(inner), sort_keys=True, separators=(",", ":"))
    values = [given[i] for i in used]
    if isinstance(whole, Value):
        values.append(whole)
    return build.apply("ode_flow", start, *values, field=text, t0=Fraction(0), t1=Fraction(1))


def _field_of(
    field: Network, factors: tuple[int, ...], whole: Scalar
) -> tuple[Network, list[int]]:
    """A times the product of these lines, and the parameters that it has besides A."""
    build = Builder(field.ops)
    needed: set[int] = set()
    stack = list(factors)
    while stack:
        i = stack.pop()
        if i not in needed:
            needed.add(i)
            stack += field.nodes[i].inputs
    state = next(i for i, x in zip(field.input_nodes, field.inputs, strict=True) if x.name == "x")
    lines: dict[int, Value] = {}
    for i in sorted({*needed, state}):
        line = field.nodes[i]
        lines[i] = build.leaf(line.leaf) if line.leaf is not None else build.apply(
            line.op_name, *(lines[j] for j in line.inputs), **line.attrs)
    used = [i for i in field.parameter_nodes if i in needed]
    # the state's shape, whatever the factors have
    value = build.full(1, field.nodes[state].shape)
    for k, i in enumerate(factors):
        value = lines[i] if k == 0 and lines[i].shape == value.shape else build.mul(value, lines[i])
    value = build.scale(value, whole) if isinstance(whole, Fraction) else build.mul(
        build.leaf(Parameter(INTEGRAL, ())), value)
    return build.network([value]), used


def _polynomial(
    build: Builder, field: Network, i: int, given: Mapping[int, Value]
) -> Powers | None:
    """A line of one entry, repeated perhaps, as a polynomial in t; None where it is none."""
    node = field.nodes[i]
    if isinstance(node.leaf, Input):
        return {1: Fraction(1)} if node.leaf.name == "t" else None
    if isinstance(node.leaf, Constant) and prod(node.shape) == 1 and not node.leaf.unknown:
        return {0: node.leaf.table[int(node.leaf.index.reshape(-1)[0])]}
    if not _reading(field, "t")[i]:
        return {0: build.reshape(_outside(build, field, i, given), ())} if (
            prod(node.shape) == 1) else None
    if isinstance(node.op, (Expand, Reshape)):
        return _polynomial(build, field, node.inputs[0], given)
    parts = [_polynomial(build, field, j, given) for j in node.inputs]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(node.op, Add):
        return _sum(build, *known)
    if isinstance(node.op, Mul):
        return _product(build, *known)
    if isinstance(node.op, Scale):
        return {k: _mul(build, c, node.attrs["factor"]) for k, c in known[0].items()}
    if isinstance(node.op, Power):
        out = known[0]
        for _ in range(node.attrs["exponent"] - 1):
            out = _product(build, out, known[0])
        return out
    return None


def _outside(build: Builder, field: Network, i: int, given: Mapping[int, Value]) -> Value:
    """A line that no input enters, in the program around the field."""
    node = field.nodes[i]
    if i in given:
        return given[i]
    if node.leaf is not None:
        return build.leaf(node.leaf)
    xs = (_outside(build, field, j, given) for j in node.inputs)
    return build.apply(node.op_name, *xs, **node.attrs)


def _sum(build: Builder, a: Powers, b: Powers) -> Powers:
    return {
        k: _add(build, a[k], b[k]) if k in a and k in b else a[k] if k in a else b[k]
        for k in sorted({*a, *b})}


def _product(build: Builder, a: Powers, b: Powers) -> Powers:
    out: Powers = {}
    for j, c in a.items():
        for k, d in b.items():
            out = _sum(build, out, {j + k: _mul(build, c, d)})
    return out


def _add(build: Builder, a: Scalar, b: Scalar) -> Scalar:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + b
    if a == 0 or b == 0:
        return b if a == 0 else a
    return build.entrywise("add", a, b)


def _mul(build: Builder, a: Scalar, b: Scalar) -> Scalar:
    if isinstance(a, Value) and isinstance(b, Value):
        return build.mul(a, b)
    if isinstance(a, Value):
        a, b = b, a
    assert isinstance(a, Fraction)
    return a * b if isinstance(b, Fraction) else build.scale(b, a)
