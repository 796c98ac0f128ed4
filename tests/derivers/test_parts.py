"""Parts of a tensor that move by themselves: rows beside a class token, a packed cross-attention.

What is found is compared with the exact Jacobian on both sides of a size; false relatives are
refused by the intertwiners and refuted line by line.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from structural_referee import referee, wrong_families
from torch import Tensor, nn

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.derivers.structural import find, instantiate
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family
from symgauge.families.serial import family_of, plain_family
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.parted import parted
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.proof.prover import Prover

PACKED = "attn.in_proj_weight"


class Patches(nn.Module):
    """tanh(up(norm(pieces + positions))): a class token and patches in front of them."""

    def __init__(self, size: int, patches: int, late: bool = False) -> None:
        super().__init__()
        self.late = late
        self.patch = nn.Conv1d(1, size, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, size))
        self.place = nn.Parameter(torch.randn(1, patches + 1, size))
        self.norm, self.up = nn.LayerNorm(size), nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.patch(x).transpose(1, 2)
        if self.late:  # rows of the table taken one by one
            first, rest = self.place[:, :1], self.place[:, 1:]
            together = torch.cat([self.token + first, rows + rest], 1)
        else:
            together = torch.cat([self.token, rows], 1) + self.place
        return torch.tanh(self.up(self.norm(together)))


class Cross(nn.Module):
    """Queries read one norm, keys and values another, through one packed matrix; a skip stays."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.inp, self.norm = nn.Linear(size, size), nn.LayerNorm(size)
        self.far, self.other = nn.Linear(size, size), nn.LayerNorm(size)
        self.attn = nn.MultiheadAttention(size, heads, batch_first=True)
        self.last = nn.LayerNorm(size, bias=False)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        y, memory = self.norm(self.inp(x)), self.other(self.far(z))
        out: Tensor = self.last(y + self.attn(y, memory, memory)[0])
        return out


def patches(size: int, count: int, late: bool = False) -> Network:
    return capture(Patches(size, count, late), (torch.randn(1, 1, 4 * count),), {}).network


def with_part(families: list[Family]) -> Family:
    """The class token against its row."""
    return next(f for f in families if {m.parameter for m in f.moves} == {"token", "place"})


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("size, count", [(3, 2), (4, 3), (5, 2)])
def test_all_of_a_class_token_and_its_positions_is_found(
    size: int, count: int, late: bool
) -> None:
    found = referee(patches(size, count, late))
    assert found.sound and found.rank == found.redundancy
    # token and row, bias and rows, a multiple of 1 on each row and kernel entry
    assert found.redundancy >= 2 * size + (1 + count) + 4


@pytest.mark.parametrize("size, heads", [(3, 1), (4, 2), (5, 1), (6, 2)])
def test_all_of_a_packed_cross_attention_is_found(size: int, heads: int) -> None:
    args = torch.randn(1, 3, size), torch.randn(1, 3, size)
    network = capture(Cross(size, heads), args, {}).network
    found = referee(network)
    assert found.sound and found.rank == found.redundancy
    parts = {m.part for f in found.families for m in f.moves if m.parameter == PACKED}
    assert {(0, 0, size), (0, size, 3 * size)} <= parts
    prover = FamilyProver(network)
    assert all(prover.prove(f).verdict is Verdict.PROVED for f in found.families)


def test_a_derivation_with_parts_is_certified_and_verified() -> None:
    derivation = symgauge.derive(Patches(3, 2), (torch.randn(1, 1, 8),))
    assert derivation.unexplained == 0 and derivation.verdict is Verdict.PROVED
    assert any(m.part for g in derivation.generators for m in g.action)
    assert {g.all_sizes for g in derivation.generators} == {"proved"}
    assert derivation.verify().verdict is Verdict.PROVED


def test_a_row_of_another_token_is_refused_and_refuted() -> None:
    network = patches(3, 2)
    family = with_part(instantiate(find(network)))
    prover, exact, coordinates = FamilyProver(network), Prover(network), Coordinates(network)
    assert prover.prove(family).verdict is Verdict.PROVED
    assert all(exact.prove(f).verdict is Verdict.PROVED for f in coordinates.fields_of(family))
    for wrong in (
        _moved(family, part=(1, 1, 3)), _moved(family, part=(1, 1, 2)), _moved(family, part=()),
        _moved(family, weight=Fraction(2)), replace(family, moves=family.moves[:1]),
    ):
        assert prover.prove(wrong).verdict is Verdict.UNKNOWN
        wrong = replace(wrong, fields=coordinates.fields_of(wrong))
        assert wrong_families(network, [wrong]) == [wrong]
    # right, and yet no part that the program takes apart
    assert prover.prove(_moved(family, part=(0, 0, 1))).verdict is Verdict.UNKNOWN


def _moved(family: Family, **how: object) -> Family:
    """The family with another move of the positions."""
    return replace(family, moves=tuple(
        replace(m, **how) if m.parameter == "place" else m for m in family.moves))


def test_an_element_moves_its_part_alone() -> None:
    module, args = Patches(4, 3), (torch.randn(1, 1, 12),)
    derivation = symgauge.derive(module.double(), (args[0].double(),))
    (label,) = [g.label for g in derivation.generators if {m.parameter for m in g.action} == {
        "token", "place"}]
    before = module.state_dict()
    after = derivation.element({label: np.arange(1.0, 5.0)}).apply(before)
    change = (after["place"] - before["place"])[0]
    assert change[0].abs().min() > 0.5 and not change[1:].any()
    x = torch.randn(1, 1, 12, dtype=torch.float64)
    wanted = module(x)
    module.load_state_dict(after)
    assert torch.allclose(module(x), wanted, atol=1e-12)


def test_the_program_of_the_parts_is_the_same_function() -> None:
    for network in (patches(3, 2), patches(4, 3, late=True)):
        cut = parted(network)
        assert [list(own.values()) for own in cut.parts.values()] == [
            [(1, 0, 1), (1, 1, network.parameters[1].shape[1])]]
        rng = np.random.default_rng(1)
        theta = {p.name: rng.standard_normal((1, *p.shape)) for p in network.parameters}
        x = {p.name: rng.standard_normal((1, *p.shape)) for p in network.inputs}
        parts = dict(theta)
        for name, own in cut.parts.items():
            whole = parts.pop(name)
            for part, (axis, start, stop) in own.items():
                parts[part] = whole.take(range(start, stop), axis=axis + 1)
        one, two = (outputs(n, values(n, RealDomain(), t, x)) for n, t in (
            (lower(network), theta), (lower(cut.network), parts)))
        assert all(np.allclose(a, b, atol=1e-12) for a, b in zip(one, two, strict=True))


def test_a_table_that_is_read_otherwise_too_stays_whole() -> None:
    class Also(Patches):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = super().forward(x) + self.place[:, :, :1].sum()
            return out

    network = capture(Also(3, 2), (torch.randn(1, 1, 8),), {}).network
    families = instantiate(find(network))
    assert not any(m.part for f in families for m in f.moves)
    exact = Prover(network)
    assert all(exact.prove(f).verdict is Verdict.PROVED for f in families for f in f.fields)


def test_a_part_is_read_as_it_was_written() -> None:
    network = patches(3, 2)
    family = with_part(instantiate(find(network)))
    plain = plain_family(family)
    assert family_of(plain, family.fields).moves == family.moves
    moves = plain["action"]
    k = next(k for k, m in enumerate(moves) if "part" in m)
    for wrong in ([1, 0], [1, 1, 1], [1, -1, 1], [1, 0, "1"], []):
        changed = {**plain, "action": [
            {**m, "part": wrong} if i == k else m for i, m in enumerate(moves)]}
        with pytest.raises(ValueError, match="the part"):
            family_of(changed)
