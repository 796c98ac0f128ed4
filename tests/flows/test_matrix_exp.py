"""Exponentials of matrices: read as flows from the identity, which turns with rows and columns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from structural_referee import rank_of, wrong_families

import symgauge
from symgauge.capture import capture
from symgauge.derivers.structural import find, instantiate
from symgauge.domains.signs import ANY, analytic_everywhere, signs_of_lines
from symgauge.program.constant import Constant
from symgauge.program.network import Network
from symgauge.verdict import Verdict


class System(nn.Module):
    """x, t -> C exp(t A) B x."""

    def __init__(self, inputs: int, states: int, outputs: int, transposed: bool = False) -> None:
        super().__init__()
        self.B = nn.Parameter(torch.randn(states, inputs))
        self.A = nn.Parameter(torch.randn(states, states))
        self.C = nn.Parameter(torch.randn(outputs, states))
        self.transposed = transposed

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        if self.transposed:
            y: Tensor = x @ self.B.T @ torch.linalg.matrix_exp(self.A * t[0]).T @ self.C.T
        else:
            y = (self.C @ torch.matrix_exp(t[:, None, None] * self.A) @ self.B) @ x.T
        return y


def network_of(states: int, transposed: bool) -> Network:
    return capture(System(2, states, 3, transposed), (torch.randn(1, 2), torch.randn(3))).network


@pytest.mark.parametrize("states", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_states_change_basis(states: int, transposed: bool) -> None:
    network = network_of(states, transposed)
    families = instantiate(find(network))
    assert wrong_families(network, families) == []
    assert rank_of(network, families) == states**2


def test_from_another_start_they_do_not() -> None:
    network = network_of(2, False)
    (start,) = (i for i, n in enumerate(network.nodes) if isinstance(n.leaf, Constant))
    other = Constant.from_floats(np.broadcast_to(np.diag([1.0, 2.0]), (3, 2, 2)))
    nodes = list(network.nodes)
    nodes[start] = replace(nodes[start], leaf=other)
    changed = replace(network, nodes=tuple(nodes))
    assert rank_of(changed, instantiate(find(changed))) == 1  # numbers between B and C


def test_a_linear_system_is_derived() -> None:
    found = symgauge.derive(System(2, 2, 3), (torch.randn(1, 2), torch.randn(3)))
    claim = found.claim
    assert claim.verdict is Verdict.PROVED and not claim.unexplained
    assert (claim.redundancy, found.algebra.form) == (4, "gl(2,R)")
    # the matrix of the field is a product: in brackets, and without an index of its copies
    assert r"\odot \theta_{\mathrm{A}})\,X" in found.to_latex()


def test_systems_side_by_side_change_bases_of_their_own() -> None:
    module = System(2, 2, 3)
    module.B, module.A, module.C = (
        nn.Parameter(torch.randn(3, *p.shape)) for p in (module.B, module.A, module.C))
    network = capture(module, (torch.randn(1, 2), torch.randn(3))).network
    families = instantiate(find(network))
    assert wrong_families(network, families) == []
    assert rank_of(network, families) == 3 * 2**2


class OverNorm(nn.Module):
    """exp A over its norm, or under a softmax."""

    def __init__(self, softmax: bool) -> None:
        super().__init__()
        self.A, self.C = nn.Parameter(torch.randn(2, 2)), nn.Parameter(torch.randn(2, 2))
        self.softmax = softmax

    def forward(self, x: Tensor) -> Tensor:
        power = torch.linalg.matrix_exp(self.A)
        if self.softmax:
            return torch.log(torch.softmax(x @ power.T, -1) + 1) @ self.C.T
        return x @ (power / power.norm()).T @ self.C.T


@pytest.mark.parametrize("softmax", [False, True])
def test_functions_of_a_flow_are_derived(softmax: bool) -> None:
    """Identities are looked for behind a flow too, whose signs are any."""
    found = symgauge.derive(OverNorm(softmax), (torch.randn(1, 2),))
    assert found.parameters == 8 and found.verify().verdict is found.verdict


def test_the_signs_of_a_flow() -> None:
    """The end of X' = (A X + X A) / 2 from 1 may have any sign; nothing is divided by."""
    network = capture(System(2, 2, 3, True), (torch.randn(1, 2), torch.randn(3))).network
    (flow,) = (i for i, n in enumerate(network.nodes) if n.body is not None)
    assert signs_of_lines(network)[flow] == ANY and analytic_everywhere(network)
