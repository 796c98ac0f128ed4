"""OdeFlow: the solver, the op in every number system, its proof, and derivations with it.

A flow has two ranks that must not be taken for each other: that of its end, over power series in
the duration, and that of the span of all Taylor coefficients, the rank of the whole trajectory.
"""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import Linear, Module, Parameter, ReLU, Sequential, Tanh

import symgauge
from symgauge.capture import capture
from symgauge.domains.evaluate import cotangents, tangents, values
from symgauge.domains.real import RealDomain
from symgauge.domains.series import SeriesDomain
from symgauge.errors import BadInputError, CaptureError, FlowError
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.lie.fields import VectorField
from symgauge.nn import OdeFlow
from symgauge.points.draw import Draw
from symgauge.points.reads import read_coordinates
from symgauge.points.rows import RANK_ORDER, jacobian_rows
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.serial import canonical_digest
from symgauge.proof.prover import Prover
from symgauge.verdict import Verdict

FIELD = PrimeField(next(primes()))


# -- vector fields and modules -------------------------------------------------------------------


class Leaky(Module):
    """-Lam x + tanh(W x + b)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.rate = Parameter(torch.rand(n))
        self.linear = Linear(n, n)

    def forward(self, x: Tensor) -> Tensor:
        return -self.rate * x + torch.tanh(self.linear(x))


class Attention(Module):
    """Interacting tokens: each moves by softmax(Q K^T) V."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.q = Linear(width, head, bias=False)
        self.k = Linear(width, head, bias=False)
        self.v = Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(-1, -2)
        return torch.softmax(scores, -1) @ self.v(x)


class Driven(Module):
    """A x + sin(t) b."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.a = Linear(n, n, bias=False)
        self.b = Parameter(torch.randn(n))

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        return self.a(x) + torch.sin(t) * self.b


def mlp(n: int, h: int, act: Module, bias: bool = True) -> Module:
    return Sequential(Linear(n, h, bias=bias), act, Linear(h, n, bias=bias))


class WithTime(Module):
    """W2 tanh(W1 (x, t) + b1) + b2: time is one more feature."""

    def __init__(self, n: int, h: int) -> None:
        super().__init__()
        self.first, self.second = Linear(n + 1, h), Linear(h, n)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        timed = torch.cat([x, t.expand(*x.shape[:-1], 1)], -1)
        out: Tensor = self.second(torch.tanh(self.first(timed)))
        return out


class Between(Module):
    """A flow between trainable linear maps."""

    def __init__(self, flow: Module, n: int, bias: bool, sizes: tuple[int, int] = (4, 4)) -> None:
        super().__init__()
        self.encoder = Linear(sizes[0], n, bias=bias)
        self.flow = flow
        self.decoder = Linear(n, sizes[1], bias=bias)

    def forward(self, x: Tensor) -> Any:
        out = self.flow(self.encoder(x))
        return tuple(self.decoder(z) for z in out) if isinstance(out, tuple) else self.decoder(out)


class Twice(Module):
    """The state at two times: one flow after the other, of the same field."""

    def __init__(self, field: Module) -> None:
        super().__init__()
        self.first, self.second = OdeFlow(field, 0.0, 0.5), OdeFlow(field, 0.5, 1.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        middle = self.first(x)
        return x, middle, self.second(middle)


def derived(module: Module, *shape: int) -> Any:
    torch.manual_seed(0)
    return symgauge.derive(module, (torch.randn(*shape),))


def network_of(module: Module, *shape: int) -> Network:
    return capture(module, (torch.randn(*shape),)).network


# -- the module ----------------------------------------------------------------------------------


def test_linear_flow_is_the_matrix_exponential() -> None:
    torch.manual_seed(1)
    field = Linear(3, 3, bias=False).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    flow = OdeFlow(field, 0.5, -1.0, rtol=1e-11, atol=1e-13)
    exact = x @ torch.matrix_exp(-1.5 * field.weight).T
    assert float((flow(x) - exact).abs().max().detach()) < 1e-9
    flow(x).sum().backward()
    assert field.weight.grad is not None


def test_time_and_time_scale() -> None:
    scale = Parameter(torch.tensor(0.7, dtype=torch.float64))
    flow = OdeFlow(lambda t, x: 2 * t * torch.ones_like(x), 1.0, 3.0, time_scale=scale)
    end = flow(torch.zeros(2, dtype=torch.float64))
    assert torch.allclose(end, torch.full((2,), 0.7 * 8, dtype=torch.float64))
    assert dict(flow.named_parameters()) == {"time_scale": scale}
    halved = OdeFlow(lambda x: torch.ones_like(x), time_scale=0.5)(torch.zeros(1))
    assert float(halved) == pytest.approx(0.5)


@pytest.mark.parametrize("method", ["dopri5", "dopri8", "bosh3"])
def test_a_field_that_blows_up_is_refused_and_says_where(method: str) -> None:
    flow = OdeFlow(lambda x: x**2, 0.0, 2.0, method=method)
    with pytest.raises(FlowError, match=r"followed to t = .*norm") as caught:
        flow(torch.ones(1, dtype=torch.float64))
    followed = float(str(caught.value).split("t = ")[2].split(",")[0])
    assert followed < 1.2  # the solution 1 / (1 - t) ends at 1


def test_what_a_flow_refuses() -> None:
    with pytest.raises(BadInputError, match="two different times"):
        OdeFlow(Linear(2, 2), 1.0, 1.0)
    with pytest.raises(BadInputError, match="takes 3 arguments"):
        OdeFlow(lambda t, x, y: x)
    with pytest.raises(BadInputError, match="has the shape of its state"):
        OdeFlow(Linear(2, 3))(torch.zeros(2))
    with pytest.raises(FlowError, match="not finite"):
        OdeFlow(lambda x: x * float("nan"), method="rk4")(torch.ones(1))


def test_fixed_steps_commute_with_affine_maps_and_adaptive_ones_do_not() -> None:
    torch.manual_seed(3)
    one, two = mlp(3, 4, Tanh()).double(), mlp(3, 4, Tanh()).double()
    g = torch.randn(3, 3, dtype=torch.float64) + 3 * torch.eye(3, dtype=torch.float64)
    with torch.no_grad():
        two[0].weight.copy_(one[0].weight @ torch.linalg.inv(g))
        two[0].bias.copy_(one[0].bias)
        two[2].weight.copy_(g @ one[2].weight)
        two[2].bias.copy_(g @ one[2].bias)
    x = torch.randn(6, 3, dtype=torch.float64)
    gaps = []
    for fixed in (True, False):
        flows = [OdeFlow(field, 0.0, 4.0) for field in (one, two)]
        for flow in flows:
            if fixed:
                flow.fix_steps()
        gaps.append(float((flows[0](x) @ g.T - flows[1](x @ g.T)).abs().max().detach()))
    assert gaps[0] < 1e-13 < 1e-9 < gaps[1]


# -- capture and the number systems --------------------------------------------------------------


CASES = {
    "driven": (lambda: OdeFlow(Driven(2), 0.25, 0.5), (1, 2)),
    "tanh": (lambda: Between(OdeFlow(mlp(2, 3, Tanh()), 0.0, 0.25), 2, True, (2, 3)), (1, 2)),
    "attention": (lambda: OdeFlow(Attention(2, 2), 0.0, 0.25), (3, 2)),
    "one after the other": (
        lambda: Between(Twice(mlp(2, 2, Tanh())), 2, False, (2, 2)), (1, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_adjoint_tangent_and_power_series_agree(name: str) -> None:
    """<v, J u> = <J^T v, u> in floats; the series summed at s = 1 is the float value."""
    make, shape = CASES[name]
    torch.manual_seed(5)
    network = lower(network_of(make(), *shape))
    rng = np.random.default_rng(7)
    theta = {p.name: 0.5 * rng.normal(size=(1, *p.shape)) for p in network.parameters}
    inputs = {x.name: 0.5 * rng.normal(size=(1, *x.shape)) for x in network.inputs}
    domain = RealDomain()
    lines = values(network, domain, theta, inputs)
    moved = {i: rng.normal(size=(1, *network.nodes[i].shape)) for i in network.parameter_nodes}
    seeds = [rng.normal(size=lines[i].shape) for i in network.outputs]
    along = tangents(network, domain, lines, moved)
    rows = cotangents(network, domain, lines, seeds)
    forward = sum(
        float((s * along[i]).sum()) for s, i in zip(seeds, network.outputs) if along[i] is not None
    )
    back = sum(
        float((rows[p.name] * moved[i]).sum())
        for p, i in zip(network.parameters, network.parameter_nodes)
    )
    assert forward == pytest.approx(back, rel=1e-7)
    order = 14
    series = SeriesDomain(RealDomain(), order, 1)
    lifted = [
        {n: series.lift(v) for n, v in table.items()} for table in (theta, inputs)
    ]
    slow = values(network, series, *lifted)
    for i in network.outputs:
        assert np.allclose(slow[i].sum(axis=0), lines[i][0], atol=1e-8)
    pushed = tangents(network, series, slow, {i: series.lift(m) for i, m in moved.items()})
    for i in network.outputs:
        if along[i] is not None:
            assert np.allclose(pushed[i].sum(axis=0), along[i][0], atol=1e-7)
    pulled = cotangents(network, series, slow, [series.lift(s) for s in seeds])
    for n, row in rows.items():
        assert np.allclose(pulled[n].sum(axis=0), row[0], atol=1e-7), n


def test_every_function_of_the_series_against_its_taylor_coefficients() -> None:
    order, h = 9, 0.05
    series = SeriesDomain(RealDomain(), order, 1)
    coefficients = np.random.default_rng(0).normal(size=(order, 3))
    coefficients[0] = [0.7, 1.1, 1.9]

    def at(a: np.ndarray) -> np.ndarray:
        return np.asarray(sum(c * h**k for k, c in enumerate(a)))

    real, point = RealDomain(), at(coefficients)
    for name in ("exp", "log", "erf", "erf_slope", "sin", "cos", "rsqrt", "reciprocal"):
        found = at(getattr(series, name)(coefficients))
        assert np.allclose(found, getattr(real, name)(point[None])[0], atol=1e-8), name
    y = series.rsqrt(coefficients)
    assert np.allclose(series.rsqrt_slope(coefficients, y),
                       super(SeriesDomain, series).rsqrt_slope(coefficients, y))


def test_the_end_reads_what_the_state_reads_on_its_way() -> None:
    class Chain(Module):
        """dx1 = a x1, dx2 = b x1, and x3 stands still: the end of x3 reads neither a nor b."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (Parameter(torch.randn(1)) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            one = x[..., :1]
            return torch.cat([self.a * one, self.b * one, 0 * one], -1)

    class Seen(Module):
        def __init__(self, place: int) -> None:
            super().__init__()
            self.flow, self.place = OdeFlow(Chain()), place

        def forward(self, x: Tensor) -> Tensor:
            return self.flow(x)[..., self.place:self.place + 1]

    reads = [read_coordinates(network_of(Seen(k), 1, 3)).tolist() for k in range(2)]
    assert reads == [[True, False, False], [True, True, False]]
    assert derived(Seen(1), 1, 3).unread == 1


def test_a_field_that_blows_up_at_generic_parameters_is_still_captured() -> None:
    class Quadratic(Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = Linear(2, 2, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x * x)

    network = network_of(OdeFlow(Quadratic(), 0.0, 4.0), 1, 2)
    assert network.has_flows


def test_a_flow_inside_a_field_is_refused() -> None:
    class Inside(Module):
        def __init__(self) -> None:
            super().__init__()
            self.flow = OdeFlow(Linear(2, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.flow(x)

    with pytest.raises(CaptureError, match="integrates another OdeFlow"):
        network_of(OdeFlow(Inside()), 1, 2)


# -- the two ranks -------------------------------------------------------------------------------


def test_the_end_of_a_linear_flow_is_not_its_trajectory() -> None:
    module = Between(OdeFlow(Linear(3, 3, bias=False)), 3, False, (4, 5))
    network = network_of(module, 1, 4)
    rng = np.random.default_rng(0)
    theta = {p.name: FIELD.random(rng, (1, *p.shape)) for p in network.parameters}
    rows = jacobian_rows(Draw(network, FIELD, rng, theta), 60, RANK_ORDER)
    assert rows.rank(FIELD.p) == 18
    span = rows.coefficients.reshape(-1, rows.coefficients.shape[-1])
    assert rank(span, FIELD.p) == 27


class Block(Module):
    """A flow of W RMSNorm(x) between linear maps, read out through a nonlinear layer."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        field = Sequential(torch.nn.RMSNorm(2, eps=1e-5), Linear(2, 2, bias=False))
        self.encoder, self.flow = Linear(3, 2, bias=False), OdeFlow(field)
        self.decoder, self.last, self.act = Linear(2, 3, bias=False), Linear(3, 2), act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.act(self.decoder(self.flow(self.encoder(x)))))
        return out


FLOAT_CASES: dict[str, tuple[Any, tuple[int, ...], int]] = {
    "norm, tanh after it": (lambda: Block(torch.tanh), (1, 3), 3),
    "two flows": (
        lambda: Between(Sequential(
            OdeFlow(mlp(2, 2, Tanh())), OdeFlow(mlp(2, 2, torch.nn.Sigmoid()), 0.0, 2.0),
        ), 2, True, (3, 3)), (1, 3), 6),
    "attention": (lambda: Between(OdeFlow(Attention(2, 2)), 2, False, (4, 5)), (3, 4), 8),
    "time": (lambda: Between(OdeFlow(WithTime(2, 3)), 2, True, (3, 3)), (1, 3), 8),
}


@pytest.mark.parametrize("name", FLOAT_CASES)
def test_the_rank_is_that_of_the_float_jacobian_at_t1(name: str) -> None:
    """P - (singular values above a gap of 1e4) of the exact flow's Jacobian, by its adjoint."""
    make, shape, redundancy = FLOAT_CASES[name]
    torch.manual_seed(4)
    found = derived(make(), *shape)
    network = lower(found.network())
    rng = np.random.default_rng(3)
    rows = network.num_coordinates + 40
    theta = {p.name: 0.6 * rng.normal(size=(1, *p.shape)) for p in network.parameters}
    inputs = {x.name: 0.7 * rng.normal(size=(rows, *x.shape)) for x in network.inputs}
    lines = values(network, RealDomain(), theta, inputs)
    seeds = [rng.normal(size=(rows, *network.nodes[i].shape)) for i in network.outputs]
    pulled = cotangents(network, RealDomain(), lines, seeds)
    jacobian = np.concatenate([pulled[p.name].reshape(rows, -1) for p in network.parameters], 1)
    sizes = np.linalg.svd(jacobian / np.linalg.norm(jacobian, axis=0), compute_uv=False)
    assert found.redundancy == redundancy
    assert sizes[found.rank - 1] > 1e4 * sizes[found.rank]


# -- the proof -----------------------------------------------------------------------------------


def _linear_flow() -> tuple[Network, dict[str, int]]:
    network = network_of(Between(OdeFlow(Linear(2, 2, bias=False)), 2, False, (2, 2)), 1, 2)
    return network, network.offsets


def _change_of_basis(
    offsets: dict[str, int], w: np.ndarray, sign: int, encoder: bool = True
) -> VectorField:
    """d E = w E, d A = sign [w, A], d D = -D w."""
    names = ("encoder.weight", "flow.vector_field.weight", "decoder.weight")
    e, a, d = (offsets[n] for n in names)
    linear = []
    for i, j, k in np.ndindex(2, 2, 2):
        c = Fraction(int(w[i, k]))
        if encoder:
            linear.append((e + 2 * i + j, e + 2 * k + j, c))
        linear.append((a + 2 * i + j, a + 2 * k + j, sign * c))
        linear.append((a + 2 * j + k, a + 2 * j + i, -sign * c))
        linear.append((d + 2 * j + k, d + 2 * j + i, -c))
    return VectorField.build([], linear)


@pytest.mark.parametrize("w", [np.array([[0, 1], [0, 0]]), np.array([[2, -1], [3, 5]])])
def test_a_linear_field_moves_by_the_commutator_and_by_nothing_else(w: np.ndarray) -> None:
    network, offsets = _linear_flow()
    prover = Prover(network)
    assert prover.prove(_change_of_basis(offsets, w, 1)).verdict is Verdict.PROVED
    assert prover.prove(_change_of_basis(offsets, w, -1)).verdict is Verdict.UNKNOWN
    assert prover.prove(_change_of_basis(offsets, w, 0)).verdict is Verdict.UNKNOWN
    assert prover.prove(_change_of_basis(offsets, w, 1, False)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("coordinate", range(12))
def test_no_single_weight_of_a_linear_flow_is_gauge(coordinate: int) -> None:
    network, _ = _linear_flow()
    shift = VectorField.build([(coordinate, Fraction(1))], [])
    assert Prover(network).prove(shift).verdict is Verdict.UNKNOWN


def test_one_parameter_of_two_flows_of_different_fields() -> None:
    """A shift that one flow allows and the other does not is not proved."""
    class Two(Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = Parameter(torch.randn(2, 2))
            self.b, self.c = Parameter(torch.randn(2)), Parameter(torch.randn(2))
            self.one = OdeFlow(_Shared(self, "b"))
            self.two = OdeFlow(_Shared(self, "c"))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.one(x), self.two(x)

    found = derived(Two(), 1, 2)
    assert (found.parameters, found.redundancy, found.closed) == (8, 0, True)


class _Shared(Module):
    """tanh(W x) + a vector of the module around it."""

    def __init__(self, owner: Any, name: str) -> None:
        super().__init__()
        self.w, self.b = owner.w, getattr(owner, name)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.w.T) + self.b


# -- derivations ---------------------------------------------------------------------------------

#: name: module, input shape, P, redundancy, proved orbit, algebra. Where only the end of a linear
#: flow is seen, d A = 1 is compensated by the decoder, with xi = (t - t0) x: no polynomial does
#: that for Euler's (1 + A/N)^N. The 8 other directions of A need its exponential: implicit.
DERIVED: dict[str, tuple[Any, tuple[int, ...], int, int, int, str]] = {
    "linear, fixed ends": (lambda: OdeFlow(Linear(3, 3, bias=False)), (1, 3), 9, 0, 0, "0"),
    "affine, fixed ends": (lambda: OdeFlow(Linear(3, 3)), (1, 3), 12, 0, 0, "0"),
    "tanh, fixed ends": (lambda: OdeFlow(mlp(3, 4, Tanh())), (1, 3), 31, 0, 0, "0"),
    "ReLU, fixed ends": (lambda: OdeFlow(mlp(3, 4, ReLU())), (1, 3), 31, 4, 4, "R^4"),
    "leaky, fixed ends": (lambda: OdeFlow(Leaky(3)), (1, 3), 15, 0, 0, "0"),
    "attention, fixed ends": (lambda: OdeFlow(Attention(2, 2)), (3, 2), 12, 4, 4, "gl(2,R)"),
    "driven, fixed ends": (lambda: OdeFlow(Driven(2)), (1, 2), 6, 0, 0, "0"),
    "affine": (
        lambda: Between(OdeFlow(Linear(3, 3)), 3, True, (4, 5)), (1, 4), 47, 24, 12,
        "aff(3,R)"),
    "tanh": (
        lambda: Between(OdeFlow(mlp(3, 4, Tanh())), 3, True), (1, 4), 62, 12, 12,
        "aff(3,R)"),
    "ReLU": (
        lambda: Between(OdeFlow(mlp(3, 4, ReLU())), 3, True), (1, 4), 62, 16, 16,
        "aff(3,R) + R^4"),
    "leaky": (lambda: Between(OdeFlow(Leaky(3)), 3, True, (4, 5)), (1, 4), 50, 0, 0, "0"),
    "attention": (
        lambda: Between(OdeFlow(Attention(2, 2)), 2, False, (4, 5)), (3, 4), 30, 8, 8,
        "gl(2,R)^2"),
    "linear, end only": (
        lambda: Between(OdeFlow(Linear(3, 3, bias=False)), 3, False, (4, 5)), (1, 4), 36, 18, 10,
        "gl(3,R) + R"),
    "linear, three times seen": (
        lambda: Between(Twice(Linear(3, 3, bias=False)), 3, False, (4, 5)), (1, 4), 36, 9, 9,
        "gl(3,R)"),
    "trained time scale": (
        lambda: OdeFlow(mlp(2, 3, Tanh()), time_scale=Parameter(torch.tensor(0.8))), (1, 2),
        18, 1, 1, "R"),
}


@pytest.mark.parametrize("name", DERIVED)
def test_derivations(name: str) -> None:
    make, shape, parameters, redundancy, orbit, algebra = DERIVED[name]
    found = derived(make(), *shape)
    assert found.parameters == parameters
    assert (found.redundancy, found.orbit_dimension) == (redundancy, orbit)
    assert found.algebra.form == algebra
    closed = redundancy == orbit
    assert found.closed is closed
    # no scaling does what the duration of this field does: its clock is sin(t)
    own = name.startswith("driven")
    assert bool(found.hypotheses) is own
    assert found.verdict is (Verdict.PROVED if closed and not own else Verdict.UNKNOWN)
    # xi = (t - t0) x is proved at the durations that there are
    timed = name == "linear, end only"
    assert ("for all but a discrete set" in found.scope) is not timed
    assert ("at the flows' own durations" in found.scope) is timed
    assert ("up to those at which a branch is crossed" in found.scope) is ("ReLU" in name)
    again = symgauge.Derivation.from_json(found.to_json()).verify()
    assert again.verdict is found.verdict, again.reasons
    if not closed:
        assert any("flow.vector_field.weight" in note for note in found.notes)


class Gradient(Module):
    """W^T tanh(W x + b), the gradient of a potential."""

    def __init__(self, n: int, h: int) -> None:
        super().__init__()
        self.linear = Linear(n, h)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.linear(x)) @ self.linear.weight


class OneLayer(Module):
    """tanh(W (x, t) + b)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.linear = Linear(n + 1, n)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        timed = torch.cat([x, t.expand(*x.shape[:-1], 1)], -1)
        return torch.tanh(self.linear(timed))


class WithBias(Module):
    """v(x) + c."""

    def __init__(self, field: Module, n: int) -> None:
        super().__init__()
        self.field, self.c = field, Parameter(torch.randn(n))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.field(x) + self.c
        return out


#: name: module, entries of x, redundancy. Powers of a factor of the state, its clock and the
#: parameters do what the factor of the durations does.
ABSORBED: dict[str, tuple[Any, int, int]] = {
    "leaky": (lambda: OdeFlow(Leaky(2)), 2, 0),
    "gradient": (lambda: Between(OdeFlow(Gradient(2, 3)), 2, True, (3, 3)), 3, 3),
    "one layer, time": (lambda: Between(OdeFlow(OneLayer(2)), 2, True, (3, 3)), 3, 2),
    "two layers, time": (lambda: OdeFlow(WithTime(2, 3)), 2, 0),
    "a bias outside": (lambda: OdeFlow(WithBias(Sequential(Linear(2, 2), Tanh()), 2)), 2, 0),
    "augmented": (lambda: FromTimeZero(Sequential(Linear(2, 3), Tanh(), Linear(3, 2))), 1, 1),
}


@pytest.mark.parametrize("name", ABSORBED)
def test_fields_whose_duration_a_scaling_absorbs_are_decided(name: str) -> None:
    make, entries, redundancy = ABSORBED[name]
    found = derived(make(), 1, entries)
    assert (found.redundancy, found.orbit_dimension) == (redundancy, redundancy)
    assert not found.hypotheses and found.verdict is Verdict.PROVED
    assert found.verify().verdict is Verdict.PROVED


class ClockInState(Module):
    """(1 - 2t) tanh(W x + b) with the time as a second coordinate of the state, started at 0.

    From 0 to 1 the flow is the identity, at no other duration.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        slope = (1 - 2 * x[1:]) * torch.tanh(self.inner(x[:1]))
        return torch.cat([slope, 1 + 0 * x[1:]])


class FromTimeZero(Module):
    def __init__(self, field: Module) -> None:
        super().__init__()
        self.flow = OdeFlow(field)

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.flow(torch.cat([x, 0 * x], -1))[..., :1]
        return value


class ThereAndBack(Module):
    """From 0 to 1 and back: the identity, whatever the field."""

    def __init__(self) -> None:
        super().__init__()
        field = WithTime(2, 2)
        self.there, self.back = OdeFlow(field), OdeFlow(field, 1.0, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.back(self.there(x))
        return value


@pytest.mark.parametrize(("make", "size"), [
    (lambda: FromTimeZero(ClockInState()), 1), (ThereAndBack, 2),
])
def test_an_exceptional_duration_is_not_claimed(make: Any, size: int) -> None:
    """The end map is the identity: all parameters are redundant, at this duration alone."""
    found = derived(make(), size)
    assert found.verdict is Verdict.UNKNOWN and found.hypotheses
    assert found.verify().verdict is Verdict.UNKNOWN


def test_a_start_that_scales_along_does_nothing_for_the_duration() -> None:
    """dx/dt = w from x(0) = w: scaling w moves the start as well as the speed."""
    class Start(Module):
        def __init__(self) -> None:
            super().__init__()
            self.flow = OdeFlow(Constant(2))

        def forward(self, x: Tensor) -> Tensor:
            value: Tensor = self.flow(self.flow.vector_field.w) * x
            return value

    class Constant(Module):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.w = Parameter(torch.randn(n))

        def forward(self, x: Tensor) -> Tensor:
            return self.w + 0 * x

    found = derived(Start(), 2)
    assert found.verdict is Verdict.UNKNOWN and found.hypotheses


def test_a_shift_that_grows_with_time() -> None:
    """xi = (t - t0) c: d W1_t = -W1 c, d b1 = t0 W1 c, d b2 = c; the decoder's bias takes xi(t1).

    It depends on how long the flow lasts, and a rank is that of generic durations: a hypothesis,
    but from t0 = 0, where the clock scales along with the weights that read it.
    """
    torch.manual_seed(2)
    found = derived(Between(OdeFlow(WithTime(2, 3)), 2, True, (3, 3)), 1, 3)
    assert (found.redundancy, found.orbit_dimension, found.hypotheses) == (8, 8, ())
    assert found.verdict is Verdict.PROVED and "at the flows' own durations" in found.scope
    # the scope may not say more
    data = json.loads(json.dumps(found.certificate.to_json()))
    data["scope"] = data["scope"].replace(
        "at the flows' own durations",
        "for all but a discrete set of common factors of the flows' durations")
    assert symgauge.verify(_redone(data)).verdict is Verdict.REFUTED
    found = derived(Between(OdeFlow(WithTime(2, 3), 0.25, 1.0), 2, True, (3, 3)), 1, 3)
    assert (found.redundancy, found.orbit_dimension, found.closed) == (8, 8, True)
    assert found.algebra.form == "gl(2,R) |x (R^2)^2"
    (hypothesis,) = found.hypotheses
    assert "own durations" in hypothesis and found.verdict is Verdict.UNKNOWN
    again = found.verify()
    assert again.verdict is Verdict.UNKNOWN and again.hypotheses == (hypothesis,)
    # the same generators at another duration are none
    data = json.loads(json.dumps(found.certificate.to_json()))
    _flow_line(data)["attrs"]["t1"] = "2"
    again = symgauge.verify(_redone(data))
    assert again.verdict is Verdict.REFUTED and "is no" in again.reasons[0]
    # nor may the hypothesis be left out
    data = json.loads(json.dumps(found.certificate.to_json()))
    data["hypotheses"], data["verdict"] = [], "PROVED"
    data["scope"] = data["scope"].replace(", if the hypotheses hold", "")
    assert symgauge.verify(_redone(data)).verdict is Verdict.REFUTED


class Euler(Module):
    """x <- x + v(x) / steps, `steps` times."""

    def __init__(self, field: Module, steps: int) -> None:
        super().__init__()
        self.field, self.steps = field, steps

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.steps):
            x = x + self.field(x) / self.steps
        return x


@pytest.mark.parametrize(("steps", "redundancy"), [(1, 15), (2, 12), (4, 12)])
def test_where_euler_and_the_exact_flow_differ(steps: int, redundancy: int) -> None:
    """Several steps have the redundancy of the exact flow, n^2 + n = 12; a single one has more.

    Steps and flow are equivariant under affine maps of the state, and two steps see the field
    where the first one has led. A single step sees it at the start alone, and its output bias
    is the decoder's: n more.
    """
    found = derived(Between(Euler(mlp(3, 4, Tanh()), steps), 3, True), 1, 4)
    assert (found.parameters, found.redundancy, found.verdict) == (62, redundancy, Verdict.PROVED)


def test_permutations_of_the_state_of_a_leaky_field() -> None:
    found = derived(Between(OdeFlow(Leaky(3)), 3, True, (4, 5)), 1, 4)
    assert any(d.group == "S_3" and "flow.vector_field.rate" in d.label
               for d in found.discrete)


def test_a_branch_that_a_flow_opens_is_not_decided_at_its_start() -> None:
    """relu(phi(x) - x) is 0 at the start of the flow, and its branch is not decided there."""
    class Moved(Module):
        def __init__(self) -> None:
            super().__init__()
            self.flow = OdeFlow(Linear(2, 2))

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.flow(x) - x)

    with pytest.raises(symgauge.InconsistentError, match="not decided"):
        derived(Moved(), 1, 2)


# -- certificates --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate() -> dict[str, Any]:
    data = derived(Between(OdeFlow(mlp(2, 3, Tanh())), 2, True), 1, 4).certificate.to_json()
    return dict(json.loads(json.dumps(data)))


def _redone(data: dict[str, Any]) -> dict[str, Any]:
    rest = {k: v for k, v in data.items() if k != "digest"}
    return {**rest, "digest": canonical_digest(rest)}


def test_a_certificate_verifies(certificate: dict[str, Any]) -> None:
    assert symgauge.verify(certificate).verdict is Verdict.PROVED


def test_verify_needs_neither_torch_nor_a_solver(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(certificate))
    code = (
        "import sys; sys.modules['torch'] = sys.modules['torchdiffeq'] = None\n"
        f"import symgauge; print(symgauge.verify(open({str(path)!r}).read()).verdict.value)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "PROVED", done.stderr


def test_the_module_imports_its_solver_when_it_runs() -> None:
    code = "import sys, symgauge.nn; print('torchdiffeq' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr


def _flow_line(data: dict[str, Any]) -> dict[str, Any]:
    return next(n for n in data["network"]["nodes"] if n.get("op") == "ode_flow")


def _wrong_sign(data: dict[str, Any]) -> None:
    row = data["generators"][-1]["linear"][0]
    row[2] = str(-Fraction(row[2]))


def _relu_field(data: dict[str, Any]) -> None:
    line = _flow_line(data)
    line["attrs"]["field"] = line["attrs"]["field"].replace('"tanh"', '"relu"')


def _leaky_field(data: dict[str, Any]) -> None:
    """v + x^2 in place of v: of the same shapes, and not covariant."""
    field = json.loads(_flow_line(data)["attrs"]["field"])
    x = next(i for i, n in enumerate(field["nodes"]) if n.get("input") == "x")
    shape, out = field["nodes"][x]["shape"], field["outputs"][0]
    n = len(field["nodes"])
    field["nodes"] += [
        {"op": "mul", "inputs": [x, x], "attrs": {}, "shape": shape},
        {"op": "add", "inputs": [out, n], "attrs": {}, "shape": shape},
    ]
    field["outputs"] = [n + 1]
    _flow_line(data)["attrs"]["field"] = json.dumps(field)


def _no_scope(data: dict[str, Any]) -> None:
    data["scope"] = "complete at generic parameters, at the sizes of the program"


def _no_field(data: dict[str, Any]) -> None:
    _flow_line(data)["attrs"]["field"] = "{}"


def _equal_times(data: dict[str, Any]) -> None:
    _flow_line(data)["attrs"]["t1"] = "0"


def _higher_rank(data: dict[str, Any]) -> None:
    data["rank"] += 1
    data["redundancy"] -= 1


def _fewer_generators(data: dict[str, Any]) -> None:
    del data["generators"][-1], data["proofs"][-1]


@pytest.mark.parametrize("edit", [
    _wrong_sign, _relu_field, _leaky_field, _no_scope, _no_field, _equal_times, _higher_rank,
    _fewer_generators,
])
def test_an_edited_certificate_is_rejected(certificate: dict[str, Any], edit: Any) -> None:
    data = json.loads(json.dumps(certificate))
    edit(data)
    assert symgauge.verify(data).verdict is Verdict.REFUTED  # the digest
    try:
        found = symgauge.verify(_redone(data))
    except BadInputError:
        return
    assert found.verdict is Verdict.REFUTED, edit.__name__


def test_from_a_target_to_a_check_that_passes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from symgauge.cli.main import main

    path = tmp_path / "node.py"
    path.write_text(
        '"""A neural ODE between linear maps."""\n'
        "import torch\n"
        "from torch.nn import Linear, Sequential, Tanh\n"
        "from symgauge.nn import OdeFlow\n\n\n"
        "def factory(state=2, hidden=3):\n"
        "    field = Sequential(Linear(state, hidden), Tanh(), Linear(hidden, state))\n"
        "    module = Sequential(Linear(3, state), OdeFlow(field), Linear(state, 4))\n"
        "    return module, (torch.randn(1, 3),)\n"
    )
    out = tmp_path / "out"
    target = f"{path}:factory"
    assert main(["derive", target, "--out", str(out)]) == 0
    assert main(["verify", str(out / "derivation.json"), "--target", target]) == 0
    assert main(["check", str(out / "derivation.json")]) == 0
    assert r"\phi_{0,1}" in (out / "derivation.tex").read_text()


# -- at all sizes --------------------------------------------------------------------------------


class NoBias(Module):
    """W2 tanh(W1 x) + b2: nothing takes up a shift of x."""

    def __init__(self, n: int, h: int) -> None:
        super().__init__()
        self.into, self.out = Linear(n, h, bias=False), Linear(h, n)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(torch.tanh(self.into(x)))
        return out


class TwoFields(Module):
    """Two flows; with one bias for both fields, which no single shift compensates."""

    def __init__(self, n: int, h: int, shared: bool) -> None:
        super().__init__()
        one, two = mlp(n, h, Tanh()), mlp(n, h, Tanh())
        if shared:
            two[0].bias = one[0].bias  # type: ignore[index,union-attr]
        self.one, self.two = OdeFlow(one), OdeFlow(two)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.two(self.one(x))
        return out


#: name: the flow, and whether a shift of the state is proved at all sizes.
SHIFTED: dict[str, tuple[Any, bool]] = {
    "one": (lambda: OdeFlow(mlp(2, 3, Tanh())), True),
    "two of one field": (lambda: _both(mlp(2, 3, Tanh())), True),
    "two fields": (lambda: TwoFields(2, 3, False), True),
    "two fields, one bias": (lambda: TwoFields(2, 3, True), False),
    "no bias": (lambda: OdeFlow(NoBias(2, 3)), False),
    "leaky": (lambda: OdeFlow(Leaky(2)), False),
}


def _both(field: Module) -> Module:
    return Sequential(OdeFlow(field, 0.0, 0.5), OdeFlow(field, 0.5, 1.0))


@pytest.mark.parametrize("name", SHIFTED)
def test_a_shift_of_the_state_at_all_sizes(name: str) -> None:
    """b1 -= W1 c inside the field, and the decoder's bias behind it; else there is none."""
    from symgauge.derivers.structural import find

    make, there = SHIFTED[name]
    torch.manual_seed(0)
    network = network_of(Between(make(), 2, True, (3, 3)), 1, 3)
    shifts = [s.family for s in find(network).families if s.family.kind.is_shift]
    through = [f for f in shifts if any("flow" in t for t in f.tensors)]
    assert bool(through) is there
    for family in through:
        assert {m.form for m in family.moves} == {"+c", "+Tc"}


def test_full_size_of_a_target_with_a_flow(tmp_path: Path) -> None:
    from symgauge.cli.main import main

    path = tmp_path / "node.py"
    path.write_text(
        "import torch\n"
        "from torch.nn import Linear, Sequential, Tanh\n"
        "from symgauge.nn import OdeFlow\n\n\n"
        "def factory(state=2, hidden=3):\n"
        "    field = Sequential(Linear(state, hidden), Tanh(), Linear(hidden, state))\n"
        "    module = Sequential(Linear(3, state), OdeFlow(field), Linear(state, 4))\n"
        "    return module, (torch.randn(1, 3),)\n\n\n"
        "FULL = {'state': 40, 'hidden': 64}\n")
    out = tmp_path / "out"
    assert main(["derive", f"{path}:factory", "--full", "--out", str(out)]) == 0
    record = json.loads((out / "full.json").read_text())
    assert (record["dimension"], record["orbit_dimension"]) == (40 * 40 + 40, 40 * 40 + 40)
    assert main(["verify", str(out / "full.json"), "--target", f"{path}:factory"]) == 0
    assert main(["check", str(out / "full.json")]) == 0
