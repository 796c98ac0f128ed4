"""The structural families of a small network against its Jacobian over GF(p).

Nothing here knows a lemma: a field is right where every row of the Jacobian, at points of its
own, annuls it exactly; the redundancy is P - rank J.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.statements.dimension import dimension
from symgauge.derivers.element import Found
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.derivers.structural import find, instantiate
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.family import Family
from symgauge.lie.fields import VectorField
from symgauge.points.cells import balanced_shadow
from symgauge.points.draw import Draw
from symgauge.points.rank import draw_theta, rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.rows import Rows, jacobian_rows
from symgauge.points.tokens import draw_tokens
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network

FIELD = PrimeField(next(primes()))
#: Rows that a field is paired with: a wrong one survives with probability p^-ROWS.
ROWS = 6


@dataclass(frozen=True)
class Refereed:
    """What was found, and what is true. Coordinates that no output reads are not counted."""

    found: Found
    families: list[Family]
    #: Families with a field that some row of the Jacobian does not annul.
    wrong: list[Family]
    rank: int
    #: The rank on all coordinates, those that no output reads included.
    orbit: int
    redundancy: int
    dimension: int
    stabiliser: str | None

    @property
    def sound(self) -> bool:
        """No wrong field, no rank above the redundancy; the count is the rank where it says so."""
        # what the dimension counts of coordinates that are not read may be a part
        within = self.rank <= self.dimension <= self.orbit
        counted = self.stabiliser is not None or within
        return not self.wrong and self.rank <= self.redundancy and counted


def paired(fields: Sequence[VectorField], rows: Rows, network: Network) -> np.ndarray:
    """v^T J X at the points of the rows: (rows, fields)."""
    theta = np.concatenate(
        [rows.parameters[p.name].reshape(len(rows.rows), -1) for p in network.parameters], axis=1
    )
    total = np.zeros((len(rows.rows), len(fields)))
    for i, f in enumerate(fields):
        for (k, m), c in f.terms.items():
            value = np.broadcast_to(np.float64(FIELD.residue(c)), (len(theta),))
            for j, e in m:
                power = theta[:, j] if e > 0 else FIELD.inverse(theta[:, j])
                for _ in range(abs(e)):
                    value = FIELD.mul(value, power)
            total[:, i] = FIELD.add(total[:, i], FIELD.mul(rows.rows[:, k], value))
    return total


def wrong_families(network: Network, families: Sequence[Family], seed: int = 0) -> list[Family]:
    """Families with a field that is not in the kernel, at fresh parameters and inputs."""
    rows = jacobian_rows(Draw(network, FIELD, np.random.default_rng(seed)), ROWS)
    return [f for f in families if paired(f.fields, rows, network).any()]


def rank_of(
    network: Network, families: Sequence[Family], seed: int = 0, unread: bool = False
) -> int:
    """Rank of all fields at a random point, on the coordinates that are read, or on all."""
    rng = np.random.default_rng(seed)
    theta, _ = draw_theta(network, FIELD, rng)
    flat = np.concatenate([theta[p.name].reshape(-1) for p in network.parameters])
    rows = [f.at(flat, FIELD) for family in families for f in family.fields]
    if not rows:
        return 0
    return rank(np.stack(rows)[:, read_coordinates(network) | unread], FIELD.p)


def redundancy_of(network: Network, seed: int = 0, cells: int = 4) -> int:
    """P - rank J at a random point: for a piecewise network, in the best of some cells."""
    rng = np.random.default_rng(seed)
    read = read_coordinates(network)
    best = 0
    for _ in range(cells if is_piecewise(network) else 1):
        cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
        tokens = draw_tokens(network, rng)
        draw = Draw(network, FIELD, rng, cell=cell, tokens=tokens)
        best = max(best, rank_at_point(draw, read))
    return int(read.sum()) - best


def referee(network: Network, seed: int = 0) -> Refereed:
    """Derive from the structure, and measure."""
    found = find(network)
    families = instantiate(found)
    return Refereed(
        found, families, wrong_families(network, families, seed), rank_of(network, families, seed),
        rank_of(network, families, seed, True), redundancy_of(network, seed), dimension(found),
        generic_stabiliser(found),
    )
