"""Structure constants from the brackets of a few fields: the same as from all of them."""

from fractions import Fraction

import pytest

from symgauge.lie import algebra, generated
from symgauge.lie.algebra import close, structure_constants
from symgauge.lie.brackets import bracket
from symgauge.lie.constants import Constants
from symgauge.lie.fields import Owned, VectorField, combination
from symgauge.lie.generated import generated_constants
from symgauge.exact.prime_field import PrimeField, primes

FIELD = PrimeField(next(primes()))
ONE = Fraction(1)


def linear(*entries: tuple[int, int, int]) -> VectorField:
    """The sum of c theta_j d/d theta_i over entries (i, j, c)."""
    return VectorField.build([], [(i, j, Fraction(c)) for i, j, c in entries])


def rotations(n: int, scale: int = 1) -> list[VectorField]:
    return [linear((i, j, scale), (j, i, -scale)) for i in range(n) for j in range(i)]


def matrices(n: int, start: int = 0) -> list[VectorField]:
    return [linear((start + i, start + j, 1)) for i in range(n) for j in range(n)]


def traceless(n: int) -> list[VectorField]:
    """Their diagonals have two terms each: a bracket may hold several fields that are not known."""
    off = [linear((i, j, 1)) for i in range(n) for j in range(n) if i != j]
    return [*off, *(linear((0, 0, 1), (k, k, -1)) for k in range(1, n))]


def affine(n: int) -> list[VectorField]:
    return [*(VectorField.build([(i, ONE)], []) for i in range(n)), *matrices(n)]


#: Over gains: theta_i (g_i / g_j) d/d theta_j - ..., of degree more than one.
OVER = [
    VectorField.collect([
        (i, ((j, 1), (4 + j, -1), (4 + i, 1)), ONE), (j, ((i, 1), (4 + j, 1), (4 + i, -1)), -ONE)])
    for i in range(4) for j in range(i)]
FAMILIES = {
    "so(6)": rotations(6), "so(5), 3 times as long": rotations(5, 3), "gl(3)": matrices(3),
    "sl(4)": traceless(4), "aff(3)": affine(3), "rotations over gains": OVER,
    "gl(2) + gl(2)": [*matrices(2), *matrices(2, 2)], "none": [],
    "a scaling that all have": [*rotations(4), linear(*((i, i, 1) for i in range(4)))],
}


def checked(basis: list[VectorField], constants: Constants) -> int:
    """How many pairs have a bracket; each is the combination that is said."""
    for i, x in enumerate(basis):
        for j, y in enumerate(basis[:i]):
            said = constants.get((i, j), {})
            weights = [said.get(k, Fraction(0)) for k in range(len(basis))]
            assert bracket(x, y) == combination(basis, weights), (i, j)
            assert ((i, j) in constants) == bool(said) and all(said.values())
    return len(constants)


@pytest.mark.parametrize("name", FAMILIES)
def test_they_are_those_of_all_brackets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    basis, found = FAMILIES[name], generated_constants(FAMILIES[name])
    assert found is not None
    checked(basis, found)
    assert list(found) == sorted(found)
    monkeypatch.setattr(algebra, "generated_constants", lambda basis: None)
    assert structure_constants(basis, FIELD).constants == found


def test_few_brackets_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so(8), of dimension 28, those of 7 fields: 84 with others of the 168 that are not 0."""
    taken = []

    def counted(x: VectorField, y: VectorField) -> VectorField:
        taken.append((x, y))
        return bracket(x, y)

    monkeypatch.setattr(generated, "bracket", counted)
    basis = rotations(8)
    found = generated_constants(basis)
    assert found is not None and checked(basis, found) == 168
    assert len(taken) <= 84


def test_a_family_that_is_not_closed_has_none() -> None:
    assert generated_constants(rotations(4)[:-1]) is None
    closure = close(rotations(4)[:-1], FIELD, 8)
    assert closure.constants is not None and len(closure.basis) == 6
    # where no term is one field's alone nothing is told
    both = [linear((0, 0, 1), (1, 1, 1)), linear((0, 0, 1), (1, 1, -1))]
    assert generated_constants(both) is None
    assert structure_constants(both, FIELD).constants == {}


def test_terms_that_are_left_alone_tell_of_the_others() -> None:
    """x, x + 3 y, y + z: z is the third's alone, without it y the second's, then x the first's."""
    x, y, z = (0, 1), (0, 2), (2, 2)
    basis = [linear((*x, 1)), linear((*x, 1), (*y, 3)), linear((*y, 1), (*z, 1))]
    owned = Owned(basis)
    assert not owned.core
    weights = [Fraction(1, 2), Fraction(-3), Fraction(5)]
    told, rest = owned.told(combination(basis, weights))
    assert told == dict(enumerate(weights)) and not rest
    assert owned.told(linear((*y, 1), (*z, 1), (3, 3, 1)))[1] == linear((3, 3, 1))
    assert Owned(basis[:2] * 2).core == [0, 1, 2, 3]
