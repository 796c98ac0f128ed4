"""The exported graph, read line by line into a Network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from symgauge.capture.casts import target, typed
from symgauge.capture.constants import (
    Computed, computed, floats_of, folded, is_exact, without_masks,
)
from symgauge.capture.exported import DROP, exported, is_node, overload_of, path_of
from symgauge.capture.leaves import Leaves, Reading
from symgauge.capture.module import random
from symgauge.capture.outputs import Chosen, Output, choose, is_model_output, output_names
from symgauge.capture.skeleton import has_values
from symgauge.capture.token_calls import call
from symgauge.capture.tokens import Tokens, numbers
from symgauge.domains.known import arguments_of
from symgauge.errors import CaptureError, UnsupportedOpError
from symgauge.nn.ode_flow import OdeFlow
from symgauge.ops import all_ops, by_overload
from symgauge.ops.complex import Complex, Parts, as_complex
from symgauge.ops.complex import call as complex_call
from symgauge.patterns import rewritten
from symgauge.program.build import Builder
from symgauge.program.constant import Constant, exact_value
from symgauge.program.lower import lower
from symgauge.program.network import ROUNDED, Network
from symgauge.program.serial import network_to_json
from symgauge.program.writer import Value

#: What a rule of an op may raise on arguments that it does not understand.
MALFORMED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)
RANDOM = ("rand", "bernoulli", "dropout", "normal", "multinomial", "rrelu")
#: Logarithms and powers to bases, whose factors are rounded.
BASES = {"log2.default", "log10.default", "exp2.default", "pow.Scalar"}
#: Ops that make a constant of another tensor's shape.
LIKE = ("full_like.default", "zeros_like.default", "ones_like.default", "empty_like.default")
_LAYOUT = ("dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking")


class Reader:
    """Walks the exported graph: folds constants with torch, builds lines for the rest."""

    def __init__(
        self, module: torch.nn.Module, program: Any, reading: Reading,
        root: torch.nn.Module | None = None,
    ) -> None:
        """`root` is the module around a vector field: a closure may read its parameters."""
        self.module, self.program, self.reading = module, program, reading
        self.root = module if root is None else root
        self.build = Builder(all_ops())
        self.leaves = Leaves(module, program, reading, self.root, self.build)
        self.environment: dict[Any, Any] = {}
        self.chosen = Chosen((), ())
        #: What the program is specialised to.
        self.held: list[str] = []
        self.unknown: dict[int, int] = {}  # constants without values, by identity

    def read(self) -> Network:
        """The network, after the exact rewrite rules."""
        self.environment |= self.leaves.read()
        self.held += self.leaves.held
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
            lowered = lower(self.build.network(outputs))
            if any(lowered.nodes[i].label == "log" for i in arguments_of(lowered)):
                # 1 / log 2 in floats, beside log 2 itself
                self.held.append(ROUNDED.format(op="log2"))
        return rewritten(self.build.network(outputs, (*self.held, *self.build.notes)))

    def _call(self, node: Any) -> Any:
        if not hasattr(node.target, "_schema"):
            return self._python(node)
        overload = overload_of(node.target)
        if overload.startswith(DROP):
            return None
        args, kwargs = self._arguments(node, overload)
        given = pytree.tree_leaves((args, kwargs))
        if _has(Tokens, given):
            made = call(self.build, lambda x: self._lift((x,))[0], node.target, args, kwargs)
            if made is not None:
                return made
            args, kwargs = pytree.tree_map(
                self._plain, (args, kwargs), is_leaf=lambda x: isinstance(x, Value))
            given = pytree.tree_leaves((args, kwargs))
        if overload.split(".")[0].endswith(RANDOM):
            # two runs may agree by luck, so the graph is asked as well
            raise random(self.module)
        if overload == "ode_flow.default":
            return self._flow(node, args)
        if _has((Complex, Parts), given) or (_has(Value, given) and any(map(_is_complex, given))):
            return self._of_complex(node, overload, args, kwargs)
        if not _has(Value, given):
            return self._of_constants(node, overload, args, kwargs)
        if overload == "sym_size.int":
            return args[0].shape[args[1]]
        if overload in LIKE:
            return self._like(node, overload, args)
        return self._by_rule(node, overload, args, kwargs)

    def _python(self, node: Any) -> Any:
        """Python's own operators: parts of tuples, and arithmetic with sizes."""
        items = [self._resolve(a) for a in node.args]
        name = getattr(node.target, "__name__", "")
        if name == "getitem":
            return items[0][items[1]]
        if name == "with_effects" and overload_of(items[1]).startswith(DROP):
            return None, None  # the next token, and what an assertion tells
        if not node.kwargs and not any(
                isinstance(x, (Value, Tokens, torch.Tensor)) for x in items):
            return node.target(*floats_of(items))
        raise self._unsupported(node, str(node.target))

    def _arguments(self, node: Any, overload: str) -> tuple[Any, Any]:
        """The arguments of a call: lines, tokens, constants."""
        args = pytree.tree_map(self._resolve, tuple(node.args), is_leaf=is_node)
        if "index" in overload and len(args) > 1 and isinstance(args[1], list):
            args = (args[0], without_masks(args[1]), *args[2:])
        kwargs = pytree.tree_map(self._resolve, dict(node.kwargs), is_leaf=is_node)
        for x in node.all_input_nodes:
            if self.environment[x] is None and isinstance(x.meta.get("val"), torch.Tensor):
                raise UnsupportedOpError(
                    f"{path_of(node)} reads a result of {x.args[0] if x.args else x} that has no "
                    "rule; derive a part of the model without it")
        return args, kwargs

    def _by_rule(self, node: Any, overload: str, args: Any, kwargs: Any) -> Any:
        """The lines that the rule of an op makes."""
        if overload not in by_overload():
            raise self._unsupported(node, overload)
        plain = {k: v for k, v in kwargs.items() if k not in _LAYOUT}
        try:
            if overload == "as_strided.default" and not node.args[0].meta["val"].is_contiguous():
                raise CaptureError("as_strided of a tensor that is not contiguous")
            overload, args = typed(self.build, node, overload, args)
            if overload == "_to_copy.default":
                plain["dtype"] = target(node)
            op = by_overload()[overload]
            made = op.capture(self.build, overload, *self._lift(args), **self._lift(plain))
        except CaptureError as error:
            raise CaptureError(f"{path_of(node)}: {error}") from error
        except MALFORMED as error:
            raise CaptureError(
                f"{path_of(node)}: {overload} has no rule for these arguments "
                f"({type(error).__name__}: {error!s:.80})") from error
        if isinstance(made, Value) and _is_complex(node.meta.get("val")):
            return as_complex(self.build, made)
        if isinstance(made, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(made))
        return made

    def _of_complex(self, node: Any, overload: str, args: Any, kwargs: Any) -> Any:
        """An op on pairs of lines."""
        plain = {k: v for k, v in kwargs.items() if k not in _LAYOUT}
        try:
            return complex_call(self.build, overload, self._lift(args), self._lift(plain))
        except (CaptureError, *MALFORMED) as error:
            raise CaptureError(f"{path_of(node)}: {error!s:.120}") from error

    def _of_constants(self, node: Any, overload: str, args: Any, kwargs: Any) -> Any:
        """An op on constants alone: folded, for its shape where they have no values."""
        tensors = pytree.tree_leaves(floats_of((args, kwargs)))
        if any(isinstance(x, torch.Tensor) and not has_values(x) for x in tensors):
            return self._folded_shape(node, floats_of(args), floats_of(kwargs))
        return self._computed(node.target, overload, args, kwargs)

    def _computed(self, target: Any, overload: str, args: Any, kwargs: Any) -> Any:
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
        flow = self.reading.flows[index]
        try:
            field, reached = field_program(flow, tuple(start.shape), self.root)
        except CaptureError as error:
            raise CaptureError(f"the vector field of {path_of(node)}: {error}") from error
        for statement in field.held:
            self.build.note(statement)
        field = replace(field, held=())
        parameters = [*parameters, *(self.leaves.parameters[id(p)] for p in reached)]
        shapes = [tuple(p.shape) for p in parameters]
        if shapes != [p.shape for p in field.parameters]:
            raise CaptureError(
                f"{path_of(node)}: the parameters of the vector field were changed while it ran"
            )
        text = json.dumps(network_to_json(field), sort_keys=True, separators=(",", ":"))
        return self.build.apply(
            "ode_flow", *self._lift((start, *parameters)), field=text,
            t0=exact_value(flow.t0), t1=exact_value(flow.t1),
        )

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
    def _like(node: Any, overload: str, args: Any) -> torch.Tensor:
        fill = {"f": args[1] if len(args) > 1 else 0.0, "z": 0.0, "o": 1.0, "e": 0.0}[overload[0]]
        full = torch.full(args[0].shape, float(fill), dtype=torch.float64)
        dtype = node.meta["val"].dtype
        return full if dtype.is_floating_point else full.to(dtype)

    def _plain(self, x: Any) -> Any:
        """The numbers behind tokens, the parts of complex ones; anything else as it is."""
        if isinstance(x, Parts):
            return x.value(self.build)
        return numbers(self.build, x) if isinstance(x, Tokens) else x

    def _resolve(self, x: Any) -> Any:
        return self.environment[x] if is_node(x) else x

    def _lift(self, arguments: Any) -> Any:
        def one(x: Any) -> Any:
            if isinstance(x, Computed):
                return x.line
            if not isinstance(x, torch.Tensor):
                return x
            if x.is_complex() and has_values(x):
                return Complex(*(self.build.floats(p.to(torch.float64).numpy())
                                 for p in (x.real, x.imag)))
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
        names = output_names(self.program, len(result))
        resolved = [
            self._plain(self._resolve(x)) if _is_floating(x) else self._resolve(x) for x in result
        ]
        found = [
            Output(i, name, _is_floating(node), not isinstance(value, torch.Tensor))
            for i, (name, node, value) in enumerate(zip(names, result, resolved, strict=True))
            if isinstance(value, (Value, Tokens, torch.Tensor))
        ]
        self.chosen = choose(found, self.reading.output, is_model_output(self.program))
        picked = [resolved[x.index] for x in self.chosen.outputs]
        if any(v.minus_infinity is not None for v in picked):
            raise CaptureError("an output is minus infinity; only a softmax may absorb it")
        if self.reading.observable == "probabilities":
            picked = [
                self.build.apply("log_softmax", v, axis=len(v.shape) - 1) for v in picked
            ]
        return picked


class VectorField(torch.nn.Module):
    """The vector field of a flow as a module of (t, x)."""

    def __init__(self, flow: OdeFlow) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return self.flow.field(t, x)


def field_program(
    flow: OdeFlow, shape: tuple[int, ...], root: torch.nn.Module
) -> tuple[Network, list[torch.nn.Parameter]]:
    """The program of a flow's vector field on states of a shape; its inputs are t and x.

    With it come the parameters of the root that the field reads and the flow does not own: they
    are the program's last ones.
    """
    module = VectorField(flow)
    example = (torch.tensor(flow.t0, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64))
    program = exported(module, example, {})
    reader = Reader(module, program, Reading(), root)
    network = reader.read()
    if reader.held or len(network.outputs) != 1 or any(x.classes for x in network.inputs):
        raise CaptureError("it must map (t, x) to one velocity")
    return network, reader.leaves.reached


def _is_complex(x: Any) -> bool:
    return isinstance(x, complex) or isinstance(x, torch.Tensor) and x.is_complex()


def _has(kind: type | tuple[type, ...], leaves: Sequence[Any]) -> bool:
    """Whether a line or token of this kind is among the arguments."""
    return any(isinstance(x, kind) for x in leaves)


def _is_floating(node: Any) -> bool:
    value = node.meta.get("val") if is_node(node) else None
    return isinstance(value, torch.Tensor) and value.is_floating_point()
