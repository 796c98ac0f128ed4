"""Every sentence true: networks about which a false statement is easily made (data/lies.csv).

Four judges of each: the true redundancy, the drift of sampled group elements, `verify`, and the
capture of the module once more.
"""

import csv
from functools import cache

import lies
import numpy as np
import pytest
import torch

from symgauge.capture import capture
from symgauge.derivation.again import same_program
from symgauge.derivation.module import derive
from symgauge.derivation.derivation import Derivation
from symgauge.program.recentred import recentred
from symgauge.verdict import Verdict
from places import DATA

LIES = DATA / "lies.csv"
#: Largest change of the output, relative to it, under a group element, in float64.
DRIFT = 1e-6


def rows() -> list[dict[str, str]]:
    with LIES.open() as file:
        return list(csv.DictReader(file))


@cache
def derived(name: str) -> tuple[torch.nn.Module, tuple, Derivation]:
    """The network, its example and its derivation."""
    torch.manual_seed(1)
    module, example = getattr(lies, name)()
    return module, example, derive(module, example)


def leaves(value: object) -> list[torch.Tensor]:
    return [x for x in torch.utils._pytree.tree_leaves(value) if isinstance(x, torch.Tensor)]


def drift(module: torch.nn.Module, example: tuple, derivation: Derivation, seed: int) -> float:
    """The largest relative change of an output under a sampled element, inputs of three sizes."""
    module = module.double()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    after = derivation.sample(seed, before).apply(before)
    worst = 0.0
    for size in (1.0, 4.0, 16.0):
        torch.manual_seed(seed)
        inputs = [
            size * torch.randn(x.shape, dtype=torch.float64) if x.is_floating_point() else x
            for x in example
        ]
        outputs = []
        for state in (before, after):
            module.load_state_dict(state)
            with torch.no_grad():
                outputs.append(leaves(module(*inputs)))
        module.load_state_dict(before)
        for old, new in zip(*outputs, strict=True):
            scale = max(float(old.abs().max()), 1e-30)
            worst = max(worst, float((new - old).abs().max()) / scale)
    return worst


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["name"])
def test_what_is_said_is_true(row: dict[str, str]) -> None:
    module, example, found = derived(row["name"])
    truth = int(row["true_redundancy"])
    mine = found.redundancy + found.unread
    assert found.parameters + found.unread == int(row["P"])
    # what is proved is the truth; what is not may be less known, never more than is so
    assert found.orbit_dimension + found.unread <= truth
    if found.verdict is Verdict.PROVED:
        assert mine == truth
    assert found.verify().verdict is found.verdict
    again = recentred(capture(module, example).network).network
    assert same_program(found.network(), again) is not None
    for seed in range(3):
        assert drift(module, example, found, seed) < DRIFT


def test_all_are_decided() -> None:
    """UNKNOWN is honest, and no use."""
    names = [row["name"] for row in rows()]
    assert [name for name in names if derived(name)[2].verdict is not Verdict.PROVED] == []


def test_data_and_networks_are_the_same() -> None:
    names = [row["name"] for row in rows()]
    assert len(set(names)) == len(names) >= 38
    assert all(callable(getattr(lies, name)) for name in names)
    assert np.all([int(row["P"]) >= int(row["true_redundancy"]) for row in rows()])
