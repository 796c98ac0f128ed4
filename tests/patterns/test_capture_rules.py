"""What capture lets in goes by exact rules: maxima, thresholds, casts, marks of minus infinity."""

import argparse
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from symgauge.capture import capture
from symgauge.derivation.module import derive
from symgauge.derivation.derivation import Derivation
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.errors import CaptureError, UnsupportedOpError
from symgauge.ops.softplus import EXACT
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network
from symgauge.verdict import Verdict

Function = Callable[["Net", Tensor], Tensor]


class Net(nn.Module):
    """A function of parameters of the given shapes and of one input."""

    def __init__(self, function: Function, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def read(function: Function, **shapes: tuple[int, ...]) -> Network:
    """The network on two rows of three inputs, compared at sizes that reach every branch."""
    torch.manual_seed(0)
    module = Net(function, **(shapes or {"w": (2, 3)})).double()
    network = capture(module, (torch.randn(2, 3),), check=False).network
    lowered = lower(network)
    compared = 0
    for size in (1, 5, 10, 60, 300):
        for _ in range(8):
            x = size * torch.randn(2, 3, dtype=torch.float64)
            with torch.no_grad():
                for p in module.parameters():
                    p.copy_(torch.randn(p.shape))
                wanted = module(x).double().numpy()
            theta = {n: p.detach().numpy()[None] for n, p in module.named_parameters()}
            inputs = {lowered.inputs[0].name: x.numpy()[None]}
            with np.errstate(all="ignore"):
                lines = values(lowered, RealDomain(), theta, inputs)
            found = outputs(lowered, lines)[0][0]
            assert found.shape == wanted.shape
            both = np.isfinite(wanted) & np.isfinite(found)
            compared += int(both.sum())
            scale = max(1e-3, np.abs(wanted[both]).max(initial=0.0))
            np.testing.assert_allclose(found[both] / scale, wanted[both] / scale, atol=1e-9)
    assert compared
    return network


def labels(network: Network) -> list[str]:
    return [n.label for n in network.nodes if n.op is not None]


# -- a maximum goes by the normaliser's law ------------------------------------------------------


def _linear(s: Net, x: Tensor) -> Tensor:
    return F.linear(x, s.w)


def _of_rows(function: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """A function of rows h and of their maximum m."""

    def made(s: Net, x: Tensor) -> Tensor:
        h = _linear(s, x)
        return function(h, h.amax(-1, keepdim=True))
    return made


def _softmax(e: Tensor) -> Tensor:
    return e / e.sum(-1, keepdim=True)


def _online(s: Net, x: Tensor) -> Tensor:
    """A softmax whose sum and maximum run over two blocks."""
    a, b = _linear(s, x).split(2, -1)
    first = a.amax(-1, keepdim=True)
    total = torch.exp(a - first).sum(-1, keepdim=True)
    second = torch.maximum(first, b.amax(-1, keepdim=True))
    total = total * torch.exp(first - second) + torch.exp(b - second).sum(-1, keepdim=True)
    return torch.exp(a - second) / total


CAUSAL = torch.tensor([[0, 1, 0, 0], [0, 0, 0, 1]]).bool()

#: A maximum that cancels, in many spellings.
CANCELS: dict[str, Function] = {
    "softmax": _of_rows(lambda h, m: _softmax(torch.exp(h - m))),
    "detached, without keepdim": lambda s, x: (
        lambda h: _softmax(torch.exp(h - h.max(-1).values.detach()[..., None])))(_linear(s, x)),
    "expanded": _of_rows(lambda h, m: (
        lambda e: e / e.sum(-1).view(2, 1).expand(2, 4))(torch.exp(h - m.expand(2, 4)))),
    "one maximum for all rows": lambda s, x: (
        lambda h: _softmax(torch.exp(h - h.max())))(_linear(s, x)),
    "log-sum-exp": _of_rows(lambda h, m: m + torch.log(torch.exp(h - m).sum(-1, keepdim=True))),
    "torch's log-sum-exp": lambda s, x: torch.logsumexp(_linear(s, x), -1),
    "log-softmax": _of_rows(
        lambda h, m: h - m - torch.log(torch.exp(h - m).sum(-1, keepdim=True))),
    "softmax of a shifted row": _of_rows(lambda h, m: torch.softmax(h - m, -1)),
    "layer norm of a shifted row": _of_rows(lambda h, m: F.layer_norm(h - m, (4,))),
    "masked": lambda s, x: (lambda h: _softmax(torch.exp(h - h.amax(-1, keepdim=True))))(
        _linear(s, x).masked_fill(CAUSAL, -math.inf)),
    "a sink": _of_rows(
        lambda h, m: torch.exp(h - m) / (torch.exp(-m) + torch.exp(h - m).sum(-1, keepdim=True))),
    "a root of a sum of squares": _of_rows(
        lambda h, m: torch.exp(h - m) / torch.exp(2 * (h - m)).sum(-1, keepdim=True).sqrt()),
    "weights applied before the quotient": _of_rows(lambda h, m: (
        torch.exp(h - m) @ torch.ones(4, 2, dtype=h.dtype)) / torch.exp(h - m).sum(-1, True)),
    "a running softmax": _online,
    "a pair": lambda s, x: (lambda a, b, m: m + torch.log(torch.exp(a - m) + torch.exp(b - m)))(
        *_linear(s, x)[..., :2].unbind(-1), torch.maximum(*_linear(s, x)[..., :2].unbind(-1))),
}

#: A maximum that is read.
STAYS: dict[str, Function] = {
    "an axis that is not normalised": lambda s, x: (
        lambda h: _softmax(torch.exp(h - h.amax(0, keepdim=True))))(_linear(s, x)),
    "a sink that is not shifted": _of_rows(
        lambda h, m: torch.exp(h - m) / (1 + torch.exp(h - m).sum(-1, keepdim=True))),
    "a softmax, and the maximum": _of_rows(lambda h, m: _softmax(torch.exp(h - m)) + m),
    "twice the maximum added back": _of_rows(
        lambda h, m: 2 * m + torch.log(torch.exp(h - m).sum(-1, keepdim=True))),
    "a floor under the sum": _of_rows(
        lambda h, m: torch.exp(h - m) / torch.exp(h - m).sum(-1, True).clamp_min(1.5)),
    "weights at another temperature": _of_rows(
        lambda h, m: torch.exp(2 * (h - m)) / torch.exp(h - m).sum(-1, keepdim=True)),
    "behind a threshold": _of_rows(lambda h, m: h + F.relu(m - 6)),
    "a comparison": _of_rows(lambda h, m: torch.where(h > m - 0.5, h, -h)),
    "largest absolute value": lambda s, x: (
        lambda h: h / h.abs().amax(-1, keepdim=True))(_linear(s, x)),
    "a norm in the manner of hypot": lambda s, x: (
        lambda h, m: m * ((h / m) ** 2).sum(-1, True).sqrt())(
            _linear(s, x), _linear(s, x).abs().amax(-1, keepdim=True)),
    "an infinity norm": lambda s, x: torch.linalg.vector_norm(_linear(s, x), math.inf, dim=-1),
    "a pool": lambda s, x: F.max_pool1d(_linear(s, x)[None], 2)[0],
    "a smallest entry": lambda s, x: _linear(s, x).amin(-1),
}


@pytest.mark.parametrize("name", CANCELS)
def test_a_maximum_that_a_normaliser_forgets_is_no_branch(name: str) -> None:
    network = read(CANCELS[name], w=(4, 3))
    assert not {"amax", "maximum"} & set(labels(network))
    assert not is_piecewise(network)


@pytest.mark.parametrize("name", STAYS)
def test_a_maximum_that_is_read_stays(name: str) -> None:
    network = read(STAYS[name], w=(4, 3))
    assert {"amax"} & set(labels(network)) and is_piecewise(network)


def test_the_rule_is_the_same_at_full_size() -> None:
    both = {False: CANCELS["softmax"], True: STAYS["a softmax, and the maximum"]}
    for stays, function in both.items():
        module = Net(function, w=(4, 3))
        hollow = capture(module, (torch.randn(2, 3),), meta=True).network
        assert ("amax" in labels(hollow)) == stays


# -- thresholds ----------------------------------------------------------------------------------

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softplus": F.softplus,
    "softplus, beta": lambda x: F.softplus(x, beta=0.5),
    "softplus, threshold": lambda x: F.softplus(x, 2.0, 3.0),
    "softplus, negative threshold": lambda x: F.softplus(x, threshold=-1.0),
    "mish": F.mish,
    "hardshrink": lambda x: F.hardshrink(x, 0.7),
    "softshrink": lambda x: F.softshrink(x, 0.7),
    "threshold": lambda x: F.threshold(x, 0.3, -7.0),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardtanh": lambda x: F.hardtanh(x, -2.0, 0.5),
    "relu6": F.relu6,
    "celu": lambda x: F.celu(x, 1.7),
    "elu": lambda x: F.elu(x, 1.7),
    "selu": F.selu,
    "logsigmoid": F.logsigmoid,
    "leaky relu": lambda x: F.leaky_relu(x, -0.3),
    "clamp": lambda x: x.clamp(-0.5, 1.0),
    "clamp, bounds crossed": lambda x: x.clamp(1.0, -0.5),
    "nan to num": lambda x: torch.nan_to_num(x, 1.0, 5.0, -5.0),
    "logit": lambda x: torch.logit(torch.sigmoid(x), eps=0.1),
    "normalise": lambda x: F.normalize(x, dim=-1, eps=3.0),
    "huber": lambda x: F.huber_loss(x, 0 * x, reduction="none", delta=2.0),
    "smooth l1": lambda x: F.smooth_l1_loss(x, 0 * x, reduction="none", beta=2.0),
    "cosine": lambda x: F.cosine_similarity(x, x.flip(-1), dim=-1, eps=50.0),
    "nearest": lambda x: F.interpolate(x[None], scale_factor=1.7, mode="nearest")[0],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_argument_of_an_activation_is_dropped(name: str) -> None:
    read(lambda s, x: ACTIVATIONS[name](s.w * x))


def test_the_threshold_of_20_is_rounding_and_the_scope_says_so() -> None:
    module = nn.Sequential(nn.Linear(1, 2), nn.Softplus(), nn.Linear(2, 1))
    found = derive(module, (torch.randn(1, 1),))
    assert found.verdict is Verdict.PROVED and EXACT in found.scope
    assert found.verify().verdict is Verdict.PROVED
    assert read(lambda s, x: F.softplus(s.w * x)).held == (EXACT,)
    other = read(lambda s, x: F.softplus(s.w * x, threshold=3.0))
    assert other.held == () and is_piecewise(other)


def test_softplus_in_a_vector_field_is_said_of_the_whole() -> None:
    from symgauge.nn.ode_flow import OdeFlow

    class Field(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, t: Tensor, x: Tensor) -> Tensor:
            return F.softplus(self.layer(x))

    network = capture(OdeFlow(Field()), (torch.randn(1, 2),)).network
    assert network.held == (EXACT,)


# -- casts ---------------------------------------------------------------------------------------

CASTS: dict[str, Callable[[Tensor], Tensor]] = {
    "long": lambda x: x * x.long(),
    "int32": lambda x: x * x.to(torch.int32).to(torch.float64),
    "bool": lambda x: x * F.relu(x).bool(),
    "bool of an integer": lambda x: x * x.long().bool(),
    "bool of a mask": lambda x: x * (x > 0).bool().long().bool(),
    "integer of a mask": lambda x: x * (2.5 * (x > 0).double()).int(),
    "minus a mask": lambda x: x * (-(x > 0).long()),
    "floor": lambda x: x * x.floor(),
    "ceil": lambda x: x * x.ceil(),
    "round": lambda x: x * x.round(),
    "halves rounded to even": lambda x: x * (1.5 * (x > 0) + 0.5 * (x > 1)).round(),
    "trunc": lambda x: x * x.trunc(),
    "fraction": torch.frac,
    "whole quotient": lambda x: x * (x // 0.7),
    "whole quotient towards 0": lambda x: x * torch.div(x, 0.7, rounding_mode="trunc"),
    "remainder": lambda x: x % -0.7,
    "fmod": lambda x: torch.fmod(x, 0.7),
    "integer arithmetic": lambda x: x * ((x.long() // 2) + (x.long() % 3) + x.long() / 2),
    "a straight-through estimator": lambda x: x + (x.round() - x).detach(),
    "sum of Booleans": lambda x: x * ((x > 0) + (x > 1)),
    "product of Booleans": lambda x: x * ((x > 0) * (x < 1)),
    "not of a number": lambda x: x * torch.logical_not(F.relu(x)),
    "and of numbers": lambda x: x * torch.logical_and(F.relu(x), x > 1),
    "any of numbers": lambda x: x * F.relu(x).any(-1, keepdim=True),
    "all of numbers": lambda x: x * F.relu(x).all(),
    "a copy into integers": lambda x: x * torch.zeros(2, 3, dtype=torch.int64).copy_(x),
    "counts, summed as integers": lambda x: x * torch.cumsum(
        torch.histc(x.argmax(-1).double(), 3, 0, 2), 0, dtype=torch.int32),
    "filled with integers": lambda x: x * torch.full_like(x, 2.7, dtype=torch.int64),
    "places": lambda x: x * torch.arange(1.0, 5.0, dtype=x.dtype)[x.abs().long().clamp(max=3)],
    "places from the end": lambda x: x * torch.arange(1.0, 5.0, dtype=x.dtype)[
        -x.abs().long().clamp(max=3)],
    "no integer is equal to a half": lambda x: x * (
        (0.5 * (x > 0).double())[..., None] == torch.arange(3)).double().sum(-1),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_has_its_own_value(name: str) -> None:
    read(lambda s, x: CASTS[name](s.w * x))


@pytest.mark.parametrize(("name", "function"), [
    ("a narrow integer", lambda s, x: (s.w * x).to(torch.int8) * x),
    ("bits", lambda s, x: torch.bitwise_and((s.w * x).long(), x.long()) * x),
    ("places of a pool", lambda s, x: (
        lambda v, i: v * i)(*F.max_pool1d((s.w * x)[None], 2, 1, return_indices=True))),
])
def test_what_has_no_rule_is_refused_in_a_sentence(name: str, function: Function) -> None:
    with pytest.raises((CaptureError, UnsupportedOpError), match="no rule"):
        read(function)


def test_a_cast_at_the_full_width_alone_is_read() -> None:
    def f(s: Net, x: Tensor) -> Tensor:
        h = F.linear(x, s.a)
        return F.linear(h.long().to(h.dtype) if h.shape[-1] > 4 else h, s.b)

    for width in (3, 16):
        hollow = capture(
            Net(f, a=(width, 3), b=(2, width)), (torch.randn(1, 3),), meta=True).network
        assert ("floor" in labels(hollow)) == (width > 4)


# -- minus infinity ------------------------------------------------------------------------------

LOW = -math.inf
MASK = torch.tensor([[0, 1, 1], [0, 0, 1]]).bool()
MARKS: dict[str, Callable[[Tensor], Tensor]] = {
    "a maximum far below": lambda x: (1e14 * x).masked_fill(MASK, LOW).amax(-1) / 1e14,
    "a maximum of what a branch keeps": lambda x: x.masked_fill(
        x < x.mean(-1, keepdim=True), LOW).topk(1, -1).values.softmax(-1) + x[..., :1],
    "the two largest": lambda x: x.masked_fill(
        torch.tensor([[0, 1, 0]]).bool(), LOW).topk(2, -1).values,
    "a branch, then a constant mask": lambda x: x.masked_fill(
        x < x.amax(-1, keepdim=True) - 9, LOW).masked_fill(MASK, LOW).softmax(-1),
    "a constant mask, then a branch": lambda x: x.masked_fill(MASK, LOW).masked_fill(
        x > x.amin(-1, keepdim=True) + 900, LOW).softmax(-1),
    "equal to minus infinity": lambda x: torch.where(x.masked_fill(x < 0, LOW) == LOW, 2 * x, x),
}


@pytest.mark.parametrize("name", MARKS)
def test_minus_infinity_is_below_everything(name: str) -> None:
    read(lambda s, x: MARKS[name](s.w * x))


def test_more_than_there_are_cannot_be_taken() -> None:
    with pytest.raises(CaptureError, match="the 3 largest of fewer"):
        read(lambda s, x: (s.w * x).masked_fill(MASK, LOW).topk(3, -1).values)


# -- what follows --------------------------------------------------------------------------------


def _derived(function: Function, **shapes: tuple[int, ...]) -> Derivation:
    torch.manual_seed(1)
    found = derive(Net(function, **shapes), (torch.randn(1, 2),))
    assert found.verify().verdict is found.verdict
    return found


_W = {"w": (2, 2), "a": (2, 2), "b": (2, 2)}


def test_a_generator_that_moves_a_jump_is_none() -> None:
    """Off the jumps GL(2) changes nothing, and it moves them."""
    for jump in (torch.floor, lambda h: (h > 1).to(h.dtype)):
        def f(s: Net, x: Tensor, jump: Callable[[Tensor], Tensor] = jump) -> Tensor:
            return F.linear(_linear(s, x), s.a) + F.linear(jump(_linear(s, x)), s.b)

        found = _derived(f, **_W)
        assert found.verdict is Verdict.UNKNOWN
        assert (found.redundancy, found.orbit_dimension, found.unread) == (4, 0, 0)


def test_a_positive_factor_passes_a_sign() -> None:
    found = _derived(
        lambda s, x: F.linear(_linear(s, x) * (_linear(s, x) > 0), s.a), w=(2, 2), a=(2, 2))
    assert found.verdict is Verdict.PROVED and found.orbit_dimension == 2


@pytest.mark.parametrize(("name", "redundancy"), [
    ("largest absolute value", 1), ("an infinity norm", 1), ("a smallest entry", 1),
    ("a pool", 1)])
def test_a_maximum_that_is_read_moves_with_its_reader(name: str, redundancy: int) -> None:
    """One factor for all rows goes into the reader; a norm of a scaled layer is the norm scaled."""
    rows: dict[str, Function] = {
        "largest absolute value": lambda s, x: (
            lambda h: F.linear(h / h.abs().amax(-1, keepdim=True), s.a))(_linear(s, x)),
        "an infinity norm": lambda s, x: s.a[0] * torch.linalg.vector_norm(
            _linear(s, x), math.inf, dim=-1, keepdim=True),
        "a smallest entry": lambda s, x: s.a[0] * _linear(s, x).amin(-1, keepdim=True),
        "a pool": lambda s, x: s.a[0] * F.max_pool1d(_linear(s, x)[:, None], 2)[:, 0],
    }
    found = _derived(rows[name], w=(2, 2), a=(2, 2))
    assert found.verdict is Verdict.PROVED and found.orbit_dimension == redundancy
    assert found.redundancy == redundancy


@pytest.mark.parametrize("function", (
    lambda s, x: s.scale * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)) * s.mul,
    lambda s, x: s.standardise * s.sqrt / torch.sqrt((s.reshape * x).var(-1, keepdim=True)),
    lambda s, x: s.amax * ((x * s.scale).amax(-1, keepdim=True) + s.amax + s.scale > 0) * x,
), ids=("a root mean square", "a variance", "a comparison"))
def test_parameters_may_have_the_names_of_ops(function: Function) -> None:
    names = ("scale", "mul", "standardise", "sqrt", "reshape", "amax")
    shapes = {name: (3,) for name in names}
    network = read(function, **shapes)
    other = read(
        lambda s, x: function(argparse.Namespace(**{n: getattr(s, f"p_{n}") for n in names}), x),
        **{f"p_{n}": (3,) for n in names})
    assert [n.op_name for n in network.nodes] == [n.op_name for n in other.nodes]
