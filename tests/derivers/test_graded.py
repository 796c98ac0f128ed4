"""Polynomial fields for what legs do not explain: each kind, and a neighbour that has none."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from known_networks import NETWORKS, TRAPS
from lies import Net
from torch import Tensor

import symgauge
from symgauge import Derivation, Verdict
from symgauge.capture import capture
from symgauge.derivers import exact
from symgauge.determining.grading import grading
from symgauge.determining.interpolated import Interpolated
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.exact.row_spaces import outside
from symgauge.kernel.check import check
from symgauge.lie.fields import VectorField
from symgauge.lie.monomials import Box, Group, boxes
from symgauge.program.network import Network
from symgauge.proof.prover import Prover

X3, X4 = torch.randn(1, 3), torch.randn(1, 4)


def with_factors(m: Any, x: Tensor) -> Tensor:
    """A trainable matrix beside the product of two."""
    return x @ (m.W + m.B @ m.A).T


def with_factors_alone(m: Any, x: Tensor) -> Tensor:
    return x @ (m.B @ m.A).T


def residual_of_rank_one(m: Any, x: Tensor) -> Tensor:
    return (x + (x @ m.v) * m.u) @ m.W.T


def residual_seen_itself(m: Any, x: Tensor) -> Tensor:
    """The value before W is seen too: nothing hides u and v but their scale."""
    z = x + (x @ m.v) * m.u
    return torch.cat([z @ m.W.T, z], -1)


def squares(m: Any, x: Tensor) -> Tensor:
    """4 squares in a space of dimension 3: what reads them has a kernel."""
    return (x @ m.V.T) ** 2 @ m.W.T


Function = Callable[[Any, Tensor], Tensor]
FOUND: dict[str, tuple[Function, dict[str, tuple[int, ...]], Tensor, int]] = {
    "a base beside factors": (with_factors, {"W": (4, 3), "A": (2, 3), "B": (4, 2)}, X3, 14),
    "factors alone": (with_factors_alone, {"A": (2, 3), "B": (4, 2)}, X3, 4),
    "a residual of rank one": (
        residual_of_rank_one, {"W": (3, 4), "u": (4,), "v": (4,)}, X4, 8),
    "a residual that is seen": (
        residual_seen_itself, {"W": (3, 4), "u": (4,), "v": (4,)}, X4, 1),
    "three squares": (squares, {"V": (3, 2), "W": (2, 3)}, torch.randn(1, 2), 6),
}


def derived(name: str) -> Derivation:
    function, shapes, x, _ = FOUND[name]
    torch.manual_seed(0)
    return symgauge.derive(Net(function, **shapes), (x,))


def known(name: str) -> Derivation:
    module, args = {**NETWORKS, **TRAPS}[name]()
    return symgauge.derive(module, args)


def holds(found: Derivation, redundancy: int) -> None:
    """Closed, with that redundancy, for verify and the kernel too."""
    assert (found.redundancy, found.unexplained, found.verdict) == (redundancy, 0, Verdict.PROVED)
    assert found.verify().verdict is Verdict.PROVED
    assert check(dict(found.data["certificate"]))["verdict"] == "CONFIRMED"
    assert found.to_latex()


@pytest.mark.parametrize("name", FOUND)
def test_sums_and_squares(name: str) -> None:
    holds(derived(name), FOUND[name][-1])


def pooled(m: Any, x: Tensor) -> Tensor:
    """Attention by one query of parameters alone: K is seen as K^T (Q p + b)."""
    seen = torch.softmax((x @ m.K.T) @ (m.Q @ m.p + m.b), -1)
    return seen @ (x @ m.V.T + m.c)


@pytest.mark.parametrize("alone, left", [(True, 0), (False, 2)])
def test_the_parameters_of_one_query_are_tried_together(
    alone: bool, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K += A (Q p + b) for antisymmetric A, where all parameters together are too many to try."""
    shapes = {"Q": (2, 2), "p": (2,), "b": (2,), "K": (2, 4), "V": (1, 4), "c": (1,)}
    monkeypatch.setattr("symgauge.determining.graded.BOX_TERMS", 3000)
    monkeypatch.setattr(Interpolated, "fields", lambda _: iter(()))
    if not alone:
        monkeypatch.setattr("symgauge.determining.graded.made_alone", lambda network: [])
    torch.manual_seed(0)
    found = symgauge.derive(Net(pooled, **shapes), (torch.randn(1, 3, 4),))
    assert (found.redundancy, found.redundancy - found.orbit_dimension) == (12, left)


@pytest.mark.parametrize("name, redundancy, label", [
    ("x2_1h_dout1", 6, "rotation of a quadratic form of W1"),
    ("bilinear_glu_dout1", 8, "rotation of a quadratic form of Wg, Wu"),
    ("lin_2h_taper_nobias", 14, "polynomial shift of W1"),
    ("silu_both_signs", 4, "generator of A, B, C"),
    ("tanh_sigmoid_double", 6, "generator of A, B"),
])
def test_known_networks(name: str, redundancy: int, label: str) -> None:
    found = known(name)
    holds(found, redundancy)
    assert label in [g.label for g in found.generators]
    assert not [g for g in found.generators if g.label == label and g.element.kind.is_finite]


@pytest.mark.parametrize("name", ["x2_1h_dout3", "bilinear_glu", "lin_1h_bottleneck"])
def test_nothing_is_sought_where_all_is_explained(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("polynomial fields were sought")

    monkeypatch.setattr(exact, "polynomial_fields", refused)
    assert known(name).closed


def rotation(network: Network, sign: int) -> VectorField:
    """delta w_0 = a_1 w_1, delta w_1 = sign a_0 w_0 in sum_i a_i (w_i.x)^2."""
    w, a = network.offsets["W1"], network.offsets["W2"]
    terms = []
    for k in range(5):
        first, second = w + k, w + 5 + k
        terms += [
            (first, ((second, 1), (a + 1, 1)), Fraction(1)),
            (second, ((first, 1), (a, 1)), Fraction(sign)),
        ]
    return VectorField.collect(
        (k, tuple(sorted(m)), c) for k, m, c in terms)


def test_a_rotation_with_a_wrong_sign_is_not_proved() -> None:
    module, args = NETWORKS["x2_1h_dout1"]()
    network = capture(module, args).network
    prover = Prover(network)
    assert prover.prove(rotation(network, -1)).verdict is Verdict.PROVED
    assert prover.prove(rotation(network, 1)).verdict is Verdict.UNKNOWN


def test_a_wrong_label_is_found() -> None:
    """The words are decided again from the vectors."""
    found = known("lin_2h_taper_nobias")
    families = [
        replace(g, label=g.label.replace("polynomial shift", "rotation of a quadratic form"))
        for g in found.generators]
    edited = replace(found, generators=tuple(families)).sealed()
    assert edited.verify().verdict is not Verdict.PROVED


def test_weights_are_those_of_inputs_and_outputs_too() -> None:
    """3 inputs and 2 outputs: on W alone one of the 5 scalings is no other; a bias sees it."""
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    for bias, scalings in ((False, 4), (True, 5)):
        network = capture(torch.nn.Linear(3, 2, bias=bias), (X3,)).network
        found = grading(network, field, rng)
        assert rank(found.weights, field.p) == scalings
        assert found.scales(np.arange(6)) is True
        assert found.scales(np.arange(1)) is False


def test_boxes_hold_every_term_once_or_in_smaller_ones() -> None:
    groups = (Group(np.arange(2), True), Group(np.arange(2, 5), False))
    box = Box(groups, (1, 0))
    targets, factors, _ = box._terms()
    # targets of the first: degree 2 in it, 1 in the other; of the second: 1, and at most 1
    assert len(targets) == box.size == 2 * 3 * 1 + 3 * 2 * 4
    assert factors.shape == (box.size, 2)
    found = boxes(groups, 2, 10**6)
    assert len({b.degrees for b in found}) == len(found)
    assert all(b.degrees.count(-1) <= 1 and sum(b.degrees) <= 2 for b in found)
    assert not [b for b in boxes(groups, 2, 20) if b.size > 20]


def test_vectors_outside_of_row_spaces() -> None:
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    matrices = field.random(rng, (40, 5, 6))
    # ranks from 1 to 5
    for k in range(40):
        matrices[k, 1 + k % 5:] = field.matmul(
            field.random(rng, (4 - k % 5, 1 + k % 5)), matrices[k, :1 + k % 5])
    vectors = field.random(rng, (40, 6))
    inside = rng.random(40) < 0.5
    for k in np.flatnonzero(inside).tolist():
        vectors[k] = field.matmul(field.random(rng, (1, 5)), matrices[k])[0]
    assert (outside(matrices, vectors, field) == ~inside).all()
