"""What a flow's start cannot reach: variations of the state that vanish at every start.

A variation xi of the state need not vanish where no trajectory starts. Where nu(x0) = nu_0 for
every start, nu a rational functional of the state and nu_0 a polynomial in the parameters, the
variation at the start may gain M (nu(x) - nu_0) for any matrix M: appended zeros, a known start,
an entry that is given twice, a start that is a parameter.

M is found modulo a prime, from the velocity at random points, with what the variation gains as it
goes along; whether the velocity varies so is then decided exactly, by the prover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symgauge.errors import SymgaugeError
from symgauge.exact.linear_algebra import nullspace, rational_from_primes
from symgauge.exact.polynomial import Number, Polynomial, add, scale
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.exact.rational_matrix import matrix
from symgauge.exact.rational_matrix import nullspace as rational_nullspace
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.program.array import Array
from symgauge.program.build import Builder
from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network, Node
from symgauge.program.writer import Value
from symgauge.proof.folding import Folded, as_number
from symgauge.proof.in_time import TIME_DEGREE, inputs_of

#: Unknown entries of a variation above which it is not looked for.
MAX_UNKNOWNS = 800
#: Said of a variation in a proof table.
AT_STARTS = ", from a variation that vanishes where the flow starts"
#: The parameters of the program that is evaluated beside those of the network.
_STATE, _TIME, _WEIGHT, _ONE = "(state)", "(time)", "(weight)", "(one)"


#: Weights of entries of the state; the parameter and the place that a symbol stands for.
Row = Mapping[int, Number]
Symbols = Mapping[int, tuple[str, int]]


@dataclass(frozen=True)
class Constancy:
    """nu(x) = level at every start: nu by the entry of the state, level in the parameters."""

    functional: dict[int, Fraction]
    level: Polynomial


def constancies(start: Array, parameters: set[int]) -> list[Constancy]:
    """A basis of what is constant over all starts, for each value of the parameters.

    `start` holds polynomials, `parameters` the symbols of these. Exact; what relations between
    values hide of it is not found.
    """
    entries: list[Polynomial] = start.reshape(-1).tolist()
    varying = {
        m: k for k, m in enumerate(dict.fromkeys(
            m for p in entries for m in p if not parameters.issuperset(m)))}
    table = [[Fraction(0)] * len(entries) for _ in varying]
    for j, p in enumerate(entries):
        for m, c in p.items():
            if m in varying:
                table[varying[m]][j] = Fraction(c)
    found = rational_nullspace(matrix(table, len(entries))).table()
    out = []
    for row in found:
        functional = {j: Fraction(int(c.p), int(c.q)) for j, c in enumerate(row) if c}
        level: Polynomial = {}
        for j, c in functional.items():
            level = add(level, scale(entries[j], as_number(c)))
        out.append(Constancy(functional, level))
    return out


def with_starts(
    network: Network, node: Node, generator: VectorField, folded: Folded,
    constant: Sequence[Constancy], symbols: Symbols,
) -> Folded | None:
    """The variation at the start, with what the velocity asks for where no trajectory starts.

    `node` is the flow, `symbols` the places of the parameters' symbols. None where nothing
    is found; what is found is proved by nothing yet.
    """
    for degree in (0, TIME_DEGREE):
        asked = _Asked(network, node, generator, folded, tuple(constant), symbols, degree)
        if asked.unknowns > MAX_UNKNOWNS:
            return None
        try:
            found = asked.solution()
        except (SymgaugeError, ArithmeticError, KeyError):
            return None
        if found is not None:
            return _added(folded, constant, found)
    return None


def _added(
    folded: Folded, constant: Sequence[Constancy], weights: Sequence[Fraction]
) -> Folded | None:
    """xi + M (nu(x) - level), the entries of M row by row; None for M = 0."""
    if not any(weights):
        return None
    linear = [dict(row) for row in folded.linear]
    shift = list(folded.shift)
    for place, w in enumerate(weights):
        if w:
            i, a = divmod(place, len(constant))
            for j, c in constant[a].functional.items():
                linear[i][j] = as_number(linear[i].get(j, 0) + w * c)
            shift[i] = add(shift[i], scale(constant[a].level, as_number(-w)))
    return Folded([{j: c for j, c in row.items() if c} for row in linear], shift)


@dataclass(frozen=True)
class _Asked:
    """The equation of variation of one flow, for M and for what is gained to some power of time.

    sum over powers k of the elapsed time s: D_x v . (s^k xi_k) + D_theta v . d theta =
    (d/ds + grad . v) (s^k xi_k), xi_0 = the given variation + M (nu(x) - level).
    """

    network: Network
    node: Node
    generator: VectorField
    folded: Folded
    constant: tuple[Constancy, ...]
    symbols: Symbols
    degree: int

    @property
    def unknowns(self) -> int:
        """Entries of M, and of the affine maps that later powers of time have."""
        n = len(self.folded.linear)
        return n * (len(self.constant) + self.degree * (n + 1))

    def solution(self) -> list[Fraction] | None:
        """The entries of M, row by row; None where the equations have no solution over QQ."""
        program = _velocity(self.network, self.node)
        if program is None:
            return None
        p = next(primes())
        at = _Points(program, self.node, PrimeField(p), self.unknowns + SPARE)
        given = at.along(self.generator, self.network)
        for i, (row, shift) in enumerate(
                zip(self.folded.linear, self.folded.shift, strict=True)):
            value = at.polynomial(shift, self.symbols)
            if row:
                value = at.field.add(value, at.affine(row))
            given = at.field.add(given, at.asked_of(i, value, row))
        n = len(self.folded.linear)
        columns = [
            at.asked_of(i, at.vanishing(c, self.symbols), c.functional)
            for i in range(n) for c in self.constant]
        affine: list[Row] = [*({j: Fraction(1)} for j in range(n)), {}]
        columns += [
            at.asked_of(i, at.affine(row), row, k)
            for k in range(1, self.degree + 1) for i in range(n) for row in affine]
        # what is free comes last: a solution has the given variation once
        basis = nullspace(np.stack([*columns[::-1], given], axis=1), p)
        chosen = next((v for v in basis if v[-1]), None)
        exact = None if chosen is None else rational_from_primes([chosen[None]], [p])
        return None if exact is None else [
            Fraction(c) for c in exact[0][-2:-2 - n * len(self.constant):-1]]


class _Points:
    """Rows c w^T D v at random points, with the cotangents c w and the velocities."""

    def __init__(self, program: Network, node: Node, field: PrimeField, count: int) -> None:
        rows = jacobian_rows(Draw(program, field, np.random.default_rng(0)), count)
        self.field, self._program, self._rows = field, program, rows.rows
        self.theta = {n: v.reshape(count, -1) for n, v in rows.parameters.items()}
        self.by_state = self._part(_STATE)
        # c v and w: of their products only c w_i v_j is needed
        self._velocity, self._weight = self._part(_WEIGHT), self.theta[_WEIGHT]
        self._scale = self._part(_ONE)[:, 0]
        start = np.full(count, np.float64(field.residue(Fraction(node.attrs["t0"]))))
        self._elapsed = field.add(self.theta[_TIME][:, 0], field.neg(start))

    def _part(self, name: str) -> Array:
        start = self._program.offsets[name]
        out: Array = self._rows[:, start:start + self.theta[name].shape[1]]
        return out

    def along(self, generator: VectorField, network: Network) -> Array:
        """c w^T D_theta v . d theta."""
        field = self.field
        theta = np.concatenate([self.theta[p.name] for p in network.parameters], axis=1)
        rows = np.concatenate([self._part(p.name) for p in network.parameters], axis=1)
        total = np.zeros(len(rows))
        for (k, monomial), c in generator.terms.items():
            value = field.mul(rows[:, k], np.array([field.residue(c)], dtype=float))
            for j, e in monomial:
                value = field.mul(value, _power(field, theta[:, j], e))
            total = field.add(total, value)
        return total

    def affine(self, row: Row) -> Array:
        """sum c_j x_j, or 1 where there is no term."""
        return self._sum(row, self.theta[_STATE]) if row else np.ones(len(self._rows))

    def _sum(self, row: Row, of: Array) -> Array:
        total = np.zeros(len(self._rows))
        for j, c in row.items():
            size = np.array([self.field.residue(Fraction(c))], dtype=float)
            total = self.field.add(total, self.field.mul(of[:, j], size))
        return total

    def vanishing(self, constant: Constancy, symbols: Symbols) -> Array:
        """nu(x) - level."""
        level = self.polynomial(constant.level, symbols)
        return self.field.add(self.affine(constant.functional), self.field.neg(level))

    def polynomial(self, value: Polynomial, symbols: Symbols) -> Array:
        """A polynomial in the parameters. Raises KeyError where it has another symbol."""
        total = np.zeros(len(self._rows))
        for m, c in value.items():
            term = np.full(len(self._rows), np.float64(self.field.residue(Fraction(c))))
            for s in m:
                name, place = symbols[s]
                term = self.field.mul(term, self.theta[name][:, place])
            total = self.field.add(total, term)
        return total

    def asked_of(self, i: int, value: Array, gradient: Row, power: int = 0) -> Array:
        """c w^T (D_x v . xi - d xi/ds - grad xi . v), xi = s^power value at entry i alone."""
        field = self.field
        turned = field.mul(self._weight[:, i], self._sum(gradient, self._velocity))
        out = field.add(field.mul(self.by_state[:, i], value), field.neg(turned))
        if not power:
            return out
        grown = field.mul(field.mul(self._weight[:, i], self._scale), value)
        grown = field.mul(grown, np.full(len(grown), np.float64(field.p - power)))
        return field.mul(_power(field, self._elapsed, power - 1), field.add(
            field.mul(out, self._elapsed), grown))


def _power(field: PrimeField, base: Array, exponent: int) -> Array:
    out = np.ones(len(base))
    for _ in range(abs(exponent)):
        out = field.mul(out, base)
    return field.inverse(out) if exponent < 0 else out


def _velocity(network: Network, node: Node) -> Network | None:
    """e + sum_i a_i v_i(t, x; theta), with a, e, x and t among the parameters.

    None where a parameter of the field is made by another flow.
    """
    field = node.body
    assert field is not None
    build = Builder(network.ops)
    for parameter in network.parameters:
        build.leaf(parameter)
    made: dict[int, Value] = {}
    for i in sorted(lines_below(network, node.inputs[1:])):
        line = network.nodes[i]
        if line.body is not None:
            return None
        made[i] = build.leaf(line.leaf) if line.leaf is not None else build.apply(
            line.op_name, *(made[j] for j in line.inputs), **line.attrs)
    state, time = inputs_of(field)
    inner = {
        k: made[j] for k, j in zip(field.parameter_nodes, node.inputs[1:], strict=True)}
    inner[state] = build.leaf(Parameter(_STATE, field.nodes[state].shape))
    clock = build.leaf(Parameter(_TIME, ()))
    if time is not None:
        inner[time] = clock
    for i, line in enumerate(field.nodes):
        if i not in inner:
            inner[i] = build.leaf(line.leaf) if line.leaf is not None else build.apply(
                line.op_name, *(inner[j] for j in line.inputs), **line.attrs)
    weight = build.leaf(Parameter(_WEIGHT, node.shape))
    total = build.sum(build.mul(weight, inner[field.outputs[0]]), None)
    one = build.leaf(Parameter(_ONE, ()))
    return build.network([build.add(total, one)])
