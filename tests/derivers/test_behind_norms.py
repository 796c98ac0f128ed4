"""Readers of a norm that a skip, an output or another reader takes too: shifts over its gain.

Small modules; the counts are those of the exact Jacobian, and each false relative is refuted.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from structural_referee import FIELD
from torch import Tensor, nn

import symgauge
from symgauge import Derivation, Verdict
from symgauge.capture import capture
from symgauge.certify.confirm import confirm
from symgauge.derivers.structural import find, instantiate
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.lie.fields import orbit_rank
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.proof.prover import Prover


class PostNorm(nn.Module):
    """y = norm(inp x); last(y + down tanh(up y)), or up y alone beside y."""

    def __init__(self, bias: bool, affine: bool, reads: bool) -> None:
        super().__init__()
        self.inp = nn.Linear(3, 3)
        self.norm = nn.LayerNorm(3, bias=bias, elementwise_affine=affine)
        self.up = nn.Linear(3, 2, bias=reads)
        self.down = nn.Linear(2, 3)
        self.last = nn.LayerNorm(3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.inp(x))
        out: Tensor = self.last(y + self.down(torch.tanh(self.up(y))))
        return out


class Centred(nn.Module):
    """A reader whose value is centred in its turn: both shifts of its weight meet in one."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.norm = nn.Linear(3, 3), nn.LayerNorm(3, bias=False)
        self.mix, self.last = nn.Linear(3, 3, bias=False), nn.LayerNorm(3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.inp(x))
        out: Tensor = self.last(y + self.mix(y))
        return out


class Root(nn.Module):
    """An RMS norm does not sum to 0: nothing is shifted."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.norm = nn.Linear(3, 3), nn.RMSNorm(3, eps=1e-5)
        self.up, self.down = nn.Linear(3, 2), nn.Linear(2, 3)
        self.last = nn.LayerNorm(3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.inp(x))
        out: Tensor = self.last(y + self.down(torch.tanh(self.up(y))))
        return out


class Twice(nn.Module):
    """One matrix reads two norms, with gains of their own: no vector suits both."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.up, self.down = nn.Linear(3, 3), nn.Linear(3, 2), nn.Linear(2, 3)
        self.norm, self.other = nn.LayerNorm(3, bias=False), nn.LayerNorm(3, bias=False)
        self.last = nn.LayerNorm(3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.inp(x))
        z = self.other(y + self.down(torch.tanh(self.up(y))))
        out: Tensor = self.last(z + self.down(torch.tanh(self.up(z))))
        return out


def behind(module: nn.Module) -> list[Family]:
    """The families found through a reader's own copies."""
    found = find(capture(module, (torch.randn(1, 3),), {}).network)
    return [s.family for s in found.families if s.own]


@cache
def derived(bias: bool, reads: bool) -> Derivation:
    torch.manual_seed(0)
    return symgauge.derive(PostNorm(bias, True, reads), (torch.randn(1, 3),))


@pytest.mark.parametrize("bias, reads", [(False, False), (False, True), (True, True)])
def test_post_norm_blocks_are_complete(bias: bool, reads: bool) -> None:
    found = derived(bias, reads)
    assert found.unexplained == 0 and found.closed and found.verify().verdict is Verdict.PROVED
    (shift,) = [g for g in found.generators if g.via and g.action[0].parameter == "up.weight"]
    assert shift.all_sizes == "proved" and shift.dimension == 2
    assert [t.parameter for t in shift.via] == ["norm.bias"] * bias + ["norm.weight"]
    moved = {"up.weight", "norm.weight"} | ({"up.bias", "norm.bias"} if bias else set())
    assert set(shift.tensors) <= moved
    assert confirm(found.certificate).verdict == "CONFIRMED"


@pytest.mark.parametrize("bias", [False, True])
def test_the_action_is_a_translation_over_the_gain(bias: bool) -> None:
    found = derived(bias, True)
    module = PostNorm(bias, True, True).double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p) + 0.5)
    (label,) = [g.label for g in found.generators
                if g.via and g.action[0].parameter == "up.weight"]
    c = np.array([0.7, -1.3])
    before = {k: v.clone() for k, v in module.state_dict().items()}
    after = found.element({label: c}).apply(before)
    gain, by = before["norm.weight"], torch.tensor(c)
    torch.testing.assert_close(
        after["up.weight"], before["up.weight"] + by[:, None] / gain[None, :])
    shift = (before["norm.bias"] / gain).sum() if bias else 0.0
    torch.testing.assert_close(after["up.bias"], before["up.bias"] - by * shift)
    x = torch.randn(5, 3, dtype=torch.float64)
    y = module(x)
    module.load_state_dict(after)
    torch.testing.assert_close(module(x), y)
    for name in set(before) - {"up.weight", "up.bias"}:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-15)


@pytest.mark.parametrize("module", [Root(), Twice(), PostNorm(False, False, True)])
def test_nothing_is_shifted_over_a_gain(module: nn.Module) -> None:
    """No sum of 0; two gains for one matrix; no gain at all, where the plain shift is found."""
    assert not behind(module)


def test_a_bias_of_the_norm_needs_one_behind_the_reader() -> None:
    assert not behind(PostNorm(True, True, False))


def test_two_shifts_of_one_matrix_may_meet() -> None:
    """c / gamma along the rows, 1 along the columns: one direction is in both."""
    network = capture(Centred(), (torch.randn(1, 3),), {}).network
    found = find(network)
    assert [s.family.size for s in found.families if s.own] == [3]
    fields = [f for family in instantiate(found) for f in family.fields]
    rank = orbit_rank(
        fields, FIELD.random(np.random.default_rng(0), (network.num_coordinates,)), FIELD)
    assert rank == len(fields) - 1


def test_what_others_see_may_not_move() -> None:
    """A slice of a reader's copy: the same moves are refused where another tensor reads them."""
    network = capture(PostNorm(True, True, True), (torch.randn(1, 3),), {}).network
    (family,) = [s.family for s in find(network).families if s.own]
    prover, exact = FamilyProver(network), Prover(network)
    assert prover.prove(family).verdict is Verdict.PROVED
    fields = prover.fields(family)
    assert fields and all(exact.prove(f).verdict is Verdict.PROVED for f in fields)
    moved = replace(family.moves[0], parameter="norm.weight", at=None)
    for wrong in (
        replace(family, via=()), replace(family, via=family.via[:1]),
        replace(family, via=family.via[1:]), replace(family, via=family.via[::-1]),
        replace(family, moves=(replace(family.moves[0], weight=family.moves[0].weight * 2),)),
        replace(family, moves=(*family.moves, moved)),
    ):
        assert prover.prove(wrong).verdict is Verdict.UNKNOWN
    coordinates = Coordinates(network)
    assert all(
        exact.prove(f).verdict is not Verdict.PROVED for f in coordinates.fields_of(family))
