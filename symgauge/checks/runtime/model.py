"""The module under test, its parameters at a generic point or from a checkpoint, its outputs."""

from __future__ import annotations

import importlib
import json
import linecache
import math
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.utils._pytree
from torch import Tensor

from symgauge.checks.runtime.layout import Piece
from symgauge.checks.runtime.record import BadInput, seeded
from symgauge.checks.runtime.subject import CheckRecord, SizeName, Target
from symgauge.plain import Sizes

# one-axis parameters whose last name says that they multiply; all others are biases
GAINS = ("weight", "gain", "gamma", "scale", "g")
SAFETENSORS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}


def load_factory(target: Target) -> Callable[..., Any]:
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
    target: Target, sizes: Sizes, size: SizeName
) -> tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any]]:
    """The factory's module in the mode that was derived, positional and keyword inputs.

    `target["training"][size]` says which: True or False for all modules, or the names of those
    in training mode; without it, what the factory made.
    Flows (symgauge.nn.OdeFlow, and odeint of torchdiffeq) take fixed Runge-Kutta steps: those
    commute with affine changes of the state, so that rounding alone remains. An adaptive solver
    picks other steps.
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
    fix_steps_of_odeint()
    set_mode(module, (target.get("training") or {}).get(size))
    return module, tuple(args), dict(kwargs)


#: Methods of torchdiffeq that take the steps that they are told.
FIXED = ("euler", "midpoint", "heun2", "heun3", "rk4", "explicit_adams", "implicit_adams")
STEPS = 16


def fix_steps_of_odeint() -> None:
    """Where torchdiffeq is loaded, its adaptive methods give way to equal steps of rk4.

    However a module got hold of odeint: what it looks up is replaced, once.
    """
    for name in ("odeint", "adjoint"):
        room = sys.modules.get(f"torchdiffeq._impl.{name}")
        if room is None or hasattr(room._check_inputs, "steps"):
            continue

        def fixed(
            func: Any, y0: Any, t: Any, rtol: Any, atol: Any, method: Any, *rest: Any,
            own: Any = room._check_inputs,
        ) -> Any:
            if method not in FIXED:
                method = "rk4"
                rest = ({"step_size": float((t[-1] - t[0]).abs()) / STEPS}, *rest[1:])
            return own(func, y0, t, rtol, atol, method, *rest)

        fixed.steps = STEPS  # type: ignore[attr-defined]
        room._check_inputs = fixed  # type: ignore[attr-defined]


def set_mode(module: torch.nn.Module, training: bool | list[str] | None) -> None:
    """Training or evaluation, for all modules or by the names of those that train."""
    if isinstance(training, bool):
        module.train(training)
    elif training is not None:
        for name, part in module.named_modules():
            part.training = name in training


def mode_of(module: torch.nn.Module) -> str:
    """The mode, in words."""
    flags = [part.training for part in module.modules()]
    if all(flags) or not any(flags):
        return "training mode" if flags[0] else "evaluation mode"
    return f"{sum(flags)} of {len(flags)} modules in training mode"


def draw(name: str, parameter: Tensor, seed: int, pieces: Iterator[Piece]) -> None:
    """A generic value, in place: N(0, 1)/sqrt(fan_in), gains exp(0.3 N(0, 1)), biases 0.5 N(0, 1).

    The same for the same seed and name: a parameter is put back exactly without a copy of it.
    `pieces` are those of the parameter.
    """
    wide = torch.float64 if parameter.dtype == torch.float64 else torch.float32
    rng = seeded(parameter.device, seed, "parameter " + name)
    for part in pieces:
        value = torch.randn(part.shape, generator=rng, device=parameter.device, dtype=wide)
        if parameter.ndim >= 2:
            value.div_(math.sqrt(max(1, *parameter.shape[1:])))
        elif parameter.ndim == 0 or name.rpartition(".")[2].lower() in GAINS:
            # never near 0: a symmetry may divide by a gain
            value.mul_(0.3).exp_()
        else:
            value.mul_(0.5)
        part.view.copy_(part.mine(value))


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

    def has(self, name: str) -> bool:
        return name in self.header

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


def redrawn(
    value: Any, place: str, seed: int, device: torch.device, dtype: torch.dtype, scale: float = 1.0
) -> Any:
    """Floating tensors drawn anew at their shape, N(0, scale^2); all other objects kept."""
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            return value.to(device)
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        rng = seeded(device, seed, "input " + place)
        drawn = torch.randn(value.shape, generator=rng, device=device, dtype=wide)
        return drawn.mul_(scale).to(dtype)
    more = (seed, device, dtype, scale)
    if isinstance(value, (list, tuple)):
        items = [redrawn(v, f"{place}.{i}", *more) for i, v in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {k: redrawn(v, f"{place}.{k}", *more) for k, v in value.items()}
    return value


def floats(value: Any) -> list[Tensor]:
    """All floating tensors in nested tuples, lists and dicts, in order."""
    return [leaf for _, leaf in leaves(value) if is_float(leaf)]


def is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def leaves(value: Any, name: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """What a module takes or returns, taken apart; the key or field of each leaf, if it has one."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, str(key))
    elif isinstance(value, (list, tuple)):
        fields = getattr(value, "_fields", [None] * len(value))
        for field, item in zip(fields, value):
            yield from leaves(item, field)
    elif isinstance(value, Tensor):
        yield name, value
    else:  # a cache, say, that its library takes apart
        for item in torch.utils._pytree.tree_leaves(value):
            yield name if item is value else None, item


def select(value: Any, record: CheckRecord) -> tuple[list[tuple[str, Tensor]], list[str]]:
    """The outputs that the statement is about, with their names; the names of the others.

    The record's `outputs`, [number, name] each; else the one that its `output` names or numbers;
    else every floating one, and of a transformers ModelOutput that has logits (or
    logits_per_...) those alone.
    """
    found = [
        (number, str(number) if name is None else name, leaf)
        for number, (name, leaf) in enumerate(leaves(value)) if is_float(leaf) and leaf.numel()
    ]
    names = {number: name for number, name, _ in found}
    listed = listed_outputs(value, record, names)
    lost = [name for number, name in listed.items() if number not in names]
    if lost or (record["output"] is not None and not listed):
        wanted = lost[0] if lost else record["output"]
        raise BadInput(f"the module has no output {json.dumps(wanted)}")
    if not listed:
        raise BadInput("the module returns no floating-point tensor")
    probable = record["observable"] == "probabilities"
    chosen = [
        (listed[number], torch.log_softmax(tensor, -1) if probable else tensor)
        for number, _, tensor in found if number in listed
    ]
    return chosen, [name for number, name in names.items() if number not in listed]


def listed_outputs(
    value: Any, record: CheckRecord, names: Mapping[int, str]
) -> Mapping[int, str]:
    """Numbers and names of the outputs that the statement is about."""
    if record.get("outputs") is not None:
        return {int(number): str(name) for number, name in record["outputs"] or ()}
    if record["output"] is not None:
        wanted = str(record["output"])
        return {k: n for k, n in names.items() if wanted in (n, str(k))}
    if not is_model_output(value):
        return names
    logits = {k: n for k, n in names.items() if n == "logits"}
    return logits or {k: n for k, n in names.items() if n.startswith("logits_per_")} or names


def is_model_output(value: Any) -> bool:
    """Whether transformers made it; told by the name, since the library need not be there."""
    return any(
        kind.__name__ == "ModelOutput" and kind.__module__.partition(".")[0] == "transformers"
        for kind in type(value).__mro__
    )
