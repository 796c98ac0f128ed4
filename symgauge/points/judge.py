"""Patterns of branches confirmed in real balls."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from symgauge.domains.balls import BallDomain
from symgauge.domains.evaluate import values
from symgauge.domains.ties import untied
from symgauge.exact import balls
from symgauge.program.array import Array
from symgauge.program.network import Network
from symgauge.program.op import Primitive

#: Bits of the balls that confirm what floats decide; failures borne for each confirmed pattern.
BRANCH_BITS, FAILURES = 384, 40
#: Radius of those balls.
RADIUS = Fraction(1, 1 << BRANCH_BITS)


class Judge:
    """Patterns of branches confirmed in real balls: floats lose (z + 2^70) - 2^70 = z unseen.

    One point in whose neighbourhood a pattern stands is enough for it. `cell` are the parameters
    of all of them, or empty.
    """

    def __init__(
        self, program: Network, cell: Mapping[str, Array], tied: Sequence[Array | None],
    ) -> None:
        last = max(
            i for i, n in enumerate(program.nodes)
            if isinstance(n.op, Primitive) and n.op.branches)
        self._prefix = Network(program.nodes[:last + 1], (last,), program.ops)
        self._shown: set[bytes] = set()
        self._failures = 0
        self.ties = tied
        self._cell: dict[str, Array] = {}
        if cell:
            with balls.precision(BRANCH_BITS):
                self._cell = {n: balls.balls(v[0], RADIUS)[None] for n, v in cell.items()}

    def know(self, tied: Sequence[Array | None]) -> None:
        """What is tied decides from now on: the failures before that are forgotten."""
        self.ties, self._failures = tied, 0

    def confirmed(
        self, parameters: Mapping[str, Array], inputs: Mapping[str, Array],
        patterns: Sequence[Array], asked: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """Which of the rows that are asked for take their patterns in balls too."""
        out = np.zeros(len(asked), dtype=bool)
        classes = [x.name for x in self._prefix.inputs if x.classes]
        for k in np.flatnonzero(asked).tolist():
            wanted = [b[k] for b in patterns]
            key = hashlib.sha256(b"".join(a.astype(np.int64).tobytes() for a in (
                *wanted, *(inputs[n][k] for n in classes)))).digest()
            if key not in self._shown:
                # where no balls decide, asking on is in vain
                if self._failures > FAILURES * (1 + len(self._shown)):
                    continue
                theta, x = (
                    {n: v[min(k, len(v) - 1)] for n, v in t.items()} for t in (parameters, inputs))
                if not self._decided(theta, x, wanted):
                    self._failures += 1
                    continue
                self._shown.add(key)
            out[k] = True
        return out

    def _decided(
        self, theta: Mapping[str, Array], x: Mapping[str, Array], wanted: Sequence[Array]
    ) -> bool:
        domain = _BranchesInBalls(self.ties)
        exact = {y.name for y in self._prefix.inputs if y.classes}
        with balls.precision(BRANCH_BITS):
            parameters = self._cell or {
                n: balls.balls(v, RADIUS)[None] for n, v in theta.items()}
            given = {
                n: balls.balls(v, Fraction(0) if n in exact else RADIUS)[None]
                for n, v in x.items()
            }
            try:
                values(self._prefix, domain, parameters, given)
            except balls.Undecided:
                return False
        return all(
            np.array_equal(one, two[0])
            for one, two in zip(wanted, domain.met, strict=True)
        )


class _BranchesInBalls(BallDomain):
    """Balls that keep the branches that they meet."""

    def __init__(self, tied: Sequence[Array | None]) -> None:
        super().__init__()
        self.met: list[Array] = []
        self._ties = iter(tied)

    def step(self, a: Array) -> Array:
        return super().step(untied(a, next(self._ties, None), balls.ball(Fraction(0))))

    def ranking(self, a: Array, count: int) -> Array:
        return super().ranking(untied(a, next(self._ties, None), None), count)

    def one_hot(self, a: Array, count: int) -> Array:
        next(self._ties, None)
        return super().one_hot(a, count)

    def _pattern(self, pattern: Array) -> Array:
        self.met.append(pattern)
        return super()._pattern(pattern)
