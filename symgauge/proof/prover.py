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

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product

import numpy as np

from symgauge.domains.evaluate import values
from symgauge.domains.polynomials import PolynomialDomain, units_of
from symgauge.exact.polynomial import Monomial, Polynomial, Ring, SizeLimit
from symgauge.lie.fields import VectorField
from symgauge.program.array import Array
from symgauge.program.build import Builder
from symgauge.program.constant import Constant
from symgauge.program.excerpt import lines_below, needed_lines
from symgauge.program.leaf import Input, Parameter
from symgauge.program.lower import lower
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp, Structural
from symgauge.program.writer import Value
from symgauge.proof.field_polynomials import field_polynomials
from symgauge.proof.folding import Folded, fold_variation, recombine
from symgauge.proof.in_time import (
    IN_TIME, TIME_DEGREE, at_time, coefficient, in_time, inputs_of, rate,
)
from symgauge.proof.line_rules import MAX_TERMS, LineRules
from symgauge.proof.record import METHOD, Line, Proof
from symgauge.proof.starts import AT_STARTS, constancies, with_starts
from symgauge.proof.strategies import STRATEGIES, Strategy
from symgauge.verdict import Verdict

#: Monomial products that one attempt may use; all are tried with the first share of them before.
BUDGET, FIRST = 1_000_000, 16
#: Monomial products that clearing the denominators of the outputs may use.
CLEARING = 100_000
#: Terms of an entry of a constant that is a polynomial in exponentials, sines, roots.
MAX_CONSTANT_TERMS = 64


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
        self._generator: VectorField | None = None
        self.needed = needed_lines(network)
        self._setup()

    def _setup(self) -> None:
        self.domain = PolynomialDomain(self.ring, units_of(self.network))
        self._leaf: dict[int, Array] = {}
        self._numbers: dict[int, Array | None] = {}
        self.parameter_ids: set[int] = set(self._constants)
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
                    self.parameter_ids.update(numbers.reshape(-1).tolist())
        self.rules = LineRules(self.network, self.domain, self._leaf)

    def _one_hot(self, x: Input) -> Array:
        """Symbols h with h h = h, distinct ones exclusive, and sum 1 over the classes."""
        out = np.empty((1, *x.shape), dtype=object)
        for where in np.ndindex(*x.shape[:-1]):
            key: list[Polynomial] = [{(self.ring.symbol(f"{x.name}{list(where)}"),): 1}]
            row = self.ring.selection("token", key, 1, x.classes)[0]
            for j, entry in enumerate(row):
                out[(0, *where, j)] = entry
        return out

    def prove(self, generator: VectorField, budget: int | None = None) -> Proof:
        """The verdict on X f = 0; `budget` in place of the prover's own for each attempt."""
        most = self._budget if budget is None else budget
        # what one strategy settles at once another may not after a million products
        shares = (most,) if budget is not None else (most // FIRST, most)
        self.ring.budget = most
        self._generator = generator
        try:
            field = field_polynomials(
                self.network, self.ring, self.parameter_symbols, generator)
        except SizeLimit as limit:
            return Proof(Verdict.UNKNOWN, METHOD, (), str(limit))
        last = Proof(Verdict.UNKNOWN, METHOD, (), "not attempted")
        for share, strategy in product(shares, STRATEGIES):
            self.ring.budget = share
            try:
                last = self._attempt(field, strategy)
            except SizeLimit as limit:
                last = Proof(Verdict.UNKNOWN, METHOD, (), str(limit))
            except ZeroDivisionError as error:
                last = Proof(Verdict.UNKNOWN, METHOD, (), str(error))
            if last.verdict is Verdict.PROVED:
                return last
        return last

    # -- one sweep -----------------------------------------------------------------------------

    def _attempt(self, field: Mapping[str, Array], strategy: Strategy) -> Proof:
        network = self.network
        delta: dict[int, Array] = {}
        for position, parameter in zip(network.parameter_nodes, network.parameters, strict=True):
            moved = field.get(parameter.name)
            if moved is not None and any(moved.reshape(-1)):
                delta[position] = moved.reshape(1, *parameter.shape)
        lines = tuple(_Sweep(self, delta, strategy).run())
        for i in network.outputs:
            left = delta[i].reshape(-1) if i in delta else ()
            worst = next((p for p in left if not self._vanishes(p)), None)
            if worst is not None:
                return Proof(Verdict.UNKNOWN, METHOD, lines, self.ring.text(worst))
        return Proof(Verdict.PROVED, METHOD, lines)

    def _vanishes(self, p: Polynomial) -> bool:
        """Whether an output's variation is 0, its denominators cleared if that is quick."""
        self.ring.budget = min(self.ring.budget, CLEARING)
        try:
            return self.ring.vanishes(p)
        except SizeLimit:
            return False

    def constant(self, i: int) -> Array | None:
        """A line made of constants with all its relations; None where it is too long for that.

        What is rational is a number. It is kept: it is the same in all sweeps.
        """
        if i not in self._numbers:
            build = Builder(self.network.ops)
            moved: dict[int, Value] = {}
            for j in sorted(lines_below(self.network, [i])):
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
        for strategy in STRATEGIES:
            delta = {i: d for i, d in moved.items() if any(d.reshape(-1))}
            sweep = _Sweep(self, delta, strategy)
            try:
                lines = tuple(sweep.run())
                wanted = expected(sweep.value(output))
                have = delta.get(output, self.domain.zeros(wanted.shape))
                difference = self.domain.add(have, self.domain.scale(wanted, Fraction(-1)))
            except (SizeLimit, ZeroDivisionError) as error:
                last = Proof(Verdict.UNKNOWN, METHOD, (), str(error))
                continue
            wrong = next((p for p in difference.reshape(-1) if p), None)
            if wrong is None:
                return Proof(Verdict.PROVED, METHOD, lines), None
            first = difference if first is None else first
            last = Proof(Verdict.UNKNOWN, METHOD, lines, self.ring.text(wrong))
        return last, first

    def through_flow(
        self, i: int, node: Node, field: Network, xs: list[Array], dxs: list[Array | None]
    ) -> tuple[Array, Array, list[Line]]:
        """Value and variation of a flow's end, and the table of its velocity."""
        zero = self.domain.zeros(xs[0].shape)
        folded = fold_variation(xs[0], zero if dxs[0] is None else dxs[0], self.parameter_ids)
        if folded is None:
            raise SizeLimit(f"line {i} ({node.label}): its start varies by no affine map of itself")
        inner = self._field_prover(i, node, field, xs)
        moved = {
            k: d for k, d in zip(field.parameter_nodes, dxs[1:], strict=True) if d is not None
        }
        powers, proof = inner.along_flow(moved, folded)
        said = ""
        if proof.verdict is not Verdict.PROVED:
            other = self._at_starts(node, xs[0], folded)
            if other is not None:
                powers, proof = inner.along_flow(moved, other)
                said = AT_STARTS
        if proof.verdict is not Verdict.PROVED:
            raise SizeLimit(
                f"line {i} ({node.label}): the velocity does not vary as its state: "
                f"{proof.residual[:120]}"
            )
        end = at_time(powers, node.attrs["t1"] - node.attrs["t0"])
        symbols = self.rules.symbols_of(i, node)
        table = [Line(i, f"{node.label}: {line.op}", line.variation) for line in proof.lines]
        degree = len(powers) - 1
        table.append(Line(i, node.label, end.describe() + said + (
            f"{IN_TIME}{degree}" if degree else "")))
        return symbols, recombine(end, symbols), table

    def along_flow(
        self, moved: Mapping[int, Array], start: Folded
    ) -> tuple[list[Folded], Proof]:
        """xi with a start, as a polynomial in the elapsed time, and whether the velocity varies so.

        For the program of a vector field: each coefficient is what the last ones leave.
        """
        state, _ = inputs_of(self.network)
        x, clock = self.symbols(state), self.elapsed
        powers = [start]
        while True:
            xi = in_time(powers, x, clock, self.ring, 0)
            proof, rest = self.covariant(
                {**moved, state: xi}, lambda y: rate(powers, x, y, clock, self.ring))
            if proof.verdict is Verdict.PROVED or rest is None or len(powers) > TIME_DEGREE:
                return powers, proof
            following = fold_variation(
                x, coefficient(rest, clock, len(powers) - 1, len(powers)), self.parameter_ids)
            if following is None or not following:
                return powers, proof
            powers.append(following)

    def _at_starts(self, node: Node, start: Array, folded: Folded) -> Folded | None:
        """The variation at a flow's start, with what vanishes at every start; None: nothing more.
        """
        constant = constancies(start, self.parameter_ids)
        if not constant or self._generator is None:
            return None
        symbols = {
            s: (name, k) for name, numbers in self.parameter_symbols.items()
            for k, s in enumerate(numbers.reshape(-1).tolist())}
        return with_starts(self.network, node, self._generator, folded, constant, symbols)

    def _field_prover(self, i: int, node: Node, field: Network, xs: list[Array]) -> Prover:
        """The prover of a flow's field, in this ring, with time t0 + (elapsed time)."""
        given = {at: xs[1 + k] for k, at in enumerate(field.parameter_nodes)}
        inner = self._fields.get(i)
        if inner is None:
            _, at = inputs_of(field)
            t = self.domain.fresh("elapsed", ())
            if at is not None:
                start = Constant((node.attrs["t0"],), np.zeros((), dtype=np.int64))
                given[at] = self.domain.add(t, self.domain.constant(start))
            inner = Prover(field, self._budget, self.ring, given, self.parameter_ids)
            inner.elapsed = next(iter(t.reshape(-1)[0]))
            self._fields[i] = inner
        else:
            inner._leaf.update(given)
        return inner


class _Sweep:
    """One pass over the lines that vary: their variations, put into `delta`, and the table."""

    def __init__(self, prover: Prover, delta: dict[int, Array], strategy: Strategy) -> None:
        self._prover, self._delta, self._strategy = prover, delta, strategy
        self._rules = prover.rules
        self._rules.short, self._rules.alone = strategy.short, strategy.alone
        self._rules.domain.by_cases = strategy.by_cases
        self._known: dict[int, Array] = {}
        self._expanded: dict[int, Array] = {}

    def run(self) -> Iterator[Line]:
        """The table. Raises SizeLimit where a variation has no short form."""
        prover, delta = self._prover, self._delta
        for i, node in enumerate(prover.network.nodes):
            if node.op is not None and i in prover.needed and any(j in delta for j in node.inputs):
                yield from self._line(i, node, node.op)

    def value(self, i: int) -> Array:
        """The value of a line, as this pass takes it."""
        if i in self._known:
            return self._known[i]
        if i in self._expanded:
            return self._expanded[i]
        prover = self._prover
        node = prover.network.nodes[i]
        if node.op is None:
            return prover.symbols(i)
        number = prover.constant(i) if prover.network.is_constant[i] else None
        if number is not None:
            self._known[i] = number
        elif isinstance(node.op, Structural):
            moved = (self.value(j) for j in node.inputs)
            self._known[i] = node.op.apply(prover.domain, *moved, **node.attrs)
        elif self._strategy.opaque:
            self._known[i] = self._rules.unmoved(i, node, self.value)
        else:
            xs = [self.value(j) for j in node.inputs]
            self._expanded[i] = self._rules.plain(i, node, xs, self._strategy.closed)
            return self._expanded[i]
        return self._known[i]

    def _line(self, i: int, node: Node, op: NodeOp) -> Iterator[Line]:
        """The variation of one line, from its inputs'."""
        prover, strategy = self._prover, self._strategy
        xs = [self.value(j) for j in node.inputs]
        dxs = [self._delta.get(j) for j in node.inputs]
        if node.body is not None:
            y, dy, table = prover.through_flow(i, node, node.body, xs, dxs)
            yield from table
            if any(dy.reshape(-1)):
                self._known[i], self._delta[i] = y, dy
            return
        y, dy = self._rules.step(i, node, xs, dxs, strategy.closed, strategy.opaque)
        if not any(dy.reshape(-1)):
            yield Line(i, op.name, "0")
            return
        said = None
        if not isinstance(op, Structural):
            y, dy, said = self._folded(i, node, y, dy)
        self._known[i], self._delta[i] = y, dy
        if said is not None:
            yield Line(i, op.name, said)

    def _folded(self, i: int, node: Node, y: Array, dy: Array) -> tuple[Array, Array, str]:
        """The line as symbols of its own where it varies by L v + c, else as it is; in words."""
        parameters = self._prover.parameter_ids
        folded = fold_variation(y, dy, parameters) if self._strategy.fold else None
        if folded is not None:
            symbols = self._rules.symbols_of(i, node)
            return symbols, recombine(folded, symbols), folded.describe()
        terms = max(len(p) for p in dy.reshape(-1))
        if terms > MAX_TERMS:
            raise SizeLimit(f"line {i} ({node.label}) varies by {terms} terms")
        return y, dy, f"polynomial, at most {terms} terms"
