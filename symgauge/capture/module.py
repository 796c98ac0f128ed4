"""What may come in: the module, its parameters and its example, in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from symgauge.capture.skeleton import has_values
from symgauge.errors import CaptureError, first_line


def check_parameters(module: torch.nn.Module) -> None:
    for kind, listed in (("parameter", module.named_parameters), ("buffer", module.named_buffers)):
        for name, p in listed():
            if isinstance(p, UninitializedTensorMixin):
                raise CaptureError(
                    f"{kind} {name} has no shape yet; run the module once in the factory"
                )
    for name, p in module.named_parameters():
        if p.is_quantized:
            raise CaptureError(f"parameter {name} is quantised; give the unquantised module")
        if p.layout is not torch.strided:
            raise CaptureError(f"parameter {name} is sparse; make it dense")
        if p.is_complex():
            raise CaptureError(
                f"parameter {name} is complex; symgauge derives real parameters: "
                "hold its real and imaginary parts as two parameters"
            )
        if not p.is_floating_point():
            raise CaptureError(
                f"parameter {name} has dtype {p.dtype}; use a floating dtype, or register it as "
                "a buffer if it is a constant"
            )
    for name, m in module.named_modules():
        if "quantized" in type(m).__module__:
            raise CaptureError(f"module {name} is quantised; give the unquantised module")
    trainable = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    if not trainable:
        raise CaptureError(
            "the module has no parameters that require grad, so there is nothing to derive; "
            "give a module with trainable parameters"
        )


def check_values(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
    """Raise CaptureError where a parameter or the example lies on the meta device."""
    for name, p in module.named_parameters():
        if not has_values(p):
            raise CaptureError(f"parameter {name} is on the meta device; give it values")
    for x in pytree.tree_leaves((args, kwargs)):
        if isinstance(x, torch.Tensor) and not has_values(x):
            raise CaptureError("the example is on the meta device; give it values")


def check_example(args: Any, kwargs: Any) -> None:
    for x in pytree.tree_leaves((args, kwargs)):
        if isinstance(x, torch.Tensor) and not x.numel():
            raise CaptureError("the example holds an empty tensor; give sizes from 1 on")
        if isinstance(x, torch.Tensor) and x.is_complex():
            raise CaptureError("the example holds a complex tensor; give real tensors")
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or not has_values(x):
            continue
        if not (x < math.inf).all():
            raise CaptureError("the example holds NaN or infinity; give finite numbers")


class WideFloats(TorchDispatchMode):
    """Every cast to a narrower float becomes one to float64: exact arithmetic has no casts."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        wide = {
            k: torch.float64 if v in (torch.float32, torch.float16, torch.bfloat16) else v
            for k, v in (kwargs or {}).items()
        }
        if func is torch.ops.aten.full.default and isinstance(args[1], float):
            wide.setdefault("dtype", torch.float64)  # the least of float64 is no float32
        if func is torch.ops.aten._grouped_mm.default:
            return _grouped_mm(*args[:3])
        return func(*args, **wide)


def _grouped_mm(x: torch.Tensor, w: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Consecutive rows times a matrix of their group: torch's own takes no float64."""
    ends = [0, *offsets.tolist()]
    return torch.cat([x[a:b] @ w[g] for g, (a, b) in enumerate(zip(ends, ends[1:]))])


def _run(module: torch.nn.Module, args: Any, kwargs: Any) -> list[torch.Tensor]:
    # it may write into its inputs
    args, kwargs = pytree.tree_map(
        lambda x: x.clone() if isinstance(x, torch.Tensor) else x, (args, kwargs))
    with torch.no_grad(), WideFloats():  # type: ignore[no-untyped-call]
        out = module(*args, **kwargs)
    return [x for x in pytree.tree_leaves(out) if isinstance(x, torch.Tensor)]


def runs(module: torch.nn.Module, args: Any, kwargs: Any) -> bool:
    """Whether the module takes the example, as it is."""
    try:
        _run(module, args, kwargs)
    except (Exception, SystemExit):  # heads that do not divide a width, an index too large
        return False
    return True


@contextmanager
def buffers_kept(module: torch.nn.Module) -> Iterator[None]:
    """Buffers (running statistics) are afterwards what they were before."""
    before = [(b, b.clone()) for b in module.buffers()]
    try:
        yield
    finally:
        for b, value in before:
            b.data = value


def check_deterministic(
    module: torch.nn.Module, args: Any, kwargs: Any, watch: TorchDispatchMode
) -> None:
    """Two runs on the example agree, under `watch`. Raises CaptureError."""
    try:
        with buffers_kept(module), watch:
            one, two = _run(module, args, kwargs), _run(module, args, kwargs)
    except CaptureError:
        raise
    except (Exception, SystemExit) as error:
        raise CaptureError(
            f"the module does not run on the example in float64: {first_line(error)}"
        ) from error
    if any(not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, two, strict=True)):
        raise random(module)
    if not any(x.is_floating_point() for x in one):
        raise CaptureError(
            "the module returns no floating tensor, alone or in tuples, lists and dicts (a class "
            "of its own has to be known to torch.utils._pytree)")


def random(module: torch.nn.Module) -> CaptureError:
    dropout = [
        n for n, m in module.named_modules()
        if isinstance(m, torch.nn.modules.dropout._DropoutNd) and m.p > 0 and m.training
    ]
    if not dropout:
        return CaptureError(
            "the module is not deterministic: it draws random numbers, or changes its own tensors "
            "as it runs; call .eval() on it in the factory")
    return CaptureError(
        f"the module is not deterministic (dropout in train mode at {dropout[0] or 'the top'}); "
        "call .eval() on it in the factory"
    )
