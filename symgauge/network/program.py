"""The program: named parameters, inputs, exact constants and op nodes in order of evaluation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.errors import BadInputError, CaptureError
from symgauge.exact.rational import rational
from symgauge.network.op import AbstractOp, NodeOp, Primitive, Shape

#: A float is read as this small a fraction where it round-trips, else as its dyadic value.
SMALL_DENOMINATOR = 1000
SHORT_DECIMAL = 6
#: What a program says of a constant that floats have rounded: a hypothesis of all claims about it.
ROUNDED = "constants made by {op} are the floats' exact values"
#: Functions whose values at rational numbers each domain knows (`Domain.at`).
FUNCTIONS_OF_CONSTANTS = ("exp", "log", "erf", "sin", "cos", "rsqrt")
#: Entries of one line of a program that is read from plain data: nothing larger is evaluated.
MAX_ENTRIES = 1 << 26


def exact_value(value: float) -> Fraction:
    """The rational that a folded float stands for: small fraction, short decimal, else dyadic.

    >>> exact_value(1 / 3), exact_value(1e-5), exact_value(0.5 ** 0.5).denominator
    (Fraction(1, 3), Fraction(1, 100000), 9007199254740992)
    """
    dyadic = Fraction(value)
    small = dyadic.limit_denominator(SMALL_DENOMINATOR)
    if float(small) == value:
        return small
    decimal = Fraction(repr(float(value)))
    digits = len(str(abs(decimal.numerator)).rstrip("0"))
    return decimal if digits <= SHORT_DECIMAL and float(decimal) == value else dyadic


@dataclass(frozen=True)
class Constant:
    """An array of exact rationals: a table of distinct values and an index array."""

    table: tuple[Fraction, ...]
    index: npt.NDArray[np.int64]
    #: Names a constant of which the shape alone is known (a module read without its values).
    unknown: str = ""

    @staticmethod
    def without_values(name: str, shape: Sequence[int]) -> Constant:
        """A constant of which the shape alone is known: no memory, and asking for it is an error.

        Two of them are the same only if their names are.
        """
        return Constant((), np.broadcast_to(np.int64(0), tuple(shape)), name)

    def require_values(self) -> None:
        """Raise CaptureError where the shape alone is known."""
        if self.unknown:
            raise CaptureError(
                f"the values of a constant of shape {self.shape} are asked for, and the module was "
                "read for its shapes alone; give the buffer, frozen parameter or input its values"
            )

    @staticmethod
    def from_floats(values: npt.NDArray[np.float64]) -> Constant:
        """Each float read by `exact_value`."""
        distinct, index = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
        table = tuple(exact_value(v) for v in distinct.tolist())
        return Constant(table, index.reshape(np.shape(values)).astype(np.int64))

    @property
    def shape(self) -> Shape:
        """Shape of the array."""
        return tuple(self.index.shape)

    def floats(self) -> npt.NDArray[np.float64]:
        """The nearest floats. Raises CaptureError where the values are not known."""
        self.require_values()
        return np.array([float(v) for v in self.table], dtype=np.float64)[self.index]

    def objects(self) -> npt.NDArray[np.object_]:
        """The exact values as an object array of Fractions."""
        self.require_values()
        out = np.empty(self.shape, dtype=object)
        out.reshape(-1)[:] = [self.table[i] for i in self.index.ravel().tolist()]
        return out

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """A hashable identity."""
        if self.unknown:
            return self.unknown, self.shape
        return self.table, self.shape, self.index.tobytes()


@dataclass(frozen=True)
class Parameter:
    """A named parameter tensor of the module. `read` marks the coordinates that an output reads."""

    name: str
    shape: Shape

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return prod(self.shape)


@dataclass(frozen=True)
class Input:
    """An input tensor: indeterminates, or one-hot vectors over `classes` (tokens).

    The last axis of a one-hot input numbers the classes; which one is 1 ranges over all.
    """

    name: str
    shape: Shape
    classes: int = 0


Leaf = Parameter | Input | Constant


@dataclass(frozen=True)
class Node:
    """One line of the program: a leaf, or an op applied to earlier lines."""

    op: NodeOp | None
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: Shape
    leaf: Leaf | None = None

    @property
    def label(self) -> str:
        """The op's name, or the leaf's."""
        if self.op is not None:
            return self.op.name
        assert self.leaf is not None
        return "constant" if isinstance(self.leaf, Constant) else self.leaf.name


@dataclass(frozen=True)
class Network:
    """An immutable program. Values have no batch axis here; domains add one in front."""

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    #: The ops by name, so that composites can be expanded.
    ops: Mapping[str, AbstractOp] = field(repr=False, compare=False)
    #: Statements about what was held fixed at capture, part of every scope.
    held: tuple[str, ...] = field(default=())

    @cached_property
    def parameter_nodes(self) -> tuple[int, ...]:
        """Positions of the parameters."""
        return tuple(i for i, n in enumerate(self.nodes) if isinstance(n.leaf, Parameter))

    @cached_property
    def input_nodes(self) -> tuple[int, ...]:
        """Positions of the inputs."""
        return tuple(i for i, n in enumerate(self.nodes) if isinstance(n.leaf, Input))

    @cached_property
    def is_constant(self) -> tuple[bool, ...]:
        """Which lines depend on no parameter and no input."""
        out: list[bool] = []
        for n in self.nodes:
            out.append(isinstance(n.leaf, Constant) or (
                n.op is not None and all(out[j] for j in n.inputs)))
        return tuple(out)

    @cached_property
    def arguments(self) -> Mapping[int, Constant]:
        """The argument of each function of rational constants (exp 1, sqrt 2), by line."""
        return self._functions_of_constants[0]

    @cached_property
    def rounded(self) -> tuple[str, ...]:
        """Those of its statements that say that constants were rounded."""
        parts = ROUNDED.split("{op}")
        return tuple(
            s for s in self.held if s.startswith(parts[0]) and s.endswith(parts[1]))

    @cached_property
    def nested(self) -> tuple[str, ...]:
        """The functions of constants that are not rational, such as exp of exp 1."""
        return self._functions_of_constants[1]

    @cached_property
    def _functions_of_constants(self) -> tuple[Mapping[int, Constant], tuple[str, ...]]:
        from symgauge.network.domains.known import KnownDomain

        found = {
            i: n.inputs[0] for i, n in enumerate(self.nodes)
            if self.is_constant[i] and n.op is not None and n.op.name in FUNCTIONS_OF_CONSTANTS
        }
        lines, domain = KnownDomain().lines(self, found.values()), KnownDomain()
        known: dict[int, Constant] = {}
        nested: list[str] = []
        for i, j in found.items():
            argument = domain.as_constant(lines[j])
            if argument is None:
                nested.append(self.nodes[i].label)
            else:
                known[i] = argument
        return known, tuple(sorted(set(nested)))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in the module's order."""
        return tuple(self.nodes[i].leaf for i in self.parameter_nodes)  # type: ignore[misc]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs."""
        return tuple(self.nodes[i].leaf for i in self.input_nodes)  # type: ignore[misc]

    @property
    def num_coordinates(self) -> int:
        """Number of parameter coordinates, unread ones included."""
        return sum(p.size for p in self.parameters)

    @cached_property
    def offsets(self) -> dict[str, int]:
        """First coordinate of each parameter in the flat parameter vector."""
        table, start = {}, 0
        for p in self.parameters:
            table[p.name] = start
            start += p.size
        return table

    def fixed(self, values: Mapping[str, Fraction]) -> Network:
        """The same program with some parameters held at one number each."""
        nodes = tuple(
            Node(None, (), {}, n.shape, Constant(
                (values[n.leaf.name],), np.zeros(n.shape, dtype=np.int64)))
            if isinstance(n.leaf, Parameter) and n.leaf.name in values else n
            for n in self.nodes
        )
        return Network(nodes, self.outputs, self.ops, self.held)

    @cached_property
    def lowered(self) -> Network:
        """The same function by primitives alone."""
        from symgauge.network.builder import Builder, Value

        if all(n.op is None or isinstance(n.op, Primitive) for n in self.nodes):
            return self
        build = Builder(self.ops)
        moved: list[Value] = []
        for node in self.nodes:
            if node.op is None:
                moved.append(build.leaf(node.leaf))  # type: ignore[arg-type]
                continue
            xs = [moved[i] for i in node.inputs]
            moved.append(build.lower(node.op, xs, node.attrs))
        return build.network([moved[i] for i in self.outputs], self.held)

    @cached_property
    def has_flows(self) -> bool:
        """Whether a line is the flow of a vector field."""
        return any(n.op is not None and n.op.inner(**n.attrs) is not None for n in self.nodes)

    @cached_property
    def germ(self) -> Network:
        """The lowered program with flows of duration 0: the constant terms of its power series.

        A flow's line is its start. The lines of its vector field, evaluated there, stand before
        it in their order, and the velocity is one more output. Equal lines are not shared:
        branches are met in the same order as in the program.
        """
        lowered = self.lowered
        if not lowered.has_flows:
            return lowered
        nodes: list[Node] = []
        moved: list[int] = []
        velocities: list[int] = []

        def put(node: Node, inputs: tuple[int, ...]) -> int:
            nodes.append(Node(node.op, inputs, node.attrs, node.shape, node.leaf))
            return len(nodes) - 1

        for node in lowered.nodes:
            at = tuple(moved[j] for j in node.inputs)
            inner = None if node.op is None else node.op.inner(**node.attrs)
            if inner is None:
                moved.append(put(node, at))
                continue
            field = inner.lowered
            given = {
                i: at[k + 1] for k, i in enumerate(field.parameter_nodes)
            } | {
                i: at[0] for i, x in zip(field.input_nodes, field.inputs, strict=True)
                if x.name == "x"
            }
            own: list[int] = []
            start = Constant((node.attrs["t0"],), np.zeros((), dtype=np.int64))
            for i, line in enumerate(field.nodes):
                if isinstance(line.leaf, Input) and line.leaf.name == "t":
                    own.append(put(Node(None, (), {}, (), start), ()))
                else:
                    known = given.get(i)
                    own.append(put(line, tuple(own[j] for j in line.inputs))
                               if known is None else known)
            velocities.append(own[field.outputs[0]])
            moved.append(at[0])
        outputs = (*(moved[i] for i in lowered.outputs), *velocities)
        return Network(tuple(nodes), outputs, self.ops, self.held)

    @property
    def piecewise(self) -> bool:
        """Whether a branch is decided somewhere: each cell has formulas of its own."""
        return any(isinstance(n.op, Primitive) and n.op.branches for n in self.germ.nodes)

    def uses(self, name: str) -> bool:
        """Whether an op of this name stands in the lowered program or in a field's."""
        return any(n.op is not None and n.op.name == name for n in self.germ.nodes)

    def to_json(self) -> dict[str, Any]:
        """Plain data; exact numbers as strings."""
        return {
            "nodes": [_node_to_json(n) for n in self.nodes],
            "outputs": list(self.outputs),
            "held": list(self.held),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], ops: Mapping[str, AbstractOp]) -> Network:
        """The network that `to_json` wrote; shapes are computed anew, never trusted.

        Raises BadInputError on data that is no network.
        """
        from symgauge.network.sampling import read_coordinates

        try:
            nodes: list[Node] = []
            for entry in data["nodes"]:
                nodes.append(_node_from_json(entry, nodes, ops))
            outputs = tuple(_integer(i) for i in data["outputs"])
            if not outputs or not all(0 <= i < len(nodes) for i in outputs):
                raise ValueError("outputs out of range")
            network = Network(tuple(nodes), outputs, ops, tuple(str(s) for s in data["held"]))
            # one pass over every line: a missing attribute or a wrong number of inputs shows here
            read_coordinates(network)
        except _MALFORMED as error:
            raise BadInputError(f"this is not the network of a certificate: {error}") from error
        names = [p.name for p in network.parameters]
        if len(set(names)) != len(names):
            raise BadInputError("this is not the network of a certificate: a parameter twice")
        return network

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON text."""
        return canonical_digest(self.to_json())


#: What plain data that is no network may raise while it is read.
_MALFORMED = (
    AssertionError, AttributeError, IndexError, KeyError, MemoryError, OverflowError, TypeError,
    ValueError, ZeroDivisionError,
)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no integer")
    return value


def canonical_digest(data: Any) -> str:
    """SHA-256 of plain data, independent of key order and spacing."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _attr_to_json(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, tuple):
        return [_attr_to_json(v) for v in value]
    return value


def _attr_from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_attr_from_json(v) for v in value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, str))):
        raise ValueError(f"attribute {value!r}")
    return value


def _node_to_json(node: Node) -> dict[str, Any]:
    if isinstance(node.leaf, Constant):
        node.leaf.require_values()
        index = node.leaf.index.ravel().tolist()
        return {
            "constant": [str(v) for v in node.leaf.table],
            "index": index if len(node.leaf.table) > 1 else [],
            "shape": list(node.shape),
        }
    if node.leaf is not None:
        if isinstance(node.leaf, Parameter):
            return {"parameter": node.leaf.name, "shape": list(node.shape)}
        return {
            "input": node.leaf.name, "shape": list(node.shape), "classes": node.leaf.classes,
        }
    assert node.op is not None
    return {
        "op": node.op.name,
        "inputs": list(node.inputs),
        "attrs": {k: _attr_to_json(v) for k, v in sorted(node.attrs.items())},
        "shape": list(node.shape),
    }


def _node_from_json(
    entry: Mapping[str, Any], nodes: list[Node], ops: Mapping[str, AbstractOp]
) -> Node:
    shape = tuple(_integer(n) for n in entry["shape"])
    if any(n < 0 for n in shape):
        raise ValueError("negative size")
    if prod(shape) > MAX_ENTRIES:
        raise ValueError(f"a line of shape {shape}: above {MAX_ENTRIES} entries")
    if "constant" in entry:
        table = tuple(rational(v) for v in entry["constant"])
        index = np.array([_integer(i) for i in entry["index"]], dtype=np.int64)
        if len(table) == 1 and index.size == 0:
            index = np.zeros(shape, dtype=np.int64)
        index = index.reshape(shape)
        if index.size and not (0 <= index.min() and index.max() < len(table)):
            raise ValueError("constant index out of range")
        return Node(None, (), {}, shape, Constant(table, index))
    if "parameter" in entry:
        return Node(None, (), {}, shape, Parameter(str(entry["parameter"]), shape))
    if "input" in entry:
        classes = _integer(entry["classes"])
        if classes and (not shape or shape[-1] != classes or classes < 2):
            raise ValueError(f"a one-hot input of shape {shape} over {classes} classes")
        return Node(None, (), {}, shape, Input(str(entry["input"]), shape, classes))
    found = ops[str(entry["op"])]
    if not isinstance(found, NodeOp):
        raise ValueError(f"{entry['op']} is no op of a program")
    inputs = tuple(_integer(i) for i in entry["inputs"])
    if not all(0 <= i < len(nodes) for i in inputs):
        raise ValueError("an op reads a later line")
    attrs = {
        k: rational(v) if k in found.rational_attrs else _attr_from_json(v)
        for k, v in entry["attrs"].items()
    }
    computed = found.shape(*(nodes[i].shape for i in inputs), **attrs)
    if computed != shape:
        raise ValueError(f"{found.name} has shape {computed}, not {shape}")
    return Node(found, inputs, attrs, shape)
