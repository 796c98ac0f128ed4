"""The smaller prime of ranks: not where it lacks a root that the other has."""

import numpy as np
import pytest
import torch
from made import Made
from torch import nn, zeros

from symgauge.capture import capture
from symgauge.certify.evidence.residues import assumptions
from symgauge.exact.prime_field import PrimeField, is_prime, prime_of_one_product, primes
from symgauge.points import rank
from symgauge.program.network import Network

LARGE, SMALL = PrimeField(next(primes())), PrimeField(prime_of_one_product())


def is_square(c: int, field: PrimeField) -> bool:
    return pow(c, (field.p - 1) // 2, field.p) == 1


def network(c: int) -> Network:
    class Rooted(Made):
        k: torch.Tensor

    module = Rooted(lambda m, x: m.b(m.a(x) * torch.sqrt(m.k)), a=nn.Linear(2, 2),
                    b=nn.Linear(2, 1))
    module.register_buffer("k", torch.tensor([float(c)]))
    return capture(module, (zeros(1, 2),)).network


@pytest.mark.parametrize("there", [True, False])
def test_a_root_that_is_missing_there_keeps_the_prime(there: bool) -> None:
    c = next(n for n in range(17, 200) if is_prime(n) and is_square(n, LARGE)
             and is_square(n, SMALL) is there)
    program = network(c)
    assert rank.field_of_rank(program, LARGE, rank.LARGE) == (SMALL if there else LARGE)
    # else a hypothesis on missing roots would be hidden
    assert not any("missing modulo p" in h for h in assumptions(
        program, LARGE, np.random.default_rng(0)).hypotheses)
