"""Rotations of a quadratic form behind one output: sum_k T_k x_k^2."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from structural_referee import referee, wrong_families
from torch import nn

from symgauge import derive
from symgauge.capture import capture
from symgauge.derivation.full import statements
from symgauge.derivers.structural import find, instantiate
from symgauge.families.kinds.form import FORM
from symgauge.families.serial import family_of, plain_family
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.statements.dimension import dimension
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.verdict import Verdict


class Squares(nn.Module):
    def __init__(
        self, inputs: int = 5, hidden: int = 3, outputs: int = 1, bias: bool = True, also: str = "",
    ) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(inputs, hidden, bias=bias), nn.Linear(hidden, outputs)
        self.also = also

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.a(x)
        if self.also == "cube":
            return self.b(z**3)
        y = self.b(z**2)
        if self.also == "entries":
            return y + z.sum(-1, keepdim=True)
        return y + self.b.weight.sum() if self.also == "weights" else y


def network_of(*args: int, **more: object) -> object:
    return capture(Squares(*args, **more), (torch.zeros(2, args[0] if args else 5),)).network


@pytest.mark.parametrize(("sizes", "bias", "rank"), [
    ((5, 3), True, 6), ((5, 3), False, 6), ((4, 4), False, 10), ((6, 2), True, 3),
])
def test_all_of_the_form(sizes: tuple[int, int], bias: bool, rank: int) -> None:
    result = referee(network_of(*sizes, bias=bias))
    assert result.sound and [f.kind for f in result.families].count(FORM) == 1
    assert (result.redundancy, result.rank, result.dimension) == (rank,) * 3
    assert result.stabiliser is None


@pytest.mark.parametrize(("outputs", "also"), [(2, ""), (1, "cube"), (1, "entries")])
def test_false_relatives(outputs: int, also: str) -> None:
    """Two outputs; another power; the entries are read too."""
    result = referee(network_of(5, 3, outputs, also=also))
    assert result.sound and not any(f.kind is FORM for f in result.families)


def test_weights_that_others_read_may_stay() -> None:
    result = referee(network_of(5, 3, 1, also="weights"))
    assert result.sound and any(f.kind is FORM for f in result.families)


def test_a_wider_form_than_what_it_reads_has_a_stabiliser() -> None:
    result = referee(network_of(2, 5, bias=False))
    assert result.sound and result.rank < result.dimension and result.stabiliser is not None


def test_proved_as_given_and_no_other() -> None:
    network = network_of()
    prover = FamilyProver(network)
    (family,) = [f for f in instantiate(find(network)) if f.kind is FORM]
    again = family_of(plain_family(family), family.fields)
    assert again.moves == family.moves and prover.prove(again).verdict is Verdict.PROVED
    first, second = family.moves
    for moves in (
            (first,),  # the bias left out
            (replace(first, source="a.bias"), replace(second, source="a.bias")),
            (replace(first, form="g"), second)):
        assert prover.prove(replace(family, moves=moves)).verdict is Verdict.UNKNOWN
    fields = prover.coordinates.fields(FORM, 1, 3, (first,))
    assert wrong_families(network, [replace(family, fields=fields)])


def test_the_exponential_acts() -> None:
    module = Squares().double()
    family = next(f for f in instantiate(find(network_of())) if f.kind is FORM)
    x = torch.randn(4, 5, dtype=torch.float64)
    s = np.zeros((3, 3))
    for number, matrix in zip((0.3, -0.7, 0.5), FORM.basis(3), strict=True):
        for i, j, w in matrix:
            s[i, j] += number * float(w)
    own = {n: p.detach().numpy() for n, p in module.named_parameters()}
    g = expm(s * own[family.moves[0].source].reshape(-1))
    state = {n: torch.from_numpy(g @ v if n in family.tensors else v) for n, v in own.items()}
    assert torch.allclose(torch.func.functional_call(module, state, (x,)), module(x))
    assert not np.allclose(g.T @ g, np.eye(3))


def test_at_full_size() -> None:
    found = find(capture(Squares(512, 256), (torch.zeros(1, 512),), meta=True).network)
    assert dimension(found) == 256 + 256 * 255 // 2 and generic_stabiliser(found) is None
    (said,) = [s for s in statements(found) if s.element.kind is FORM]
    assert said.dimension == 256 * 255 // 2 and not said.action
    assert said.group == "SO(p,256-p)" and said.formula == (
        "S^T = -S", "a.weight -> exp(S diag(b.weight)) a.weight (rows)",
        "a.bias -> exp(S diag(b.weight)) a.bias")


def test_derived_and_verified() -> None:
    found = derive(Squares(), (torch.zeros(2, 5),))
    assert (found.redundancy, found.unexplained) == (6, 0)
    (form,) = [g for g in found.generators if g.label.startswith("rotation of a quadratic form")]
    assert form.all_sizes == "proved" and form.dimension == 3
    assert found.verify().verdict is Verdict.PROVED
