"""A module without the memory of its weights: shapes are kept, values are not.

A 32-layer model is read on a machine that could not hold its weights. Parameters become fake
tensors (torch's own FakeTensorMode: shapes, types and devices, no storage); buffers and other
constants keep their values where they have some, so masks and positions are still folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from symgauge.capture.target import Target
from symgauge.errors import CaptureError, TargetError


#: Elements of an uninitialised tensor above which no memory is taken for it.
LARGE = 2**20


class _LargeOnMeta(TorchFunctionMode):
    """Large tensors of torch.empty, which have no values yet, lie on the meta device at once."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = kwargs or {}
        if func is torch.empty and out.get("device") is None:
            sizes = args[0] if args and isinstance(args[0], (tuple, list)) else args
            sizes = out.get("size", sizes)
            if all(isinstance(n, int) for n in sizes) and prod(sizes) > LARGE:
                out = {**out, "device": "meta"}
        return func(*args, **out)


@contextmanager
def without_weights() -> Iterator[None]:
    """Within it, every parameter that a module registers moves to the meta device at once.

    An initialiser that fills the registered parameter then costs nothing, and neither does a large
    uninitialised tensor; one that makes the parameter from filled memory holds it for a moment.
    """

    def register(module: Any, name: str, parameter: Any) -> torch.nn.Parameter | None:
        lazy = isinstance(parameter, UninitializedTensorMixin)
        if parameter is None or lazy or parameter.is_meta:
            return None  # a tied parameter stays the same object
        made = torch.nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
        if parameter.layout is torch.strided:
            made.lay_in = StorageWeakRef(parameter.untyped_storage())  # type: ignore[attr-defined]
        return made

    # a hook may return another parameter; torch's annotation forgets it
    handle = register_module_parameter_registration_hook(register)  # type: ignore[arg-type]
    try:
        with _LargeOnMeta():
            yield
    finally:
        handle.remove()


def memories(x: torch.Tensor) -> set[int]:
    """What tells the memory of a tensor from others; without weights, that of before as well.

    The reference that is kept to that memory keeps its name from others, and no values.
    """
    if x.layout is not torch.strided:
        return set()
    storage, before = x.untyped_storage(), getattr(x, "lay_in", None)
    return {storage._cdata, storage.data_ptr(), before.cdata if before is not None else 0} - {0}


def build_without_weights(target: Target, strict: bool = False) -> tuple[Any, Any, Any]:
    """The module of a TARGET with the example, its parameters on the meta device.

    A factory that uses their values is run again with them, unless `strict`. Raises TargetError.
    """
    try:
        with without_weights():
            return target.build()
    except TargetError as error:
        if strict:
            raise TargetError(
                f"{error} (it ran without weights, as --full does: a factory that uses their "
                "values needs --set)"
            ) from error
        return target.build()


def fake_in_double(
    module: torch.nn.Module, args: Any, kwargs: Any
) -> tuple[torch.nn.Module, Any, Any]:
    """The module itself with fake float64 parameters on the CPU, and the example in float64.

    What lies on the meta device has no values and becomes fake; every other buffer and input
    keeps its values. The module is changed in place: a copy would need what is not there.
    Raises CaptureError for a lazy parameter.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def fake(x: torch.Tensor) -> torch.Tensor:
        dtype = torch.float64 if x.is_floating_point() else x.dtype
        with mode:
            return torch.empty(x.shape, dtype=dtype, device="cpu")

    def widen(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        if x.is_meta:
            return fake(x)
        x = x.detach().cpu()
        return x.to(torch.float64) if x.is_floating_point() else x

    made: dict[int, torch.nn.Parameter] = {}
    for part in module.modules():
        for name, p in part._parameters.items():
            if p is not None:
                if isinstance(p, UninitializedTensorMixin):
                    raise CaptureError(
                        f"parameter {name} has no shape yet; run the module once in the factory"
                    )
                if id(p) not in made:
                    made[id(p)] = torch.nn.Parameter(fake(p), p.requires_grad)
                part._parameters[name] = made[id(p)]
        for name, b in part._buffers.items():
            part._buffers[name] = widen(b)
    return module, pytree.tree_map(widen, args), pytree.tree_map(widen, kwargs)


def hollow(x: Any) -> Any:
    """A tensor without values as one on the meta device; anything else as it is."""
    if isinstance(x, torch.Tensor) and not has_values(x):
        return torch.empty(x.shape, dtype=x.dtype, device="meta")
    return x


def has_values(x: torch.Tensor) -> bool:
    """Whether a tensor holds numbers: neither fake nor on the meta device."""
    return not isinstance(x, FakeTensor) and not x.is_meta
