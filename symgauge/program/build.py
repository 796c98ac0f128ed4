"""Builds a program line by line: equal lines are shared, composites may be lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.program.array import Shape
from symgauge.program.constant import Constant
from symgauge.program.leaf import Leaf
from symgauge.program.network import Network, Node
from symgauge.program.op import AbstractOp, Composite, NodeOp, Structural
from symgauge.program.writer import Value, Writer


class Builder(Writer):
    """Collects nodes. `ops` maps names to ops; composites may use any of them."""

    def __init__(self, ops: Mapping[str, AbstractOp]) -> None:
        self._ops = ops
        self._nodes: list[Node] = []
        self._known: dict[Any, int] = {}
        #: Statements on how the module is read, part of every scope.
        self.notes: dict[str, None] = {}

    def note(self, statement: str) -> None:
        """State how something of the module is read."""
        self.notes[statement] = None

    def leaf(self, leaf: Leaf) -> Value:
        """A parameter, an input or a constant."""
        key = ("constant", leaf.key) if isinstance(leaf, Constant) else leaf
        return self._append(key, Node(None, (), {}, leaf.shape, leaf))

    def apply(self, name: str, *xs: Value, **attrs: Any) -> Value:
        """A node of the named op; shared with an equal earlier one."""
        op = self._ops[name]
        assert isinstance(op, NodeOp), name
        if any(x.kept is not None for x in xs):
            if isinstance(op, Structural):
                return self._moved_marks(name, xs, **attrs)
            raise CaptureError(
                f"minus infinity enters {name} at places that a branch decides; only a softmax "
                "may absorb it, at once"
            )
        shape = op.shape(*(x.shape for x in xs), **attrs)
        inputs = tuple(x.index for x in xs)
        key = (name, inputs, tuple(sorted(attrs.items())))
        value = self._append(key, Node(op, inputs, attrs, shape))
        masks = [x.minus_infinity for x in xs]
        if any(m is not None for m in masks):
            filled = [
                np.zeros(x.shape, dtype=bool) if m is None else m
                for x, m in zip(xs, masks, strict=True)
            ]
            mask = op.minus_infinity(filled, **attrs)
            if mask is not None and mask.any():
                return Value(value.index, shape, mask)
        return value

    def _moved_marks(self, name: str, xs: Sequence[Value], **attrs: Any) -> Value:
        """An op that moves entries, of values and of what keeps them alike."""
        kept = []
        for x in xs:
            if x.kept is not None:
                kept.append(self.value(x.kept))
            else:
                mask = x.minus_infinity
                kept.append(self.full(1, x.shape) if mask is None else self.floats(~mask))
        value = self.apply(name, *(Value(x.index, x.shape) for x in xs), **attrs)
        return Value(value.index, value.shape, kept=self.apply(name, *kept, **attrs).index)

    def lower(self, op: NodeOp, xs: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
        """The op by primitives alone, composites inside composites included."""
        if not isinstance(op, Composite):
            return self.apply(op.name, *xs, **attrs)
        inner = _Lowering(self)
        return op.expand(inner, *xs, **attrs)

    def shape_of(self, index: int) -> Shape:
        """Shape of a line."""
        return self._nodes[index].shape

    def node(self, value: Value) -> Node:
        """The line behind a value."""
        return self._nodes[value.index]

    def value(self, index: int) -> Value:
        """The value of a line that carries no mark."""
        return Value(index, self._nodes[index].shape)

    def _append(self, key: Any, node: Node) -> Value:
        known = self._known.get(key)
        if known is None:
            known = len(self._nodes)
            self._known[key] = known
            self._nodes.append(node)
        return Value(known, node.shape)

    def network(self, outputs: Sequence[Value], held: tuple[str, ...] = ()) -> Network:
        """The program, without lines that no output and no leaf needs.

        Parameters and inputs stay, in their order, used or not.
        """
        return self._network([v.index for v in outputs], [
            i for i, n in enumerate(self._nodes)
            if n.leaf is not None and not isinstance(n.leaf, Constant)], held)

    def line_alone(self, value: Value) -> Network:
        """The program of a line without what it does not need."""
        return self._network([value.index], [], ())

    def _network(
        self, outputs: Sequence[int], needed: Sequence[int], held: tuple[str, ...]
    ) -> Network:
        keep = set()
        stack = [*outputs, *needed]
        while stack:
            i = stack.pop()
            if i not in keep:
                keep.add(i)
                stack.extend(self._nodes[i].inputs)
        position = {old: new for new, old in enumerate(sorted(keep))}
        nodes = tuple(
            Node(n.op, tuple([position[j] for j in n.inputs]), n.attrs, n.shape, n.leaf)
            for n in (self._nodes[i] for i in position)
        )
        return Network(nodes, tuple(position[i] for i in outputs), self._ops, held)


def rebuilt(
    network: Network, instead: Callable[[Builder, list[Value], int], Value | None]
) -> Network:
    """The network with another value for some lines: `instead` of line i, given those before it."""
    build = Builder(network.ops)
    moved: list[Value] = []
    for i, node in enumerate(network.nodes):
        value = instead(build, moved, i)
        if value is None and node.leaf is not None:
            value = build.leaf(node.leaf)
        elif value is None:
            value = build.apply(node.op_name, *(moved[j] for j in node.inputs), **node.attrs)
        moved.append(value)
    return build.network([moved[i] for i in network.outputs], network.held)


class _Lowering(Builder):
    """A view of a builder on which composites are expanded as they are asked for."""

    def __init__(self, target: Builder) -> None:
        self._ops, self._nodes, self._known = target._ops, target._nodes, target._known
        self.notes = target.notes

    def apply(self, name: str, *xs: Value, **attrs: Any) -> Value:
        op = self._ops[name]
        assert isinstance(op, NodeOp), name
        if isinstance(op, Composite):
            return op.expand(self, *xs, **attrs)
        return super().apply(name, *xs, **attrs)
