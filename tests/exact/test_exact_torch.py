"""torch's back end of exact elimination against the same table as the others."""

import numpy as np
import pytest
import torch
from back_ends import LARGE, MATRICES, check_back_end

from symgauge.exact.linear_algebra import rank, row_reduce
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.torch_blocks import TorchBlocks

DEVICES = ["torch", "torch:cpu", *(["torch:cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("backend", DEVICES)
@pytest.mark.parametrize("p", [7, LARGE])
@pytest.mark.parametrize("name", MATRICES)
def test_rank_row_reduction_and_nullspace(name: str, p: int, backend: str) -> None:
    check_back_end(name, p, backend)


@pytest.mark.parametrize("backend", DEVICES)
def test_torch_and_numpy_agree_on_a_larger_matrix(backend: str) -> None:
    field, rng = PrimeField(LARGE), np.random.default_rng(3)
    matrix = field.matmul(field.random(rng, (300, 257)), field.random(rng, (257, 310)))
    assert rank(matrix, LARGE, backend) == 257
    one, two = row_reduce(matrix, LARGE, backend), row_reduce(matrix, LARGE, "numpy")
    assert (one[0] == two[0]).all() and one[1] == two[1]


def test_a_product_of_largest_residues_is_exact() -> None:
    half = float(LARGE // 2)
    blocks = TorchBlocks(LARGE)
    x, f = np.full((4, 3000), half), np.full((3000, 5), half)
    found = blocks.minus_product(None, blocks.load(x), blocks.load(f)).numpy()
    assert (found.astype(np.int64) % LARGE == -3000 * (LARGE // 2)**2 % LARGE).all()
