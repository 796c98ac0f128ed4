"""The captured network against the module, in float64."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from symgauge.capture.module import WideFloats
from symgauge.capture.reader import Reader, is_mask
from symgauge.errors import CaptureError, FlowError
from symgauge.network.domains.real import RealDomain
from symgauge.network.evaluate import outputs, values
from symgauge.network.program import Network


#: Largest relative difference from the module in float64.
FIDELITY = 1e-7
#: Sizes of the parameters and inputs that they are compared at: smaller where a flow blows up.
SIZES = (1.0, 0.25, 0.05)


def check_fidelity(
    module: torch.nn.Module, network: Network, args: Any, kwargs: Any, reader: Reader
) -> None:
    """The network equals the module at generic parameters and three fresh inputs, in float64.

    Where a flow blows up there, smaller parameters and inputs are taken.
    """
    blown: FlowError | None = None
    for size in SIZES if network.has_flows else SIZES[:1]:
        try:
            return _compare(module, network, args, kwargs, reader, size)
        except FlowError as error:
            blown = error
    raise CaptureError(
        f"a flow blows up at every generic point that was tried, so the captured network cannot "
        f"be compared with the module ({blown}); give shorter times"
    )


def _compare(
    module: torch.nn.Module, network: Network, args: Any, kwargs: Any, reader: Reader,
    size: float,
) -> None:
    """The comparison at parameters and inputs of a size."""
    generator = torch.Generator().manual_seed(20240203)
    module = copy.deepcopy(module)
    with torch.no_grad():
        for p in module.parameters():
            if p.requires_grad:
                width = math.prod(p.shape[1:]) if p.dim() > 1 else 1
                fresh = torch.randn(p.shape, generator=generator, dtype=torch.float64)
                p.copy_(size * fresh / math.sqrt(max(width, 1)))
    parameters = {
        n: p.detach().numpy()[None] for n, p in module.named_parameters() if p.requires_grad
    }
    flat, spec = pytree.tree_flatten((args, kwargs))
    worst, compared = 0.0, False
    for _ in range(3):
        fresh_flat = [
            size * torch.randn(x.shape, generator=generator, dtype=torch.float64)
            if isinstance(x, torch.Tensor) and x.is_floating_point() and not is_mask(x) else x
            for x in flat
        ]
        tokens = {}
        for name, classes in reader.token_places.items():
            place = reader.user_inputs.index(name)
            fresh_flat[place] = torch.randint(
                0, classes, flat[place].shape, generator=generator, dtype=flat[place].dtype
            )
            tokens[name] = np.eye(classes)[fresh_flat[place].numpy()][None]
        new_args, new_kwargs = pytree.tree_unflatten(fresh_flat, spec)
        tensors = [
            x for x in fresh_flat
            if isinstance(x, torch.Tensor) and x.is_floating_point() and not is_mask(x)
        ]
        inputs = {
            name: x.numpy()[None] for (name, _), x in zip(reader.input_places, tensors, strict=True)
        } | tokens
        with torch.no_grad(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with WideFloats():  # type: ignore[no-untyped-call]
                expected_all = pytree.tree_leaves(module(*new_args, **new_kwargs))
            lines = values(network.lowered, RealDomain(), parameters, inputs)
        got = outputs(network.lowered, lines)
        for i, value in zip(reader.picked, got, strict=True):
            # a parameter that is an output requires grad
            expected = expected_all[i].detach().to(torch.float64)
            if reader.observable == "probabilities":
                expected = expected.log_softmax(-1)
            wanted, have = expected.numpy(), value[0]
            finite = np.isfinite(wanted)
            if not np.array_equal(finite, np.isfinite(have)):
                worst = math.inf
            elif finite.any():
                compared = True
                difference = float(np.abs(have - wanted)[finite].max())
                worst = max(worst, difference / max(float(np.abs(wanted[finite]).max()), 1e-30))
    if not compared and worst == 0.0:
        raise CaptureError(
            "no output of the module is finite at generic parameters and inputs, so the captured "
            "network cannot be compared with it"
        )
    if not worst < FIDELITY:
        raise CaptureError(
            f"the captured network differs from the module by {worst:.1e} (relative, float64); "
            "it computes something that the exported graph does not show"
        )
