"""Every printed formula holds: read back from its LaTeX and evaluated beside the program."""

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from printed_formulas import Read

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


def close(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9))


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
    seen = 0
    rng = np.random.default_rng(3)
    for k, family in enumerate(read.derivation.generators):
        rows = read.reading.proof(k)
        if rows is None:
            continue
        n, copies = family.element.size, family.element.copies
        if family.element.kind.is_matrix:
            value = np.eye(n) + 0.3 * rng.normal(size=(*copies, n, n))
            if getattr(family.element.kind, "orthogonal", False):
                continue
        else:
            value = np.exp(0.3 * rng.normal(size=(*copies, n)))
        state = dict(read.state)
        for through in family.via:  # the equations of these are said on the slice
            scaling = through.element.kind.is_scaling
            state[through.parameter] = np.full_like(state[through.parameter], float(scaling))
        moved = read.derivation.element({family.label: value}).apply(state)
        letter = {True: "s", False: "c"}[family.element.kind.is_scaling]
        letter = "g" if family.element.kind.is_matrix else letter
        before, after = read.formula(state, {}), read.formula(moved, {})
        shown = value.reshape(-1, *value.shape[len(copies):]) if copies else value
        scalar = not family.element.kind.is_matrix and n == 1 and any(
            m.at is None for m in family.action)
        acted = read.formula(state, {letter: float(shown.item()) if scalar else shown})
        for row in rows:
            if re.search(r"(?<![A-Za-z\\])u(?![A-Za-z])", row.becomes + row.equals):
                continue  # u is any vector
            per_head = any("h}" in t for t in (row.left, row.becomes)) and (
                r"\sum_h" not in row.becomes and "concat" not in row.becomes)
            for h in range(read.heads) if per_head else [None]:
                found = acted.value(row.becomes, h)
                assert close(found, acted.value(row.equals, h)), row
                assert close(found, after.value(row.left, h)), row
                if row.stays or row.left == row.equals:
                    assert close(found, before.value(row.left, h)), row
                seen += 1
    assert seen >= len(read.derivation.generators) / 2


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
