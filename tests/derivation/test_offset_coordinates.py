"""Gains u + w in certificates: the coordinates are u + w, the actions are those of w."""

import json
from fractions import Fraction

import pytest
import sympy
import torch
from torch import Tensor, nn

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.derivation.again import same_program
from symgauge.derivation.seal import sealed
from symgauge.program.recentred import recentred


class Centred(nn.Module):
    """A stream of tokens under norms that are scaled by u + w, as Nemotron has."""

    def __init__(self, offset: float, centred: bool) -> None:
        super().__init__()
        self.offset, self.centred = offset, centred
        self.words, self.places = nn.Embedding(9, 3), nn.Embedding(3, 3)
        self.inner, self.last = (nn.Parameter(torch.rand(3)) for _ in range(2))
        self.up, self.down = nn.Linear(3, 2), nn.Linear(2, 3)
        self.head = nn.Linear(3, 9, bias=False)

    def norm(self, x: Tensor, w: Tensor) -> Tensor:
        y = nn.functional.layer_norm(x, (3,)) if self.centred else nn.functional.rms_norm(x, (3,))
        return y * (self.offset + w)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.places(torch.arange(3))
        x = x + self.down(torch.tanh(self.up(self.norm(x, self.inner))))
        logits: Tensor = self.head(self.norm(x, self.last))
        return logits


EXAMPLE = (torch.tensor([[0, 3, 6]]),)


def derived(offset: float, centred: bool) -> tuple[nn.Module, symgauge.Derivation]:
    torch.manual_seed(0)
    module = Centred(offset, centred)
    return module, symgauge.derive(module, EXAMPLE)


@pytest.mark.parametrize("offset", [1.0, -2.5])
@pytest.mark.parametrize("centred", [True, False])
def test_all_is_found_as_without_an_offset(offset: float, centred: bool) -> None:
    _, plain = derived(0.0, centred)
    module, found = derived(offset, centred)
    assert found.unexplained == 0 and found.redundancy == plain.redundancy
    assert found.algebra == plain.algebra
    verified = found.verify()
    assert verified.verdict is Verdict.PROVED, verified.reasons
    # elements are of w, and keep the function; in w + 1 they do not
    module = module.double()
    state, x = module.state_dict(), EXAMPLE[0]
    before = module(x)
    for seed in range(2):
        moved = found.sample(seed=seed).apply(state)
        after = torch.func.functional_call(module, moved, (x,))
        assert (after - before).abs().max() < 1e-8 * before.abs().max()
        off = {k: v + 1 if k in ("inner", "last") else v for k, v in state.items()}
        wrong = found.sample(seed=seed).apply(off)
        wrong = {k: v - 1 if k in ("inner", "last") else v for k, v in wrong.items()}
        after = torch.func.functional_call(module, wrong, (x,))
        assert (after - before).abs().max() > 1e-4 * before.abs().max()


def test_generators_in_sympy_are_of_the_parameter_itself() -> None:
    module, found = derived(1.0, True)
    basis = found.basis
    values = {s: float(x) for name, array in basis.symbols.items() for s, x in zip(
        array.reshape(-1), dict(module.named_parameters())[name].detach().reshape(-1), strict=True)}
    module = module.double()
    x = EXAMPLE[0]
    for number in range(len(basis)):
        moved = {name: torch.tensor(
            sympy.lambdify([], array.subs(values))(), dtype=torch.float64).reshape(
                dict(module.named_parameters())[name].shape)
            for name, array in basis[number].matrices().items()}
        state = {n: p.detach() for n, p in module.named_parameters()}
        tangent = {n: moved.get(n, torch.zeros_like(p)) for n, p in state.items()}
        _, change = torch.func.jvp(
            lambda s: torch.func.functional_call(module, s, (x,)), (state,), (tangent,))
        assert change.abs().max() < 1e-9, basis[number]


def test_weight_decay_brings_w_to_0_and_not_the_gain() -> None:
    _, plain = derived(0.0, False)
    _, found = derived(1.0, False)
    rates = {law["formula"]: law.get("decay") for law in found.data["laws"]["laws"]}
    gains = {k: v for k, v in rates.items() if "last" in k}
    assert gains and set(gains.values()) == {None}
    assert any(law.get("decay") == 2 and "last" in law["formula"]
               for law in plain.data["laws"]["laws"])


def test_another_number_in_a_record_is_refused() -> None:
    module, found = derived(1.0, True)
    text = json.dumps(found.data)
    assert text.count('"added": "1"') == 2
    edited = json.loads(text.replace('"added": "1"', '"added": "2"', 1))
    edited["certificate"] = sealed(edited["certificate"])
    verified = symgauge.Derivation.from_plain(sealed(edited)).verify()
    assert verified.verdict is not Verdict.PROVED
    network = capture(module, EXAMPLE, {}).network
    there = recentred(network)
    assert there.offsets == {"inner": Fraction(1), "last": Fraction(1)}
    assert recentred(there.network).offsets == there.offsets
    assert same_program(there.network, there.network) and not same_program(
        there.network, network)


class Shifted(nn.Module):
    """Two linear maps whose biases are b + u and c - v."""

    def __init__(self, u: float, v: float) -> None:
        super().__init__()
        self.u, self.v = u, v
        self.a, self.b = nn.Parameter(torch.rand(3, 2)), nn.Parameter(torch.rand(2))
        self.head, self.c = nn.Parameter(torch.rand(2, 2)), nn.Parameter(torch.rand(2))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.a + (self.b + self.u)) @ self.head + (self.c - self.v)


def test_biases_with_a_number_are_as_plain_ones() -> None:
    torch.manual_seed(0)
    module, example = Shifted(0.5, 2.0), (torch.randn(2, 3),)
    found, plain = symgauge.derive(module, example), symgauge.derive(Shifted(0.0, 0.0), example)
    assert found.unexplained == 0 and found.redundancy == plain.redundancy
    assert found.verify().verdict is Verdict.PROVED
    added = recentred(capture(module, example, {}).network).offsets
    assert added == {"b": Fraction(1, 2), "c": -2}
    module, x = module.double(), example[0].double()
    state, before = module.state_dict(), module(x)
    moved = found.sample().apply(state)
    # the matrix that turns the inner index has an action
    assert not any(torch.equal(moved[name], state[name]) for name in state)
    after = torch.func.functional_call(module, moved, (x,))
    assert (after - before).abs().max() < 1e-10 * before.abs().max()
