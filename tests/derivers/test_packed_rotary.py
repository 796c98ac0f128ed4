"""Queries and keys that are packed head by head and of which a part is turned; other layouts.

Small attentions in the layouts of BLOOM, Falcon, Megatron, GPT-NeoX, GLM, DeepSeek: the structural
families are all that the Jacobian allows, at sizes where heads are narrower than the stream.
"""

from dataclasses import replace

import pytest
import torch
from rotary_pairs import turned
from structural_referee import referee
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.derivers.structural import find
from symgauge.families.family import Family, Place
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.verdict import Verdict

TOKENS, WIDTH, HEADS = 3, 6, 2


class Attention(nn.Module):
    """Heads of `size` entries, of which the first or last `rotary` are turned."""

    def __init__(
        self, layout: str, size: int, rotary: int = 0, pairs: str = "halves", last: bool = False,
        bias: bool = False, groups: int = 1,
    ) -> None:
        super().__init__()
        self.layout, self.size, self.rotary, self.pairs = layout, size, rotary, pairs
        self.last, self.groups = last, groups
        rows = HEADS + 2 * groups if layout == "grouped" else 3 * HEADS
        self.qkv = nn.Linear(WIDTH, rows * size, bias=bias)
        self.out = nn.Linear(HEADS * size, WIDTH, bias=bias)

    def split(self, y: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, (heads, tokens, size) each."""
        if self.layout == "heads, 3, size":
            parts = y.view(TOKENS, HEADS, 3, self.size).unbind(2)
        elif self.layout == "heads, 3 size":
            parts = y.view(TOKENS, HEADS, 3 * self.size).chunk(3, -1)
        elif self.layout == "3, heads, size":
            q, k, v = y.view(TOKENS, 3, HEADS, self.size).permute(1, 2, 0, 3)
            return q, k, v
        else:
            each = HEADS // self.groups
            y = y.view(TOKENS, self.groups, each + 2, self.size)
            parts = tuple(
                x.expand(-1, -1, each, -1).reshape(TOKENS, HEADS, self.size)
                for x in (y[:, :, :-2], y[:, :, [-2]], y[:, :, [-1]]))
        return tuple(x.transpose(0, 1) for x in parts)

    def turn(self, x: Tensor) -> Tensor:
        n = self.rotary
        if not n:
            return x
        if self.last:
            return torch.cat((x[..., :-n], turned(x[..., -n:], self.pairs)), -1)
        return torch.cat((turned(x[..., :n], self.pairs), x[..., n:]), -1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(self.qkv(x))
        scores = self.turn(q) @ self.turn(k).transpose(-1, -2)
        mixed = torch.softmax(scores, -1) @ v
        out: Tensor = self.out(mixed.transpose(0, 1).flatten(1))
        return out


def program(*args: object, **kwargs: object) -> Network:
    torch.manual_seed(0)
    module = Attention(*args, **kwargs)  # type: ignore[arg-type]
    return capture(module, (torch.randn(TOKENS, WIDTH),), {}).network


CASES = {
    "BLOOM": {"layout": "heads, 3, size", "size": 2, "bias": True},
    "timm": {"layout": "3, heads, size", "size": 2, "bias": True},
    "Falcon": {"layout": "grouped", "size": 2},
    "Falcon, groups": {"layout": "grouped", "size": 2, "groups": 2, "bias": True},
    "Falcon, turned": {"layout": "grouped", "size": 2, "rotary": 2},
    "BLOOM, turned": {"layout": "heads, 3, size", "size": 4, "rotary": 4},
    "GPT-NeoX": {"layout": "heads, 3 size", "size": 4, "rotary": 2, "bias": True},
    "GPT-NeoX, two pairs": {"layout": "heads, 3 size", "size": 6, "rotary": 4},
    "GLM": {"layout": "3, heads, size", "size": 4, "rotary": 2, "pairs": "neighbours"},
    "DeepSeek": {"layout": "3, heads, size", "size": 4, "rotary": 2, "last": True},
    "neighbours of all": {"layout": "heads, 3, size", "size": 4, "rotary": 4,
                          "pairs": "neighbours"},
}


@pytest.mark.parametrize("name", CASES)
def test_every_layout_has_all_its_families(name: str) -> None:
    found = referee(program(**CASES[name]))
    assert found.sound, found
    assert found.rank == found.redundancy
    if found.stabiliser is None:
        assert found.dimension == found.rank


def named(network: Network, kind: str) -> Family:
    (found,) = [s.family for s in find(network).families if s.family.kind.name == kind]
    return found


def test_the_parts_of_a_head_have_their_own_groups() -> None:
    network = program("heads, 3 size", 6, 4)
    families = [s.family for s in find(network).families if s.family.kind.is_matrix]
    said = {(f.kind.name, f.copies, f.size) for f in families}
    # two pairs of each head are turned, two entries are not, six are values
    assert said == {("complex", (2, 2), 2), ("gl", (2,), 2), ("gl", (2,), 6)}
    assert {m.at.periods for f in families for m in f.moves if m.parameter == "qkv.weight"
            and m.at is not None} == {(1, 18)}


def moved_to(family: Family, start: int) -> Family:
    """The first move of the family, on a range that starts elsewhere in each period."""
    first = family.moves[0]
    assert isinstance(first.at, Place)
    return replace(family, moves=(
        replace(first, at=replace(first.at, start=start)), *family.moves[1:]))


def test_ranges_that_are_no_part_are_refused() -> None:
    network = program("heads, 3 size", 6, 4)
    prover = FamilyProver(network)
    families = [s.family for s in find(network).families if s.family.kind.name == "gl"]
    (plain,) = [f for f in families if f.size == 2]
    place = plain.moves[0].at
    assert place is not None and prover.prove(plain).verdict is Verdict.PROVED
    for start in range(17):
        wrong = moved_to(plain, start)
        assert (prover.prove(wrong).verdict is Verdict.PROVED) == (start == place.start)
    # what is turned is no gl, and what is not turned no part of what is
    turned_pair = named(network, "complex")
    assert prover.prove(turned_pair).verdict is Verdict.PROVED
    for start in (1, 2, 4):
        assert prover.prove(moved_to(turned_pair, start)).verdict is Verdict.UNKNOWN
