"""Vector fields: the laws of the bracket, structure constants, the name of an algebra."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from symgauge.errors import BadInputError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.kind import MatrixKind
from symgauge.families.kinds import kinds
from symgauge.families.kinds.centred import CENTRED
from symgauge.families.kinds.complex import COMPLEX
from symgauge.families.kinds.so1 import SO1
from symgauge.lie import algebra
from symgauge.lie.algebra import close, radical_dimension, structure_constants
from symgauge.lie.brackets import bracket, meeting_pairs
from symgauge.lie.constants import Constants
from symgauge.lie.fields import (
    VectorField,
    combination,
    coordinates_in,
    matrix,
    orbit_rank,
)
from symgauge.lie.identify import Block, identify

FIELD = PrimeField(next(primes()))
SIZE = 4
ONE = Fraction(1)

indices = st.integers(0, SIZE - 1)
numbers = st.fractions(-3, 3, max_denominator=3)
fields = st.builds(
    VectorField.build,
    st.lists(st.tuples(indices, numbers), max_size=3),
    st.lists(st.tuples(indices, indices, numbers), max_size=5),
)

powers = st.dictionaries(indices, st.sampled_from([-2, -1, 1, 2]), max_size=2).map(
    lambda d: tuple(sorted(d.items()))
)
#: Fields with products and inverses of coordinates, as lifting from a slice brings them.
laurent = st.builds(
    VectorField.collect, st.lists(st.tuples(indices, powers, numbers), max_size=4)
)


def unit(i: int, j: int, *more: tuple[int, int, int]) -> VectorField:
    """theta_j d/d theta_i, plus further entries."""
    entries = [(i, j, ONE), *((a, b, Fraction(c)) for a, b, c in more)]
    return VectorField.build([], entries)


def shift(i: int) -> VectorField:
    return VectorField.build([(i, ONE)], [])


def gl(n: int, start: int = 0) -> list[VectorField]:
    return [unit(start + i, start + j) for i in range(n) for j in range(n)]


def so(n: int, start: int = 0) -> list[VectorField]:
    return [
        unit(start + i, start + j, (start + j, start + i, -1))
        for i in range(n) for j in range(i + 1, n)
    ]


def total(*parts: VectorField) -> VectorField:
    return combination(parts, [ONE] * len(parts))


# -- the bracket ---------------------------------------------------------------------------------


@given(x=fields | laurent, y=fields | laurent)
def test_bracket_is_antisymmetric(x: VectorField, y: VectorField) -> None:
    assert not total(bracket(x, y), bracket(y, x))
    assert not bracket(x, x)


@given(x=fields | laurent, y=fields, z=fields | laurent)
def test_jacobi(x: VectorField, y: VectorField, z: VectorField) -> None:
    cycles = ((x, y, z), (y, z, x), (z, x, y))
    assert not total(*(bracket(a, bracket(b, c)) for a, b, c in cycles))


@given(x=fields, y=fields, z=fields, c=numbers)
def test_bracket_is_linear(x: VectorField, y: VectorField, z: VectorField, c: Fraction) -> None:
    left = bracket(combination([x, y], [ONE, c]), z)
    assert left == combination([bracket(x, z), bracket(y, z)], [ONE, c])


def _symbolic(x: VectorField, theta: Sequence[Any]) -> list[Any]:
    out = [sympy.Integer(0)] * SIZE
    for (k, monomial), c in x.terms.items():
        term = sympy.Rational(c.numerator, c.denominator)
        for j, e in monomial:
            term *= theta[j] ** e
        out[k] += term
    return out


@given(x=fields | laurent, y=fields | laurent)
def test_bracket_is_that_of_derivations(x: VectorField, y: VectorField) -> None:
    """[X, Y] f = X Y f - Y X f on coordinates, differentiated by SymPy."""
    theta = sympy.symbols(f"theta:{SIZE}")
    a, b = _symbolic(x, theta), _symbolic(y, theta)
    expected = [
        sum(a[i] * sympy.diff(b[k], theta[i]) - b[i] * sympy.diff(a[k], theta[i])
            for i in range(SIZE))
        for k in range(SIZE)
    ]
    found = _symbolic(bracket(x, y), theta)
    assert all(sympy.expand(m - n) == 0 for m, n in zip(found, expected, strict=True))


@given(x=fields | laurent, seed=st.integers(0, 99))
def test_value_at_a_point(x: VectorField, seed: int) -> None:
    theta = FIELD.random(np.random.default_rng(seed), (SIZE,))
    exact = _symbolic(x, [sympy.Integer(int(t)) for t in theta])
    assert x.at(theta, FIELD).tolist() == [
        FIELD.residue(Fraction(int(v.p), int(v.q))) for v in map(sympy.Rational, exact)
    ]
    both = np.stack([theta, FIELD.neg(theta)])
    assert x.at(both, FIELD).tolist() == [x.at(t, FIELD).tolist() for t in both]


@given(x=fields | laurent)
def test_plain_data_round_trip(x: VectorField) -> None:
    assert VectorField.from_json(x.to_json(), SIZE) == x
    assert bool(x) == bool(x.support)


@given(x=fields, y=laurent)
def test_affine_fields_are_told_apart(x: VectorField, y: VectorField) -> None:
    assert x.is_affine
    assert y.is_affine == all(sum(abs(e) for _, e in m) <= 1 and (not m or m[0][1] == 1)
                              for _, m in y.terms)


ZERO: dict[str, Any] = {"shift": [], "linear": [], "higher": []}


@pytest.mark.parametrize(
    "part",
    [
        {"shift": [[SIZE, "1"]]},
        {"shift": [[-1, "1"]]},
        {"shift": [[True, "1"]]},
        {"shift": [["0", "1"]]},
        {"shift": [[0.0, "1"]]},
        {"shift": [[0, "one"]]},
        {"shift": [[0, "1/0"]]},
        {"shift": [[0, None]]},
        {"shift": [[0]]},
        {"shift": None},
        {"linear": [[0, SIZE, "1"]]},
        {"linear": [[SIZE, 0, "1"]]},
        {"linear": [[0, "1"]]},
        {"higher": [[0, [[SIZE, 2]], "1"]]},
        {"higher": [[0, [[1, 2.5]], "1"]]},
        {"higher": [[0, [[1, "2"]], "1"]]},
        {"higher": [[0, [[1]], "1"]]},
        {"higher": [[0, 3, "1"]]},
        {"higher": [[0, [[1, 0]], "1"]]},
        {"higher": 1},
    ],
)
def test_other_data_is_no_field(part: dict[str, Any]) -> None:
    assert not VectorField.from_json(ZERO, SIZE)
    with pytest.raises(BadInputError, match="not a generator of a certificate"):
        VectorField.from_json({**ZERO, **part}, SIZE)


@pytest.mark.parametrize("data", [{}, [], None, {"shift": []}])
def test_every_part_of_a_field_is_asked_for(data: Any) -> None:
    with pytest.raises(BadInputError, match="not a generator of a certificate"):
        VectorField.from_json(data, SIZE)


# -- spans and ranks -----------------------------------------------------------------------------


@given(weights=st.lists(numbers, min_size=4, max_size=4))
def test_coordinates_are_found_again(weights: list[Fraction]) -> None:
    basis = gl(2)
    outside = shift(0)
    found = coordinates_in(basis, [combination(basis, weights), outside], FIELD)
    assert found == [{k: w for k, w in enumerate(weights) if w}, None]


def test_coordinates_need_a_basis() -> None:
    with pytest.raises(ValueError, match="linearly dependent"):
        coordinates_in([unit(0, 1), unit(0, 1)], [unit(0, 1)], FIELD)
    assert coordinates_in(gl(2), [], FIELD) == []


@given(st.lists(st.one_of(fields, laurent), max_size=5), st.integers(0, 3))
def test_fields_that_do_not_meet_have_no_bracket(given_: list[VectorField], first: int) -> None:
    met = set(meeting_pairs(given_, first))
    pairs = {(i, j) for i in range(first, len(given_)) for j in range(i)}
    assert met <= pairs
    assert not any(bracket(given_[i], given_[j]) for i, j in pairs - met)


def test_orbit_rank_is_not_the_dimension() -> None:
    """gl(2) moves one vector in a plane, and moves the origin not at all."""
    theta = np.array([3.0, 5.0])
    assert orbit_rank(gl(2), theta, FIELD) == 2
    assert orbit_rank(gl(2), np.zeros(2), FIELD) == 0
    assert orbit_rank([], theta, FIELD) == 0
    full, columns = matrix(gl(2), FIELD)
    assert full.shape == (4, 4) and len(columns) == 4


# -- structure constants -------------------------------------------------------------------------


def _constants(basis: Sequence[VectorField]) -> Constants:
    closure = structure_constants(basis, FIELD)
    assert closure.escapes is None and closure.constants is not None
    for (i, j), row in closure.constants.items():
        rebuilt = combination([basis[k] for k in row], list(row.values()))
        assert rebuilt == bracket(basis[i], basis[j])
    return closure.constants


def test_structure_constants_of_gl2() -> None:
    """[E_ij, E_kl] = delta_jk E_il - delta_il E_kj, with a minus for fields theta -> E theta."""
    constants = _constants(gl(2))
    # E_12 = 1, E_21 = 2: [E_21, E_12] = E_22 - E_11 as matrices
    assert constants[2, 1] == {0: 1, 3: -1}
    assert constants[1, 0] == {1: 1} and constants[2, 0] == {2: -1}
    assert (3, 0) not in constants


def test_brackets_a_few_at_a_time_are_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = close(so(4)[:3], FIELD, 10)
    monkeypatch.setattr(algebra, "TERMS", 1)
    monkeypatch.setattr(algebra, "BRACKETS", 1)
    few = close(so(4)[:3], FIELD, 10)
    assert few == whole and len(few.basis) == 6 and few.constants is not None
    assert radical_dimension(few.constants, 6, FIELD) == 0
    plane = structure_constants([unit(0, 1), unit(0, 0)], FIELD)
    assert plane.constants is not None and radical_dimension(plane.constants, 2, FIELD) == 2


def test_structure_constants_of_so3_are_cyclic() -> None:
    constants = _constants(so(3))
    assert {pair: set(row) for pair, row in constants.items()} == {
        (1, 0): {2}, (2, 0): {1}, (2, 1): {0},
    }
    assert all(abs(c) == 1 for row in constants.values() for c in row.values())


def test_structure_constants_of_the_affine_line() -> None:
    assert _constants([unit(0, 0), shift(0)]) == {(1, 0): {1: 1}}


def centred(n: int, start: int = 0) -> list[VectorField]:
    """u 1^T for each unit vector u."""
    return matrices(CENTRED, n, start)


def so1(n: int, start: int = 0) -> list[VectorField]:
    """so(n - 1), which fixes the vector of ones."""
    return matrices(SO1, n, start)


def matrices(kind: MatrixKind, n: int, start: int) -> list[VectorField]:
    return [
        VectorField.build([], [(start + i, start + j, w) for i, j, w in m])
        for m in kind.basis(n)
    ]


def block(positions: tuple[int, ...], name: str, n: int = 1, copies: int = 1) -> Block:
    """A block of the algebra: matrices of a kind, or lines."""
    if name == "R":
        return Block(positions, "R")
    kind = kinds()[name]
    assert isinstance(kind, MatrixKind)
    matrices = tuple({(i, j): w for i, j, w in m} for m in kind.basis(n))
    return Block(positions, kind.algebra(n, 1), copies, matrices)


GL2 = block((0, 1, 2, 3), "gl", 2)
NAMES = [
    ([], [], "0", []),
    (gl(2), [GL2], "gl(2,R)", ["basis"]),
    (so(3), [block((0, 1, 2), "so", 3)], "so(3)", ["basis"]),
    ([*gl(2), *gl(2, 2)], [block(tuple(range(8)), "gl", 2, 2)], "gl(2,R)^2", ["basis"]),
    ([*gl(2), shift(2), shift(3)], [GL2, block((4, 5), "R")], "gl(2,R) + R^2", ["basis", "basis"]),
    ([*gl(2), shift(0), shift(1)], [GL2, block((4, 5), "R")], "aff(2,R)", ["invariants"]),
    (
        [*gl(1), *so(3, 1)], [block((0,), "R"), block((1, 2, 3), "so", 3)], "so(3) + R",
        ["basis", "basis"],
    ),
    (matrices(COMPLEX, 2, 0), [block((0, 1), "complex", 2)], "gl(1,C)", ["basis"]),
    (centred(3), [block((0, 1, 2), "centred", 3)], "R |x R^2", ["basis"]),
    (
        [*centred(2), *centred(2, 2)], [block((0, 1, 2, 3), "centred", 2, 2)], "aff(1,R)^2",
        ["basis"],
    ),
    # the rotations that fix 1 act on u: similarities of R^3
    (
        [*so1(4), *centred(4)],
        [block((0, 1, 2), "so1", 4), block((3, 4, 5, 6), "centred", 4)],
        "(so(3) + R) |x R^3", ["invariants"],
    ),
    # its nilradical has no name: then the blocks say how they bracket
    (
        [*so1(4), *centred(4), *(shift(k) for k in range(4))],
        [block((0, 1, 2), "so1", 4), block((3, 4, 5, 6), "centred", 4),
         block((7, 8, 9, 10), "R")],
        "(so(3) |x (R |x R^3)) |x R^4", ["brackets"],
    ),
    # without right blocks, the structure constants alone
    (centred(3), [block((0, 1, 2), "R")], "R |x R^2", ["invariants"]),
    ([unit(0, 0), shift(0)], [block((0, 1), "R")], "aff(1,R)", ["invariants"]),
    (gl(2), [block((0, 1, 2, 3), "R")], "gl(2,R)", ["invariants"]),
    (so(3), [block((0, 1, 2), "R")], "so(3)", ["invariants"]),
    ([shift(k) for k in range(4)], [GL2], "R^4", ["invariants"]),
    (gl(2), [block((1, 0, 2, 3), "gl", 2)], "gl(2,R)", ["invariants"]),
    (so(3), [block((0, 1, 2), "centred", 3)], "so(3)", ["invariants"]),
]


@pytest.mark.parametrize(("basis", "blocks", "name", "how"), NAMES)
def test_identify(
    basis: list[VectorField], blocks: list[Block], name: str, how: list[str]
) -> None:
    found = identify(_constants(basis), len(basis), blocks, FIELD)
    assert (found.name, [p.how for p in found.parts]) == (name, how)
    assert sum(p.copies * p.dimension for p in found.parts) == len(basis)


def test_blocks_hold_every_position() -> None:
    for positions in ((0, 1), (0, 1, 2, 2), (0, 1, 2, 4)):
        with pytest.raises(ValueError, match="each of 4 positions once"):
            identify(_constants(gl(2)), 4, [block(positions, "R")], FIELD)


@pytest.mark.parametrize(
    ("basis", "radical"),
    [
        (gl(2), 1),
        (gl(3), 1),
        (so(3), 0),
        (so(4), 0),
        ([unit(0, 0), shift(0)], 2),
        ([*gl(2), shift(0), shift(1)], 3),
        ([unit(0, 0), unit(0, 1), unit(1, 1)], 3),
        ([shift(0), shift(1)], 2),
    ],
)
def test_radical(basis: list[VectorField], radical: int) -> None:
    assert radical_dimension(_constants(basis), len(basis), FIELD) == radical


def test_rotations_through_the_gains_of_two_norms_close_however_long_they_are() -> None:
    """SO(5) that acts on 60 columns through diag(gamma)^-1 g diag(gamma): degree 5, 1200 terms."""
    n, columns = 5, 60

    def rotation(i: int, j: int) -> VectorField:
        gains = ((columns * n + i, -2), (columns * n + j, 2))
        back = ((columns * n + i, 2), (columns * n + j, -2))
        return VectorField.collect(
            entry
            for c in range(columns)
            for entry in ((c * n + i, tuple(sorted(((c * n + j, 1), *gains))), ONE),
                          (c * n + j, tuple(sorted(((c * n + i, 1), *back))), -ONE))
        )

    basis = [rotation(i, j) for i in range(n) for j in range(i)]
    constants = structure_constants(basis, FIELD).constants
    assert constants is not None and len(constants) == 30
    assert radical_dimension(constants, len(basis), FIELD) == 0


def test_close_adds_the_brackets_that_are_missing() -> None:
    start = [unit(0, 1), unit(1, 0)]
    assert structure_constants(start, FIELD).escapes == (1, 0)
    closure = close(start, FIELD, 10)
    assert closure.escapes is None and len(closure.basis) == 3
    assert closure.constants is not None
    assert radical_dimension(closure.constants, 3, FIELD) == 0  # sl(2)
    rotations = close(so(4)[:3], FIELD, 10)
    assert len(rotations.basis) == 6 and rotations.escapes is None


def test_close_stops_at_its_limit() -> None:
    """A family that is not closed within the limit is returned with the pair that escapes."""
    closure = close([unit(0, 1), unit(1, 0)], FIELD, 2)
    assert closure.constants is None and closure.escapes == (1, 0)
