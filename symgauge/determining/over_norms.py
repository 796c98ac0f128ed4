"""Scalings that the norm of a parameter makes up for: weights that are functions of its squares.

In g v / |v| each entry of v may be scaled by its own s, if g takes |s v| / |v|: delta v_j = d_j v_j
with delta g = g sum_j d_j v_j^2 / |v|^2. Times the norm's square all is polynomial. So fields
X_k = q_k(theta) theta_k are sought, the q_k being combinations of the terms of the product of all
values that one root is taken of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from symgauge.determining.basket import Values, vanishing_on
from symgauge.determining.search import MAX_UNKNOWNS, Search, residues
from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.exact.linear_algebra import row_reduce
from symgauge.exact.polynomial import SizeLimit, constant
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.lie.fields import Monomial, VectorField, times
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network

#: Products of monomials that one root's values may take, and terms that their product may have.
PRODUCTS, TERMS = 50_000, 400
#: Rows for each unknown where there are branches: units that are off say nothing.
MORE = 4


def scalings_over_norms(
    search: Search, read: npt.NDArray[np.bool_], point: Sequence[int], known: Values
) -> Iterator[VectorField]:
    """Fields with X f = 0 at fresh points that raise the rank of the known fields' values.

    As `polynomial_fields`.
    """
    products = norm_products(search.network)
    own = _unscaled(search, read) if products else read
    at, field = np.array(point, dtype=np.float64), search.field
    each = MORE if is_piecewise(search.network) else 1
    for terms in products:
        unknowns = len(own) * len(terms)
        if not 0 < unknowns <= MAX_UNKNOWNS:
            continue

        def columns(rows: Array, theta: Array, field: PrimeField) -> Array:
            scaled = field.mul(rows[:, own], theta[:, own])
            weights = np.stack([_value(m, theta, field) for m in terms], axis=1)
            return field.mul(scaled[:, :, None], weights[:, None]).reshape(len(rows), -1)

        vectors = search.nullspace(unknowns * each, columns)
        for vector in () if vectors is None else vectors:
            moved = VectorField.collect(
                (int(own[u // len(terms)]), times(((int(own[u // len(terms)]), 1),),
                                                  terms[u % len(terms)]), vector[u])
                for u in np.flatnonzero(vector).tolist())
            forms = vanishing_on(known, len(point), field)
            if field.matmul(forms, moved.at(at, field)[:, None]).any():
                yield moved


def norm_products(network: Network) -> list[tuple[Monomial, ...]]:
    """Of each root of values that parameters make alone: the monomials of their product."""
    lowered = lower(network)
    found: dict[tuple[Monomial, ...], None] = {}
    for i in lowered.root_lines:
        (inside,) = lowered.nodes[i].inputs
        if not (lowered.reached[inside] or lowered.is_constant[inside]):
            terms = _terms(lowered, inside)
            if 1 < len(terms) <= TERMS:
                found[terms] = None
    return list(found)


def _terms(lowered: Network, line: int) -> tuple[Monomial, ...]:
    """The monomials of the product of a line's different entries; none if they are not polynomial.
    """
    lines, total = PolynomialLines(lowered, PRODUCTS), constant(1)
    try:
        for value in {frozenset(p.items()) for p in lines.entries(line)}:
            total = lines.ring.mul(total, dict(value))
    except (SizeLimit, ZeroDivisionError):
        return ()
    if not all(x in lines.parameters for m in total for x in m):
        return ()
    return tuple(sorted(
        tuple((k, at.count(k)) for k in sorted(set(at)))
        for at in ([lines.parameters[x] for x in m] for m in total)))


def _unscaled(search: Search, read: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The coordinates that are read, less as many as numbers scale that leave f as it is.

    A field less multiples of those scalings does not move the coordinates that are left out.
    """
    own = np.flatnonzero(read)
    scalings = search.nullspace(
        len(own), lambda rows, theta, field: field.mul(rows[:, own], theta[:, own]))
    if scalings is None or not len(scalings):
        return own
    _, pivots = row_reduce(residues(scalings, search.field), search.field.p)
    return np.delete(own, pivots)


def _value(monomial: Monomial, theta: Array, field: PrimeField) -> Array:
    out = np.ones(len(theta))
    for k, e in monomial:
        out = field.mul(out, field.power(theta[:, k], e))
    return out
