"""torch.export (non-strict, decomposed) to a Network; fidelity checked against the module."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from symgauge.capture.skeleton import fake_in_double, has_values, hollow
from symgauge.capture.stabilisers import without_idle_maxima
from symgauge.errors import CaptureError, FlowError, UnsupportedOpError
from symgauge.network.builder import Builder, Value
from symgauge.network.domains.real import RealDomain
from symgauge.network.evaluate import outputs, values
from symgauge.network.program import Constant, Input, Network, Parameter, exact_value
from symgauge.nn.ode_flow import OdeFlow, make_exact, nested_flow, numbered_flows
from symgauge.ops import all_ops, by_overload

#: Composite ops kept whole although torch would decompose them (their branches are rounding).
KEEP = (
    "softplus.default", "silu.default", "log_softmax.int", "gelu.default", "log_sigmoid.default",
    "log_sigmoid_forward.default",
)
#: Ops that only assert something about a tensor, by the start of their names.
DROP = ("_assert_", "sym_constrain_range")
RANDOM = ("rand", "bernoulli", "dropout", "normal", "multinomial", "rrelu")
#: Largest relative difference from the module in float64.
FIDELITY = 1e-7
#: Sizes of the parameters and inputs that they are compared at: smaller where a flow blows up.
SIZES = (1.0, 0.25, 0.05)


@dataclass(frozen=True)
class Captured:
    """A network and what was read off the module."""

    network: Network
    output_names: tuple[str, ...]
    seconds: float = 0.0


def capture(
    module: torch.nn.Module,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    output: str | int | None = None,
    observable: str = "logits",
    check: bool = True,
    meta: bool = False,
) -> Captured:
    """The network that a module computes on inputs of the example's shapes.

    Parameters that require grad are the coordinates; other parameters and buffers are constants.
    Floating inputs are indeterminates; integer and Boolean ones are held at the example.
    `output` picks one output by name or index; `observable="probabilities"` appends log_softmax.

    With `meta` the module is read for its shapes alone, at any size: its parameters need no
    values and are replaced by fake ones in place, constants without values stand in the network
    by name, and the module is not run. The network is then NOT compared with it (there is
    nothing to compare them at), and a maximum that is subtracted for stability alone stays.

    Raises UnsupportedOpError for an op without a rule, CaptureError for a module that cannot be
    read exactly (a branch on data, randomness, NaN, complex or quantised parameters).
    """
    args, kwargs = tuple(args), dict(kwargs or {})
    if not isinstance(module, torch.nn.Module):
        raise CaptureError(f"expected a torch.nn.Module, found {type(module).__name__}")
    _check_parameters(module)
    if meta:
        module, args, kwargs = fake_in_double(module, args, kwargs)
        _check_example(args, kwargs)
        reader = _Reader(module, _export(module, args, kwargs), output, observable)
        return Captured(reader.read(meta=True), tuple(reader.output_names))
    double, args, kwargs = _in_double(module, args, kwargs)
    _check_example(args, kwargs)
    _check_deterministic(double, args, kwargs)
    with numbered_flows(double) as flows:
        program = _export(double, args, kwargs)
    reader = _Reader(double, program, output, observable, flows)
    network = reader.read()
    if check:
        _check_fidelity(double, network, args, kwargs, reader)
    return Captured(network, tuple(reader.output_names))


def capture_field(module: torch.nn.Module, args: Sequence[Any]) -> Network:
    """The program of a vector field, with the inputs t and x.

    `module` is v(t, x) or v(x), the last of `args` an example of x; or a module with one OdeFlow
    in it, whose field is taken, and `args` are the module's.

    Raises what `capture` raises, and CaptureError where flows have several fields.
    """
    if any(isinstance(part, OdeFlow) for part in module.modules()):
        network = capture(module, args).network
        fields = {
            field.digest: field for n in network.nodes
            if n.op is not None and (field := n.op.inner(**n.attrs)) is not None
        }
        if len(fields) != 1:
            raise CaptureError(f"the module has flows of {len(fields)} vector fields; give one")
        return fields.popitem()[1]
    _check_parameters(module)
    flow, args, _ = _in_double(OdeFlow(module), tuple(args), {})
    if not args or not isinstance(args[-1], torch.Tensor):
        raise CaptureError("the last argument of a vector field is a tensor, its state")
    _check_example(args, {})
    return _field_program(flow, tuple(args[-1].shape))


# -- what may come in ----------------------------------------------------------------------------


def _check_parameters(module: torch.nn.Module) -> None:
    for name, p in module.named_parameters():
        if p.is_quantized:
            raise CaptureError(f"parameter {name} is quantised; give the unquantised module")
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


def _in_double(module: torch.nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    """A float64 copy on the CPU: exact arithmetic starts from the widest floats."""
    try:
        double = copy.deepcopy(module).to(device="cpu", dtype=torch.float64)
    except Exception as error:
        raise CaptureError(f"the module cannot be copied to float64 ({_line(error)})") from error
    if nested_flow(double):
        raise CaptureError(
            "a vector field integrates another OdeFlow; take flows one after the other"
        )
    make_exact(double)

    def widen(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            x = x.detach().cpu()
            return x.to(torch.float64) if x.is_floating_point() else x
        return x

    return double, pytree.tree_map(widen, args), pytree.tree_map(widen, kwargs)


def _check_example(args: Any, kwargs: Any) -> None:
    for x in pytree.tree_leaves((args, kwargs)):
        if isinstance(x, torch.Tensor) and not x.numel():
            raise CaptureError("the example holds an empty tensor; give sizes from 1 on")
        if isinstance(x, torch.Tensor) and x.is_complex():
            raise CaptureError("the example holds a complex tensor; give real tensors")
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or not has_values(x):
            continue
        if not (x < math.inf).all():
            raise CaptureError("the example holds NaN or infinity; give finite numbers")


def _run(module: torch.nn.Module, args: Any, kwargs: Any) -> list[torch.Tensor]:
    with torch.no_grad(), _WideFloats():  # type: ignore[no-untyped-call]
        out = module(*args, **kwargs)
    return [x for x in pytree.tree_leaves(out) if isinstance(x, torch.Tensor)]


def _check_deterministic(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
    state = copy.deepcopy(module.state_dict())
    try:
        one, two = _run(module, args, kwargs), _run(module, args, kwargs)
    except Exception as error:
        raise CaptureError(
            f"the module does not run on the example in float64: {_line(error)}"
        ) from error
    finally:
        module.load_state_dict(state)
    if any(not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, two, strict=True)):
        raise _random(module)
    if not any(x.is_floating_point() for x in one):
        raise CaptureError("the module returns no floating tensor")


def _random(module: torch.nn.Module) -> CaptureError:
    dropout = [
        n for n, m in module.named_modules()
        if isinstance(m, torch.nn.modules.dropout._DropoutNd) and m.p > 0 and m.training
    ]
    cause = f"dropout in train mode at {dropout[0] or 'the top'}" if dropout else "randomness"
    return CaptureError(
        f"the module is not deterministic ({cause}); call .eval() on it in the factory"
    )


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:200]


def _export(module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    table = torch.export.default_decompositions()
    for overload in list(table):
        if any(str(overload) == f"aten.{name}" for name in KEEP):
            table.pop(overload, None)
    logger = logging.getLogger("torch")
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        # torch prints a partial graph to standard error before it raises
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, args, kwargs, strict=False)
            return exported.run_decompositions(table)
    except Exception as error:
        text = str(error)
        if "data-dependent" in text or "Could not guard" in text or "bool(" in text:
            raise CaptureError(
                "the module branches on the value of a tensor (a data-dependent branch); "
                "symgauge needs one program for all inputs: write the branch with torch.where "
                "on constants, or hold it fixed in the factory"
            ) from error
        odd = [n for n, _ in module.named_modules() if any(c in n for c in '"\\\n\r')]
        if odd:
            raise CaptureError(
                f"torch.export cannot read a module named {odd[0]!r}: rename it without quotes, "
                "backslashes and line breaks"
            ) from error
        raise CaptureError(f"torch.export cannot read the module: {_line(error)}") from error
    finally:
        logger.setLevel(level)


# -- the graph -----------------------------------------------------------------------------------


class _Reader:
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
        network = self.build.network(self._outputs(result), tuple(self.held))
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
        if value.is_floating_point() and not _is_mask(self._example(node.name)):
            name = node.name
            self.input_places.append((name, node.name))
            return self.build.leaf(Input(name, tuple(value.shape)))
        example = self._example(node.name)
        classes = _classes(node, self.program)
        if classes:
            name = node.name
            self.token_places[name] = classes
            shape = (*value.shape, classes)
            return _Tokens(self.build.leaf(Input(name, shape, classes)))
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
            if not any(isinstance(x, Value) for x in items):
                return node.target(*items)
            raise self._unsupported(node, str(node.target))
        overload = _overload(node.target)
        if overload.startswith(DROP):
            return None
        args = pytree.tree_map(self._resolve, tuple(node.args), is_leaf=_is_node)
        if "index" in overload and len(args) > 1 and isinstance(args[1], list):
            args = (args[0], _without_masks(args[1]), *args[2:])
        kwargs = pytree.tree_map(self._resolve, dict(node.kwargs), is_leaf=_is_node)
        leaves = pytree.tree_leaves((args, kwargs), is_leaf=lambda x: isinstance(x, Value))
        if any(isinstance(x, _Tokens) for x in leaves):
            return self._tokens(overload, args)
        if any(overload.split(".")[0].endswith(word) for word in RANDOM):
            # two runs may agree by luck, so the graph is asked as well
            raise _random(self.module)
        if overload == "ode_flow.default":
            return self._flow(node, args)
        if not any(isinstance(x, Value) for x in leaves):
            if any(isinstance(x, torch.Tensor) and not has_values(x) for x in leaves):
                return self._folded_shape(node, args, kwargs)
            return _folded(node.target, overload, args, kwargs)
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
            raise CaptureError(f"{_path(node)}: {error}") from error
        if isinstance(made, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(made))
        return made

    def _flow(self, node: Any, args: Any) -> Value:
        """An OdeFlow is one line: the exact flow of the program of its vector field."""
        start, parameters, index = args
        flow = self.flows[index]
        try:
            field = _field_program(flow, tuple(start.shape))
        except CaptureError as error:
            raise CaptureError(f"the vector field of {_path(node)}: {error}") from error
        shapes = [tuple(p.shape) for p in parameters]
        if shapes != [p.shape for p in field.parameters]:
            raise CaptureError(
                f"{_path(node)}: the parameters of the vector field were changed while it ran"
            )
        text = json.dumps(field.to_json(), sort_keys=True, separators=(",", ":"))
        return self.build.apply(
            "ode_flow", *self._lift((start, *parameters)), field=text,
            t0=exact_value(flow.t0), t1=exact_value(flow.t1),
        )

    def _tokens(self, overload: str, args: Any) -> Any:
        """What may be done with tokens: other shapes, and rows of a table."""
        if overload in _INDEXING:
            table, index = args[0], args[1][0] if isinstance(args[1], list) else args[1]
            (table,) = self._lift((table,))
            hot = index.one_hot
            flat = self.build.reshape(hot, (math.prod(hot.shape[:-1]), hot.shape[-1]))
            wide = self.build.reshape(table, (table.shape[0], math.prod(table.shape[1:])))
            rows = self.build.apply("matmul", flat, wide)
            return self.build.reshape(rows, (*hot.shape[:-1], *table.shape[1:]))
        hot = args[0].one_hot
        if overload in _SHAPING:
            op = by_overload()["view.default"]
            bare = Value(hot.index, hot.shape[:-1])
            # the shape that the op gives, computed on the places alone
            probe = Builder(all_ops())
            stand_in = probe.leaf(Input("tokens", bare.shape))
            shape = op.capture(probe, overload, stand_in, *args[1:]).shape
            return _Tokens(self.build.reshape(hot, (*shape, hot.shape[-1])))
        return args[0]

    @staticmethod
    def _folded_shape(node: Any, args: Any, kwargs: Any) -> Any:
        """A constant of which the shape alone is known."""
        args, kwargs = (
            pytree.tree_map(lambda x: x.to("meta") if isinstance(x, torch.Tensor) else x, given)
            for given in (args, {k: v for k, v in kwargs.items() if k not in ("device",)})
        )
        try:
            return _folded(node.target, _overload(node.target), args, kwargs)
        except Exception as error:
            raise CaptureError(
                f"{_path(node)} asks {_overload(node.target)} for the values of a constant that "
                "lies on the meta device; give the buffer or input its values"
            ) from error

    @staticmethod
    def _like(overload: str, args: Any) -> torch.Tensor:
        fill = {"f": args[1] if len(args) > 1 else 0.0, "z": 0.0, "o": 1.0, "e": 0.0}[overload[0]]
        return torch.full(args[0].shape, float(fill), dtype=torch.float64)

    def _resolve(self, x: Any) -> Any:
        return self.environment[x] if _is_node(x) else x

    def _lift(self, arguments: Any) -> Any:
        def one(x: Any) -> Any:
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
            f"{_path(node)} uses {overload}, an op without a rule; add it in one file, "
            f"symgauge/ops/{name}.py, or derive a part of the model without it"
        )

    def _outputs(self, result: Any) -> list[Value]:
        # what a module writes into its buffers (running statistics) is no output
        kinds = [s.kind.name for s in self.program.graph_signature.output_specs]
        result = [x for x, kind in zip(result, kinds, strict=True) if kind == "USER_OUTPUT"]
        names = _output_names(self.module, self.program, len(result))
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


def _field_program(flow: OdeFlow, shape: tuple[int, ...]) -> Network:
    """The program of a flow's vector field on states of a shape; its inputs are t and x."""
    module = _Field(flow)
    example = (torch.tensor(flow.t0, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64))
    program = _export(module, example, {})
    reader = _Reader(module, program, None, "logits")
    network = reader.read()
    if reader.held or len(network.outputs) != 1 or any(x.classes for x in network.inputs):
        raise CaptureError("it must map (t, x) to one velocity")
    return network


_LAYOUT = ("dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking")


#: Ops through which tokens stay tokens, and those by which they pick rows of a table.
_SHAPING = ("view.default", "_unsafe_view.default", "reshape.default", "unsqueeze.default")
_PASSING = ("clone.default", "alias.default", "_to_copy.default", "detach.default")
_INDEXING = ("embedding.default", "index.Tensor")


@dataclass(frozen=True)
class _Tokens:
    """An integer input that does nothing but pick rows, as one-hot vectors."""

    one_hot: Value


def _classes(node: Any, program: Any) -> int:
    """Rows of the tables that an integer input picks from; 0 where it does anything else."""
    found: set[int] = set()
    stack, seen = [node], set()
    while stack:
        current = stack.pop()
        for user in current.users:
            if user in seen or user.op == "output":
                if user.op == "output":
                    return 0
                continue
            seen.add(user)
            overload = _overload(user.target) if hasattr(user.target, "_schema") else ""
            if overload in _SHAPING + _PASSING:
                stack.append(user)
            elif overload in _INDEXING and _picks_rows(user, current):
                found.add(int(user.args[0].meta["val"].shape[0]))
            elif not overload.startswith(DROP):
                return 0
    return found.pop() if len(found) == 1 and min(found) > 1 else 0


def _picks_rows(user: Any, index: Any) -> bool:
    given = user.args[1]
    if isinstance(given, (list, tuple)):
        return len(given) == 1 and given[0] is index and user.args[0].op == "placeholder"
    return given is index and user.args[0].op == "placeholder"


def _is_node(x: Any) -> bool:
    return isinstance(x, torch.fx.Node)


def _folded(target: Any, overload: str, args: Any, kwargs: Any) -> Any:
    """A constant, in float64 where floats are narrower: casts between them are dropped."""
    kwargs = {k: v for k, v in kwargs.items() if k != "pin_memory"}
    with _WideFloats():  # type: ignore[no-untyped-call]
        value = target(*args, **kwargs)
    # memory that is read nowhere may hold anything; 0 makes the program reproducible
    return torch.zeros_like(value) if overload.startswith(("empty", "new_empty")) else value


def _without_masks(indices: list[Any]) -> list[Any]:
    """A Boolean index as the places where it holds, one tensor for each of its axes."""
    out: list[Any] = []
    for i in indices:
        mask = isinstance(i, torch.Tensor) and i.dtype == torch.bool
        if mask and not has_values(i):
            raise CaptureError("an index is a mask on the meta device; give it its values")
        out += i.nonzero(as_tuple=True) if mask else [i]
    return out


class _WideFloats(TorchDispatchMode):
    """Every cast to a narrower float becomes one to float64: exact arithmetic has no casts."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        wide = {
            k: torch.float64 if v in (torch.float32, torch.float16, torch.bfloat16) else v
            for k, v in (kwargs or {}).items()
        }
        if func is torch.ops.aten._grouped_mm.default:
            return _grouped_mm(*args[:3])
        return func(*args, **wide)


def _grouped_mm(x: torch.Tensor, w: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Consecutive rows times a matrix of their group: torch's own takes no float64."""
    ends = [0, *offsets.tolist()]
    return torch.cat([x[a:b] @ w[g] for g, (a, b) in enumerate(zip(ends, ends[1:]))])


def _is_mask(example: torch.Tensor) -> bool:
    """Whether an input is an attention mask: it holds minus infinity. Held at the example."""
    return has_values(example) and bool((example == -math.inf).any())


def _overload(target: Any) -> str:
    name = target._schema.name.split("::")[1]
    return f"{name}.{target._schema.overload_name or 'default'}"


def _path(node: Any) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = list(stack.values())[-1] if stack else ("", "module")
    kind = kind if isinstance(kind, str) else kind.__name__
    return f"{path or 'the module'} ({kind.rpartition('.')[2]})"


def _output_names(module: torch.nn.Module, program: Any, count: int) -> list[str]:
    """Names of a mapping's or model output's fields, else indices."""
    try:
        spec = program.call_spec.out_spec
        dummy = pytree.tree_unflatten(list(range(count)), spec)
        paths = pytree.tree_flatten_with_path(dummy)[0]
        names = {leaf: str(getattr(path[-1], "key", getattr(path[-1], "name", leaf)))
                 for path, leaf in paths if path}
        return [names.get(i, str(i)) for i in range(count)]
    except Exception:
        return [str(i) for i in range(count)]


# -- fidelity ------------------------------------------------------------------------------------


def _check_fidelity(
    module: torch.nn.Module, network: Network, args: Any, kwargs: Any, reader: _Reader
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
    module: torch.nn.Module, network: Network, args: Any, kwargs: Any, reader: _Reader,
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
            if isinstance(x, torch.Tensor) and x.is_floating_point() and not _is_mask(x) else x
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
            if isinstance(x, torch.Tensor) and x.is_floating_point() and not _is_mask(x)
        ]
        inputs = {
            name: x.numpy()[None] for (name, _), x in zip(reader.input_places, tensors, strict=True)
        } | tokens
        with torch.no_grad(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with _WideFloats():  # type: ignore[no-untyped-call]
                expected_all = pytree.tree_leaves(module(*new_args, **new_kwargs))
            lines = values(network.lowered, RealDomain(), parameters, inputs)
        got = outputs(network.lowered, lines)
        for i, value in zip(reader.picked, got, strict=True):
            expected = expected_all[i].to(torch.float64)
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
