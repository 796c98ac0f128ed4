"""Drawings: what stands in LaTeX is what stands in SVG, and both are what was computed."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
import torch

import symgauge
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.typesetting.blocks import LABELS, Summand, blocks, simple_part
from symgauge.typesetting.drawing import Drawing, read
from symgauge.typesetting.growth import growth
from symgauge.points.draw import Draw
from symgauge.points.growth import rank_growth
from symgauge.points.rows import jacobian_rows


class Two(torch.nn.Module):
    """W2 relu(W1 x + b): a rescaling for each unit."""

    def __init__(self) -> None:
        super().__init__()
        self.w1, self.b = torch.nn.Parameter(torch.randn(4, 3)), torch.nn.Parameter(torch.randn(4))
        self.w2 = torch.nn.Parameter(torch.randn(2, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x @ self.w1.T + self.b) @ self.w2.T


@pytest.fixture(scope="module")
def found() -> Any:
    return symgauge.derive(Two(), (torch.randn(5, 3),))


def test_a_picture_is_read_as_it_was_written() -> None:
    d = growth([0, 1, 2, 4], 9, 6, 2)
    again = read(d.latex().removeprefix("\\begin{picture}"))
    assert (again.width, again.height) == pytest.approx((d.width, d.height), abs=0.01)
    assert again.title == d.title
    assert len(again.lines) == len(d.lines) and [w[2:] for w in again.words] == [
        w[2:] for w in d.words]
    assert np.allclose(sorted(x[:2] for x in again.lines), sorted(x[:2] for x in d.lines), atol=.01)
    assert sorted(x[4] for x in again.lines) == sorted(x[4] for x in d.lines)


def test_fields_by_minors_are_no_part_of_rank_g() -> None:
    words = [w[2] for w in growth([0, 1], 9, 6, 1, 3).words]
    assert "$P - $rank $G - 3$ by minors $ = 2$" in words


def test_a_slope_that_no_picture_has_is_refused() -> None:
    with pytest.raises(ValueError, match="slope"):
        Drawing(1, 1, "").line(0, 0, 1, 2)


def test_svg_is_well_formed() -> None:
    d = blocks([Summand("gl(2,R)", 2, 4), Summand("R^3", 1, 3)], 6)
    assert d is not None
    root = ElementTree.fromstring(d.svg())
    assert len(list(root.iter("rect"))) == 2 and len(list(root.iter("text"))) == 2


def test_the_rank_grows_to_the_rank_of_the_record(found: Any) -> None:
    network = found.network()
    made = rank_growth(network, found.certificate.cell(network), 0)
    assert made is not None
    pivots, rows = made
    assert len(pivots) == found.rank < found.parameters < rows
    assert max(pivots) < rows - 1  # rows after the last new one were seen to add nothing


def test_pivots_are_the_rows_that_raise_the_rank() -> None:
    network = symgauge.derive(torch.nn.Linear(2, 3), (torch.randn(4, 2),)).network()
    made = rank_growth(network, {}, 3)
    assert made is not None and made[0] == tuple(range(9))
    field = PrimeField(next(primes()))
    rows = jacobian_rows(Draw(network, field, np.random.default_rng(0)), 12).rows
    assert [rank(rows[:k], field.p) for k in (3, 9, 12)] == [3, 9, 9]


def test_the_document_draws_what_holds_and_nothing_else(found: Any) -> None:
    text = found.to_latex()
    assert text.count("\\begin{picture}") == 2
    assert f"$P = {found.parameters}$" in text
    assert f"$P - $rank $G = {found.parameters - found.orbit_dimension}$" in text
    from symgauge.report.latex import document

    # a growth that stops short of the record's rank is not drawn
    data = {**found.data, "growth": (tuple(range(found.rank - 1)), 99)}
    assert document(data).count("\\begin{picture}") == 1


def test_dots_are_the_tensors_that_move(found: Any) -> None:
    text = found.to_latex()
    table = text[text.index("family & group & dim"):].split("\\end{longtable}")[0]
    (row,) = [line for line in table.splitlines() if "bullet" in line]
    assert row.count("bullet") == len({m.parameter for f in found.families for m in f.action}) == 3


@pytest.mark.parametrize("name, dimension", [
    ("so(3,1)", 6), ("e(3)", 3), ("gl(2,C)", 6), ("sl(2,C)", 6), ("gl(3,R)^2", 16), ("so(2)", 0),
    ("aff(2,R)", 3), ("nil(44,2)", 0), ("(gl(2,R)^4 + R) |x nil(44,2)", 12), ("sp(4,R)", 10),
    ("su(2)", 3), ("R^5", 0), ("heis(9)", 0)])
def test_the_dimension_of_the_simple_part(name: str, dimension: int) -> None:
    assert simple_part(name) == dimension


def test_blocks_that_do_not_add_up_are_not_drawn() -> None:
    assert blocks([Summand("gl(2,R)", 1, 4)], 3) is not None
    assert blocks([Summand("gl(2,R)", 1, 4)], 4) is None
    assert blocks([Summand("R", 1, 1)] * (LABELS + 1), 0) is None
    assert blocks([], 0) is None


def test_labels_keep_apart() -> None:
    d = blocks([Summand("gl(9,R)", 1, 81), *[Summand("R", 1, 1)] * 7], 80)
    assert d is not None
    heights = [y for _, y, _, _ in d.words]
    assert all(a - b > 3 for a, b in zip(heights, heights[1:])) and min(heights) >= 0
    assert all(re.match(r"\(\d\) dim", w) for _, _, w, _ in d.words)
