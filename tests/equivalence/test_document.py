"""The document of an equivalence algebra: its elements in matrices."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import sympy
import torch
from torch.nn import Linear, Module, Parameter, ReLU, Sequential, Tanh

import symgauge
from symgauge.equivalence.matrices import Element, element_of, form_of


class Leaky(Module):
    """-Lam x + relu(W x + b)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.rate, self.linear = Parameter(torch.rand(n)), Linear(n, n)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -self.rate * x + torch.relu(self.linear(x))


CASES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "linear": (Linear(3, 3, bias=False), {}, [r"\delta W &= A\,W - W\,A"]),
    "affine": (Linear(3, 3), {}, [r"\delta W &= A\,W - W\,A", r"\delta b &= A\,b - W\,c"]),
    "affine in time": (
        Linear(2, 2), {"time_degree": 1, "moving": True},
        [r"\delta W &= A\,W - W\,A + \dot A", r"\delta b &= A\,b + \dot c - W\,c"]),
    "MLP": (
        Sequential(Linear(3, 3), Tanh(), Linear(3, 3)), {},
        [r"\delta W_{0} &= -W_{0}\,A", r"\delta b_{0} &= -W_{0}\,c",
         r"\delta W_{2} &= A\,W_{2}", r"\delta b_{2} &= A\,b_{2}"]),
    # d theta is known up to the scales of units, and written without them
    "ReLU": (
        Sequential(Linear(2, 3), ReLU(), Linear(3, 2)), {},
        [r"\delta W_{0} &= -W_{0}\,A", r"\delta b_{0} &= -W_{0}\,c",
         r"\delta W_{2} &= A\,W_{2}", r"\delta b_{2} &= A\,b_{2}"]),
    "leaky": (
        Leaky(3), {"time_degree": 1, "moving": True},
        [r"\delta \theta_{\mathrm{rate}} &= -\operatorname{diag} \dot A",
         r"\delta b_{\mathrm{linear}} &= A\,b_{\mathrm{linear}}"]),
}


@pytest.mark.parametrize("name", CASES)
def test_matrices(name: str) -> None:
    module, options, lines = CASES[name]
    n = module.linear.in_features if isinstance(module, Leaky) else next(
        m for m in module.modules() if isinstance(m, Linear)).in_features
    found = symgauge.equivalence_algebra(module, state=torch.zeros(n), **options)
    text = found.to_latex()
    for line in lines:
        assert line in text, text
    assert r"\texttt" not in text.split("section{The elements}")[1].split("longtable")[0]
    body = found.to_latex(fragment=True)
    assert body.startswith("% needs:") and "documentclass" not in body
    again = symgauge.EquivalenceAlgebra.from_json(found.to_json())
    assert again.to_latex() == text


def changed(found: symgauge.EquivalenceAlgebra) -> symgauge.EquivalenceAlgebra:
    """One coefficient of one element is another."""
    first = found.generators[0]
    (k, m, c), *rest = first.vector.parameters[0]
    vector = replace(
        first.vector, parameters=(((k, m, str(Fraction(c) + 1)), *rest),
                                  *first.vector.parameters[1:]))
    return replace(found, generators=(replace(first, vector=vector), *found.generators[1:]))


def test_what_is_no_form_is_written_by_components() -> None:
    found = symgauge.equivalence_algebra(Linear(2, 2), state=torch.zeros(2))
    assert "by components" not in found.to_latex()
    assert "by components" in changed(found).to_latex()


def test_symbols_by_components() -> None:
    a, b, x, t = sympy.symbols("a b x t")
    found = symgauge.equivalence_algebra([(a + b * t) * sympy.tanh(x)], state=[x], time=t,
                                         time_change=True, time_degree=1)
    text = found.to_latex()
    assert r"\xi &= \partial_{t}" in text and r"\delta a &= -b" in text
    assert r"D\xi - v\,D\tau" not in text  # the equation stands beside matrices alone


def test_an_element_of_higher_degree_has_no_matrix() -> None:
    one = Fraction(1)
    assert element_of([(1, ((1, 2),), one)], [], 1) is None
    assert element_of([(0, ((1, 1),), one)], [], 1) is None
    element = element_of([(1, ((0, 1), (1, 1)), one)], [[]], 1)
    assert isinstance(element, Element) and element.a.tolist() == [[[0]], [[1]]]
    assert form_of("w", {"w": (0, (2,))}, [element], {"w": "w"}) == "0"
