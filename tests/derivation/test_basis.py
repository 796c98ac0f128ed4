"""Generators as SymPy objects: what they do to the function, and their brackets."""

import itertools
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import symgauge
from symgauge import zoo
from symgauge.capture import load_target
from symgauge.errors import BadInputError
from symgauge.lie.fields import VectorField
from symgauge.derivation.basis import Basis


@pytest.fixture(scope="module")
def linear() -> symgauge.Derivation:
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 2, bias=False), torch.nn.Linear(2, 3, bias=False))
    return symgauge.derive(module, (torch.randn(1, 3),))


def test_each_vector_field_annuls_the_function(linear: symgauge.Derivation) -> None:
    basis = linear.basis
    first, second = (sympy.Matrix(basis.symbols[n]) for n in ("0.weight", "1.weight"))
    function = second * first
    assert len(basis) == linear.orbit_dimension == 4
    for generator in basis:
        moved = generator.vector_field()
        change = sum((function.diff(s) * v for s, v in moved.items()), sympy.zeros(3, 3))
        assert change.expand() == sympy.zeros(3, 3) and moved
        wrong = sum((function.diff(s) * (v + 1) for s, v in moved.items()), sympy.zeros(3, 3))
        assert wrong.expand() != sympy.zeros(3, 3)
        # the three forms say the same
        theta = sympy.Matrix(basis.entries)
        assert list(generator.linear * theta) == [
            moved.get(s, 0) for s in basis.entries]
        delta = generator.matrices()
        assert set(delta) == {"0.weight", "1.weight"} == set(generator.tensors)
        assert delta["0.weight"].shape == (2, 3)
        assert [x for n in ("0.weight", "1.weight") for x in np.array(delta[n]).reshape(-1)] == [
            moved.get(s, 0) for s in basis.entries]


def bracket(basis: Any, i: int, j: int) -> list[Any]:
    """X_i(X_j) - X_j(X_i), by derivatives."""
    x, y = (basis[k].vector_field() for k in (i, j))

    def along(a: Any, b: Any, s: Any) -> Any:
        return sum((sympy.diff(b.get(s, 0), t) * v for t, v in a.items()), sympy.S.Zero)

    return [sympy.expand(along(x, y, s) - along(y, x, s)) for s in basis.entries]


def test_brackets_are_those_of_the_fields(linear: symgauge.Derivation) -> None:
    basis = linear.basis
    constants = basis.structure_constants()
    seen = False
    for i, j in itertools.product(range(4), repeat=2):
        told = basis.bracket(i, j)
        combined = [
            sympy.expand(sum((c * basis[k].vector_field().get(s, 0) for k, c in told.items()),
                             sympy.S.Zero)) for s in basis.entries]
        assert combined == bracket(basis, i, j)
        assert list(constants[i, j]) == [told.get(k, 0) for k in range(4)]
        seen |= bool(told)
    assert seen


def test_the_killing_form_is_that_of_the_constants(linear: symgauge.Derivation) -> None:
    c = linear.basis.structure_constants().astype(float)
    form = np.array(linear.basis.killing_form()).astype(float)
    assert np.allclose(form, np.einsum("ikl,jlk->ij", c, c)) and form.any()
    # of gl(2): 1 negative and 2 positive directions, and the centre
    signs = np.sign(np.linalg.eigvalsh(form).round(9))
    assert sorted(signs) == [-1, 0, 1, 1]


def test_families_count_generators_by_their_numbers() -> None:
    found = symgauge.derive_target(load_target("attention", zoo.load, {}))
    for family in found.families:
        for number in family.generators:
            assert set(found.basis[number].tensors) <= set(family.tensors)
    shift = next(f for f in found.families if f.tensors == ("k_proj.bias",))
    with pytest.raises(BadInputError, match="not linear"):
        assert found.basis[shift.generators[0]].linear
    assert [g.number for g in found.basis[2:4]] == [2, 3] and found.basis[-1].number == 23
    with pytest.raises(IndexError):
        assert found.basis[24]


def test_fields_that_are_not_closed_are_refused(linear: symgauge.Derivation) -> None:
    one = {(0, ((1, 2),)): sympy.Rational(1)}
    fields = [VectorField.collect([(k, m, 1) for (k, m) in one]),
              VectorField.collect([(1, ((0, 2),), 1)])]
    with pytest.raises(BadInputError, match="not closed under the bracket"):
        Basis(linear.network(), fields).structure_constants()


class Gated(torch.nn.Module):
    """A gated block behind a norm: its units' scaling is found on the slice of the gain."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.RMSNorm(2, eps=1e-6)
        self.gate, self.up = (torch.nn.Linear(2, 3, bias=False) for _ in range(2))
        self.down = torch.nn.Linear(3, 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        out: torch.Tensor = x + self.down(torch.nn.functional.silu(self.gate(y)) * self.up(y))
        return out


def test_invariants_and_laws_are_those_of_the_families_as_stated() -> None:
    found = symgauge.derive(Gated(), (torch.randn(4, 2),))
    assert found.verify().verdict is found.verdict is symgauge.Verdict.PROVED
    assert "- |up.weight|^2 + |down.weight|^2" in found.laws.laws[1].formula
