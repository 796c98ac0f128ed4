"""Names of Lie algebras that are built here from matrices, in random rational bases."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from lie_algebras import (
    Matrices, affine, constants_of, direct, gl, gl_complex, heisenberg, lines, sl, so, sp, u,
)

from symgauge.exact.prime_field import PrimeField, primes
from symgauge.exact.rational_matrix import (
    factors, matrix, nullspace, real_root_count, signature,
)
from symgauge.families.kinds.gl import GL
from symgauge.lie.constants import Constants
from symgauge.lie.identify import Block, identify
from symgauge.lie.naming import DESCRIBED, ISOMORPHIC, OPEN, identified
from symgauge.lie.simple import real_form
from symgauge.lie.structure import LieAlgebra

ONE = Fraction(1)
IDENTITY = [np.eye(3, dtype=object)]
#: By the name: matrices; dimensions of the centre, the radical, the nilradical; derived series.
ALGEBRAS: dict[str, tuple[Matrices, tuple[int, int, int], tuple[int, ...]]] = {
    "R^3": (lines(3), (3, 3, 3), (3, 0)),
    "so(3)": (so(3), (0, 0, 0), (3,)),
    "sl(2,R)": (sl(2), (0, 0, 0), (3,)),
    "so(3)^2": (so(4), (0, 0, 0), (6,)),
    "sl(2,C)": (so(3, 1), (0, 0, 0), (6,)),
    "sl(2,R)^2": (so(2, 2), (0, 0, 0), (6,)),
    "so(5)": (so(5), (0, 0, 0), (10,)),
    "so(4,1)": (so(4, 1), (0, 0, 0), (10,)),
    "sp(4,R)": (sp(2), (0, 0, 0), (10,)),
    "so(6)": (so(6), (0, 0, 0), (15,)),
    "so(5,1)": (so(5, 1), (0, 0, 0), (15,)),
    "so(4,2)": (so(4, 2), (0, 0, 0), (15,)),
    "sl(4,R)": (so(3, 3), (0, 0, 0), (15,)),
    "su(3,1)": (u(3, 1, trace=False), (0, 0, 0), (15,)),
    "sp(6,R)": (sp(3), (0, 0, 0), (21,)),
    "so(4,3)": (so(4, 3), (0, 0, 0), (21,)),
    "so(7)": (so(7), (0, 0, 0), (21,)),
    "gl(2,R)": (gl(2), (1, 1, 1), (4, 3)),
    "gl(4,R)": (gl(4), (1, 1, 1), (16, 15)),
    "u(3)": (u(3), (1, 1, 1), (9, 8)),
    "u(2,1)": (u(2, 1), (1, 1, 1), (9, 8)),
    "so(3) + R": (u(2), (1, 1, 1), (4, 3)),
    "gl(2,C)": (gl_complex(2), (2, 2, 2), (8, 6)),
    "aff(1,R)": (affine(gl(1)), (0, 2, 1), (2, 1, 0)),
    "aff(1,C)": (affine(gl_complex(1)), (0, 4, 2), (4, 2, 0)),
    "aff(2,R)": (affine(gl(2)), (0, 3, 2), (6, 5)),
    "aff(3,R)": (affine(gl(3)), (0, 4, 3), (12, 11)),
    "sl(3,R) |x R^3": (affine(sl(3)), (0, 3, 3), (11,)),
    "(sl(2,R) |x R^2) + R": (direct(affine(sl(2)), lines(1)), (1, 3, 3), (6, 5)),
    "gl(2,R) |x (R^2)^3": (affine(gl(2), 3), (0, 7, 6), (10, 9)),
    "e(2)": (affine(so(2)), (0, 3, 2), (3, 2, 0)),
    "e(3)": (affine(so(3)), (0, 3, 3), (6,)),
    "e(4)": (affine(so(4)), (0, 4, 4), (10,)),
    "iso(3,1)": (affine(so(3, 1)), (0, 4, 4), (10,)),
    "(so(3) + R) |x R^3": (affine(so(3) + IDENTITY), (0, 4, 3), (7, 6)),
    "heis(5)": (heisenberg(2), (1, 5, 5), (5, 1, 0)),
    "aff(1,R)^2 + aff(2,R)": (
        direct(affine(gl(1)), affine(gl(1)), affine(gl(2))), (0, 7, 4), (10, 7, 5)),
    "aff(2,R) + gl(2,R) + heis(3) + so(3) + R^2": (
        direct(gl(2), affine(gl(2)), so(3), heisenberg(1), lines(2)), (4, 9, 8), (18, 12, 11)),
}


def parts(name: str) -> list[str]:
    return sorted(name.split(" + ")) if "|x" not in name else [name]


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("name", ALGEBRAS)
def test_names_and_invariants(name: str, seed: int | None) -> None:
    basis, (centre, radical, nilradical), derived = ALGEBRAS[name]
    found = identified(constants_of(basis, seed), len(basis))
    assert parts(found.name) == parts(name)
    facts = found.invariants
    assert (facts.centre, facts.radical, facts.nilradical, facts.derived) == (
        centre, radical, nilradical, derived)
    assert all(s.how == ISOMORPHIC for s in found.summands)
    assert sum(s.dimension for s in found.summands) == len(basis)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "basis"), [
    ("so(10)", so(10)), ("so(8,2)", so(8, 2)), ("sp(10,R)", sp(5)), ("so(6,5)", so(6, 5)),
    ("su(3,3)", u(3, 3, trace=False)), ("gl(4,C)", gl_complex(4)), ("gl(7,R)", gl(7)),
    ("so(14)", so(14)), ("sl(10,R)", sl(10)),
])
def test_names_up_to_dimension_99(name: str, basis: Matrices) -> None:
    assert identified(constants_of(basis, 1), len(basis)).name == name


def over(radicand: int, basis: Matrices) -> Matrices:
    """Over QQ(sqrt(radicand)), as an algebra over QQ of twice the dimension."""
    root = np.array([[0, radicand], [1, 0]], dtype=object)
    one = np.eye(2, dtype=object)
    return [np.kron(one, a) for a in basis] + [np.kron(root, a) for a in basis]


def quaternions(a: int, r: int) -> Constants:
    """i^2 = a, j^2 = sqrt(r): [i, j] = 2k, [j, k] = -2 sqrt(r) i, [k, i] = -2a j over QQ(sqrt(r)).

    The basis is i, j, k and sqrt(r) times each.
    """
    out: Constants = {}

    def put(p: int, q: int, value: dict[int, int]) -> None:
        if p > q:
            out[p, q] = {k: Fraction(c) for k, c in value.items()}
        else:
            out[q, p] = {k: Fraction(-c) for k, c in value.items()}

    def times(power: int, k: int, c: int) -> dict[int, int]:
        """c sqrt(r)^power times element k of i, j, k."""
        whole, half = divmod(power, 2)
        return {k + 3 * half: c * r**whole}

    for s in (0, 1):
        for t in (0, 1):
            put(0 + 3 * s, 1 + 3 * t, times(s + t, 2, 2))
            put(1 + 3 * s, 2 + 3 * t, times(s + t + 1, 0, -2))
            put(2 + 3 * s, 0 + 3 * t, times(s + t, 1, -2 * a))
    return out


def test_what_is_simple_over_the_rationals_splits_over_the_reals() -> None:
    """Both factors have rows of their own over QQ(sqrt 2) alone; the Killing form tells them."""
    for radicand, basis, name in (
        (2, so(3), "so(3)^2"), (2, sl(2), "sl(2,R)^2"), (-1, so(3), "sl(2,C)"),
        (-3, sl(3), "sl(3,C)"), (5, so(5), "so(5)^2"),
    ):
        found = identified(constants_of(over(radicand, basis), 3), 2 * len(basis))
        assert found.name == name
    # i^2 = -1, j^2 = sqrt 2: definite at one real root, split at the other
    mixed = identified(quaternions(-1, 2), 6)
    assert sorted(mixed.name.split(" + ")) == ["sl(2,R)", "so(3)"]


def test_what_acts_by_other_numbers_is_no_affine_algebra() -> None:
    """diag(1, 2) on R^2 is no homothety, and sl(2) on the cubics no copy of R^2."""
    twisted = [np.diag([1, 2, 0]).astype(object), *affine(lines(2))[2:]]
    found = identified(constants_of(twisted, 1), 3)
    assert found.name == "R |x R^2" and found.summands[0].how == DESCRIBED
    e, f, h = (np.zeros((4, 4), dtype=object) for _ in range(3))
    for k in range(3):
        e[k, k + 1], f[k + 1, k] = 3 - k, k + 1
    for k in range(4):
        h[k, k] = 3 - 2 * k
    found = identified(constants_of(affine([e, f, h]), 2), 7)
    assert found.name == "sl(2,R) |x R^4" and found.summands[0].how == DESCRIBED


def test_what_has_no_name_is_described_or_not_identified() -> None:
    upper = [a for a in gl(4) if np.argwhere(a)[0][0] <= np.argwhere(a)[0][1]]
    found = identified(constants_of(upper, 1), 10)
    assert found.name == "(R^3 |x nil(6,3)) + R" and found.summands[0].how == DESCRIBED
    # [s, t] = z, [s, x] = x, [t, y] = y: no torus completes the nilradical x, y, z
    twisted = {(1, 0): {4: -ONE}, (2, 0): {2: -ONE}, (3, 1): {3: -ONE}}
    left = identified(twisted, 5)
    assert left.name == "not identified (dimension 5, radical 5, Levi 0)"
    assert left.summands[0].how == OPEN and left.invariants.nilradical == 3
    assert found.invariants.derived == (10, 6, 3, 0)


def test_a_levi_part_closes_where_a_complement_does_not() -> None:
    """sl(2) moved by elements of the radical is no subalgebra, and is mended."""
    basis = affine(gl(2), 2)
    algebra = LieAlgebra(constants_of(basis, 4), len(basis))
    levi = algebra.levi
    assert levi is not None and levi.nrows() == 3
    assert algebra.restricted(levi).radical.nrows() == 0
    with pytest.raises(ValueError, match="no subalgebra"):
        algebra.restricted(matrix([[1, 0, 2, 0, 1, 0, 3, 1], [0, 1, 0, 1, 1, 5, 0, 2]], 8))


def test_real_forms_that_the_signature_does_not_tell_are_in_doubt() -> None:
    assert real_form("A13", 195, -15).doubt and real_form("D9", 153, -9).doubt
    assert not any(real_form(kind, n, c).doubt for kind, n, c in (
        ("A3", 15, 1), ("D4", 28, -4), ("B3", 21, 3), ("C3", 21, 3), ("E6", 78, 6)))


def test_a_thousand_dimensions_by_blocks() -> None:
    """60 gl(4) and 40 lines; and gl(32): the blocks' matrices, no general algorithm."""
    field = PrimeField(next(primes()))

    def of(n: int, copies: int) -> tuple[Constants, Block]:
        mats = tuple({(i, j): w for i, j, w in m} for m in GL.basis(n))
        out: Constants = {}
        size = n * n
        for c in range(copies):
            for a in range(size):
                for b in range(a):
                    (i, j), (k, m) = divmod(a, n), divmod(b, n)
                    row = {c * size + i * n + m: Fraction(1)} if j == k else {}
                    if m == i:
                        row[c * size + k * n + j] = row.get(c * size + k * n + j, Fraction(0)) - 1
                    row = {x: v for x, v in row.items() if v}
                    if row:
                        out[c * size + a, c * size + b] = row
        return out, Block(tuple(range(copies * size)), f"gl({n},R)", copies, mats)

    constants, block = of(4, 60)
    found = identify(constants, 1000, [block, Block(tuple(range(960, 1000)), "R")], field)
    assert found.name == "gl(4,R)^60 + R^40" and found.levi == "sl(4,R)^60"
    assert found.invariants is not None and found.invariants.radical == 100
    constants, block = of(32, 1)
    assert identify(constants, 1024, [block], field).name == "gl(32,R)"


def test_rational_matrices() -> None:
    assert signature(matrix([[2, 0, 0], [0, -1, 0], [0, 0, 0]], 3)) == (1, 1)
    assert nullspace(matrix([[1, 2]], 2)).table() == [[-2, 1]]
    assert real_root_count([-6, 11, -6, 1], Fraction(5, 2)) == 2
    assert factors([-2, 0, 1]) == [[-2, 0, 1]]
