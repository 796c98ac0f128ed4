"""What null directions without a generator are: a defect of sums of powers."""

import pytest
from hidden_networks import TABLE
from known_networks import KnownNetwork, real

import symgauge
from symgauge.capture import capture
from symgauge.program.network import Network
from symgauge.statements.named_directions import DEFECTIVE, named


def program(name: str) -> Network:
    shapes, formula, args = TABLE[name]
    return capture(KnownNetwork(shapes, formula), args).network


@pytest.mark.parametrize(("name", "powers"), [
    ("waring 3-5-1", "5 powers of degree 4 of linear forms in 3 variables"),
    ("waring 2-5-1 bias 1", "5 powers of degree 4 of linear forms in 3 variables"),
    ("waring 4-7-1 bias 1", "7 powers of degree 3 of linear forms in 5 variables"),
])
def test_defects_of_sums_of_powers(name: str, powers: str) -> None:
    rank = 34 if "4-7" in name else 14
    assert powers in named(program(name), rank) and f"{rank}, 1 less" in named(program(name), rank)
    # another rank is not that of the theorem, and is below the coefficients
    assert named(program(name), rank - 1) == ""


def test_others_have_no_name() -> None:
    """A tied row, a bias behind the powers, squares, functions."""
    shapes, _, args = TABLE["waring 3-5-1"]
    tied = KnownNetwork(shapes, lambda p, x: ((x + x[:, [1, 0, 2]]) @ p.W1.T) ** 4 @ p.W2.T)
    assert named(capture(tied, args).network, 14) == ""
    more = KnownNetwork(shapes + " b:1", lambda p, x: (x @ p.W1.T) ** 4 @ p.W2.T + p.b)
    assert named(capture(more, args).network, 14) == ""
    assert named(program("filling-squares 3-5-6-4-3-1"), 58) == ""
    assert named(program("identity shifted-waves"), 14) == ""


def test_the_theorem_s_numbers() -> None:
    """Each is one less than counting gives."""
    from math import comb
    for (d, v, s), dimension in DEFECTIVE.items():
        assert dimension == min(s * v, comb(v + d - 1, d)) - 1


def test_the_note_and_its_check() -> None:
    module = KnownNetwork(*TABLE["waring 3-5-1"][:2])
    found = symgauge.derive(module, (real(1, 3),))
    assert any("Alexander and Hirschowitz" in note for note in found.notes)
    assert found.verify().verdict is found.verdict
