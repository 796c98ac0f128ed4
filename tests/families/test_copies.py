"""Copies numbered by all of another axis of a tensor, and copies that rows of a single 1 pick."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from networks import Sketch
from structural_referee import referee

from symgauge.checks.runtime.elements import Element
from symgauge.checks.runtime.moves import apply_move
from symgauge.derivers.structural import find
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Place
from symgauge.families.kinds.diagonal import SCALING
from symgauge.families.kinds.gl import GL
from symgauge.families.serial import family_of, plain_family
from symgauge.program.network import Network
from symgauge.program.writer import Value
from symgauge.proof.finite_actions import no_action
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.verdict import Verdict

EXPERTS, WIDTH, HIDDEN, TOKENS = 3, 2, 4, 2


def experts(
    s: Sketch, x: Value, chosen: Value, name: str, rows: int, columns: int
) -> Value:
    """Each row of x times the matrix (rows, columns) that its row of `chosen` picks."""
    stacked = s.parameter(name, EXPERTS, rows, columns)
    flat = s.build.reshape(stacked, (EXPERTS, rows * columns))
    own = s.build.reshape(s.build.apply("matmul", chosen, flat), (TOKENS, rows, columns))
    y = s.build.apply("matmul", s.build.reshape(x, (TOKENS, 1, rows)), own)
    return s.build.reshape(y, (TOKENS, columns))


def router(s: Sketch, x: Value, name: str) -> Value:
    """For each row the expert of the largest logit, as a row of a single 1."""
    logits = s.linear(x, name, EXPERTS, bias=False)
    return s.build.reshape(s.build.apply("ranking", logits, count=1), (TOKENS, EXPERTS))


def mixture(between: str | None, second: str = "gate") -> Network:
    """Stacked experts, the hidden units of one: relu, linear, or a second router's down matrix."""
    s = Sketch()
    x = s.input("x", TOKENS, WIDTH)
    chosen = router(s, x, "gate")
    hidden = experts(s, x, chosen, "up", WIDTH, HIDDEN)
    if between is not None:
        hidden = s.build.apply(between, hidden)
    again = chosen if second == "gate" else router(s, x, second)
    return s.network(experts(s, hidden, again, "down", HIDDEN, WIDTH))


def scaling(copies: tuple[int, ...]) -> Family:
    per = tuple((0, n) for n in copies)
    return Family(SCALING, copies, HIDDEN, (
        Move("up", "s^k", Place(2, 0, (HIDDEN,), 0, per)),
        Move("down", "s^k", Place(1, 0, (HIDDEN,), 0, per), Fraction(-1)),
    ), ())


@pytest.mark.parametrize("between, kind, dimension", [
    ("relu", "diagonal", EXPERTS * HIDDEN), (None, "gl", EXPERTS * HIDDEN**2)])
def test_each_expert_has_its_own(between: str | None, kind: str, dimension: int) -> None:
    network = mixture(between)
    family, = (s.family for s in find(network).families if "up" in s.family.tensors
               and s.family.copies)
    assert (family.kind.name, family.copies, family.dimension) == (kind, (EXPERTS,), dimension)
    refereed = referee(network)
    assert refereed.sound, refereed


def test_another_router_shares_the_scaling() -> None:
    """Down matrices that another router picks: a scaling for each expert is none."""
    network = mixture("relu", second="other")
    found = [s.family for s in find(network).families if s.family.kind is SCALING]
    assert all(not f.copies for f in found if "up" in f.tensors)
    assert FamilyProver(network).prove(scaling((EXPERTS,))).verdict is Verdict.UNKNOWN
    assert FamilyProver(network).prove(scaling(())).verdict is Verdict.PROVED
    assert referee(network).sound


def test_the_family_is_proved_again_from_its_record() -> None:
    family = scaling((EXPERTS,))
    again = family_of({**plain_family(family), "label": "experts"})
    assert again.moves == family.moves
    network = mixture("relu")
    assert FamilyProver(network).prove(again).verdict is Verdict.PROVED
    shapes = {p.name: p.shape for p in network.parameters}
    assert no_action(again, shapes) is None
    wrong = scaling((EXPERTS + 1,))
    assert no_action(wrong, shapes) is not None
    assert FamilyProver(network).prove(wrong).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("per", [[[0]], [[0, 3, 3]], [[0, -1]], [[0, True]], [["0", 3]]])
def test_a_malformed_place_is_none(per: list[object]) -> None:
    entry = {**plain_family(scaling((EXPERTS,))), "label": "experts"}
    entry["action"][0]["at"]["per"] = per
    with pytest.raises(ValueError, match="the place"):
        family_of(entry)


def test_a_matrix_on_an_axis_mixes_the_copies_it_numbers() -> None:
    """g on the experts' axis does not commute with what they number."""
    moves = (
        Move("up", "g", Place(0, 0, (EXPERTS,), 0, ((1, EXPERTS),))),
        Move("up", "g", Place(1, 0, (EXPERTS,), 0, ((0, EXPERTS),))),
    )
    shapes = {"up": (EXPERTS, EXPERTS, HIDDEN)}
    assert no_action(Family(GL, (EXPERTS,), EXPERTS, moves, ()), shapes) is not None
    apart = tuple(Move("up", "g", Place(m.at.axis, 0, (EXPERTS,), 0)) for m in moves if m.at)
    assert no_action(Family(GL, (), EXPERTS, apart, ()), shapes) is None


def test_the_move_and_its_field_are_one_action() -> None:
    """Every entry is scaled by its own expert's number, where coordinates say so."""
    network, family = mixture("relu"), scaling((EXPERTS,))
    rng = np.random.default_rng(0)
    arrays = {p.name: rng.standard_normal(p.shape) for p in network.parameters}
    before = np.concatenate([arrays[p.name].reshape(-1) for p in network.parameters])
    scale = rng.uniform(0.5, 2, (EXPERTS, HIDDEN))
    for move in family.moves:
        apply_move(arrays, move.plain(), Element((), scale))
    after = np.concatenate([arrays[p.name].reshape(-1) for p in network.parameters])
    exponents = np.zeros((EXPERTS * HIDDEN, network.num_coordinates))
    for k, field in enumerate(Coordinates(network).fields_of(family)):
        for (i, _), c in field.terms.items():
            exponents[k, i] = c
    expected = before * np.exp(np.log(scale).reshape(-1) @ exponents)
    np.testing.assert_allclose(after, expected, rtol=1e-12)
    assert not np.allclose(after, before)


@pytest.mark.parametrize("per", [
    ((0,), (0,)), (((0, 3),), ((1, 3),)), (((0, 3),), (0,)), ((-1,), (-1,)), ((1,), (1,)),
    (((-1, 3),), ((0, 3),)),
], ids=str)
def test_copies_are_numbered_beside_the_element(per: tuple[tuple[object, ...], ...]) -> None:
    """GL(3)^3 on one leg of size 3, where GL(3) acts: no lemma, whatever fields could be made."""
    s = Sketch()
    a, b = s.parameter("A", 3, 3), s.parameter("B", 2, 3)
    x = s.input("x", 2, 3)
    t = s.build.permute
    out = s.build.apply("matmul", s.build.apply("matmul", x, t(a, (1, 0))), t(b, (1, 0)))
    moves = tuple(
        Move(name, form, Place(axis, 0, (3,), 0, own))  # type: ignore[arg-type]
        for name, form, axis, own in zip("AB", ("g", "g^-T"), (0, 1), per, strict=True))
    network = s.build.network([out])
    right = tuple(replace(m, at=replace(m.at, per=())) for m in moves)  # type: ignore[type-var]
    assert FamilyProver(network).prove(Family(GL, (), 3, right, ())).verdict is Verdict.PROVED
    assert FamilyProver(network).prove(Family(GL, (3,), 3, moves, ())).verdict is Verdict.UNKNOWN
