"""Every op file against torch: value, tangent, adjoint, residues, balls, what it does not allow.

A sample of an op is a call of an ATen overload. The same call is captured as a program whose
parameters are the sample's tensors, and run by torch.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor

from symgauge.domains.balls import BallDomain
from symgauge.domains.evaluate import cotangents, tangents, values
from symgauge.domains.real import RealDomain
from symgauge.domains.residues import ResidueDomain
from symgauge.domains.symbols import SymbolDomain
from symgauge.errors import CaptureError
from symgauge.exact import balls
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.ops import all_ops, by_overload
from symgauge.program.array import Array
from symgauge.program.build import Builder
from symgauge.program.leaf import Input, Parameter
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.op import AbstractOp, Composite, Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value

FIELD = PrimeField(next(primes()))
BATCH = 3  # points in one pass: the batch axis must never be taken for another

DECIDED = "its arguments are integers or masks that a branch decided, never a drawn tensor"
RUNNING = "it writes running statistics, so two calls of torch's op differ"
#: Overloads without a sample, and why.
UNSAMPLED = {
    **dict.fromkeys(("isinf.default", "isnan.default"), "its value is a constant mask"),
    **dict.fromkeys(("histc.default", "bincount.default"), DECIDED),
    **dict.fromkeys(("_grouped_mm.default", "grouped_mm_fallback.default"), DECIDED),
    **{f"logical_{kind}.default": DECIDED for kind in ("and", "or", "xor", "not")},
    **{f"bitwise_{kind}.Tensor": DECIDED for kind in ("and", "or", "xor")},
    "bitwise_not.default": DECIDED,
    **{f"{kind}.{form}": DECIDED
       for kind in ("any", "all") for form in ("default", "dim", "dims")},
    "_native_batch_norm_legit.default": RUNNING,
    "_native_batch_norm_legit_functional.default": RUNNING,
    "_batch_norm_with_update_functional.default": RUNNING,
    "rrelu_with_noise_functional.default": "it draws random slopes",
    "adaptive_max_pool2d.default": "it is refused: its windows have no rule yet",
    "where.Scalar": "two numbers and a mask are a constant, which is folded",
    **dict.fromkeys((
        "view_as_complex.default", "view_as_real.default", "complex.default", "polar.default",
        "_conj.default", "_conj_physical.default", "conj_physical.default", "angle.default",
        "_fft_c2c.default", "_fft_r2c.default", "_fft_c2r.default"),
        "complex numbers: tests/capture/test_complex.py"),
    "lift_fresh_copy.default": "torch's own op copies constants at tracing only",
}

#: Overloads whose forward derivative torch lacks, in whole or for its later results; central
#: differences stand in for it.
NO_JVP = {
    "_cdist_forward.default", "copy.default", "_embedding_bag.default",
    "_embedding_bag_forward_only.default", "native_layer_norm.default",
    "_native_batch_norm_legit_no_training.default", "_batch_norm_no_update.default",
    "native_group_norm.default", "_euclidean_dist.default", "floor_divide.default",
}

_X, _POSITIVE = Sample.Tensor((2, 3)), Sample.Tensor((2, 3), 0.5, 2.0)
_MASK = Sample.Mask(((True, False, True), (False, True, True)))
_SIGNAL, _IMAGE = Sample.Tensor((1, 2, 6)), Sample.Tensor((1, 1, 4, 4))
_VOLUME = Sample.Tensor((1, 1, 2, 4, 2))
#: Further calls, beside those that the ops give themselves.
MORE = {
    "add.Scalar": [Sample("add.Scalar", (_X, 2)), Sample("add.Scalar", (_X, 2, 3))],
    "sub.Scalar": [Sample("sub.Scalar", (_X, 2)), Sample("sub.Scalar", (_X, 2, 3))],
    "sub.Tensor": [Sample("sub.Tensor", (_X, _X), {"alpha": 3})],
    "rsub.Scalar": [Sample("rsub.Scalar", (_X, 2, 3))],
    "div.Scalar": [Sample("div.Scalar", (_X, -4))],
    "mul.Tensor": [Sample("mul.Tensor", (Sample.Tensor(()), _X))],
    "baddbmm.default": [Sample("baddbmm.default", (
        Sample.Tensor((2, 2, 1)), Sample.Tensor((2, 2, 3)), Sample.Tensor((2, 3, 1))))],
    "clone.default": [Sample("clone.default", (_X,))],
    "detach.default": [],
    "_to_copy.default": [
        Sample("_to_copy.default", (_X,)),
        *(Sample("_to_copy.default", (_X,), {"dtype": to})
          for to in (torch.int64, torch.bool, torch.float64))],
    "contiguous.default": [Sample("contiguous.default", (_X,))],
    "_unsafe_view.default": [Sample("_unsafe_view.default", (_X, [3, 2]))],
    "reshape.default": [Sample("reshape.default", (_X, [3, -1]))],
    "squeeze.default": [Sample("squeeze.default", (Sample.Tensor((1, 3, 1)),))],
    "softmax.int": [Sample("softmax.int", (_X, -1))],
    "log_softmax.int": [Sample("log_softmax.int", (_X, 0))],
    "sum.default": [Sample("sum.default", (Sample.Tensor(()),))],
    "sum.dim_IntList": [Sample("sum.dim_IntList", (_X, []))],
    "mean.dim": [Sample("mean.dim", (_X, [0, 1])), Sample("mean.dim", (_X, None, True))],
    "where.self": [Sample("where.self", (_MASK, Sample.Tensor(()), _X))],
    "where.ScalarSelf": [Sample("where.ScalarSelf", (_MASK, 2.0, _X))],
    "where.ScalarOther": [Sample("where.ScalarOther", (_MASK, _X, -1))],
    "masked_fill.Scalar": [Sample("masked_fill.Scalar", (_X, _MASK, 0.5))],
    "masked_fill.Tensor": [Sample("masked_fill.Tensor", (_X, _MASK, Sample.Tensor(())))],
    "avg_pool1d.default": [Sample("avg_pool1d.default", (_SIGNAL, [2]))],
    "avg_pool3d.default": [Sample("avg_pool3d.default", (_VOLUME, [2, 2, 1]))],
    "adaptive_avg_pool1d.default": [Sample("adaptive_avg_pool1d.default", (_SIGNAL, [3]))],
    "_adaptive_avg_pool3d.default": [Sample("_adaptive_avg_pool3d.default", (_VOLUME, [1, 2, 2]))],
    "max_pool3d_with_indices.default": [
        Sample("max_pool3d_with_indices.default", (_VOLUME, [2, 2, 1]))],
    "_batch_norm_no_update.default": [Sample("_batch_norm_no_update.default", (
        Sample.Tensor((3, 2)), Sample.Tensor((2,)), Sample.Tensor((2,)), Sample.Tensor((2,)),
        Sample.Tensor((2,), 0.5, 2.0), 0.1, 1e-5))],
    "_euclidean_dist.default": [Sample("_euclidean_dist.default", (
        Sample.Tensor((2, 3)), Sample.Tensor((4, 3), 3.0, 5.0)))],
    "_embedding_bag_forward_only.default": [Sample("_embedding_bag_forward_only.default", (
        Sample.Tensor((4, 3)), Sample.Indices((3, 0, 1)), Sample.Indices((0, 2))))],
    "_unsafe_index.Tensor": [Sample("_unsafe_index.Tensor", (
        Sample.Tensor((3, 4)), [Sample.Indices((2, 0))]))],
    "log_sigmoid_forward.default": [Sample("log_sigmoid_forward.default", (_X,))],
    "index_copy.default": [Sample("index_copy.default", (
        Sample.Tensor((3, 2)), 0, Sample.Indices((2, 0)), Sample.Tensor((2, 2))))],
    "_unsafe_index_put.default": [Sample("_unsafe_index_put.default", (
        Sample.Tensor((3,)), [Sample.Indices((2, 0))], Sample.Tensor((2,))))],
    "eq.Tensor": [Sample("eq.Tensor", (_X, _X))],
    "ne.Scalar": [Sample("ne.Scalar", (_X, 0.5))],
    "sgn.default": [Sample("sgn.default", (_X,))],
    "argmax.default": [Sample("argmax.default", (_X, -1))],
    "argmin.default": [Sample("argmin.default", (_X, 0))],
    "kthvalue.default": [Sample("kthvalue.default", (_X, 2))],
    "upsample_nearest1d.default": [Sample("upsample_nearest1d.default", (_SIGNAL, [12]))],
    "upsample_nearest2d.default": [Sample("upsample_nearest2d.default", (_IMAGE, [8, 8]))],
    "upsample_nearest3d.default": [Sample("upsample_nearest3d.default", (_VOLUME, [4, 4, 2]))],
    "upsample_nearest3d.vec": [
        Sample("upsample_nearest3d.vec", (_VOLUME, None, [2.0, 1.0, 1.0]))],
    "std_mean.correction": [Sample("std_mean.correction", (_X, [1]), {"correction": 1})],
    "pow.Tensor_Scalar": [Sample("pow.Tensor_Scalar", (_POSITIVE, k)) for k in (-1.5, 2.0, -3)],
}


@dataclass(frozen=True)
class Call:
    """One sample of one op."""

    op: AbstractOp
    sample: Sample

    def placeholders(self) -> list[Sample.Tensor]:
        return [x for x in _leaves((self.sample.args, dict(self.sample.kwargs)))
                if isinstance(x, Sample.Tensor)]

    def network(self) -> Network:
        """The captured call: parameters "0", "1", ... are the tensors."""
        build = Builder(all_ops())
        count = iter(range(99))

        def made(x: Any) -> Any:
            if isinstance(x, Sample.Tensor):
                return build.leaf(Parameter(str(next(count)), x.shape))
            if isinstance(x, Sample.Mask):
                return build.floats(np.array(x.rows))
            return build.floats(np.array(x.values)) if isinstance(x, Sample.Indices) else x

        args, kwargs = _map(made, (self.sample.args, dict(self.sample.kwargs)))
        result = self.op.capture(build, self.sample.overload, *args, **kwargs)
        found = [x for x in _leaves(result) if isinstance(x, Value)]
        assert found, "the call gives no value"
        return build.network(found)

    def torch(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """torch's own results, as float64."""
        given = iter(tensors)

        def made(x: Any) -> Any:
            if isinstance(x, Sample.Tensor):
                return next(given)
            if isinstance(x, Sample.Mask):
                return torch.tensor(x.rows)
            return torch.tensor(x.values) if isinstance(x, Sample.Indices) else x

        args, kwargs = _map(made, (self.sample.args, dict(self.sample.kwargs)))
        name, _, overload = self.sample.overload.partition(".")
        result = getattr(getattr(torch.ops.aten, name), overload)(*args, **kwargs)
        return tuple(x.to(torch.float64) for x in _leaves(result) if isinstance(x, Tensor))

    def derivative(
        self, point: list[Tensor], direction: list[Tensor]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], float]:
        """torch's value and directional derivative, and how many digits of it are right."""
        if self.sample.overload not in NO_JVP:
            value, slope = torch.func.jvp(self.torch, tuple(point), tuple(direction))
            return value, slope, 1e-9
        h = 1e-5
        after, before = (
            self.torch(*(x + s * h * d for x, d in zip(point, direction, strict=True)))
            for s in (1, -1)
        )
        slopes = tuple((a - b) / (2 * h) for a, b in zip(after, before, strict=True))
        return self.torch(*point), slopes, 1e-6

    def draw(self, seed: int) -> list[Tensor]:
        """One tensor a placeholder, without a batch axis."""
        generator = torch.Generator().manual_seed(seed)
        return [
            x.low + (x.high - x.low) * torch.rand(x.shape, generator=generator, dtype=torch.float64)
            for x in self.placeholders()
        ]


def _map(function: Callable[[Any], Any], x: Any) -> Any:
    if isinstance(x, (tuple, list)):
        return type(x)(_map(function, y) for y in x)
    if isinstance(x, dict):
        return {k: _map(function, v) for k, v in x.items()}
    return function(x)


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, (tuple, list)):
        for y in x:
            yield from _leaves(y)
    elif isinstance(x, dict):
        yield from _leaves(tuple(x.values()))
    else:
        yield x


#: Ops that become flows, which have values over floats and series alone (tests/flows).
FLOWS = {"matrix_exp"}


def calls(without: Collection[str] = ()) -> list[Any]:
    out = []
    for op in (op for name, op in all_ops().items() if name not in without):
        samples = [*op.samples(), *(s for o in op.aten for s in MORE.get(o, ()))]
        out += [
            pytest.param(Call(op, s), id=f"{op.name}-{s.overload}-{k}")
            for k, s in enumerate(samples)
        ]
    return out


each_call = pytest.mark.parametrize("call", calls())
each_exact_call = pytest.mark.parametrize("call", calls(without=FLOWS))


def _stack(draws: list[list[Tensor]]) -> dict[str, Array]:
    return {
        str(k): np.stack([d[k].numpy() for d in draws]) for k in range(len(draws[0]))
    }


def _outputs(lines: list[Any], network: Network) -> list[Any]:
    return [lines[i] for i in network.outputs]


def _seeds(network: Network, moved: dict[str, Array]) -> dict[int, Array]:
    pairs = zip(network.parameter_nodes, network.parameters, strict=True)
    return {i: moved[p.name] for i, p in pairs}


def _full(a: Any, batch: int, shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(np.zeros(()) if a is None else a, (batch, *shape))


# -- float64 -------------------------------------------------------------------------------------


@each_call
def test_value_and_tangent_are_those_of_torch(call: Call) -> None:
    network = lower(call.network())
    points = [call.draw(seed) for seed in range(BATCH)]
    directions = [call.draw(100 + seed) for seed in range(BATCH)]
    domain = RealDomain()
    lines = values(network, domain, _stack(points), {})
    along = tangents(network, domain, lines, _seeds(network, _stack(directions)))
    for b, (point, direction) in enumerate(zip(points, directions, strict=True)):
        expected, slope, rtol = call.derivative(point, direction)
        for k, i in enumerate(network.outputs):
            shape = network.nodes[i].shape
            assert shape == tuple(expected[k].shape)
            got, moved = (_full(a, BATCH, shape)[b] for a in (lines[i], along[i]))
            np.testing.assert_allclose(got, expected[k].numpy(), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(moved, slope[k].numpy(), rtol=rtol, atol=rtol / 1000)


@each_call
def test_cotangent_is_the_adjoint_in_float64(call: Call) -> None:
    network = lower(call.network())
    rng = np.random.default_rng(0)
    domain = RealDomain()
    lines = values(network, domain, _stack([call.draw(seed) for seed in range(BATCH)]), {})
    u = {p.name: rng.normal(size=(BATCH, *p.shape)) for p in network.parameters}
    v = [rng.normal(size=(BATCH, *network.nodes[i].shape)) for i in network.outputs]
    along = tangents(network, domain, lines, _seeds(network, u))
    rows = cotangents(network, domain, lines, v)
    left = sum(
        (w * _full(along[i], BATCH, network.nodes[i].shape)).reshape(BATCH, -1).sum(1)
        for w, i in zip(v, network.outputs, strict=True)
    )
    right = sum((rows[n] * u[n]).reshape(BATCH, -1).sum(1) for n in u)
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-10)


# -- GF(p) ---------------------------------------------------------------------------------------


def _residues(call: Call) -> tuple[Network, ResidueDomain, list[Array]]:
    """The lowered call at random residues where every root exists; branches from a float point."""
    network = lower(call.network())
    shadow = RealDomain()
    values(network, shadow, _stack([call.draw(seed) for seed in range(BATCH)]), {})
    rng = np.random.default_rng(1)
    for salt in range(500):
        theta = {p.name: FIELD.random(rng, (BATCH, *p.shape)) for p in network.parameters}
        domain = ResidueDomain(FIELD, salt, BATCH, shadow.branches)
        lines = values(network, domain, theta, {})
        if domain.valid.all():
            return network, domain, lines
        if not domain.valid.any():
            continue
        # keep the rows that are valid: each is a point of its own
        good = int(np.flatnonzero(domain.valid)[0])
        theta = {n: np.repeat(a[good:good + 1], BATCH, axis=0) for n, a in theta.items()}
        patterns = [
            np.repeat(_full(b, BATCH, b.shape[1:])[good:good + 1], BATCH, axis=0)
            for b in shadow.branches
        ]
        domain = ResidueDomain(FIELD, salt, BATCH, patterns)
        return network, domain, values(network, domain, theta, {})
    raise AssertionError("no point has all roots")


@each_exact_call
def test_cotangent_is_the_adjoint_in_residues(call: Call) -> None:
    """<v, tangent u> = <cotangent v, u>, with no rounding."""
    network, domain, lines = _residues(call)
    rng = np.random.default_rng(2)
    u = {p.name: FIELD.random(rng, (BATCH, *p.shape)) for p in network.parameters}
    v = [FIELD.random(rng, (BATCH, *network.nodes[i].shape)) for i in network.outputs]
    along = tangents(network, domain, lines, _seeds(network, u))
    rows = cotangents(network, domain, lines, v)

    def pair(a: Array, b: Array) -> Array:
        product = FIELD.mul(a, b).reshape(BATCH, -1)
        return FIELD.sum(product, (1,))

    left = sum(
        pair(w, _full(along[i], BATCH, network.nodes[i].shape))
        for w, i in zip(v, network.outputs, strict=True)
    )
    right = sum(pair(rows[n], u[n]) for n in u)
    assert (FIELD.reduce(left) == FIELD.reduce(right)).all()


TRANSCENDENTAL = {"exp", "log", "erf", "sin", "cos", "atan", "rsqrt"}


def _rational(network: Network) -> bool:
    ops = [n.op for n in network.nodes if n.op is not None]
    return not any(
        op.name in TRANSCENDENTAL or (isinstance(op, Primitive) and op.branches) for op in ops
    )


@each_exact_call
def test_residues_are_those_of_the_rational_value(call: Call) -> None:
    network = lower(call.network())
    if not _rational(network):
        return
    rng = np.random.default_rng(3)

    def draw() -> dict[str, Array]:
        out = {}
        for p in network.parameters:
            a = np.empty((1, *p.shape), dtype=object)
            a.reshape(-1)[:] = [
                sympy.Rational(int(n), int(d)) for n, d in zip(
                    rng.integers(1, 9, a.size), rng.integers(1, 6, a.size), strict=True)
            ]
            out[p.name] = a
        return out

    def residues(a: Array) -> Array:
        flat = [FIELD.residue(Fraction(int(x.p), int(x.q)))
                for x in map(sympy.sympify, a.reshape(-1))]
        return np.array(flat, dtype=np.float64).reshape(a.shape)

    theta, moved = draw(), draw()
    exact, field = SymbolDomain(), ResidueDomain(FIELD, 0, 1)
    lines = values(network, exact, theta, {})
    along = tangents(network, exact, lines, _seeds(network, moved))
    small = {n: residues(a) for n, a in theta.items()}
    reduced = values(network, field, small, {})
    slopes = tangents(
        network, field, reduced, _seeds(network, {n: residues(a) for n, a in moved.items()})
    )
    for i in network.outputs:
        assert (residues(lines[i]) == reduced[i]).all()
        shape = network.nodes[i].shape
        one, two = along[i], slopes[i]
        assert (one is None) == (two is None)
        if one is not None and two is not None:
            assert (residues(_full(one, 1, shape)) == _full(two, 1, shape)).all()


# -- real balls ----------------------------------------------------------------------------------


def _balls(a: Array, radius: Fraction) -> Array:
    exact = np.empty(a.shape, dtype=object)
    exact.reshape(-1)[:] = [Fraction(v) for v in a.reshape(-1).tolist()]
    return balls.balls(exact, radius)


def _held(found: Any, floats: Array) -> bool:
    """Whether each ball has a number of its float's neighbourhood (rounding errors) in it."""
    near = _balls(floats, Fraction(1, 10**9))
    return all(
        balls.overlap(x, y)
        for x, y in zip(np.broadcast_to(found, floats.shape).flat, near.flat, strict=True)
    )


@each_exact_call
def test_balls_hold_the_values_at_all_their_points(call: Call) -> None:
    """Values and rows of the adjoint: inputs anywhere in their balls, floats as the referee."""
    network = lower(call.network())
    rng = np.random.default_rng(4)
    point = _stack([call.draw(seed) for seed in range(BATCH)])
    seeds = [rng.normal(size=(BATCH, *network.nodes[i].shape)) for i in network.outputs]
    for bits in (20, 80):
        radius = Fraction(1, 1 << bits)
        try:
            with balls.precision(128):
                domain = BallDomain()
                given = {n: _balls(a, radius) for n, a in point.items()}
                lines = values(network, domain, given, {})
                rows = cotangents(network, domain, lines, [_balls(a, Fraction(0)) for a in seeds])
            break
        except balls.Undecided:
            assert bits == 20, "a ball of radius 2**-80 decides no branch"
    for share in (-1.0, 0.0, 0.5, 1.0):
        moved = {n: a + share * float(radius) * rng.choice([-1, 1], a.shape)
                 for n, a in point.items()}
        real = RealDomain()
        floats = values(network, real, moved, {})
        adjoint = cotangents(network, real, floats, seeds)
        with balls.precision(128):
            for i in network.outputs:
                assert _held(lines[i], _full(floats[i], BATCH, network.nodes[i].shape))
            assert all(_held(rows[n], adjoint[n]) for n in rows)


# -- all files are covered -----------------------------------------------------------------------


@pytest.mark.parametrize("name", all_ops())
def test_every_overload_has_a_sample(name: str) -> None:
    op = all_ops()[name]
    sampled = {s.overload for s in op.samples()} | {o for o in MORE if o in op.aten}
    assert sampled <= set(op.aten), "a sample of an overload that the op does not capture"
    missing = [o for o in op.aten if o not in sampled and o not in UNSAMPLED]
    assert not missing


def test_exceptions_are_still_exceptions() -> None:
    sampled = {s.overload for op in all_ops().values() for s in op.samples()}
    assert not sampled & UNSAMPLED.keys()
    assert by_overload().keys() >= UNSAMPLED.keys() | MORE.keys()
    assert all(reason for reason in UNSAMPLED.values())


#: Ops that a library registers beside torch's.
ELSEWHERE = {"grouped_mm_fallback.default"}


@pytest.mark.parametrize("overload", sorted(by_overload().keys() - ELSEWHERE))
def test_every_overload_is_torchs(overload: str) -> None:
    name, _, kind = overload.partition(".")
    packet = getattr(torch.ops.aten, name)
    assert hasattr(packet, kind), f"torch has {packet.overloads()}"


@pytest.mark.parametrize(
    "name", [n for n, op in all_ops().items() if isinstance(op, (Composite, Primitive))]
)
def test_formulas_are_text(name: str) -> None:
    op = all_ops()[name]
    assert (op.__doc__ or "").strip()
    for s in op.samples():
        network = Call(op, s).network()
        for node in network.nodes:
            if node.op is not None:
                text = node.op.latex(*(f"x_{{{i}}}" for i in node.inputs), **node.attrs)
                assert text.count("{") == text.count("}") and all(
                    f"x_{{{i}}}" in text for i in node.inputs[:1]
                )


# -- what an op does not allow -------------------------------------------------------------------


def _run(make: Callable[[Builder], Value], **theta: Any) -> Array:
    """The float value of a small program over parameters."""
    build = Builder(all_ops())
    network = lower(build.network([make(build)]))
    lines = values(
        network, RealDomain(), {n: np.asarray(a, dtype=np.float64)[None] for n, a in theta.items()},
        {},
    )
    return np.asarray(lines[network.outputs[0]][0])


def _parameters(build: Builder, **shapes: tuple[int, ...]) -> list[Value]:
    return [build.leaf(Parameter(n, s)) for n, s in shapes.items()]


def _binary(name: str, x: Array, y: Array, **attrs: Any) -> Array:
    return _run(
        lambda b: b.apply(name, *_parameters(b, x=x.shape, y=y.shape), **attrs), x=x, y=y)


def _unary(name: str, x: Array, **attrs: Any) -> Array:
    return _run(lambda b: b.apply(name, *_parameters(b, x=x.shape), **attrs), x=x)


X = np.array([[0.3, -1.1], [0.7, 0.4]])
Y = np.array([[1.2, 0.5], [-0.6, 0.9]])
G = np.array([[2.0, 1.0], [0.5, 1.5]])
GT = np.linalg.inv(G).T

#: (value, value after the wrong action, value after the right one or None)
REFUTATIONS: dict[tuple[str, str], Callable[[], tuple[Array, Array, Array | None]]] = {
    ("add", "scaling one input alone"): lambda: (
        2 * _binary("add", X, Y), _binary("add", 2 * X, Y), _binary("add", 2 * X, 2 * Y)),
    ("mul", "scaling both inputs by the same factor"): lambda: (
        _binary("mul", X, Y), _binary("mul", 2 * X, 2 * Y), _binary("mul", 2 * X, Y / 2)),
    ("matmul", "g on the contracted axis of both factors"): lambda: (
        _binary("matmul", X, Y), _binary("matmul", X @ G.T, G @ Y),
        _binary("matmul", X @ G.T, GT @ Y)),
    ("softmax", "a shift that varies along the axis"): lambda: (
        _unary("softmax", X, axis=1), _unary("softmax", X + np.array([[1.0, 2.0]]), axis=1),
        _unary("softmax", X + np.array([[1.0], [2.0]]), axis=1)),
    ("amax", "a shift of a single entry"): lambda: (
        _unary("amax", X, axes=(1,)) + 1, _unary("amax", X + np.array([[0.0, 1.0]]), axes=(1,)),
        _unary("amax", X + 1, axes=(1,))),
    ("ranking", "a scaling of single entries, which changes their order"): lambda: (
        _unary("ranking", X, count=1), _unary("ranking", X * np.array([[9.0, -3.0]]), count=1),
        _unary("ranking", 9 * X, count=1)),
    ("floor", "a positive factor, which leaves a sign as it is"): lambda: (
        _unary("floor", X), _unary("floor", 3 * X), None),
}


def _claims() -> list[tuple[str, str]]:
    return [(n, text) for n, op in all_ops().items() for text in op.non_symmetries()]


@pytest.mark.parametrize(("name", "text"), _claims())
def test_non_symmetries_are_refuted(name: str, text: str) -> None:
    assert (name, text) in REFUTATIONS, "state its refutation beside the others"
    before, wrong, right = REFUTATIONS[name, text]()
    assert np.abs(before - wrong).max() > 1e-3
    if right is not None:
        np.testing.assert_allclose(right, before, atol=1e-12)


def test_refutations_are_of_claims() -> None:
    assert set(REFUTATIONS) == set(_claims())


# -- refusals ------------------------------------------------------------------------------------


def _capture(overload: str, *args: Any, **kwargs: Any) -> Any:
    build = Builder(all_ops())
    made = [
        build.leaf(Input(f"x{k}", a.shape)) if isinstance(a, Sample.Tensor) else a
        for k, a in enumerate(args)
    ]
    return by_overload()[overload].capture(build, overload, *made, **kwargs)


@pytest.mark.parametrize(
    ("overload", "args", "kwargs", "message"),
    [
        ("div.Tensor_mode", (Sample.Tensor((2,)), 2.0), {"rounding_mode": "odd"}, "rounding 'odd'"),
        ("_to_copy.default", (Sample.Tensor((2,)),), {"dtype": torch.int8}, "a cast .* to int8"),
        ("relu.default", (Sample.Tensor((2,)), 3), {}, "not understood"),
        ("add.Tensor", (Sample.Tensor((2,)), float("nan")), {}, "NaN"),
        ("mul.Tensor", (Sample.Tensor((2,)), float("inf")), {}, "infinity"),
    ],
)
def test_what_has_no_exact_meaning_is_refused(
    overload: str, args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(CaptureError, match=message):
        _capture(overload, *args, **kwargs)


def test_the_folder_is_the_list() -> None:
    """Every file of ops/ defines at least one op, and its name is its key."""
    from pathlib import Path

    import symgauge.ops

    folder = Path(symgauge.ops.__path__[0])
    files = {p.stem for p in folder.glob("*.py")} - {"__init__"}
    modules = {type(op).__module__.rpartition(".")[2] for op in all_ops().values()}
    assert files == modules
    assert all(op.name == name for name, op in all_ops().items())
