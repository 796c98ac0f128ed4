"""The module itself, in float64 on the CPU for as long as it is read, and as it was afterwards.

A copy will not do: a closure, a hook or a bound method would still point to the parameters of
the original, and would be read as constants.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from symgauge.capture.skeleton import has_values
from symgauge.errors import CaptureError, first_line
from symgauge.nn.ode_flow import make_exact, nested_flow


@dataclass(frozen=True)
class Memory:
    """Where parameters lie: their names by the address of their storage."""

    names: Mapping[int, str]

    def owner(self, x: torch.Tensor) -> str | None:
        """The parameter whose memory a tensor shares, if any."""
        return self.names.get(_address(x)) if _lies_somewhere(x) else None


@contextmanager
def borrowed(module: torch.nn.Module) -> Iterator[Memory]:
    """Within it the module is in float64 on the CPU; the memory that its parameters had is given.

    Afterwards, also where reading fails, it is as it was to the last bit: parameters and their
    gradients, buffers, attributes, modes and hooks; torch's random state too. Parameters stay the
    same objects throughout.
    Raises CaptureError for tensors that share memory with a parameter, and for nested flows.
    """
    tensors = [*_tensors(module)]
    memory = _memory(module)
    before = [(x, x.data, x.grad if x.is_leaf else None, x.requires_grad) for x in tensors]
    attributes = [(part.__dict__, _copied(part.__dict__)) for part in module.modules()]
    random = torch.get_rng_state()
    try:
        try:
            for x in tensors:
                if x.is_leaf:
                    x.grad = None
                x.data = widened(x)
            _part_from_bases(module)
        except (RuntimeError, TypeError) as error:
            raise CaptureError(
                f"the module cannot be read in float64 ({first_line(error)})") from error
        if nested_flow(module):
            raise CaptureError(
                "a vector field integrates another OdeFlow; take flows one after the other"
            )
        make_exact(module)
        yield memory
    finally:
        for held, saved in attributes:
            _restore(held, saved)
        for x, data, grad, required in before:
            x.data = data
            if x.is_leaf:
                x.grad = grad
                x.requires_grad_(required)
        torch.set_rng_state(random)


def _part_from_bases(module: torch.nn.Module) -> None:
    """Buffers and attributes that are views, as `pe.unsqueeze(0)`, become tensors of their own.

    The export makes a view anew from its base, which has the dtype of before.
    """
    own: dict[int, torch.Tensor] = {}
    for part in module.modules():
        for held in (part._buffers, part.__dict__):
            for name, x in list(held.items()):
                if isinstance(x, torch.Tensor) and has_values(x) and x._is_view():
                    held[name] = own.setdefault(id(x), widened(x))


def widened(x: torch.Tensor) -> torch.Tensor:
    """The numbers of a tensor in memory of their own, floats in float64, on the CPU."""
    x = x.detach()
    dtype = torch.float64 if x.is_floating_point() else x.dtype
    return x.to(device="cpu", dtype=dtype, copy=True)


def wide_example(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The example in float64, in memory of its own."""

    def widen(x: Any) -> Any:
        return widened(x) if isinstance(x, torch.Tensor) else x

    return pytree.tree_map(widen, args), pytree.tree_map(widen, kwargs)


def _tensors(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Parameters, buffers, and tensors among plain attributes and in their lists, each once."""
    seen: set[int] = set()
    for part in module.modules():
        plain = [x for x in pytree.tree_leaves(dict(vars(part))) if isinstance(x, torch.Tensor)]
        for x in (*part._parameters.values(), *part._buffers.values(), *plain):
            if x is not None and id(x) not in seen and has_values(x):
                seen.add(id(x))
                yield x


def _memory(module: torch.nn.Module) -> Memory:
    """Where the trainable parameters lie. Raises CaptureError where buffers or others lie there."""
    names: dict[int, str] = {}
    ranges: list[tuple[int, int, str]] = []
    for name, p in module.named_parameters():
        if p.requires_grad and has_values(p) and p.numel():
            names[_address(p)] = name
            start = p.data_ptr()
            length = 1 + sum((n - 1) * s for n, s in zip(p.shape, p.stride()))
            ranges.append((start, start + length * p.element_size(), name))
    ranges.sort()
    for (_, end, one), (start, _, two) in zip(ranges, ranges[1:]):
        if start < end:
            raise CaptureError(
                f"the parameters {one} and {two} are two tensors in the same memory; tie them by "
                "making them one torch.nn.Parameter"
            )
    memory = Memory(names)
    for name, buffer in module.named_buffers():
        owner = memory.owner(buffer)
        if owner is not None or buffer.requires_grad:
            raise CaptureError(
                f"the buffer {name} " + (
                    f"lies in the memory of parameter {owner}" if owner else "requires grad")
                + "; a buffer is a constant: compute it from the parameters when the module runs"
            )
    return memory


def _lies_somewhere(x: torch.Tensor) -> bool:
    """Whether a tensor has one memory of its own: a sparse one or one without values has none."""
    return has_values(x) and x.layout is torch.strided


def _address(x: torch.Tensor) -> int:
    return x.untyped_storage().data_ptr()


def _copied(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with their containers copied one level deep."""
    return {k: (v, _content(v)) for k, v in attributes.items()}


def _content(value: Any) -> Any:
    return value.copy() if type(value) in (dict, OrderedDict, list, set) else None


def _restore(attributes: dict[str, Any], saved: Mapping[str, tuple[Any, Any]]) -> None:
    for name in [k for k in attributes if k not in saved]:
        del attributes[name]
    for name, (value, content) in saved.items():
        attributes[name] = value
        if isinstance(content, list):
            value[:] = content
        elif content is not None:
            value.clear()
            value.update(content)


class Watch(TorchDispatchMode):
    """Raises CaptureError where an op reads a trainable tensor that is no parameter.

    What reads the memory that a parameter had before it was borrowed holds a view of it; what
    requires grad and is no parameter is not registered, or was made from trainable tensors
    before. The export would freeze either in silence.
    """

    def __init__(self, module: torch.nn.Module, memory: Memory) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._own = {_address(p) for p in module.parameters() if has_values(p)}
        self._memory = memory

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        for x in pytree.tree_leaves((args, kwargs)):
            if isinstance(x, torch.Tensor) and _lies_somewhere(x):
                self._look(x)
        out = func(*args, **(kwargs or {}))
        if torch.is_grad_enabled():  # what is made while it runs may require grad
            made = pytree.tree_leaves(out)
            self._own |= {
                _address(x) for x in made if isinstance(x, torch.Tensor) and _lies_somewhere(x)}
        return out

    def _look(self, x: torch.Tensor) -> None:
        owner = self._memory.owner(x)
        if owner is not None:
            raise CaptureError(
                f"the module reads parameter {owner} through a tensor that was taken from it "
                "before it runs (a view, .data or .detach()); read the parameter itself"
            )
        if x.requires_grad and _address(x) not in self._own:
            raise CaptureError(
                f"the module reads a trainable tensor of shape {tuple(x.shape)} that is no "
                "parameter of it; register it as a parameter, or detach it if it is a constant"
            )
