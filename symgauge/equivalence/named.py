"""Equivalences with rational coefficients, each proved as an identity in t, x and theta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from symgauge.equivalence.matrices import aligned, element_of, lifts, placed
from symgauge.equivalence.system import System, state_of
from symgauge.exact.linear_algebra import independent_rows, nullspace, rank, rational_from_primes
from symgauge.exact.polynomial import Polynomial, Ring, add, scale
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import Monomial, VectorField, matrix
from symgauge.points.rows import SPARE
from symgauge.proof.field_polynomials import field_polynomials
from symgauge.proof.prover import BUDGET, Prover
from symgauge.verdict import Verdict

#: Unknowns of one system above which it is refused (pointwise) or left out (named fields).
MAX_UNKNOWNS = 2500
MAX_PRIMES = 8


@dataclass(frozen=True)
class Equivalence:
    """A proved element: xi over the coordinates (t, x_1, ..., x_n), d theta by powers of t."""

    xi: VectorField
    dtheta: tuple[VectorField, ...]


def named_fields(system: System, notes: list[str]) -> list[Equivalence]:
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
    still: list[Equivalence] = []
    unproved = 0
    for vector in basis:
        made = _element(system, vector, size)
        if is_proved(system, prover, made):
            (out if made.xi else still).append(made)
        elif made.xi:
            unproved += 1
    if unproved:
        notes.append(f"{unproved} candidates were not proved and are left out")
    kept, _ = matrix([g.xi for g in out], PrimeField(next(primes())))
    chosen = [out[i] for i in independent_rows(kept, next(primes()))] if out else []
    return _lifted(system, chosen, still)


def _lifted(
    system: System, found: Sequence[Equivalence], still: Sequence[Equivalence]
) -> list[Equivalence]:
    """The elements with proved d theta that keep v added, to have a form in matrices if they can.
    """
    if not still or not found:
        return list(found)
    n = state_of(system.network).size
    read = [element_of(_terms(g.xi), [_terms(f) for f in g.dtheta], n) for g in found]
    elements = [e for e in read if e is not None]
    if len(elements) < len(found):
        return list(found)
    tensors = placed((p.name, p.shape) for p in system.network.parameters)
    moved = [{(k, power, m): c for power, part in enumerate(g.dtheta)
              for k, m, c in _terms(part)} for g in still]
    added = lifts(aligned(elements), moved, tensors)
    if added is None:
        return list(found)
    return [
        Equivalence(g.xi, tuple(
            VectorField.collect([*_terms(own), *(
                (k, m, c * u) for u, h in zip(numbers, still, strict=True) if u
                for k, m, c in _terms(h.dtheta[power]))])
            for power, own in enumerate(g.dtheta)))
        for g, numbers in zip(found, added, strict=True)]


def _terms(field: VectorField) -> list[tuple[int, Monomial, Fraction]]:
    return [(k, m, Fraction(c)) for (k, m), c in field.terms.items()]


def _element(system: System, vector: Sequence[Any], size: int) -> Equivalence:
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


def is_proved(system: System, prover: Prover, element: Equivalence) -> bool:
    """The determining equation as an identity in t, x and theta."""
    prover.ring.budget = BUDGET
    places = state_of(system.network)
    domain, ring = prover.domain, prover.ring
    time = prover.symbols(places.clock).reshape(-1)
    symbols = [*time, *prover.symbols(places.place).reshape(-1)]
    moved = [dict[Any, Any]() for _ in symbols]
    for (k, m), c in element.xi.terms.items():
        moved[k] = add(moved[k], _monomial(ring, symbols, m, c))
    start = domain.zeros((1, *places.shape))
    start.reshape(-1)[:] = moved[1:]
    clock = domain.zeros((1,))
    clock[0] = moved[0]
    seeds = {places.place: start, places.clock: clock}
    positions = dict(zip((p.name for p in system.network.parameters),
                         system.network.parameter_nodes, strict=True))
    power: Polynomial = {(): 1}
    for part in element.dtheta:
        for name, array in field_polynomials(
                prover.network, prover.ring, prover.parameter_symbols, part).items():
            at = positions[name]
            grown = np.frompyfunc(lambda a, b=power: ring.mul(a, b), 1, 1)(array)
            grown = np.asarray(grown, dtype=object).reshape(1, *array.shape)
            seeds[at] = domain.add(seeds[at], grown) if at in seeds else grown
        power = ring.mul(power, time[0])

    def expected(y: Array) -> Array:
        flow = [{(): 1}, *y.reshape(-1)]
        along = [_advected(ring, symbols, element.xi, k, flow) for k in range(len(flow))]
        stretched = scale(along[0], -1)
        out = domain.zeros(y.shape)
        out.reshape(-1)[:] = [
            add(a, ring.mul(stretched, value))
            for a, value in zip(along[1:], flow[1:], strict=True)
        ]
        return out

    return prover.covariant(seeds, expected)[0].verdict is Verdict.PROVED


def _monomial(ring: Ring, symbols: Sequence[Polynomial], m: Monomial, c: Any) -> Polynomial:
    """c times a monomial in t and x."""
    out: Polynomial = {(): c.numerator if c.denominator == 1 else c}
    for k, e in m:
        out = ring.mul(out, ring.power(symbols[k], e))
    return out


def _advected(
    ring: Ring, symbols: Sequence[Polynomial], xi: VectorField, k: int,
    flow: Sequence[Polynomial],
) -> Polynomial:
    """Component k of (d/dt + v.grad) xi, where `flow` is (1, v)."""
    total: Polynomial = {}
    for (direction, m), c in xi.terms.items():
        if direction != k:
            continue
        for j, e in m:
            rest = tuple((i, f - (i == j)) for i, f in m if f - (i == j))
            total = add(total, ring.mul(_monomial(ring, symbols, rest, c * e), flow[j]))
    return total


def algebra_name(fields: Sequence[VectorField], n: int, time_degree: int) -> str:
    """The span of the xi among the families that have a name; else its dimension."""
    if not fields:
        return "0"
    one = Fraction(1)
    translations = [(k, ()) for k in range(1, n + 1)]
    diagonal = [(k, ((k, 1),)) for k in range(1, n + 1)]
    whole = [(k, ((j, 1),)) for k in range(1, n + 1) for j in range(1, n + 1)]
    families: list[tuple[str, list[tuple[int, Any]]]] = [
        (f"aff({n},R)", translations + whole), (f"gl({n},R)", whole),
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
