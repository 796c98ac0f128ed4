"""What few random points do not show: rare cells, rare tokens; and outputs that are odd."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from made import Made
from torch import Tensor, nn
from torch.nn import functional as F

import symgauge
from symgauge.errors import CaptureError, UnsupportedOpError
from symgauge.ops.upsample_nearest import UpsampleNearest
from symgauge.verdict import Verdict

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
IDS = torch.tensor([[1, 2, 0, 3], [4, 1, 1, 2]])


def mlp(function: Callable[..., Any], **parts: Any) -> Made:
    return Made(function, a=nn.Linear(4, 3), b=nn.Linear(3, 2), **parts)


def tokens(function: Callable[..., Any]) -> Made:
    return Made(function, e=nn.Embedding(5, 3), b=nn.Linear(3, 2))


@pytest.mark.parametrize("seed", range(3))
def test_a_sign_that_holds_where_units_are_dead_is_no_symmetry(seed: int) -> None:
    """Of 12 inputs at one small theta none may take a hardshrink to its other side."""
    found = symgauge.derive(mlp(lambda m, x: m.b(F.hardshrink(m.a(x), 4.0))), (X,), seed=seed)
    assert [d.group for d in found.discrete] == ["S_3", "(Z_2)^3"]
    assert found.verify().verdict is found.verdict


def test_a_permutation_that_a_rare_branch_breaks_is_no_symmetry() -> None:
    def function(m: Any, x: Tensor) -> Tensor:
        z = m.a(x)
        return m.b(torch.tanh(z)) + torch.relu(z[:, :1] - 12.0)  # type: ignore[no-any-return]

    assert "S_3" not in [d.group for d in symgauge.derive(mlp(function), (X,)).discrete]


@pytest.mark.parametrize("seed", range(3))
def test_steps_of_parameters_alone_are_taken(seed: int) -> None:
    """relu(w): 4 of 16 random cells or fewer have the largest rank."""
    gain = Made(lambda m, x: m.b(x * torch.relu(m.w)), w=nn.Parameter(torch.randn(4)),
                b=nn.Linear(4, 2))
    found = symgauge.derive(gain, (X,), seed=seed)
    assert (found.verdict, found.redundancy) == (Verdict.PROVED, 4)


@pytest.mark.parametrize("seed", range(3))
def test_the_tensors_without_a_generator_are_those_of_the_whole_rank(seed: int) -> None:
    """Rows of a rare side are waited for: else verify finds fewer, and rejects what is true."""
    found = symgauge.derive(mlp(lambda m, x: m.b(torch.fmod(m.a(x), 2.0))), (X,), seed=seed)
    assert found.implicit == ("a.weight", "a.bias", "b.bias")
    assert found.verify().verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("seed", range(3))
def test_one_id_at_all_places_is_among_the_drawn_ones(seed: int) -> None:
    """The place of the largest id: row 0 is picked where all ids are 0, once in 625."""
    module = tokens(lambda m, i: m.b(torch.tanh(m.e(i))[torch.arange(2), i.argmax(-1)]))
    found = symgauge.derive(module, (IDS,), seed=seed)
    assert found.redundancy == 13
    assert found.verify().verdict is found.verdict


@pytest.mark.parametrize("function", [
    lambda m, i: m.b(torch.tanh(m.e(i.amax(1) // 2))),
    lambda m, i: m.b(torch.tanh(m.e((i + 1).clamp(max=4)))),
    lambda m, i: m.b(F.embedding_bag(i, m.e.weight)),
])
def test_ids_that_pick_rows_and_are_held_leave_a_hypothesis(function: Callable[..., Any]) -> None:
    found = symgauge.derive(tokens(function), (IDS,))
    held = any("held at the example" in said for said in found.about)
    assert found.verdict is Verdict.UNKNOWN or not held
    assert not held or any("token ids" in h for h in found.hypotheses)


def test_an_output_may_be_a_parameter() -> None:
    module = mlp(lambda m, x: (m.b(torch.tanh(m.a(x))), m.t), t=nn.Parameter(torch.randn(2)))
    found = symgauge.derive(module, (X,))
    assert (found.verdict, found.redundancy, found.unread) == (Verdict.PROVED, 0, 0)


def test_an_op_that_does_not_understand_its_arguments_says_so() -> None:
    module = Made(
        lambda m, x: F.interpolate(m.p[None, None], size=(5, 5)).sum() * x,
        p=nn.Parameter(torch.randn(3, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UpsampleNearest, "capture", lambda *_, **__: [][0])
        with pytest.raises(CaptureError, match="upsample_nearest2d"):
            symgauge.derive(module, (X,))
    assert symgauge.derive(module, (X,)).redundancy == 8


@pytest.mark.parametrize(("function", "words"), [
    (lambda m, x: m.b(x)[m.b(x) > 0], "a mask that inputs or parameters decide"),
    (lambda m, x: m.b(x) + m.kept.add_(1).sum(), "changes its own tensors"),
])
def test_refusals_say_what_is_so(function: Callable[..., Any], words: str) -> None:
    module = Made(function, b=nn.Linear(4, 2))
    module.register_buffer("kept", torch.zeros(2))
    with pytest.raises(CaptureError, match=words):
        symgauge.derive(module, (X,))


def test_a_sparse_buffer_is_refused_where_it_is_read() -> None:
    module = Made(lambda m, x: m.b(torch.sparse.mm(m.sparse, x)), b=nn.Linear(4, 2))
    module.register_buffer("sparse", torch.eye(3).to_sparse())
    with pytest.raises(UnsupportedOpError):
        symgauge.derive(module, (X,))


def test_an_input_that_is_written_to_is_read() -> None:
    module = Made(lambda m, x: m.b(x.add_(1.0)), b=nn.Linear(4, 2))
    before = X.clone()
    assert symgauge.derive(module, (X,)).redundancy == 0 and torch.equal(X, before)


def test_what_a_module_does_to_itself_is_undone() -> None:
    """Tensors in its lists, gradients that it turns off, random numbers that it draws."""
    def function(m: Any, x: Tensor) -> Tensor:
        m.listed[0].add_(1)
        m.b.weight.requires_grad_(False)
        return m.b(F.dropout(x))  # type: ignore[no-any-return]

    module = Made(function, b=nn.Linear(4, 2))
    module.listed = [torch.zeros(2)]  # type: ignore[assignment]
    state = torch.get_rng_state()
    with pytest.raises(CaptureError):
        symgauge.derive(module, (X,))
    assert torch.equal(module.listed[0], torch.zeros(2))  # type: ignore[index]
    assert module.b.weight.requires_grad  # type: ignore[union-attr]
    assert torch.equal(state, torch.get_rng_state())
