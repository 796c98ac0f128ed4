"""Every printed formula holds: read back from its LaTeX and evaluated beside the program."""

from fractions import Fraction

import pytest
from printed_formulas import Read, close, equations_held

import symgauge
from symgauge import zoo
from symgauge.capture import load_target
from symgauge.formulas.terms import Term, product, total
from symgauge.program.leaf import Input
from symgauge.program.notation import number


CASES = {
    "attention": ({}, 2, 0.0),
    "encoder_block": ({}, 2, 1e-5),
    "gpt2_like": ({}, 2, 1e-5),
    "mlp": ({}, 1, 0.0),
    "glu": ({}, 1, 0.0),
}


@pytest.fixture(scope="module", params=CASES)
def read(request: pytest.FixtureRequest) -> Read:
    sizes, heads, eps = CASES[request.param]
    target = load_target(request.param, zoo.load, sizes)
    return Read(symgauge.derive_target(target), heads, eps)


def test_each_formula_of_the_network_is_what_the_program_computes(read: Read) -> None:
    formula = read.formula(read.state, {})
    lines = read.lines(read.state)
    assert read.typeset.formulas
    for i, left, right in read.typeset.formulas:
        heads = range(read.heads) if "h}" in left.split("^")[0] else [None]
        for h in heads:
            wanted = lines[i] if h is None else lines[i][h]
            assert close(formula.value(right, h), wanted), (left, right)


def test_each_equation_of_a_proof_holds(read: Read) -> None:
    assert equations_held(read) >= len(read.derivation.generators) / 2


def test_a_wrong_formula_is_noticed(read: Read) -> None:
    formula = read.formula(read.state, {})
    i, left, right = read.typeset.formulas[-1]
    assert not close(formula.value(right + " + 1", None), read.lines(read.state)[i])


def test_pieces() -> None:
    a, b = Term("A"), Term("B")
    assert product(total([a, b]), a.transposed).text == r"(A + B)\,A^{\top}"
    assert a.transposed.transposed == a
    assert product(Term("Q", factor=Fraction(1, 2)), b).text == r"\tfrac{1}{2}\,Q\,B"
    assert Term("W^{(0)}").transposed.text == r"{W^{(0)}}^{\top}"
    assert number(Fraction(8 ** -0.5)) == r"\tfrac{1}{\sqrt{8}}"


def test_layers_alike_are_written_once() -> None:
    read = Read(symgauge.derive_target(load_target("llama_like", zoo.load, {})), 2, 1e-5)
    formulas = read.reading.formulas()
    assert formulas.labels == ("0", "1")
    assert [left for left, _ in formulas.before] == ["X_{1}"]
    assert formulas.layer[0] == (
        r"N_{1}^{(\ell)}", r"\operatorname{RMSNorm}(X_{2}^{(\ell-1)}) \odot \gamma_{1}^{(\ell)}")
    assert isinstance(read.network.inputs[0], Input)
