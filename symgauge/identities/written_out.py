"""exp of a sum as a product, log of a product as a sum; one undoes the other.

The residues take exp(u), exp(v) and exp(u + v) as three independent values. Here every argument
is written as a sum of rational multiples of lines that are no sums, and exp of it as the product of
integer powers of exp(g line), g the common divisor of the line's multiples: an identity of
real functions, whatever the lines are. Sums over an axis and matrix products stay whole.
log(exp u) is u. Where u and v are positive at all parameters and inputs, exp(k log u) is u^k,
and log(u v) is log u + log v.

sin and cos of a sum of integer multiples are polynomials of those of its terms. A root of a product
of what is never negative is the product of the roots, a root of exp u is exp(u/2), the root of z^2
is |z|. log(1 + 1/u) is log(1 + u) - log u, as for softplus(-z). One step serves all multiples of
its argument (`gates`); of a clamp each bound is a kink of its own (`kinks`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import gcd, isqrt, lcm
from typing import NamedTuple

from symgauge.domains.known import FUNCTIONS_OF_CONSTANTS
from symgauge.domains.signs import ANY, NEGATIVE, POSITIVE, signs_of_lines
from symgauge.identities.gates import OneStep, gates
from symgauge.identities.kinks import OneKink, kinked
from symgauge.identities.terms import Form, Terms, leading, number
from symgauge.program.build import Builder
from symgauge.program.constant import Constant
from symgauge.program.lower import lower
from symgauge.program.network import Network, Node
from symgauge.program.op import Structural
from symgauge.program.serial import digest_of
from symgauge.program.writer import Value

#: Summands of one argument, and powers of one exponential, beyond which it is left whole.
MAX_TERMS = 8
MAX_POWER = 8

#: Rational multiples of lines of the program under construction.
_Sum = dict[int, Fraction]


def written_out(network: Network) -> Network:
    """The same function: exp of sums as products, log of products as sums, angles and roots apart.

    The network itself if there is nothing of the kind.
    """
    lowered = lower(network)
    if not any(map(_rule, lowered.nodes)):
        return network
    signs = signs_of_lines(lowered)
    plain = _Copy(lowered, Terms(Builder(lowered.ops)), [0] * len(lowered.nodes), None)
    terms = Terms(Builder(lowered.ops))
    copy = _Copy(lowered, terms, signs, _Units({}, {}))
    units = _Units({}, {})
    of = {"exp": units.exponents, "sin": units.angles, "cos": units.angles}
    for node in lowered.nodes:
        into = of.get(node.op_name)
        if into is not None:
            for base, c in copy.terms(copy.lines[node.inputs[0]]).items():
                into[base] = _common(into.get(base, Fraction(0)), c)
    # the same builder: bases are lines of it
    split = _Copy(lowered, terms, signs, units)
    found = split.network(network.held)
    return network if digest_of(found) == digest_of(plain.network(network.held)) else found


def fewer_values(network: Network) -> Network:
    """`written_out`, where fewer lines are functions then; the network itself elsewhere."""
    written = written_out(network)
    return written if _values(written) < _values(lower(network)) else network


def _values(network: Network) -> int:
    return sum(_rule(node) is not None for node in network.nodes)


class _Units(NamedTuple):
    """By line: what the multiples of it under exp, and under sin and cos, are integer multiples of.
    """

    exponents: _Sum
    angles: _Sum


class _Copy:
    """Every line of a network: as it is with no `units`, else its functions rewritten.

    exp is a product by the units of its argument's terms, where there are any. `signs`: what each
    line may be.
    """

    def __init__(
        self, lowered: Network, terms: Terms, signs: Sequence[int], units: _Units | None
    ) -> None:
        build = terms.build
        self.build, self._lowered, self._units = build, lowered, units or _Units({}, {})
        self._positive: set[int] = set()
        self._not_negative: set[int] = set()
        self._signs = signs
        self.lines: list[Value] = []
        self._terms = terms
        self._steps = OneStep(terms)
        self._kinks = OneKink(terms, self._steps)
        self._roots: dict[Form, tuple[Fraction, Value]] = {}
        steps = [i for i, node in enumerate(lowered.nodes) if _rule(node) is _Copy.step]
        self._gates = set[int]() if units is None else gates(lowered, steps)
        for node, sign in zip(lowered.nodes, signs, strict=True):
            if node.op is None:
                assert node.leaf is not None
                line = build.leaf(node.leaf)
            elif units is not None and (rule := _rule(node)) is not None:
                line = rule(self, self.lines[node.inputs[0]])
            elif units is not None and (
                    argument := kinked(lowered, node, steps)) is not None:
                line = self._kinks.of(self.lines[argument], build.mul(
                    *(self.lines[i] for i in node.inputs)))
            else:
                line = build.apply(
                    node.op.name, *(self.lines[i] for i in node.inputs), **node.attrs)
            if sign == POSITIVE:
                self._positive.add(line.index)
            if sign and not sign & NEGATIVE:
                self._not_negative.add(line.index)
            self.lines.append(line)

    def network(self, held: tuple[str, ...]) -> Network:
        """The program."""
        return self.build.network([self.lines[i] for i in self._lowered.outputs], held)

    def exp(self, argument: Value) -> Value:
        """The product of powers of exp(g line), and of u for the terms k log u."""
        build = self.build
        factors: list[tuple[Value, int]] = []
        for base, c in self.terms(argument).items():
            inside = self._inside_log(base)
            if inside is not None and c.denominator <= 2 and abs(c) <= MAX_POWER:
                if c.denominator == 2:  # u^(k + 1/2) = u^(k + 1) u^(-1/2)
                    factors.append((self.rsqrt(inside), 1))
                    c += Fraction(1, 2)
                factors += [(inside, int(c))] if c else []
                continue
            unit = self._units.exponents.get(base)
            if unit is None or (c / unit).denominator > 1 or abs(c / unit) > MAX_POWER:
                return build.apply("exp", argument)
            factors.append((build.apply("exp", build.scale(build.value(base), unit)),
                            int(c / unit)))
        out: Value | None = None
        for factor, k in factors:
            if abs(k) > 1:
                factor = build.apply("power", factor, exponent=abs(k))
            factor = build.reciprocal(factor) if k < 0 else factor
            out = factor if out is None else build.mul(out, factor)
        return build.apply("exp", argument) if out is None else out

    def _inside_log(self, index: int) -> Value | None:
        """u where a line is log u of a positive u, moved or not."""
        node = self.build.node(self.build.value(index))
        if isinstance(node.op, Structural) and len(node.inputs) == 1:
            inner = self._inside_log(node.inputs[0])
            return None if inner is None else self.build.apply(node.op.name, inner, **node.attrs)
        if _rule(node) is not _Copy.log or node.inputs[0] not in self._positive:
            return None
        return self.build.value(node.inputs[0])

    def log(self, x: Value) -> Value:
        """log of products, powers and reciprocals of positive factors; u for log(exp u)."""
        build, node = self.build, self.build.node(x)
        inputs = [build.value(i) for i in node.inputs]
        if _rule(node) is _Copy.exp:
            return inputs[0]
        if isinstance(node.op, Structural) and len(inputs) == 1:
            inner = self.log(inputs[0])
            if _rule(build.node(inner)) is not _Copy.log:
                return build.apply(node.op.name, inner, **node.attrs)
        elif node.op is not None and node.op.law == "sum of lines":
            of_sigmoid = self._complement(x)
            if of_sigmoid is not None:
                return self.log(of_sigmoid)
            for one, other in (inputs, inputs[::-1]):
                below = self._below(one)
                if below is not None and self._number(other) == 1:
                    whole = build.apply("log", build.add(below, other))
                    return build.add(whole, build.scale(self.log(below), -1))
        elif node.op is not None and all(map(self._is_positive, inputs)):
            if node.op.law == "product":
                return build.add(self.log(inputs[0]), self.log(inputs[1]))
            if node.op.law == "homogeneous":  # x^k, among primitives
                return build.scale(self.log(inputs[0]), node.op.degree_at(**node.attrs))
        return build.apply("log", x)

    def _number(self, x: Value) -> Fraction | None:
        return number(lambda i: self.build.node(self.build.value(i)), x.index)

    def _is_not_negative(self, x: Value) -> bool:
        """Whether a line is known to be never negative."""
        return x.index in self._not_negative or self._is_positive(x)

    def _is_positive(self, x: Value) -> bool:
        node = self.build.node(x)
        inputs = [self.build.value(i) for i in node.inputs]
        powers = node.op is not None and node.op.law in ("product", "homogeneous")
        return x.index in self._positive or _rule(node) is _Copy.exp or (
            self._complement(x) is not None or powers and all(map(self._is_positive, inputs)))

    def _complement(self, x: Value) -> Value | None:
        """u / (1 + u) where a line is 1 - 1 / (1 + u) with a positive u."""
        build, parts = self.build, self._terms.form(x)
        if len(parts) != 2 or parts[0][1] != -1 or parts[1] != (-1, Fraction(1)):
            return None
        over = build.value(parts[0][0])
        node = build.node(over)
        if self._degree(node) != -1:
            return None
        below = build.node(build.value(node.inputs[0]))
        for k in range(2) if below.op is not None and below.op.law == "sum of lines" else ():
            u, other = (build.value(below.inputs[j]) for j in (k, 1 - k))
            if self._number(other) == 1 and self._is_positive(u):
                return build.mul(u, over)
        return None

    def _below(self, x: Value) -> Value | None:
        """u where a line is 1/u of a u that is positive as a power of an exponential."""
        node = self.build.node(x)
        if self._degree(node) != -1:
            return None
        found = self.build.node(self.build.value(node.inputs[0]))
        base = found if found.op is None or found.op.law != "homogeneous" else self.build.node(
            self.build.value(found.inputs[0]))
        return self.build.value(node.inputs[0]) if _rule(base) is _Copy.exp else None

    def sin(self, argument: Value) -> Value:
        """By the sine and cosine of each term of the argument."""
        return self._wave(argument)[0]

    def cos(self, argument: Value) -> Value:
        """As `sin`."""
        return self._wave(argument)[1]

    def _wave(self, argument: Value) -> tuple[Value, Value]:
        build, found = self.build, None
        whole = build.apply("sin", argument), build.apply("cos", argument)
        for base, c in self.terms(argument).items():
            unit = self._units.angles.get(base)
            if unit is None or (c / unit).denominator > 1 or abs(c / unit) > MAX_POWER:
                return whole
            angle = build.scale(build.value(base), unit)
            one = build.apply("sin", angle), build.apply("cos", angle)
            if c < 0:
                one = build.scale(one[0], -1), one[1]
            for _ in range(abs(int(c / unit))):
                found = one if found is None else self._added(found, one)
        return whole if found is None else found

    def _added(self, a: tuple[Value, Value], b: tuple[Value, Value]) -> tuple[Value, Value]:
        """The sine and cosine of the sum of two angles."""
        mul, add = self.build.mul, self.build.add
        return add(mul(a[0], b[1]), mul(a[1], b[0])), add(
            mul(a[1], b[1]), self.build.scale(mul(a[0], b[0]), -1))

    def step(self, x: Value) -> Value:
        """By one step for all multiples of x, where it multiplies what is 0 at x = 0."""
        here = len(self.lines)
        (argument,) = self._lowered.nodes[here].inputs
        return self._steps.of(x, self._signs[argument], here in self._gates)

    def rsqrt(self, x: Value) -> Value:
        """Of a product the product, where no factor is ever negative: both are positive then.

        Of a multiple by the square of a rational that of another one.
        """
        build, node = self.build, self.build.node(x)
        parts = self._terms.form(x)
        if parts:
            lead, shape = leading(parts)
            was, root = self._roots.setdefault(shape, (lead, x))
            s, t = (isqrt(abs(n)) for n in (lead / was).as_integer_ratio())
            if was != lead and Fraction(s, t)**2 == lead / was:
                return build.scale(self.rsqrt(root), Fraction(t, s))
        inputs = [build.value(i) for i in node.inputs]
        if isinstance(node.op, Structural) and len(inputs) == 1:
            inner = self.rsqrt(inputs[0])
            if _rule(build.node(inner)) is not _Copy.rsqrt:
                return build.apply(node.op.name, inner, **node.attrs)
        elif _rule(node) is _Copy.exp:
            return self.exp(build.scale(inputs[0], Fraction(-1, 2)))
        elif (base := _squared(build, node)) is not None and not self._is_not_negative(base):
            sign = build.add(build.scale(self._steps.of(base, ANY, True), 2), -1)
            return build.mul(sign, build.reciprocal(base))
        elif node.op is not None and all(map(self._is_not_negative, inputs)):
            return self._root_of_product(x, node, inputs)
        return build.apply("rsqrt", x)

    def _root_of_product(self, x: Value, node: Node, inputs: list[Value]) -> Value:
        """1/sqrt of a line that is made of what is never negative: of products and powers."""
        build, law = self.build, "" if node.op is None else node.op.law
        if law == "product":
            same = inputs[0].index == inputs[1].index
            return build.reciprocal(inputs[0]) if same else build.mul(*map(self.rsqrt, inputs))
        exponent = self._degree(node)
        if exponent == -1:
            return build.mul(inputs[0], self.rsqrt(inputs[0]))
        if exponent < 2:
            return build.apply("rsqrt", x)
        below = self.rsqrt(inputs[0]) if exponent % 2 else build.reciprocal(inputs[0])
        power = exponent if exponent % 2 else exponent // 2
        return build.apply("power", below, exponent=power) if power > 1 else below

    def _degree(self, node: Node) -> int:
        """k of a line u^k, a whole number; 0 for all others."""
        homogeneous = node.op is not None and node.op.law == "homogeneous"
        k = node.op.degree_at(**node.attrs) if node.op is not None and homogeneous else Fraction(0)
        return int(k) if k.denominator == 1 else 0

    def terms(self, argument: Value) -> _Sum:
        """The argument as a sum of rational multiples of lines; itself where there are too many."""
        found = self._terms.of(argument)
        # of exp of another constant than a rational nothing is known
        whole = len(found) > MAX_TERMS or any(
            _irrational(self.build, base) and self._inside_log(base) is None for base in found)
        return {argument.index: Fraction(1)} if whole else found


#: How the functions that it is about are written.
_REWRITTEN = {"exp": _Copy.exp, "log": _Copy.log, "sin": _Copy.sin, "cos": _Copy.cos,
              "rsqrt": _Copy.rsqrt, "step": _Copy.step}


def _rule(node: Node) -> Callable[[_Copy, Value], Value] | None:
    return _REWRITTEN.get(node.op_name)


def _squared(build: Builder, node: Node) -> Value | None:
    """z of a line z^2."""
    square = node.op is not None and (
        node.op.law == "product" and node.inputs[0] == node.inputs[1]
        or node.op.law == "homogeneous" and node.attrs.get("exponent") == 2)
    return build.value(node.inputs[0]) if square else None


def _common(a: Fraction, b: Fraction) -> Fraction:
    """The largest g of which both are integer multiples."""
    below = lcm(a.denominator, b.denominator)
    return Fraction(gcd(int(a * below), int(b * below)), below)


def _irrational(build: Builder, index: int) -> bool:
    """Whether a line is made of constants, and functions of them."""
    stack, functions = [index], False
    while stack:
        node = build.node(build.value(stack.pop()))
        if node.op is None and not isinstance(node.leaf, Constant):
            return False
        functions |= node.op is not None and node.op.name in FUNCTIONS_OF_CONSTANTS
        stack += node.inputs
    return functions
