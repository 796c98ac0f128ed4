"""Gains written u + w, as 1 + w: scalings of u + w, and rotations of the stream through them."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from networks import Sketch
from structural_referee import FIELD, rank_of, redundancy_of, wrong_families
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.checks.runtime.elements import Element, Matrix
from symgauge.checks.runtime.moves import apply_move, off_slices, onto_slices
from symgauge.derivers.structural import find, instantiate, orbit_dimension
from symgauge.families.carry import Slice, carried
from symgauge.families.coordinates import Coordinates, held_coordinates
from symgauge.families.family import Family, Move, Place, Through, held_values
from symgauge.families.kinds.diagonal import SCALING
from symgauge.families.serial import plain_family
from symgauge.lie.fields import VectorField
from symgauge.program.recentred import recentred
from symgauge.proof.finite_actions import no_action
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.statements.dimension import dimension
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.verdict import Verdict


class Norm(nn.Module):
    def __init__(self, width: int, offset: float) -> None:
        super().__init__()
        self.weight, self.offset = nn.Parameter(torch.rand(width)), offset

    def forward(self, x: Tensor) -> Tensor:
        root = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-3)
        return x * root * (self.offset + self.weight)


class Stream(nn.Module):
    """A residual stream under two norms; `tied`: the head is the table that writes the stream."""

    def __init__(self, offset: float, tied: bool = False) -> None:
        super().__init__()
        self.table = nn.Linear(6, 4, bias=False)
        self.norm, self.last = Norm(4, offset), Norm(4, offset)
        self.up, self.down = nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)
        self.head = None if tied else nn.Linear(4, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.table(x)
        y = y + self.down(torch.tanh(self.up(self.norm(y))))
        read = self.table.weight.t() if self.head is None else self.head.weight
        return nn.functional.linear(self.last(y), read)


def program(module: nn.Module):  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return capture(module, (torch.randn(2, 6),), {}).network


@pytest.mark.parametrize("offset", [1.0, -2.5])
def test_scalings_and_rotations_are_all(offset: float) -> None:
    network = program(Stream(offset))
    found = find(network)
    families = instantiate(found)
    assert wrong_families(network, families) == []
    # so(4), and a scaling for each index of both gains
    assert orbit_dimension(found, FIELD, np.random.default_rng(0)) == redundancy_of(network) == 14
    assert generic_stabiliser(found) is None and dimension(found) == 14
    # behind u + w a rotation is no Laurent polynomial of w: its generators are left out here alone
    assert rank_of(network, families) == 8
    (turned,) = [s.family for s in found.families if s.family.kind.name == "so"]
    assert [t.parameter for t in turned.via] == ["norm.weight", "last.weight"]
    assert set(held_values(turned.via).values()) == {1 - Fraction(offset)}


class Moved(nn.Module):
    """A norm whose gain is 1 + what `read` makes of w; `alone`: some of w is read alone too."""

    def __init__(self, read: Callable[[Tensor], Tensor], alone: bool = False) -> None:
        super().__init__()
        self.up, self.head = nn.Linear(6, 4, bias=False), nn.Linear(4, 3, bias=False)
        self.weight, self.read, self.alone = nn.Parameter(torch.rand(4)), read, alone

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(x)
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-3)
        out: Tensor = self.head(y * (1 + self.read(self.weight)))
        return out * self.weight[:1] if self.alone else out


@pytest.mark.parametrize("read", [
    lambda w: w.view(1, 4), lambda w: w[None], lambda w: w.view(2, 2).t().reshape(1, 4)])
def test_entries_moved_before_a_sum(read: Callable[[Tensor], Tensor]) -> None:
    network = program(Moved(read))
    assert recentred(network).offsets == {"weight": 1}
    found = find(network)
    assert orbit_dimension(found, FIELD, np.random.default_rng(0)) == redundancy_of(network) == 10
    assert wrong_families(network, instantiate(found)) == []


def test_entries_that_are_read_alone_too_keep_the_name() -> None:
    assert recentred(program(Moved(lambda w: w[None], alone=True))).offsets == {}


def test_a_tied_head_leaves_the_scalings_of_the_inner_norm() -> None:
    network = program(Stream(1.0, tied=True))
    families = instantiate(find(network))
    assert wrong_families(network, families) == []
    assert rank_of(network, families) == redundancy_of(network) == 4
    (scaled,) = families
    assert {m.parameter: m.offset for m in scaled.moves} == {"up.weight": 0, "norm.weight": 1}


def rotation(network) -> Family:  # type: ignore[no-untyped-def]
    (found,) = [s.family for s in find(network).families if s.family.kind.name == "so"]
    return found


def changed(family: Family, offset: Fraction) -> Family:
    """The same with another offset in the slices."""
    return replace(family, via=tuple(
        replace(t, moves=tuple(replace(m, offset=offset) if m.offset else m for m in t.moves))
        for t in family.via))


def test_another_offset_is_refused() -> None:
    network = program(Stream(1.0))
    prover, family = FamilyProver(network), rotation(network)
    shapes = {p.name: p.shape for p in network.parameters}
    assert no_action(family, shapes) is None
    assert prover.prove(family).verdict is Verdict.PROVED and prover.fields(family) is None
    for wrong in (Fraction(0), Fraction(2)):
        found = prover.prove(changed(family, wrong))
        assert found.verdict is Verdict.UNKNOWN and "another offset" in found.residual
    # a plain gain is no gain with an offset
    plain = FamilyProver(program(Stream(0.0)))
    assert plain.prove(changed(family, Fraction(0))).verdict is Verdict.PROVED
    assert plain.prove(family).verdict is Verdict.UNKNOWN


def test_slices_are_held_where_the_gain_is_1() -> None:
    network = program(Stream(1.0))
    via = rotation(network).via
    for there, value in ((network, 0), (recentred(network).network, 1)):
        assert held_coordinates(there, via) == {"norm.weight": value, "last.weight": value}


@pytest.mark.parametrize("seed", range(3))
def test_the_rotation_leaves_the_function(seed: int) -> None:
    torch.manual_seed(seed)
    module = Stream(1.0).double()
    family = plain_family(rotation(program(Stream(1.0))))
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
    x = torch.randn(5, 6, dtype=torch.float64)
    before = module(x)

    def after(offset: str) -> Tensor:
        arrays = {n: p.detach().numpy().copy() for n, p in module.named_parameters()}
        said = {**family, "via": [
            {**t, "action": [{**m, "offset": offset} if "offset" in m else m
                             for m in t["action"]]} for t in family["via"]]}
        act = partial(apply_move, arrays)
        own = onto_slices(arrays, said, act)
        for move in said["action"]:
            apply_move(arrays, move, Element((Matrix(turn, turn.T),)))
        off_slices(said, own, act)
        return torch.func.functional_call(
            module, {n: torch.from_numpy(a) for n, a in arrays.items()}, (x,))

    scale = before.abs().max()
    assert (after("1") - before).abs().max() < 1e-13 * scale
    assert (after("0") - before).abs().max() > 1e-2 * scale


def test_a_gain_that_is_read_alone_too_keeps_its_name() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.v = nn.Parameter(torch.rand(6)), nn.Parameter(torch.rand(6))

        def forward(self, x: Tensor) -> Tensor:
            return x * (1 + self.w) + self.w * (1 + self.v) + x * x * (2 + self.v)

    assert recentred(program(Twice())).offsets == {}
    assert recentred(program(Stream(1.0))).offsets == {"norm.weight": 1, "last.weight": 1}


def test_a_field_behind_a_gain_is_written_in_the_parameter_itself() -> None:
    """What e moves by on w + 2 = 1 is (w + 2) times that elsewhere; over it, no polynomial of w."""
    sketch = Sketch()
    w, e = sketch.parameter("w", 2), sketch.parameter("e", 2)
    coordinates = Coordinates(sketch.network(w, e))
    place, one = Place(0, 0, (2,), 0), Fraction(1)
    gain = Move("w", "s^k", place, one, None, Fraction(2))

    def carried_by(weight: int) -> tuple[VectorField, ...] | None:
        moves = (gain, Move("e", "s^k", place, Fraction(weight)))
        through = Through("w", SCALING, (), 2, moves)
        return carried([VectorField.build([(2, one)], [])], [Slice(through, coordinates)])

    found = carried_by(1)
    assert found is not None and found[0].terms == {(2, ()): 2, (2, ((0, 1),)): 1}
    assert carried_by(-1) is None
