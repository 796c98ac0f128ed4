"""Redundancy of the known networks by the exact deriver, and never a symmetry too many.

The tables say what P - rank J is; test_known_networks.py measures that in floats. Here the same
networks are captured and derived over GF(p): the rank is the table's, and the proved generators
never span more than the redundancy.
"""

from fractions import Fraction

import numpy as np
import pytest
from known_networks import KNOWN_DIMENSIONS, NETWORKS

from symgauge.capture import capture
from symgauge.derivers.exact import ExactDeriver, Found
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.lie.fields import VectorField, orbit_rank
from symgauge.verdict import Verdict

#: Rows that every run tries: one of each kind.
FAST = (
    "lin_1h_wide",
    "lin_1h_bias",
    "relu_1h_bias",
    "leaky_1h_nobias",
    "x3_1h_dout2",
    "gelu_2h_bias",
    "relu_1h_bias_softmax",
    "bilinear_glu",
    "swiglu_nobias",
    "att_softmax_1h",
    "att_mha_allbias",
    "att_gqa",
    "att_sigmoid_allbias",
    "lora_frozen_base",
)
SLOW = (
    "lin_1h_bottleneck",
    "lin_2h_taper_nobias",
    "relu_2h_bias",
    "x2_1h_dout1",
    "x2_1h_dout3",
    "tanh_2h_bias",
    "exp_2h_bias",
    "bilinear_glu_dout1",
    "reglu_bias",
    "geglu_nobias",
    "att_linear_1h",
    "att_mha_nobias",
    "att_mqa",
    "att_alibi_allbias",
    "att_dhead_gt_d",
    "att_cross",
    "att_mla",
    "cp_layer",
)
#: Rows with kernel directions that no affine field of the ansatz makes: found, and what is left.
OPEN = {"lin_2h_taper_nobias": 1, "x2_1h_dout1": 3, "bilinear_glu_dout1": 4}


def derive(name: str, seed: int = 0) -> Found:
    module, args = NETWORKS[name]()
    return ExactDeriver(capture(module, args).network, seed).run()


def check(name: str, found: Found) -> None:
    row = KNOWN_DIMENSIONS[name]
    redundancy = found.parameters - found.rank
    assert (found.parameters, redundancy) == (int(row["P"]), int(row["redundancy"]))
    assert found.orbit_dimension <= redundancy, "a symmetry is claimed that is none"
    assert redundancy - found.orbit_dimension <= OPEN.get(name, 0)
    proofs = [p for family in found.families for p in family.proofs]
    assert all(p.verdict is Verdict.PROVED for p in proofs)
    assert len(proofs) == sum(len(family.family.fields) for family in found.families)


@pytest.mark.parametrize("name", FAST)
def test_redundancy_and_generators(name: str) -> None:
    check(name, derive(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_redundancy_and_generators_of_the_others(name: str) -> None:
    check(name, derive(name))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["relu_1h_bias", "att_mha_nobias"])
def test_no_seed_matters(name: str, seed: int) -> None:
    check(name, derive(name, seed))


def test_the_same_seed_gives_the_same_derivation() -> None:
    one, two = derive("att_softmax_1h", 5), derive("att_softmax_1h", 5)
    assert [f.family for f in one.families] == [f.family for f in two.families]


def test_the_orbit_is_that_of_the_generators() -> None:
    """Planted failure: a field beside the generators raises the rank above the redundancy."""
    found = derive("lin_1h_wide")
    fields = [f for family in found.families for f in family.family.fields]
    field = PrimeField(next(primes()))
    theta = field.random(np.random.default_rng(0), (found.parameters,))
    assert orbit_rank(fields, theta, field) == found.orbit_dimension == 14
    assert len(fields) == 16  # gl(4), of which a two-dimensional stabiliser fixes the point
    extra = VectorField.build([(0, Fraction(1))], [])
    assert orbit_rank([*fields, extra], theta, field) == 15


def test_rows_of_the_sweep_are_distinct() -> None:
    assert not set(FAST) & set(SLOW)
    assert set(OPEN) <= {*FAST, *SLOW} <= set(KNOWN_DIMENSIONS)
