"""A factor of an axis that is cut is one axis with those behind it: the same entries, elsewhere."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.program.lower import lower
from symgauge.program.network import Network

Cut = Callable[[Tensor], tuple[Tensor, ...]]


class Net(nn.Module):
    """What is cut from 24 rows of a projection of two tokens, weighted differently."""

    def __init__(self, cut: Cut) -> None:
        super().__init__()
        self.cut, self.w = cut, nn.Linear(3, 24)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.cut(self.w(x))
        return torch.stack([(k + 1) * p.sin().sum(-1).flatten() for k, p in enumerate(parts)])


CUTS: dict[str, Cut] = {
    "unbind": lambda y: y.view(2, 4, 3, 2).unbind(2),
    "select": lambda y: tuple(y.view(2, 4, 3, 2)[..., k, :] for k in (2, 0)),
    "permuted": lambda y: tuple(y.view(2, 2, 3, 4).permute(2, 1, 0, 3)),
    "ranges": lambda y: (y.view(2, 2, 4, 3)[:, :, 2:], y.view(2, 2, 4, 3)[:, :, :2]),
    "lists": lambda y: (y.view(2, 2, 4, 3)[:, :, [1, 2]], y.view(2, 2, 4, 3)[:, :, [0, 3]]),
    "two factors behind": lambda y: y.view(2, 2, 3, 2, 2).unbind(2),
}
#: Layouts that stay as they are, and why.
STAY: dict[str, Cut] = {
    "a list with a gap": CUTS["lists"],
    "cut on two axes": lambda y: (y.view(2, 4, 3, 2)[:, :2, 1], y.view(2, 4, 3, 2)[:, 2:, 2]),
    "read whole too": lambda y: (
        y.view(2, 4, 3, 2)[:, :, 0], y.view(2, 4, 3, 2).sin()[:, :, 1]),
    "the last factor": lambda y: y.view(2, 4, 2, 3).unbind(3),
    "another axis": lambda y: tuple(y.view(2, 4, 6)[k] for k in (0, 1)),
}


def captured(cut: Cut) -> tuple[nn.Module, Network]:
    torch.manual_seed(0)
    module = Net(cut).double()
    return module, capture(module, (torch.randn(2, 3, dtype=torch.float64),), {}).network


def cut_factors(network: Network) -> bool:
    """Whether a line cuts an axis of a reshape that has more of the same axis behind it."""
    nodes = network.nodes
    return any(
        n.op_name in ("slice", "take") and nodes[n.inputs[0]].op_name == "reshape"
        and n.attrs["axis"] < len(n.shape) - 1 and nodes[n.inputs[0]].shape[-1] < 24
        and len(nodes[n.inputs[0]].shape) > 3
        for n in nodes)


@pytest.mark.parametrize("name", [*CUTS, *STAY])
def test_the_function_is_the_same(name: str) -> None:
    module, network = captured({**STAY, **CUTS}[name])
    lowered = lower(network)
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.randn(2, 3, dtype=torch.float64)
        theta = {n: p.detach().numpy()[None] for n, p in module.named_parameters()}
        lines = values(lowered, RealDomain(), theta, {lowered.inputs[0].name: x.numpy()[None]})
        wanted = module(x).detach().numpy()
        np.testing.assert_allclose(outputs(lowered, lines)[0][0], wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in CUTS if n != "lists"])
def test_parts_are_ranges_of_one_axis(name: str) -> None:
    assert not cut_factors(captured(CUTS[name])[1])


def test_a_list_with_a_gap_is_left() -> None:
    assert cut_factors(captured(STAY["a list with a gap"])[1])
