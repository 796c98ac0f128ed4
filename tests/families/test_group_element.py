"""Elements of the derived group form a group, for every kind, and leave functions unchanged."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from finite_actions import FAMILIES, SHAPES, entry, is_matrix
from networks import attention
from statements import STATEMENTS
from layer_norm_statement import NORM_FAMILIES, NORM_SHAPES, layer_norm, norm_state

from symgauge.checks import actions
from symgauge.derivation.derive import Asked, derive_network
from symgauge.derivation.element import GroupElement, given
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.errors import BadInputError
from symgauge.families.family import Family
from symgauge.families.kinds import kinds
from symgauge.program.lower import lower

State = dict[str, np.ndarray[Any, Any]]
ACTIONS = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
EPSILON = 2.0**-52


def point(seed: int = 3) -> State:
    rng = np.random.default_rng(seed)
    theta = {n: rng.uniform(0.5, 2, shape) for n, shape in SHAPES.items()}
    theta["gain"][::2] *= -1
    return theta


def distance(a: State, b: State) -> float:
    """The largest difference, in units of the last place of the largest entry."""
    size = max(float(np.abs(x).max()) for x in (*a.values(), *b.values()))
    return max(float(np.abs(a[n] - b[n]).max()) for n in a) / (EPSILON * size)


def element(family: Family, seed: int) -> GroupElement:
    families = (entry(family),)
    return GroupElement(families, actions.sample(families, SHAPES, seed))


def matrix(g: GroupElement, n: int, *copies: int) -> np.ndarray[Any, Any]:
    rows = np.zeros((*copies, n, n)) + np.eye(n)
    found: np.ndarray[Any, Any] = g.parts[0].element.act("g", rows).swapaxes(-1, -2)
    return found


@ACTIONS
def test_the_axioms_of_a_group(family: Family) -> None:
    theta = point()
    a, b, c = (element(family, seed) for seed in (1, 2, 3))
    one_by_one = a.apply(b.apply(c.apply(theta)))
    assert distance(((a @ b) @ c).apply(theta), one_by_one) < 200
    assert distance((a @ (b @ c)).apply(theta), one_by_one) < 200
    assert distance(a.identity.apply(theta), theta) == 0
    for same in (a @ a.identity, a.identity @ a):
        assert distance(same.apply(theta), a.apply(theta)) == 0
    for unit in (a @ a.inverse(), a.inverse() @ a, (a @ b) @ (a @ b).inverse()):
        assert distance(unit.apply(theta), theta) < 200
    # what is seen is no accident of small elements
    assert distance(a.apply(theta), theta) > 1e10
    assert distance((a @ a).apply(theta), a.apply(theta)) > 1e10


@pytest.mark.parametrize("name", ["gl", "gl, copies", "centred", "through a gain"])
def test_the_order_of_a_product_matters(name: str) -> None:
    a, b = (element(FAMILIES[name], seed) for seed in (1, 2))
    assert distance((a @ b).apply(point()), (b @ a).apply(point())) > 1e10


@ACTIONS
def test_a_product_of_one_family_is_one_element(family: Family) -> None:
    a, b = (element(family, seed) for seed in (1, 2))
    assert len((a @ b).parts) == 1 and (a @ b).parts[0].family == 0
    if is_matrix(family):
        n, copies = family.size, family.copies
        np.testing.assert_allclose(
            matrix(a @ b, n, *copies), matrix(a, n, *copies) @ matrix(b, n, *copies), atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_products_over_several_families_leave_the_function(seed: int) -> None:
    """Families that do not commute, through slices too: LayerNorm's all at once."""
    families, theta = tuple(NORM_FAMILIES), norm_state()
    a, b = (GroupElement(families, actions.sample(families, NORM_SHAPES, 2 * seed + k))
            for k in range(2))
    for g in (a @ b, b @ a.inverse(), a @ b @ a.inverse() @ b.inverse()):
        moved = g.apply(theta)
        assert np.abs(layer_norm(moved) - layer_norm(theta)).max() < 1e-11
    assert distance((a @ b).apply(theta), a.apply(b.apply(theta))) < 1000
    assert distance((a @ b).apply(theta), (b @ a).apply(theta)) > 1e10
    assert distance((a @ b @ (a @ b).inverse()).apply(theta), theta) < 1000


def test_parts_of_the_weights_move_as_the_whole_does() -> None:
    families, theta = tuple(NORM_FAMILIES), norm_state()
    g = GroupElement(families, actions.sample(families, NORM_SHAPES, 5))
    h = g @ GroupElement(families, actions.sample(families, NORM_SHAPES, 6))
    whole = h.apply(theta)
    for name in theta:
        needed = h.reads([name])
        part = h.apply({n: theta[n] for n in needed}, names=[name])
        assert list(part) == [name] and distance(part, {name: whole[name]}) == 0
    assert "norm.weight" in h.reads(["out.weight"])
    with pytest.raises(BadInputError, match="no tensor named 'norm"):
        h.apply({"out.weight": theta["out.weight"]}, names=["out.weight"])


def test_in_place() -> None:
    families, theta = tuple(NORM_FAMILIES), norm_state()
    g = GroupElement(families, actions.sample(families, NORM_SHAPES, 5))
    wanted, here = g.apply(theta), {n: a.copy() for n, a in theta.items()}
    assert g.apply(here, in_place=True) == here
    assert distance(here, wanted) == 0
    fixed = {n: a.copy() for n, a in theta.items()}
    fixed["out.weight"].flags.writeable = False
    with pytest.raises(BadInputError, match="out.weight cannot be moved in place"):
        g.apply(fixed, in_place=True)
    assert distance(fixed, theta) == 0


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("in_place", [False, True])
def test_all_names_of_a_tied_tensor_move(kind: str, in_place: bool) -> None:
    families, state = tuple(NORM_FAMILIES), norm_state()
    element = GroupElement(families, actions.sample(families, NORM_SHAPES, 5))
    name = "out.weight"
    made = {n: torch.tensor(v) if kind == "torch" else v.copy() for n, v in state.items()}
    made["head.weight"], made["like it"] = made[name], made[name] + 0
    before = made["like it"] + 0
    found = element.apply(made, in_place=in_place)
    assert (np.asarray(found["head.weight"]) == np.asarray(found[name])).all()
    assert (np.asarray(found[name]) != np.asarray(before)).any()
    # a tensor with the same entries is another one
    assert (np.asarray(found["like it"]) == np.asarray(before)).all()


def test_elements_of_two_groups_have_no_product() -> None:
    a, b = element(FAMILIES["gl"], 1), element(FAMILIES["scaling"], 1)
    with pytest.raises(BadInputError, match="two derivations"):
        a @ b
    with pytest.raises(TypeError):
        a @ 3  # type: ignore[operator]
    full = GroupElement(a.families, tuple(replace(p, size="full") for p in a.parts))
    with pytest.raises(BadInputError, match="at the small sizes, the other at the full"):
        full @ a


# -- given elements ----------------------------------------------------------------------------


def found() -> tuple[Any, Any]:
    network = attention(4, 2, 2, tokens=2)
    return network, derive_network(network, Asked("network"))


def test_an_element_of_given_matrices() -> None:
    network, derivation = found()
    family = next(f for f in derivation.data["generators"] if f["element"]["kind"] == "gl")
    n, copies = family["element"]["size"], family["element"]["copies"]
    assert derivation.element({}).parts == ()
    assert repr(derivation.element({})) == "GroupElement(1)"
    value = np.random.default_rng(0).standard_normal((*copies, n, n)) + 3 * np.eye(n)
    g = derivation.element({family["label"]: value})
    assert repr(g) == f"GroupElement({family['group']})"
    np.testing.assert_allclose(matrix(g, n, *copies), value, atol=1e-14)
    back = derivation.element({family["label"]: np.linalg.inv(value)})
    np.testing.assert_allclose(matrix(g @ back, n, *copies), np.eye(n) + 0 * value, atol=1e-12)
    assert len((derivation.sample(0) @ g).parts) > 1  # one group, however its elements are made
    rng = np.random.default_rng(1)
    theta = {p.name: rng.standard_normal(p.shape) for p in network.parameters}
    x = {i.name: rng.standard_normal((1, *i.shape)) for i in network.inputs}

    def f(state: State) -> Any:
        batched = {n: a[None] for n, a in state.items()}
        return outputs(lower(network), values(lower(network), RealDomain(), batched, x))[0]

    np.testing.assert_allclose(f(g.apply(theta)), f(theta), rtol=1e-9)
    assert np.abs(f({**theta, **g.apply(theta, names=["q.weight"])}) - f(theta)).max() > 1e-3


@pytest.mark.parametrize("label, value, sentence", [
    ("no such", np.eye(2), "there is no family 'no such'; there are "),
    (0, "abc", "no array of numbers"),
    (0, np.eye(2), r"has shape \[2, 2\], not \[2, 2, 2\]"),
    (0, np.zeros((2, 2, 2)), "it is singular"),
    (0, np.full((2, 2, 2), np.nan), "not all are numbers"),
    (0, np.stack([np.diag([1.0, -1.0])] * 2), "its determinant is negative"),
])
def test_what_is_no_element_is_refused(label: Any, value: Any, sentence: str) -> None:
    (family,) = [f for f in STATEMENTS["attention"]["families"][:1]]
    family = {**family, "group": "GL+(2)^2", "full": None}
    name = family["label"] if label == 0 else label
    shapes = {f"{n}.{p}": s for n in "qkv" for p, s in (("weight", (4, 4)), ("bias", (4,)))}
    with pytest.raises(BadInputError, match=sentence):
        given([family], {name: value}, {"small": shapes})


@ACTIONS
def test_what_is_drawn_is_an_element(family: Family) -> None:
    """Membership, as it is tested on given matrices, holds for what is drawn, and products."""
    a = element(family, 1) @ element(family, 2)
    drawn = a.parts[0].element
    value = matrix(a, family.size, *family.copies) if is_matrix(family) else (
        drawn.scale if family.kind.is_scaling else drawn.shift)
    assert family.kind.fault(value, "GL+") is None


#: One copy of what is no element.
WRONG = {
    "gl": [np.diag([1.0, 0.0]), np.diag([1.0, -1.0])],
    "so": [np.diag([1.0, -1.0]), np.diag([1.0, 1 + 1e-9]), 2 * np.eye(3)],
    "so1": [np.diag([-1.0, -1.0, 1.0]), 2 * np.eye(3), np.eye(3)[[1, 0, 2]]],
    "complex": [np.diag([1.0, 2.0]), np.diag([1.0, -1.0]), np.zeros((2, 2))],
    "centred": [np.diag([1.0, 2.0, 1.0]), np.eye(3) - np.ones((3, 3)) / 3],
    "diagonal": [np.array([1.0, 0.0]), np.array([-1.0, 1.0])],
    "fixing": [np.diag([1.0, 2.0]), np.diag([-1.0, 1.0]), np.diag([0.0, 1.0])],
    "equal_turns": [np.diag([1.0, 1, 2, 1]), np.diag([1.0, 0, 1, 0]), np.eye(4)[[2, 1, 0, 3]]],
    "translation": [],
    "form": [np.eye(2)],  # generators alone
    "other": [np.ones(2)],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_in_no_group(name: str) -> None:
    assert set(WRONG) == set(kinds())
    kind = kinds()[name]
    for value in WRONG[name]:
        assert kind.fault(value[None], "GL+") is not None
