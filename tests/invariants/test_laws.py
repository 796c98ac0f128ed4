"""Conservation laws of gradient flow: their number, and training that keeps or breaks them."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any

import numpy as np
import pytest
import torch
from known_networks import NETWORKS
from torch import Tensor, nn

import symgauge
from symgauge.capture import capture
from symgauge.derivation.algebra import closed_algebra
from symgauge.derivers.exact import ExactDeriver
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.family import Family
from symgauge.invariants.invariants import random_point
from symgauge.invariants.laurent import Laurent
from symgauge.invariants.laws import Law, law_of, laws, rotations
from symgauge.lie.fields import VectorField
from symgauge.program.network import Network

FIELD = PrimeField(next(primes()))


def found_in(module: nn.Module, args: tuple[Any, ...]) -> tuple[Network, list[Family], list[Law]]:
    network = capture(module, args).network
    proved, _ = closed_algebra(ExactDeriver(network, 0).run(), FIELD)
    families = [p.family for p in proved]
    point = random_point(network.num_coordinates, FIELD, np.random.default_rng(0))
    return network, families, laws(families, point, FIELD)


@pytest.mark.parametrize(("name", "count", "rates"), [
    ("lin_1h_bottleneck", 6, {2}),  # r(r+1)/2, r = 3
    ("att_mha_nobias", 12, {2}),  # h (dk (dk + 1)/2 + dv (dv + 1)/2)
    ("swiglu_nobias", 4, {2}),  # |up row|^2 - |down column|^2
    ("moe_dense_softmax", 9, {1, 2}),  # 6 units and the sum of the router's rows
    ("att_rope", 10, {2}),  # a plane has one, and two gl(2) have 3 each
    ("lm_tied_logits", 0, set()),  # rotations have none
    ("lm_untied_softmax", 9, {1, 2}),  # gl(3): 6; a shift of 3
    ("relu_1h_bias", 5, {2}),
    ("exp_2h_bias", 5, {None}),  # |W2|^2 - 2 b1: a quadratic and a linear part
])
def test_numbers(name: str, count: int, rates: set[int | None]) -> None:
    _, families, found = found_in(*NETWORKS[name]())
    assert len(found) == count and {law.rate for law in found} == rates
    for law in found:
        assert law.families and all(n < len(families) for n in law.families)


def test_a_narrow_linear_net_has_fewer_than_its_symmetric_generators() -> None:
    """n + m <= r: (n + m)(2r - n - m + 1)/2 of r(r + 1)/2 (Marcotte, Gribonval, Peyre)."""
    for n, m, r in ((1, 1, 4), (1, 2, 4), (2, 2, 3)):
        net = nn.Sequential(nn.Linear(n, r, bias=False), nn.Linear(r, m, bias=False))
        _, _, found = found_in(net, (torch.randn(1, n),))
        assert len(found) == (
            (n + m) * (2 * r - n - m + 1) // 2 if n + m <= r else r * (r + 1) // 2)


def test_rotations_among_the_generators() -> None:
    for name, dimension in (("lm_tied_logits", 3), ("att_mha_nobias", 4), ("att_rope", 6),
                            ("relu_1h_bias", 0)):
        assert rotations(found_in(*NETWORKS[name]())[1]) == dimension


def test_a_skew_generator_has_no_law() -> None:
    one = Laurent.number(1).terms[()]
    skew = VectorField.build([], [(0, 1, one), (1, 0, -one)])  # type: ignore[list-item]
    assert law_of(skew) is None


# -- training ------------------------------------------------------------------------------------


class Attention(nn.Module):
    """Two heads, queries, keys, values and outputs without biases, and a router that is shifted."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(0.6 * torch.randn(*shape, generator=generator).double())

        self.q, self.k, self.v = weight(2, 3), weight(2, 3), weight(2, 3)
        self.o, self.r = weight(3, 2), weight(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores = (x @ self.q.T) @ (x @ self.k.T).transpose(-1, -2)
        mixed = torch.softmax(scores, -1) @ (x @ self.v.T) @ self.o.T
        return mixed * torch.softmax(x @ self.r.T, -1)


def trained(
    optimiser: Callable[[Any], torch.optim.Optimizer], steps: int,
    start: dict[str, Tensor] | None = None, decay: float = 0.0,
) -> nn.Module:
    torch.manual_seed(0)
    model = Attention()
    if start is not None:
        model.load_state_dict(start)
    data = torch.randn(16, 4, 3, generator=torch.Generator().manual_seed(1)).double()
    wanted = torch.randn(16, 4, 3, generator=torch.Generator().manual_seed(2)).double()
    found = optimiser(model.parameters())
    for _ in range(steps):
        found.zero_grad()
        loss = ((model(data) - wanted) ** 2).mean() * 10
        for p in model.parameters():
            loss = loss + decay / 2 * (p**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        found.step()
    return model


def sgd(step: float, momentum: float = 0.0) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda p: torch.optim.SGD(p, lr=step, momentum=momentum)


def value(law: Laurent, model: nn.Module) -> float:
    theta = torch.cat([p.detach().reshape(-1) for p in model.parameters()]).numpy()
    return float(sum(
        float(c) * np.prod([theta[k] ** e for k, e in m]) for m, c in law.terms.items()))


def drifts(found: list[Laurent], model: nn.Module) -> np.ndarray:
    start = Attention()
    return np.array([abs(value(law, model) - value(law, start)) for law in found])


QUADRATIC = [law.value for law in found_in(Attention(), (torch.randn(1, 4, 3).double(),))[2]
             if law.rate == 2]
LINEAR = [law.value for law in found_in(Attention(), (torch.randn(1, 4, 3).double(),))[2]
          if law.rate == 1]
#: The sign flipped: W_Q W_Q^T + W_K W_K^T.
FALSE = [Laurent({m: abs(c) for m, c in law.terms.items()}) for law in QUADRATIC]


def test_laws_of_the_model() -> None:
    assert (len(QUADRATIC), len(LINEAR)) == (6, 3)


def test_drift_of_gradient_descent_is_of_the_order_of_the_step() -> None:
    """Q(theta - h g) - Q(theta) = h^2 g^T S g: half the step, half the drift. The false ones stay.
    """
    coarse, fine = trained(sgd(0.02), 50), trained(sgd(0.01), 100)
    ratio = drifts(QUADRATIC, fine).sum() / drifts(QUADRATIC, coarse).sum()
    assert 0.4 < ratio < 0.6
    false = drifts(FALSE, fine).sum() / drifts(FALSE, coarse).sum()
    assert 0.9 < false < 1.1 and drifts(FALSE, fine).sum() > 20 * drifts(QUADRATIC, fine).sum()
    # a linear law is kept by every step, with momentum too: no gradient has a part along it
    for model in (coarse, fine, trained(sgd(0.01, 0.9), 50)):
        assert drifts(LINEAR, model).max() < 1e-12


def test_weight_decay_makes_them_decay() -> None:
    """theta^T S theta as exp(-2 lambda t), c theta as exp(-lambda t), up to O(h)."""
    decay, time = 0.7, 1.0
    start = Attention()
    errors = []
    for steps in (50, 100):
        model = trained(sgd(time / steps), steps, decay=decay)
        errors.append(sum(
            abs(value(law, model) - exp(-rate * decay * time) * value(law, start))
            for rate, found in ((2, QUADRATIC), (1, LINEAR)) for law in found))
        wrong = sum(abs(value(law, model) - value(law, start)) for law in QUADRATIC)
        assert wrong > 10 * errors[-1]
    assert 0.4 < errors[1] / errors[0] < 0.6


def test_momentum_and_adam_have_other_laws_or_none() -> None:
    """Their drift does not vanish with the step (the time that passes is the same)."""
    for pair in (
        # the flow theta'' = -theta' - grad L: momentum 1 - h, step h^2
        [trained(sgd(h * h, 1 - h), round(3 / h)) for h in (0.1, 0.05)],
        [trained(lambda p, h=h: torch.optim.Adam(p, lr=h), round(1 / h)) for h in (0.02, 0.01)],
    ):
        coarse, fine = (drifts(QUADRATIC, model).sum() for model in pair)
        assert fine > 0.75 * coarse and fine > 1e-3


def moved(state: dict[str, Tensor], g: Tensor) -> dict[str, Tensor]:
    return {**state, "q": g @ state["q"], "k": g @ state["k"]}


def distance(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    return max(float((a[n] - b[n]).abs().max()) for n in a)


def test_rotations_carry_trajectories_of_sgd_and_signed_permutations_those_of_adam() -> None:
    """grad (L o g) = g^T grad L: steps commute with g orthogonal; Adam's with signs and swaps."""
    rotation = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    swap = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()
    stretch = torch.tensor([[2.0, 0.0], [0.0, 0.5]]).double()
    start = Attention().state_dict()

    def off(optimiser: Callable[[Any], torch.optim.Optimizer], g: Tensor) -> float:
        there = trained(optimiser, 20, moved(start, g)).state_dict()
        return distance(there, moved(trained(optimiser, 20).state_dict(), g))

    def adam(p: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(p, lr=0.01, eps=0.0)

    for optimiser in (sgd(0.05), sgd(0.05, 0.9)):
        assert off(optimiser, rotation) < 1e-10 and off(optimiser, swap) < 1e-10
    stretched = {**start, "q": stretch @ start["q"], "k": torch.linalg.inv(stretch) @ start["k"]}
    there = trained(sgd(0.05), 20, stretched).state_dict()
    back = {**there, "q": torch.linalg.inv(stretch) @ there["q"], "k": stretch @ there["k"]}
    assert distance(back, trained(sgd(0.05), 20).state_dict()) > 1e-4
    assert off(adam, swap) < 1e-10 and off(adam, rotation) > 1e-3


def test_the_record_tells_them() -> None:
    found = symgauge.derive(Attention().float(), (torch.randn(1, 4, 3),)).laws
    assert found is not None and (found.count, found.rotations) == (9, 2)
    assert {(law.count, law.decay) for law in found.laws} == {(3, 2), (3, 1)}
