"""Queries, keys and values of each head side by side on one axis: a summand of an inner factor."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from networks import Sketch
from structural_referee import referee

from symgauge.checks.runtime.elements import Element
from symgauge.checks.runtime.moves import apply_move
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Place
from symgauge.families.kinds.diagonal import SCALING
from symgauge.families.serial import family_of, plain_family
from symgauge.program.network import Network
from symgauge.proof.finite_actions import no_action
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.verdict import Verdict

HEADS, SIZES = 2, (2, 2, 3)


def packed(bias: bool, *, tokens: int = 3, width: int = 4) -> Network:
    """One projection to heads of (query, key, value), as GPT-NeoX has it."""
    s = Sketch()
    x = s.input("x", tokens, width)
    y = s.linear(x, "qkv", HEADS * sum(SIZES), bias)
    y = s.heads(y, HEADS)
    ends = [0, *np.cumsum(SIZES).tolist()]
    q, k, v = (s.build.slice(y, 2, a, b) for a, b in zip(ends, ends[1:], strict=False))
    scores = s.build.apply("matmul", q, s.build.permute(k, (0, 2, 1)))
    mixed = s.build.apply("matmul", s.build.apply("softmax", scores, axis=2), v)
    joined = s.build.reshape(s.build.permute(mixed, (1, 0, 2)), (tokens, HEADS * SIZES[2]))
    return s.network(s.linear(joined, "out", width, bias))


@pytest.mark.parametrize("bias", [False, True])
def test_all_of_attention_is_found(bias: bool) -> None:
    refereed = referee(packed(bias))
    assert refereed.sound, refereed
    assert refereed.rank == refereed.redundancy
    kinds = {s.family.kind.name: s.family for s in refereed.found.families if s.family.copies}
    assert kinds["gl"].copies == (HEADS,)


def scaling(start: int, period: int = sum(SIZES)) -> Family:
    """Values by s, what reads them by 1/s."""
    values = Place(0, start, (HEADS, SIZES[2]), 1, (0,), (1, period))
    out = Place(1, 0, (HEADS, SIZES[2]), 1, (0,))
    return Family(SCALING, (HEADS,), SIZES[2], (
        Move("qkv.weight", "s^k", values), Move("out.weight", "s^k", out, Fraction(-1))), ())


def test_the_family_is_proved_again_from_its_record() -> None:
    network = packed(False)
    shapes = {p.name: p.shape for p in network.parameters}
    right, wrong, outside = scaling(4), scaling(3), scaling(5)
    again = family_of({**plain_family(right), "label": "values"})
    assert again.moves == right.moves
    assert FamilyProver(network).prove(again).verdict is Verdict.PROVED
    assert FamilyProver(network).prove(wrong).verdict is Verdict.UNKNOWN
    assert no_action(right, shapes) is None
    assert no_action(outside, shapes) is not None
    assert no_action(scaling(4, 8), shapes) is not None


@pytest.mark.parametrize(
    "periods", [[1], [1, 7, 0], [1, 7, 1, 1], [0, 7], [1, 0], [1, -7], [True, 7]])
def test_malformed_periods_are_none(periods: list[int]) -> None:
    entry = {**plain_family(scaling(4)), "label": "values"}
    entry["action"][0]["at"]["periods"] = periods
    with pytest.raises(ValueError, match="the place"):
        family_of(entry)


def test_blocks_of_one_period_do_not_meet() -> None:
    """A scaling of queries and a shift of keys commute; of a block that overlaps both they do not.
    """
    shapes = {"qkv.weight": (HEADS * sum(SIZES), 4)}
    query, key, across = (
        Move("qkv.weight", "s^k", Place(0, a, (HEADS, 2), 1, (0,), (1, sum(SIZES))))
        for a in (0, 2, 1))
    shifted = Move("qkv.weight", "+c", key.at)
    assert no_action(Family(SCALING, (HEADS,), 2, (query, shifted), ()), shapes) is None
    met = Move("qkv.weight", "+c", across.at)
    assert no_action(Family(SCALING, (HEADS,), 2, (query, met), ()), shapes) is not None


def test_the_move_and_its_field_are_one_action() -> None:
    network, family = packed(False), scaling(4)
    rng = np.random.default_rng(0)
    arrays = {p.name: rng.standard_normal(p.shape) for p in network.parameters}
    before = np.concatenate([arrays[p.name].reshape(-1) for p in network.parameters])
    scale = rng.uniform(0.5, 2, (HEADS, SIZES[2]))
    for move in family.moves:
        apply_move(arrays, move.plain(), Element((), scale))
    after = np.concatenate([arrays[p.name].reshape(-1) for p in network.parameters])
    exponents = np.zeros((HEADS * SIZES[2], network.num_coordinates))
    for k, field in enumerate(Coordinates(network).fields_of(family)):
        for (i, _), c in field.terms.items():
            exponents[k, i] = c
    np.testing.assert_allclose(
        after, before * np.exp(np.log(scale).reshape(-1) @ exponents), rtol=1e-12)
    assert not np.allclose(after, before)


def later(begin: int) -> Family:
    """The same in a projection whose heads begin at an entry of it."""
    values = Place(0, 4, (HEADS, SIZES[2]), 1, (0,), (1, sum(SIZES), begin))
    return replace(scaling(4), moves=(Move("all.weight", "s^k", values),))


def test_periods_may_begin_later() -> None:
    family, arrays = later(3), {"all.weight": np.ones((3 + HEADS * sum(SIZES) + 2, 1))}
    shapes = {n: a.shape for n, a in arrays.items()}
    assert no_action(family, shapes) is None and no_action(later(6), shapes) is not None
    scale = np.arange(2.0, 8.0).reshape(HEADS, SIZES[2])
    apply_move(arrays, family.moves[0].plain(), Element((), scale))
    (moved,) = arrays["all.weight"][:, 0].nonzero()
    wanted = [3 + h * sum(SIZES) + 4 + i for h in range(HEADS) for i in range(SIZES[2])]
    values = arrays["all.weight"][:, 0]
    assert [k for k in moved if values[k] != 1] == wanted
    assert values[wanted].tolist() == scale.reshape(-1).tolist()
    place = family.moves[0].at
    assert place is not None and place.extent == (wanted[0], wanted[-1] + 1)
    # the parts of a head that are side by side in two projections do not meet
    both = replace(family, moves=(
        *family.moves, Move("all.weight", "+c", replace(place, start=0, sizes=(HEADS, 3)))))
    assert no_action(both, shapes) is None
    met = replace(family, moves=(
        *family.moves, Move("all.weight", "+c", replace(place, start=2, sizes=(HEADS, 3)))))
    assert no_action(met, shapes) is not None
