"""A vector field on the parameters, as polynomials in their symbols."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgauge.exact.polynomial import Polynomial, Ring, add
from symgauge.lie.fields import VectorField
from symgauge.program.array import Array
from symgauge.program.network import Network
from symgauge.proof.folding import as_number


def field_polynomials(
    network: Network, ring: Ring, symbols_of: Mapping[str, Array], field: VectorField
) -> dict[str, Array]:
    """A field as arrays of polynomials in the symbols of the parameters."""
    if not network.parameters:
        return {}
    symbols = np.concatenate([symbols_of[p.name].reshape(-1) for p in network.parameters])
    moved: dict[int, Polynomial] = {}
    for (k, monomial), c in field.terms.items():
        term: Polynomial = {(): as_number(c)}
        for j, e in monomial:
            base: Polynomial = {(int(symbols[j]),): 1}
            term = ring.mul(term, ring.power(ring.inverse(base, 1) if e < 0 else base, abs(e)))
        moved[k] = add(moved.get(k, {}), term)
    out: dict[str, Array] = {}
    for p in network.parameters:
        start = network.offsets[p.name]
        inside = [k for k in moved if start <= k < start + p.size]
        if inside:
            array = np.empty(p.size, dtype=object)
            array[:] = [moved.get(start + k, {}) for k in range(p.size)]
            out[p.name] = array.reshape(p.shape)
    return out
