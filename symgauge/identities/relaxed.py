"""A program with one line any sum of functions of the inputs: with coefficients that are free.

Where the entries of a line are sums of phi_jk(theta) m_k(x), in the other program phi are
parameters C and m(x) inputs u, both free: f(x; theta) = g(x, m(x); theta', phi(theta)), theta'
being what is read beside the line. So J of f is J of g at (theta', phi(theta)), times a Jacobian:
it has no larger rank than that of g. So too where no input reaches a line, which is a parameter of
g then.
"""

from __future__ import annotations

from math import prod

from symgauge.identities.coefficients import parts_of
from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.exact.polynomial import SizeLimit
from symgauge.program.build import Builder
from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network
from symgauge.program.writer import Value


def relaxed(lowered: Network, line: int, lines: PolynomialLines) -> Network | None:
    """The program of primitives with a free line; `lines` are those of the same program.

    None where the line is no such sum, or a long one, or has no index.
    """
    number = _functions(lowered, line, lines)
    if number is None:
        return None
    build, shape = Builder(lowered.ops), lowered.nodes[line].shape
    names = {n.leaf.name for n in lowered.nodes if isinstance(n.leaf, (Parameter, Input))}
    moved: dict[int, Value] = {}
    for i in sorted(lines_below(lowered, lowered.outputs, [line]) | {line}):
        node = lowered.nodes[i]
        if i == line:
            free = (number, shape[-1]) if number else shape
            moved[i] = build.leaf(Parameter(_new("coefficients", names), free))
            if number:
                given = build.leaf(Input(_new("functions", names), (prod(shape[:-1]), number)))
                moved[i] = build.reshape(build.apply("matmul", given, moved[i]), shape)
        elif node.op is None:
            assert node.leaf is not None
            moved[i] = build.leaf(node.leaf)
        else:
            moved[i] = build.apply(node.op.name, *(moved[j] for j in node.inputs), **node.attrs)
    return build.network([moved[i] for i in lowered.outputs], lowered.held)


def _functions(lowered: Network, line: int, lines: PolynomialLines) -> int | None:
    """How many functions of the inputs a line's rows are sums of, with the same coefficients.

    0 where no input reaches it: the one function is then the number 1.
    """
    shape = lowered.nodes[line].shape
    if lowered.nodes[line].op is None or lowered.is_constant[line]:
        return None
    if not lowered.reached[line]:
        return 0
    try:
        found = parts_of(lines, lines.entries(line)) if shape else None
    except (SizeLimit, ZeroDivisionError):
        return None
    if found is None:
        return None
    width, columns = shape[-1], set()
    for start in range(0, len(found), width):
        row = found[start:start + width]
        columns |= {tuple(frozenset(parts.get(m, {}).items()) for parts in row)
                    for m in {m for parts in row for m in parts}}
    return len(columns) or None


def _new(name: str, names: set[str]) -> str:
    while name in names:
        name += "'"
    return name
