"""The contract of a kind of element: each law that its lemmas use, and none that it has not."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from symgauge.checks.actions import NumpyNumbers
from symgauge.checks.runtime.elements import (
    ALGEBRA_PARTS, PARTS, part_named, random_element, random_generator,
)
from symgauge.errors import BadInputError
from symgauge.families.kind import Kind, MatrixKind
from symgauge.families.kinds import kind_of, kinds, kinds_on_legs, with_parts

Array = np.ndarray[Any, Any]
EVERY = pytest.mark.parametrize("kind", kinds().values(), ids=kinds())
MATRICES = {name: kind for name, kind in kinds().items() if isinstance(kind, MatrixKind)}
ACTING = {name: kind for name, kind in MATRICES.items() if kind.is_finite}
MATRIX = pytest.mark.parametrize("kind", MATRICES.values(), ids=MATRICES)


def size_of(kind: Kind) -> int:
    """A size at which every law can be told from its absence."""
    return kind.size or 4


def basis(kind: MatrixKind, n: int) -> Array:
    """Shape (dimension, n, n)."""
    found = np.zeros((len(kind.basis(n)), n, n))
    for matrix, entries in zip(found, kind.basis(n), strict=True):
        for i, j, w in entries:
            matrix[i, j] += float(w)
    return found


def in_span(matrix: Array, some: Array) -> bool:
    rows = some.reshape(len(some), -1)
    return int(np.linalg.matrix_rank(np.vstack([rows, matrix.reshape(1, -1)]))) == len(rows)


def zero(array: Array) -> bool:
    return bool(np.abs(array).max(initial=0.0) < 1e-12)


@EVERY
def test_a_kind_is_named_as_its_file(kind: Kind) -> None:
    assert kind_of({"kind": kind.name}) is kind and f"{kind}" == kind.name
    assert kind.word and (
        kind.is_matrix + kind.is_scaling + kind.is_shift) == (kind.is_finite or kind.of_form)


@MATRIX
def test_the_basis_has_the_dimension_that_is_said(kind: MatrixKind) -> None:
    for n in (kind.size,) if kind.size else range(1, 7):
        some = basis(kind, n)
        rank = np.linalg.matrix_rank(some.reshape(len(some), -1)) if len(some) else 0
        assert len(some) == rank == kind.dimension(n)


@MATRIX
def test_the_algebra_is_closed(kind: MatrixKind) -> None:
    some = basis(kind, size_of(kind))
    brackets = [a @ b - b @ a for a, b in combinations(some, 2)]
    assert all(in_span(c, some) for c in brackets)
    assert all(zero(c) for c in brackets) is kind.abelian


@MATRIX
def test_a_law_is_said_where_it_holds_and_nowhere_else(kind: MatrixKind) -> None:
    n = size_of(kind)
    some, ones = basis(kind, n), np.ones(n)
    assert all(zero(a + a.T) for a in some) is (kind.orthogonal or kind.of_form)
    assert all(zero(a @ ones) and zero(ones @ a) for a in some) is kind.fixes_ones
    centred = np.eye(n) - 1 / n
    assert all(zero(a @ centred) for a in some) is kind.fixes_sums_of_0
    assert in_span(np.eye(n), some) is kind.contains_scalars
    if n == 2:
        turn = np.array([[0, -1], [1, 0]])
        assert all(zero(a @ turn - turn @ a) for a in some) is kind.commutes_with_turns


@MATRIX
def test_vanishes_only_where_nothing_but_0_is_left(kind: MatrixKind) -> None:
    """A P = 0 and Q A = 0 as linear equations on the algebra, at generic P and Q."""
    n, rng = size_of(kind), np.random.default_rng(0)
    some = basis(kind, n)
    answers = set()
    for columns in range(n + 1):
        for dual in range(n + 1):
            p, q = rng.standard_normal((n, columns)), rng.standard_normal((dual, n))
            rows = np.array([np.concatenate([(a @ p).ravel(), (q @ a).ravel()]) for a in some])
            zero_alone = bool(rows.size) and np.linalg.matrix_rank(rows) == len(some)
            said = kind.vanishes(columns, dual, n, False)
            assert zero_alone or not said
            answers.add(said)
    assert answers == {True, False}


@pytest.mark.parametrize("kind", ACTING.values(), ids=ACTING)
@pytest.mark.parametrize("copies", [[], [2]])
def test_generators_are_in_the_algebra(kind: MatrixKind, copies: list[int]) -> None:
    n = size_of(kind)
    drawn = with_parts({"kind": kind.name, "copies": copies, "size": n})
    numbers = NumpyNumbers(np.random.default_rng(1))
    xi = random_generator(drawn, 1.0, numbers).act("g", np.zeros((*copies, n, n)) + np.eye(n))
    for matrix in xi.swapaxes(-1, -2).reshape(-1, n, n):
        assert np.abs(matrix).max() > 0.01 and in_span(matrix, basis(kind, n))


@EVERY
def test_the_parts_that_it_is_drawn_from_exist(kind: Kind) -> None:
    assert {part_named(p)[0] for p in kind.parts} <= set(PARTS)
    assert {part_named(p)[0] for p in kind.algebra_parts} <= set(ALGEBRA_PARTS)
    assert bool(kind.parts) is bool(kind.algebra_parts) is kind.is_finite


def test_every_part_is_used() -> None:
    assert {part_named(p)[0] for k in kinds().values() for p in k.parts} == set(PARTS)
    found = {part_named(p)[0] for k in kinds().values() for p in k.algebra_parts}
    assert found == set(ALGEBRA_PARTS)


def test_a_seed_is_an_element() -> None:
    drawn = with_parts({"kind": "gl", "copies": [2], "size": 3})
    same, again, other = (
        random_element(drawn, 1.0, NumpyNumbers(np.random.default_rng(seed))).act(
            "g", np.zeros((2, 3, 3)) + np.eye(3)) for seed in (1, 1, 2))
    assert (same == again).all() and not (same == other).all()


def test_kinds_on_legs_are_tried_from_the_largest() -> None:
    assert [k.name for k in kinds_on_legs(1)] == ["gl"]
    assert [k.name for k in kinds_on_legs(2)] == ["gl", "complex", "so"]
    assert [k.name for k in kinds_on_legs(3)] == ["gl", "so", "so1"]


@pytest.mark.parametrize("element", [{"kind": "sl"}, {}, {"kind": ["gl"]}])
def test_an_unknown_kind_is_bad_input(element: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match="there is no kind of element"):
        kind_of(element)
