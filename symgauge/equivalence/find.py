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

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.equivalence.named import MAX_UNKNOWNS, Equivalence, algebra_name, named_fields
from symgauge.equivalence.system import Ansatz, System, state_of
from symgauge.errors import SizeError
from symgauge.exact.linear_algebra import independent_rows, nullspace, rank
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import VectorField
from symgauge.points.rank import IDLE_BATCHES, draw_theta
from symgauge.points.rows import SPARE
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network
from symgauge.progress import Progress, silent


@dataclass(frozen=True)
class Equivalences:
    """What was found: dimensions at a generic theta, and the proved elements."""

    network: Network
    ansatz: Ansatz
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
        return algebra_name(self.representatives, self.size, self.ansatz.time_degree)

    @property
    def size(self) -> int:
        """Number of entries of the state."""
        return state_of(self.network).size


def find_equivalences(
    network: Network, ansatz: Ansatz, seed: int = 0, progress: Progress = silent,
    given: Sequence[Equivalence] | None = None,
) -> Equivalences:
    """The equivalence algebra of a program v with the inputs t and x.

    `given`: proved elements, in place of those that are sought.

    Raises SizeError above MAX_UNKNOWNS unknowns, BadInputError for a program that is no vector
    field.
    """
    rng = np.random.default_rng(seed)
    system = System(network, ansatz, rng)
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
    along = nullspace(rows["along"], p) if ansatz.time_change else np.zeros((0, unknowns))
    notes: list[str] = []
    generators: list[Equivalence] = list(given or ())
    if given is None and solutions > gauge:
        progress("named fields")
        generators = named_fields(system, notes)
    lists = sorted((g.xi for g in generators), key=lambda xi: 0 in xi.support)
    coefficients = np.array([
        [field.residue(f.terms.get((k, m), Fraction(0)))
         for k in system.directions for m in system.monomials] for f in lists
    ]).reshape(len(lists), unknowns)
    kept = independent_rows(np.concatenate([along, coefficients]), p)
    representatives = tuple(lists[k - len(along)] for k in kept if k >= len(along))
    return Equivalences(
        network, ansatz, solutions, gauge, len(along), isotropy - len(along),
        tuple(generators), representatives, tuple(notes),
    )


def _enough(
    system: System, field: PrimeField, unknowns: int, theta: Any
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
