"""The exported graph, read line by line into a Network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from symgauge.capture.constants import (
    Computed, computed, floats_of, folded, is_exact, without_masks,
)
from symgauge.capture.exported import DROP, exported, is_node, overload_of, path_of
from symgauge.capture.module import random
from symgauge.capture.outputs import output_names
from symgauge.capture.skeleton import has_values, hollow
from symgauge.capture.stabilisers import without_idle_maxima
from symgauge.capture.tokens import INDEXING, SHAPING, Tokens, classes_of
from symgauge.errors import CaptureError, UnsupportedOpError
from symgauge.network.builder import Builder, Value
from symgauge.network.program import (
    ROUNDED, Constant, Input, Network, Parameter, exact_value,
)
from symgauge.nn.ode_flow import OdeFlow
from symgauge.ops import all_ops, by_overload


#: What a rule of an op may raise on arguments that it does not understand.
MALFORMED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)
RANDOM = ("rand", "bernoulli", "dropout", "normal", "multinomial", "rrelu")
#: Logarithms and powers to bases, whose factors are rounded.
BASES = {"log2.default", "log10.default", "exp2.default", "pow.Scalar"}
_LAYOUT = ("dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking")


class Reader:
    """Walks the exported graph: folds constants with torch, builds lines for the rest."""

    def __init__(
        self, module: torch.nn.Module, program: Any, output: str | int | None, observable: str,
        flows: Sequence[OdeFlow] = (),
    ) -> None:
        self.module, self.program, self.flows = module, program, flows
        self.output, self.observable = output, observable
        self.build = Builder(all_ops())
        self.environment: dict[Any, Any] = {}
        self.token_places: dict[str, int] = {}
        self.input_places: list[tuple[str, str]] = []  # network input, placeholder
        self.output_names: list[str] = []
        self.picked: list[int] = []
        self.held: list[str] = []
        self.unknown: dict[int, int] = {}  # constants without values, by identity

    def read(self, meta: bool = False) -> Network:
        """The network; with `meta`, one that may hold constants without values."""
        self._leaves()
        result = None
        for node in self.program.graph.nodes:
            if node.op == "call_function":
                self.environment[node] = self._call(node)
            elif node.op == "output":
                result = node.args[0]
        outputs = self._outputs(result)
        used = {overload_of(n.target) for n in self.program.graph.nodes
                if hasattr(n.target, "_schema")}
        if used & BASES:
            lowered = self.build.network(outputs).lowered
            if any(lowered.nodes[i].label == "log" for i in lowered.arguments):
                # 1 / log 2 in floats, beside log 2 itself
                self.held.append(ROUNDED.format(op="log2"))
        network = self.build.network(outputs, tuple(self.held))
        return network if meta else without_idle_maxima(network)

    def _leaves(self) -> None:
        signature = self.program.graph_signature
        own = dict(self.module.named_parameters(remove_duplicate=False))
        first: dict[int, str] = {}
        for name, p in own.items():
            first.setdefault(id(p), name)
        made: dict[str, Value] = {}
        for name, p in self.module.named_parameters():
            if p.requires_grad:
                made[name] = self.build.leaf(Parameter(name, tuple(p.shape)))
        kinds = {s.arg.name: s for s in signature.input_specs}
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            spec = kinds[node.name]
            kind = spec.kind.name
            if kind == "PARAMETER":
                held = own.get(spec.target, self.program.state_dict.get(spec.target))
                tied = made.get(first.get(id(held), spec.target))
                self.environment[node] = held.detach() if tied is None else tied
            elif kind == "BUFFER":
                table = self.program.state_dict
                if spec.target in table:
                    self.environment[node] = table[spec.target].detach()
                else:
                    self.environment[node] = self.program.constants[spec.target].detach()
            elif kind == "CONSTANT_TENSOR":
                self.environment[node] = self.program.constants[spec.target].detach()
            elif kind == "USER_INPUT":
                self.environment[node] = self._input(node)
            else:
                self.environment[node] = None
        for node, x in self.environment.items():
            self.environment[node] = hollow(x)

    def _input(self, node: Any) -> Any:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            return value
        if value.is_floating_point() and not is_mask(self._example(node.name)):
            name = node.name
            self.input_places.append((name, node.name))
            return self.build.leaf(Input(name, tuple(value.shape)))
        example = self._example(node.name)
        classes = classes_of(node, self.program)
        if classes:
            name = node.name
            self.token_places[name] = classes
            shape = (*value.shape, classes)
            return Tokens(self.build.leaf(Input(name, shape, classes)))
        self.held.append(f"input {node.name} held at the example")
        return example

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

    def _call(self, node: Any) -> Any:
        if not hasattr(node.target, "_schema"):
            # Python's own operators: parts of tuples, and arithmetic with sizes
            items = [self._resolve(a) for a in node.args]
            if getattr(node.target, "__name__", "") == "getitem":
                return items[0][items[1]]
            if not node.kwargs and not any(isinstance(x, (Value, torch.Tensor)) for x in items):
                return node.target(*floats_of(items))
            raise self._unsupported(node, str(node.target))
        overload = overload_of(node.target)
        if overload.startswith(DROP):
            return None
        args = pytree.tree_map(self._resolve, tuple(node.args), is_leaf=is_node)
        if "index" in overload and len(args) > 1 and isinstance(args[1], list):
            args = (args[0], without_masks(args[1]), *args[2:])
        kwargs = pytree.tree_map(self._resolve, dict(node.kwargs), is_leaf=is_node)
        leaves = pytree.tree_leaves((args, kwargs), is_leaf=lambda x: isinstance(x, Value))
        if any(isinstance(x, Tokens) for x in leaves):
            return self._tokens(overload, args)
        if any(overload.split(".")[0].endswith(word) for word in RANDOM):
            # two runs may agree by luck, so the graph is asked as well
            raise random(self.module)
        if overload == "ode_flow.default":
            return self._flow(node, args)
        if not any(isinstance(x, Value) for x in leaves):
            tensors = pytree.tree_leaves(floats_of(leaves))
            if any(isinstance(x, torch.Tensor) and not has_values(x) for x in tensors):
                return self._folded_shape(node, floats_of(args), floats_of(kwargs))
            return self._constant(node.target, overload, args, kwargs)
        if overload == "sym_size.int":
            return args[0].shape[args[1]]
        if overload in ("full_like.default", "zeros_like.default", "ones_like.default",
                        "empty_like.default"):
            return self._like(overload, args)
        op = by_overload().get(overload)
        if op is None:
            raise self._unsupported(node, overload)
        plain = {k: v for k, v in kwargs.items() if k not in _LAYOUT}
        try:
            made = op.capture(self.build, overload, *self._lift(args), **self._lift(plain))
        except CaptureError as error:
            raise CaptureError(f"{path_of(node)}: {error}") from error
        if isinstance(made, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(made))
        return made

    def _constant(self, target: Any, overload: str, args: Any, kwargs: Any) -> Any:
        """An op on constants alone: folded with torch where floats do not round."""
        floats = folded(target, overload, args, kwargs)
        if is_exact(overload, args, kwargs, floats):
            return floats
        plain = {k: v for k, v in kwargs.items() if k not in _LAYOUT}
        try:
            return computed(self.build, overload, self._lift(args), self._lift(plain), floats)
        except (CaptureError, UnsupportedOpError, *MALFORMED):
            # what no rule makes is rounded, and is no longer what the module says
            statement = ROUNDED.format(op=overload.split(".")[0])
            if statement not in self.held:
                self.held.append(statement)
            return floats

    def _flow(self, node: Any, args: Any) -> Value:
        """An OdeFlow is one line: the exact flow of the program of its vector field."""
        start, parameters, index = args
        flow = self.flows[index]
        try:
            field = field_program(flow, tuple(start.shape))
        except CaptureError as error:
            raise CaptureError(f"the vector field of {path_of(node)}: {error}") from error
        shapes = [tuple(p.shape) for p in parameters]
        if shapes != [p.shape for p in field.parameters]:
            raise CaptureError(
                f"{path_of(node)}: the parameters of the vector field were changed while it ran"
            )
        text = json.dumps(field.to_json(), sort_keys=True, separators=(",", ":"))
        return self.build.apply(
            "ode_flow", *self._lift((start, *parameters)), field=text,
            t0=exact_value(flow.t0), t1=exact_value(flow.t1),
        )

    def _tokens(self, overload: str, args: Any) -> Any:
        """What may be done with tokens: other shapes, and rows of a table."""
        if overload in INDEXING:
            table, index = args[0], args[1][0] if isinstance(args[1], list) else args[1]
            (table,) = self._lift((table,))
            hot = index.one_hot
            flat = self.build.reshape(hot, (math.prod(hot.shape[:-1]), hot.shape[-1]))
            wide = self.build.reshape(table, (table.shape[0], math.prod(table.shape[1:])))
            rows = self.build.apply("matmul", flat, wide)
            return self.build.reshape(rows, (*hot.shape[:-1], *table.shape[1:]))
        hot = args[0].one_hot
        if overload in SHAPING:
            op = by_overload()["view.default"]
            bare = Value(hot.index, hot.shape[:-1])
            # the shape that the op gives, computed on the places alone
            probe = Builder(all_ops())
            stand_in = probe.leaf(Input("tokens", bare.shape))
            shape = op.capture(probe, overload, stand_in, *args[1:]).shape
            return Tokens(self.build.reshape(hot, (*shape, hot.shape[-1])))
        return args[0]

    @staticmethod
    def _folded_shape(node: Any, args: Any, kwargs: Any) -> Any:
        """A constant of which the shape alone is known."""
        args, kwargs = (
            pytree.tree_map(lambda x: x.to("meta") if isinstance(x, torch.Tensor) else x, given)
            for given in (args, {k: v for k, v in kwargs.items() if k not in ("device",)})
        )
        try:
            return folded(node.target, overload_of(node.target), args, kwargs)
        except Exception as error:
            raise CaptureError(
                f"{path_of(node)} asks {overload_of(node.target)} for the values of a constant "
                "that lies on the meta device; give the buffer or input its values"
            ) from error

    @staticmethod
    def _like(overload: str, args: Any) -> torch.Tensor:
        fill = {"f": args[1] if len(args) > 1 else 0.0, "z": 0.0, "o": 1.0, "e": 0.0}[overload[0]]
        return torch.full(args[0].shape, float(fill), dtype=torch.float64)

    def _resolve(self, x: Any) -> Any:
        return self.environment[x] if is_node(x) else x

    def _lift(self, arguments: Any) -> Any:
        def one(x: Any) -> Any:
            if isinstance(x, Computed):
                return x.line
            if not isinstance(x, torch.Tensor):
                return x
            if x.is_complex():
                raise CaptureError("a complex constant")
            if not has_values(x):
                # one name for each tensor: those of the environment live as long as the reader
                number = self.unknown.setdefault(id(x), len(self.unknown))
                return self.build.leaf(Constant.without_values(f"unknown {number}", x.shape))
            return self.build.floats(x.to(torch.float64).numpy())

        return pytree.tree_map(one, arguments, is_leaf=lambda x: isinstance(x, Value))

    @staticmethod
    def _unsupported(node: Any, overload: str) -> UnsupportedOpError:
        name = overload.split(".")[0].strip("_")
        return UnsupportedOpError(
            f"{path_of(node)} uses {overload}, an op without a rule; add it in one file, "
            f"symgauge/ops/{name}.py, or derive a part of the model without it"
        )

    def _outputs(self, result: Any) -> list[Value]:
        # what a module writes into its buffers (running statistics) is no output
        kinds = [s.kind.name for s in self.program.graph_signature.output_specs]
        result = [x for x, kind in zip(result, kinds, strict=True) if kind == "USER_OUTPUT"]
        names = output_names(self.module, self.program, len(result))
        found: list[tuple[str, int, Value]] = []
        for i, (name, x) in enumerate(zip(names, result, strict=True)):
            value = self._resolve(x)
            if isinstance(value, Value):
                found.append((name, i, value))
        if not found:
            raise CaptureError("no output depends on a parameter or a floating input")
        labels = [name for name, _, _ in found]
        if self.output is not None:
            wanted = str(self.output)
            number = int(wanted) if wanted.isdigit() else -1
            found = [f for f in found if f[0] == wanted or f[1] == number]
            if not found:
                raise CaptureError(f"no output {wanted!r}; the outputs are {', '.join(labels)}")
        else:
            for preferred in ("logits", "last_hidden_state"):
                if preferred in labels and len(labels) > 1:
                    found = [f for f in found if f[0] == preferred]
                    break
        picked = [value for _, _, value in found]
        self.output_names = [name for name, _, _ in found]
        self.picked = [i for _, i, _ in found]
        if any(v.minus_infinity is not None for v in picked):
            raise CaptureError("an output is minus infinity; only a softmax may absorb it")
        if self.observable == "probabilities":
            picked = [
                self.build.apply("log_softmax", v, axis=len(v.shape) - 1) for v in picked
            ]
        return picked


class _Field(torch.nn.Module):
    """The vector field of a flow as a module of (t, x)."""

    def __init__(self, flow: OdeFlow) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return self.flow.field(t, x)


def field_program(flow: OdeFlow, shape: tuple[int, ...]) -> Network:
    """The program of a flow's vector field on states of a shape; its inputs are t and x."""
    module = _Field(flow)
    example = (torch.tensor(flow.t0, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64))
    program = exported(module, example, {})
    reader = Reader(module, program, None, "logits")
    network = reader.read()
    if reader.held or len(network.outputs) != 1 or any(x.classes for x in network.inputs):
        raise CaptureError("it must map (t, x) to one velocity")
    return network


def is_mask(example: torch.Tensor) -> bool:
    """Whether an input is an attention mask: it holds minus infinity. Held at the example."""
    return has_values(example) and bool((example == -math.inf).any())
