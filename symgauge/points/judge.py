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
#: Patterns that are confirmed at once, as long as none is undecided.
TOGETHER = 16
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
        self._failures, self._together = 0, TOGETHER
        self.ties = tied
        self._cell: dict[str, Array] = {}
        if cell:
            with balls.precision(BRANCH_BITS):
                self._cell = {n: balls.balls(v[0], RADIUS)[None] for n, v in cell.items()}

    def know(self, tied: Sequence[Array | None]) -> None:
        """What is tied decides from now on: the failures before that are forgotten."""
        self.ties, self._failures, self._together = tied, 0, TOGETHER

    def confirmed(
        self, parameters: Mapping[str, Array], inputs: Mapping[str, Array],
        patterns: Sequence[Array], asked: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """Which of the rows that are asked for take their patterns in balls too."""
        classes = [x.name for x in self._prefix.inputs if x.classes]
        waiting = np.flatnonzero(asked).tolist()
        keys = {
            k: hashlib.sha256(b"".join(a.astype(np.int64).tobytes() for a in (
                *(b[k] for b in patterns), *(inputs[n][k] for n in classes)))).digest()
            for k in waiting}
        # where no balls decide, asking on is in vain
        while waiting and self._failures <= FAILURES * (1 + len(self._shown)):
            group: dict[bytes, int] = {}
            for k in waiting:
                if keys[k] not in self._shown and len(group) < self._together:
                    group.setdefault(keys[k], k)
            if not group:
                break
            rows = np.array(list(group.values()))
            theta, x = (
                {n: v[np.minimum(rows, len(v) - 1)] for n, v in t.items()}
                for t in (parameters, inputs))
            good = self._decided(theta, x, [b[rows] for b in patterns])
            if good is None and len(rows) > 1:
                self._together = 1  # one that is undecided hides the others
                continue
            shown = [key for key, yes in zip(group, [False] if good is None else good) if yes]
            self._shown.update(shown)
            self._failures += len(rows) - len(shown)
            waiting = [k for k in waiting if k not in group.values()]
        out = np.zeros(len(asked), dtype=bool)
        out[[k for k, key in keys.items() if key in self._shown]] = True
        return out

    def _decided(
        self, theta: Mapping[str, Array], x: Mapping[str, Array], wanted: Sequence[Array]
    ) -> npt.NDArray[np.bool_] | None:
        """Which rows take these patterns; None where balls leave a branch of one of them open."""
        domain = _BranchesInBalls(self.ties)
        exact = {y.name for y in self._prefix.inputs if y.classes}
        with balls.precision(BRANCH_BITS):
            parameters = self._cell or {n: balls.balls(v, RADIUS) for n, v in theta.items()}
            given = {
                n: balls.balls(v, Fraction(0) if n in exact else RADIUS) for n, v in x.items()}
            try:
                values(self._prefix, domain, parameters, given)
            except balls.Undecided:
                return None
        good = np.ones(max(map(len, wanted)), dtype=bool)
        for one, two in zip(wanted, domain.met, strict=True):
            good &= (one == two).reshape(len(one), -1).all(axis=1)
        return good


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
