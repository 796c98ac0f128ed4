"""The proof table: how each line of a program varies along a generator, decided exactly.

For a vector field X on parameters, X f = 0 is proved line by line. The variation of a line is
its tangent along X, computed as a polynomial over QQ in symbols that stand for entries of
earlier lines, with the relations of `exact.polynomial`. Where the variation is linear in the
line itself, plus a term in the parameters (delta v = L v + c), the line's entries become
symbols of their own; else the line stays expanded and joins the region of its readers. If every
output's variation has normal form 0, X f = 0 is proved for all inputs, all parameters and all
branches. A normal form that is not 0 decides nothing: the verdict is then UNKNOWN.

The flow of a vector field passes a variation delta x = xi(x) = L x + c on to its end where the
velocity varies by D_x v . xi + D_theta v . delta theta = L v: decided by the same sweep over the
program of v, whose state and time are symbols of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.domains.evaluate import tangents, values
from symgauge.domains.polynomials import PolynomialDomain, units_of
from symgauge.exact.polynomial import (
    Monomial, Number, Polynomial, Ring, SizeLimit, add, ratio, scale,
)
from symgauge.lie.fields import VectorField
from symgauge.program.array import Array
from symgauge.program.build import Builder
from symgauge.program.constant import Constant
from symgauge.program.leaf import Input, Parameter
from symgauge.program.lower import lower
from symgauge.program.network import Network, Node
from symgauge.program.op import Composite, NodeOp, Primitive, Structural
from symgauge.program.writer import Value
from symgauge.verdict import Verdict

METHOD = "polynomial identity over QQ, line by line"
#: Monomial products that one attempt may use.
BUDGET = 1_000_000
#: Ops whose unmoved values stay expanded while they have few terms.
CHEAP = ("add", "mul", "scale", "sum", "power")
#: What is tried in turn: folding, ops' own rules, unmoved lines as symbols, and how few terms
#: keep an unmoved sum or product expanded. The first that proves the identity ends the search.
STRATEGIES = (
    (True, True, True, 12), (True, True, True, 256), (False, True, True, 64),
    (False, False, False, 0),
)
#: Degree in time of the variations tried along a flow, and the words for it in a table.
TIME_DEGREE = 2
IN_TIME = ", from a variation that grows with time, to the power "
#: Terms of a polynomial that a line may keep when it does not fold.
MAX_TERMS = 4000
#: Terms of an entry of a constant that is a polynomial in exponentials, sines, roots.
MAX_CONSTANT_TERMS = 64


@dataclass(frozen=True)
class Line:
    """One line of a proof table."""

    node: int
    op: str
    variation: str


@dataclass(frozen=True)
class Proof:
    """Verdict on X f = 0, its method, and the table. UNKNOWN carries the residual."""

    verdict: Verdict
    method: str
    lines: tuple[Line, ...]
    residual: str = ""


class Prover:
    """Proves X f = 0 for vector fields X on the parameters of one network.

    A field is given as polynomials in the parameter symbols: `parameter_symbols` has one array
    of symbol numbers per parameter.
    """

    def __init__(
        self, network: Network, budget: int = BUDGET, ring: Ring | None = None,
        leaves: Mapping[int, Array] | None = None, constants: set[int] | None = None,
    ) -> None:
        """`ring`, values of some `leaves`, and `constants` are those of a program around this one.

        The symbols in `constants` stand for numbers, as those of the parameters do.
        """
        self.network = network
        self.ring = Ring() if ring is None else ring
        self._given = leaves or {}
        self._constants = constants or set()
        self._fields: dict[int, Prover] = {}
        #: The symbol of the time since a flow's start, for the program of its field.
        self.elapsed: Monomial = ()
        self._budget = budget
        self._needed = _needed(network)
        self._short = 0
        self._expansions: dict[int, Network] = {}
        self._setup()

    def _setup(self) -> None:
        self.domain = PolynomialDomain(self.ring, units_of(self.network))
        self._leaf: dict[int, Array] = {}
        self._opaque: dict[int, Array] = {}
        self._numbers: dict[int, Array | None] = {}
        self._parameter_ids: set[int] = set(self._constants)
        self.parameter_symbols: dict[str, Array] = {}
        for i, node in enumerate(self.network.nodes):
            if i in self._given:
                self._leaf[i] = self._given[i]
            elif isinstance(node.leaf, Constant):
                self._leaf[i] = self.domain.constant(node.leaf)
            elif isinstance(node.leaf, Input) and node.leaf.classes:
                self._leaf[i] = self._one_hot(node.leaf)
            elif isinstance(node.leaf, (Parameter, Input)):
                self._leaf[i] = self.domain.fresh(node.leaf.name, node.shape)
                if isinstance(node.leaf, Parameter):
                    numbers = np.array(
                        [next(iter(p))[0] for p in self._leaf[i].reshape(-1)], dtype=np.int64
                    ).reshape(node.shape)
                    self.parameter_symbols[node.leaf.name] = numbers
                    self._parameter_ids.update(numbers.reshape(-1).tolist())

    def _one_hot(self, x: Input) -> Array:
        """Symbols h with h h = h, distinct ones exclusive, and sum 1 over the classes."""
        out = np.empty((1, *x.shape), dtype=object)
        for where in np.ndindex(*x.shape[:-1]):
            key: list[Polynomial] = [{(self.ring.symbol(f"{x.name}{list(where)}"),): 1}]
            row = self.ring.selection("token", key, 1, x.classes)[0]
            for j, entry in enumerate(row):
                out[(0, *where, j)] = entry
        return out

    def prove(self, generator: VectorField) -> Proof:
        """The verdict on X f = 0."""
        self.ring.budget = self._budget
        try:
            field = field_polynomials(self, generator)
        except SizeLimit as limit:
            return Proof(Verdict.UNKNOWN, METHOD, (), str(limit))
        last = Proof(Verdict.UNKNOWN, METHOD, (), "not attempted")
        for fold, closed, opaque, short in STRATEGIES:
            self.ring.budget = self._budget
            self._short = short
            try:
                last = self._attempt(field, fold, closed, opaque)
            except SizeLimit as limit:
                last = Proof(Verdict.UNKNOWN, METHOD, (), str(limit))
            except ZeroDivisionError as error:
                last = Proof(Verdict.UNKNOWN, METHOD, (), str(error))
            if last.verdict is Verdict.PROVED:
                return last
        return last

    # -- one sweep -----------------------------------------------------------------------------

    def _attempt(self, field: Mapping[str, Array], fold: bool, closed: bool, opaque: bool) -> Proof:
        network = self.network
        delta: dict[int, Array] = {}
        for position, parameter in zip(network.parameter_nodes, network.parameters, strict=True):
            moved = field.get(parameter.name)
            if moved is not None and any(moved.reshape(-1)):
                delta[position] = moved.reshape(1, *parameter.shape)
        lines, _ = self._sweep(delta, fold, closed, opaque)
        for i in network.outputs:
            if i in delta and any(delta[i].reshape(-1)):
                worst = next(p for p in delta[i].reshape(-1) if p)
                return Proof(Verdict.UNKNOWN, METHOD, tuple(lines), self.ring.text(worst))
        return Proof(Verdict.PROVED, METHOD, tuple(lines))

    def _constant(self, i: int) -> Array | None:
        """A line made of constants with all its relations; None where it is too long for that.

        What is rational is a number. It is kept: it is the same in all sweeps.
        """
        if i not in self._numbers:
            build = Builder(self.network.ops)
            moved: dict[int, Value] = {}
            for j in sorted(_below(self.network, [i])):
                line = self.network.nodes[j]
                if line.op is None:
                    moved[j] = build.leaf(line.leaf)  # type: ignore[arg-type]
                else:
                    xs = (moved[k] for k in line.inputs)
                    moved[j] = build.apply(line.op.name, *xs, **line.attrs)
            lowered = lower(build.network([moved[i]]))
            try:
                found = values(lowered, self.domain, {}, {})[lowered.outputs[0]]
                terms = max((len(p) for p in found.reshape(-1)), default=0)
                self._numbers[i] = found if terms <= MAX_CONSTANT_TERMS else None
            except (SizeLimit, ZeroDivisionError):
                self._numbers[i] = None
        return self._numbers[i]

    def symbols(self, i: int) -> Array:
        """The symbols of a leaf."""
        return self._leaf[i]

    def covariant(
        self, moved: Mapping[int, Array], expected: Callable[[Array], Array]
    ) -> tuple[Proof, Array | None]:
        """Whether the output y varies by expected(y) when leaves (by position) are moved.

        Where that is not proved, the first difference found comes along.
        """
        last = Proof(Verdict.UNKNOWN, METHOD, (), "not attempted")
        first: Array | None = None
        (output,) = self.network.outputs
        for fold, closed, opaque, short in STRATEGIES:
            self._short = short
            delta = {i: d for i, d in moved.items() if any(d.reshape(-1))}
            try:
                lines, value = self._sweep(delta, fold, closed, opaque)
                wanted = expected(value(output))
                have = delta.get(output, self.domain.zeros(wanted.shape))
                difference = self.domain.add(have, self.domain.scale(wanted, Fraction(-1)))
            except (SizeLimit, ZeroDivisionError) as error:
                last = Proof(Verdict.UNKNOWN, METHOD, (), str(error))
                continue
            wrong = next((p for p in difference.reshape(-1) if p), None)
            if wrong is None:
                return Proof(Verdict.PROVED, METHOD, tuple(lines)), None
            first = difference if first is None else first
            last = Proof(Verdict.UNKNOWN, METHOD, tuple(lines), self.ring.text(wrong))
        return last, first

    def _through_flow(
        self, i: int, node: Node, field: Network, xs: list[Array], dxs: list[Array | None]
    ) -> tuple[Array, Array, list[Line]]:
        """Value and variation of a flow's end, and the table of its velocity."""
        zero = self.domain.zeros(xs[0].shape)
        folded = _fold(xs[0], zero if dxs[0] is None else dxs[0], self._parameter_ids)
        if folded is None:
            raise SizeLimit(f"line {i} ({node.label}): its start varies by no affine map of itself")
        inner = self._field_prover(i, node, field, xs)
        state, _ = _inputs_of(field)
        x, clock = inner.symbols(state), inner.elapsed
        moved = {
            k: d for k, d in zip(field.parameter_nodes, dxs[1:], strict=True) if d is not None
        }
        # xi as a polynomial in the elapsed time: each coefficient is what the last ones leave
        powers = [folded]
        while True:
            xi = _in_time(powers, x, clock, self.ring, 0)
            proof, rest = inner.covariant(
                {**moved, state: xi}, lambda y: _rate(powers, x, y, clock, self.ring))
            if proof.verdict is Verdict.PROVED:
                break
            following = None if rest is None or len(powers) > TIME_DEGREE else _fold(
                x, _coefficient(rest, clock, len(powers) - 1, len(powers)), self._parameter_ids)
            if following is None or not following:
                raise SizeLimit(
                    f"line {i} ({node.label}): the velocity does not vary as its state: "
                    f"{proof.residual[:120]}"
                )
            powers.append(following)
        end = _at_time(powers, node.attrs["t1"] - node.attrs["t0"])
        symbols = self._symbols_of(i, node)
        table = [Line(i, f"{node.label}: {line.op}", line.variation) for line in proof.lines]
        degree = len(powers) - 1
        table.append(Line(i, node.label, end.describe() + (
            f"{IN_TIME}{degree}" if degree else "")))
        return symbols, _recombine(end, symbols), table

    def _field_prover(self, i: int, node: Node, field: Network, xs: list[Array]) -> Prover:
        """The prover of a flow's field, in this ring, with time t0 + (elapsed time)."""
        given = {at: xs[1 + k] for k, at in enumerate(field.parameter_nodes)}
        inner = self._fields.get(i)
        if inner is None:
            _, at = _inputs_of(field)
            t = self.domain.fresh("elapsed", ())
            if at is not None:
                start = Constant((node.attrs["t0"],), np.zeros((), dtype=np.int64))
                given[at] = self.domain.add(t, self.domain.constant(start))
            inner = Prover(field, self._budget, self.ring, given, self._parameter_ids)
            inner.elapsed = next(iter(t.reshape(-1)[0]))
            self._fields[i] = inner
        else:
            inner._leaf.update(given)
        return inner

    def _sweep(
        self, delta: dict[int, Array], fold: bool, closed: bool, opaque: bool
    ) -> tuple[list[Line], Callable[[int], Array]]:
        """Every needed line's variation, put into `delta`; the table; and values of lines."""
        network = self.network
        known: dict[int, Array] = {}
        lines: list[Line] = []
        expanded: dict[int, Array] = {}

        def value(i: int) -> Array:
            if i in known:
                return known[i]
            if i in self._leaf:
                return self._leaf[i]
            node = network.nodes[i]
            assert node.op is not None
            number = self._constant(i) if network.is_constant[i] else None
            if number is not None:
                known[i] = number
            elif isinstance(node.op, Structural):
                xs = (value(j) for j in node.inputs)
                known[i] = node.op.apply(self.domain, *xs, **node.attrs)
            elif opaque:
                known[i] = self._unmoved(i, node, value)
            elif i not in expanded:
                expanded[i] = self._plain(i, node, [value(j) for j in node.inputs], closed)
                return expanded[i]
            else:
                return expanded[i]
            return known[i]

        for i, node in enumerate(network.nodes):
            if node.op is None or i not in self._needed:
                continue
            if not any(j in delta for j in node.inputs):
                continue
            xs = [value(j) for j in node.inputs]
            dxs = [delta.get(j) for j in node.inputs]
            field = node.body
            if field is not None:
                y, dy, table = self._through_flow(i, node, field, xs, dxs)
                lines += table
                if any(dy.reshape(-1)):
                    known[i], delta[i] = y, dy
                continue
            y, dy = self._step(i, node, xs, dxs, closed, opaque)
            if not any(dy.reshape(-1)):
                lines.append(Line(i, node.op.name, "0"))
                continue
            if isinstance(node.op, Structural):
                known[i], delta[i] = y, dy
                continue
            folded = _fold(y, dy, self._parameter_ids) if fold else None
            if folded is not None:
                symbols = self._symbols_of(i, node)
                known[i], delta[i] = symbols, _recombine(folded, symbols)
                lines.append(Line(i, node.op.name, folded.describe()))
            else:
                terms = max(len(p) for p in dy.reshape(-1))
                if terms > MAX_TERMS:
                    raise SizeLimit(f"line {i} ({node.op.name}) varies by {terms} terms")
                known[i], delta[i] = y, dy
                lines.append(Line(i, node.op.name, f"polynomial, at most {terms} terms"))
        return lines, value

    def _symbols_of(self, i: int, node: Node) -> Array:
        known = self._opaque.get(i)
        if known is None:
            known = self.domain.fresh(f"v{i}", node.shape)
            self._opaque[i] = known
        return known

    def _unmoved(self, i: int, node: Node, value: Any) -> Array:
        """The value of a line that does not vary: short sums and products stay what they are.

        A gain times a standardised vector must stay a product, for a reader's row to meet the
        sum of its entries; everything else is a symbol.
        """
        assert node.op is not None
        if node.op.name in CHEAP:
            xs = [value(j) for j in node.inputs]
            if _terms(node, xs) <= self._short:
                out: Array = node.op.apply(  # type: ignore[attr-defined]
                    self.domain, *xs, **node.attrs
                )
                return out
        if isinstance(node.op, Composite) and node.op.of_tokens:
            xs = [value(j) for j in node.inputs]
            if prod(x.shape[-1] * max(len(p) for p in x.reshape(-1)) for x in xs) <= MAX_TERMS:
                return self._plain(i, node, xs, False)
        return self._opaque_value(i, node, value)

    def _opaque_value(self, i: int, node: Node, value: Any) -> Array:
        if node.op is not None and node.op.closed:
            xs = [self._leaf.get(j, np.zeros(0)) for j in node.inputs]
            return node.op.symbols(self.domain, self._symbols_of(i, node), *xs, **node.attrs)
        return self._symbols_of(i, node)

    def _plain(self, i: int, node: Node, xs: list[Array], closed: bool) -> Array:
        op = node.op
        assert op is not None
        if node.body is not None:
            return self._symbols_of(i, node)
        if isinstance(op, Primitive):
            return op.apply(self.domain, *xs, **node.attrs)
        assert isinstance(op, Composite)
        if closed and op.closed and type(op).variation is not Composite.variation:
            return op.symbols(self.domain, self._symbols_of(i, node), *xs, **node.attrs)
        network = self._expansion(i, node)
        inputs = {x.name: xs[int(x.name)] for x in network.inputs}
        lines = values(network, self.domain, {}, inputs)
        return lines[network.outputs[0]]

    def _step(
        self, i: int, node: Node, xs: list[Array], dxs: list[Array | None], closed: bool,
        opaque: bool,
    ) -> tuple[Array, Array]:
        """Value and variation of one line from its inputs'."""
        op: NodeOp | None = node.op
        domain = self.domain
        if isinstance(op, Primitive):
            if op.branches and dxs[0] is not None and not _decides_alike(op, xs[0], dxs[0]):
                raise SizeLimit(f"line {i} ({op.name}): where it jumps is moved")
            y = op.apply(domain, *xs, **node.attrs)
            return y, op.tangent(domain, xs, y, dxs, **node.attrs)
        assert isinstance(op, Composite)
        if closed and op.closed and type(op).variation is not Composite.variation:
            y = op.symbols(domain, self._symbols_of(i, node), *xs, **node.attrs)
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


def expansion(network: Network, node: Node) -> Network:
    """A composite line as a program of primitives on its inputs, which are named by numbers."""
    build = Builder(network.ops)
    xs: list[Value] = []
    for k, j in enumerate(node.inputs):
        leaf = network.nodes[j].leaf
        made = leaf if isinstance(leaf, Constant) else Input(str(k), network.nodes[j].shape)
        xs.append(build.leaf(made))
    assert node.op is not None
    return build.network([build.lower(node.op, xs, node.attrs)])


def _terms(node: Node, xs: Sequence[Array]) -> int:
    """A bound on the terms of an unmoved sum or product, before it is made."""
    lengths = [max((len(p) for p in x.reshape(-1)), default=0) for x in xs]
    assert node.op is not None
    if node.op.name == "mul":
        return lengths[0] * lengths[1]
    if node.op.name == "power":
        return int(lengths[0] ** node.attrs["exponent"])
    if node.op.name == "sum":
        return lengths[0] * int(np.prod([xs[0].shape[a + 1] for a in node.attrs["axes"]]))
    return sum(lengths)


def _needed(network: Network) -> set[int]:
    """Lines that an output reads."""
    return _below(network, network.outputs)


def _below(network: Network, lines: Sequence[int]) -> set[int]:
    """These lines and all that they are made of."""
    found: set[int] = set()
    stack = list(lines)
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack.extend(network.nodes[i].inputs)
    return found


# -- variations along a flow: xi(t, x) = sum over k of (t - t0)^k (L_k x + c_k) ------------------


def _inputs_of(field: Network) -> tuple[int, int | None]:
    """The lines of the state and of the time."""
    places = {x.name: i for i, x in zip(field.input_nodes, field.inputs, strict=True)}
    return places["x"], places.get("t")


def _in_time(
    powers: Sequence[_Folded], x: Array, clock: Monomial, ring: Ring, derivative: int
) -> Array:
    """xi, or its derivative with respect to time (1)."""
    out = np.empty(x.shape, dtype=object)
    flat = out.reshape(-1)
    flat[:] = [dict[Monomial, Number]() for _ in range(flat.size)]
    for k, part in enumerate(powers):
        if k < derivative:
            continue
        factor: Polynomial = {clock * (k - derivative): k if derivative else 1}
        for n, p in enumerate(_recombine(part, x).reshape(-1)):
            flat[n] = add(flat[n], ring.mul(p, factor))
    return out


def _rate(
    powers: Sequence[_Folded], x: Array, y: Array, clock: Monomial, ring: Ring
) -> Array:
    """d xi / dt along the field: d_t xi + (grad xi) y."""
    linear = [_Folded(part.linear, [{} for _ in part.shift]) for part in powers]
    turned = _in_time(linear, y, clock, ring, 0)
    own = _in_time(powers, x, clock, ring, 1)
    out: Array = np.asarray(np.frompyfunc(add, 2, 1)(turned, own), dtype=object)
    return out


def _coefficient(a: Array, clock: Monomial, power: int, divisor: int) -> Array:
    """The coefficient of a power of the elapsed time, over a number."""
    (t,) = clock
    out = np.empty(a.shape, dtype=object)
    out.reshape(-1)[:] = [
        {tuple(s for s in m if s != t): ratio(c, divisor) for m, c in p.items()
         if m.count(t) == power}
        for p in a.reshape(-1)
    ]
    return out


def _at_time(powers: Sequence[_Folded], elapsed: Fraction) -> _Folded:
    """xi at one time."""
    linear: list[dict[int, Number]] = [{} for _ in powers[0].linear]
    shift: list[Polynomial] = [{} for _ in powers[0].shift]
    for k, part in enumerate(powers):
        size = _number(elapsed**k)
        for n, (row, c) in enumerate(zip(part.linear, part.shift, strict=True)):
            for j, w in row.items():
                linear[n][j] = linear[n].get(j, 0) + w * size
            shift[n] = add(shift[n], scale(c, size))
    return _Folded([{j: w for j, w in row.items() if w} for row in linear], shift)


# -- folding -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Folded:
    """delta v = L v + c: rows of L as dicts, c as polynomials in the parameters."""

    linear: list[dict[int, Number]]
    shift: list[Polynomial]

    def __bool__(self) -> bool:
        return any(self.linear) or any(self.shift)

    def describe(self) -> str:
        entries = sum(len(row) for row in self.linear)
        shifted = any(self.shift)
        if not entries:
            return "delta v = c"
        diagonal = all(set(row) <= {k} for k, row in enumerate(self.linear))
        same = {v for row in self.linear for v in row.values()}
        if diagonal and len(same) == 1 and all(self.linear):
            left = f"{same.pop()} v"
        elif diagonal:
            left = "D v"
        else:
            left = "A v"
        return f"delta v = {left} + c" if shifted else f"delta v = {left}"


def _decides_alike(op: Primitive, x: Array, dx: Array) -> bool:
    """Whether a branch decides the same all along a flow dx/dt on its argument x.

    Its derivative is 0 anyway, but what jumps there would move. Composite lines (a ReLU, a
    maximum) are continuous where their branches change and are not asked.
    """
    if op.name == "ranking":
        first, moved = (np.broadcast_to(a[..., :1], a.shape) for a in (x, dx))
        less = np.frompyfunc(lambda a, b: add(a, scale(b, -1)), 2, 1)
        rows = (less(a, b).reshape(-1, a.shape[-1]) for a, b in ((x, first), (dx, moved)))
        return all(_one_factor(a, b) for a, b in zip(*rows, strict=True))
    if op.name == "step":
        return all(
            _one_factor([a], [b]) or len(a) == 1 and _divides(next(iter(a)), b)
            for a, b in zip(x.reshape(-1), dx.reshape(-1), strict=True))
    return not any(dx.reshape(-1))


def _one_factor(x: Sequence[Polynomial], dx: Sequence[Polynomial]) -> bool:
    """Whether dx is one number times x."""
    k = next((i for i, p in enumerate(x) if p), None)
    if k is None:
        return not any(dx)
    m = min(x[k])
    c = ratio(dx[k].get(m, 0), x[k][m])
    return all(b == scale(a, c) for a, b in zip(x, dx, strict=True))


def _divides(m: Monomial, p: Polynomial) -> bool:
    """Whether every term of p has the symbols of a monomial."""
    return all(all(other.count(s) >= m.count(s) for s in m) for other in p)


def _fold(y: Array, dy: Array, parameters: set[int]) -> _Folded | None:
    """L and c with dy = L y + c as polynomials, or None.

    An entry of y is recognised by a monomial that no other entry has.
    """
    ys: Sequence[Polynomial] = y.reshape(-1).tolist()
    dys: Sequence[Polynomial] = dy.reshape(-1).tolist()
    owner: dict[Monomial, int] = {}
    for k, p in enumerate(ys):
        for m in p:
            owner[m] = -1 if m in owner else k
    # the last symbols are the newest: a private monomial without parameters alone is preferred
    chosen: dict[Monomial, int] = {}
    for k, p in enumerate(ys):
        private = [m for m in p if m and owner[m] == k]
        if private:
            chosen[max(private, key=lambda m: (len(m), m))] = k
    linear: list[dict[int, Number]] = []
    shift: list[Polynomial] = []
    for p in dys:
        row: dict[int, Number] = {}
        for m, c in p.items():
            if m in chosen:
                k = chosen[m]
                row[k] = ratio(c, ys[k][m])
        rest = p
        for k, c in row.items():
            rest = add(rest, scale(ys[k], -c))
        if any(not parameters.issuperset(m) for m in rest):
            return None
        linear.append(row)
        shift.append(rest)
    return _Folded(linear, shift)


def _recombine(folded: _Folded, symbols: Array) -> Array:
    out = np.empty(symbols.shape, dtype=object)
    flat, source = out.reshape(-1), symbols.reshape(-1)
    for k, (row, shift) in enumerate(zip(folded.linear, folded.shift, strict=True)):
        total = dict(shift)
        for j, c in row.items():
            total = add(total, scale(source[j], c))
        flat[k] = total
    return out


def field_polynomials(prover: Prover, field: VectorField) -> dict[str, Array]:
    """A field as arrays of polynomials in a prover's parameter symbols."""
    network = prover.network
    if not prover.network.parameters:
        return {}
    symbols = np.concatenate(
        [prover.parameter_symbols[p.name].reshape(-1) for p in network.parameters]
    )
    ring = prover.ring
    moved: dict[int, Polynomial] = {}
    for (k, monomial), c in field.terms.items():
        term: Polynomial = {(): _number(c)}
        for j, e in monomial:
            base: Polynomial = {(int(symbols[j]),): 1}
            term = ring.mul(term, ring.power(ring.inverse(base, 1) if e < 0 else base, abs(e)))
        moved[k] = add(moved.get(k, {}), term)
    out: dict[str, Array] = {}
    for p in network.parameters:
        start = network.offsets[p.name]
        inside = [k for k in moved if start <= k < start + p.size]
        if inside:
            array = prover.domain.zeros((p.size,))
            for k in inside:
                array[k - start] = moved[k]
            out[p.name] = array.reshape(p.shape)
    return out


def _number(c: Fraction) -> Number:
    return c.numerator if c.denominator == 1 else c
