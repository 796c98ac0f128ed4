"""A norm's bias that values without a bias of their own pass on to the stream as a constant."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from converse_ranks import redundancy_of
from known_networks import KnownNetwork, real
from torch import Tensor

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Extent, completeness
from symgauge.converse.sweep import sweep
from symgauge.program.network import Network

Formula = Callable[[Any, Tensor], Tensor]


def rms(z: Tensor) -> Tensor:
    return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 0.5)


def layer(z: Tensor) -> Tensor:
    return rms(z - z.mean(-1, keepdim=True))


def average(p: Any, n: Tensor, k: str = "") -> Tensor:
    def read(name: str) -> Tensor:
        return n @ getattr(p, name + k)

    out: Tensor = torch.softmax(read("Q") @ read("K").T, -1) @ read("V") @ getattr(p, "O" + k)
    return out


def network(width: int, formula: Formula, dv: int, more: str = "") -> Network:
    d = width
    shapes = f"I:{d}x{d} i:{d} b:{d} Q:{d}x1 K:{d}x1 V:{d}x{dv} O:{dv}x{d} {more}"
    return capture(KnownNetwork(shapes, formula), (real(2, d),)).network


@pytest.mark.parametrize("dv", [1, 2, 3])
@pytest.mark.parametrize("norm", [rms, layer])
def test_a_stream_read_as_it_is(norm: Callable[[Tensor], Tensor], dv: int) -> None:
    """Of values as wide as the stream a multiple of 1, which no norm that centres sees."""
    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I + p.i
        return z + average(p, norm(z) + p.b)

    found = network(3, formula, dv)
    record = completeness(found)
    assert record.stop is None and record.second == AGREES
    assert record.bound == redundancy_of(found, 0)
    counted = any(f.what == "a multiple of 1" for s in record.steps for f in s.free)
    assert counted == (norm is layer and dv == 3)


def test_two_blocks_pass_one_each() -> None:
    more = "c:3 Q2:3x1 K2:3x1 V2:3x3 O2:3x3"

    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I + p.i
        z = z + average(p, layer(z) + p.b)
        return z + average(p, layer(z) + p.c, "2")

    found = network(3, formula, 3, more)
    record = completeness(found)
    assert record.second == AGREES and record.bound == redundancy_of(found, 0)


@pytest.mark.parametrize(("dv", "exact"), [(1, True), (2, False)])
@pytest.mark.parametrize("norm", [rms, layer])
def test_two_side_by_side(norm: Callable[[Tensor], Tensor], dv: int, exact: bool) -> None:
    """What both add together must not span more than the stream."""
    more = f"Q2:3x1 K2:3x1 V2:3x{dv} O2:{dv}x3 c:3 g:3 h:3"

    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I + p.i
        n = norm(z)
        return z + average(p, n * p.g + p.b) + average(p, n * p.h + p.c, "2")

    found = network(3, formula, dv, more)
    outcome, true = sweep(found), redundancy_of(found, 0)
    assert outcome.bound == true if exact else outcome.bound >= true
    assert exact == (outcome.stop is None)


@pytest.mark.parametrize("norm", [rms, layer])
def test_against_a_shift_from_above(norm: Callable[[Tensor], Tensor]) -> None:
    """Units above that read the stream by a matrix and a bias see no constant of it."""
    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I + p.i
        z = z + average(p, norm(z) + p.b)
        return z + torch.tanh(z @ p.A + p.a) @ p.C + p.e

    found = network(3, formula, 2, "A:3x2 a:2 C:2x3 e:3")
    record = completeness(found)
    assert record.stop is not None and "against a shift" in record.stop.reason
    assert record.bound >= redundancy_of(found, 0) and record.extent is Extent.OPEN
