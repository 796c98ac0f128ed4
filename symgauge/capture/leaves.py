"""The leaves of a program: what the placeholders of the exported graph stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch.utils import _pytree as pytree

from symgauge.capture.skeleton import has_values, hollow
from symgauge.capture.token_ranges import classes_of, picks_rows
from symgauge.capture.tokens import Tokens
from symgauge.errors import CaptureError
from symgauge.nn.ode_flow import OdeFlow
from symgauge.program.build import Builder
from symgauge.program.leaf import Input, Parameter
from symgauge.program.writer import Value


@dataclass(frozen=True)
class Reading:
    """How a module is read: which output, which observable, and how far token ids range.

    `flows` are the module's by number; `limits` bounds token ids by their input's name; with
    `hold_tokens` they are held at the example.
    """

    output: str | int | None = None
    observable: str = "logits"
    flows: Sequence[OdeFlow] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    hold_tokens: bool = False


class Leaves:
    """Makes a line of each parameter and input, constants of the rest, and says what is held."""

    def __init__(
        self, module: torch.nn.Module, program: Any, reading: Reading, root: torch.nn.Module,
        build: Builder,
    ) -> None:
        self.module, self.program, self.reading = module, program, reading
        self.root, self.build = root, build
        #: Lines of the trainable parameters, by identity.
        self.parameters: dict[int, Value] = {}
        #: Parameters of the root that the module reads through a closure and does not own.
        self.reached: list[torch.nn.Parameter] = []
        self.token_places: dict[str, int] = {}
        self.input_places: list[tuple[str, str]] = []  # network input, placeholder
        self.held: list[str] = []
        #: Names of parameters that a constant of the export turned out to be.
        self.through_closures: set[str] = set()
        #: Buffers that are read, and how many other tensors are.
        self.held_buffers: set[str] = set()
        self.constants = 0

    def read(self) -> dict[Any, Any]:
        """What each placeholder of the graph stands for."""
        found: dict[Any, Any] = {}
        signature = self.program.graph_signature
        own = dict(self.module.named_parameters(remove_duplicate=False))
        for name, p in self.module.named_parameters():
            if p.requires_grad:
                self.parameters[id(p)] = self.build.leaf(Parameter(name, tuple(p.shape)))
        kinds = {s.arg.name: s for s in signature.input_specs}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = kinds[node.name]
            kind = spec.kind.name
            if kind == "PARAMETER":
                held = own.get(spec.target, self.program.state_dict.get(spec.target))
                tied = self.parameters.get(id(held))
                found[node] = held.detach() if tied is None else tied
            elif kind == "BUFFER" and id(own.get(spec.target)) in self.parameters:
                found[node] = self.parameters[id(own[spec.target])]  # it was made one since
            elif kind == "BUFFER":
                if node.users:
                    self.held_buffers.add(spec.target)
                table = self.program.state_dict
                if spec.target in table:
                    found[node] = table[spec.target].detach()
                else:
                    found[node] = self.program.constants[spec.target].detach()
            elif kind == "CONSTANT_TENSOR":
                found[node] = self._constant(self.program.constants[spec.target])
            elif kind == "USER_INPUT":
                found[node] = self._input(node)
            else:
                found[node] = None
        return {node: hollow(x) for node, x in found.items()}

    def _constant(self, x: torch.Tensor) -> torch.Tensor | Value:
        """A tensor that is neither parameter nor buffer; a parameter, where a closure holds it."""
        if not has_values(x) or x.layout is not torch.strided:
            return x.detach()
        for name, p in self.root.named_parameters():
            if not (p.requires_grad and has_values(p) and x.numel()) or (
                    x.untyped_storage().data_ptr() != p.untyped_storage().data_ptr()):
                continue
            if (x.shape, x.stride(), x.data_ptr()) != (p.shape, p.stride(), p.data_ptr()):
                raise CaptureError(
                    f"a constant of shape {tuple(x.shape)} is a view of parameter {name}; read "
                    "the parameter itself"
                )
            self.through_closures.add(name)
            if id(p) not in self.parameters:
                self.parameters[id(p)] = self.build.leaf(Parameter(name, tuple(p.shape)))
                self.reached.append(p)
            return self.parameters[id(p)]
        self.constants += 1
        return x.detach()

    def _input(self, node: Any) -> Any:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            return value
        if value.is_floating_point() and not is_mask(self._example(node.name)):
            name = node.name
            self.input_places.append((name, node.name))
            return self.build.leaf(Input(name, tuple(value.shape)))
        name, classes = node.name, classes_of(node)
        classes = min(classes, self.reading.limits.get(name, classes))
        if classes > 1 and not self.reading.hold_tokens:
            self.token_places[name] = classes
            one_hot = self.build.leaf(Input(name, (*value.shape, classes), classes))
            return Tokens(one_hot, torch.arange(classes, dtype=value.dtype), name)
        kind = "token ids" if classes > 1 or picks_rows(node) else "input"
        self.held.append(f"{kind} {name} held at the example")
        return self._example(name)

    def _example(self, name: str) -> torch.Tensor:
        flat = pytree.tree_leaves(self.program.example_inputs)
        tensor: torch.Tensor = flat[self.user_inputs.index(name)]
        return tensor

    @cached_property
    def user_inputs(self) -> list[str]:
        """Placeholders of the example's leaves, in order."""
        own = {
            s.arg.name for s in self.program.graph_signature.input_specs
            if s.kind.name == "USER_INPUT"
        }
        return [n.name for n in self.program.graph.nodes if n.op == "placeholder"
                and n.name in own]


def is_mask(example: torch.Tensor) -> bool:
    """Whether an input is an attention mask: it holds minus infinity. Held at the example."""
    return has_values(example) and bool((example == -math.inf).any())
