"""How the rank of the Jacobian grows with the rows, at one exact random point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from symgauge.errors import UndecidedError
from symgauge.exact.linear_algebra import row_reduce
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.draw import Draw
from symgauge.points.rank import draw_theta
from symgauge.points.reads import read_coordinates
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.points.tokens import draw_tokens
from symgauge.program.array import Array
from symgauge.program.network import Network

#: Parameters beyond which rows are not reduced for a picture.
LARGEST = 1000


def rank_growth(
    network: Network, cell: Mapping[str, Array], seed: int
) -> tuple[tuple[int, ...], int] | None:
    """The rows (counted from 0) that no rows before span, and how many rows there are.

    Exact, modulo a prime, at one random theta; each row has an input of its own, in the cell if one
    is given, and a random cotangent. None where there are flows, too many parameters or too few
    points.
    """
    read = read_coordinates(network)
    if network.has_flows or read.sum() > LARGEST:
        return None
    field, rng = PrimeField(next(primes())), np.random.default_rng(seed)
    draw = Draw(network, field, rng, cell=cell, tokens=draw_tokens(network, rng))
    try:
        theta, salt = draw_theta(network, field, rng)
        rows = jacobian_rows(replace(draw, theta=theta, salt=salt), int(read.sum()) + SPARE)
    except UndecidedError:
        return None
    own = rows.rows[:, read]
    _, pivots = row_reduce(np.ascontiguousarray(own.T), field.p)
    return tuple(pivots), len(own)
