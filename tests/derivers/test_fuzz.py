"""Random architectures: no symmetry too many, no proof of a wrong redundancy, no crash.

The referee is a singular-value count of a float64 Jacobian where its gap is clear, the largest
rank over several draws of parameters. `pytest -m slow` runs many more examples; the environment
variable SYMGAUGE_FUZZ sets how many (500 unless told), SYMGAUGE_FUZZ_SEED which.
"""

import os
from collections import Counter
from itertools import product

import pytest
import torch
from hypothesis import HealthCheck, given, note, seed, settings
from random_networks import STEPS, VOCABULARY, RandomNetwork, Recipe, recipes
from singular_values import FloatRank, float_rank

from symgauge.capture import capture
from symgauge.derivation.derive import Asked, derive_network
from symgauge.derivation.derivation import Derivation
from symgauge.errors import SymgaugeError
from symgauge.program.lower import is_piecewise
from symgauge.verdict import Verdict

MANY = int(os.environ.get("SYMGAUGE_FUZZ", "500"))
SEED = int(os.environ.get("SYMGAUGE_FUZZ_SEED", "0"))
#: The widest gap of the singular values must be at least this, and their next one far from it.
CLEAR = 1e5


def derive(module: RandomNetwork, way: str) -> Derivation | str:
    """The derivation, or the sentence with which the package refuses."""
    try:
        network = capture(module, module.example()).network
        return derive_network(
            network, Asked("random", evidence=None if way == "residues" else way))
    except SymgaugeError as error:
        return str(error)


def referee(module: RandomNetwork, draws: int = 6) -> FloatRank:
    classes = VOCABULARY if module.recipe.source in ("tokens", "positions") else 0
    return float_rank(module, module.example(), draws, classes, 0.7, clear=CLEAR)


def check(recipe: Recipe, tally: Counter[str], way: str = "residues") -> None:
    module = RandomNetwork(recipe)
    if not list(module.parameters()):
        tally["no parameters"] += 1
        return
    found = derive(module, way)
    note(repr(recipe))
    if isinstance(found, str):
        assert found and "\n" not in found
        tally["refused"] += 1
        tally["no series"] += "power series do not reach" in found
        return
    note(repr(found))
    verification = found.verify()
    assert verification.verdict is found.verdict, verification.reasons
    tally["derived"] += 1
    tally["closed"] += found.unexplained == 0
    tally[found.verdict.name] += 1
    truth = referee(module)
    if truth.gap < CLEAR:
        tally["no clear gap"] += 1
        return
    mine = found.redundancy + found.unread
    if is_piecewise(found.network()) and mine < truth.redundancy:
        # few draws of the parameters may all lie in poor cells
        truth = referee(module, 40)
    assert found.orbit_dimension + found.unread <= truth.redundancy
    if found.verdict is Verdict.PROVED:
        assert mine == truth.redundancy
    if way != "residues":
        # a rank that is shown is never above the true one, whatever is closed
        assert not found.hypotheses
        assert mine >= truth.redundancy or is_piecewise(found.network())
        tally["rank found"] += mine == truth.redundancy


quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@settings(max_examples=20, suppress_health_check=quiet)
@given(recipes())
def test_random_architectures(recipe: Recipe) -> None:
    check(recipe, Counter())


@settings(max_examples=10, suppress_health_check=quiet)
@given(recipes())
def test_random_architectures_in_balls(recipe: Recipe) -> None:
    check(recipe, Counter(), "balls")


@settings(max_examples=10, suppress_health_check=quiet)
@given(recipes())
def test_random_architectures_over_series(recipe: Recipe) -> None:
    check(recipe, Counter(), "series")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["residues", "balls", "series"])
def test_many_random_architectures(way: str) -> None:
    tally: Counter[str] = Counter()

    @seed(SEED)
    @settings(max_examples=MANY, derandomize=False, suppress_health_check=quiet)
    @given(recipes(12))
    def each(recipe: Recipe) -> None:
        check(recipe, tally, way)

    each()
    print(f"\n{MANY} networks:", dict(tally))


def changes(step: str, width: int, out: int, choice: tuple[int, int, int]) -> bool:
    """Whether the step makes another network of one linear layer."""
    first = ("linear", 0, 0, out)
    module = RandomNetwork(Recipe("rows", width, (first, (step, *choice))))
    short = RandomNetwork(Recipe("rows", width, (first,)))
    with torch.no_grad():
        one, two = module(*module.example()), short(*short.example())
    return one.shape != two.shape or not torch.equal(one, two)


def test_every_step_makes_a_network() -> None:
    cases = [
        (width, out, choice) for width in (2, 3) for out in (0, 1)
        for choice in product(range(3), repeat=3)
    ]
    assert [s for s in STEPS if not any(changes(s, *case) for case in cases)] == []
