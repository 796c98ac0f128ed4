"""Orders and signs of parameters: what is proved by the expression alone, and what is not."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.derivation.seal import sealed
from symgauge.domains import terms
from symgauge.domains.terms import TermDomain
from symgauge.errors import UndecidedError
from symgauge.program.array import Array
from symgauge.program.network import Network
from symgauge.proof.rearranged import Rearrangements


class Units(torch.nn.Module):
    """v act(w x + b), three units, and a last bias."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.w, self.b, self.v, self.c = (
            torch.nn.Parameter(torch.ones(shape)) for shape in ((3, 2), (3,), (2, 3), (2,)))
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x @ self.w.T + self.b) @ self.v.T + self.c


def program(act: Callable[[Tensor], Tensor]) -> Network:
    return capture(Units(act).eval(), (torch.ones(1, 2),), {}).network


def ordered(order: list[int], *names: str) -> Callable[[Mapping[str, Array]], Mapping[str, Array]]:
    """The units in another order, in these tensors."""
    def act(theta: Mapping[str, Array]) -> Mapping[str, Array]:
        return {n: (t[:, :, order] if n == "v" else t[:, order]) if n in names else t
                for n, t in theta.items()}

    return act


ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu, "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu,
    "softmax": lambda h: torch.softmax(h, -1),
    "norm": lambda h: h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-5),
    "centred": lambda h: h - h.mean(-1, keepdim=True),
}


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "softmax", "norm", "centred"])
def test_units_may_be_ordered_in_all_their_tensors_alone(name: str) -> None:
    expression = Rearrangements(program(ACTS[name]))
    for order in ([1, 0, 2], [2, 0, 1]):
        assert expression.proves(ordered(order, "w", "b", "v"))
        for few in (("w", "b"), ("w", "v"), ("b", "v"), ("v",)):
            assert not expression.proves(ordered(order, *few))


@pytest.mark.parametrize("act, right, wrong", [
    (lambda h: torch.cumsum(h, -1), [0, 1, 2], [1, 0, 2]),
    (lambda h: h * torch.tensor([1.0, 1.0, 2.0]), [1, 0, 2], [0, 2, 1]),
    (lambda h: torch.cat((torch.relu(h[..., :1]), torch.tanh(h[..., 1:])), -1),
     [0, 2, 1], [1, 0, 2]),
    (lambda h: h.roll(1, -1) * h, [2, 0, 1], [1, 0, 2]),
], ids=["running sum", "weights", "two functions", "neighbours"])
def test_units_that_differ_are_not(
    act: Callable[[Tensor], Tensor], right: list[int], wrong: list[int]
) -> None:
    expression = Rearrangements(program(act))
    assert expression.proves(ordered(right, "w", "b", "v"))
    assert not expression.proves(ordered(wrong, "w", "b", "v"))


@pytest.mark.parametrize("act, parity", [
    (torch.sin, "odd"), (torch.erf, "odd"), (lambda h: h ** 3, "odd"), (lambda h: h, "odd"),
    (torch.cos, "even"), (lambda h: h ** 2, "even"),
    (torch.relu, ""), (torch.nn.functional.gelu, ""), (torch.exp, ""),
], ids=["sin", "erf", "cube", "linear", "cos", "square", "relu", "gelu", "exp"])
def test_signs_pass_odd_and_even_functions(act: Callable[[Tensor], Tensor], parity: str) -> None:
    """w_0, b_0 and v_0 change their sign; of even functions w_0 and b_0 alone."""
    expression = Rearrangements(program(act))

    def turned(*names: str) -> Callable[[Mapping[str, Array]], Mapping[str, Array]]:
        def sign(theta: Mapping[str, Array]) -> Mapping[str, Array]:
            out = {n: t.copy() for n, t in theta.items()}
            for n in names:
                at = (slice(None), slice(None), 0) if n == "v" else (slice(None), 0)
                out[n][at] = expression.negate(out[n][at])
            return out

        return sign

    assert expression.proves(turned("w", "b", "v")) is (parity == "odd")
    assert expression.proves(turned("w", "b")) is (parity == "even")
    assert not expression.proves(turned("w", "v"))


def test_terms_are_equal_by_order_and_rational_factors_alone() -> None:
    domain = TermDomain()
    a, b, c = (domain.symbols("parameter", name, ()) for name in "abc")
    two = domain.scale(a, Fraction(2))
    assert domain.add(a, domain.add(b, c)) == domain.add(domain.add(c, a), b)
    assert domain.mul(domain.mul(a, b), c) == domain.mul(b, domain.mul(c, a))
    # a sum that was asked for with one of its parts twice is another
    assert domain.sum(np.stack([a, b, a], axis=1), (1,)) == domain.add(two, b) != domain.add(a, b)
    assert domain.add(a, a) == two and domain.add(two, domain.scale(a, Fraction(-2))) == (
        domain.zeros((1,)))
    total = domain.add(domain.scale(a, Fraction(2)), domain.scale(b, Fraction(4)))
    half = domain.add(a, domain.scale(b, Fraction(2)))
    assert domain.mul(total, c) == domain.scale(domain.mul(half, c), Fraction(2))
    assert domain.mul(total, domain.reciprocal(half)) == domain.add(
        domain.one(1), domain.one(1))
    for other in (domain.add(a, c), domain.add(a, domain.scale(b, Fraction(-1))), domain.mul(a, b)):
        assert other != domain.add(a, b)
    for name in ("rsqrt", "exp", "log", "erf", "erf_slope", "step", "sin", "cos", "floor"):
        at = getattr(domain, name)
        assert at(a) == at(a) and at(a) != at(b) and at(a) != a
    assert domain.symbols("input", "a", ()) != a
    with pytest.raises(UndecidedError, match="quotient by 0"):
        domain.reciprocal(domain.zeros((1,)))
    with pytest.raises(UndecidedError, match="ranked by their places"):
        domain.ranking(np.stack([a, a], -1), 1)
    row, back = np.stack([a, b, c], -1), np.stack([c, b, a], -1)
    ranked, turned = domain.ranking(row, 2), domain.ranking(back, 2)
    assert np.array_equal(ranked, turned[..., ::-1]) and not np.array_equal(ranked, turned)


class Routed(torch.nn.Module):
    """The expert of the largest score alone; scores are what `act` makes of W x."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.w, self.v = (
            torch.nn.Parameter(torch.randn(3, 2, generator=generator)) for _ in "wv")
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        first = torch.topk(self.act(x @ self.w.T), 1, -1).indices
        hot = torch.nn.functional.one_hot(first, 3).sum(-2).to(x.dtype)
        return ((x @ self.v.T) * hot).sum(-1)


@pytest.mark.parametrize("act, distinct", [
    (lambda h: h, True), (lambda h: torch.softmax(h, -1), True), (torch.sigmoid, True),
    (torch.nn.functional.softplus, True),
    (lambda h: h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-5), True),
    # beyond 10,000 two of them are equal, and the first by its place is taken
    (lambda h: h.clamp(-1e4, 1e4), False), (torch.relu, False),
    # |u| + v and |v| + u are equal where both are positive
    (lambda h: (h * h).sqrt() + h.roll(1, -1), False),
], ids=["linear", "softmax", "sigmoid", "softplus", "norm", "clamp", "relu", "root of squares"])
def test_entries_that_may_tie_keep_their_places(
    act: Callable[[Tensor], Tensor], distinct: bool
) -> None:
    module = Routed(act)
    expression = Rearrangements(capture(module.eval(), (torch.ones(1, 2),), {}).network)
    assert expression.proves(ordered([1, 2, 0], "w")) is False
    moved = {n: [1, 2, 0] for n in ("w", "v")}
    assert expression.proves(
        lambda t: {n: a[:, moved[n]] for n, a in t.items()}) is distinct


def test_a_tie_of_clamped_scores_is_taken_by_place() -> None:
    """So the order of experts is no symmetry there, and the record must not say it is proved."""
    module = Routed(lambda h: h.clamp(-1e4, 1e4))
    found = symgauge.derive(module, (torch.ones(4, 2),))
    assert [e.status for e in found.discrete if e.group == "S_3"] == ["checked"]
    x = torch.tensor([[1e6, 2e6]])
    with torch.no_grad():
        module.w.copy_(torch.tensor([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]]))
        before = module(x)
        for p in (module.w, module.v):
            p.copy_(p[[1, 2, 0]])
        assert not torch.allclose(before, module(x))


def test_a_program_of_too_many_terms_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "MOST", 30)
    assert not Rearrangements(program(torch.relu)).proves(ordered([1, 0, 2], "w", "b", "v"))


def test_the_record_says_what_is_proved_and_verify_proves_it_again() -> None:
    """tanh is written by exponentials: that it is odd is seen at points alone."""
    found = symgauge.derive(Units(torch.tanh), (torch.ones(1, 2),))
    assert [(e.group, e.status) for e in found.discrete] == [
        ("S_3", "proved"), ("(Z_2)^3", "checked")]

    def told(change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> Verdict:
        data = dict(found.data)
        data["discrete"] = change(data["discrete"])
        return symgauge.Derivation.from_plain(sealed(data)).verify().verdict

    assert told(lambda said: said) is Verdict.PROVED
    assert told(lambda said: [{**e, "status": "proved"} for e in said]) is Verdict.REFUTED
    # records from before say less of the first
    assert told(lambda said: [{**e, "status": "checked"} for e in said]) is Verdict.PROVED
    assert told(lambda said: [*said, {**said[0], "status": "checked"}]) is Verdict.REFUTED
