"""Numbers by number, in which regions of constant coefficients are followed."""

from fractions import Fraction

import numpy as np

from symgauge.program.constant import Constant
from symgauge.spaces.forms import FormDomain, Numbers


def test_products_are_of_named_numbers() -> None:
    numbers = Numbers()
    wave, two = numbers.wave("cos", Fraction(1, 2)), numbers.of(Fraction(2))
    found = numbers.times(np.array([wave, 0, 1]), np.array(two))
    assert [numbers.values[k] for k in found.tolist()] == [
        (Fraction(2), ("cos 1/2",)), (Fraction(0), ()), (Fraction(2), ())]


def test_what_has_no_entries_stays_numbers() -> None:
    domain = FormDomain(Numbers())
    none = domain.constant(Constant((), np.zeros((0, 2), dtype=np.int64)))
    waves = domain.at("cos", Constant((), np.zeros((0, 2), dtype=np.int64)))
    for found in (none, waves, domain.mul(none, waves)):
        assert found.dtype == np.int64 and found.shape == (1, 0, 2)
    # as where images stand beside no tokens: what follows is looked up by number
    joined = np.concatenate([domain.mul(none, waves), np.ones((1, 1, 2), dtype=np.int64)], axis=1)
    assert domain.mul(joined, joined).tolist() == [[[1, 1]]]
