"""What people do with the weights of a module at hand: recipe, canonicalise, align."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from symgauge.gauges.align import towards
from symgauge.gauges.canonical import canonical
from symgauge.gauges.change import Asked, Change, Way, changed, way_of
from symgauge.weights.checkpoint import held
from symgauge.weights.statement import Held

State = Mapping[str, Tensor]


def recipe(
    name: str, module: torch.nn.Module, args: Sequence[Any], state: State | None = None, *,
    kwargs: Mapping[str, Any] | None = None, observable: str = "logits", seed: int = 0,
) -> tuple[dict[str, Tensor], Change]:
    """A state dict of the module, its own by default, where a named recipe leads; what was done.

    `args` and `kwargs` are an example of the module's inputs; with `args` empty those of a loaded
    transformers model are made from its configuration. The recipes are those of `symgauge
    recipe --help`. Where the derived group has no such element the state is as it was, and
    `change.outcome.left` says why; `change.measured` is how far the outputs changed. The module is
    left as it is. Raises BadInputError where there is no such recipe, or the state is not one of
    this module.

    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> state, change = recipe("equalise", module, (zeros(1, 2),))
    >>> sorted(state)
    ['0.bias', '0.weight', '2.bias', '2.weight']
    """
    return _changed(way_of(name), module, args, state, kwargs, Asked(observable, seed=seed))


def canonicalise(
    module: torch.nn.Module, args: Sequence[Any], state: State | None = None, *,
    kwargs: Mapping[str, Any] | None = None, observable: str = "logits",
) -> tuple[dict[str, Tensor], Change]:
    """The representative of a state's orbit: unit, balanced, sorted; and what was done.

    Two states of one orbit have one, up to rounding, as far as `change.outcome.done` goes; what has
    no gauge stands under `change.outcome.left`. `state` is the module's own by default, and the
    module is left as it is. Raises BadInputError where the state is not one of this module.

    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> one, _ = canonicalise(module, (zeros(1, 2),))
    >>> two, _ = canonicalise(module, (zeros(1, 2),), one)
    >>> max(float((one[n] - two[n]).abs().max()) for n in one) < 1e-5
    True
    """
    return _changed(canonical, module, args, state, kwargs, Asked(observable))


def align(
    module: torch.nn.Module, args: Sequence[Any], goal: State, state: State | None = None, *,
    kwargs: Mapping[str, Any] | None = None, observable: str = "logits",
) -> tuple[dict[str, Tensor], Change]:
    """A state brought near to `goal` over its orbit, and the distance before and after, in words.

    `goal` and `state` (the module's own by default) are state dicts of one module. No step makes
    the sum of squares of the differences larger; the nearest point is not promised. Raises
    BadInputError where one of the two is no state of this module.

    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> near, _ = align(module, (zeros(1, 2),), module.state_dict())
    >>> max(float((near[n] - w).abs().max()) for n, w in module.state_dict().items()) < 1e-5
    True
    """
    return _changed(
        towards(held(goal, "the goal")), module, args, state, kwargs, Asked(observable))


def _changed(
    way: Way, module: torch.nn.Module, args: Sequence[Any], state: State | None,
    kwargs: Mapping[str, Any] | None, asked: Asked,
) -> tuple[dict[str, Tensor], Change]:
    target = Held.of(module, args, kwargs, asked.observable)
    return changed(way, target, module.state_dict() if state is None else state, asked)
