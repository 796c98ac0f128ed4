"""The cells of a piecewise network that the exact deriver tries for the largest rank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.errors import UndecidedError
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.cells import balanced_shadow, near_shadow, varied_shadow
from symgauge.points.draw import Draw
from symgauge.points.parts import rank_by_parts
from symgauge.points.rank import rank_at_point
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network

#: Cells of a piecewise network tried for the largest rank where structural families do not
#: close the first, and where they close none of these: of small networks up to MOST, so that
#: their number times P stays below WORK.
CELLS, MORE_CELLS, MOST, WORK = 4, 12, 32, 4000
#: How often as many are tried, while one alone has the largest rank, or less than one in FEW.
AGAIN, FEW = 4, 4


class Cells:
    """The largest rank of the Jacobian over exact random points, one on each cell that is tried.

    A rank at a point is a lower bound on the generic one. Piecewise networks have a rank on each
    cell: well balanced ones and random ones in turn, since either may miss what the other meets;
    then some beside the best.
    A smooth network is tried at one point, without a cell.
    """

    def __init__(
        self, network: Network, prime_field: PrimeField, rng: np.random.Generator,
        read: npt.NDArray[np.bool_], tokens: Mapping[str, Array],
    ) -> None:
        self._point = network, prime_field, rng, read
        #: Token inputs that all cells take.
        self.tokens = dict(tokens)
        #: The ranks found, and how often.
        self.ranks: Counter[int] = Counter()
        self.rank = -1
        #: Cells at whose inputs no branch was decided, and why not.
        self.undecided = 0
        self._why: UndecidedError | None = None
        #: The shadow point of the cell of largest rank; empty for smooth networks.
        self.best: dict[str, Array] = {}

    @property
    def tried(self) -> int:
        """How many."""
        return self.ranks.total()

    def extend(self, until: int, limit: int) -> int:
        """Try further cells until one has this rank or so many were tried; the largest rank.

        Where half of all have had the largest rank no more are tried. Raises UndecidedError where
        no cell was decided; where one was, the others only count.
        """
        network, prime_field, rng, read = self._point
        limit = limit if is_piecewise(network) else 1
        enough = max(limit, MORE_CELLS)
        while self.rank < until and 2 * self.ranks[self.rank] < enough and (
                self.tried + self.undecided < (limit if self.tried else enough)):
            shadow = self._shadow()
            try:
                draw = Draw(network, prime_field, rng, cell=shadow, tokens=self.tokens)
                found = rank_at_point(draw, read)
            except UndecidedError as error:
                if not shadow:
                    raise
                self.undecided, self._why = self.undecided + 1, error
                continue
            self.ranks[found] += 1
            if found > self.rank:
                self.rank, self.best = found, shadow
        if not self.tried and self._why is not None:
            raise self._why
        return self.rank

    def by_parts(self, until: int) -> bool:
        """Whether the rank of a smooth network is seen to be this at a special point."""
        network, prime_field, rng, read = self._point
        draw = Draw(network, prime_field, rng, tokens=self.tokens)
        found = rank_by_parts(draw, read, until)
        if found is not None:
            self.ranks[found] += 1
            self.rank = found
        return found is not None

    def few(self, until: int) -> int:
        """`extend` by the cells that are tried first."""
        return self.extend(until, CELLS)

    def many(self, until: int, parameters: int) -> int:
        """`extend` by those that are tried where none of the first has this rank.

        A largest rank that one cell alone has, or few of many, is rarely the largest: then by as
        many again.
        """
        limit = max(MORE_CELLS, min(MOST, WORK // parameters))
        for times in range(1, AGAIN + 1):
            self.extend(until, times * limit)
            if self.ranks[self.rank] > 1 and self.ranks[self.rank] * FEW >= self.tried:
                break
        return self.rank

    def _shadow(self) -> dict[str, Array]:
        """A point of the next cell."""
        network, _, rng, _ = self._point
        if not is_piecewise(network):
            return {}
        turn = self.tried + self.undecided
        if turn % 2 and turn > CELLS and self.best:
            return near_shadow(network, rng, self.best)  # it may lack sides of a few branches alone
        return varied_shadow(network, rng) if turn % 2 else balanced_shadow(network, rng)

    def to_json(self) -> dict[str, Any] | None:
        """How many were tried, and how many had which rank; None for smooth networks."""
        if not is_piecewise(self._point[0]):
            return None
        return {"tried": self.tried, "ranks": {str(r): n for r, n in sorted(self.ranks.items())}}

    def __str__(self) -> str:
        ranks = ", ".join(f"{r} on {n}" for r, n in sorted(self.ranks.items(), reverse=True))
        less = "; where it is less, more directions are null" if len(self.ranks) > 1 else ""
        return f"rank J is the largest of {self.tried} cells tried (ranks: {ranks}){less}"
