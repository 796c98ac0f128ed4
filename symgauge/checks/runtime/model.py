"""The module under test, its parameters at a generic point or from a checkpoint, its outputs."""

from __future__ import annotations

import importlib
import json
import linecache
import math
import os
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from symgauge.checks.runtime.group import cuts, piece
from symgauge.checks.runtime.record import BadInput, seeded

# one-axis parameters whose last name says that they multiply; all others are biases
GAINS = ("weight", "gain", "gamma", "scale", "g")
SAFETENSORS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}


def load_factory(target: Mapping[str, Any]) -> Callable[..., Any]:
    """The factory of an embedded TARGET source or of an importable module."""
    if target["kind"] == "source":
        # registered, because dataclasses and pickle look a class's module up by name
        module = types.ModuleType("symgauge_target")
        module.__file__ = "<embedded target>"
        lines = target["source"].splitlines(True)
        linecache.cache[module.__file__] = (len(target["source"]), None, lines, module.__file__)
        sys.modules[module.__name__] = module
        try:
            exec(compile(target["source"], module.__file__, "exec"), module.__dict__)
        except ImportError as error:
            raise BadInput(f"the embedded target needs a missing package: {error}") from error
    else:
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())
        try:
            module = importlib.import_module(target["module"])
        except ImportError as error:
            raise BadInput(f"cannot import the target module: {error}") from error
    factory = getattr(module, target["factory"], None)
    if not callable(factory):
        raise BadInput(f"the target has no factory named {json.dumps(target['factory'])}")
    return factory  # type: ignore[no-any-return]


def build(
    target: Mapping[str, Any], sizes: Mapping[str, Any]
) -> tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any]]:
    """The factory's module (in eval mode), positional and keyword inputs.

    Flows (symgauge.nn.OdeFlow) take fixed Runge-Kutta steps: those commute with affine changes of
    the state, so that rounding alone remains. An adaptive solver picks other steps.
    """
    factory = load_factory(target)
    try:
        made = factory(**sizes)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the factory refuses the sizes {json.dumps(sizes)}: {error}") from error
    if not isinstance(made, tuple) or len(made) not in (2, 3):
        raise BadInput("the factory must return (module, args) or (module, args, kwargs)")
    if not isinstance(made[0], torch.nn.Module):
        raise BadInput(f"the factory returned a {type(made[0]).__name__}, not a torch module")
    module, args, kwargs = (*made, {})[:3]
    for part in module.modules():
        if callable(getattr(part, "fix_steps", None)):
            part.fix_steps()
    return module.eval(), tuple(args), dict(kwargs)


def draw(name: str, parameter: Tensor, seed: int) -> None:
    """A generic value, in place: N(0, 1)/sqrt(fan_in), gains exp(0.3 N(0, 1)), biases 0.5 N(0, 1).

    The same for the same seed and name: a parameter is put back exactly without a copy of it.
    """
    wide = torch.float64 if parameter.dtype == torch.float64 else torch.float32
    rng = seeded(parameter.device, seed, "parameter " + name)
    for cut in cuts(parameter):
        part = piece(parameter, cut)
        value = torch.randn(part.shape, generator=rng, device=part.device, dtype=wide)
        if parameter.ndim >= 2:
            value.div_(math.sqrt(max(1, *parameter.shape[1:])))
        elif parameter.ndim == 0 or name.rpartition(".")[2].lower() in GAINS:
            # never near 0: a symmetry may divide by a gain
            value.mul_(0.3).exp_()
        else:
            value.mul_(0.5)
        part.copy_(value)


class Checkpoint:
    """Tensors of a .safetensors file, read one at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length > os.path.getsize(path):
                    raise ValueError("not a safetensors file")
                self.header: dict[str, Any] = json.loads(file.read(length))
        except (OSError, ValueError) as error:
            raise BadInput(f"cannot read the checkpoint {path}: {error}") from error
        self.start = 8 + length

    def read(self, names: list[str], like: Tensor) -> Tensor:
        """The tensor stored under the first of the names that the file has."""
        name = next((name for name in names if name in self.header), None)
        if name is None:
            raise BadInput(f"the checkpoint {self.path} has no tensor {json.dumps(names[0])}")
        entry = self.header[name]
        if entry["dtype"] not in SAFETENSORS or entry["shape"] != list(like.shape):
            raise BadInput(
                f"tensor {json.dumps(name)} of the checkpoint is {entry['dtype']} "
                f"{entry['shape']}, the model needs floats of shape {list(like.shape)}"
            )
        first, last = entry["data_offsets"]
        with open(self.path, "rb") as file:
            file.seek(self.start + first)
            data = bytearray(file.read(last - first))
        if not data:
            return torch.empty(like.shape)
        return torch.frombuffer(data, dtype=SAFETENSORS[entry["dtype"]]).reshape(like.shape)


def redrawn(value: Any, place: str, seed: int, device: torch.device, dtype: torch.dtype) -> Any:
    """Floating tensors drawn anew at their shape; integers, bools and other objects kept."""
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            return value.to(device)
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        rng = seeded(device, seed, "input " + place)
        drawn = torch.randn(value.shape, generator=rng, device=device, dtype=wide)
        return drawn.to(dtype)
    if isinstance(value, (list, tuple)):
        items = [redrawn(v, f"{place}.{i}", seed, device, dtype) for i, v in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {k: redrawn(v, f"{place}.{k}", seed, device, dtype) for k, v in value.items()}
    return value


def floats(value: Any) -> list[Tensor]:
    """All floating tensors in nested tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in floats(item)]
    return []


def select(value: Any, output: str | int | None, observable: str) -> tuple[Tensor, ...]:
    """The outputs that count: `output`, else logits or last_hidden_state, else all floats."""
    if output is not None:
        try:
            by_name = isinstance(output, str) and not isinstance(value, Mapping)
            value = getattr(value, str(output)) if by_name else value[output]
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise BadInput(f"the module has no output {json.dumps(output)}") from error
    elif isinstance(value, Mapping):
        for name in ("logits", "last_hidden_state"):
            if name in value:
                value = value[name]
                break
    tensors = floats(value)
    if not tensors:
        raise BadInput("the module returns no floating-point tensor")
    if observable == "probabilities":
        tensors = [torch.log_softmax(tensor, -1) for tensor in tensors]
    return tuple(tensors)
