"""Null vectors interpolated as polynomial fields: what fills a space of forms, and neighbours."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import torch
from exact_redundancy import exact_redundancy
from hidden_networks import NETWORKS, TABLE
from torch import nn

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.determining.circuits import MORE, Circuits
from symgauge.determining.grading import Grading, grading
from symgauge.determining.interpolated import Interpolated
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.exact.rational_functions import degree_of, values_for
from symgauge.kernel.check import check
from symgauge.lie.algebra import HIGH, LONG, structure_constants
from symgauge.lie.bounded import Bound, by_weight, terms_within
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.rows import Drawn, row_at_each
from symgauge.program.network import Network
from symgauge.program.serial import digest_of

FIELD = PrimeField(next(primes()))
#: With the degree of the highest field.
FOUND = {
    "filling-cubes 2-3-2-1": 12, "filling-cubes 2-5-2": 12, "glu 2-3-2": 6,
    "tapered 5-4-3-2-5": 4, "convolutions 2-3-2": 6,
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fills_a_space_is_explained(name: str) -> None:
    shapes, formula, args = TABLE[name]
    module, example = NETWORKS[name]()
    found = symgauge.derive(module, example)
    assert found.redundancy == exact_redundancy(shapes, formula, *args)
    assert (found.unexplained, found.verdict) == (0, Verdict.PROVED)
    fields = found.certificate.generators(found.network())
    assert max(f.degree for f in fields) == FOUND[name]
    assert found.verify().verdict is Verdict.PROVED
    assert check(dict(found.data["certificate"]))["verdict"] == "CONFIRMED"


def test_without_them_it_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interpolated, "fields", lambda _: iter(()))
    module, example = NETWORKS["glu 2-3-2"]()
    found = symgauge.derive(module, example)
    assert found.orbit_dimension == 6 and found.claim.by_minors == 6


def test_the_weights_of_a_search_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields of small degree and interpolated ones ask for the same weights."""
    asked: list[str] = []

    def counted(network: Network, field: PrimeField, rng: np.random.Generator) -> Grading:
        asked.append(digest_of(network))
        return grading(network, field, rng)

    monkeypatch.setattr("symgauge.determining.search.grading", counted)
    module, example = NETWORKS["glu 2-3-2"]()
    symgauge.derive(module, example)
    assert asked and len(set(asked)) == len(asked)


def test_norms_without_a_root_at_the_point_are_no_components() -> None:
    """|V| has a root modulo p at half of all V: no row is drawn for ever, and two are by minors."""
    module, example = NETWORKS["weight-norm linear"]()
    found = symgauge.derive(module, example)
    assert (found.redundancy, found.claim.by_minors) == (8, 2)


def test_a_null_vector_is_known_by_its_degrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """sum_k W2_k (W1_k . x)^3 in two variables: 5 cubes in a space of 4, minors of 4 forms."""
    module, example = NETWORKS["filling-cubes 2-5-2"]()
    network = capture(module, example).network
    rng = np.random.default_rng(0)
    read = np.ones(network.num_coordinates, dtype=bool)
    circuits = Circuits(network, FIELD, rng, read)
    theta = FIELD.random(rng, (network.num_coordinates,))
    support = list(range(10, 15))  # a row of W2
    assert circuits.degree(theta, support, list(range(20))) == 12
    assert circuits.degree(theta, support, [0, 1]) == 3  # a row of W1
    assert circuits.degree(theta, support, support) == 0
    # two directions at once, and none
    assert circuits.degree(theta, [*support, 15], [0]) == 3
    assert circuits.degree(theta, list(range(10, 20)), [0]) is None
    assert circuits.degree(theta, support[:4], [0]) is None
    assert all(len(v) >= 2 for v in circuits.at(theta))
    monkeypatch.setattr("symgauge.determining.circuits.LINES", 0)
    assert circuits.is_spent and circuits.degree(theta, support, support) is None


def test_points_under_norms_are_evaluated_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point has roots of its own, at inputs of its own, which one batch finds."""
    batches: list[int] = []

    def counted(draw: Draw, salt: int, number: int) -> Drawn | None:
        batches.append(number)
        return row_at_each(draw, salt, number)

    monkeypatch.setattr("symgauge.determining.circuits.row_at_each", counted)
    linear, norm = nn.Linear(2, 3, bias=False), nn.RMSNorm(3, eps=1e-2)
    module = nn.Sequential(linear, norm, nn.Linear(3, 1, bias=False))
    network = capture(module, (torch.randn(5, 2),)).network
    rng = np.random.default_rng(0)
    read = np.ones(network.num_coordinates, dtype=bool)
    circuits = Circuits(network, FIELD, rng, read)
    theta = FIELD.random(rng, (network.num_coordinates,))
    scaled = [6, 9]  # the first gain and its reader
    assert circuits.degree(theta, scaled, scaled) == 1
    assert batches == [values_for(2) * (len(scaled) + MORE)]
    assert len(list(circuits._rows(np.tile(theta, (9, 1)), 4))) == 9


def test_degrees_of_rational_functions() -> None:
    rng = np.random.default_rng(0)
    for a, b in ((0, 0), (3, 1), (2, 5), (6, 6), (7, 0)):
        points = np.arange(float(values_for(6)))
        above, below = (
            FIELD.matmul(
                np.stack([FIELD.power(points, k) for k in range(d + 1)], axis=1),
                FIELD.random(rng, (d + 1, 1)))[:, 0]
            for d in (a, b))
        common = FIELD.reduce(points + 17)
        found = degree_of(points, FIELD.mul(above, common), FIELD.mul(below, common), FIELD)
        assert found == (max(a, b) if max(a, b) <= 6 else None)


def test_terms_within_bounds_are_all_and_no_others() -> None:
    every = frozenset(range(4))
    some = terms_within([4], [Bound(every, 3, False), Bound(frozenset({4}), 0, False)], 10**6)
    assert some is not None and some.number == comb(4 + 3, 3)
    # an exact bound that holds the target: its components have one degree more
    bounds = [Bound(frozenset({0, 1}), 2, True), Bound(frozenset({2, 3}), 1, True)]
    terms = terms_within([0, 2], bounds, 10**6)
    assert terms is not None
    for k, factors in zip(terms.targets.tolist(), terms.factors.tolist(), strict=True):
        own = [j for j in factors if j >= 0]
        assert sum(j < 2 for j in own) == (2 if k == 0 else 1)
        assert sum(j >= 2 for j in own) == (1 if k == 2 else 0)
    assert terms.number == 3 + 2 * 2
    assert terms_within([4], [Bound(every, 3, False)], 10) is None
    labels = np.array([[1, 1, 5, 5, 0], [0, 0, 0, 0, 0]])
    parts = list(by_weight(terms, labels, 101))
    assert [p.number for p in parts] == [7]
    assert isinstance(parts[0].field_of(np.array([1] * 7, dtype=object)), VectorField)


def test_no_brackets_of_long_fields_are_made() -> None:
    """Two that commute: closed, yet no algebra is named where their terms are too many."""
    fields = [
        VectorField({(k, ((2 + n, HIGH),)): Fraction(1) for n in range(LONG // 2 + more)})
        for k, more in ((0, 0), (1, 1))]
    short = [VectorField(dict(list(f.terms.items())[:5])) for f in fields]
    assert structure_constants(short, FIELD).constants is not None
    assert structure_constants(fields, FIELD).constants is None
