"""Lines that may be any sum of functions of the inputs without a larger rank of J."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symgauge.identities.coefficients import LARGEST, PRODUCTS
from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.identities.relaxed import relaxed
from symgauge.exact.prime_field import PrimeField
from symgauge.points.draw import Draw
from symgauge.points.rank import rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.program.excerpt import needed_lines
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network
from symgauge.program.op import Structural


def free_lines(
    network: Network, wanted: int, field: PrimeField, rng: np.random.Generator
) -> Iterator[tuple[int, Network]]:
    """Such lines of the lowered program, those near the outputs first, each with that program.

    `wanted`: the rank of J. None of a program with branches or flows.
    """
    if network.has_flows or is_piecewise(network) or network.num_coordinates > LARGEST:
        return
    lowered = lower(network)
    lines, found = PolynomialLines(lowered, PRODUCTS), list[tuple[int, Network]]()
    for i in sorted(needed_lines(lowered)):
        if not isinstance(lowered.nodes[i].op, Structural):
            other = relaxed(lowered, i, lines)
            found += [] if other is None else [(i, other)]
    for i, other in reversed(found):
        # a first linear layer is free already
        if other.num_coordinates != network.num_coordinates and rank_at_point(
                Draw(other, field, rng), read_coordinates(other)) == wanted:
            yield i, other
