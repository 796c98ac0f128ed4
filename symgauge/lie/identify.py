"""What the algebra of named blocks is: direct summands, each tied to the blocks that make it up.

The blocks come first: what brackets with nothing else is a summand of its own, and a block whose
brackets are those of the matrices of its name has that name, at any size. What is left, blocks that
act on each other, is identified from its structure constants (`naming`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np

from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField
from symgauge.lie.constants import Constants
from symgauge.lie.naming import DESCRIBED, ISOMORPHIC, Identified, identified, space, tally
from symgauge.lie.structure import Invariants

#: A component of more dimensions is named by its blocks alone.
LARGEST = 100
#: A matrix as its non-zero entries.
Matrix = dict[tuple[int, int], Fraction]
#: How a name is known: "basis", the brackets are those of the named matrices; "invariants",
#: computed exactly, and they determine the algebra; "parts", its Levi part and nilradical are those
#: of the name, which does not say how they act; "brackets", its blocks bracket as the name says;
#: "no": it is not identified.
How = Literal["basis", "invariants", "parts", "brackets", "no"]


@dataclass(frozen=True)
class Block:
    """A family inside the algebra: positions in the basis, and the name it is claimed to have.

    `copies` blocks of consecutive positions, each bracketing as `matrices`; without matrices
    every position is a line of its own.
    """

    positions: tuple[int, ...]
    name: str
    copies: int = 1
    matrices: tuple[Matrix, ...] = ()


@dataclass(frozen=True)
class Part:
    """Equal direct summands: the name of one, how many, its dimension, numbers of its blocks."""

    name: str
    copies: int
    dimension: int
    blocks: tuple[int, ...]
    how: How
    levi: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Structure:
    """The direct summands, and the invariants of the whole: None where a part was too large."""

    parts: tuple[Part, ...]
    invariants: Invariants | None

    @property
    def name(self) -> str:
        """gl(2,R)^2 + aff(1,R) + R^3: the largest summands first, lines last."""
        ordered = sorted(self.parts, key=lambda p: (-p.dimension, p.name))
        return tally([p.name for p in ordered for _ in range(p.copies)])

    @property
    def levi(self) -> str:
        """The Levi part, 0 where the algebra is solvable."""
        ordered = sorted(self.parts, key=lambda p: (-p.dimension, p.name))
        return tally([n for p in ordered for _ in range(p.copies) for n in p.levi])


@dataclass(frozen=True)
class _Piece:
    """Positions that stand together: a copy of a block, or a line."""

    block: int
    positions: tuple[int, ...]
    name: str
    matrices: tuple[Matrix, ...] = ()


def identify(
    constants: Constants, n: int, blocks: Sequence[Block], field: PrimeField
) -> Structure:
    """What the algebra of these structure constants is. The blocks hold every position once.

    Names of blocks are claims: each is checked against the structure constants. Raises ValueError
    where the blocks do not hold every position once.
    """
    pieces = list(_pieces(blocks))
    if sorted(i for piece in pieces for i in piece.positions) != list(range(n)):
        raise ValueError(f"the blocks do not hold each of {n} positions once")
    groups = _components(constants, pieces)
    found: list[tuple[Part, Invariants | None]] = []
    for group in groups:
        found += _component(constants, [pieces[k] for k in group], field)
    return Structure(tuple(_together([p for p, _ in found])), _total([i for _, i in found]))


def _pieces(blocks: Sequence[Block]) -> Iterable[_Piece]:
    for number, block in enumerate(blocks):
        step = len(block.positions) // block.copies
        for c in range(block.copies):
            part = block.positions[c * step:(c + 1) * step]
            if block.matrices:
                yield _Piece(number, part, block.name, block.matrices)
            else:
                yield from (_Piece(number, (i,), "R") for i in part)


def _components(constants: Constants, pieces: Sequence[_Piece]) -> list[list[int]]:
    """Pieces that bracket with each other, directly or by others."""
    where = {i: k for k, piece in enumerate(pieces) for i in piece.positions}
    joined = list(range(len(pieces)))

    def find(k: int) -> int:
        while joined[k] != k:
            joined[k] = k = joined[joined[k]]
        return k

    for (i, j), row in constants.items():
        for k in (j, *row):
            joined[find(where[i])] = find(where[k])
    groups: dict[int, list[int]] = {}
    for k in range(len(pieces)):
        groups.setdefault(find(k), []).append(k)
    return list(groups.values())


def _component(
    constants: Constants, pieces: list[_Piece], field: PrimeField
) -> list[tuple[Part, Invariants | None]]:
    """The summands of one component, and the invariants of it, beside the first."""
    positions = [i for piece in pieces for i in piece.positions]
    if len(positions) == 1:
        only = pieces[0]
        return [(Part(only.name, 1, 1, (only.block,), "basis"), Invariants(1, 1, (1, 0), 1, 1))]
    own = _as_named(constants, pieces, field)
    inside = None
    if len(positions) <= LARGEST:
        inside = _identified(*_relabelled(constants, positions))
    if own and len(pieces) == 1:
        return [_of_its_matrices(pieces[0], inside)]
    # blocks tell more than the class of a nilradical
    known = inside is not None and all(
        s.how.startswith((ISOMORPHIC, DESCRIBED)) for s in inside.summands)
    named = known and inside is not None and "nil(" not in inside.name
    chain = _chain(constants, pieces) if own and not named else None
    facts = inside.invariants if inside else None
    if inside is not None and known and not chain:
        parts = _ideals(inside, pieces, positions)
        return [(parts[0], facts), *((p, Invariants(0, 0, (0,), 0, 0)) for p in parts[1:])]
    name = chain or (inside.name if inside else f"not identified (dimension {len(positions)})")
    numbers = tuple(sorted({p.block for p in pieces}))
    return [(Part(name, 1, len(positions), numbers, "brackets" if chain else "no"), facts)]


def _as_named(constants: Constants, pieces: Sequence[_Piece], field: PrimeField) -> bool:
    """Whether each block brackets as the matrices of its name."""
    return all(
        not p.matrices or _is_matrix_algebra(constants, p.positions, p.matrices, field)
        for p in pieces)


def _of_its_matrices(
    piece: _Piece, inside: Identified | None
) -> tuple[Part, Invariants | None]:
    """A block that brackets with nothing else, as its matrices do."""
    size = len(piece.positions)
    if inside is None:
        facts, levi = _of_matrices(piece.name, size), _levi_of(piece.name)
    else:
        facts, levi = inside.invariants, tuple(n for s in inside.summands for n in s.levi)
    return Part(piece.name, 1, size, (piece.block,), "basis", levi), facts


def _ideals(
    inside: Identified, pieces: Sequence[_Piece], positions: Sequence[int]
) -> list[Part]:
    """The ideals of a component, each with the blocks that it has a part in."""
    of = {i: p.block for p in pieces for i in p.positions}
    out = []
    for s in inside.summands:
        touched = {k for row in s.rows.table() for k, x in enumerate(row) if x}
        how: How = "invariants" if s.how.startswith(ISOMORPHIC) else "parts"
        blocks = tuple(sorted({of[positions[k]] for k in touched}))
        out.append(Part(s.name, 1, s.dimension, blocks, how, s.levi, s.also))
    return out


def _relabelled(
    constants: Constants, positions: Sequence[int]
) -> tuple[tuple[tuple[int, int, tuple[tuple[int, Fraction], ...]], ...], int]:
    """The constants of a component with positions from 0 on: alike for components alike."""
    at = {p: k for k, p in enumerate(positions)}
    rows = []
    for (i, j), row in constants.items():
        if i in at:
            a, b, sign = (at[i], at[j], 1) if at[i] > at[j] else (at[j], at[i], -1)
            rows.append((a, b, tuple(sorted((at[k], sign * c) for k, c in row.items()))))
    return tuple(sorted(rows)), len(positions)


@lru_cache(maxsize=256)
def _identified(
    rows: tuple[tuple[int, int, tuple[tuple[int, Fraction], ...]], ...], n: int
) -> Identified:
    return identified({(i, j): dict(row) for i, j, row in rows}, n)


def _together(parts: Sequence[Part]) -> list[Part]:
    """Equal summands of the same blocks counted; the lines of one block as R^n."""
    count: dict[tuple[object, ...], list[Part]] = {}
    for p in parts:
        lines = re.fullmatch(r"R(\^\d+)?", p.name)
        count.setdefault(("R" if lines else p.name, p.blocks, p.how), []).append(p)
    out = []
    for (name, blocks, how), equal in count.items():
        first = equal[0]
        if name == "R":
            total = sum(p.dimension for p in equal)
            out.append(Part(space(total), 1, total, first.blocks, first.how))
        else:
            out.append(Part(first.name, len(equal), first.dimension, first.blocks, first.how,
                            first.levi, first.also))
    return out


def _total(parts: Sequence[Invariants | None]) -> Invariants | None:
    """The invariants of the direct sum."""
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    length = max((len(p.derived) for p in known), default=1)
    series = [sum(p.derived[min(k, len(p.derived) - 1)] for p in known) for k in range(length)]
    return Invariants(
        sum(p.dimension for p in known), sum(p.centre for p in known), tuple(series),
        sum(p.radical for p in known), sum(p.nilradical for p in known))


def _size(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(gl|so)\((\d+)(?:,R)?\)", name)
    return (match[1], int(match[2])) if match else ("", 0)


def _of_matrices(name: str, dimension: int) -> Invariants | None:
    """The invariants of gl(n,R) and so(n), n > 4, by their names."""
    letters, n = _size(name)
    if letters == "gl" and n > 1:
        return Invariants(dimension, 1, (dimension, dimension - 1), 1, 1)
    return Invariants(dimension, 0, (dimension,), 0, 0) if letters and n > 4 else None


def _levi_of(name: str) -> tuple[str, ...]:
    letters, n = _size(name)
    if letters == "gl":
        return (f"sl({n},R)",) if n > 1 else ()
    return (name,) if letters and n > 4 else ()


def _get(constants: Constants, i: int, j: int) -> Mapping[int, Fraction]:
    if i >= j:
        return constants.get((i, j), {})
    return {k: -c for k, c in constants.get((j, i), {}).items()}


def _is_matrix_algebra(
    constants: Constants, part: Sequence[int], matrices: Sequence[Matrix], field: PrimeField
) -> bool:
    """Whether consecutive basis elements have the brackets of these matrices, up to one sign."""
    if len(matrices) != len(part):
        return False
    commutators = {(i, j): c for i, j, c in _commutators(matrices)}
    entries = sorted({u for m in (*matrices, *commutators.values()) for u in m})
    where = {k: n for n, k in enumerate(part)}
    for sign in (1, -1):
        if all(
            _spelled(_get(constants, part[i], part[j]), where, matrices) == {
                u: sign * c for u, c in commutators.get((i, j), {}).items()
            }
            for i in range(len(matrices)) for j in range(i)
        ):
            return rank(
                np.array([[field.residue(Fraction(m.get(u, 0))) for u in entries]
                          for m in matrices], dtype=np.float64), field.p,
            ) == len(matrices)
    return False


def _spelled(
    row: Mapping[int, Fraction], where: Mapping[int, int], matrices: Sequence[Matrix]
) -> Matrix | None:
    """A combination of the part's basis elements as a matrix; None where it leaves the part."""
    out: Matrix = {}
    for k, c in row.items():
        if k not in where:
            return None
        for u, w in matrices[where[k]].items():
            out[u] = out.get(u, Fraction(0)) + c * w
    return {u: c for u, c in out.items() if c}


def _commutators(matrices: Sequence[Matrix]) -> Iterable[tuple[int, int, Matrix]]:
    """[A_i, A_j] for i > j, where it may be other than 0."""
    by_row: dict[int, set[int]] = {}
    for n, m in enumerate(matrices):
        for i, _ in m:
            by_row.setdefault(i, set()).add(n)
    pairs = {
        (max(n, o), min(n, o)) for n, m in enumerate(matrices) for _, j in m
        for o in by_row.get(j, ()) if o != n}
    for i, j in sorted(pairs):
        found = _commutator(matrices[i], matrices[j])
        if found:
            yield i, j, found


def _commutator(a: Matrix, b: Matrix) -> Matrix:
    out: Matrix = {}
    for x, y, sign in ((a, b, 1), (b, a, -1)):
        for (i, j), c in x.items():
            for (k, m), d in y.items():
                if j == k:
                    out[i, m] = out.get((i, m), Fraction(0)) + sign * c * d
    return {u: c for u, c in out.items() if c}


def _chain(constants: Constants, pieces: list[_Piece]) -> str | None:
    """The name of blocks that bracket with each other: "gl(2,R) |x R^2", or None.

    Lines must be an abelian ideal. A block whose own name is semidirect (R |x R^2) must be kept by
    all others but for what they bracket with lines: "so(2) |x (R |x R^2)".
    """
    line = {i for p in pieces if p.name == "R" for i in p.positions}
    inner = [(set(p.positions), p.name) for p in pieces if "|x" in p.name]
    outer = [(set(p.positions), p.name) for p in pieces if p.name != "R" and "|x" not in p.name]
    if not (outer or inner) or not _keeps(
            constants, line, [part for part, _ in outer], [part for part, _ in inner]):
        return None
    name = ""
    for names in ([n for _, n in outer], [n for _, n in inner], ["R"] * len(line)):
        if names:
            part = tally(names)
            part = f"({part})" if names[0] != "R" and (len(names) > 1 or "|x" in part) else part
            name = part if not name else f"{f'({name})' if '|x' in name else name} |x {part}"
    return name


def _keeps(
    constants: Constants, line: set[int], outer: Sequence[set[int]], inner: Sequence[set[int]]
) -> bool:
    """Whether lines are an abelian ideal that all blocks keep, and outer blocks keep inner ones.

    Blocks alike must commute.
    """
    def within(left: set[int], right: set[int], wanted: set[int]) -> bool:
        return all(set(_get(constants, i, j)) <= wanted for i in left for j in right)

    return (
        within(line, line, set())
        and all(within(line, part, line) for part in (*outer, *inner))
        and all(within(part, other, other) for part in outer for other in inner)
        and all(
            within(a, b, set()) for same in (outer, inner)
            for k, a in enumerate(same) for b in same[:k])
    )
