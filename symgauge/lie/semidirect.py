"""Semidirect sums (S + T) |x N of a Levi part, a torus and a nilradical, and their names.

S is semisimple, N the nilradical, T a complement of N in the radical that commutes with S. Where N
is abelian it falls into blocks under S and T, and the algebra into direct summands: S, T and the
blocks that act on each other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from symgauge.exact.rational_matrix import (
    RationalMatrix, factors, matrix, minimal_polynomial, nullspace, polynomial_at, reduced,
    shaped, stacked,
)
from symgauge.lie.simple import Simple
from symgauge.lie.structure import LieAlgebra, complement

#: The largest block whose commuting maps are counted.
LARGEST = 12


@dataclass(frozen=True)
class Semidirect:
    """A direct summand; its name, "" where it is semisimple. `exact`: the name determines it."""

    rows: RationalMatrix
    simple: tuple[Simple, ...]
    name: str
    exact: bool = True


@dataclass(frozen=True)
class _Levi:
    simple: tuple[Simple, ...]
    rows: RationalMatrix


def semidirect_parts(
    algebra: LieAlgebra, ideals: Sequence[tuple[tuple[Simple, ...], RationalMatrix]]
) -> list[Semidirect] | None:
    """The direct summands of an algebra with these simple ideals of its Levi part; None: unknown.
    """
    levi = [_Levi(simple, rows) for simple, rows in ideals]
    all_of_it = stacked([part.rows for part in levi], algebra.n)
    torus = _torus(algebra, all_of_it)
    if torus is None:
        return None
    nilradical = algebra.nilradical
    blocks = _blocks(algebra, levi, torus, nilradical)
    return _groups(algebra, levi, torus, blocks)


def _torus(algebra: LieAlgebra, levi: RationalMatrix) -> RationalMatrix | None:
    """An abelian complement of the nilradical in the radical that commutes with S; None: none seen.

    Where it may meet the nilradical, the part of the radical that commutes with S is cut down to a
    Cartan subalgebra, on which a drawn element acts nilpotently.
    """
    nilradical, n = algebra.nilradical, algebra.n
    wanted = algebra.radical.nrows() - nilradical.nrows()
    commuting = algebra.centraliser(algebra.radical, levi)
    drawn = random.Random(0)
    for _ in range(4):
        if commuting.nrows() == wanted:
            break
        weights = matrix([[drawn.randint(-9, 9) for _ in range(commuting.nrows())]],
                         commuting.nrows())
        acts = algebra.on(weights * commuting, commuting)
        power = acts
        for _ in range(commuting.nrows().bit_length()):
            power = power * power
        commuting = nullspace(power.transpose()) * commuting
    common = _intersection(commuting, nilradical, n)
    # what commutes with that part of the nilradical, where there is enough of it
    for among in (algebra.centraliser(commuting, common), commuting):
        torus = complement(_intersection(among, nilradical, n), among)
        if torus.nrows() == wanted and not algebra.product(torus, torus).nrows():
            return torus
    return None


def _intersection(a: RationalMatrix, b: RationalMatrix, n: int) -> RationalMatrix:
    if not (a.nrows() and b.nrows()):
        return matrix([], n)
    relations = nullspace(stacked([a, b], n).transpose())
    weights = matrix([row[:a.nrows()] for row in relations.table()], a.nrows())
    return weights * a


def _blocks(
    algebra: LieAlgebra, levi: list[_Levi], torus: RationalMatrix, nilradical: RationalMatrix
) -> list[RationalMatrix]:
    """The nilradical in parts that S and T keep: by a generic element of T, and by who acts."""
    blocks = [nilradical]
    if torus.nrows():
        drawn = random.Random(2)
        weights = matrix([[drawn.randint(-999, 999) for _ in range(torus.nrows())]], torus.nrows())
        acts = algebra.on(weights * torus, nilradical)
        size, blocks = acts.nrows(), []
        for f in factors(minimal_polynomial(acts)):
            power = polynomial_at(f, acts)
            for _ in range(size.bit_length()):
                power = power * power
            blocks.append(nullspace(power.transpose()) * nilradical)
    for part in levi:
        split = []
        for block in blocks:
            kept = algebra.centraliser(block, part.rows)
            moved = algebra.product(part.rows, block)
            split += [b for b in (kept, moved) if b.nrows()]
        blocks = split
    return blocks


def _groups(
    algebra: LieAlgebra, levi: list[_Levi], torus: RationalMatrix, blocks: list[RationalMatrix]
) -> list[Semidirect] | None:
    """Direct summands: what acts on common blocks, and blocks that bracket with each other."""
    lines = _own_lines(algebra, torus, blocks)
    if lines is None:
        return None
    movers = [*(part.rows for part in levi), *lines]
    group = list(range(len(movers) + len(blocks)))

    def find(k: int) -> int:
        while group[k] != k:
            k = group[k]
        return k

    for i, j in (*_moved(algebra, movers, blocks), *_bracketed(algebra, blocks, len(movers))):
        group[find(i)] = find(j)
    out = []
    for g in dict.fromkeys(find(k) for k in range(len(group))):
        mine = [part for k, part in enumerate(levi) if find(k) == g]
        own_lines = [t for k, t in enumerate(lines) if find(len(levi) + k) == g]
        own_blocks = [b for k, b in enumerate(blocks) if find(len(movers) + k) == g]
        out.append(_part(algebra, mine, own_lines, own_blocks))
    return out


def _own_lines(
    algebra: LieAlgebra, torus: RationalMatrix, blocks: list[RationalMatrix]
) -> list[RationalMatrix] | None:
    """A basis of T that acts on as few blocks as it can: the reduced rows of the action."""
    flat = [[e for b in blocks for e in algebra.on(t, b).entries()] for t in _rows(torus)]
    if not flat:
        return []
    # the basis of T is reduced along with the rows of the action
    count = torus.nrows()
    form, pivots = reduced(matrix(
        [[*row, *(int(i == k) for k in range(count))] for i, row in enumerate(flat)],
        len(flat[0]) + count))
    if any(p >= len(flat[0]) for p in pivots):
        return None
    return _rows(matrix([row[len(flat[0]):] for row in form.table()], count) * torus)


def _moved(
    algebra: LieAlgebra, movers: Sequence[RationalMatrix], blocks: Sequence[RationalMatrix]
) -> Iterator[tuple[int, int]]:
    """Movers and the blocks that they act on, by their numbers; blocks come after the movers."""
    for i, m in enumerate(movers):
        for j, b in enumerate(blocks):
            if algebra.product(m, b).nrows():
                yield i, len(movers) + j


def _bracketed(
    algebra: LieAlgebra, blocks: Sequence[RationalMatrix], first: int
) -> Iterator[tuple[int, int]]:
    """Blocks that bracket with each other, and those that hold some of the bracket."""
    for i, b in enumerate(blocks):
        for j, c in enumerate(blocks[:i + 1]):
            bracket = algebra.product(b, c)
            if bracket.nrows():
                yield first + i, first + j
                yield from ((first + k, first + j) for k, d in enumerate(blocks)
                            if _intersection(bracket, d, algebra.n).nrows())


def _rows(m: RationalMatrix) -> list[RationalMatrix]:
    return [matrix([row], m.ncols()) for row in m.table()]


def _part(
    algebra: LieAlgebra, levi: list[_Levi], lines: list[RationalMatrix],
    blocks: list[RationalMatrix],
) -> Semidirect:
    """A summand with its name."""
    rows = stacked([*(part.rows for part in levi), *lines, *blocks], algebra.n)
    simple = tuple(s for part in levi for s in part.simple)
    if not blocks:
        return Semidirect(rows, simple, "")
    nilradical = stacked(blocks, algebra.n)
    derived = algebra.product(nilradical, nilradical)
    if derived.nrows():
        return _not_abelian(algebra, Semidirect(rows, simple, ""), len(lines), nilradical, derived)
    textbook = _textbook(algebra, levi, simple, lines, blocks)
    if textbook:
        return Semidirect(rows, simple, textbook)
    size = sum(b.nrows() for b in blocks)
    acting = _acting([s.name for s in simple], len(lines))
    return Semidirect(rows, simple, f"{acting} |x {_space(size)}" if acting else _space(size),
                      not acting)


def _not_abelian(
    algebra: LieAlgebra, part: Semidirect, torus: int, nilradical: RationalMatrix,
    derived: RationalMatrix,
) -> Semidirect:
    """A nilradical that is a Heisenberg algebra and lines is named; of others, the class is."""
    acting = _acting([s.name for s in part.simple], torus)
    if derived.nrows() > 1:
        steps, term = 1, derived
        while term.nrows():
            steps, term = steps + 1, algebra.product(nilradical, term)
        name = f"nil({nilradical.nrows()},{steps})"
        return replace(part, name=f"{acting} |x {name}" if acting else name, exact=False)
    centre = algebra.centraliser(nilradical, nilradical).nrows()
    name = f"heis({nilradical.nrows() - centre + 1})"
    if centre > 1:
        name = f"({name} + {_space(centre - 1)})" if acting else f"{name} + {_space(centre - 1)}"
    return replace(part, name=f"{acting} |x {name}" if acting else name, exact=not acting)


def _textbook(
    algebra: LieAlgebra, levi: list[_Levi], simple: tuple[Simple, ...],
    lines: list[RationalMatrix], blocks: list[RationalMatrix],
) -> str | None:
    """The name, where Levi part, torus and action are those of an algebra with one."""
    size = sum(b.nrows() for b in blocks)
    weights = [_weight(algebra, lines, b) for b in blocks]
    if not simple:
        return _solvable(algebra, lines, blocks, weights, size)
    if len(lines) > 1 or any(w is None for w in weights) or len(levi) > 2:
        return None
    if len(simple) == 1 and simple[0].name.startswith("sl(") and simple[0].name.endswith(",R)"):
        found = _copies_of_rn(algebra, levi[0], simple[0], blocks, weights)
        if found:
            return found
    return _euclidean(algebra, levi, simple, lines, blocks)


def _weight(
    algebra: LieAlgebra, lines: list[RationalMatrix], block: RationalMatrix
) -> object | None:
    """The number that the one line acts by on a block; 0 without a line, None: no number."""
    if not lines:
        return 0
    acts = algebra.on(lines[0], block)
    first = acts.table()[0][0]
    n = block.nrows()
    scalar = shaped(n, n, [first * int(i == j) for i in range(n) for j in range(n)])
    return first if len(lines) == 1 and acts == scalar else None


def _solvable(
    algebra: LieAlgebra, lines: list[RationalMatrix], blocks: list[RationalMatrix],
    weights: list[object | None], size: int,
) -> str | None:
    if len(lines) == 1 and len(blocks) == 1:
        if weights[0] is not None and weights[0]:
            return "aff(1,R)" if size == 1 else f"R |x R^{size}"
        if size == 2 and weights[0] is None:
            f = minimal_polynomial(algebra.on(lines[0], blocks[0]))
            # eigenvalues +-i, up to a factor
            if len(f) == 3 and not f[1] and f[0] > 0:
                return "e(2)"
    if len(lines) == 2 and len(blocks) == 1 and size == 2:
        # two commuting maps of the plane, one of them without real eigenvalues: C on C
        for t in lines:
            f = minimal_polynomial(algebra.on(t, blocks[0]))
            if len(f) == 3 and f[1] ** 2 < 4 * f[0] * f[2]:
                return "aff(1,C)"
    return None


def _copies_of_rn(
    algebra: LieAlgebra, levi: _Levi, simple: Simple, blocks: list[RationalMatrix],
    weights: list[object | None],
) -> str | None:
    """gl(n,R) or sl(n,R) on copies of R^n and of its dual, on which a line acts by +1 and -1.

    Modules whose commuting maps are all q x q matrices are q copies of one that is absolutely
    irreducible; of dimension n, that is R^n or its dual.
    """
    n = int(simple.name[3:-3])
    counts = []
    for block in blocks:
        q, rest = divmod(block.nrows(), n)
        if rest or block.nrows() > LARGEST or _commuting(algebra, levi, block, block) != q * q:
            return None
        counts.append(q)
    first = max(range(len(blocks)), key=lambda k: counts[k])
    dual = [False] * len(blocks)
    if weights[first]:
        relative = [w / weights[first] for w in weights]  # type: ignore[operator]
        dual = [w == -1 for w in relative]
        if any(w not in (1, -1) for w in relative):
            return None
    if n > 2:
        # R^2 and its dual are alike for sl(2)
        other = [not _commuting(algebra, levi, blocks[first], b) for b in blocks]
        if weights[first] and dual != other:
            return None
        dual = other
    plain = sum(q for q, d in zip(counts, dual, strict=True) if not d)
    return _module(n, simple.name, bool(weights[first]), plain, sum(counts) - plain)


def _module(n: int, name: str, scaled: bool, plain: int, duals: int) -> str:
    """gl(n,R) or sl(n,R) on so many copies of R^n and of its dual."""
    head = f"gl({n},R)" if scaled else name
    if (plain, duals) == (1, 0):
        return f"aff({n},R)" if scaled else f"{head} |x R^{n}"
    parts = [f"(R^{n})^{plain}" if plain > 1 else f"R^{n}"]
    if duals:
        parts.append(f"(R^{n}*)^{duals}" if duals > 1 else f"R^{n}*")
    body = " + ".join(parts)
    return f"{head} |x {body}" if len(parts) == 1 else f"{head} |x ({body})"


def _commuting(
    algebra: LieAlgebra, levi: _Levi, a: RationalMatrix, b: RationalMatrix
) -> int:
    """The dimension of the maps from a to b that commute with S."""
    m, n = a.nrows(), b.nrows()
    rows = []
    for x in _rows(levi.rows):
        left, right = algebra.on(x, a).table(), algebra.on(x, b).table()
        # left T = T right, for T of m x n
        for i in range(m):
            for j in range(n):
                row = [0] * (m * n)
                for k in range(m):
                    row[k * n + j] += left[i][k]
                for k in range(n):
                    row[i * n + k] -= right[k][j]
                rows.append(row)
    return int(nullspace(matrix(rows, m * n)).nrows())


def _euclidean(
    algebra: LieAlgebra, levi: list[_Levi], simple: tuple[Simple, ...],
    lines: list[RationalMatrix], blocks: list[RationalMatrix],
) -> str | None:
    """so(n) on R^n: the Euclidean algebra e(n); with a line that scales, the similarities."""
    n = blocks[0].nrows()
    if len(blocks) > 1 or n > LARGEST:
        return None
    whole = _Levi(simple, stacked([part.rows for part in levi], algebra.n))
    names = sorted(s.name for s in simple)
    form = "so(4)" if names == ["so(3)", "so(3)"] else names[0] if len(names) == 1 else ""
    signs = {"sl(2,R)": "so(2,1)", "sp(4,R)": "so(3,2)", "sl(4,R)": "so(3,3)",
             "sl(2,C)": "so(3,1)"}.get(form, form)
    if not signs.startswith("so("):
        return None
    numbers = [int(k) for k in signs[3:-1].split(",")]
    if sum(numbers) != n or _commuting(algebra, whole, blocks[0], blocks[0]) != 1:
        return None
    if n == 8 and len(numbers) > 1:
        return None  # triality may take the spinors of other signs for vectors
    if lines:
        return f"({signs} + R) |x R^{n}"
    return f"e({n})" if len(numbers) == 1 else f"iso({','.join(map(str, numbers))})"


def _acting(names: Sequence[str], torus: int) -> str:
    """Levi part and torus: gl(2,R)^2, where there are lines for all sl."""
    cost = sum(n.startswith("sl(") and n.endswith(",R)") for n in names)
    if cost and cost <= torus:
        names = [f"g{n[1:]}" if n.startswith("sl(") and n.endswith(",R)") else n for n in names]
        torus -= cost
    count = {name: list(names).count(name) for name in names}
    parts = [name if k == 1 else f"{name}^{k}" for name, k in count.items()]
    if torus:
        parts.append(_space(torus))
    body = " + ".join(parts)
    return f"({body})" if len(parts) > 1 else body


def _space(dimension: int) -> str:
    return "R" if dimension == 1 else f"R^{dimension}"
