"""The simple ideals of a semisimple Lie algebra: types and real forms.

The centroid (the maps that commute with all ad x) is a product of number fields, one for each ideal
that is simple over QQ. Over R an ideal whose field is QQ[t]/f is one algebra for each real root of
f, absolutely simple, and one over C, taken as real, for each pair of complex roots. Dimension and
rank tell the type of an absolutely simple algebra; B_n, C_n and E_6 are told apart by the
characteristic polynomial of ad x. The signature of the Killing form tells the real form; for each
real root it is that of (x, y) -> K(p(T) x, y), for polynomials p that change sign between roots.
Source: S. Helgason, Differential Geometry, Lie Groups, and Symmetric Spaces, chapter X, table V.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import comb

from symgauge.exact.rational_matrix import (
    Frame, RationalMatrix, characteristic_polynomial, factors, matrix,
    minimal_polynomial, nullspace, polynomial_at, real_root_count, reduced, signature, stacked,
)
from symgauge.lie.structure import LieAlgebra

#: Random elements that are tried before an algebra is left without a name.
TRIES = 8


@dataclass(frozen=True)
class Simple:
    """A simple real Lie algebra: its name, its type (of a complex one: twice), other names."""

    name: str
    kind: str
    dimension: int
    also: tuple[str, ...] = ()
    #: Why the real form stays in doubt.
    doubt: str = ""


@dataclass(frozen=True)
class Ideal:
    """An ideal that is simple over QQ, by its rows, and what it is over R."""

    rows: RationalMatrix
    factors: tuple[Simple, ...] = field(default=())


def simple_ideals(algebra: LieAlgebra) -> list[Ideal] | None:
    """The ideals of a semisimple algebra that are simple over QQ; None where no draw decides.

    Shown exactly: they are ideals, their sum is direct and everything, and each centroid is no
    larger than its field.
    """
    if not algebra.n:
        return []
    for draw in range(TRIES):
        drawn = random.Random(draw)
        found = _split(algebra, drawn)
        if found is not None:
            ideals = [_named(algebra, rows, map_, f, drawn) for rows, map_, f in found]
            if all(i is not None for i in ideals):
                return [i for i in ideals if i is not None]
    return None


def _element(n: int, drawn: random.Random) -> RationalMatrix:
    return matrix([[drawn.randint(-9, 9) for _ in range(n)]], n)


def _split(
    algebra: LieAlgebra, drawn: random.Random
) -> list[tuple[RationalMatrix, RationalMatrix, list[Fraction]]] | None:
    """The ideals, with a generator T of the centroid and its minimal polynomial on each.

    T in the centroid is determined by v = T x for an x that generates all as a module, and v
    commutes with x: there are few unknowns.
    """
    n, x = algebra.n, _element(algebra.n, drawn)
    ad_x = next(iter(algebra.adjoints(x)))
    commuting = nullspace(ad_x)
    words = _words(algebra, x, ad_x)
    if words is None:
        return None
    inverse = matrix([r for _, r in words], n).inv()
    candidates = []
    for v in commuting.table():
        images = [_image(algebra, matrix([v], n), path) for path, _ in words]
        # acting on rows from the right
        candidates.append(inverse * stacked(images, n))
    probes = [_element(n, drawn) for _ in range(2)]
    through = [next(iter(algebra.adjoints(_element(n, drawn)))).transpose() for _ in range(2)]
    columns = [[
        e for u in probes for ad in (ad_x.transpose(), *through)
        for e in (u * t * ad - u * ad * t).entries()
    ] for t in candidates]
    weights = nullspace(matrix(columns, len(columns[0])).transpose())
    centroid = [_combined(row, candidates) for row in weights.table()]
    adjoints = [ad.transpose() for ad in algebra.basis_adjoints]
    if any(t * ad != ad * t for t in centroid for ad in adjoints):
        return None
    generator = _combined([drawn.randint(-9, 9) for _ in centroid], centroid)
    minimal = minimal_polynomial(generator)
    if len(minimal) - 1 != len(centroid):
        return None
    parts = []
    for f in factors(minimal):
        rows = nullspace(polynomial_at(f, generator).transpose())
        parts.append((reduced(rows)[0], generator, f))
    if sum(rows.nrows() for rows, _, _ in parts) != n:
        return None
    return parts


def _combined(weights: Sequence[object], maps: Sequence[RationalMatrix]) -> RationalMatrix:
    total = maps[0] * weights[0]
    for w, m in zip(weights[1:], maps[1:]):
        total = total + m * w
    return total


Path = tuple[int, ...]
Word = tuple[Path, list[object]]


def _words(
    algebra: LieAlgebra, x: RationalMatrix, ad_x: RationalMatrix
) -> list[Word] | None:
    """A basis x, [e_i, x], [e_j, [e_i, x]], ...: each with the indices that were bracketed."""
    n = algebra.n
    found: list[Word] = [((), x.table()[0])]
    newest: list[Word] = [
        ((i,), [-c for c in column]) for i, column in enumerate(ad_x.transpose().table())]
    order = list(range(n))
    random.Random(len(found)).shuffle(order)
    frontier = _added(found, newest, n)
    while len(found) < n and frontier:
        turned, reached = matrix([r for _, r in frontier], n).transpose(), []
        for i in order:
            images = (algebra.basis_adjoints[i] * turned).transpose().table()
            reached += _added(found, [
                ((*path, i), r) for (path, _), r in zip(frontier, images, strict=True)], n)
            if len(found) == n:
                break
        frontier = reached
    return found if len(found) == n else None


def _added(found: list[Word], more: list[Word], n: int) -> list[Word]:
    """What of `more` is independent of what was found, and joins it."""
    joint = matrix([r for _, r in (*found, *more)], n)
    _, pivots = reduced(joint.transpose())
    new = [more[k - len(found)] for k in pivots if k >= len(found)]
    found += new
    return new


def _image(algebra: LieAlgebra, v: RationalMatrix, path: Path) -> RationalMatrix:
    column = v.transpose()
    for i in path:
        column = algebra.basis_adjoints[i] * column
    return column.transpose()


def _named(
    algebra: LieAlgebra, rows: RationalMatrix, generator: RationalMatrix, f: list[Fraction],
    drawn: random.Random,
) -> Ideal | None:
    """What an ideal is over R; None where the draw does not show its rank."""
    ideal = algebra.restricted(rows)
    degree = len(f) - 1
    found = _rank(ideal, drawn)
    if found is None:
        return None
    rank, polynomial = found
    kind = absolute_type(ideal.n // degree, rank // degree, polynomial if degree == 1 else None)
    if kind is None:
        return Ideal(rows)
    real = real_root_count(f)
    size = ideal.n // degree
    simple = [complex_form(kind, size)] * ((degree - real) // 2)
    for positive, negative in _signatures(ideal, rows, generator, f, real):
        simple.append(real_form(kind, size, positive - negative))
    return Ideal(rows, tuple(simple))


def _rank(ideal: LieAlgebra, drawn: random.Random) -> tuple[int, list[Fraction]] | None:
    """The dimension of a Cartan subalgebra, and the characteristic polynomial of ad x.

    The kernel of ad x, where it is all that ad x is nilpotent on and abelian.
    """
    x = _element(ideal.n, drawn)
    ad = next(iter(ideal.adjoints(x)))
    kernel = nullspace(ad)
    polynomial = characteristic_polynomial(ad)
    order = next(k for k, c in enumerate(polynomial) if c)
    if order != kernel.nrows() or ideal.product(kernel, kernel).nrows():
        return None
    return order, polynomial


def _signatures(
    ideal: LieAlgebra, rows: RationalMatrix, generator: RationalMatrix, f: list[Fraction],
    real: int,
) -> Iterator[tuple[int, int]]:
    """The signature of the Killing form for each real root of f, from the smallest on.

    K(p(T) x, y) has, for each root r, the signature there times the sign of p(r); complex roots
    give as many positive squares as negative ones.
    """
    if not real:
        return
    if real == 1:
        p, n = signature(ideal.killing)
        complexes = (ideal.n - (p + n) // (len(f) - 1)) // 2
        yield p - complexes, n - complexes
        return
    map_ = Frame(rows).coordinates(rows * generator)
    assert map_ is not None
    size = ideal.n // (len(f) - 1)
    p, n = signature(ideal.killing)
    total, left = p - n, 0
    # the sum of the signatures below q is (total - that of T - q) / 2
    for q in (*_between(f, real), None):
        if q is None:
            below = total
        else:
            p, n = signature(polynomial_at([-q, 1], map_) * ideal.killing)
            below = (total - (p - n)) // 2
        here = below - left
        left = below
        yield (size + here) // 2, (size - here) // 2


def _between(f: list[Fraction], real: int) -> list[Fraction]:
    """Rational numbers that part the real roots, from the smallest on."""
    bound = 1 + max(abs(c / f[-1]) for c in f[:-1])
    found: list[Fraction] = []

    def part(low: Fraction, high: Fraction, below: int, above: int) -> None:
        # so many roots are below `low` and below `high`
        if above - below <= 1:
            return
        middle = (low + high) / 2
        count = real_root_count(f, middle)
        part(low, middle, below, count)
        if below < count < above:
            found.append(middle)
        part(middle, high, count, above)

    part(-bound, bound, 0, real)
    return sorted(found)


# -- types ---------------------------------------------------------------------------------------

_EXCEPTIONAL = {(14, 2): "G2", (52, 4): "F4", (78, 6): "E6", (133, 7): "E7", (248, 8): "E8"}


def absolute_type(
    dimension: int, rank: int, polynomial: Sequence[Fraction] | None
) -> str | None:
    """The type, as A3, from dimension and rank; None where it stays open.

    `polynomial`: the characteristic polynomial of ad x. B_n and C_n have the same dimension; that
    of ad x tells the power sums of x in the defining representation, of 2n + 1 or 2n eigenvalues.
    """
    n = rank
    if dimension == n * n + 2 * n:
        return f"A{n}"
    if n == 2 and dimension == 10:
        return "B2"
    if n >= 4 and dimension == 2 * n * n - n:
        return f"D{n}"
    possible = []
    if n >= 3 and dimension == 2 * n * n + n and polynomial is not None:
        possible += [name for name, size, sign in ((f"B{n}", 2 * n + 1, -1), (f"C{n}", 2 * n, 1))
                     if _fits(polynomial, size, sign)]
    if not possible and (dimension, n) in _EXCEPTIONAL:
        return _EXCEPTIONAL[dimension, n]
    return possible[0] if len(possible) == 1 else None


def _fits(adjoint: Sequence[Fraction], size: int, sign: int) -> bool:
    """Whether ad x may be x on Sym^2 (sign 1) or Lambda^2 (sign -1) of `size` dimensions.

    tr_ad x^k = 1/2 sum_j C(k, j) P_j P_(k-j) + sign 2^(k-1) P_k determines the power sums P_k;
    then the elementary symmetric functions beyond the size must be 0.
    """
    more = size + 6
    sums = _power_sums(adjoint, more)
    p = [Fraction(size)] + [Fraction(0)] * more
    for k in range(2, more + 1, 2):
        known = sum((comb(k, j) * p[j] * p[k - j] for j in range(1, k)), Fraction(0)) / 2
        p[k] = (sums[k] - known) / (size + sign * 2 ** (k - 1))
    e = [Fraction(1)] + [Fraction(0)] * more
    for k in range(1, more + 1):
        e[k] = sum(((-1) ** (j - 1) * e[k - j] * p[j] for j in range(1, k + 1)), Fraction(0)) / k
    return not any(e[size + 1:])


def _power_sums(polynomial: Sequence[Fraction], count: int) -> list[Fraction]:
    """The sums of k-th powers of the roots, k = 0, ..., count (Newton)."""
    n = len(polynomial) - 1
    e = [(-1) ** k * polynomial[n - k] if k <= n else Fraction(0) for k in range(count + 1)]
    p = [Fraction(n)]
    for k in range(1, count + 1):
        total = (-1) ** (k - 1) * k * e[k]
        total += sum(((-1) ** (j - 1) * e[j] * p[k - j] for j in range(1, k)), Fraction(0))
        p.append(total)
    return p


# -- real forms ----------------------------------------------------------------------------------


def complex_form(kind: str, dimension: int) -> Simple:
    """A complex simple algebra, taken as a real one of twice the dimension."""
    letter, n = kind[0], int(kind[1:])
    name = {
        "A": f"sl({n + 1},C)", "B": f"so({2 * n + 1},C)", "C": f"sp({2 * n},C)",
        "D": f"so({2 * n},C)",
    }.get(letter, f"{kind.lower()}(C)")
    also = {"sl(2,C)": ("so(3,1)",), "so(5,C)": ("sp(4,C)",), "sl(4,C)": ("so(6,C)",)}
    return Simple(name, f"{kind} + {kind}", 2 * dimension, also.get(name, ()))


#: Textbook names of real forms of small rank that have several; the first is used.
_SAME = {
    "su(2)": ("so(3)", "su(2)", "sp(1)"), "sl(2,R)": ("sl(2,R)", "so(2,1)", "su(1,1)", "sp(2,R)"),
    "su(4)": ("so(6)", "su(4)"), "su(2,2)": ("so(4,2)", "su(2,2)"),
    "sl(2,H)": ("so(5,1)", "sl(2,H)"), "sl(4,R)": ("sl(4,R)", "so(3,3)"),
    "su(3,1)": ("su(3,1)", "so*(6)"), "so(3,2)": ("sp(4,R)", "so(3,2)"),
    "so(5)": ("so(5)", "sp(2)"), "so(4,1)": ("so(4,1)", "sp(1,1)"),
    "so(6,2)": ("so(6,2)", "so*(8)"),
}


def real_form(kind: str, dimension: int, character: int) -> Simple:
    """The real form whose Killing form has so many more positive squares than negative ones."""
    fitting = [name for name, value in _real_forms(kind) if value == character]
    if not fitting:
        return Simple(f"a real form of {kind}", kind, dimension, doubt="no form has its signature")
    names = _SAME.get(fitting[0], (fitting[0],))
    others = [f for f in fitting if f not in names]
    doubt = f"the signature is also that of {', '.join(others)}" if others else ""
    return Simple(names[0], kind, dimension, names[1:], doubt)


def _real_forms(kind: str) -> Iterator[tuple[str, int]]:
    """The real forms of a type, and dim p - dim k of their Cartan decompositions."""
    letter, n = kind[0], int(kind[1:])
    if letter == "A":
        m = n + 1
        yield f"sl({m},R)", n
        for q in range(m // 2 + 1):
            yield (f"su({m - q},{q})" if q else f"su({m})"), 1 - (m - 2 * q) ** 2
        if m % 2 == 0 and m > 2:
            yield f"sl({m // 2},H)", -m - 1
    elif letter in "BD":
        m = 2 * n + (letter == "B")
        for q in range(m // 2 + 1):
            yield (f"so({m - q},{q})" if q else f"so({m})"), (m - (m - 2 * q) ** 2) // 2
        if letter == "D":
            yield f"so*({m})", -n
    elif letter == "C":
        yield f"sp({2 * n},R)", n
        for q in range(n // 2 + 1):
            yield (f"sp({n - q},{q})" if q else f"sp({n})"), -2 * (n - 2 * q) ** 2 - n
    else:
        compact = {"G2": -14, "F4": -52, "E6": -78, "E7": -133, "E8": -248}[kind]
        others = {"G2": (2,), "F4": (4, -20), "E6": (6, 2, -14, -26), "E7": (7, -5, -25),
                  "E8": (8, -24)}[kind]
        yield kind.lower(), compact
        for value in others:
            yield f"{kind.lower()}({value})", value
