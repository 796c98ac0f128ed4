"""Random elements of all families at once are recovered; one tensor off by 0.001 is told.

docs/benchmarks/compare_sweep.py takes 150 pairs of each kind and module; here are a few.
"""

import pytest
import torch
from gauge_pairs import MODELS, Pairs, is_recovered

FEW = 3


@pytest.mark.parametrize("name", MODELS)
def test_pairs_are_told(name: str) -> None:
    pairs = Pairs(*MODELS[name]())
    assert len(pairs.discrete) + sum(g.proved for g in pairs.statement.groups) >= 2
    spoilt = 0
    for seed in range(FEW):
        dtype = (torch.float64, torch.float32)[seed % 2]
        pair = pairs.draw(seed, dtype, spoil=False)
        assert pair is not None and is_recovered(pairs.compared(pair), dtype)
        wrong = pairs.draw(10 ** 6 + seed, dtype, spoil=True)
        if wrong is not None:
            spoilt += 1
            assert pairs.compared(wrong).verdict == "DIFFERENT", wrong.spoilt
    assert spoilt


@pytest.mark.parametrize(("seed", "dtype"), [(23, torch.float32), (59, torch.float32)])
def test_what_noise_had_decided(seed: int, dtype: torch.dtype) -> None:
    """Key biases that no output reads; signs that a place not yet put right had voted for."""
    pairs = Pairs(*MODELS["GPT-2, one block"]())
    pair = pairs.draw(seed, dtype, spoil=False)
    assert pair is not None and is_recovered(pairs.compared(pair), dtype)
