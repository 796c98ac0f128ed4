"""symgauge.testing as a user's own suite calls it: what passes, what fails, what tests nothing."""

import pytest
import torch
from torch import nn

from symgauge import BadInputError
from symgauge.testing import assert_gauge_invariant, assert_same_function, assert_symmetry

State = dict[str, torch.Tensor]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()


ARGS = (torch.randn(2, 3),)
S = torch.tensor([0.5, 2.0, 3.0, 0.7], dtype=torch.float64)


def scaled(state: State) -> State:
    return {**state, "0.weight": state["0.weight"] * S[:, None], "0.bias": state["0.bias"] * S,
            "2.weight": state["2.weight"] / S}


def bias_forgotten(state: State) -> State:
    return {**scaled(state), "0.bias": state["0.bias"]}


def state_of(module: nn.Module) -> State:
    return {n: t.detach().clone() for n, t in module.state_dict().items()}


def test_the_same_function_passes_and_another_names_its_tensor() -> None:
    module = network()
    before = state_of(module)
    assert_same_function(module, before, scaled(before), ARGS)
    with pytest.raises(AssertionError, match=r"DIFFERENT.*0\.bias.*must be multiplied by the same"):
        assert_same_function(module, before, bias_forgotten(before), ARGS)
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())


def test_a_symmetry_passes_and_a_wrong_one_fails() -> None:
    assert_symmetry(network(), ARGS, scaled)
    with pytest.raises(AssertionError, match="the outputs change by"):
        assert_symmetry(network(), ARGS, bias_forgotten)


def test_zero_biases_hide_nothing() -> None:
    module = network()
    with torch.no_grad():
        module[0].bias.zero_()  # type: ignore[operator,union-attr,index]
    with pytest.raises(AssertionError, match="the outputs change by"):
        assert_symmetry(module, ARGS, bias_forgotten)


def test_what_could_not_fail_is_refused() -> None:
    with pytest.raises(AssertionError, match="moves nothing"):
        assert_symmetry(network(), ARGS, lambda state: state)


def test_a_product_is_gauge_invariant_and_a_norm_is_not() -> None:
    def product(state: State) -> torch.Tensor:
        return state["2.weight"] @ state["0.weight"]

    assert_gauge_invariant(product, network(), ARGS)
    with pytest.raises(AssertionError, match="not gauge-invariant; it depends on rescaling of"):
        assert_gauge_invariant(lambda s: s["0.weight"].norm(), network(), ARGS)


def test_a_constant_tests_nothing() -> None:
    with pytest.raises(AssertionError, match="nothing is tested"):
        assert_gauge_invariant(lambda s: 1.0, network(), ARGS)


def test_a_module_without_symmetries_is_refused() -> None:
    with pytest.raises(BadInputError, match="no family"):
        assert_gauge_invariant(lambda s: s["weight"].norm(), nn.Linear(3, 2), ARGS)


def test_no_point_tests_nothing() -> None:
    with pytest.raises(BadInputError, match="points=0 tests nothing"):
        assert_symmetry(network(), ARGS, scaled, points=0)


def test_a_tensor_of_another_shape_is_not_spread() -> None:
    def one_row(state: State) -> State:
        return {**scaled(state), "2.bias": state["2.bias"][:1]}

    with pytest.raises(AssertionError, match=r"2\.bias as Tensor of shape \[1\]"):
        assert_symmetry(network(), ARGS, one_row)


class SmallOutput(nn.Module):
    """Two outputs, one of them tiny."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.exp(self.a(x)) + 1e6, torch.tanh(self.b(x)) * 1e-9], -1)


def test_a_small_output_is_not_hidden() -> None:
    def moved(state: State) -> State:
        return {**state, "b.weight": 1.01 * state["b.weight"]}

    with pytest.raises(AssertionError, match="the outputs change by"):
        assert_symmetry(SmallOutput().double(), ARGS, moved)


def test_a_small_entry_of_a_quantity_is_not_hidden() -> None:
    def quantity(state: State) -> torch.Tensor:
        product = state["2.weight"] @ state["0.weight"]
        return torch.cat([product.reshape(-1), 1e-12 * state["0.weight"].reshape(-1)[:1]])

    with pytest.raises(AssertionError, match="not gauge-invariant"):
        assert_gauge_invariant(quantity, network(), ARGS)
    with pytest.raises(AssertionError, match="entries at some weights"):
        assert_gauge_invariant(
            lambda s: torch.ones(3) if s["0.weight"][0, 0] > 0 else torch.ones(2), network(), ARGS)
