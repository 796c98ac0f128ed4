"""A change of weights by elements that a program's families have: made, run, then written.

Nothing is written unless the outputs are seen to stay as they are, up to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from symgauge.capture import Target
from symgauge.derivation.element import GroupElement
from symgauge.errors import BadInputError
from symgauge.files import folder_beside, writing
from symgauge.progress import Progress, silent
from symgauge.weights.checkpoint import held, open_checkpoint
from symgauge.gauges.gauge import Gauge
from symgauge.weights.moving import Weights, move_files, with_entries
from symgauge.gauges.recipe import Outcome
from symgauge.gauges.recipes import all_recipes
from symgauge.weights.statement import Held
from symgauge.gauges.symmetries import (
    Symmetries, aliases_of, at_sizes_of, require_numbers, symmetries_of,
)
from symgauge.gauges.trial import Measured, Trial


@dataclass(frozen=True)
class Asked:
    """Which program of a target is meant, the seed, and where progress goes."""

    observable: str = "logits"
    output: str | int | None = None
    seed: int = 0
    progress: Progress = silent


@dataclass(frozen=True)
class Change:
    """What was done to weights: the element and its words; how far the outputs changed.

    None in place of a measure: nothing was done.
    """

    symmetries: Symmetries
    element: GroupElement  #: The element that moved the weights.
    outcome: Outcome  #: What was done and what was left, in words.
    measured: Measured | None = None  #: How far the outputs changed.

    @property
    def is_same(self) -> bool:
        """Whether something was done, and the outputs were seen to stay as they are."""
        return self.measured is not None and self.measured.verdict == "EQUIVALENT"

    def to_json(self) -> dict[str, Any]:
        """The record, as plain data."""
        m = self.measured
        return {
            "done": self.outcome.done, "left": self.outcome.left,
            "verdict": None if m is None else m.verdict,
            **{name: None if m is None or not np.isfinite(x := getattr(m, name)) else x
               for name in ("drift", "floor", "stored", "rounding")}}


#: What moves the weights of a gauge, and says what it did.
Way = Callable[[Gauge, np.random.Generator], Outcome]


def way_of(name: str) -> Way:
    """The recipe of that name. Raises BadInputError where there is none."""
    found = all_recipes().get(name)
    if found is None:
        raise BadInputError(f"there is no recipe {name!r}; there are {', '.join(all_recipes())}")
    return found.act


def changed(
    way: Way, target: Target | Held, state: Mapping[str, torch.Tensor], asked: Asked = Asked()
) -> tuple[dict[str, torch.Tensor], Change]:
    """A state dict moved along its orbit, and how far the outputs changed."""
    weights = Weights(held(state, "the state"))
    target = at_sizes_of(target, weights.checkpoint)
    with Trial(target, weights, asked.observable, asked.output) as trial:
        change = _moved(way, target, trial, asked)
        if not change.outcome.done:
            return dict(state), change
        after = change.element.apply(state)
        for name, (entries, values) in change.outcome.settled.items():
            after[name] = with_entries(after[name], entries, values)
        for name, first in aliases_of(target).items():
            if name in after and first in after:
                after[name] = after[first]
        return after, replace(change, measured=trial.measured(
            change.element, held(after, "the result")))


def change_files(
    way: Way, target: Target | Held, source: str, result: Path, asked: Asked = Asked()
) -> Change:
    """Weights in files, moved, and run; written where the outputs are seen to stay as they are.

    Raises BadInputError where the result cannot be written.
    """
    weights = Weights(open_checkpoint(source))
    if os.path.isdir(result):
        raise BadInputError(f"cannot write {result}: it is a directory; give a new name")
    target = at_sizes_of(target, weights.checkpoint)
    with Trial(target, weights, asked.observable, asked.output) as trial:
        change = _moved(way, target, trial, asked)
        if not change.outcome.done:
            return change
        with folder_beside(result) as folder:
            there = folder / result.name
            asked.progress("writing")
            move_files(change.symmetries, change.element, weights, there, (
                lambda: target) if isinstance(target, Target) else None,
                change.outcome.settled)
            asked.progress("outputs")
            change = replace(change, measured=trial.measured(
                change.element, open_checkpoint(str(there))))
            if change.is_same:
                with writing(result):
                    there.replace(result)
    return change


def _moved(way: Way, target: Target | Held, trial: Trial, asked: Asked) -> Change:
    asked.progress("program")
    symmetries = symmetries_of(target, asked.observable, asked.output)
    require_numbers(symmetries, trial.weights.checkpoint)
    gauge = Gauge(symmetries, trial.weights, trial)
    asked.progress("element")
    outcome = way(gauge, np.random.default_rng(asked.seed))
    return Change(symmetries, gauge.element, outcome)
