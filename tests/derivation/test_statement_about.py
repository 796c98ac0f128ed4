"""What a statement is about: outputs, tokens, mode, buffers; and no parameter frozen in silence."""

import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from made import Made
from rich.console import Console
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.derivation.module import derive
from symgauge.derivers.exact import ExactDeriver
from symgauge.errors import CaptureError
from symgauge.nn import OdeFlow
from symgauge.points.tokens import draw_tokens
from symgauge.points.tried_cells import Cells
from symgauge.points.unread import BEYOND, COMPARED, NO_PATH, ZERO, unread_tensors
from symgauge.program.network import Network
from symgauge.report.table import print_derivation
from symgauge.verdict import Verdict

IDS = torch.tensor([[3, 1, 2]])


def weight(*shape: int, seed: int = 3) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(seed)))


def rank(network: Network) -> int:
    """The largest rank of the Jacobian that the deriver finds."""
    deriver = ExactDeriver(network, 0)
    tokens = draw_tokens(network, deriver.rng)
    cells = Cells(network, deriver.field, deriver.rng, deriver.read, tokens)
    return cells.extend(int(deriver.read.sum()), 12)


# -- closures ------------------------------------------------------------------------------------


class Closed(nn.Module):
    """r(a tanh(l(x))) with a reached in several ways; its redundancy is 3."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.a, self.l, self.r = weight(3), nn.Linear(2, 3), nn.Linear(3, 1)
        a, view, made = self.a, self.a.data[:], self.a * 2
        other = nn.Parameter(torch.ones(3))
        self.act: Any = {
            "attribute": lambda x: self.a * x, "variable": lambda x: a * x,
            "partial": functools.partial(torch.mul, self.a), "bound": self._method,
            "hook": lambda x: x, "view": lambda x: view * x, "made": lambda x: made * x,
            "unregistered": lambda x: other * x, "buffer": lambda x: self.b * x,
        }[kind]
        if kind == "hook":
            self.l.register_forward_hook(lambda m, i, o: torch.tanh(o) * self.a)
        if kind == "buffer":
            self.register_buffer("b", self.a.data)
        self.hooked = kind == "hook"

    def _method(self, x: Tensor) -> Tensor:
        return self.a * x

    def forward(self, x: Tensor) -> Tensor:
        h = self.l(x)
        return self.r(self.act(h if self.hooked else torch.tanh(h)))


@pytest.mark.parametrize("kind", ["attribute", "variable", "partial", "bound", "hook"])
def test_parameters_that_closures_hold_are_parameters(kind: str) -> None:
    found = derive(Closed(kind), (torch.randn(1, 2),))
    assert (found.parameters, found.unread, found.redundancy) == (16, 0, 3)
    assert found.verdict is Verdict.PROVED


@pytest.mark.parametrize(("kind", "message"), [
    ("view", "reads parameter a through a tensor that was taken from it"),
    ("made", "a trainable tensor of shape .* that is no parameter"),
    ("unregistered", "a trainable tensor of shape .* that is no parameter"),
    ("buffer", "the buffer b lies in the memory of parameter a"),
])
def test_what_would_be_frozen_is_refused(kind: str, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        derive(Closed(kind), (torch.randn(1, 2),))


def test_two_parameters_in_one_memory_are_refused() -> None:
    one = weight(2, 2)
    module = Made(lambda s, x: x @ s.one @ s.two, one=one, two=nn.Parameter(one.data))
    with pytest.raises(CaptureError, match="one and two are two tensors in the same memory"):
        capture(module, (torch.randn(1, 2),))


@pytest.mark.parametrize("kind", ["attribute", "variable"])
def test_a_field_reads_parameters_of_the_module_around_it(kind: str) -> None:
    """x' = -a x with `a` outside the flow: a is read, and nothing scales against it."""
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.w = weight(2), weight(2, 2)
            a = self.a
            self.flow = OdeFlow((lambda x: -self.a * x) if kind == "attribute" else
                                (lambda x: -a * x), 0.0, 1.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.flow(x) @ self.w

    module = Outer()
    before = dict(vars(module.flow))
    network = capture(module, (torch.randn(1, 2),)).network
    assert unread_tensors(network) == [] and rank(network) == 4
    assert vars(module.flow) == before


def _state(module: nn.Module) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = [
        (n, id(p), p.data_ptr(), p.dtype, p.detach().clone(), p.requires_grad,
         None if p.grad is None else (id(p.grad), p.grad.clone()))
        for n, p in (*module.named_parameters(), *module.named_buffers())
    ]
    return [*out, *((n, m.training, tuple(m.__dict__)) for n, m in module.named_modules())]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_module_is_what_it_was_to_the_last_bit(fails: bool, dtype: torch.dtype) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(dtype)
    module[1].eval()
    module(torch.randn(5, 3, dtype=dtype)).sum().backward()
    if fails:
        module.append(Made(lambda s, x: torch.linalg.qr(x.T @ x)[0]))
    before = _state(module)
    if fails:
        with pytest.raises(Exception, match="linalg_qr"):
            capture(module, (torch.randn(2, 3, dtype=dtype),))
    else:
        capture(module, (torch.randn(2, 3, dtype=dtype),))
    for old, new in zip(before, _state(module), strict=True):
        for a, b in zip(old, new, strict=True):
            if isinstance(a, tuple) and a and isinstance(a[-1], Tensor):
                assert a[0] == b[0] and torch.equal(a[1], b[1])
            else:
                assert torch.equal(a, b) if isinstance(a, Tensor) else a == b


def test_a_cache_that_the_module_fills_is_emptied_again() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        self.seen.append(1)
        self.last = x
        return x @ self.w

    module = Made(forward, w=weight(3, 2))
    module.seen = []
    module.last = None
    capture(module, (torch.randn(1, 3),), check=True)
    assert module.seen == [] and module.last is None


# -- outputs -------------------------------------------------------------------------------------


def test_all_floating_outputs_jointly_and_the_rest_is_named() -> None:
    def forward(self: Made, x: Tensor) -> dict[str, Any]:
        y = x @ self.w
        return {"logits": y, "best": y.argmax(-1), "deep": (x * self.v, {"more": x + self.u})}

    module = Made(forward, w=weight(3, 2), v=weight(3), u=weight(3))
    found = capture(module, (torch.randn(1, 3),))
    assert found.facts["outputs"] == [[0, "logits"], [2, "deep.0"], [3, "deep.1.more"]]
    assert found.facts["outputs_left_out"] == ["best"]
    assert found.about[0] == "outputs logits, deep.0, deep.1.more, jointly; not looked at: best"
    for wanted, index in (("deep.0", 2), ("3", 3), (0, 0)):
        assert capture(module, (torch.randn(1, 3),), output=wanted).facts["outputs"][0][0] == index
    assert len(capture(module, (torch.randn(1, 3),), output="deep").network.outputs) == 2
    with pytest.raises(CaptureError, match="'best' holds no floating numbers"):
        capture(module, (torch.randn(1, 3),), output="best")


def test_logits_of_a_model_output_alone() -> None:
    import transformers

    outputs = transformers.modeling_outputs

    def of(kind: Any, **names: Callable[[Made, Tensor], Tensor]) -> Made:
        return Made(lambda s, x: kind(**{k: f(s, x) for k, f in names.items()}),
                    w=weight(3, 2), v=weight(3))

    first, second = (lambda s, x: x @ s.w), (lambda s, x: (x * s.v)[None])
    x = (torch.randn(1, 3),)
    found = capture(of(outputs.SequenceClassifierOutput, logits=first, hidden_states=second), x)
    assert found.output_names == ("logits",)
    assert found.about[0] == "output logits; not looked at: hidden_states"
    found = capture(
        of(outputs.BaseModelOutputWithPooling, last_hidden_state=second, pooler_output=first), x)
    assert found.output_names == ("last_hidden_state", "pooler_output")
    clip = transformers.models.clip.modeling_clip.CLIPOutput
    found = capture(of(
        clip, logits_per_image=first, logits_per_text=second, text_embeds=first), x)
    assert found.output_names == ("logits_per_image", "logits_per_text")
    assert found.facts["outputs_left_out"] == ["text_embeds"]


# -- the first lines -----------------------------------------------------------------------------


def test_what_a_statement_is_about_is_said_first() -> None:
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    module = nn.Sequential(
        Made(lambda s, x: x * s.gain + s.frozen, gain=torch.full((2,), 2.0), frozen=frozen),
        nn.Linear(2, 2), nn.Dropout(0.5).eval(),
    )
    found = derive(module, (torch.randn(1, 2),))
    assert found.about == (
        "output 0", "training mode, but for 2 in evaluation mode",
        "buffers held at their values: 0.gain",
        "parameters without gradient held at their values: 0.frozen",
    )
    table = io.StringIO()
    print_derivation(found.data, Console(file=table, width=80))
    first = [line for line in table.getvalue().splitlines() if line.startswith("│")]
    assert "output 0" in first[0] and "training mode" in first[1]
    assert "Output 0." in found.to_latex().partition("\\section{The network}")[2][:400]


def test_unread_coordinates_have_their_reasons() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        return (
            x @ self.w * torch.where(self.t > 0, 1.0, 2.0) + self.rows[:1]
            + self.masked * torch.tensor([1.0, 0.0])
        )

    module = Made(
        forward, w=weight(2, 2), t=weight(2), rows=weight(3, 2), masked=weight(2), idle=weight(5))
    found = derive(module, (torch.randn(1, 2),))
    wanted = {"t": (2, COMPARED), "rows": (4, BEYOND), "masked": (1, ZERO), "idle": (5, NO_PATH)}
    assert {
        x.tensor: (x.count, x.reason) for x in found.unread_tensors} == wanted
    assert found.unread == 12 == sum(x.count for x in found.unread_tensors)
    total = sum(p.numel() for p in module.parameters())
    assert found.redundancy + found.unread == total - found.rank


# -- tokens --------------------------------------------------------------------------------------


def _truth(module: nn.Module, ids: Tensor, classes: int) -> int:
    """The rank of the Jacobian in float64 over all token sequences, with a clear gap."""
    module = module.double()
    parameters = dict(module.named_parameters())
    rows = []
    for chosen in np.ndindex(*(classes,) * ids.numel()):
        x = torch.tensor(chosen).reshape(ids.shape)
        jacobian = torch.func.jacrev(
            lambda p: torch.func.functional_call(module, p, (x,)).reshape(-1))(parameters)
        rows.append(torch.cat([j.reshape(j.shape[0], -1) for j in jacobian.values()], 1))
    values = torch.linalg.svdvals(torch.cat(rows).detach())
    values = values / values[0]
    found = int((values > 1e-9).sum())
    assert found == len(values) or values[found] < 1e-12 < 1e-9 < values[found - 1]
    return found


def _positions(self: Made, ids: Tensor) -> Tensor:
    """RoBERTa's: the padding id 1 moves the positions."""
    mask = ids.ne(1).int()
    places = (torch.cumsum(mask, 1).type_as(mask) * mask).long() + 1
    return torch.tanh(self.table(ids) + self.places(places)) @ self.w


def _end(self: Made, ids: Tensor) -> Tensor:
    """CLIP's: the row of the first end of text."""
    h = torch.tanh(self.table(ids) + self.places.weight[:ids.shape[1]])
    return h[torch.arange(len(ids)), (ids.to(torch.int) == 2).int().argmax(-1)] @ self.w


def _largest(self: Made, ids: Tensor) -> Tensor:
    """The row of the largest id, as in CLIP before."""
    h = torch.tanh(self.table(ids) + self.places.weight[:ids.shape[1]])
    return h[torch.arange(len(ids)), ids.argmax(-1)] @ self.w


def _selected(self: Made, ids: Tensor) -> Tensor:
    """The column of the largest id of a single text, by a number that is no tensor's entry."""
    h = torch.tanh(self.table(ids[0]) + self.places.weight[:ids.shape[1]])
    return h[ids[0].argmax()] @ self.w + h.T[:, ids[0].argmin()] @ self.w


def _last(self: Made, ids: Tensor) -> Tensor:
    """The last position that is no padding: GPT-2 for classification."""
    h = torch.tanh(self.table(ids) + self.places.weight[:ids.shape[1]]) @ self.w
    there = (ids != 0).to(torch.int32)
    last = (torch.arange(ids.shape[-1], dtype=torch.int32) * there).argmax(-1)
    return h[torch.arange(len(ids)), last]


def _two_tables(self: Made, ids: Tensor) -> Tensor:
    return torch.tanh(self.table(ids) * self.places(ids)) @ self.w


def _shifted(self: Made, ids: Tensor) -> Tensor:
    """The decoder's ids: moved by one, with a start."""
    start = ids.new_zeros(ids.shape)
    start[:, 1:] = ids[:, :-1].clone()
    start[:, 0] = 2
    return torch.tanh(self.table(start)) @ self.w


def _masked_mean(self: Made, ids: Tensor) -> Tensor:
    mask = (ids != 0).float()[..., None]
    return (torch.tanh(self.table(ids)) * mask).sum(1) @ self.w


def _compared(self: Made, ids: Tensor) -> Tensor:
    """Whether an id is that before it."""
    same = (ids[:, 1:] == ids[:, :-1]).long()
    return torch.tanh(self.table(ids)[:, 1:] + self.places(same)) @ self.w


def _counted(self: Made, ids: Tensor) -> Tensor:
    """The ids as numbers."""
    return torch.tanh(self.table(ids) * (ids.float()[..., None] + 0.5)) @ self.w


def _attended(self: Made, ids: Tensor) -> Tensor:
    """Attention that leaves padding out."""
    h = self.table(ids)
    scores = (h @ h.transpose(1, 2)).masked_fill((ids == 0)[:, None], -torch.inf)
    return (torch.tanh(h) + scores.softmax(-1) @ h) @ self.w


def _offset(self: Made, ids: Tensor) -> Tensor:
    """Two rows of the table are kept for others."""
    return torch.tanh(self.places(ids + 2)) @ self.w


KINDS = [_positions, _end, _largest, _selected, _last, _two_tables, _shifted, _masked_mean,
         _compared, _counted, _offset]


def _module(function: Callable[..., Any]) -> Made:
    torch.manual_seed(2)
    return Made(function, table=nn.Embedding(4, 2), places=nn.Embedding(6, 2), w=weight(2, 2))


@pytest.mark.parametrize("function", KINDS, ids=lambda f: f.__name__.strip("_"))
def test_ids_range_over_their_table_whatever_they_decide(function: Callable[..., Any]) -> None:
    module = _module(function)
    network = capture(module, (IDS,)).network
    assert not network.held and [x.classes for x in network.inputs] == [4]
    assert rank(network) == _truth(_module(function), IDS, 4)


def _sum_of_positions(self: Made, ids: Tensor) -> Tensor:
    mask = ids.ne(1).int()
    places = (torch.cumsum(mask, 1).type_as(mask) * mask).long() + 1
    return (self.table(ids) + self.places(places)) @ self.w


def _sum_of_two_tables(self: Made, ids: Tensor) -> Tensor:
    return (self.table(ids) + self.places(ids)) @ self.w


def _sum_without_padding(self: Made, ids: Tensor) -> Tensor:
    return (self.table(ids) * (ids != 0).float()[..., None]).sum(1) @ self.w


@pytest.mark.parametrize(("function", "redundancy"), [
    # GL(2) between tables and readout; a shift between them; the padding's rows against each other
    (_sum_of_positions, 4 + 2 + 2), (_sum_of_two_tables, 4 + 8),
    (_sum_without_padding, 4 + 2),  # the padding's row is multiplied by 0
], ids=["positions", "two tables", "padding"])
def test_what_ids_decide_is_proved(function: Callable[..., Any], redundancy: int) -> None:
    module = _module(function)
    found = derive(module, (IDS,))
    assert found.redundancy + found.unread == 24 - _truth(_module(function), IDS, 4)
    assert found.redundancy == redundancy
    assert found.verdict is Verdict.PROVED and found.verify().verdict is Verdict.PROVED
    assert found.about[1] == "token ids inputs_0 range over 0 to 3"


def test_ids_that_are_not_understood_are_held_and_nothing_is_proved() -> None:
    def forward(self: Made, ids: Tensor) -> Tensor:
        order = ids.sort(-1).values.to(torch.float64).cumsum(-1).sin()
        return torch.tanh(self.table(ids)) @ self.w * order[..., None]

    found = derive(Made(forward, table=nn.Embedding(4, 2), w=weight(2, 2)), (IDS,))
    if found.network().held:
        assert found.verdict is Verdict.UNKNOWN
        assert "token ids inputs_0 held at the example" in found.about
        assert any("that of all token ids" in h for h in found.hypotheses)


# -- compared with the module --------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [6.0, 40.0])
def test_a_branch_that_only_large_inputs_reach_is_compared(
    threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module computes something else where it runs, beyond a threshold."""
    def forward(self: Made, x: Tensor) -> Tensor:
        y = x @ self.w
        extra = torch.relu(y - threshold)
        return y if torch.compiler.is_exporting() else y + extra

    with pytest.raises(CaptureError, match="differs from the module"):
        capture(Made(forward, w=weight(3, 2)), (torch.randn(2, 3),))


@pytest.mark.parametrize("function", [
    lambda s, x: torch.tanh(x @ s.w), lambda s, x: nn.functional.silu(x @ s.w),
    lambda s, x: nn.functional.gelu(x @ s.w, approximate="tanh"),
    lambda s, x: torch.softmax(x @ s.w, -1), lambda s, x: torch.exp(x @ s.w),
    lambda s, x: torch.log_softmax(x @ s.w, -1), lambda s, x: torch.logsumexp(x @ s.w, -1),
    lambda s, x: torch.exp(torch.exp(x @ s.w)), lambda s, x: nn.functional.mish(x @ s.w),
    lambda s, x: torch.sigmoid(x @ s.w) * torch.exp(-(x @ s.w) ** 2),
], ids=["tanh", "silu", "gelu", "softmax", "exp", "log_softmax", "logsumexp", "exp exp", "mish",
        "gauss"])
def test_large_inputs_refuse_no_module(function: Callable[..., Any]) -> None:
    capture(Made(function, w=weight(3, 2)), (torch.randn(2, 3),))
