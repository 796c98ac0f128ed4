"""Equivalence algebra of a parametrised vector field: diffeomorphisms that keep the family.

For dx/dt = v(t, x; theta): all (tau, xi; d theta), xi and tau polynomial in x and t, with

    d_theta v . d theta = D xi - v D tau - tau d_t v - xi.grad v,    D = d/dt + v.grad.

xi moves the state, tau the time; tau = 0 unless time may change. Then the trivial part, motion
along the worldlines (tau, xi) = zeta (1, v), is divided out, and so are d theta alone that leave
v as it is (the field's own gauge). Two bounds meet:

- at one generic theta the equation is linear in all unknowns: its nullity over GF(p), from more
  random points (t, x) than unknowns, bounds the dimension from above;
- xi with constant coefficients and d theta affine in theta are solved for, reconstructed over QQ,
  and each is proved as an identity in t, x and theta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement, islice
from typing import Any

import numpy as np

from symgauge.domains.evaluate import pulled, values
from symgauge.domains.residues import ResidueDomain
from symgauge.errors import BadInputError, SizeError, UndecidedError
from symgauge.exact.linear_algebra import independent_rows, nullspace, rank, rational_from_primes
from symgauge.exact.polynomial import Polynomial, add, scale
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import Monomial, VectorField, matrix
from symgauge.points.cells import balanced_shadow, branch_patterns
from symgauge.points.inputs import residue_inputs
from symgauge.points.rank import IDLE_BATCHES, draw_theta
from symgauge.points.roots import root_plan, settle_roots
from symgauge.points.rows import SPARE
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network
from symgauge.proof.prover import BUDGET, Prover, field_polynomials
from symgauge.verdict import Verdict

#: Unknowns of one system above which it is refused (pointwise) or left out (named fields).
MAX_UNKNOWNS = 2500
MAX_PRIMES = 8
#: Points drawn for one that is valid, before a field is taken to have none.
PATIENCE = 64


@dataclass(frozen=True)
class Equivalence:
    """A proved element: xi over the coordinates (t, x_1, ..., x_n), d theta by powers of t."""

    xi: VectorField
    dtheta: tuple[VectorField, ...]


@dataclass(frozen=True)
class Equivalences:
    """What was found: dimensions at a generic theta, and the proved elements."""

    network: Network
    degree: int
    time_degree: int
    #: Nullity of the whole system at one theta, and of its parts.
    solutions: int
    gauge: int
    trivial: int
    isotropy: int
    generators: tuple[Equivalence, ...]
    #: Proved elements, the trivial ones divided out: one for each dimension, t at rest where it
    #: can be. Their number is the lower bound.
    representatives: tuple[VectorField, ...]
    notes: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """The upper bound on the dimension, at a generic theta."""
        return self.solutions - self.gauge - self.trivial

    @property
    def proved(self) -> int:
        """Rank of the proved xi, the trivial ones divided out: the lower bound."""
        return len(self.representatives)

    @property
    def closed(self) -> bool:
        """Whether the proved elements are all."""
        return self.proved == self.dimension

    @property
    def algebra(self) -> str:
        """What the proved diffeomorphisms are, up to motion along the worldlines."""
        return _name(self.representatives, self.size, self.time_degree)

    @property
    def size(self) -> int:
        """Number of entries of the state."""
        return _state(self.network).size


@dataclass(frozen=True)
class _State:
    place: int
    clock: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))


def _state(network: Network) -> _State:
    places = {x.name: i for i, x in zip(network.input_nodes, network.inputs, strict=True)}
    if set(places) != {"t", "x"} or len(network.outputs) != 1 or network.has_flows:
        raise BadInputError("a vector field is a program with the inputs t and x and one output")
    shape = network.nodes[places["x"]].shape
    if network.nodes[network.outputs[0]].shape != shape:
        raise BadInputError("a vector field has the shape of its state")
    return _State(places["x"], places["t"], shape)


class _System:
    """Rows of the determining equation at random points."""

    def __init__(
        self, network: Network, degree: int, time_degree: int, time_change: bool, moving: bool,
        rng: np.random.Generator,
    ) -> None:
        self.network, self.rng, self.time_change = network, rng, time_change
        self.lowered = lower(network)
        self.state = _state(network)
        self.total = network.num_coordinates
        self.monomials = _monomials(self.state.size, degree, time_degree)
        self.powers = time_degree + 1 if moving else 1
        self.shadow = balanced_shadow(network, rng) if is_piecewise(network) else {}

    @property
    def directions(self) -> list[int]:
        """Coordinates of spacetime that xi may move."""
        return list(range(0 if self.time_change else 1, self.state.size + 1))

    def rows(self, field: PrimeField, count: int, theta: Any = None) -> dict[str, Array]:
        """Random combinations of the equation's components at `count` points.

        `xi`: columns by direction, then monomial; `theta`: by power of t, then coordinate;
        `values`: the thetas; `along`: xi - tau v, for the trivial part.
        """
        found: list[dict[str, Array]] = []
        have, tried = 0, 0
        while have < count:
            part = self._batch(field, min(512, max(16, count - have)), theta)
            found.append(part)
            have += len(part["xi"])
            tried += 1
            if tried > PATIENCE + count:
                raise UndecidedError("hardly any point is in the domain of this vector field")
        return {k: np.concatenate([f[k] for f in found])[:count] for k in found[0]}

    def _batch(self, field: PrimeField, batch: int, theta: Any) -> dict[str, Array]:
        net, state, rng, mul = self.lowered, self.state, self.rng, field.mul
        salt = int(rng.integers(1 << 62))
        if theta is None:
            parameters = {p.name: field.random(rng, (batch, *p.shape)) for p in net.parameters}
        else:
            parameters, salt = dict(theta[0]), theta[1]
        inputs = residue_inputs(net, field, rng, batch)
        patterns = branch_patterns(net, self.shadow if theta is not None else {}, rng, batch)
        plan = root_plan(net, field, theta is None)
        settle_roots(net, field, rng, salt, plan, parameters, inputs, patterns)
        domain = ResidueDomain(field, salt, batch, patterns, plan.twisted)
        lines = values(net, domain, parameters, inputs)
        places = _state(net)
        seed = field.random(rng, (batch, *state.shape))
        held = pulled(net, domain, lines, [seed])

        def flat(a: Array | None, size: int) -> Array:
            if a is None:
                return np.zeros((batch, size))
            return np.broadcast_to(a, (batch, *a.shape[1:])).reshape(batch, size)

        n = state.size
        w, v = flat(seed, n), flat(lines[net.outputs[0]], n)
        x, t = flat(inputs["x"], n), flat(inputs["t"], 1)
        slopes = np.concatenate([flat(held.get(places.clock), 1), flat(held.get(places.place), n)],
                                axis=1)
        velocity = np.concatenate([np.ones((batch, 1)), v], axis=1)
        point = np.concatenate([t, x], axis=1)
        wv = field.sum(mul(w, v), (1,))
        own, along = [], []
        evaluated = [
            (self._monomial(field, m, point), self._advected(field, m, point, velocity))
            for m in self.monomials
        ]
        for k in self.directions:
            turned = wv if k == 0 else field.neg(w[:, k - 1])
            for value, moved in evaluated:
                own.append(field.add(mul(slopes[:, k], value), mul(turned, moved)))
                # w . (xi - tau v)
                along.append(mul(field.neg(wv) if k == 0 else w[:, k - 1], value))
        moved_theta = np.concatenate(
            [flat(held.get(i), net.nodes[i].leaf.size)  # type: ignore[union-attr]
             for i in net.parameter_nodes] or [np.zeros((batch, 0))], axis=1)
        by_power, power = [], np.ones((batch, 1))
        for _ in range(self.powers):
            by_power.append(mul(moved_theta, power))
            power = mul(power, t)
        thetas = np.concatenate(
            [flat(parameters[p.name], p.size) for p in net.parameters]
            or [np.zeros((batch, 0))], axis=1)
        good = np.broadcast_to(domain.valid, (batch,))
        return {
            "xi": np.stack(own, axis=1)[good], "along": np.stack(along, axis=1)[good],
            "theta": np.concatenate(by_power, axis=1)[good], "values": thetas[good],
        }

    @staticmethod
    def _monomial(field: PrimeField, m: Monomial, point: Array) -> Array:
        value = np.ones(len(point))
        for k, e in m:
            value = field.mul(value, field.power(point[:, k], e))
        return value

    def _advected(self, field: PrimeField, m: Monomial, point: Array, velocity: Array) -> Array:
        """(d/dt + v.grad) m."""
        total = np.zeros(len(point))
        for k, e in m:
            rest = tuple((j, f - (j == k)) for j, f in m if f - (j == k))
            term = field.mul(self._monomial(field, rest, point), velocity[:, k])
            total = field.add(total, field.mul(term, np.array(float(e))))
        return total


def _monomials(n: int, degree: int, time_degree: int) -> list[Monomial]:
    """t^a x^alpha with a <= time_degree and |alpha| <= degree; t is coordinate 0."""
    out: list[Monomial] = []
    for a in range(time_degree + 1):
        for d in range(degree + 1):
            for chosen in combinations_with_replacement(range(1, n + 1), d):
                powers = {0: a, **{k: chosen.count(k) for k in chosen}}
                out.append(tuple((k, e) for k, e in sorted(powers.items()) if e))
    return out


def find_equivalences(
    network: Network, *, degree: int = 1, time_degree: int = 0, time_change: bool = False,
    moving: bool = False, seed: int = 0, progress: Callable[[str], None] = lambda _: None,
) -> Equivalences:
    """The equivalence algebra of a program v with the inputs t and x.

    `degree` and `time_degree` bound xi in x and in t. `time_change` lets t move too; `moving`
    lets theta depend on t, so that d theta is polynomial in t as xi is.

    Raises SizeError above MAX_UNKNOWNS unknowns, BadInputError for negative degrees and for a
    program that is no vector field.
    """
    if degree < 0 or time_degree < 0:
        raise BadInputError(f"degree {degree} and time degree {time_degree}: give 0 or more")
    rng = np.random.default_rng(seed)
    system = _System(network, degree, time_degree, time_change, moving, rng)
    unknowns = len(system.directions) * len(system.monomials)
    own = system.total * system.powers
    if unknowns + own > MAX_UNKNOWNS:
        raise SizeError(
            f"{unknowns} coefficients of xi and {own} of d theta: above {MAX_UNKNOWNS}; lower the "
            "degree or take a smaller field"
        )
    field = PrimeField(next(primes()))
    progress("equations at one theta")
    theta = draw_theta(network, field, rng)
    rows = _enough(system, field, unknowns + own, theta)
    p = field.p
    solutions = unknowns + own - rank(np.concatenate([rows["theta"], rows["xi"]], axis=1), p)
    gauge = own - rank(rows["theta"], p)
    isotropy = unknowns - rank(rows["xi"], p)
    along = nullspace(rows["along"], p) if time_change else np.zeros((0, unknowns))
    notes: list[str] = []
    generators: list[Equivalence] = []
    if solutions > gauge:
        progress("named fields")
        generators = _named(system, notes)
    lists = sorted((g.xi for g in generators), key=lambda xi: 0 in xi.support)
    coefficients = np.array([
        [field.residue(f.terms.get((k, m), Fraction(0)))
         for k in system.directions for m in system.monomials] for f in lists
    ]).reshape(len(lists), unknowns)
    kept = independent_rows(np.concatenate([along, coefficients]), p)
    representatives = tuple(lists[k - len(along)] for k in kept if k >= len(along))
    return Equivalences(
        network, degree, time_degree, solutions, gauge, len(along), isotropy - len(along),
        tuple(generators), representatives, tuple(notes),
    )


def _enough(
    system: _System, field: PrimeField, unknowns: int, theta: Any
) -> dict[str, Array]:
    """Rows at one theta: more than unknowns; with branches, until rarely met cells add nothing."""
    rows = system.rows(field, unknowns + SPARE, theta)
    idle = 0 if is_piecewise(system.network) else IDLE_BATCHES
    found = -1
    while idle < IDLE_BATCHES:
        grown = rank(np.concatenate([rows["theta"], rows["xi"]], axis=1), field.p)
        idle = idle + 1 if grown == found else 0
        found = grown
        if idle < IDLE_BATCHES:
            more = system.rows(field, unknowns + SPARE, theta)
            rows = {k: np.concatenate([v, more[k]]) for k, v in rows.items()}
    return rows


def _named(system: _System, notes: list[str]) -> list[Equivalence]:
    """xi with constant coefficients and d theta affine in theta, each proved."""
    total, powers = system.total, system.powers
    size = total * (total + 1) * powers
    unknowns = size + len(system.directions) * len(system.monomials)
    if unknowns > MAX_UNKNOWNS:
        notes.append(f"named fields not sought: {unknowns} unknowns, above {MAX_UNKNOWNS}")
        return []
    images: list[Array] = []
    used: list[int] = []
    basis = None
    for p in islice(primes(), MAX_PRIMES):
        field = PrimeField(p)
        rows = system.rows(field, unknowns + SPARE)
        with_one = np.concatenate([np.ones((len(rows["values"]), 1)), rows["values"]], axis=1)
        columns = field.mul(rows["theta"][:, :, None], with_one[:, None, :])
        # xi last: its coefficients are then the free ones, one for each element of the basis
        image = nullspace(np.concatenate(
            [columns.reshape(len(columns), size), rows["xi"]], axis=1), p)
        if images and image.shape != images[0].shape:
            notes.append("named fields not sought: two primes disagree")
            return []
        images.append(image)
        used.append(p)
        basis = rational_from_primes(images, used) if len(image) else image.astype(object)
        if basis is not None:
            break
    if basis is None:
        notes.append("named fields not found: their coefficients are no small fractions")
        return []
    prover = Prover(system.network)
    out: list[Equivalence] = []
    unproved = 0
    for vector in basis:
        made = _element(system, vector, size)
        if not made.xi:
            continue
        if _proved(system, prover, made):
            out.append(made)
        else:
            unproved += 1
    if unproved:
        notes.append(f"{unproved} candidates were not proved and are left out")
    kept, _ = matrix([g.xi for g in out], PrimeField(next(primes())))
    return [out[i] for i in independent_rows(kept, next(primes()))] if out else []


def _element(system: _System, vector: Sequence[Any], size: int) -> Equivalence:
    total = system.total
    dtheta = []
    block = np.array(vector[:size], dtype=object).reshape(system.powers, total, total + 1)
    for part in block:
        shift = [(k, Fraction(part[k, 0])) for k in range(total) if part[k, 0]]
        linear = [(int(k), int(j - 1), Fraction(part[k, j])) for k, j in np.argwhere(part != 0)
                  if j]
        dtheta.append(VectorField.build(shift, linear))
    places = [(k, m) for k in system.directions for m in system.monomials]
    xi = VectorField.collect(
        (k, m, Fraction(c)) for (k, m), c in zip(places, vector[size:], strict=True) if c
    )
    return Equivalence(xi, tuple(dtheta))


def _proved(system: _System, prover: Prover, element: Equivalence) -> bool:
    """The determining equation as an identity in t, x and theta."""
    prover.ring.budget = BUDGET
    places = _state(system.network)
    domain, ring = prover.domain, prover.ring
    time = prover.symbols(places.clock).reshape(-1)
    symbols = [*time, *prover.symbols(places.place).reshape(-1)]

    def polynomial(m: Monomial, c: Any) -> Polynomial:
        out: Polynomial = {(): c.numerator if c.denominator == 1 else c}
        for k, e in m:
            out = ring.mul(out, ring.power(symbols[k], e))
        return out

    moved = [dict[Any, Any]() for _ in symbols]
    for (k, m), c in element.xi.terms.items():
        moved[k] = add(moved[k], polynomial(m, c))
    start = domain.zeros((1, *places.shape))
    start.reshape(-1)[:] = moved[1:]
    clock = domain.zeros((1,))
    clock[0] = moved[0]
    seeds = {places.place: start, places.clock: clock}
    positions = dict(zip((p.name for p in system.network.parameters),
                         system.network.parameter_nodes, strict=True))
    power: Polynomial = {(): 1}
    for part in element.dtheta:
        for name, array in field_polynomials(prover, part).items():
            at = positions[name]
            grown = np.frompyfunc(lambda a, b=power: ring.mul(a, b), 1, 1)(array)
            grown = np.asarray(grown, dtype=object).reshape(1, *array.shape)
            seeds[at] = domain.add(seeds[at], grown) if at in seeds else grown
        power = ring.mul(power, time[0])

    def expected(y: Array) -> Array:
        flow = [{(): 1}, *y.reshape(-1)]

        def advected(k: int) -> Polynomial:
            total: Polynomial = {}
            for (direction, m), c in element.xi.terms.items():
                if direction != k:
                    continue
                for j, e in m:
                    rest = tuple((i, f - (i == j)) for i, f in m if f - (i == j))
                    total = add(total, ring.mul(polynomial(rest, c * e), flow[j]))
            return total

        stretched = scale(advected(0), -1)
        out = domain.zeros(y.shape)
        out.reshape(-1)[:] = [
            add(advected(k + 1), ring.mul(stretched, value)) for k, value in enumerate(flow[1:])
        ]
        return out

    return prover.covariant(seeds, expected)[0].verdict is Verdict.PROVED


def _name(fields: Sequence[VectorField], n: int, time_degree: int) -> str:
    """The span of the xi among the families that have a name; else its dimension."""
    if not fields:
        return "0"
    one = Fraction(1)
    translations = [(k, ()) for k in range(1, n + 1)]
    diagonal = [(k, ((k, 1),)) for k in range(1, n + 1)]
    whole = [(k, ((j, 1),)) for k in range(1, n + 1) for j in range(1, n + 1)]
    families: list[tuple[str, list[tuple[int, Any]]]] = [
        (f"aff({n})", translations + whole), (f"gl({n})", whole),
        (f"R^{n} (translations)", translations), (f"R^{n} (positive diagonal)", diagonal),
        (f"R^{n} (positive diagonal) |x R^{n}", translations + diagonal),
    ]
    field = PrimeField(next(primes()))
    for name, terms in families:
        for top in range(time_degree + 1):
            wanted = [
                VectorField.collect([(k, (((0, a),) if a else ()) + m, one)])
                for a in range(top + 1) for k, m in terms
            ]
            if len(wanted) != len(fields):
                continue
            both, _ = matrix([*wanted, *fields], field)
            if rank(both, field.p) == len(wanted):
                return name if not top else f"{name}, coefficients of degree {top} in t"
    return f"dimension {len(fields)}"
