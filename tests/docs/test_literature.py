"""Published dimensions: what symgauge finds for each row of docs/literature/cases.csv."""

import sys

import pytest
from places import ROOT

sys.path.insert(0, str(ROOT / "docs"))
from literature_table import Case, answer, cases, found  # noqa: E402

#: A row of each file and quantity; the others are derived by the slow suite.
QUICK = {
    "softmax attention in series, 2 layers, width 3", "x^2, (3, 4, 4)", "x^2, (2, 4, 4, 5)",
    "linear network (1, 4, 1), gradient flow", "convolutions in series, filters 3 and 2",
    "attention, gradient flow", "rotary attention", "groups of queries, permutations",
    "softmax gate over linear experts, gradient flow", "factors 4096 x 1024 and 1024 x 4096",
}
DERIVED = [case for case in cases() if case.quantity != "none"]


@pytest.mark.parametrize("case", [
    pytest.param(case, id=case.case, marks=() if case.case in QUICK else pytest.mark.slow)
    for case in DERIVED])
def test_the_true_value_is_found(case: Case) -> None:
    here = found(case)
    assert here is not None and here.value == int(case.true)


def test_every_quick_row_is_one() -> None:
    assert {case.case for case in DERIVED} >= QUICK
    assert len({case.case for case in cases()}) == len(cases())


def test_answers_follow_from_the_numbers() -> None:
    """The page calls what differs corrected, whatever the table says is true."""
    from literature_table import Found

    row = cases()[0]
    assert answer(row, Found(int(row.published), "")) == "agrees"
    assert answer(row, Found(int(row.published) + 1, "")) == "corrected"
    assert answer(row, None) == "out of scope"


def test_the_page_has_every_row() -> None:
    page = (ROOT / "docs" / "literature.inc").read_text(encoding="utf-8")
    entries = page.split("   * - ")[2:]
    assert len(entries) == len(cases())
    for case, entry in zip(cases(), entries, strict=True):
        lines = map(str.strip, entry.replace("     - ", "\n").splitlines())
        cells = [line for line in lines if line]
        assert cells[0].startswith(case.case)
        if case.quantity != "none":
            assert case.true in cells
