"""The program: named parameters, inputs, exact constants and op nodes in order of evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from symgauge.program.array import Shape
from symgauge.program.constant import Constant, is_float
from symgauge.program.leaf import Input, Leaf, Parameter
from symgauge.program.op import AbstractOp, NodeOp

#: What a program says of a constant that floats have rounded: a hypothesis of all claims about it.
ROUNDED = "constants made by {op} are the floats' exact values"
#: What a program says where the time of a field was integrated.
CLOCKS = "durations are what the flows' own clocks count from t0 to t1"


@dataclass(frozen=True)
class Node:
    """One line of the program: a leaf, or an op applied to earlier lines."""

    op: NodeOp | None
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: Shape
    leaf: Leaf | None = None

    @property
    def op_name(self) -> str:
        """The op's name; "" for a leaf, whose own name may be that of an op."""
        return "" if self.op is None else self.op.name

    @property
    def label(self) -> str:
        """The op's name, or the leaf's."""
        if self.op is not None:
            return self.op.name
        assert self.leaf is not None
        return "constant" if isinstance(self.leaf, Constant) else self.leaf.name

    @cached_property
    def body(self) -> Network | None:
        """The program of the vector field whose flow the line is; None for any other line."""
        found = None if self.op is None else self.op.body(**self.attrs)
        assert found is None or isinstance(found, Network)
        return found


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
    def root_lines(self) -> tuple[int, ...]:
        """Lines that take a root of their input, among primitives."""
        return tuple(i for i, n in enumerate(self.nodes) if n.op is not None and n.op.takes_root)

    @cached_property
    def is_constant(self) -> tuple[bool, ...]:
        """Which lines depend on no parameter and no input."""
        out: list[bool] = []
        for n in self.nodes:
            out.append(isinstance(n.leaf, Constant) or (
                n.op is not None and all(out[j] for j in n.inputs)))
        return tuple(out)

    @cached_property
    def reached(self) -> tuple[bool, ...]:
        """Which lines depend on an input."""
        out: list[bool] = []
        for n in self.nodes:
            out.append(isinstance(n.leaf, Input) or any(out[j] for j in n.inputs))
        return tuple(out)

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """The lines that read each line, ascending."""
        out: list[list[int]] = [[] for _ in self.nodes]
        for i, n in enumerate(self.nodes):
            for j in dict.fromkeys(n.inputs):
                out[j].append(i)
        return tuple(map(tuple, out))

    @cached_property
    def holds_floats(self) -> bool:
        """Whether a constant or an attribute is a float's dyadic value, read as no short number."""
        numbers = [v for n in self.nodes for v in n.attrs.values() if isinstance(v, Fraction)]
        tables = [n.leaf.table for n in self.nodes if isinstance(n.leaf, Constant)]
        return any(is_float(v) for table in (numbers, *tables) for v in table)

    @cached_property
    def rounded(self) -> tuple[str, ...]:
        """Those of its statements that say that constants were rounded."""
        parts = ROUNDED.split("{op}")
        return tuple(
            s for s in self.held if s.startswith(parts[0]) and s.endswith(parts[1]))

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

    @cached_property
    def added(self) -> Mapping[str, Fraction]:
        """What is added to parameters to give their coordinates, where it is not 0."""
        return {p.name: p.added for p in self.parameters if p.added}

    @cached_property
    def added_at(self) -> Mapping[int, Fraction]:
        """The same by coordinate."""
        return {
            k: p.added for p in self.parameters if p.added
            for k in range(self.offsets[p.name], self.offsets[p.name] + p.size)}

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The parameters that are values of a tensor of the module, and that tensor."""
        return {p.name: p.of for p in self.parameters if p.of}

    @property
    def said_of_values(self) -> tuple[str, ...]:
        """What a program with such parameters says of them, once."""
        names, of = ", ".join(self.values), ", ".join(self.values.values())
        return (f"coordinates are {names} in place of {of}",) if names else ()

    @cached_property
    def values_at(self) -> frozenset[int]:
        """Their coordinates."""
        return frozenset(
            k for p in self.parameters if p.of
            for k in range(self.offsets[p.name], self.offsets[p.name] + p.size))

    @property
    def plain(self) -> Network:
        """The same program with its coordinates for parameters."""
        nodes = tuple(
            replace(n, leaf=replace(n.leaf, added=Fraction(0)))
            if isinstance(n.leaf, Parameter) else n for n in self.nodes)
        return replace(self, nodes=nodes)

    def fixed(self, values: Mapping[str, Fraction]) -> Network:
        """The same program with some parameters' coordinates held at one number each."""
        nodes = tuple(
            Node(None, (), {}, n.shape, Constant(
                (values[n.leaf.name],), np.zeros(n.shape, dtype=np.int64)))
            if isinstance(n.leaf, Parameter) and n.leaf.name in values else n
            for n in self.nodes
        )
        return Network(nodes, self.outputs, self.ops, self.held)

    def renamed(self, names: Mapping[str, str]) -> Network:
        """The same program with other names for some parameters."""
        nodes = tuple(
            replace(n, leaf=replace(n.leaf, name=names.get(n.leaf.name, n.leaf.name)))
            if isinstance(n.leaf, Parameter) else n for n in self.nodes)
        return replace(self, nodes=nodes)

    @cached_property
    def has_flows(self) -> bool:
        """Whether a line is the flow of a vector field."""
        return any(n.body is not None for n in self.nodes)
