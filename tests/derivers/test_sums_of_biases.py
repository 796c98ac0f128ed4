"""Values that are read behind a norm's bias without one of their own, a bias behind them.

y = gamma n + beta with 1^T n = 0, values V y, outputs O (a V y) + b with rows of a that sum to 1:
V += c (1 / gamma)^T and b -= O c 1^T (beta / gamma) leave all as it was.
"""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from structural_referee import referee, wrong_families
from torch import Tensor, nn

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.derivers.structural import find, instantiate
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import FamilyProver

TOKENS, WIDTH, HEADS, SIZE = 3, 4, 2, 2


class Attention(nn.Module):
    """Heads behind a norm. `skip`: what is normed passes by; `mlp`: it has the only bias behind."""

    def __init__(
        self, skip: bool = False, mlp: bool = False, bias: bool = True, end: str = "softmax"
    ) -> None:
        super().__init__()
        self.norm, self.skip, self.end = nn.LayerNorm(WIDTH), skip, end
        self.q, self.k, self.v = (nn.Linear(WIDTH, HEADS * SIZE, bias=False) for _ in "qkv")
        self.o = nn.Linear(HEADS * SIZE, WIDTH, bias=bias and not mlp)
        self.up, self.down = (nn.Linear(WIDTH, 3), nn.Linear(3, WIDTH)) if mlp else (None, None)
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (m(y).reshape(TOKENS, HEADS, SIZE).transpose(0, 1)
                   for m in (self.q, self.k, self.v))
        scores = q @ k.transpose(-1, -2)
        a = torch.softmax(scores, -1) if self.end == "softmax" else torch.sigmoid(scores)
        z = (y if self.skip else x) + self.o((a @ v).transpose(0, 1).reshape(TOKENS, -1))
        if self.up is not None:
            z = z + self.down(torch.tanh(self.up(y)))
        logits: Tensor = self.head(torch.tanh(z))
        return logits


def program(module: nn.Module) -> Network:
    return capture(module, (torch.randn(TOKENS, WIDTH),), {}).network


def of_values(families: list[Family]) -> list[Family]:
    return [f for f in families if f.kind.is_shift and "v.weight" in f.tensors]


@pytest.mark.parametrize("options, behind", [({}, "o.bias"), ({"mlp": True}, "down.bias")])
def test_values_are_shifted_against_a_bias_behind_them(
    options: dict[str, bool], behind: str
) -> None:
    network = program(Attention(**options))
    found = referee(network)
    assert found.sound and found.rank == found.redundancy
    (family,) = of_values(found.families)
    assert [(m.parameter, m.form, m.source, m.sum_of) for m in family.moves] == [
        ("v.weight", "+c", None, None), (behind, "+Tc", "o.weight", "norm.bias")]
    assert [t.parameter for t in family.via] == ["norm.weight"]
    assert FamilyProver(network).prove(family).verdict is Verdict.PROVED


def test_where_a_skip_takes_the_norm_it_is_over_the_gain() -> None:
    network = program(Attention(skip=True))
    found = referee(network)
    (family,) = of_values(found.families)
    assert found.sound and not family.via and family.dimension == HEADS * SIZE
    assert [(m.form, m.source, m.sum_of, m.sum_over) for m in family.moves] == [
        ("+c/T", "norm.weight", None, None), ("+Tc", "o.weight", "norm.bias", "norm.weight")]
    assert FamilyProver(network).prove(family).verdict is Verdict.PROVED


@pytest.mark.parametrize("options", [{"bias": False}, {"end": "sigmoid"}])
def test_none_without_a_bias_behind_or_a_sum_of_1(options: dict[str, bool]) -> None:
    network = program(Attention(**options))
    assert referee(network).sound and not of_values(instantiate(find(network)))


@pytest.mark.parametrize("skip", [False, True])
def test_false_relatives_are_refused_and_refuted(skip: bool) -> None:
    network = program(Attention(skip=skip))
    (family,) = of_values(instantiate(find(network)))
    prover, coordinates = FamilyProver(network), Coordinates(network)
    values, bias = family.moves
    for moves in (
        (values,), (bias,), (values, replace(bias, weight=Fraction(1))),
        (values, replace(bias, sum_of=None, sum_over=None)),
        (values, replace(bias, sum_of="norm.weight", sum_over=None)),
        (values, replace(bias, sum_over="norm.weight" if bias.sum_over is None else None)),
    ):
        wrong = replace(family, moves=moves)
        assert prover.prove(wrong).verdict is Verdict.UNKNOWN
        if family.via:  # on the slice, where gamma is 1
            wrong = replace(wrong, via=())
            network = network.fixed({"norm.weight": Fraction(1)})
            coordinates = Coordinates(network)
            if any("norm.weight" in m.reads for m in moves):
                continue
        wrong = replace(wrong, fields=coordinates.fields_of(wrong))
        assert wrong_families(network, [wrong]) == [wrong]


def test_an_element_keeps_the_function() -> None:
    for skip in (False, True):
        module, x = Attention(skip=skip).double(), torch.randn(TOKENS, WIDTH).double()
        for p in module.parameters():
            nn.init.uniform_(p, 0.5, 1.5)
        derivation = symgauge.derive(module, (x,))
        assert derivation.verify().verdict is derivation.verdict
        (family,) = [g for g in derivation.generators if any(m.sum_of for m in g.action)]
        c = torch.tensor([[0.7, -0.2], [0.4, 1.1]], dtype=torch.float64)
        before = {k: v.clone() for k, v in module.state_dict().items()}
        wanted = module(x)
        after = derivation.element({family.label: c.numpy()}).apply(
            {k: v.clone() for k, v in before.items()})
        module.load_state_dict(after)
        assert torch.allclose(module(x), wanted, atol=1e-12)
        change = after["v.weight"] - before["v.weight"]
        assert torch.allclose(change, c.reshape(4, 1) / before["norm.weight"], atol=1e-12)
        total = (before["norm.bias"] / before["norm.weight"]).sum()
        moved = before["o.bias"] - before["o.weight"] @ c.reshape(4) * total
        assert torch.allclose(after["o.bias"], moved, atol=1e-12)
        assert any("norm.bias / norm.weight" in line for line in family.formula)
        tex = derivation.to_latex()
        assert r"V_{h} + \mathbf{1}\,((\mathbf{1}^{\top}" in tex  # in the proof
        assert r"(\mathbf{1}^{\top} (\beta / \gamma))" in tex or r"\beta_{1} / \gamma_{1}" in tex


class Packed(nn.Module):
    """[q k v] by heads without a bias, biases of queries and of values alone; a skip beside."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.all = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * HEADS * SIZE, bias=False)
        self.qb, self.vb = (nn.Parameter(torch.randn(HEADS, 1, SIZE)) for _ in "qv")
        self.o = nn.Linear(HEADS * SIZE, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = self.all(y).reshape(TOKENS, HEADS, 3 * SIZE).transpose(0, 1).chunk(3, -1)
        a = torch.softmax((q + self.qb) @ k.transpose(-1, -2), -1) @ (v + self.vb)
        return torch.tanh(y + self.o(a.transpose(0, 1).reshape(TOKENS, -1)))


def test_blocks_of_a_packed_reader_are_shifted_each_by_itself() -> None:
    found = referee(program(Packed()))
    over = [f for f in found.families if f.moves[0].form == "+c/T"]
    assert found.sound and all(f.dimension == HEADS * SIZE for f in over)
    assert [f.tensors for f in over] == [
        ("all.weight", "qb"), ("all.weight",), ("all.weight", "vb")]
