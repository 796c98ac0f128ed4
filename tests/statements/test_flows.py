"""Families say how their tensors move: flows in closed form, and what only follows a slice."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from known_networks import NETWORKS
from said_actions import moved, unsaid

import symgauge
from symgauge.families.kinds.other import NONE
from symgauge.lie.fields import VectorField
from symgauge.statements.flows import flow_of


def field(*terms: tuple[int, dict[int, int], int]) -> VectorField:
    return VectorField.collect(
        (k, tuple(sorted(m.items())), Fraction(c)) for k, m, c in terms)


@pytest.mark.parametrize("x", [
    field((0, {}, 1)), field((0, {0: 1}, 2), (1, {1: 1}, -3)), field((0, {2: 1}, 5)),
    field((0, {0: 1}, 2), (0, {2: 2, 3: -1}, 7), (1, {}, 4), (1, {3: 1}, -1)),
])
def test_a_flow_solves_its_equation(x: VectorField) -> None:
    flow = flow_of(x)
    assert flow is not None
    t, theta = sympy.Symbol("t"), sympy.symbols("a:4")

    def value(m: Any, at: Any) -> Any:
        return sympy.prod([at[j] ** e for j, e in m])

    image = list(theta)
    for k, w in flow.weights.items():
        h = sum(sympy.Rational(c) * value(m, theta) for m, c in flow.held[k].items())
        w = sympy.Rational(w)
        image[k] = theta[k] + t * h if not w else (
            sympy.exp(w * t) * (theta[k] + h / w) - h / w)
    for k in range(4):
        along = sum(sympy.Rational(c) * value(m, image)
                    for (j, m), c in x.terms.items() if j == k)
        assert sympy.simplify(sympy.diff(image[k], t) - along) == 0
        assert sympy.simplify(image[k].subs(t, 0) - theta[k]) == 0


@pytest.mark.parametrize("x", [
    field((0, {1: 1}, 1), (1, {0: 1}, -1)), field((0, {0: 2}, 1)),
    field((0, {1: 1}, 1), (1, {2: 1}, 1)), field((0, {0: 1, 1: 1}, 1)),
])
def test_other_fields_have_none(x: VectorField) -> None:
    """A rotation, a pole in finite time, a chain, a weight that is no number."""
    assert flow_of(x) is None


@pytest.mark.parametrize("name", [
    "node_linear_endpoint", "bilinear_glu_dout1", "lin_2h_taper_nobias"])
def test_printed_flows_leave_the_module_as_it_is(name: str) -> None:
    """And a line with its sign changed is seen to change it."""
    module, args = NETWORKS[name]()
    found = symgauge.derive(module, args)
    module = module.double()
    given = [a.double() if a.is_floating_point() else a for a in args]
    before = module(*given)
    state = {n: p.detach().numpy().copy() for n, p in module.named_parameters()}
    alone = [f for f in found.families if f.element.kind.name == "other"]
    assert alone and not any(unsaid(f.formula) for f in alone)
    alone = [f for f in alone if f.formula[0] != NONE]
    assert alone
    letters = {x: 0.3 for n in range(8) for x in ("t", f"t_{n}")} | {
        x: 1.3 for n in range(8) for x in ("s", f"s_{n}")}

    def change(formula: Any) -> float:
        after = {n: torch.from_numpy(v) for n, v in moved(formula, state, letters).items()}
        assert any(not np.array_equal(after[n].numpy(), v) for n, v in state.items())
        out = torch.func.functional_call(module, after, tuple(given))
        return float((out - before).detach().abs().max())

    for f in alone:
        assert change(f.formula) < 1e-9
        head, *rest = f.formula
        wrong = [rest[0].replace(" -> ", " -> 2 ", 1) if "+" not in rest[0] else
                 rest[0].replace(" + ", " - ", 1), *rest[1:]]
        assert change([head, *wrong]) > 1e-6


def test_what_follows_a_slice_moves_as_it_is_printed() -> None:
    """b -> b - (W' - W) beta, and W' - W = c 1^T diag(gamma)^-1."""
    module, args = NETWORKS["ln_aff_linear_bias"]()
    found = symgauge.derive(module, args)
    (f,) = [f for f in found.families if f.via]
    assert f.formula == (
        "W1 -> W1 + c 1^T diag(gn)^-1", "b1 -> b1 - (W1' - W1) bn, with W1' the image of W1")
    rng = np.random.default_rng(0)
    state = {t.name: rng.normal(size=t.shape) for t in found.tensors}
    c = np.arange(1.0, state["b1"].size + 1)
    after = found.element({f.label: c}).apply(
        {n: torch.from_numpy(v.copy()) for n, v in state.items()})
    new = {n: np.asarray(v) for n, v in after.items()}
    assert np.allclose(new["W1"] - state["W1"], np.outer(c, 1 / state["gn"]))
    assert np.allclose(new["b1"], state["b1"] - (new["W1"] - state["W1"]) @ state["bn"])
    assert not np.allclose(new["b1"], state["b1"])


class Named(torch.nn.Module):
    """Parameters called as elements are."""

    def __init__(self) -> None:
        super().__init__()
        for name, shape in (("s", (3, 2)), ("c", (3,)), ("g", (2, 3))):
            setattr(self, name, torch.nn.Parameter(torch.randn(shape)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x @ self.s.T + self.c) @ self.g.T


def test_letters_of_elements_are_no_parameters() -> None:
    found = symgauge.derive(Named(), (torch.randn(4, 2),))
    lines = [x for f in found.families for x in f.formula]
    assert "c -> s1 c" in lines and not any(" s s" in x or "-> s c" in x for x in lines)


def test_a_family_that_says_nothing_is_seen() -> None:
    """The planted failure of the sweeps."""
    assert unsaid(["W moves (see the certificate's vector)"]) and unsaid([NONE]) and unsaid([])
    assert unsaid(["b follows, on the way back from g = 1"])
    assert not unsaid([NONE, "delta W[0, j] = t W[1, j]"])
    assert not unsaid(["for t in R", "W[0, j] -> W[0, j] + t"])
