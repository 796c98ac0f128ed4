"""Functions of one line, entry by entry, that are spelled out: a(u) + b(u) t(q(u)).

a, b and q are polynomials and t is one function with independent values (tanh, sigmoid, erf): what
reads the arguments off a sum of such units is the same as for t alone, as t' is no polynomial in u
and t of degree 1 in t where b q' is not 0.
"""

from __future__ import annotations

from fractions import Fraction

from symgauge.spaces.structure import Structure
from symgauge.sums.views import number_of

#: {(power of u, power of t): coefficient}.
Polynomial = dict[tuple[int, int], Fraction]
#: Lines of a region, degree of a polynomial: above, it is not read.
MOST_LINES, MOST_DEGREE = 24, 12


class Unread(Exception):
    """The line is no such function."""


def argument_of(structure: Structure, node: int) -> int | None:
    """The line u of which a line is a(u) + b(u) t(q(u)), b q' not 0; None where there is none."""
    for u in _candidates(structure, node):
        reading = _Reading(structure, u)
        try:
            value = reading.of(node)
        except Unread:
            continue
        if reading.atom is None or max(j for _, j in value) != 1:
            continue
        return u
    return None


def _candidates(structure: Structure, node: int) -> list[int]:
    """Lines below that several lines of the region read, or that an atom reads; latest first."""
    found: set[int] = set()
    stack, seen = [node], {node}
    shape = structure.network.nodes[node].shape
    while stack and len(seen) <= MOST_LINES:
        line = structure.lines.get(stack.pop())
        if line is None or line.op is None or not _entrywise(line.law, line.op.converse):
            continue
        for j in line.inputs:
            if j in structure.lines and structure.network.nodes[j].shape == shape:
                found.add(j)
                if j not in seen:
                    seen.add(j)
                    stack.append(j)
    return sorted(found, reverse=True)


def _entrywise(law: str, converse: str) -> bool:
    return law in ("sum of lines", "product", "multiple", "homogeneous") or converse == "smooth"


class _Reading:
    """Lines as polynomials in one line u and one atom."""

    def __init__(self, structure: Structure, u: int) -> None:
        self.structure = structure
        self.u = u
        self.atom: int | None = None

    def of(self, node: int) -> Polynomial:
        """The polynomial. Raises Unread."""
        if node == self.u:
            return {(1, 0): Fraction(1)}
        if self.structure.fixed[node]:
            number = number_of(self.structure, node)
            if number is None:
                raise Unread
            return {(0, 0): number} if number else {}
        line = self.structure.lines[node]
        assert line.op is None or line.inputs
        if line.op is None:
            raise Unread
        if line.law == "multiple":
            return {k: c * line.attrs["factor"] for k, c in self.of(line.inputs[0]).items()}
        if line.law == "sum of lines":
            return _sum([self.of(j) for j in line.inputs])
        if line.law == "product":
            return _product([self.of(j) for j in line.inputs])
        if line.op.converse == "power":
            return _product([self.of(line.inputs[0])] * line.attrs["exponent"])
        if line.op.converse == "smooth" and len(line.inputs) == 1:
            return self._atom(node, line.op.bounded)
        raise Unread

    def _atom(self, node: int, bounded: bool) -> Polynomial:
        inner = self.of(self.structure.lines[node].inputs[0])
        plain = bounded and all(j == 0 for _, j in inner) and any(i for i, _ in inner)
        if not plain or self.atom not in (None, node):
            raise Unread
        self.atom = node
        return {(0, 1): Fraction(1)}


def _sum(given: list[Polynomial]) -> Polynomial:
    out: Polynomial = {}
    for p in given:
        for k, c in p.items():
            out[k] = out.get(k, Fraction(0)) + c
    return {k: c for k, c in out.items() if c}


def _product(given: list[Polynomial]) -> Polynomial:
    out: Polynomial = {(0, 0): Fraction(1)}
    for p in given:
        made: Polynomial = {}
        for (i, j), a in out.items():
            for (k, m), b in p.items():
                if i + k > MOST_DEGREE:
                    raise Unread
                key = (i + k, j + m)
                made[key] = made.get(key, Fraction(0)) + a * b
        out = {k: c for k, c in made.items() if c}
    return out
