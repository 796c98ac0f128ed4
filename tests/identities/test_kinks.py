"""relu of relu: a clamp has a kink at each bound, as its reflection has."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hidden_networks import NETWORKS
from known_networks import KnownNetwork
from torch import Tensor, relu

import symgauge
from symgauge.capture import capture
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.identities.written_out import written_out
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.verdict import Verdict

Function = Callable[[Tensor], Tensor]
#: With the steps that are needed.
FUNCTIONS: dict[str, tuple[Function, int]] = {
    "reflected": (lambda z: z.clamp(-1, 2) + 3 * (-z).clamp(-2, 1), 2),
    "two clamps of one bound": (lambda z: z.clamp(-1, 2) + 3 * z.clamp(-1, 5), 3),
    "multiples": (lambda z: (2 * z).clamp(-2, 4) + 3 * (-z).clamp(-2, 1), 2),
    "bounds": (lambda z: z.clamp(0, 1) + 3 * relu(z) - 5 * relu(z - 1), 2),
    "a larger number": (lambda z: relu(relu(z) - 1) + 3 * relu(z - 1), 1),
    "at 0": (lambda z: relu(-2 * relu(z)) + relu(z), 1),
    # k < 0 and a < 0 is 0, k > 0 and a > 0 has one kink: neither is this identity
    "another sign": (lambda z: relu(1 + 2 * relu(z)) + relu(-1 - relu(z)), 3),
    "another function": (lambda z: relu(1 - relu(z) + relu(z - 2) * z), 3),
}


def written(function: Function) -> tuple[Network, Network]:
    module = KnownNetwork("W:50x1", lambda p, x: function((x @ p.W.T) * 3))
    network = lower(capture(module, (torch.ones(1, 1),)).network)
    return network, lower(written_out(network))


def at_points(network: Network) -> np.ndarray:
    """Values with entries far from 0 on both sides, and at each bound."""
    weights = np.concatenate([np.linspace(-3, 3, 45), np.array([-1, 0, 1, 2, 5]) / 3])
    theta = {"W": weights.reshape(1, 50, 1)}
    (x,) = network.inputs
    found: np.ndarray = outputs(network, values(
        network, RealDomain(), theta, {x.name: np.ones((1, 1, 1))}))[0]
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_same_function(name: str) -> None:
    function, needed = FUNCTIONS[name]
    network, other = written(function)
    assert sum(n.op_name == "step" for n in other.nodes) == needed
    assert np.allclose(at_points(network), at_points(other), atol=1e-12)


@pytest.mark.parametrize("name", ["hardtanh-signs", "clamp-signs", "bounded-units"])
def test_what_trades_one_for_another_is_proved(name: str) -> None:
    found = symgauge.derive(*NETWORKS[f"identity {name}"]())
    assert (found.redundancy, found.unexplained, found.verdict) == (4, 0, Verdict.PROVED)
    assert found.verify().verdict is Verdict.PROVED
