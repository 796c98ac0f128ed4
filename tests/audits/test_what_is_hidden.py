"""Wrong changes that hide: behind ids and masks, large entries, dead outputs, coarse numbers.

None is EQUIVALENT; and the right changes beside them are not DIFFERENT.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from symgauge.testing import assert_same_function
from symgauge.audits.answer import Audit
from symgauge.audits.audit import audit
from symgauge.weights.checkpoint import held
from symgauge.weights.statement import Held, Statement, statement_of

State = dict[str, Tensor]


def state_of(module: nn.Module) -> State:
    return {n: t.detach().clone() for n, t in module.state_dict().items()
            if isinstance(t, Tensor)}


READ: WeakKeyDictionary[nn.Module, Statement] = WeakKeyDictionary()


def audited(module: nn.Module, args: Any, before: State, after: State) -> Audit:
    target = Held(module, args, {})
    if module not in READ:
        READ[module] = statement_of(target)
    return audit(
        target, held(before, "before"), held(after, "after"), statement=READ[module])


def with_entry(state: State, name: str, at: Any, factor: float) -> State:
    new = {n: t.clone() for n, t in state.items()}
    new[name][at] *= factor
    return new


# -- ids, masks and factors ------------------------------------------------------------------------


class Table(nn.Module):
    """Rows of a parameter, picked in one of several ways, and a head that reads them."""

    def __init__(self, way: Callable[[Tensor, Tensor], Tensor], rows: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way = way
        self.table, self.head = nn.Parameter(torch.randn(rows, 3)), nn.Linear(3, 2)
        self.double()

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.way(self.table, ids)))
        return out


WAYS = {
    "indexed": (lambda t, i: t[i], 40),
    "embedded": (lambda t, i: F.embedding(i, t), 40),
    "offset": (lambda t, i: F.embedding(i + 2, t), 40),
    "one hot": (lambda t, i: F.one_hot(i, 40).to(t) @ t, 40),
    "columns": (lambda t, i: t[:, i.clamp(max=2)].T, 3),
    "more rows than are run at random": (lambda t, i: t[i], 900),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_few_ids_pick_is_looked_up(way: str) -> None:
    pick, rows = WAYS[way]
    module, args = Table(pick, rows), (torch.tensor([0, 1, 0]),)
    state = state_of(module)
    wrong = with_entry(state, "table", -1, 1.01)
    assert audited(module, args, state, wrong).verdict == "DIFFERENT"


def test_of_many_rows_that_moved_all_are_looked_up_or_nothing_is_said() -> None:
    module, args = Table(lambda t, i: t[i], 5000), (torch.tensor([0]),)
    state = state_of(module)
    noise = 1 + 1e-15 * torch.randn(5000, 1, dtype=torch.float64)
    wrong = with_entry({**state, "table": state["table"] * noise}, "table", 4321, 1.5)
    assert audited(module, args, state, wrong).verdict == "DIFFERENT"


def test_a_row_that_no_id_picks_leaves_the_answer_open() -> None:
    module, args = Table(lambda t, i: t[i % 5], 9), (torch.tensor([0, 3]),)
    state = state_of(module)
    result = audited(module, args, state, with_entry(state, "table", 7, 2.0))
    assert result.verdict == "UNKNOWN"
    assert "table (rows 7-7)" in result.ground
    assert audited(module, args, state, with_entry(state, "table", 4, 2.0)).verdict == "DIFFERENT"


class Held2(nn.Module):
    """W x + (n - 1) V x, or one of the two by a mask."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.w, self.v = (nn.Parameter(torch.randn(2, 3)) for _ in range(2))
        self.double()

    def forward(self, x: Tensor, n: Tensor) -> Tensor:
        one, two = F.linear(x, self.w), F.linear(x, self.v)
        return torch.where(n, one, two) if n.dtype == torch.bool else one + (n - 1) * two


@pytest.mark.parametrize("n", [torch.tensor(1), torch.tensor(2), torch.tensor(True)])
def test_an_integer_or_a_mask_is_not_held_at_the_example(n: Tensor) -> None:
    module, args = Held2(), (torch.randn(4, 3), n)
    state = state_of(module)
    assert audited(module, args, state, with_entry(state, "v", 0, 1.01)).verdict == "DIFFERENT"
    shift = torch.ones(2, 3, dtype=torch.float64)
    along = {"w": state["w"] + shift, "v": state["v"] - shift}
    assert audited(module, args, state, along).verdict != "EQUIVALENT"


class Fixed(nn.Module):
    """Takes one integer alone."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.v = (nn.Parameter(torch.randn(2, 3).double()) for _ in range(2))

    def forward(self, x: Tensor, n: Tensor) -> Tensor:
        if int(n) != 3:
            raise ValueError("three, please")
        return F.linear(x, self.w) + F.linear(x, self.v)


def test_an_input_that_takes_nothing_else_is_named() -> None:
    module, args = Fixed(), (torch.randn(4, 3), torch.tensor(3))
    state = state_of(module)
    along = {"w": state["w"] + 1, "v": state["v"] - 1}
    result = audited(module, args, state, along)
    assert "the input 1" in result.ground


# -- large entries beside small ones ---------------------------------------------------------------


class Scaled(nn.Module):
    """A head whose last rows are tiny; masks of every size."""

    def __init__(self, mask: float = 0.0, tiny: float = 1e-9, split: bool = False) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 3)
        self.split = split
        size = torch.tensor([1.0, 1.0, tiny])
        self.register_buffer("size", size, persistent=False)
        self.register_buffer("mask", torch.tensor([mask, 0.0, 0.0]), persistent=False)
        self.double()

    def forward(self, x: Tensor) -> Any:
        y = self.b(torch.tanh(self.a(x))) * self.size + self.mask
        return y.split([2, 1], -1) if self.split else y


@pytest.mark.parametrize("module", [
    Scaled(), Scaled(1e9, 1.0), Scaled(-1e9, 1e-3), Scaled(-float("inf"), 1.0),
    Scaled(split=True)], ids=["rows", "1e9", "-1e9", "-inf", "outputs"])
def test_a_small_output_is_not_hidden_by_a_large_one(module: nn.Module) -> None:
    args = (torch.randn(5, 3),)
    state = state_of(module)
    wrong = with_entry(state, "b.weight", 2, 1.01)
    assert audited(module, args, state, wrong).verdict == "DIFFERENT"
    signs = torch.tensor([-1.0, 1, 1, -1], dtype=torch.float64)
    right = {**state, "a.weight": state["a.weight"] * signs[:, None],
             "a.bias": state["a.bias"] * signs, "b.weight": state["b.weight"] * signs}
    result = audited(module, args, state, right)
    if module.mask.isfinite().all():  # type: ignore[operator,union-attr]
        assert result.verdict == "EQUIVALENT"
    else:  # of which symgauge reads no program: a row of b stands behind it
        assert result.verdict == "UNKNOWN" and "b.weight (rows 0-0)" in result.ground


# -- outputs that show nothing ---------------------------------------------------------------------


def dead() -> nn.Module:
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU()).double()
    with torch.no_grad():
        module[2].bias.sub_(1e4)  # type: ignore[operator]
    return module


def test_outputs_that_are_always_0_show_nothing() -> None:
    module, args = dead(), (torch.randn(4, 3),)
    state = state_of(module)
    result = audited(module, args, state, with_entry(state, "0.weight", 1, 2.0))
    assert result.verdict == "UNKNOWN", result.ground
    s = torch.tensor([2.0, 3, 0.5, 1], dtype=torch.float64)
    right = {**state, "0.weight": state["0.weight"] * s[:, None], "0.bias": state["0.bias"] * s,
             "2.weight": state["2.weight"] / s}
    assert audited(module, args, state, right).verdict == "EQUIVALENT"
    order = [2, 0, 1, 3]  # a permutation is not proved: it is tried
    moved = {**state, "0.weight": state["0.weight"][order], "0.bias": state["0.bias"][order],
             "2.weight": state["2.weight"][:, order]}
    assert audited(module, args, state, moved).verdict != "DIFFERENT"


class Unit(nn.Module):
    """x + B relu(A x - 1e6): a unit that no input of ordinary size makes active."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 3)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.b(torch.relu(self.a(x) - 1e6))
        return out


def test_a_unit_that_is_never_active_shows_nothing() -> None:
    module, args = Unit(), (torch.randn(4, 3),)
    state = state_of(module)
    result = audited(module, args, state, with_entry(state, "a.weight", 1, 2.0))
    assert result.verdict == "UNKNOWN"
    assert "a.weight" in result.ground


class Chaos(nn.Module):
    """A map that doubles every difference, many times over; or squares until it overflows."""

    def __init__(self, steps: int, grows: bool) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.a, self.steps, self.grows = nn.Linear(3, 4), steps, grows
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.sigmoid(self.a(x))
        for _ in range(self.steps):
            y = (1 + y) ** 2 if self.grows else 4 * y * (1 - y)
        return y


@pytest.mark.parametrize("grows", [False, True])
def test_outputs_that_rounding_alone_decides_are_not_judged(grows: bool) -> None:
    module, args = Chaos(60, grows), (torch.randn(2, 3),)
    state = state_of(module)
    result = audited(module, args, state, with_entry(state, "a.weight", 0, 1.5))
    assert result.verdict == "UNKNOWN", result.ground


# -- narrow floats ---------------------------------------------------------------------------------


def rounded(state: State, dtype: torch.dtype) -> State:
    return {n: t.to(dtype) for n, t in state.items()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("turned", [False, True])
def test_a_row_of_small_entries_is_held_against_its_own_rounding(
    dtype: torch.dtype, turned: bool
) -> None:
    torch.manual_seed(5)
    module = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 6)).double()
    small = {torch.bfloat16: 1e-4, torch.float16: 1e-2, torch.float32: 1e-6}[dtype]
    state = state_of(module)
    state["0.weight"][3] *= small
    state["0.bias"][3] *= small
    before = rounded(state, dtype)
    s = 0.5 + torch.rand(16, dtype=torch.float64) if turned else torch.ones(16).double()
    right = {n: t.double() for n, t in before.items()}
    right = {**right, "0.weight": right["0.weight"] * s[:, None], "0.bias": right["0.bias"] * s,
             "2.weight": right["2.weight"] / s}
    args = (torch.randn(4, 6),)
    if turned:
        found = audited(module, args, before, rounded(right, dtype))
        assert found.verdict == "EQUIVALENT" and "an element" in found.ground, found.ground
    for name in ("0.weight", "0.bias"):
        wrong = with_entry(right, name, 3, 1.9 if name == "0.weight" else -1.0)
        result = audited(module, args, before, rounded(wrong, dtype))
        assert result.verdict != "EQUIVALENT", (name, result.ground)


# -- words, and what modules keep beside weights ---------------------------------------------------


def test_no_element_is_named_where_there_is_none() -> None:
    torch.manual_seed(6)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    state = state_of(module)
    near = {n: t * (1 + 2e-7) for n, t in state.items()}
    result = audited(module, (torch.randn(2, 3),), state, near)
    assert result.verdict == "EQUIVALENT" and not result.families
    assert "element" not in str(result)


class Kept(nn.Linear):
    """A layer with an extra state, which is no tensor."""

    def get_extra_state(self) -> dict[str, int]:
        return {"version": 3}

    def set_extra_state(self, state: dict[str, int]) -> None:
        pass


def test_an_extra_state_is_no_weight() -> None:
    module = nn.Sequential(Kept(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    state = dict(module.state_dict())
    args = (torch.randn(2, 3),)
    order = [3, 1, 0, 2]
    right = {**state, "0.weight": state["0.weight"][order], "0.bias": state["0.bias"][order],
             "2.weight": state["2.weight"][:, order]}
    assert_same_function(module, state, right, args)
    with pytest.raises(AssertionError, match=r"DIFFERENT.*0\.bias"):
        assert_same_function(module, state, {**right, "0.bias": state["0.bias"]}, args)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_large_module_is_judged_as_it_is_stored(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symgauge.weights.running.LARGE", 0)
    monkeypatch.setattr("symgauge.audits.runs.LARGE", 0)
    monkeypatch.setattr("symgauge.audits.case.LARGE", 0)
    monkeypatch.setattr("symgauge.weights.spilled.SMALL", 4)
    torch.manual_seed(7)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    state, args = rounded(state_of(module), dtype), (torch.randn(5, 3),)
    kept = {n: t.clone() for n, t in state.items()}
    signs = torch.tensor([-1, 1, 1, -1], dtype=dtype)
    right = {**state, "0.weight": state["0.weight"] * signs[:, None],
             "0.bias": state["0.bias"] * signs, "2.weight": state["2.weight"] * signs}
    assert audited(module, args, state, right).verdict == "EQUIVALENT"
    nothing = Statement((), "as if it could not be read")
    target = Held(module, args, {})
    unnamed = audit(target, held(state, "a"), held(right, "b"), statement=nothing)
    assert unnamed.verdict == "EQUIVALENT" and "could not be read" in unnamed.ground
    wrong = {**right, "2.bias": 2 * state["2.bias"]}
    assert audited(module, args, state, wrong).verdict == "DIFFERENT"
    zero = {**state, "0.bias": torch.zeros(4, dtype=dtype)}
    assert audited(module, args, state, zero).verdict == "DIFFERENT"
    assert all(torch.equal(t, kept[n]) for n, t in state.items())
