"""symgauge.audit: of a module at hand, whether other weights are the same function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from symgauge.audits import audit as of_targets
from symgauge.audits.answer import Audit
from symgauge.weights.checkpoint import held
from symgauge.weights.statement import Held


def audit(
    module: torch.nn.Module, args: Sequence[Any], after: Mapping[str, Tensor],
    before: Mapping[str, Tensor] | None = None, *, kwargs: Mapping[str, object] | None = None,
    observable: str = "logits", output: str | int | None = None,
) -> Audit:
    """Whether a state dict is the same function as the module's own, or as `before`, and by what.

    `args` and `kwargs` are an example of the module's inputs: more are drawn, of the example's
    shapes. Of a loaded transformers model they are made from its configuration where none are
    given. `verdict` is EQUIVALENT, DIFFERENT or UNKNOWN; `ground` says on what it rests, `families`
    and `discrete` by which element, `blame` which tensors are at fault. The module is left as it
    is. Raises BadInputError where a state dict is not one of this module.

    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> state = module.state_dict()
    >>> twice = {n: 2 * w if n.startswith("0.") else w for n, w in state.items()}
    >>> audit(module, (zeros(1, 2),), twice).verdict
    'DIFFERENT'
    >>> audit(module, (zeros(1, 2),), {**twice, "2.weight": state["2.weight"] / 2}).verdict
    'EQUIVALENT'
    """
    return of_targets.audit(
        Held.of(module, args, kwargs, observable),
        held(module.state_dict() if before is None else before, "before"), held(after, "after"),
        observable=observable, output=output)
