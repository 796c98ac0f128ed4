"""The determining equation of equivalences, at random points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from symgauge.domains.evaluate import pulled, values
from symgauge.domains.residues import ResidueDomain
from symgauge.errors import BadInputError, UndecidedError
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.lie.fields import Monomial
from symgauge.points.cells import balanced_shadow, branch_patterns
from symgauge.points.draw import Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import root_plan, settle_roots
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network

#: Points drawn for one that is valid, before a field is taken to have none.
PATIENCE = 64


@dataclass(frozen=True)
class State:
    place: int
    clock: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))


def state_of(network: Network) -> State:
    places = {x.name: i for i, x in zip(network.input_nodes, network.inputs, strict=True)}
    if set(places) != {"t", "x"} or len(network.outputs) != 1 or network.has_flows:
        raise BadInputError("a vector field is a program with the inputs t and x and one output")
    shape = network.nodes[places["x"]].shape
    if network.nodes[network.outputs[0]].shape != shape:
        raise BadInputError("a vector field has the shape of its state")
    return State(places["x"], places["t"], shape)


@dataclass(frozen=True)
class Ansatz:
    """What is looked for: xi polynomial of these degrees in x and t; t may change; theta may move.

    Raises BadInputError for degrees that are none.
    """

    degree: int = 1
    time_degree: int = 0
    #: t moves too.
    time_change: bool = False
    #: theta depends on t, so that d theta is polynomial in t as xi is.
    moving: bool = False

    def __post_init__(self) -> None:
        for d in (self.degree, self.time_degree):
            if isinstance(d, bool) or not isinstance(d, int):
                raise BadInputError(
                    f"degrees are whole numbers, not degree={self.degree!r}, "
                    f"time_degree={self.time_degree!r}")
            if d < 0:
                raise BadInputError(
                    f"degree {self.degree} and time degree {self.time_degree}: give 0 or more")

    def scope(self, network: Network) -> str:
        """How far the answer reaches, in words."""
        return (
            f"xi of degree {self.degree} in x and {self.time_degree} in t, at generic parameters"
            + (" of one cell" if is_piecewise(network) else "") + ", at the sizes of the program"
            + (f"; d theta polynomial in t of degree {self.time_degree}" if self.moving else "")
            + ("; t may change" if self.time_change else "")
        )


class System:
    """Rows of the determining equation at random points."""

    def __init__(self, network: Network, ansatz: Ansatz, rng: np.random.Generator) -> None:
        self.network, self.rng, self.time_change = network, rng, ansatz.time_change
        self.lowered = lower(network)
        self.state = state_of(network)
        self.total = network.num_coordinates
        self.monomials = monomials_of(self.state.size, ansatz.degree, ansatz.time_degree)
        self.powers = ansatz.time_degree + 1 if ansatz.moving else 1
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
        net, mul = self.lowered, field.mul
        domain, lines, parameters, inputs = self._drawn(field, batch, theta)
        seed = field.random(self.rng, (batch, *self.state.shape))
        held = pulled(net, domain, lines, [seed])
        places, n = state_of(net), self.state.size
        w, v = _flat(batch, seed, n), _flat(batch, lines[net.outputs[0]], n)
        x, t = _flat(batch, inputs["x"], n), _flat(batch, inputs["t"], 1)
        slopes = np.concatenate([
            _flat(batch, held.get(places.clock), 1), _flat(batch, held.get(places.place), n)],
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
        sizes = [p.size for p in net.parameters]
        pulls = _joined(batch, [held.get(i) for i in net.parameter_nodes], sizes)
        by_power, power = [], np.ones((batch, 1))
        for _ in range(self.powers):
            by_power.append(mul(pulls, power))
            power = mul(power, t)
        thetas = _joined(batch, [parameters[p.name] for p in net.parameters], sizes)
        good = np.broadcast_to(domain.valid, (batch,))
        return {
            "xi": np.stack(own, axis=1)[good], "along": np.stack(along, axis=1)[good],
            "theta": np.concatenate(by_power, axis=1)[good], "values": thetas[good],
        }

    def _drawn(
        self, field: PrimeField, batch: int, theta: Any
    ) -> tuple[ResidueDomain, list[Array], dict[str, Array], dict[str, Array]]:
        """The program's lines at fresh points, with the parameters and inputs there."""
        net, rng = self.lowered, self.rng
        salt = int(rng.integers(1 << 62))
        if theta is None:
            parameters = {p.name: field.random(rng, (batch, *p.shape)) for p in net.parameters}
        else:
            parameters, salt = dict(theta[0]), theta[1]
        inputs = residue_inputs(net, field, rng, batch)
        patterns = branch_patterns(net, self.shadow if theta is not None else {}, rng, batch)
        plan = root_plan(net, field, theta is None)
        settle_roots(net, field, rng, plan, Point(salt, parameters, inputs, patterns))
        domain = ResidueDomain(field, salt, batch, patterns, plan.twisted)
        return domain, values(net, domain, parameters, inputs), parameters, inputs

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


def _flat(batch: int, a: Array | None, size: int) -> Array:
    """Shape (batch, size); None is 0."""
    if a is None:
        return np.zeros((batch, size))
    return np.broadcast_to(a, (batch, *a.shape[1:])).reshape(batch, size)


def _joined(batch: int, parts: Sequence[Array | None], sizes: Sequence[int]) -> Array:
    flat = [_flat(batch, a, n) for a, n in zip(parts, sizes, strict=True)]
    return np.concatenate(flat or [np.zeros((batch, 0))], axis=1)


def monomials_of(n: int, degree: int, time_degree: int) -> list[Monomial]:
    """t^a x^alpha with a <= time_degree and |alpha| <= degree; t is coordinate 0."""
    out: list[Monomial] = []
    for a in range(time_degree + 1):
        for d in range(degree + 1):
            for chosen in combinations_with_replacement(range(1, n + 1), d):
                powers = {0: a, **{k: chosen.count(k) for k in chosen}}
                out.append(tuple((k, e) for k, e in sorted(powers.items()) if e))
    return out
