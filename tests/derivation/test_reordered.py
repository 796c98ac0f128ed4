"""Orders of channels with their running statistics, drawn and applied."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from places import TARGETS
from safetensors.torch import load_file, save_file

from symgauge import zoo
from symgauge.capture import load_target
from symgauge.cli.main import main
from symgauge.capture.captured import capture_with_statistics
from symgauge.statements.buffers import orders_of, orders_with_buffers
from symgauge.derivation.derivation import Derivation
from symgauge.derivation.derive import derive_target

TARGET = f"{TARGETS / 'conv_batch_norm.py'}:factory"


@pytest.fixture(scope="module")
def derived() -> Derivation:
    return derive_target(load_target(TARGET, zoo.load))


def state_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {n: v.double() for n, v in module.state_dict().items() if v.is_floating_point()}


def test_channels_move_with_their_statistics(derived: Derivation) -> None:
    module, args, _ = load_target(TARGET, zoo.load).build()
    module = module.double()
    state = state_of(module)
    orders = set()
    for seed in range(6):
        element = derived.sample(seed, state)
        moved = element.apply(state)
        mean = moved["1.running_mean"].numpy()
        assert sorted(mean) == sorted(state["1.running_mean"].numpy())
        orders.add(tuple(mean))
        x = torch.randn(3, *args[0].shape[1:], dtype=torch.float64)
        assert torch.allclose(torch.func.functional_call(module, moved, (x,)), module(x))
        held = {n: moved[n] if "running" not in n else state[n] for n in moved}
        same = tuple(mean) == tuple(state["1.running_mean"].numpy())
        assert same == torch.allclose(torch.func.functional_call(module, held, (x,)), module(x))
        back = element.inverse().apply(moved)
        assert all(np.allclose(back[n], state[n]) for n in state)
    assert len(orders) > 2


def test_without_the_buffers_no_order_is_drawn(derived: Derivation) -> None:
    module, _, _ = load_target(TARGET, zoo.load).build()
    state = {n: p.detach() for n, p in module.named_parameters()}
    assert "S_3" not in repr(derived.sample(0, state)) and "S_3" not in repr(derived.sample(0))
    assert "S_3" in repr(derived.sample(0, state_of(module)))


def test_apply_moves_the_statistics_of_a_file(derived: Derivation, tmp_path: Path) -> None:
    module, args, _ = load_target(TARGET, zoo.load).build()
    module = module.double()
    (tmp_path / "derivation.json").write_text(derived.to_json())
    save_file(state_of(module), tmp_path / "in.safetensors")
    assert main(["apply", str(tmp_path / "derivation.json"), str(tmp_path / "in.safetensors"),
                 str(tmp_path / "out.safetensors"), "--seed", "2"]) == 0
    moved = load_file(tmp_path / "out.safetensors")
    assert not torch.equal(moved["1.running_mean"], module[1].running_mean)
    x = torch.randn(3, *args[0].shape[1:], dtype=torch.float64)
    assert torch.allclose(torch.func.functional_call(module, moved, (x,)), module(x))
    assert json.loads(derived.to_json())["with_buffers"]


class Shifted(torch.nn.Module):
    """Units with a saved buffer as their bias, perhaps behind a function."""

    def __init__(self, function: torch.nn.Module) -> None:
        super().__init__()
        self.up, self.down = (torch.nn.Linear(3, 3, bias=False) for _ in range(2))
        self.function = function
        self.register_buffer("bias", torch.randn(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(self.function(self.up(x) + self.bias))


def test_an_order_that_a_matrix_holds_is_none_of_its_own() -> None:
    """Buffers included: any matrix of the linear units moves it."""
    def found(function: torch.nn.Module) -> list[tuple[str, tuple[str, ...]]]:
        captured = capture_with_statistics(
            Shifted(function), (torch.randn(2, 3),), {}, None, "logits")
        return [(one.group, one.buffers) for one in orders_of(captured)]
    assert found(torch.nn.Sigmoid()) == [("S_3", ("bias",))]
    assert found(torch.nn.Identity()) == []


def test_a_module_without_buffers_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    target = load_target("mlp", zoo.load)
    module = target.build()[0]

    def never(*_: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(sys.modules["symgauge.capture"], "build_without_weights", never)
    assert orders_with_buffers(target, None, "logits", module) == ()
    with pytest.raises(AssertionError, match="built again"):
        orders_with_buffers(target, None, "logits")


def test_a_product_with_what_draws_no_order(derived: Derivation) -> None:
    state = state_of(load_target(TARGET, zoo.load).build()[0])
    one, other = derived.sample(0, state), derived.sample(1)
    there = one.apply(other.apply(state))
    for found in (one @ other, one @ other @ derived.element({})):
        moved = found.apply(state)
        assert all(np.allclose(moved[n], there[n]) for n in state)


def test_no_order_of_small_sizes_moves_large_weights(tmp_path: Path) -> None:
    path = tmp_path / "flat.py"
    path.write_text(
        "import torch\nfrom torch import nn\n"
        "def factory(c=3, size=2):\n"
        "    m = nn.Sequential(nn.Conv2d(1, c, 1), nn.BatchNorm2d(c, affine=False), nn.Tanh(),\n"
        "                      nn.Flatten(), nn.Linear(c * size * size, 2))\n"
        "    m[1].running_mean.normal_()\n"
        "    m[1].running_var.uniform_(.5, 2)\n"
        "    return m.eval(), (torch.randn(1, 1, size, size),)\n"
        "FULL = {'c': 5, 'size': 3}\n")
    target = load_target(f"{path}:factory", zoo.load)
    derived = derive_target(target)
    module, args, _ = target.build({"c": 5, "size": 3})
    module = module.double()
    state, x = state_of(module), args[0].double()
    for seed in range(3):
        moved = derived.sample(seed, state).apply(state)
        assert torch.allclose(torch.func.functional_call(module, moved, (x,)), module(x))
