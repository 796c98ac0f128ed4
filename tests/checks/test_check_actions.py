"""Finite group elements on numpy arrays: they undo, keep dtypes, and leave functions unchanged."""

from typing import Any

import numpy as np
import pytest
from layer_norm_statement import NORM_FAMILIES, NORM_SHAPES, layer_norm, norm_state
from statements import STATEMENTS

from symgauge.checks import propose_planted, wrong_family
from symgauge.checks.actions import Part, apply, apply_family, inverse, sample
from symgauge.errors import BadInputError

Arrays = dict[str, np.ndarray[Any, Any]]

SHAPES = {f"{name}.weight": (4, 4) for name in ("q", "k", "v", "out")}
SHAPES |= {f"{name}.bias": (4,) for name in ("q", "k", "v", "out")}
FAMILIES = STATEMENTS["attention"]["families"]


def state(dtype: str = "float64", **more: tuple[int, ...]) -> Arrays:
    rng = np.random.default_rng(0)
    shapes = {**SHAPES, **more}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def attention(theta: Arrays) -> np.ndarray[Any, Any]:
    """The two-head attention of the statement, on five fixed tokens."""
    x = np.random.default_rng(1).standard_normal((5, 4))

    def split(name: str) -> np.ndarray[Any, Any]:
        rows = x @ theta[f"{name}.weight"].T + theta[f"{name}.bias"]
        return rows.reshape(5, 2, 2).transpose(1, 0, 2)

    scores = np.exp(split("q") @ split("k").transpose(0, 2, 1) / np.sqrt(2))
    y = (scores / scores.sum(-1, keepdims=True)) @ split("v")
    heads = y.transpose(1, 0, 2).reshape(5, 4)
    out: np.ndarray[Any, Any] = heads @ theta["out.weight"].T + theta["out.bias"]
    return out


def test_the_function_is_unchanged_and_the_parameters_are_not() -> None:
    theta = state()
    moved = apply(FAMILIES, sample(FAMILIES, SHAPES, 3), theta)
    assert np.abs(attention(moved) - attention(theta)).max() < 1e-12
    for name in SHAPES:
        assert np.linalg.norm(moved[name] - theta[name]) > 1e-3 * np.linalg.norm(theta[name])


@pytest.mark.parametrize("proposal", propose_planted(FAMILIES), ids=lambda p: p["kind"])
def test_a_wrong_symmetry_changes_the_function(proposal: dict[str, Any]) -> None:
    wrong = wrong_family(FAMILIES[proposal["family"]], proposal["kind"])
    assert wrong is not None
    theta = state()
    moved = apply_family(wrong, theta, seed=4)
    assert np.abs(attention(moved) - attention(theta)).max() > 1e-3


def test_the_inverse_undoes() -> None:
    theta, element = state(), sample(FAMILIES, SHAPES, 5)
    back = apply(FAMILIES, inverse(element), apply(FAMILIES, element, theta))
    for name in SHAPES:
        np.testing.assert_allclose(back[name], theta[name], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_are_kept_and_untouched_arrays_are_the_same(dtype: str) -> None:
    theta = state(dtype, other=(3,))
    moved = apply(FAMILIES, sample(FAMILIES, SHAPES, 6), theta)
    assert {name: a.dtype for name, a in moved.items()} == {n: a.dtype for n, a in theta.items()}
    assert moved["other"] is theta["other"]


def matrix(part: Part, n: int) -> np.ndarray[Any, Any]:
    """g of two copies."""
    g: np.ndarray[Any, Any] = part.element.act("g", np.eye(n) + np.zeros((2, 1, 1)))
    return g.swapaxes(-1, -2)


def test_condition_number_and_orthogonality() -> None:
    (element,) = sample(FAMILIES[:1], SHAPES, 7)
    g = matrix(element, 2)
    assert np.linalg.cond(g).max() <= 2 + 1e-9
    assert np.linalg.det(g).min() > 0
    products = g @ matrix(element.inverse(), 2)
    np.testing.assert_allclose(products, np.eye(2) + np.zeros((2, 1, 1)), atol=1e-14)
    dual = np.swapaxes(element.element.act("g^-T", np.eye(2) + np.zeros((2, 1, 1))), -1, -2)
    np.testing.assert_allclose(dual, np.linalg.inv(g).swapaxes(-1, -2), atol=1e-14)

    rotation = FAMILIES[0] | {"element": {"kind": "so", "copies": [2], "size": 2}}
    (g,) = (matrix(part, 2) for part in sample([rotation], SHAPES, 8))
    np.testing.assert_allclose(g @ g.swapaxes(-1, -2), np.eye(2) + np.zeros((2, 1, 1)), atol=1e-14)


def test_a_seed_is_an_element() -> None:
    first, same, other = (matrix(sample(FAMILIES, SHAPES, seed)[0], 2) for seed in (9, 9, 10))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_translations_take_the_scale_of_the_weights() -> None:
    small = sample(FAMILIES, SHAPES, 11, scale_of=lambda n: 1e-3 if n == "k.bias" else 1.0)
    assert 1e-4 < np.abs(small[2].element.shift).max() < 2e-3 < np.abs(small[3].element.shift).max()


def test_the_full_sizes_are_taken_where_they_fit() -> None:
    full = {name: tuple(24 for _ in shape) for name, shape in SHAPES.items()}
    assert [part.size for part in sample(FAMILIES, full, 0)] == ["full"] * 4
    assert [part.size for part in sample(FAMILIES, SHAPES, 0)] == ["small"] * 4
    with pytest.raises(BadInputError, match="neither the small nor the full"):
        sample(FAMILIES, {"q.weight": (4, 4)}, 0)


def test_families_without_a_finite_action_are_left_out() -> None:
    other = FAMILIES[0] | {"element": {"kind": "other"}, "action": [], "full": None}
    assert [part.family for part in sample([other, *FAMILIES], SHAPES, 0)] == [1, 2, 3, 4]


def test_a_missing_tensor_is_named() -> None:
    theta = state()
    del theta["k.weight"]
    with pytest.raises(BadInputError, match="no tensor named 'k.weight'"):
        apply(FAMILIES, sample(FAMILIES, SHAPES, 0), theta)


@pytest.mark.parametrize("number", range(4))
def test_families_with_slices_leave_the_function_and_undo(number: int) -> None:
    """Gains of both signs; what the slices hold stays exactly as it is."""
    family, theta = NORM_FAMILIES[number : number + 1], norm_state()
    element = sample(family, NORM_SHAPES, 3)
    moved = apply(family, element, theta)
    assert np.abs(layer_norm(moved) - layer_norm(theta)).max() < 1e-12
    assert any(np.abs(moved[name] - theta[name]).max() > 1e-2 for name in theta)
    held = {t["parameter"] for t in family[0]["via"]}
    assert all(moved[name] is theta[name] for name in held)
    back = apply(family, inverse(element), moved)
    for name in theta:
        np.testing.assert_allclose(back[name], theta[name], rtol=0, atol=1e-13)


def test_the_reader_of_a_norm_is_conjugated_by_the_gain() -> None:
    """W -> W diag(g) R^T diag(g)^-1 and b -> b + (W - W') beta."""
    theta = norm_state()
    element = sample(NORM_FAMILIES[:1], NORM_SHAPES, 4)
    moved = apply(NORM_FAMILIES[:1], element, theta)
    r, d = element[0].element.act("g", np.eye(4)).T, np.diag(theta["norm.weight"])
    np.testing.assert_allclose(r @ r.T, np.eye(4), atol=1e-14)
    np.testing.assert_allclose(r @ np.ones(4), np.ones(4), atol=1e-14)
    w = theta["out.weight"] @ d @ r.T @ np.linalg.inv(d)
    np.testing.assert_allclose(moved["out.weight"], w, atol=1e-13)
    b = theta["out.bias"] + (theta["out.weight"] - w) @ theta["norm.bias"]
    np.testing.assert_allclose(moved["out.bias"], b, atol=1e-13)


NORM_PLANTED = propose_planted(NORM_FAMILIES)


def test_the_forgotten_slice_is_proposed() -> None:
    kinds = [p["kind"] for p in NORM_PLANTED if p["family"] < 2]
    assert kinds == ["transpose", "larger", "omitted", "slice", "slice"]


@pytest.mark.parametrize("proposal", NORM_PLANTED, ids=lambda p: f"{p['family']}-{p['kind']}")
def test_a_wrong_symmetry_of_a_norm_changes_the_function(proposal: dict[str, Any]) -> None:
    wrong = wrong_family(NORM_FAMILIES[proposal["family"]], proposal["kind"])
    assert wrong is not None
    theta = norm_state()
    moved = apply_family(wrong, theta, seed=4)
    assert np.abs(layer_norm(moved) - layer_norm(theta)).max() > 1e-3


def test_a_gain_of_zero_is_bad_input() -> None:
    theta = norm_state()
    theta["norm.weight"][2] = 0
    with pytest.raises(BadInputError, match="norm.weight has an entry that is 0"):
        apply(NORM_FAMILIES, sample(NORM_FAMILIES, NORM_SHAPES, 0), theta)


def test_a_centred_matrix() -> None:
    """g = 1 + u 1^T in each copy: it fixes what sums to 0; g^-T and g^-1 are what they say."""
    at = {"axis": 0, "start": 0, "sizes": [2, 3], "along": 1, "per": [0]}
    family = {"element": {"kind": "centred", "copies": [2], "size": 3},
              "action": [{"parameter": "w", "form": "g", "at": at}]}
    (part,) = sample([family], {"w": (6, 4)}, 5)
    g = matrix(part, 3)
    u = g - np.eye(3)
    np.testing.assert_allclose(u, u[:, :, :1] + np.zeros(3), atol=1e-15)
    np.testing.assert_allclose(g @ [1, -3, 2], [[1, -3, 2]] * 2, atol=1e-14)
    assert np.abs(u).max() > 1e-2 and np.linalg.cond(g).max() < 3
    assert np.abs(u[0] - u[1]).max() > 1e-2
    rows = np.random.default_rng(0).standard_normal((2, 4, 3))
    inverse = np.linalg.inv(g)
    for form, by in (("g", g), ("g^-T", inverse.swapaxes(1, 2)), ("g^-1", inverse)):
        np.testing.assert_allclose(
            part.element.act(form, rows.copy()), rows @ by.swapaxes(1, 2), atol=1e-14)
    np.testing.assert_allclose(matrix(part.inverse(), 3), inverse, atol=1e-14)
    w = np.random.default_rng(1).standard_normal((6, 4))
    moved = apply([family], (part,), {"w": w})
    np.testing.assert_allclose(moved["w"].reshape(2, 3, 4), g @ w.reshape(2, 3, 4), atol=1e-14)
    back = apply([family], (part.inverse(),), moved)
    np.testing.assert_allclose(back["w"], w, atol=1e-14)


@pytest.mark.parametrize("kind, size", [("so", 3), ("so1", 3), ("complex", 2)])
def test_groups_of_matrices(kind: str, size: int) -> None:
    at = {"axis": 0, "start": 0, "sizes": [2, size], "along": 1, "per": [0]}
    family = {"element": {"kind": kind, "copies": [2], "size": size},
              "action": [{"parameter": "w", "form": "g", "at": at}]}
    (part,) = sample([family], {"w": (2 * size, 1)}, 5)
    g = matrix(part, size)
    squared = g @ g.swapaxes(-1, -2)
    if kind == "complex":
        np.testing.assert_allclose(squared, squared[:, :1, :1] * np.eye(2), atol=1e-14)
        turn = np.array([[0, -1], [1, 0]])
        np.testing.assert_allclose(g @ turn, turn @ g, atol=1e-14)
    else:
        np.testing.assert_allclose(squared, np.eye(size) + np.zeros((2, 1, 1)), atol=1e-14)
    if kind == "so1":
        np.testing.assert_allclose(g @ np.ones(size), np.ones((2, size)), atol=1e-14)
    assert np.abs(g - np.eye(size)).max() > 1e-2
