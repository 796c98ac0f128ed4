"""Formulas of networks whose names, axes and layers invite a wrong reading."""

from typing import Any

import numpy as np
import pytest
import torch
from printed_formulas import Read
from torch import nn

import symgauge
from symgauge import zoo
from symgauge.capture import load_target


class Attention(nn.Module):
    """Heads, or groups of heads that share keys and values."""

    def __init__(self, groups: int = 2, head_dim: int = 2) -> None:
        super().__init__()
        self.groups, self.head_dim = groups, head_dim
        self.q, self.o = nn.Linear(3, 2 * head_dim), nn.Linear(2 * head_dim, 3)
        self.k, self.v = nn.Linear(3, groups * head_dim), nn.Linear(3, groups * head_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def heads(line: nn.Module) -> torch.Tensor:
            y = line(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            return y.repeat_interleave(2 // y.shape[1], 1) if self.groups < 2 else y

        scores = heads(self.q) @ heads(self.k).transpose(-1, -2)
        y = torch.softmax(scores, -1) @ heads(self.v)
        return self.o(y.transpose(1, 2).flatten(2))


class Grouped(nn.Module):
    """Four heads, two groups of keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(3, 8), nn.Linear(3, 4), nn.Linear(3, 4)
        self.o = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (f(x).unflatten(-1, (-1, 2)).transpose(1, 2) for f in (self.q, self.k, self.v))
        scores = q @ k.repeat_interleave(2, 1).transpose(-1, -2)
        y = torch.softmax(scores, -1) @ v.repeat_interleave(2, 1)
        return self.o(y.transpose(1, 2).flatten(2))


class Named(nn.Module):
    """Parameters called like what formulas call other things."""

    def __init__(self) -> None:
        super().__init__()
        for name, shape in {"x": 3, "c": 2, "u": 2, "g": 3}.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))
        self.X, self.Y = nn.Parameter(torch.randn(3, 3)), nn.Parameter(torch.randn(2, 3))
        self.s = nn.Parameter(torch.randn(()))

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return torch.relu((a * self.x) @ self.X.T + self.g) @ self.Y.T * self.s + self.c + self.u


class Columns(nn.Module):
    """Columns pass through it: a gain and a shift for each row."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.V = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(2, 3))
        self.d, self.e = nn.Parameter(torch.randn(3, 1)), nn.Parameter(torch.randn(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.V @ (torch.relu(self.W @ x + self.e) * self.d)


class Narrow(nn.Module):
    """A hidden line of one entry: a column times a row."""

    def __init__(self) -> None:
        super().__init__()
        self.f, self.h = nn.Linear(3, 1), nn.Linear(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.h(torch.relu(self.f(x)))


class Slices(nn.Module):
    """Every second entry times its neighbour."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.o = nn.Linear(3, 6), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.a(x)
        return self.o(torch.relu(z[:, ::2]) * z[:, 1::2])


class Mixed(nn.Module):
    """Layers alike but for what bends them."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.ModuleList(nn.Linear(2, 2) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.leaky_relu(self.f[1](torch.relu(self.f[0](x))))
        return self.f[3](torch.relu(self.f[2](x)))


class Packed(nn.Module):
    """Queries of one input, keys and values of another, by one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.e = nn.Parameter(torch.randn(9, 3)), nn.Linear(2, 3, bias=False)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x, y = self.e(x), self.e(y)
        scores = x @ self.W[:3].T @ (y @ self.W[3:6].T).T
        return torch.softmax(scores, -1) @ (y @ self.W[6:].T)


class OverGain(nn.Module):
    """A tied table behind a gain: three of it and a position that sums repeat."""

    def __init__(self) -> None:
        super().__init__()
        self.E, self.Q = nn.Embedding(4, 3), nn.Parameter(torch.randn(3, 3))
        self.m = nn.LayerNorm(3, bias=False)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.m(3 * self.E(t) + self.Q[:1]) @ self.E.weight.T


class Positions(nn.Module):
    """A class token beside a sequence, and positions of both."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.p = nn.Parameter(torch.randn(1, 1, 3)), nn.Parameter(torch.randn(1, 4, 3))
        self.w, self.o = nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.o(torch.tanh(torch.cat([self.c, self.w(x)], 1) + self.p))


class Across(nn.Module):
    """softmax and a root mean square along columns."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.o = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = torch.softmax(self.w(x), 0)
        return self.o(z * torch.rsqrt((z ** 2).mean(0, keepdim=True) + 1e-3))


class Channels(nn.Module):
    """A norm over groups of channels."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.n, self.o = nn.Conv1d(2, 4, 1), nn.GroupNorm(2, 4), nn.Conv1d(4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.o(torch.relu(self.n(self.c(x))))


def formulas(module: nn.Module, *shape: int) -> tuple[tuple[str, str], ...]:
    derivation = symgauge.derive(module, (torch.randn(*shape),))
    return Read(derivation, 2, 0.0).reading.formulas().before


def values_hold(module: nn.Module, *shape: int) -> Read:
    read = Read(symgauge.derive(module, (torch.randn(*shape),)), 1, 0.0)
    formula, lines = read.formula(read.state, {}), read.lines(read.state)
    assert read.typeset.formulas
    for i, left, right in read.typeset.formulas:
        found: Any = formula.value(right, None)
        assert np.shape(found) == lines[i].shape and np.allclose(found, lines[i]), (left, right)
    return read


def test_a_batch_is_written_as_one_sequence() -> None:
    one = formulas(Attention(), 1, 3, 3)
    assert r"Q_{h}\,K_{h}^{\top}" in dict(one)["A_{h}"]
    assert formulas(Attention(), 2, 3, 3) == one


def test_groups_of_heads_have_transposes_and_an_index() -> None:
    found = dict(formulas(Grouped(), 2, 3, 3))
    assert found["A_{h}"] == r"\operatorname{softmax}(Q_{h}\,K_{h}^{\top})"
    assert found["Y"] == r"\operatorname{concat}_h(A_{h}\,V_{h})\,W_{O}^{\top} + b_{O}"
    derivation = symgauge.derive(Grouped(), (torch.randn(1, 3, 3),))
    assert "as the group of head $h$" in " ".join(
        Read(derivation, 2, 0.0).reading.formulas().notes)


def test_heads_of_one_entry_are_summed() -> None:
    found = dict(formulas(Attention(head_dim=1), 1, 3, 3))
    assert found["A_{h}"] == r"\operatorname{softmax}(Q_{h}\,K_{h}^{\top})"
    assert found["Y"] == r"\textstyle\sum_h A_{h}\,V_{h}\,W_{O,h}^{\top} + b_{O}"


def test_parameters_do_not_share_letters_with_other_things() -> None:
    read = values_hold(Named(), 4, 3)
    bare = {s for s in read.reading.symbols.values() if len(s) == 1}
    assert not bare & set("XxTYHcsgatuh"), read.reading.symbols
    latex = read.derivation.to_latex()
    assert r"c \mapsto c + c" not in latex and r"s \mapsto s\,s" not in latex
    assert "^{0}" not in latex


@pytest.mark.parametrize("module, shape", [(Columns(), (2, 4)), (Narrow(), (4, 3))])
def test_vectors_stand_along_their_own_axis(module: nn.Module, shape: tuple[int, ...]) -> None:
    values_hold(module, *shape)


def test_two_slices_of_one_line_are_told_apart() -> None:
    ((_, right),) = formulas(Slices(), 2, 3)
    assert "0{:}6{:}2" in right and "1{:}6{:}2" in right


@pytest.mark.parametrize("module, shape", [
    (nn.Sequential(nn.Conv1d(2, 3, 2, stride=2), nn.ReLU(), nn.Conv1d(3, 2, 2)), (2, 2, 6)),
    (nn.Sequential(nn.Conv2d(2, 3, (2, 3), padding=(0, 2), dilation=(2, 1)), nn.ReLU(),
                   nn.Conv2d(3, 2, 2, stride=(1, 3), padding=1)), (2, 2, 4, 3)),
], ids=("one axis", "two axes"))
def test_convolutions_are_written_as_such(module: nn.Module, shape: tuple[int, ...]) -> None:
    values_hold(module, *shape)
    written = " ".join(right for _, right in formulas(module, *shape))
    assert written.count(r"\ast") == 2 and "perm" not in written, written


def test_windows_are_looked_up_one_by_one() -> None:
    """Taken entries of which one pair is exchanged are no windows."""
    for index in ([[0, 1, 2], [1, 2, 3]], [[0, 1, 2], [1, 3, 2]]):
        class Taken(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = nn.Parameter(torch.ones(2, 2, 2))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                seen = x[:, :, torch.tensor(index)].permute(1, 2, 0, 3).reshape(4, -1)  # noqa: B023
                return (self.weight.reshape(2, 4) @ seen).reshape(2, 2, 3).permute(1, 0, 2)

        ((_, right),) = formulas(Taken(), 2, 2, 4)
        assert (r"\ast" in right) == (index[1] == [1, 2, 3]), right


def test_an_order_of_axes_that_is_no_transpose_is_written() -> None:
    grouped = nn.Sequential(nn.Conv1d(2, 4, 2, groups=2), nn.ReLU(), nn.Conv1d(4, 2, 1))
    assert any(r"\operatorname{perm}" in right for _, right in formulas(grouped, 2, 2, 4))


def test_families_with_different_proofs_are_not_alike() -> None:
    latex = symgauge.derive(Mixed(), (torch.randn(1, 2),)).to_latex()
    assert "2 alike" in latex and "3 alike" not in latex
    assert latex.count("for positive factors") == 2
    # and the one that is not printed has its name
    assert "by the same proof: rescaling of $W_{1}$, $W_{2}$, $b_{1}$" in latex


def test_slices_of_a_tensor_that_moves_as_a_whole_move() -> None:
    derivation = symgauge.derive(Packed(), (torch.randn(3, 2), torch.randn(2, 2)))
    read = Read(derivation, 1, 0.0)
    (k,) = (k for k, g in enumerate(derivation.generators)
            if {m.parameter for m in g.action} == {"W", "e.weight"}
            and not any(m.part for m in g.action) and all(
                m.at.axis == 1 for m in g.action if m.parameter == "W" and m.at))
    rows = read.reading.proof(k)
    assert rows and len(rows) > 2
    w = read.reading.symbols["W"]
    for row in rows[1:]:
        assert rf"({w}\,g" in row.becomes, row


def test_a_shift_over_a_gain_keeps_its_gain() -> None:
    derivation = symgauge.derive(OverGain(), (torch.tensor([[0, 1, 3]]),))
    read = Read(derivation, 1, 1e-5)
    (k,) = (k for k, g in enumerate(derivation.generators)
            if any(m.form == "+c/T" for m in g.action))
    rows = read.reading.proof(k)
    assert rows and rows[0].equals == r"X_{1} + \mathbf{1}\,(c / \gamma)^{\top}"
    moved = [row for row in rows if r"\theta_{\mathrm{Q}}" in row.left]
    assert moved and all(r"- 3\,c" in row.becomes for row in moved)


def test_a_shift_of_a_tensor_says_its_axis() -> None:
    latex = symgauge.derive(Positions(), (torch.randn(1, 3, 2),)).to_latex()
    shifts = [line for line in latex.splitlines() if r"+ c\,\mathbf{1}" in line]
    assert shifts and all("axis 2" in line for line in shifts)


def test_a_shift_of_copies_without_an_index_has_no_formula() -> None:
    derivation = symgauge.derive(Attention(head_dim=1), (torch.randn(1, 3, 3),))
    read = Read(derivation, 2, 0.0)
    for k, family in enumerate(derivation.generators):
        if family.label.startswith("shift") and not family.element.copies:
            assert read.reading.proof(k) is None


def test_what_works_along_columns_says_so() -> None:
    text = " ".join(right for _, right in formulas(Across(), 4, 3))
    assert r"\operatorname{softmax}((X\,W_{1}^{\top} + b_{1})^{\top})^{\top}" in text
    assert "RMSNorm" not in text and r"\mathbf{1}^{\top}\," in text


def test_groups_of_channels_are_no_rows_and_no_heads() -> None:
    derivation = symgauge.derive(Channels(), (torch.randn(1, 2, 3),))
    read = Read(derivation, 2, 1e-5)
    assert r"\operatorname{LN}_{1,2}(\operatorname{reshape}_{2 \times 2 \times 3}(" in " ".join(
        right for _, right in read.reading.formulas().before)
    grouped = [k for k, g in enumerate(derivation.generators) if g.element.copies]
    assert grouped and all(read.reading.proof(k) is None for k in grouped)


@pytest.mark.parametrize("name, wanted", [
    ("deep_set", r"\mathbf{1}^{\top}\,(\operatorname{relu}"),
    ("recurrent", r"X[1]\,W_{1}^{\top}"),
    ("mixture_of_experts", r"\,;\, "),
])
def test_sums_slices_and_joins_name_what_they_take(name: str, wanted: str) -> None:
    derivation = symgauge.derive_target(load_target(name, zoo.load, {}))
    assert wanted in " ".join(right for _, right in Read(
        derivation, 1, 0.0).reading.formulas().before)


class Bounded(nn.Module):
    """What a bound clamps."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.last(torch.clamp(self.first(x), min=-0.5))
        return y


def test_the_bound_of_a_clamp_is_written() -> None:
    text = " ".join(right for _, right in formulas(Bounded(), 4, 2))
    assert r"\max(" in text and r", -\tfrac{1}{2})" in text, text
