"""Structure constants of a family of fields and what the algebra is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField
from symgauge.lie.fields import VectorField, bracket, coordinates_in, independent

#: Brackets (i, j) as sparse combinations of the basis.
Constants = dict[tuple[int, int], dict[int, Fraction]]


@dataclass(frozen=True)
class Closure:
    """A basis and its structure constants, or the pair whose bracket leaves the span."""

    basis: tuple[VectorField, ...]
    constants: Constants | None
    escapes: tuple[int, int] | None = None


def structure_constants(basis: Sequence[VectorField], field: PrimeField) -> Closure:
    """[X_i, X_j] = sum c_ijk X_k with constant c, exactly, where the family is closed."""
    return close(basis, field, len(basis))


def close(basis: Sequence[VectorField], field: PrimeField, limit: int) -> Closure:
    """The smallest bracket-closed family that holds the basis, of at most `limit` fields.

    Brackets that leave the span join the basis, and only pairs with a newcomer are new.
    """
    fields = list(basis)
    constants: Constants = {}
    pending: dict[tuple[int, int], VectorField] = {}
    done = 0
    while True:
        for i in range(done, len(fields)):
            for j in range(i):
                b = bracket(fields[i], fields[j])
                if b:
                    pending[i, j] = b
        done = len(fields)
        solved = coordinates_in(fields, list(pending.values()), field)
        outside: dict[tuple[int, int], VectorField] = {}
        for (pair, b), weights in zip(pending.items(), solved, strict=True):
            if weights is None:
                outside[pair] = b
            else:
                constants[pair] = {k: w for k, w in enumerate(weights) if w}
        if not outside:
            return Closure(tuple(fields), constants)
        chosen = independent([*fields, *outside.values()], field)
        new = [k - len(fields) for k in chosen if k >= len(fields)]
        if not new or len(fields) + len(new) > limit:
            return Closure(tuple(fields), None, next(iter(outside)))
        escaped = list(outside.values())
        fields += [escaped[k] for k in new]
        pending = outside


def radical_dimension(constants: Constants, n: int, field: PrimeField) -> int:
    """Dimension of the solvable radical: the Killing-orthogonal of [g, g] (Cartan).

    Computed mod p, where a rank may only drop: an upper bound that is exact but for unlucky p.
    """
    #: By (k, l): the fields i with ad_i[k, l] not 0, and that entry.
    ad: dict[tuple[int, int], list[tuple[int, int]]] = {}
    derived = np.zeros((len(constants), n))
    for number, ((i, j), row) in enumerate(constants.items()):
        for k, c in row.items():
            r = field.residue(c)
            ad.setdefault((k, j), []).append((i, r))
            ad.setdefault((k, i), []).append((j, field.p - r))
            derived[number, k] = r
    if not len(derived):
        return n
    killing: dict[tuple[int, int], int] = {}
    for (k, l), entries in ad.items():
        for i, r in entries:
            for j, s in ad.get((l, k), ()):
                killing[i, j] = (killing.get((i, j), 0) + r * s) % field.p
    form = np.zeros((n, n))
    for (i, j), value in killing.items():
        form[i, j] = value
    pairing = field.matmul(derived, form)
    return n - rank(pairing, field.p)


#: A matrix as its non-zero entries.
Matrix = dict[tuple[int, int], Fraction]


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


def identify(constants: Constants, n: int, blocks: Sequence[Block], field: PrimeField) -> str:
    """The algebra as text: "2 gl(2) + R^3", semidirect parts as "gl(2) |x R^2".

    Every name is checked against the structure constants; where a check fails, or where blocks
    are interlaced, the answer is "dimension n, radical m".
    """
    if n == 0:
        return "0"
    fallback = f"dimension {n}, radical {radical_dimension(constants, n, field)}"
    pieces: list[tuple[tuple[int, ...], str]] = []
    for block in blocks:
        step = len(block.positions) // block.copies
        for c in range(block.copies):
            part = block.positions[c * step:(c + 1) * step]
            if not block.matrices:
                pieces += [((i,), "R") for i in part]
            else:
                pieces.append((part, block.name))
                if not _is_matrix_algebra(constants, part, block.matrices, field):
                    return fallback
    where = {i: k for k, (part, _) in enumerate(pieces) for i in part}
    if len(where) != n:
        return fallback
    joined = list(range(len(pieces)))

    def find(k: int) -> int:
        while joined[k] != k:
            k = joined[k]
        return k

    for (i, j), row in constants.items():
        for k in row:
            joined[find(where[i])] = find(where[k])
            joined[find(where[j])] = find(where[k])
    groups: dict[int, list[int]] = {}
    for k in range(len(pieces)):
        groups.setdefault(find(k), []).append(k)
    names: list[str] = []
    for group in groups.values():
        name = _component(constants, [pieces[k] for k in group])
        if name is None:
            return fallback
        names.append(name)
    return _tally(names)


def _get(constants: Constants, i: int, j: int) -> dict[int, Fraction]:
    if i >= j:
        return constants.get((i, j), {})
    return {k: -c for k, c in constants.get((j, i), {}).items()}


def _is_matrix_algebra(
    constants: Constants, part: Sequence[int], matrices: Sequence[Matrix], field: PrimeField
) -> bool:
    """Whether consecutive basis elements have the brackets of these matrices, up to one sign."""
    if len(matrices) != len(part):
        return False
    entries = sorted({u for m in matrices for u in m} | {
        u for i, a in enumerate(matrices) for b in matrices[:i] for u in _commutator(a, b)
    })
    for sign in (1, -1):
        if all(
            _spelled(_get(constants, part[i], part[j]), part, matrices) == {
                u: sign * c for u, c in _commutator(matrices[i], matrices[j]).items()
            }
            for i in range(len(matrices)) for j in range(i)
        ):
            return rank(
                np.array([[field.residue(Fraction(m.get(u, 0))) for u in entries]
                          for m in matrices], dtype=np.float64), field.p,
            ) == len(matrices)
    return False


def _spelled(
    row: dict[int, Fraction], part: Sequence[int], matrices: Sequence[Matrix]
) -> Matrix | None:
    """A combination of the part's basis elements as a matrix; None where it leaves the part."""
    out: Matrix = {}
    where = {k: n for n, k in enumerate(part)}
    for k, c in row.items():
        if k not in where:
            return None
        for u, w in matrices[where[k]].items():
            out[u] = out.get(u, Fraction(0)) + c * w
    return {u: c for u, c in out.items() if c}


def _commutator(a: Matrix, b: Matrix) -> Matrix:
    out: Matrix = {}
    for x, y, sign in ((a, b, 1), (b, a, -1)):
        for (i, j), c in x.items():
            for (k, m), d in y.items():
                if j == k:
                    out[i, m] = out.get((i, m), Fraction(0)) + sign * c * d
    return {u: c for u, c in out.items() if c}


def _component(constants: Constants, pieces: list[tuple[tuple[int, ...], str]]) -> str | None:
    """The name of blocks that bracket with each other: "gl(2) |x R^2", or None.

    Lines must be an abelian ideal. A block whose own name is semidirect (R |x R^2) must be kept by
    all others but for what they bracket with lines: "so(2) |x (R |x R^2)".
    """
    if len(pieces) == 1:
        return pieces[0][1]
    line = {i for part, name in pieces if name == "R" for i in part}
    inner = [(set(part), name) for part, name in pieces if "|x" in name]
    outer = [(set(part), name) for part, name in pieces if name != "R" and "|x" not in name]
    if not (outer or inner) or not _keeps(
            constants, line, [part for part, _ in outer], [part for part, _ in inner]):
        return None
    name = ""
    for names in ([n for _, n in outer], [n for _, n in inner], ["R"] * len(line)):
        if names:
            part = _tally(names)
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


def _tally(names: Sequence[str]) -> str:
    """Equal summands counted: "2 gl(2) + R^3"."""
    count: dict[str, int] = {}
    for name in names:
        count[name] = count.get(name, 0) + 1
    lines = count.pop("R", 0)
    parts = []
    for name, k in count.items():
        inner = f"({name})" if "|x" in name and k > 1 else name
        parts.append(inner if k == 1 else f"{k} {inner}")
    if lines:
        parts.append("R" if lines == 1 else f"R^{lines}")
    return " + ".join(parts)
