"""Weights, generic and moved about on their orbits."""

import numpy as np
import torch
from places import ROOT
from torch import nn

from symgauge.capture import Target, load_target
from symgauge.derivation.element import GroupElement, drawn
from symgauge.weights.checkpoint import held
from symgauge.gauges.discrete import candidates
from symgauge.gauges.change import Way
from symgauge.gauges.gauge import Gauge
from symgauge.weights.moving import Weights
from symgauge.gauges.recipe import Outcome
from symgauge.gauges.symmetries import Symmetries, aliases_of
from symgauge.gauges.trial import Trial
from symgauge.zoo import load

State = dict[str, torch.Tensor]
CHANGES = ROOT / "tests/data/changed_weights.py"


def target(name: str, **sizes: object) -> Target:
    """A factory of changed_weights, or of the zoo."""
    text = name if name.endswith(("_like", "_adapter", "mlp")) else f"{CHANGES}:{name}"
    return load_target(text, load, {n: str(v) for n, v in sizes.items()})


def generic(module: nn.Module, seed: int = 0) -> State:
    """Float64 weights without zero biases or unit gains; gains stay positive, ties are kept."""
    generator = torch.Generator().manual_seed(seed)
    found: State = {}
    drawn_for: dict[int, torch.Tensor] = {}
    for name, t in module.double().state_dict(keep_vars=True).items():
        if id(t) not in drawn_for:
            noise = torch.randn(t.shape, generator=generator, dtype=torch.float64)
            one = t.ndim < 2 and bool((t > 0).all())
            drawn_for[id(t)] = 0.5 + noise.abs() if one else noise
        found[name] = drawn_for[id(t)]
    return found


def walked(
    way: Way, there: Target, symmetries: Symmetries, state: State
) -> tuple[State, Outcome]:
    """The state moved by a way, and what was done."""
    with Trial(there, Weights(held(state, "state"))) as trial:
        gauge = Gauge(symmetries, trial.weights, trial)
        outcome = way(gauge, np.random.default_rng(0))
    after = gauge.element.apply(state)
    for name, first in aliases_of(there).items():
        after[name] = after[first]
    return after, outcome


def scattered(
    there: Target, symmetries: Symmetries, state: State, seed: int
) -> tuple[State, Outcome]:
    """Another point of the orbit: random elements of all families, then permutations and signs."""
    def way(gauge: Gauge, _: np.random.Generator) -> Outcome:
        plain = symmetries.plain
        shapes = {p.name: list(p.shape) for p in symmetries.network.parameters}
        for part in drawn(plain[:len(symmetries.families)], shapes, seed, state).parts:
            gauge.element = GroupElement(plain, (part,)) @ gauge.element
        found = [g.label for g, signs, order in candidates(gauge, np.random.default_rng(seed))
                 if gauge.try_to(g, signs, order)]
        return Outcome(found)

    return walked(way, there, symmetries, state)
