"""The contract of finite actions, for the code that is put into generated checks."""

from functools import partial
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from finite_actions import FAMILIES, SHAPES, Exact, entry, is_matrix, moved

from symgauge.checks import actions
from symgauge.checks.runtime import elements, moves, pieces
from symgauge.checks.runtime.randomness import TorchNumbers
from symgauge.derivation.module import derive
from symgauge.derivation.element import GroupElement
from symgauge.errors import BadInputError
from symgauge.families.family import Family
from symgauge.families.kinds import with_parts

ACTIONS = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
Tensors = dict[str, torch.Tensor]


def point() -> Tensors:
    rng = np.random.default_rng(3)
    theta = {n: rng.uniform(0.5, 2, shape) for n, shape in SHAPES.items()}
    theta["gain"][::2] *= -1
    return {n: torch.tensor(a) for n, a in theta.items()}


def drawn(family: Family, seed: int) -> elements.Element:
    rng = torch.Generator().manual_seed(seed)
    return elements.random_element(with_parts(entry(family)["element"]), 1.0, TorchNumbers(rng))


def exact(family: Family, element: Any) -> Exact:
    """The same element for the second writing."""
    copies, n = prod(family.copies), family.size
    if is_matrix(family):
        rows = torch.eye(n, dtype=torch.float64).repeat(*family.copies, 1, 1)
        g = element.act("g", rows).mT.reshape(copies, n, n).numpy()
        return Exact(g, np.linalg.inv(g))
    s, log = (None if v is None else v.reshape(copies, n).numpy()
              for v in (element.scale, element.shift))
    return Exact(s=s, log=log)


def act(family: Family, element: elements.Element, theta: Tensors) -> Tensors:
    here, plain = {n: t.clone() for n, t in theta.items()}, entry(family)
    by = partial(moves.apply_move, here)
    back = moves.onto_slices(here, plain, by)
    for move in plain["action"]:
        by(move, element)
    moves.off_slices(plain, back, by)
    return here


def close(found: Tensors, wanted: dict[str, Any], within: float = 1e-12) -> None:
    for n in SHAPES:
        there = torch.as_tensor(np.asarray(wanted[n], dtype=float))
        torch.testing.assert_close(found[n], there, rtol=0, atol=within)


@ACTIONS
@pytest.mark.parametrize("piece", [2**18, 5], ids=["at once", "in pieces"])
def test_torch_acts_as_written(
    family: Family, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pieces.PIECE, "cpu", piece)
    theta, g, h = point(), drawn(family, 4), drawn(family, 5)
    once = act(family, g, theta)
    arrays = {n: t.numpy() for n, t in theta.items()}
    close(once, moved(family, exact(family, g), arrays))
    assert max(float((once[n] - theta[n]).abs().max()) for n in SHAPES) > 1e-2
    close(act(family, h, once),
          moved(family, exact(family, h).times(exact(family, g)), arrays))
    close(act(family, g.inverse(), once), arrays)
    close(act(family, h @ g, theta), {n: t.numpy() for n, t in act(family, h, once).items()})


@ACTIONS
def test_the_tangent_is_the_derivative(family: Family) -> None:
    """(g(t).theta - g(-t).theta) / 2t, g(t) = 1 + t xi, against the tangents of the check."""
    theta, plain = point(), entry(family)
    rng = torch.Generator().manual_seed(6)
    generator = elements.random_generator(with_parts(plain["element"]), 1.0, TorchNumbers(rng))
    copies, n = prod(family.copies), family.size

    def near(t: float) -> Exact:
        if is_matrix(family):
            rows = torch.eye(n, dtype=torch.float64).repeat(*family.copies, 1, 1)
            xi = generator.act("g", rows).mT.reshape(copies, n, n).numpy()
            g = np.eye(n) + t * xi
            return Exact(g, np.linalg.inv(g))
        log = t * generator.t.reshape(copies, n).numpy()
        return Exact(s=np.exp(log), log=log)

    here, tangents = {n: t.clone() for n, t in theta.items()}, dict[str, torch.Tensor]()
    back = moves.onto_slices(here, plain, partial(moves.apply_move, here))
    for move in plain["action"]:
        moves.add_variation(tangents, here, move, generator)
    moves.carry_back(tangents, here, plain, back, partial(moves.apply_move, tangents))
    arrays = {n: t.numpy() for n, t in theta.items()}
    ahead, behind = (moved(family, near(t), arrays) for t in (1e-4, -1e-4))
    found = {n: tangents.get(n, torch.zeros_like(theta[n])) for n in SHAPES}
    close(found, {n: (ahead[n] - behind[n]) / 2e-4 for n in SHAPES}, 1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_tensors_keep_their_type(dtype: torch.dtype) -> None:
    family = FAMILIES["gain with an offset"]
    theta = {n: t.to(dtype) for n, t in point().items()}
    element = GroupElement((entry(family),), actions.sample([entry(family)], SHAPES, 8))
    narrow, wide = element.apply(theta), element.apply({n: t.double() for n, t in theta.items()})
    for n in SHAPES:
        assert narrow[n].dtype == dtype and torch.equal(narrow[n], wide[n].to(dtype))


class Gated(torch.nn.Module):
    """A gate that jumps with parameters, beside a product x A B."""

    def __init__(self, gate: str) -> None:
        super().__init__()
        self.gate = gate
        self.a, self.b = (torch.nn.Parameter(torch.randn(2, 2)) for _ in "ab")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.a
        jump = {
            "orientation": a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0], "entry": a[0, 0] - 0.2,
            "hidden": (x @ a)[:, :1] - 0.2,
        }[self.gate]
        return torch.sign(jump) * (x @ a) @ self.b


@pytest.mark.parametrize("gate, groups", [
    ("orientation", ["GL+(2)"]),  # X f = 0 says nothing of determinants below 0
    ("entry", []), ("hidden", []),
])
def test_elements_are_those_that_are_shown_to_act(gate: str, groups: list[str]) -> None:
    torch.manual_seed(0)
    module = Gated(gate).double()
    x = torch.randn(5, 2, dtype=torch.float64)
    found = derive(module, (x,))
    assert found.verify().verdict is found.verdict
    assert [f.group for f in found.generators if f.element.kind.name == "gl"] == groups
    before = {n: t.clone() for n, t in module.state_dict().items()}
    old = module(x)
    for seed in range(8):
        module.load_state_dict(found.sample(seed, before).apply(before))
        torch.testing.assert_close(module(x), old, rtol=1e-12, atol=1e-12)


def test_integer_tensors_that_would_move_are_refused() -> None:
    family = FAMILIES["gain with an offset"]
    element = GroupElement((entry(family),), actions.sample([entry(family)], SHAPES, 8))
    theta = {**point(), "b": torch.ones(6, dtype=torch.int8)}
    assert torch.equal(element.apply(theta)["b"], theta["b"])
    for name in ("gain", "w"):
        with pytest.raises(BadInputError, match=f"{name} holds int8 entries"):
            element.apply({**theta, name: torch.ones(SHAPES[name], dtype=torch.int8)})


@pytest.mark.parametrize("kind, size", [("so", 2), ("so", 3), ("so", 9), ("so1", 3), ("so1", 8)])
def test_a_random_rotation_is_never_small_beside_its_rounding(kind: str, size: int) -> None:
    """In the plane one rotation may undo the other, and 1e-16 of what is left is no small part."""
    rows, ones = torch.eye(size, dtype=torch.float64), torch.ones(size, dtype=torch.float64)
    for seed in range(300):
        rng = torch.Generator().manual_seed(seed)
        generator = elements.random_generator(
            with_parts({"kind": kind, "copies": [], "size": size}), 1.0, TorchNumbers(rng))
        xi = generator.act("g", rows)
        largest = float(xi.abs().max())
        assert largest > 0.05, seed
        assert float((xi + xi.mT).abs().max()) <= 1e-15 * largest
        if kind == "so1":
            assert float((xi @ ones).abs().max()) <= 1e-14 * largest


# -- tensors stay with torch -----------------------------------------------------------------------


def twice(family: Family) -> GroupElement:
    families = (entry(family),)
    a, b = (GroupElement(families, actions.sample(families, SHAPES, seed)) for seed in (1, 2))
    return a @ b


@ACTIONS
def test_torch_and_numpy_move_alike(family: Family) -> None:
    theta, g = point(), twice(family)
    wanted = g.apply({n: t.numpy() for n, t in theta.items()})
    found = g.apply(theta)
    assert all(isinstance(t, torch.Tensor) for t in found.values())
    close(found, wanted, 1e-14)


def test_no_array_of_numpy_is_made_of_a_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a copy on another device: meta tensors move, and hold nothing to copy."""
    def refuse(*_: Any) -> None:
        raise AssertionError("a tensor left torch")

    theta = {n: t.requires_grad_() for n, t in point().items()}
    g = twice(FAMILIES["gl"])
    monkeypatch.setattr(torch.Tensor, "numpy", refuse)
    monkeypatch.setattr(torch.Tensor, "__array__", refuse)
    assert not g.apply(theta)["w"].requires_grad
    moved = g.apply({n: t.to("meta") for n, t in theta.items()})
    assert moved["w"].device.type == "meta" and moved["w"].shape == theta["w"].shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_parameters_move_in_place(dtype: torch.dtype) -> None:
    module = torch.nn.ParameterDict({n: torch.nn.Parameter(t.to(dtype))
                                     for n, t in point().items()})
    held = dict(module.items())
    places = {n: p.data_ptr() for n, p in held.items()}
    g = twice(FAMILIES["through a gain and a bias"])
    wanted = g.apply(held)
    assert g.apply(held, in_place=True) == held
    for name, parameter in module.items():
        assert parameter.data_ptr() == places[name] and parameter.requires_grad
        assert parameter.dtype == dtype and torch.equal(parameter.detach(), wanted[name].detach())


def test_shards_move_as_the_whole_does() -> None:
    theta, g = point(), twice(FAMILIES["through a gain and a bias"])
    whole = g.apply(theta)
    for shard in (["w", "v"], ["o"], ["gain", "b", "t", "n"]):
        part = g.apply({n: theta[n] for n in g.reads(shard)}, names=shard)
        assert list(part) == shard and all(torch.equal(part[n], whole[n]) for n in shard)
