"""A tied table behind a norm that sums to 0: it moves by c over the norm's gain, at every row."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from structural_referee import referee, wrong_families
from torch import Tensor, nn

import symgauge
from symgauge import BadInputError, Verdict
from symgauge.capture import capture
from symgauge.derivers.structural import find, instantiate
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.families.serial import family_of, plain_family
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.proof.prover import Prover


class Tied(nn.Module):
    """Logits by the table of tokens itself, of a norm with a bias or without one."""

    def __init__(
        self, size: int, bias: bool, head: bool, norm: type[nn.Module] = nn.LayerNorm
    ) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(12, size), nn.Embedding(3, size)
        self.inner = nn.LayerNorm(size, bias=False)
        self.up, self.down = nn.Linear(size, 2), nn.Linear(2, size)
        self.norm = norm(size, bias=bias) if norm is nn.LayerNorm else norm(size)
        self.head = nn.Linear(size, 12, bias=head)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(3))
        x = x + self.down(torch.tanh(self.up(self.inner(x))))
        logits: Tensor = self.head(self.norm(x))
        return logits


def program(module: nn.Module) -> Network:
    return capture(module, (torch.tensor([[0, 3, 6]]),), {}).network


def over(families: list[Family]) -> list[Family]:
    return [f for f in families if any(m.form == "+c/T" for m in f.moves)]


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("bias, head", [(False, False), (True, True), (False, True)])
def test_all_of_a_tied_table_is_found(size: int, bias: bool, head: bool) -> None:
    network = program(Tied(size, bias, head))
    found = referee(network)
    assert found.sound and found.rank == found.redundancy
    (family,) = over(found.families)
    assert {(m.parameter, m.source) for m in family.moves} == {
        ("words.weight", "norm.weight"), ("places.weight", "norm.weight")}
    assert [t.parameter for t in family.via if t.parameter == "norm.bias"] == ["norm.bias"] * bias
    prover, exact = FamilyProver(network), Prover(network)
    assert prover.prove(family).verdict is Verdict.PROVED
    assert all(exact.prove(f).verdict is Verdict.PROVED for f in family.fields)


def test_none_where_the_bias_of_the_norm_stays_or_nothing_sums_to_0() -> None:
    assert not over(instantiate(find(program(Tied(4, True, False)))))
    assert not over(instantiate(find(program(Tied(4, True, True, nn.RMSNorm)))))


def test_false_relatives_are_refused_and_refuted() -> None:
    network = program(Tied(4, False, False))
    (family,) = over(instantiate(find(network)))
    prover, coordinates = FamilyProver(network), Coordinates(network)
    plain = replace(family, via=())
    assert prover.prove(plain).verdict is Verdict.PROVED
    words, places = family.moves
    for moves in (
        (words,), (places,), (words, replace(places, weight=Fraction(1))),
        (replace(words, source="inner.weight"), replace(places, source="inner.weight")),
        (replace(words, form="+c", source=None), replace(places, form="+c", source=None)),
    ):
        wrong = replace(plain, moves=moves)
        if wrong.moves[0].source is None:  # 1 in place of 1 / T: a symmetry of another norm
            wrong = replace(wrong, moves=wrong.moves[:1])
        assert prover.prove(wrong).verdict is Verdict.UNKNOWN
        wrong = replace(wrong, fields=coordinates.fields_of(wrong))
        assert wrong_families(network, [wrong]) == [wrong]


def test_an_element_keeps_the_function_and_a_gain_of_0_is_bad_input() -> None:
    module, tokens = Tied(4, True, True).double(), torch.tensor([[0, 3, 6]])
    torch.nn.init.normal_(module.norm.weight)
    torch.nn.init.normal_(module.norm.bias)
    derivation = symgauge.derive(module, (tokens,))
    assert derivation.unexplained == 0 and derivation.verdict is Verdict.PROVED
    assert derivation.verify().verdict is Verdict.PROVED
    (family,) = [g for g in derivation.generators if any(m.form == "+c/T" for m in g.action)]
    element = derivation.element({family.label: np.array([0.7])})
    before = {k: v.clone() for k, v in module.state_dict().items()}
    wanted = module(tokens)
    after = element.apply(before)
    after["head.weight"] = after["words.weight"]  # one tensor of two names
    module.load_state_dict(after)
    assert torch.allclose(module(tokens), wanted, atol=1e-12)
    change = after["words.weight"] - before["words.weight"]
    assert torch.allclose(change, (0.7 / before["norm.weight"]).expand(12, 4), atol=1e-12)
    before["norm.weight"][1] = 0
    with pytest.raises(BadInputError, match="an entry that is 0"):
        element.apply(before)


def test_a_move_over_a_tensor_is_read_as_it_was_written() -> None:
    (family,) = over(instantiate(find(program(Tied(4, False, False)))))
    plain = plain_family(family)
    assert family_of(plain, family.fields).moves == family.moves
    with pytest.raises(ValueError, match="the move"):
        family_of({**plain, "action": [
            {k: v for k, v in m.items() if k != "source"} for m in plain["action"]]})
