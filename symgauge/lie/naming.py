"""What a Lie algebra is, by its textbook name: gl(2,R)^2 + R^7, aff(3,R), so(3,1), heis(5).

Shown exactly: a direct sum (its ideals commute, and together are everything), the types and real
forms of simple factors, abelian and Heisenberg algebras. Semidirect sums gl |x R^n, aff(n), e(n)
are named where Levi part, torus and their action on an abelian nilradical determine the algebra up
to isomorphism; else the name says Levi part and nilradical, nil(n,c) for one of dimension n and
class c, and `how` that the action is not in it. What is not recognised is "not identified", with
dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from symgauge.exact.rational_matrix import RationalMatrix, matrix, nullspace, stacked
from symgauge.lie.constants import Constants
from symgauge.lie.semidirect import semidirect_parts
from symgauge.lie.simple import Simple, simple_ideals
from symgauge.lie.structure import Invariants, LieAlgebra, complement, invariants

#: How the name of a summand is known.
ISOMORPHIC = "isomorphic: its invariants were computed exactly and determine it"
DESCRIBED = "Levi part and nilradical, computed exactly; the action is not in the name"
OPEN = "not identified"


@dataclass(frozen=True)
class Summand:
    """An ideal of a direct sum: its name, its dimension, its rows, and how the name is known."""

    name: str
    dimension: int
    rows: RationalMatrix = field(compare=False)
    how: str = ISOMORPHIC
    #: Names of the simple factors of its Levi part; other names of them.
    levi: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identified:
    """The ideals of which an algebra is the direct sum, and its invariants."""

    summands: tuple[Summand, ...]
    invariants: Invariants

    @property
    def name(self) -> str:
        """The name of the whole."""
        return tally([s.name for s in self.summands])


def identified(constants: Constants, n: int) -> Identified:
    """What the algebra of these structure constants is."""
    algebra = LieAlgebra(constants, n)
    facts = invariants(algebra)
    lines, rest = _without_lines(algebra)
    found: list[Summand] = []
    if rest.nrows():
        found = _without_centre(algebra, rest)
    if lines.nrows():
        found.append(Summand(space(lines.nrows()), lines.nrows(), lines))
    return Identified(tuple(_paired(found, n)), facts)


def _without_lines(algebra: LieAlgebra) -> tuple[RationalMatrix, RationalMatrix]:
    """A largest abelian direct summand, and an ideal that completes it."""
    n, centre, derived = algebra.n, algebra.centre, algebra.derived
    joint = stacked([derived, centre], n)
    lines = complement(derived, joint) if centre.nrows() else algebra.none
    if not lines.nrows():
        return algebra.none, algebra.whole
    rest = stacked([derived, complement(stacked([derived, lines], n), algebra.whole)], n)
    return lines, rest


def _without_centre(algebra: LieAlgebra, rest: RationalMatrix) -> list[Summand]:
    """The summands of what has no abelian direct summand."""
    part = algebra.restricted(rest)

    def back(rows: RationalMatrix) -> RationalMatrix:
        return rows * rest

    levi = part.levi
    if levi is None:
        return [_open(part, None, rest)]
    semisimple = part.restricted(levi)
    ideals = simple_ideals(semisimple)
    if ideals is None or any(not i.factors for i in ideals):
        return [_open(part, levi.nrows(), rest)]
    if levi.nrows() == part.n:
        return [s for i in ideals for s in _of_simple(i.factors, back(i.rows * levi))]
    pieces = semidirect_parts(part, [(i.factors, i.rows * levi) for i in ideals])
    if pieces is None or not _direct(part, [p.rows for p in pieces]):
        return [_open(part, levi.nrows(), rest)]
    out: list[Summand] = []
    for piece in pieces:
        if piece.name:
            out.append(Summand(
                piece.name, piece.rows.nrows(), back(piece.rows),
                ISOMORPHIC if piece.exact else DESCRIBED, tuple(s.name for s in piece.simple),
                _other_names(piece.simple)))
        elif piece.simple:
            out += _of_simple(piece.simple, back(piece.rows))
    return out


def _of_simple(factors: Sequence[Simple], rows: RationalMatrix) -> list[Summand]:
    """Several where an ideal that is simple over QQ is not so over R; they share the rows."""
    return [
        Summand(
            s.name, s.dimension, rows, f"{ISOMORPHIC}; {s.doubt}" if s.doubt else ISOMORPHIC,
            (s.name,), s.also)
        for s in factors
    ]


def _other_names(factors: Sequence[Simple]) -> tuple[str, ...]:
    return tuple(f"{s.name} = {name}" for s in factors for name in s.also)


def _open(algebra: LieAlgebra, levi: int | None, rows: RationalMatrix) -> Summand:
    radical = algebra.radical.nrows()
    name = f"not identified (dimension {algebra.n}, radical {radical}"
    return Summand(f"{name}, Levi {algebra.n - radical})", algebra.n, rows, OPEN)


def _direct(algebra: LieAlgebra, parts: Sequence[RationalMatrix]) -> bool:
    """Whether subspaces commute with each other and together are everything."""
    joint = stacked(list(parts), algebra.n)
    if joint.nrows() != algebra.n or nullspace(joint).nrows():
        return False
    return not any(
        algebra.product(a, b).nrows() for k, a in enumerate(parts) for b in parts[:k])


def _paired(summands: list[Summand], n: int) -> list[Summand]:
    """sl + R as gl, su + R as u, where there are lines enough for all of them."""
    lines = next((s for s in summands if s.name.split("^")[0] == "R"), None)
    wanted = [(s, *_with_line(s.name)) for s in summands]
    cost = sum(k for _, _, k in wanted)
    if lines is None or not cost or cost > lines.dimension:
        return summands
    table, used = lines.rows.table(), 0
    out: list[Summand] = []
    for s, name, k in wanted:
        if s is lines:
            continue
        if not k:
            out.append(s)
            continue
        rows = stacked([s.rows, matrix(table[used:used + k], n)], n)
        out.append(Summand(name, s.dimension + k, rows, s.how, s.levi, s.also))
        used += k
    if used < lines.dimension:
        left = matrix(table[used:], n)
        out.append(Summand(space(lines.dimension - used), lines.dimension - used, left))
    return out


def _with_line(name: str) -> tuple[str, int]:
    """The name with a centre, and the dimension of that: sl(2,R) is gl(2,R) with one line.

    In sl(2,R) |x R^2 it would be read as one that acts on R^2.
    """
    if " " in name:
        return name, 0
    if name.startswith("sl("):
        return f"g{name[1:]}", 2 if name.endswith(",C)") else 1
    if name.startswith("su("):
        return f"u{name[2:]}", 1
    return name, 0


def space(dimension: int) -> str:
    """R^4, R for one."""
    return "R" if dimension == 1 else f"R^{dimension}"


def tally(names: Sequence[str]) -> str:
    """The direct sum, equal summands as powers: gl(2,R)^2 + R^3. The abelian one is the last.

    >>> tally(["gl(2,R)", "R^2", "gl(2,R)", "R", "R |x R^2", "R |x R^2"])
    'gl(2,R)^2 + (R |x R^2)^2 + R^3'
    """
    lines, count = 0, Counter[str]()
    for name in names:
        base, _, power = name.partition("^")
        if base == "R" and (not power or power.isdigit()):
            lines += int(power or 1)
        else:
            count[name] += 1
    parts = []
    for name, k in count.items():
        inner = f"({name})" if " " in name and not name.startswith("not ") else name
        parts.append((inner if " |x " in name and len(count) + bool(lines) > 1 else name)
                     if k == 1 else f"{inner}^{k}")
    if lines:
        parts.append(space(lines))
    return " + ".join(parts) or "0"
