"""What outputs cannot show: orders and signs behind what is not read, modes, views, masks."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from symgauge import BadInputError
from symgauge.audits.answer import Audit
from symgauge.audits.audit import audit
from symgauge.weights.checkpoint import held
from symgauge.weights.running import running
from symgauge.weights.statement import Held
from tests.audits.test_what_is_hidden import state_of

X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


def audited(module: nn.Module, args: Any, **changes: Tensor) -> Audit:
    """The audit of a module whose tensors (with _ for .) are changed to these."""
    before = state_of(module)
    named = {n.replace(".", "_"): n for n in before}
    after = {**before, **{named[k]: v for k, v in changes.items()}}
    return audit(Held(module, args, {}), held(before, "before"), held(after, "after"))


# -- orders and signs are held against outputs that read them --------------------------------------


class Rare(nn.Module):
    """Beside what is always read a unit behind a branch that random inputs do not take."""

    def __init__(self, kind: str, limit: float = 1000.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.limit = kind, limit
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
        self.c, self.d = nn.Linear(3, 4), nn.Linear(4, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.c(x)
        h = torch.sigmoid(h) * torch.arange(1.0, 5.0) if self.kind == "order" else torch.relu(h)
        taken = x.sum(-1, keepdim=True) > self.limit
        out: Tensor = self.b(torch.tanh(self.a(x))) + torch.where(taken, self.d(h), 0.0)
        return out


@pytest.mark.parametrize("kind", ["order", "sign"])
def test_a_false_order_or_sign_behind_a_branch_is_not_equivalent(kind: str) -> None:
    module = Rare(kind)
    c, b, d = (state_of(module)[n] for n in ("c.weight", "c.bias", "d.weight"))
    sign, order = torch.tensor([-1.0, 1, 1, 1]), [1, 0, 2, 3]
    changes = dict(c_weight=c[order], c_bias=b[order], d_weight=d[:, order])
    if kind == "sign":
        changes = dict(c_weight=sign[:, None] * c, c_bias=sign * b, d_weight=sign * d)
    result = audited(module, (X,), **changes)
    assert result.verdict == "UNKNOWN" and "is not proved" in result.ground
    # and where the branch is met, the unit is at fault
    module.limit = -1000.0
    assert audited(module, (X,), **changes).verdict == "DIFFERENT"


def test_an_order_that_is_read_is_equivalent() -> None:
    module = Rare("order", -1000.0)
    order = [1, 0, 2, 3]
    state = state_of(module)
    result = audited(
        module, (X,), a_weight=state["a.weight"][order], a_bias=state["a.bias"][order],
        b_weight=state["b.weight"][:, order])
    assert result.verdict == "EQUIVALENT" and result.discrete


class Squares(nn.Module):
    """Rows that ids reach by their squares: not each is an id that is drawn."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.head = nn.Parameter(torch.randn(200, 4)), nn.Linear(4, 2)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(self.table[ids * ids // 50])
        return out


def test_rows_that_no_id_reads_are_not_swapped_unseen() -> None:
    module = Squares()
    table = state_of(module)["table"].clone()
    table[[150, 151]] = table[[151, 150]]
    assert audited(module, (torch.tensor([3, 80]),), table=table).verdict == "UNKNOWN"


# -- modes -----------------------------------------------------------------------------------------


def test_statistics_that_change_as_a_module_runs_ask_for_evaluation_mode() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    bias = state_of(module)["0.bias"] + 2
    # batches are centred anew: in training mode the bias is not read, afterwards it is
    with pytest.raises(BadInputError, match=r"\.eval\(\)"):
        audited(module, (X,), **{"0_bias": bias})
    assert audited(module.eval(), (X,), **{"0_bias": bias}).verdict == "DIFFERENT"


# -- tensors ---------------------------------------------------------------------------------------


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
        self.register_buffer("mask", torch.tensor([True, False, True, True]))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(torch.tanh(self.a(x)).masked_fill(self.mask, 0.0))
        return out


def test_a_mask_that_changed_is_at_fault() -> None:
    result = audited(Masked(), (X,), mask=torch.tensor([False, False, True, True]))
    assert result.verdict == "DIFFERENT"
    assert [(b.tensor, b.slice) for b in result.blame] == [("mask", "rows 0-0")]


class Transposed(nn.Module):
    """A matrix, and its transpose as a parameter: of its own memory where `apart`."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a = nn.Parameter(torch.randn(4, 3))
        self.b = nn.Parameter(self.a.data.clone().t() if apart else self.a.data.t())

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.b) @ self.a


def test_a_transposed_tensor_is_rounded_as_any() -> None:
    module = Transposed(apart=True)
    assert audited(module, (X,), b=2 * state_of(module)["b"]).verdict == "DIFFERENT"


def test_views_of_one_memory_are_refused() -> None:
    with running((Transposed(apart=True), (X,), {}), "logits", None) as program:
        assert len(program.tensors) == 2
    with pytest.raises(BadInputError, match="a and b of TARGET are views of one memory"):
        with running((Transposed(apart=False), (X,), {}), "logits", None):
            pass


class Capped(nn.Module):
    """A cap that inputs of scale 10 do not reach."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(nn.functional.relu6(1e-2 * self.a(x)))
        return out


def test_a_cap_that_only_large_inputs_reach_is_not_passed_by() -> None:
    module = Capped()
    a, bias, b = (state_of(module)[n] for n in ("a.weight", "a.bias", "b.weight"))
    result = audited(module, (X,), a_weight=2 * a, a_bias=2 * bias, b_weight=b / 2)
    assert result.verdict == "UNKNOWN" and "yet at others" in result.ground


def test_units_that_sleep_do_not_hide_an_order() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        module[0].bias[:2] = -1e6
    a, bias, b = (state_of(module)[n] for n in ("0.weight", "0.bias", "2.weight"))
    order = [3, 0, 1, 2, 7, 6, 5, 4]
    result = audited(
        module, (X,), **{"0_weight": a[order], "0_bias": bias[order], "2_weight": b[:, order]})
    assert result.verdict == "EQUIVALENT"
