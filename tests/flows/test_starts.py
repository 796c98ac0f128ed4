"""What a flow's starts leave free: augmented states, known starts, starts that are parameters.

xi need vanish at the starts alone. Where k of n + k entries of the state start at 0 and a linear
map reads the end, these are the xi = M x_aug: k (n + k) of them.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Identity, Linear, Module, ModuleList, Parameter, ReLU, Sequential, Tanh

import symgauge
from symgauge.capture import capture
from symgauge.certify.generators import refuted_at_points
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.kinds import kind_named
from symgauge.nn import OdeFlow
from symgauge.program.network import Network
from symgauge.proof.prover import Prover
from symgauge.proof.starts import AT_STARTS
from symgauge.verdict import Verdict

import numpy as np

Start = Callable[[Tensor], Tensor]


class Started(Module):
    """A flow from start(x), read at so many times, the start included if there are several."""

    def __init__(self, start: Any, field: Module, read: Any, times: int = 1) -> None:
        super().__init__()
        self.start, self.read, self.times = start, read, times
        ends = [k / times for k in range(times + 1)]
        self.flows = ModuleList(OdeFlow(field, a, b) for a, b in zip(ends, ends[1:]))

    def forward(self, x: Tensor) -> Any:
        z = self.start(x)
        out = [self.read(z)] if self.times > 1 else []
        for flow in self.flows:
            z = flow(z)
            out.append(self.read(z))
        return tuple(out)


def with_zeros(k: int) -> Start:
    return lambda x: torch.cat([x, x.new_zeros(*x.shape[:-1], k)], -1)


def zeros_first(k: int) -> Start:
    return lambda x: torch.cat([x.new_zeros(*x.shape[:-1], k), x], -1)


def with_ones(k: int) -> Start:
    return lambda x: torch.cat([x, x.new_ones(*x.shape[:-1], k)], -1)


class WithParameter(Module):
    """[x, p]: p is trained."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.p = Parameter(torch.randn(k))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.p.expand(*x.shape[:-1], -1)], -1)


def squares(x: Tensor) -> Tensor:
    """[x, x^2]: the last entries are no constants."""
    return torch.cat([x, x * x], -1)


def mlp(n: int, h: int, act: Any = Tanh) -> Module:
    return Sequential(Linear(n, h), act(), Linear(h, n))


def first(n: int) -> Callable[[Tensor], Tensor]:
    return lambda z: z[..., :n]


#: name: module, entries of x, P, redundancy, algebra, whether matrices act (else generators alone).
PROVED: dict[str, tuple[Callable[[], Module], int, int, int, str, bool]] = {
    "tanh, 2 + 1": (
        lambda: Started(with_zeros(1), mlp(3, 3), Linear(3, 3)), 2, 36, 3, "R |x R^2", True),
    "tanh, 1 + 2": (
        lambda: Started(with_zeros(2), mlp(3, 3), Linear(3, 3)), 1, 36, 6, "aff(2,R)", True),
    "tanh, 2 + 2": (
        lambda: Started(with_zeros(2), mlp(4, 4), Linear(4, 3)), 2, 55, 8,
        "gl(2,R) |x (R^2)^2", True),
    "tanh, 1 + 2, zeros first": (
        lambda: Started(zeros_first(2), mlp(3, 3), Linear(3, 3)), 1, 36, 6, "aff(2,R)", True),
    "linear, 2 + 1, three times": (
        lambda: Started(with_zeros(1), Linear(3, 3, bias=False), Linear(3, 4), 2), 2, 25, 3,
        "R |x R^2", True),
    "affine, 2 + 1, three times": (
        lambda: Started(with_zeros(1), Linear(3, 3), Linear(3, 4), 2), 2, 28, 3, "R |x R^2", True),
    "affine, 1 + 2, five times": (
        lambda: Started(with_zeros(2), Linear(3, 3), Linear(3, 4), 4), 1, 28, 6, "aff(2,R)", True),
    # the hidden neurons of a ReLU field scale besides
    "ReLU, 2 + 1": (
        lambda: Started(with_zeros(1), mlp(3, 4, ReLU), Linear(3, 3)), 2, 43, 7,
        "(R |x R^2) + R^4", True),
    # only what leaves the entries that are read: M = [0, M_2]
    "one entry seen, 1 + 2": (
        lambda: Started(with_zeros(2), mlp(3, 4), first(1)), 1, 31, 4, "gl(2,R)", True),
    "two entries seen, 2 + 2": (
        lambda: Started(with_zeros(2), mlp(4, 4), first(2)), 2, 40, 4, "gl(2,R)", True),
    # affine: M (x_aug - 1)
    "ones, 2 + 1": (
        lambda: Started(with_ones(1), mlp(3, 4), Linear(3, 3)), 2, 43, 3, "R |x R^2", False),
    # M (x_aug - p), and p by any constant: k (n + k + 1), with coefficients in p
    "a trained start, 2 + 2": (
        lambda: Started(WithParameter(2), mlp(4, 4), Linear(4, 3)), 2, 57, 10,
        "(gl(2,R) |x (R^2)^2) + gl(2,R)", True),
}


def derived(make: Callable[[], Module], entries: int) -> Any:
    torch.manual_seed(0)
    return symgauge.derive(make(), (torch.randn(1, entries),))


@pytest.mark.parametrize("name", PROVED)
def test_what_starts_leave_free_is_proved_and_complete(name: str) -> None:
    make, entries, parameters, redundancy, algebra, matrices = PROVED[name]
    found = derived(make, entries)
    assert (found.parameters, found.redundancy) == (parameters, redundancy)
    assert (found.orbit_dimension, found.closed) == (redundancy, True)
    assert found.algebra.form == algebra and found.verdict is Verdict.PROVED
    again = symgauge.Derivation.from_json(found.to_json()).verify()
    assert again.verdict is Verdict.PROVED, again.reasons
    assert any(AT_STARTS in line.variation for p in found.certificate.proofs() for line in p.lines)
    acting = [g for g in found.generators if g.element.kind.is_finite]
    assert bool(acting) is matrices


@pytest.mark.parametrize(("make", "entries"), [
    (lambda: Started(with_zeros(1), mlp(3, 4), Identity()), 2),
    (lambda: Started(squares, mlp(4, 4), Linear(4, 3)), 2),
    (lambda: Started(Identity(), mlp(3, 4), Linear(3, 3)), 3),
])
def test_nothing_is_free_where_all_is_seen_or_nothing_is_constant(make: Any, entries: int) -> None:
    found = derived(make, entries)
    assert (found.redundancy, found.closed, found.verdict) == (0, True, Verdict.PROVED)


def test_an_element_acts_and_a_wrong_one_does_not() -> None:
    """g = 1 + U E^T leaves the solver's output; a g that moves what a start has does not."""
    torch.manual_seed(0)
    module = Started(with_zeros(1), mlp(3, 4), Linear(3, 3)).double()
    x = torch.randn(5, 2, dtype=torch.float64)
    found = symgauge.derive(module, (x[:1],))
    for flow in module.flows:
        flow.rtol, flow.atol = 1e-11, 1e-13
    before = module(x)[0].detach()
    state = {k: v.clone() for k, v in module.state_dict().items()}
    module.load_state_dict(found.sample(seed=1, state=state).apply(state))
    assert float((module(x)[0] - before).abs().max().detach()) < 1e-8
    assert max(float((v - state[k]).abs().max()) for k, v in module.state_dict().items()) > 1e-2
    g = torch.eye(3, dtype=torch.float64)
    g[2, 0] = 0.5  # column 0 moves: x does
    back = torch.linalg.inv(g)
    wrong = dict(state)
    for name in state:
        if name.endswith("vector_field.0.weight") or name == "read.weight":
            wrong[name] = state[name] @ back
        elif name.endswith(("vector_field.2.weight", "vector_field.2.bias")):
            wrong[name] = g @ state[name]
    module.load_state_dict(wrong)
    assert float((module(x)[0] - before).abs().max().detach()) > 1e-3


def _network(start: Any) -> Network:
    torch.manual_seed(0)
    module = Started(start, mlp(3, 3), Linear(3, 3))
    return capture(module, (torch.randn(1, 2),)).network


@pytest.mark.parametrize("start", [
    with_ones(1), lambda x: torch.cat([x, x[..., :1] * x[..., 1:]], -1),
    lambda x: torch.cat([x, x[..., :1] + x[..., 1:]], -1),
])
def test_the_same_fields_are_refused_at_another_start(start: Any) -> None:
    """M x_aug vanishes at 0: not at 1, at x_1 x_2, or at x_1 + x_2."""
    right, wrong = _network(with_zeros(1)), _network(start)
    torch.manual_seed(0)
    found = symgauge.derive(Started(with_zeros(1), mlp(3, 3), Linear(3, 3)), (torch.randn(1, 2),))
    fields = found.certificate.generators(right)
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    assert [p.name for p in right.parameters] == [p.name for p in wrong.parameters]
    for generator in fields:
        assert Prover(right).prove(generator).verdict is Verdict.PROVED
        assert Prover(wrong).prove(generator).verdict is Verdict.UNKNOWN
        assert refuted_at_points(wrong, generator, field, rng)


def test_a_start_that_repeats_an_entry() -> None:
    """[x, x]: xi = M (x_1 - x_2), four by two of them; an affine change of basis away from 0."""
    found = derived(lambda: Started(
        lambda x: torch.cat([x, x], -1), mlp(4, 4), Linear(4, 3)), 2)
    assert (found.redundancy, found.orbit_dimension, found.verdict) == (8, 8, Verdict.PROVED)


def test_a_known_start() -> None:
    """One trajectory, seen in full: a linear xi with xi(c) = 0 for each, and a shift of it."""
    class Known(Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("c", torch.tensor([1.0, 2.0]))

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.c.expand(*x.shape[:-1], -1) + 0 * x
            return found

    network = capture(
        Started(Known(), mlp(2, 3), Linear(2, 3), 2), (torch.randn(1, 2),)).network
    prover, offsets = Prover(network), network.offsets
    # xi = e_1 (2 x_1 - x_2), and xi = e_1 (x_1 - 1)
    assert prover.prove(_moved_by(offsets, {0: 2, 1: -1}, 0)).verdict is Verdict.PROVED
    assert prover.prove(_moved_by(offsets, {0: 1}, -1)).verdict is Verdict.PROVED
    # of these only the level or the functional is another one
    assert prover.prove(_moved_by(offsets, {0: 2, 1: 1}, 0)).verdict is Verdict.UNKNOWN
    assert prover.prove(_moved_by(offsets, {0: 1}, 1)).verdict is Verdict.UNKNOWN


def _moved_by(offsets: dict[str, int], functional: dict[int, int], level: int) -> Any:
    """The field of xi = e_1 (functional + level) on W2 tanh(W1 x + b1) + b2, read by D x + d."""
    from fractions import Fraction

    from symgauge.lie.fields import VectorField

    shift, linear = [], []
    names = ["flows.0.vector_field.0", "flows.0.vector_field.2"]
    into, out = (offsets[f"{n}.weight"] for n in names)
    bias, last = (offsets[f"{n}.bias"] for n in names)
    d, e = offsets["read.weight"], offsets["read.bias"]
    for j, c in functional.items():
        for h in range(3):
            linear += [(into + 2 * h + j, into + 2 * h, Fraction(-c)),
                       (out + h, out + 3 * j + h, Fraction(c)),
                       (d + 2 * h + j, d + 2 * h, Fraction(-c))]
        linear.append((last, last + j, Fraction(c)))
    if level:
        for h in range(3):
            linear += [(bias + h, into + 2 * h, Fraction(-level)),
                       (e + h, d + 2 * h, Fraction(-level))]
    return VectorField.build(shift, linear)


@pytest.mark.parametrize("name", [
    "fixing", "fixing[]", "fixing[1]", "fixing[2:2]", "fixing[0:01]", "fixing[-1:2]", "gl[0:1]",
    "fixing[0:2", "fixing[0:2]]", "fixing[0:9999999]",
])
def test_a_kind_with_numbers_has_these_numbers(name: str) -> None:
    with pytest.raises(ValueError, match=r"kind of element|range"):
        kind_named(name)
    assert kind_named("fixing[0:2]").name == "fixing[0:2]"
