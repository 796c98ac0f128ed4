"""What the sweep has found: directions left free, parameters settled, side conditions, steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sympy import Add, Integer, expand

from symgauge.facts.fact import Fact
from symgauge.sums.sizes import Condition, Size, Sizes
from symgauge.sums.stop import Stop
from symgauge.sums.views import MOVES
from symgauge.program.leaf import Parameter
from symgauge.program.moves import Address
from symgauge.spaces.structure import Structure


#: A parameter, or a summand of one of its axes: a packed projection is read in parts.
Piece = int | tuple[int, Address]


@dataclass
class Step:
    """One application of a fact: at which line, what it left free, under which conditions."""

    fact: str
    line: int
    free: list[tuple[str, Size]] = field(default_factory=list)
    settled: list[Piece] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    #: Conditions that are no inequality of sizes, in words.
    words: list[str] = field(default_factory=list)


class Ledger:
    """The steps of one sweep, and which parameters they have settled."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.sizes = Sizes(structure)
        self.steps: list[Step] = []
        self.settled: set[Piece] = set()
        #: What is not settled yet besides parameters: a stream's matrix and shift.
        self.open: Size = Integer(0)
        self.uses = _uses(structure)
        self._kept: tuple[int, frozenset[Piece], Size] = (0, frozenset(), Integer(0))

    def commit(self, open_: Size = Integer(0)) -> None:
        """All steps so far hold together; `open_`: what is left open beside parameters."""
        self.open = open_
        self._kept = (len(self.steps), frozenset(self.settled), open_)

    def roll_back(self) -> None:
        """Forget the steps since the last commit: a fact among them did not hold."""
        count, settled, self.open = self._kept
        del self.steps[count:]
        self.settled = set(settled)

    def forget(self) -> None:
        """Forget all steps."""
        self._kept = (0, frozenset(), Integer(0))
        self.roll_back()

    def step(self, fact: Fact, line: int) -> Step:
        """A new step: what follows is written into it."""
        self.steps.append(Step(fact.name, line))
        return self.steps[-1]

    def free(self, what: str, size: Size) -> None:
        """Directions that are left free."""
        size = expand(size)
        if size != 0:
            self.steps[-1].free.append((what, size))

    def settle(self, parameters: Iterable[Piece], shared: int = 1) -> None:
        """Parameters whose variation is determined by what is left free.

        Raises Stop where one is read elsewhere too (more than `shared` times), or settled already.
        """
        for piece in parameters:
            node = piece if isinstance(piece, int) else piece[0]
            name = self.structure.names[node]
            if self.uses[node] > shared:
                raise Stop(node, self.steps[-1].fact, f"{name} is read at several places")
            if piece in self.settled or node in self.settled and shared == 1:
                raise Stop(node, self.steps[-1].fact, f"{name} is met twice")
            self.settled.add(piece)
            self.steps[-1].settled.append(piece)

    def is_settled(self, node: int) -> bool:
        """Whether all of a parameter is settled: it, or each summand of an axis."""
        if node in self.settled:
            return True
        pieces = {p[1] for p in self.settled if isinstance(p, tuple) and p[0] == node}
        axes = {(a[0], a[1]) for a in pieces}
        if len(axes) != 1:
            return False
        ((axis, k),) = axes
        leg = self.structure.leg_at(node, (axis, k))
        return len(pieces) == len(self.structure.parts(leg))

    def asks(self, less: Size, more: Size, why: str) -> None:
        """Record that `less` <= `more`. Raises Stop where it is not so."""
        condition = Condition(expand(less), expand(more), why)
        if not condition.holds(self.sizes):
            raise Stop(self.steps[-1].line, self.steps[-1].fact, f"{condition.text} does not hold "
                       f"({self.sizes.value(condition.less)} and "
                       f"{self.sizes.value(condition.more)}): {why}")
        if not condition.trivial and condition not in self.steps[-1].conditions:
            self.steps[-1].conditions.append(condition)

    def smallest(self, sizes: Iterable[Size], why: str) -> Size:
        """The smallest of some sizes at this program; that it is so is recorded."""
        found = list(dict.fromkeys(sizes))
        least = min(found, key=self.sizes.value)
        for size in found:
            if size != least:
                self.asks(least, size, why)
        return least

    def holds(self, less: Size, more: Size) -> bool:
        """Whether less <= more here, nothing recorded."""
        return self.sizes.value(less) <= self.sizes.value(more)

    def words(self, text: str) -> None:
        """Record a condition in words."""
        if text not in self.steps[-1].words:
            self.steps[-1].words.append(text)

    def pair(self, m: Size, n: Size, k: Size) -> Size:
        """dim of dA B + A dB = 0, A m x k, B k x n: k (m + n) - r (m + n - r).

        Proved in proofs/k2_matrix_equations.py.
        """
        r = self.smallest((k, m, n), "the rank of a product of two generic matrices")
        return k * (m + n) - r * (m + n - r)

    @property
    def total(self) -> Size:
        """All that the steps have left free."""
        return expand(Add(*(size for s in self.steps for _, size in s.free)))

    def unsettled(self) -> list[int]:
        """The parameters that no step has settled, in order."""
        network = self.structure.network
        return [i for i in network.parameter_nodes if not self.is_settled(i)]

    def conditions(self) -> list[Condition]:
        """The side conditions of all steps, each once."""
        return list(dict.fromkeys(c for s in self.steps for c in s.conditions))


def _uses(structure: Structure) -> Counter[int]:
    """How many lines read each parameter, moves followed."""
    network = structure.network
    count: Counter[int] = Counter()
    for i in network.parameter_nodes:
        if not isinstance(network.nodes[i].leaf, Parameter) or i not in structure.lines:
            continue
        stack = [i]
        while stack:
            j = stack.pop()
            if j in network.outputs:
                count[i] += 1
            for k in structure.users[j]:
                line: Any = structure.lines[k]
                if line.law in MOVES:
                    stack.append(k)
                else:
                    count[i] += line.inputs.count(j)
    return count
