"""Formulas of recurrent nets, of several inputs, of parts and repetitions: read back, evaluated."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from printed_formulas import Read, equations_held
from torch import Tensor, nn

import symgauge


class Sequence(nn.Module):
    """A recurrent layer and a reader of its states."""

    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cell, self.out = cell(2, 2, batch_first=True), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.cell(x)[0])
        return out


class Added(nn.Module):
    """A stream that begins with the first of two matrices of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = x + torch.tanh(self.a(y))
        return x + torch.tanh(self.b(x)) * x


class Hamilton(nn.Module):
    """p x q, products of quaternions."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, d = self.p
        s, t, u, v = x.unbind(-1)
        return torch.stack([
            a * s - b * t - c * u - d * v, a * t + b * s + c * v - d * u,
            a * u - b * v + c * s + d * t, a * v + b * u - c * t + d * s], -1)


class Gaps(nn.Module):
    """Differences of all pairs of rows, and a step of a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.slope = nn.Linear(2, 2), nn.PReLU(2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        gaps = h[:, :, None] - h[:, None]
        return (gaps ** 2).sum((2, 3)) * self.slope(h[..., 0])


class Largest(nn.Module):
    """The largest of each pair of units, and of all rows."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x).view(1, 3, 3, 2).amax(-1)


class Distances(nn.Module):
    """A function of the differences of all pairs of entries of two vectors."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.function = nn.Linear(2, 2), nn.Linear(2, 3), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.a(x)[:, :, None] - self.b(x)[:, None, :]).sum(1)


class Copied(nn.Module):
    """Copies of hidden units side by side, or of each."""

    def __init__(self, each: bool) -> None:
        super().__init__()
        self.a, self.b, self.each = nn.Linear(2, 2), nn.Parameter(torch.randn(6)), each

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.a(x))
        return (h.repeat_interleave(3, -1) if self.each else h.repeat(1, 3)) * self.b


class Of(nn.Module):
    """A function of maps a, b and tables w, v."""

    def __init__(self, function: Callable[..., Tensor], **owned: nn.Module | Tensor) -> None:
        super().__init__()
        for name, own in owned.items():
            setattr(self, name, nn.Parameter(own) if isinstance(own, Tensor) else own)
        self.function = function

    def forward(self, *xs: Tensor) -> Tensor:
        return self.function(self, *xs)


ROWS = torch.zeros(1, 3, 2)
CASES: dict[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {
    "rnn": lambda: (Sequence(nn.RNN), (ROWS,)),
    "gru": lambda: (Sequence(nn.GRU), (ROWS,)),
    "lstm": lambda: (Sequence(nn.LSTM), (ROWS,)),
    "two inputs": lambda: (Added(), (ROWS, ROWS)),
    "quaternions": lambda: (Hamilton(), (torch.zeros(1, 4),)),
    "pairs": lambda: (Gaps(), (ROWS[:, :2],)),
    "copies": lambda: (Copied(False), (torch.zeros(1, 2),)),
    "copies of each": lambda: (Copied(True), (torch.zeros(1, 2),)),
    "differences": lambda: (Distances(torch.exp), (torch.zeros(1, 2),)),
    "differences, tanh": lambda: (Distances(torch.tanh), (torch.zeros(1, 2),)),
    "forms of a batch": lambda: (
        Of(lambda m, x, y: torch.einsum("bi,ij,bj->b", x, m.w, y), w=torch.randn(2, 3)),
        (torch.zeros(4, 2), torch.zeros(4, 3))),
    "products of a batch": lambda: (
        Of(lambda m, x, y: torch.einsum("bni,ij,bjm->bnm", x, m.w, y), w=torch.randn(2, 2)),
        (torch.zeros(2, 3, 2), torch.zeros(2, 2, 3))),
    "bilinear": lambda: (nn.Bilinear(2, 2, 3), (torch.zeros(1, 2), torch.zeros(1, 2))),
    "gelu, by tanh": lambda: (
        nn.Sequential(nn.Linear(2, 3), nn.GELU("tanh"), nn.Linear(3, 2)), (ROWS,)),
    "of rows, transposed": lambda: (
        Of(lambda m, x: m.a(x).transpose(1, 2) @ m.b(x), a=nn.Linear(2, 2), b=nn.Linear(2, 3)),
        (ROWS,)),
    "of rows of several, transposed": lambda: (
        Of(lambda m, x: m.a(x).transpose(1, 2) @ m.b(x), a=nn.Linear(2, 3), b=nn.Linear(2, 3)),
        (torch.zeros(2, 4, 2),)),
    "over two axes": lambda: (
        Of(lambda m, x: torch.tensordot(x, m.w, 2), w=torch.randn(3, 2, 2)), (ROWS,)),
    "squares of a matrix": lambda: (
        Of(lambda m, x: m.b(m.a(x) ** 2), a=nn.Linear(2, 3), b=nn.Linear(3, 2)), (ROWS,)),
    "mean of rows": lambda: (
        Of(lambda m, x: m.b(torch.tanh(m.a(x)).mean(1)), a=nn.Linear(2, 3), b=nn.Linear(3, 2)),
        (ROWS,)),
    "centred rows": lambda: (
        Of(lambda m, x: m.b(m.a(x) - m.a(x).mean(1, True)), a=nn.Linear(2, 2), b=nn.Linear(2, 2)),
        (ROWS,)),
    "weighed rows": lambda: (
        Of(lambda m, x: m.b((torch.softmax(m.w(x), 1) * m.a(x)).sum(1)), a=nn.Linear(2, 2),
           b=nn.Linear(2, 2), w=nn.Linear(2, 1)), (ROWS,)),
    "largest": lambda: (Largest(), (ROWS,)),
    "sums along rows": lambda: (
        Of(lambda m, x: torch.tanh(x @ m.w).sum(1) @ m.v, w=torch.randn(3, 2),
           v=torch.randn(4, 2)), (torch.zeros(4, 3),)),
    "means along rows, bent": lambda: (
        Of(lambda m, x: torch.tanh(torch.tanh(x @ m.w).mean(1)) @ m.v, w=torch.randn(3, 2),
           v=torch.randn(4, 2)), (torch.zeros(4, 3),)),
    "a view, transposed": lambda: (
        Of(lambda m, x: torch.tanh(x @ m.w).view(2, 3).T.reshape(3, 2) @ m.v,
           w=torch.randn(4, 2), v=torch.randn(2, 2)), (torch.zeros(3, 4),)),
    "a view of a transposed view": lambda: (
        Of(lambda m, x: torch.tanh(x @ m.w).view(2, 3).T.reshape(2, 3) @ m.v,
           w=torch.randn(4, 2), v=torch.randn(3, 2)), (torch.zeros(3, 4),)),
    "sums of a view of a transpose": lambda: (
        Of(lambda m, x: torch.tanh(x @ m.w).T.reshape(3, 2, 2).sum(1) @ m.v,
           w=torch.randn(3, 3), v=torch.randn(2, 2)), (torch.zeros(4, 3),)),
}


@pytest.mark.parametrize("name", CASES)
def test_formulas_are_what_the_program_computes(name: str) -> None:
    module, inputs = CASES[name]()
    read = Read(symgauge.derive(module, inputs), 1, 0.0)
    formula, lines = read.formula(read.state, {}), read.lines(read.state)
    assert read.typeset.formulas
    for i, left, right in read.typeset.formulas:
        found = formula.value(right)
        assert np.shape(found) == lines[i].shape, (left, right)
        assert np.allclose(found, lines[i], rtol=1e-9, atol=1e-9), (left, right)


@pytest.mark.parametrize("rows", [1, 2])
def test_the_letter_of_the_output_is_the_output(rows: int) -> None:
    """A matrix times each of several: torch multiplies the transposes, and turns the product."""
    read = Read(symgauge.derive(
        Of(lambda m, x: m.w @ x, w=torch.randn(2, 3)), (torch.zeros(rows, 3, 4),)), 1, 0.0)
    ((_, left, right),) = read.typeset.formulas
    w = read.state["w"]
    (x,) = read.inputs.values()
    assert left == "Y" and (rows > 1 or right == r"W\,X")
    assert np.allclose(read.formula(read.state, {}).value(right), np.squeeze(w @ x))


#: Networks whose symmetries are said in equations, and how many there are at least.
PROOFS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "two readers of units": (lambda: Of(
        lambda m, x: (m.b(torch.relu(m.a(x))), torch.softmax(m.c(torch.relu(m.a(x))), -1)),
        a=nn.Linear(2, 3), b=nn.Linear(3, 2), c=nn.Linear(3, 2)), 5),
    "one factor for all": (lambda: Of(
        lambda m, x: m.v * m.b(torch.relu(m.a(x))), a=nn.Linear(2, 3), b=nn.Linear(3, 2),
        v=torch.ones(1)), 2),
    "adapters": (lambda: Of(
        lambda m, x: x @ m.u @ m.v, u=torch.randn(2, 3), v=torch.randn(3, 2)), 1),
}


@pytest.mark.parametrize("name", PROOFS)
def test_equations_of_proofs_hold(name: str) -> None:
    made, least = PROOFS[name]
    assert equations_held(Read(symgauge.derive(made(), (ROWS[:, 0],)), 1, 0.0)) >= least


def test_what_is_taken_from_a_sum_stands_in_brackets() -> None:
    places = torch.tensor([[1, 0, 2], [2, 1, 0], [0, 2, 1]])
    module = Of(
        lambda m, x: torch.softmax(m.a(x) @ m.b(x).transpose(1, 2) + m.v[places], -1) @ x,
        a=nn.Linear(2, 2), b=nn.Linear(2, 2), v=torch.randn(3))
    read = Read(symgauge.derive(module, (ROWS,)), 1, 0.0)
    rows = [row for k in range(len(read.derivation.generators))
            for row in read.reading.proof(k) or ()]
    assert any(r"c\,\mathbf{1})[\,\cdot\,]" in row.becomes for row in rows)


def test_heads_of_two_kinds_at_once_are_no_index() -> None:
    module = nn.Sequential(
        nn.Conv1d(4, 4, 1, groups=2), nn.ChannelShuffle(2), nn.ReLU(), nn.Conv1d(4, 2, 1, groups=2))
    read = Read(symgauge.derive(module, (torch.zeros(1, 4, 2),)), 1, 0.0)
    assert read.typeset.formulas
    assert not any("_{h}" in left + right or r"\sum_h" in right
                   for _, left, right in read.typeset.formulas)


def test_no_line_has_the_letter_of_an_input() -> None:
    read = Read(symgauge.derive(Added(), (ROWS, ROWS)), 1, 0.0)
    inputs = {read.typeset.term(i).text for i in read.network.input_nodes}
    assert inputs == {"X_{1}", "X_{2}"}
    assert not inputs & set(read.typeset.names.values())
