"""Invariants of the gauge group: proved by every generator, as many as the functional dimension."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from known_networks import KNOWN_DIMENSIONS, NETWORKS
from torch import nn

import symgauge
from symgauge.capture import capture
from symgauge.derivation.algebra import closed_algebra
from symgauge.derivers.exact import ExactDeriver
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.invariants.invariants import Found, invariants, random_point
from symgauge.invariants.laurent import Laurent
from symgauge.lie.fields import VectorField
from symgauge.points.reads import read_coordinates
from symgauge.program.network import Network

FIELD = PrimeField(next(primes()))
ONE = Fraction(1)
#: Rows whose invariants are complete: one for each way that families act.
COMPLETE = (
    "lin_1h_wide", "lin_1h_bias", "relu_2h_bias", "x3_1h_dout2", "bilinear_glu", "lm_tied_logits",
    "lm_untied_softmax", "lin_rms_gain_lin_eps1e-5", "att_linear_1h", "att_mha_allbias", "att_gqa",
    "cp_layer", "linear_rnn", "conv1d_linear", "ln_aff_linear_bias", "node_mlp_tanh_io_bias",
)


def derived(name: str) -> tuple[Network, list[Family]]:
    module, args = NETWORKS[name]()
    network = capture(module, args).network
    proved, _ = closed_algebra(ExactDeriver(network, 0).run(), FIELD)
    return network, [p.family for p in proved]


def found_in(network: Network, families: list[Family]) -> Found:
    return invariants(Coordinates(network), families, [x for f in families for x in f.fields])


def rank_of(found: Found, network: Network, seed: int = 0) -> int:
    point = random_point(network.num_coordinates, FIELD, np.random.default_rng(seed))
    return found.rank(point, read_coordinates(network), FIELD)


@pytest.mark.parametrize("name", COMPLETE)
def test_as_many_as_the_functional_dimension(name: str) -> None:
    network, families = derived(name)
    found = found_in(network, families)
    assert rank_of(found, network) == int(KNOWN_DIMENSIONS[name]["rank"])
    assert not found.left_out and not found.reason


def test_as_a_user_writes_them() -> None:
    formulas = [i.formula for i in found_in(*derived("att_softmax_1h")).proved]
    assert formulas == ["Wq^T Wk", "Wv^T Wo^T"]
    formulas = [i.formula for i in found_in(*derived("att_mha_allbias")).proved]
    assert {"(bo + Wo bv)", "Wq_0^T Wk_0", "bq_1 Wk_1"} <= set(formulas)
    formulas = [i.formula for i in found_in(*derived("swiglu_nobias")).proved]
    assert {"Wg", "Wd[:,0] (x) Wu[0]"} <= set(formulas)
    assert [i.formula for i in found_in(*derived("lora_frozen_base")).proved] == ["WA^T WB^T"]
    readers = [i.formula for i in found_in(*derived("lin_rms_gain_lin_eps1e-5")).proved]
    assert "W0^T (W1 diag(gn))^T" in readers


def test_what_a_generator_moves_is_left_out() -> None:
    """The moves say what to contract; the generators decide. Wrong moves prove nothing."""
    network, families = derived("att_softmax_1h")
    generators = [x for f in families for x in f.fields]
    wrong = [
        replace(f, moves=tuple(
            replace(m, form="g" if m.form == "g^-T" else "g^-T")
            if m.parameter in ("Wk", "Wo") else m for m in f.moves))
        for f in families
    ]
    found = invariants(Coordinates(network), wrong, generators)
    assert not found.proved
    # and a generator more leaves fewer
    more = [*generators, VectorField.build([(network.offsets["Wv"], ONE)], [])]
    fewer = invariants(Coordinates(network), families, more)
    assert fewer.left_out and rank_of(fewer, network) < rank_of(
        invariants(Coordinates(network), families, generators), network)


def test_never_more_than_the_orbits_leave() -> None:
    """What is not reached is not called complete: exp needs e^b, a square with one output O(p, q).
    """
    for name in ("exp_2h_bias", "ln_aff_linear_nobias"):
        network, families = derived(name)
        assert rank_of(found_in(network, families), network) < int(KNOWN_DIMENSIONS[name]["rank"])
    module, args = NETWORKS["exp_2h_bias"]()
    told = symgauge.derive(module, args).invariants
    assert told is not None and not told.complete and told.left_out == 5


def test_finite_elements_keep_them() -> None:
    """Values at weights and at weights that a random element moved; a wrong one is seen."""
    module, args = NETWORKS["att_mha_allbias"]()
    derivation = symgauge.derive(module, args)
    network = derivation.network()
    families = derived("att_mha_allbias")[1]
    found = found_in(network, families)
    generator = torch.Generator().manual_seed(0)
    state = {p.name: torch.randn(p.shape, generator=generator, dtype=torch.float64)
             for p in network.parameters}
    before = values(found, network, state)
    after = values(found, network, derivation.sample(3).apply(state))
    assert np.allclose(before, after, rtol=1e-9, atol=1e-9)
    state["Wq"] = 1.01 * state["Wq"]
    assert not np.allclose(before, values(found, network, state), rtol=1e-4, atol=1e-4)


def values(found: Found, network: Network, state: dict[str, Any]) -> np.ndarray:
    theta = np.concatenate([state[p.name].reshape(-1).numpy() for p in network.parameters])
    return np.array([
        sum(float(c) * np.prod([theta[k] ** e for k, e in m]) for m, c in e.terms.items())
        for i in found.proved for e in i.entries])


def test_the_record_tells_and_verify_decides() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    found = symgauge.derive(module, (torch.randn(1, 3),))
    kept = found.invariants
    assert kept is not None and kept.complete and kept.independent == found.rank
    assert [(f.formula, f.entries) for f in kept.formulas] == [
        ("2.bias", 2), ("0.weight[i] (x) 2.weight[:,i]", 24), ("0.bias[i] (x) 2.weight[:,i]", 8)]
    assert found.verify().verdict is symgauge.Verdict.PROVED
    for change in (
        {"independent": kept.independent + 1}, {"formulas": kept.formulas[1:]}, {"left_out": 1},
    ):
        edited = replace(found, invariants=replace(kept, **change)).sealed()
        assert edited.verify().verdict is symgauge.Verdict.REFUTED
    before = replace(found, invariants=None, laws=None).sealed()
    assert before.verify().verdict is symgauge.Verdict.PROVED


def test_laurent_polynomials() -> None:
    x, y, z = sympy.symbols("x y z")
    f = Laurent.coordinate(0) * Laurent.coordinate(1) + Laurent.number(Fraction(1, 2))
    f = f * Laurent({((2, -2),): 3})
    field = VectorField.build([(1, ONE)], [(0, 0, ONE), (2, 1, Fraction(2))])
    exact = 3 * (x * y + sympy.Rational(1, 2)) / z**2
    along = x * sympy.diff(exact, x) + sympy.diff(exact, y) + 2 * y * sympy.diff(exact, z)
    at = {x: 2, y: 3, z: 5}
    wanted = sympy.Rational(along.subs(at))
    got = sum(Fraction(c) * Fraction(2) ** dict(m).get(0, 0) * Fraction(3) ** dict(m).get(1, 0)
              * Fraction(5) ** dict(m).get(2, 0) for m, c in f.along(field).terms.items())
    assert got == Fraction(int(wanted.p), int(wanted.q))
    gradient = f.gradient([2, 3, 5], FIELD)
    for k, symbol in enumerate((x, y, z)):
        d = sympy.Rational(sympy.diff(exact, symbol).subs(at))
        assert gradient[k] == FIELD.residue(Fraction(int(d.p), int(d.q)))
    assert (f + f).power(-1) is None
    assert not (f - f).terms


def test_products_are_bounded_before_they_are_made() -> None:
    """Two layers of linear attention: products of three pieces have millions of terms."""
    class Lightning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, shape in (("q", (2, 4)), ("k", (2, 4)), ("v", (4, 4))):
                for layer in (0, 1):
                    self.register_parameter(f"{name}{layer}", nn.Parameter(torch.randn(shape)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for i in (0, 1):
                q, k, v = (getattr(self, f"{name}{i}") for name in "qkv")
                x = (x @ q.T) @ (x @ k.T).T @ (x @ v.T)
            return x

    found = symgauge.derive(Lightning(), (torch.randn(3, 4),))
    assert found.redundancy == 26 and found.claim.closed
    assert found.invariants.reason == "products of more terms than are held"
