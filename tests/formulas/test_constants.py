"""Numbers and tables of constants in formulas: what stands there is what the program computes."""

import numpy as np
import pytest
import torch
from printed_formulas import Read
from torch import Tensor, nn

import symgauge
from symgauge.formulas.listing import listing


class Bounded(nn.Module):
    """A bound of every unit by a number of its own, from below."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 3), nn.Linear(3, 2)
        self.register_buffer("least", torch.tensor([-1.0, 0.5, 0.25]))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(torch.maximum(self.a(x), self.least))
        return out


class Masked(nn.Module):
    """Scores behind a mask that is a large number, not minus infinity."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(1, 2)
        return torch.exp(scores.masked_fill(torch.ones(3, 3).triu(1).bool(), -3.0))


class Averaged(nn.Module):
    """A product with a matrix of equal numbers, and a table that is scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.register_buffer("mean", torch.full((3, 3), 0.25))
        self.register_buffer("rates", torch.tensor([1.0, 2.0, -3.0]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.a(x)) @ self.mean + torch.exp(-0.5 * self.rates) * self.a(x)


FUNCTIONS = {
    "softplus": nn.Softplus(), "softplus 2": nn.Softplus(2), "elu": nn.ELU(),
    "elu 1/2": nn.ELU(0.5), "elu -3/2": nn.ELU(-1.5), "leaky_relu": nn.LeakyReLU(),
    "leaky_relu 1/5": nn.LeakyReLU(0.2), "celu": nn.CELU(2.0),
}
ROW, ROWS = torch.zeros(1, 2), torch.zeros(1, 3, 2)
CASES = {
    "relu6": lambda: (nn.Sequential(nn.Linear(2, 3), nn.ReLU6(), nn.Linear(3, 2)), ROW),
    "hardtanh": lambda: (nn.Sequential(nn.Linear(2, 3), nn.Hardtanh(-2, 0.5)), ROW),
    "bounded": lambda: (Bounded(), ROW),
    "masked": lambda: (Masked(), ROWS),
    **{name: lambda f=f: (nn.Sequential(nn.Linear(2, 3), f, nn.Linear(3, 2)), ROW)
       for name, f in FUNCTIONS.items()},
    "averaged": lambda: (Averaged(), ROW),
    "averaged rows": lambda: (Averaged(), ROWS),
}


@pytest.mark.parametrize("name", CASES)
def test_formulas_with_constants_are_what_the_program_computes(name: str) -> None:
    module, x = CASES[name]()
    read = Read(symgauge.derive(module, (x,)), 1, 0.0)
    formula, lines = read.formula(read.state, {}), read.lines(read.state)
    assert read.typeset.formulas
    for i, left, right in read.typeset.formulas:
        assert np.allclose(formula.value(right), lines[i], rtol=1e-9, atol=1e-9), (left, right)


def test_what_is_no_default_stands_below_a_function() -> None:
    def written(f: nn.Module) -> str:
        module = nn.Sequential(nn.Linear(2, 3), f, nn.Linear(3, 2))
        lines = listing(symgauge.derive(module, (ROW,)).network())
        return " ".join(line["latex"] for line in lines)

    assert r"\operatorname{elu}_{\alpha=1.67326, \mathrm{scale}=1.0507}(" in written(nn.SELU())
    assert r"\operatorname{leaky\_relu}_{\mathrm{slope}=\tfrac{1}{5}}(" in written(
        nn.LeakyReLU(0.2))
    assert r"\operatorname{softplus}(" in written(nn.Softplus())
