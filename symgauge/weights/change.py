"""A change of weights by elements that a program's families have: made, audited, then written.

Nothing is written where the audit finds another function.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from symgauge.capture import Target
from symgauge.derivation.element import GroupElement
from symgauge.errors import BadInputError
from symgauge.progress import Progress, silent
from symgauge.weights.audit import Audit, audit
from symgauge.weights.checkpoint import Checkpoint, held, open_checkpoint
from symgauge.weights.gauge import Gauge
from symgauge.weights.judge import Judge
from symgauge.weights.moving import Weights, move_files
from symgauge.weights.recipe import Outcome
from symgauge.weights.recipes import all_recipes
from symgauge.weights.statement import Held
from symgauge.weights.symmetries import Symmetries, at_sizes_of, symmetries_of


@dataclass(frozen=True)
class Asked:
    """Which program of a target is meant, the seed, and where progress goes."""

    observable: str = "logits"
    output: str | int | None = None
    seed: int = 0
    progress: Progress = silent


@dataclass(frozen=True)
class Change:
    """What was done to weights: the element, its words, and the audit; None where nothing was."""

    symmetries: Symmetries
    element: GroupElement
    outcome: Outcome
    audit: Audit | None = None

    def to_json(self) -> dict[str, Any]:
        """The record, as plain data."""
        return {
            "done": self.outcome.done, "left": self.outcome.left,
            "audit": None if self.audit is None else self.audit.to_json()}


#: What moves the weights of a gauge, and says what it did.
Way = Callable[[Gauge, np.random.Generator], Outcome]


def recipe(
    name: str, target: Target | Held, state: dict[str, torch.Tensor], asked: Asked = Asked()
) -> tuple[dict[str, torch.Tensor], Change]:
    """A state dict brought to where a named recipe leads, and what was done and left.

    The state is returned as it was where the recipe does nothing. Raises BadInputError where there
    is no such recipe, and where the state is not one of the target.
    """
    return changed(way_of(name), target, state, asked)


def way_of(name: str) -> Way:
    """The recipe of that name. Raises BadInputError where there is none."""
    found = all_recipes().get(name)
    if found is None:
        raise BadInputError(f"there is no recipe {name!r}; there are {', '.join(all_recipes())}")
    return found.act


def changed(
    way: Way, target: Target | Held, state: dict[str, torch.Tensor], asked: Asked = Asked()
) -> tuple[dict[str, torch.Tensor], Change]:
    """A state dict moved along its orbit, with the audit of the move."""
    before = held(state, "the state")
    target, change = _moved(way, target, before, asked)
    if not change.outcome.done:
        return dict(state), change
    after = change.element.apply(state)
    return after, _audited(change, target, before, held(after, "the result"), asked)


def change_files(
    way: Way, target: Target | Held, source: str, result: Path, asked: Asked = Asked()
) -> Change:
    """Weights in files, moved and audited; written unless the audit says DIFFERENT.

    Raises BadInputError where the result cannot be written.
    """
    before = open_checkpoint(source)
    if result.is_dir():
        raise BadInputError(f"cannot write {result}: it is a directory; give a new name")
    target, change = _moved(way, target, before, asked)
    if not change.outcome.done:
        return change
    with _beside(result) as there:
        asked.progress("writing")
        move_files(change.symmetries, change.element, Weights(before), there)
        change = _audited(change, target, before, open_checkpoint(str(there)), asked)
        if change.audit is not None and change.audit.verdict != "DIFFERENT":
            there.replace(result)
    return change


def _moved(
    way: Way, target: Target | Held, before: Checkpoint, asked: Asked
) -> tuple[Target | Held, Change]:
    asked.progress("program")
    target = at_sizes_of(target, before)
    symmetries = symmetries_of(target, asked.observable, asked.output)
    weights = Weights(before)
    with Judge(target, weights, asked.observable, asked.output) as judge:
        gauge = Gauge(symmetries, weights, judge)
        asked.progress("element")
        outcome = way(gauge, np.random.default_rng(asked.seed))
    return target, Change(symmetries, gauge.element, outcome)


def _audited(
    change: Change, target: Target | Held, before: Checkpoint, after: Checkpoint, asked: Asked
) -> Change:
    found = audit(
        target, before, after, observable=asked.observable, output=asked.output,
        progress=asked.progress)
    return Change(change.symmetries, change.element, change.outcome, found)


@contextmanager
def _beside(result: Path) -> Iterator[Path]:
    """A path of the same name in a folder of its own beside the result, gone afterwards."""
    try:
        result.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=result.parent, prefix=f".{result.name}."))
    except OSError as error:
        raise BadInputError(f"cannot write {result}: {error.strerror or error}") from error
    try:
        yield folder / result.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
