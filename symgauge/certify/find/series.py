"""Finding the parameters of a curve: those whose zeros make the arguments of functions known.

The program alone decides, op by op: a product is 0 where a factor is, a sum is known where its
terms are. Of several choices the one that makes the least known is taken. Then branches of the
stream are put to 0 as long as that makes radicands equal: fewer roots are to exist at once.
Whoever verifies believes none of it (see `series`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from symgauge.certify.evidence.series import ORDERS, Curve, ranks_along
from symgauge.certify.evidence.start import (
    FUNCTIONS, ODD, POWERS, Start, field_for, known_lines, no_curve, require_reached, start_of,
)
from symgauge.domains.evaluate import values
from symgauge.domains.known import arguments_of, inverse_root
from symgauge.domains.leading import LeadingDomain
from symgauge.errors import SizeError
from symgauge.exact.prime_field import PrimeField
from symgauge.points.cells import branch_patterns
from symgauge.points.inputs import residue_inputs
from symgauge.program.array import Array
from symgauge.program.leaf import Parameter
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.op import Structural
from symgauge.progress import Progress, silent

Names = frozenset[str]

#: Choices of parameters that are kept for a line.
CHOICES = 6
#: Rows at which radicands are counted, and the salt of their residues.
ROWS, SALT = 8, 1
#: Ops that are 0 where all that enters is, and those that are known there.
VANISHING = ("add", "scale", "sum", "power", "erf", "sin", "atan")
KNOWN = (*VANISHING, "exp", "cos", "log", "reciprocal", "rsqrt")


class _Choices:
    """Parameters whose zeros make a line 0, or known; smallest sets first."""

    def __init__(self, network: Network, lines: Sequence[Array]) -> None:
        self._network, self._lines = network, lines
        self._found: dict[tuple[int, bool], list[Names]] = {}

    def of(self, line: int, zero: bool) -> list[Names]:
        """The choices for a line."""
        key = line, zero
        if key not in self._found:
            every = self._every(line, zero)
            small = [s for s in every if not any(t < s for t in every)]
            self._found[key] = sorted(small, key=len)[:CHOICES]
        return self._found[key]

    def _every(self, line: int, zero: bool) -> list[Names]:
        node = self._network.nodes[line]
        entries = self._lines[line].reshape(-1).tolist()
        if all(v == 0 if zero else v is not None for v in entries):
            return [frozenset()]
        if isinstance(node.leaf, Parameter):
            return [frozenset((node.leaf.name,))]
        if node.op is None:
            return []
        if node.op.bilinear:
            # the second factor first: a weight stands there more often
            factors = [s for i in reversed(node.inputs) for s in self.of(i, True)]
            return list(dict.fromkeys(factors if zero else factors + self._all(line, False)))
        fits = VANISHING if zero else KNOWN
        if node.op.name in fits or isinstance(node.op, Structural):
            return self._all(line, zero)
        return []

    def _all(self, line: int, zero: bool) -> list[Names]:
        """All that enters at once."""
        found: list[Names] = [frozenset()]
        for i in dict.fromkeys(self._network.nodes[line].inputs):
            joined = dict.fromkeys(a | b for a in found for b in self.of(i, zero))
            found = sorted(joined, key=len)[:4 * CHOICES]
        return found


def _count_known(lines: Sequence[Array]) -> int:
    return sum(sum(v is not None for v in line.reshape(-1).tolist()) for line in lines)


def _irrational(network: Network, lines: Sequence[Array]) -> set[Fraction] | None:
    """The known radicands that are no squares of rational numbers; None where one has no root."""
    known = {
        v for i in lower(network).root_lines
        for v in lines[lower(network).nodes[i].inputs[0]].reshape(-1).tolist() if v is not None}
    if any(v <= 0 for v in known):
        return None
    return {v for v in known if inverse_root(v) is None}


def _least_known(
    network: Network, names: Names, choices: Sequence[Names],
    fits: Callable[[Sequence[Array]], bool],
) -> Names | None:
    """The choice that makes the least known, of those that fit; first the fewest roots."""
    found: list[tuple[int, int, Names]] = []
    for choice in choices:
        lines = known_lines(network, names | choice)
        roots = _irrational(network, lines) if fits(lines) else None
        if roots is not None:
            found.append((len(roots), _count_known(lines), names | choice))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _for_functions(network: Network) -> Names:
    """Parameters whose zeros make every argument known."""
    lowered, names = lower(network), Names()
    lines = known_lines(network, names)
    for i, node in enumerate(lowered.nodes):
        if node.op is None or node.op.name not in FUNCTIONS:
            continue
        if i in arguments_of(lowered) and node.op.name in POWERS:
            continue  # a number, wherever the parameters are
        argument, zero = node.inputs[0], node.op.name in ODD

        def fits(lines: Sequence[Array], line: int = argument, zero: bool = zero) -> bool:
            entries = lines[line].reshape(-1).tolist()
            return all(v == 0 if zero else v is not None for v in entries)

        if fits(lines):
            continue
        chosen = _least_known(network, names, _Choices(lowered, lines).of(argument, zero), fits)
        if chosen is None:
            raise no_curve(
                "no parameters are found at whose zeros the arguments of "
                f"{node.op.name} are known numbers")
        names, lines = chosen, known_lines(network, chosen)
    return names


class _Radicands:
    """Radicands at a few rows that differ in their tokens alone: how many are different?"""

    def __init__(
        self, network: Network, cell: Mapping[str, Array], start: Start, field: PrimeField,
        rng: np.random.Generator,
    ) -> None:
        self._lowered, self._field = lower(network), field
        self._tables = start.tables(field, SALT)
        theta, other = ({
            p.name: field.random(rng, (1, *p.shape)) for p in self._lowered.parameters}
            for _ in range(2))
        inputs = residue_inputs(self._lowered, field, rng, ROWS)
        for x in self._lowered.inputs:
            if not x.classes:
                inputs[x.name] = np.repeat(inputs[x.name][:1], ROWS, axis=0)
        again = {x.name: inputs[x.name] if x.classes else field.random(
            rng, inputs[x.name].shape) for x in self._lowered.inputs}
        self._point, self._other = (theta, inputs), (other, again)
        self._patterns = branch_patterns(network, cell, rng, ROWS, inputs)

    def count(self, names: Names, last: int) -> int | None:
        """Different ones up to a line; None where one of them vanishes."""
        found = self._at(self._point, names, last)
        return len(np.unique(found)) if found.all() else None

    def stuck(self, names: Names) -> bool:
        """Whether some radicand is a number that is not known: one for each choice of tokens."""
        roots = self._lowered.root_lines
        one, two = (self._at(point, names, roots[-1]) for point in (self._point, self._other))
        lines = known_lines(self._lowered, names)
        known = [v is not None for i in roots
                 for v in lines[self._lowered.nodes[i].inputs[0]].reshape(-1).tolist()]
        return bool((one == two)[:, ~np.array(known)].any())

    def _at(
        self, point: tuple[Mapping[str, Array], Mapping[str, Array]], names: Names, last: int
    ) -> Array:
        """The radicands up to a line, where these parameters are 0."""
        nodes = self._lowered.nodes[:last + 1]
        domain = LeadingDomain(self._field, SALT, ROWS, self._tables, self._patterns, True)
        theta = {n: np.zeros_like(v) if n in names else v for n, v in point[0].items()}
        values(Network(nodes, (last,), self._lowered.ops), domain, theta, point[1])
        return np.concatenate(domain.radicands, axis=1)


def _for_roots(
    network: Network, names: Names, cell: Mapping[str, Array], field: PrimeField,
    rng: np.random.Generator,
) -> Names:
    """More parameters, whose zeros make radicands equal."""
    lowered, first = lower(network), 0
    if not lowered.root_lines:
        return names
    known = _irrational(network, known_lines(network, names)) or set()

    def no_more(lines: Sequence[Array]) -> bool:
        return (_irrational(network, lines) or set()) <= known

    radicands = _Radicands(
        network, cell, start_of(network, known_lines(network, names)), field, rng)
    for root in lowered.root_lines:
        terms = list(dict.fromkeys(
            i for node in lowered.nodes[first:root] if node.op is not None
            and node.op.law == "sum of lines" for i in node.inputs
        ))
        first = root
        while True:
            count = radicands.count(names, root)
            choices = _Choices(lowered, known_lines(network, names))
            fewer = [
                s for s in dict.fromkeys(s for i in terms for s in choices.of(i, True))
                if s and (c := radicands.count(names | s, root)) is not None
                and (count is None or c < count) and not radicands.stuck(names | s)
            ]
            chosen = _least_known(network, names, fewer, no_more)
            if chosen is None:
                break
            names = chosen
    return names


def find(
    network: Network, read: np.ndarray, cell: Mapping[str, Array], wanted: int,
    rng: np.random.Generator, progress: Progress = silent,
) -> tuple[Curve, int]:
    """A curve along which J has rank `wanted`, or the highest that is found, and that rank.

    `wanted` is the rank that closes the sandwich: no higher one exists. Raises BadInputError
    where no curve is found, or none that proves anything.
    """
    require_reached(network, ())
    progress("series: curve")
    names = _for_functions(network)
    field = field_for(network, names)
    names = _for_roots(network, names, cell, field, rng)
    scaled = tuple(p.name for p in network.parameters if p.name in names)
    best = Curve(scaled, 1), -1
    # a series without e is a number
    for order in ORDERS if scaled else (1,):
        progress(f"series: rank modulo e^{order}")
        try:
            found = ranks_along(network, Curve(scaled, order), read, cell, wanted, field, rng)
        except SizeError:
            if best[1] < 0:
                raise
            break  # what lower orders show stands
        grown = found[-1] > best[1]
        if grown:
            best = Curve(scaled, found.index(found[-1]) + 1), found[-1]
        # up to ORDERS[1] hardly any factor may be seen yet
        if best[1] >= wanted or not grown and order > ORDERS[1]:
            break
    return best
