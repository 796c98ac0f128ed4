"""Where weight decay comes to rest, and what optimisers do not see: against torch's own."""

from typing import Any

import numpy as np
import pytest
import torch

import symgauge
from symgauge.invariants.balance import Balance, balance_of, balance_rows


class Attention(torch.nn.Module):
    """One head: softmax(X W_Q^T W_K X^T) X W_V^T W_O^T."""

    def __init__(self) -> None:
        super().__init__()
        for name, shape in (("q", (2, 3)), ("k", (2, 3)), ("v", (2, 3)), ("o", (3, 2))):
            setattr(self, name, torch.nn.Parameter(torch.randn(shape)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = torch.softmax((x @ self.q.T) @ (x @ self.k.T).transpose(-1, -2), -1)
        return scores @ x @ self.v.T @ self.o.T


@pytest.fixture(scope="module")
def found() -> Any:
    return symgauge.derive(Attention(), (torch.randn(4, 3),))


def rows(found: Any) -> list[tuple[Any, Balance]]:
    shapes = {t.name: t.shape for t in found.tensors}
    return [(found.families[k], b)
            for k, b in balance_rows([f.plain() for f in found.families], shapes)]


def test_what_is_said(found: Any) -> None:
    said = {b.least: (b.sgd, b.adam) for _, b in rows(found)}
    assert set(said.values()) == {("O(2)", "Z_2^2 |x S_2")}
    assert {frozenset(x.split(" = ")) for x in said} == {
        frozenset(("q q^T", "k k^T")), frozenset(("v v^T", "o^T o"))}


def moved(found: Any, family: Any, g: np.ndarray, state: dict[str, Any]) -> dict[str, Any]:
    after = found.element({family.label: g}).apply({n: v.clone() for n, v in state.items()})
    return {n: torch.as_tensor(v) for n, v in after.items()}


def norm(state: dict[str, Any]) -> float:
    return float(sum((v**2).sum() for v in state.values()))


def test_the_norm_is_least_where_it_is_said(found: Any) -> None:
    """At a balanced point every small element makes it larger, to second order alone."""
    rng = np.random.default_rng(0)
    state = {t.name: torch.from_numpy(rng.normal(size=t.shape)) for t in found.tensors}
    for family, b in rows(found):
        left, right = (sum(_value(term, state) for term in side.split(" + "))
                       for side in b.least.split(" = "))
        p = _mean(right, left)  # p A p = B for the side that g moves
        g = _root(p)
        there = moved(found, family, g, state)
        if abs(_gap(b.least, there)) > 1e-9:
            there = moved(found, family, np.linalg.inv(g), state)
        assert abs(_gap(b.least, there)) < 1e-9 < abs(_gap(b.least, state))
        for _ in range(4):
            a = rng.normal(size=(2, 2)) * 1e-3
            assert norm(moved(found, family, np.eye(2) + a, there)) > norm(there) - 1e-12
        turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
        assert norm(moved(found, family, turn, there)) == pytest.approx(norm(there), rel=1e-12)
        shear = np.array([[1, 0.5], [0, 1]])
        assert norm(moved(found, family, shear, there)) > norm(there) + 1e-3


def _value(term: str, state: dict[str, Any]) -> np.ndarray:
    first, second = term.split()
    name = first.removesuffix("^T")
    w = state[name].numpy()
    return w.T @ w if first.endswith("^T") else w @ w.T


def _gap(least: str, state: dict[str, Any]) -> float:
    left, right = (sum(_value(t, state) for t in side.split(" + ")) for side in least.split(" = "))
    return float(np.abs(left - right).max())


def _root(a: np.ndarray, power: float = 0.5) -> np.ndarray:
    values, vectors = np.linalg.eigh(a)
    return np.asarray((vectors * values**power) @ vectors.T)


def _mean(b: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The positive p with p a p = b."""
    half, back = _root(a), _root(a, -0.5)
    return np.asarray(back @ _root(half @ b @ half) @ back)


OPTIMISERS = {
    "SGD": lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9, weight_decay=0.01),
    "Adam": lambda w: torch.optim.Adam(w, lr=0.05),
    "AdamW": lambda w: torch.optim.AdamW(w, lr=0.05, weight_decay=0.1),
}
ROTATION = np.array([[0.6, -0.8], [0.8, 0.6]])
SIGNED = np.array([[0.0, -1.0], [1.0, 0.0]])
SCALED = np.array([[2.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("name, g, carried", [
    ("SGD", ROTATION, True), ("SGD", SIGNED, True), ("SGD", SCALED, False),
    ("Adam", SIGNED, True), ("Adam", ROTATION, False), ("AdamW", SIGNED, True),
    ("AdamW", ROTATION, False)])
def test_trajectories(found: Any, name: str, g: np.ndarray, carried: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    state = {t.name: torch.randn(t.shape, generator=rng, dtype=torch.float64)
             for t in found.tensors}
    x, y = (torch.randn(5, 4, 3, generator=rng, dtype=torch.float64) for _ in range(2))

    def trained(start: dict[str, Any]) -> dict[str, Any]:
        module = Attention().double()
        module.load_state_dict(start)
        optimiser = OPTIMISERS[name](module.parameters())
        for _ in range(5):
            optimiser.zero_grad()
            torch.autograd.backward(((module(x) - y)**2).mean())
            optimiser.step()
        return {n: v.detach().clone() for n, v in module.state_dict().items()}

    for family, _ in rows(found):
        one = moved(found, family, g, trained(state))
        two = trained(moved(found, family, g, state))
        apart = max(float((one[n] - two[n]).abs().max()) for n in one)
        assert apart < 1e-10 if carried else apart > 1e-3


def test_nothing_is_said_where_nothing_is_proved() -> None:
    at = {"axis": 0, "start": 0, "sizes": [2], "along": 0, "per": []}
    gl, one = {"kind": "gl", "copies": [], "size": 2}, {"kind": "diagonal", "copies": [], "size": 2}

    def family(element: Any, *moves: Any, **more: Any) -> Any:
        return {"element": element, "action": [{"at": at, **m} for m in moves], **more}

    shapes = {"q": [2, 3], "k": [2, 3]}
    both = {"parameter": "q", "form": "g"}, {"parameter": "k", "form": "g^-T"}
    assert balance_of(family(gl, *both), shapes) is not None
    assert balance_of(family(gl, both[0]), shapes) is None  # no infimum is reached
    assert balance_of(family(gl, *both, via=[{}]), shapes) is None
    weights = [{"parameter": "q", "form": "s^k", "weight": w} for w in ("1", "-1", "-2")]
    assert balance_of(family(one, *weights[:2]), shapes) == Balance("|q|^2 = |q|^2", "", "")
    assert balance_of(family(one, weights[0], weights[2]), shapes) is None
    assert balance_of(family(one, {**weights[0], "offset": "1"}, weights[1]), shapes) is None
    shift = {"kind": "translation", "copies": [], "size": 2}
    move = {"parameter": "q", "form": "+c", "weight": "1"}
    assert balance_of(family(shift, move), shapes) is None
