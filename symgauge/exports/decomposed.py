"""An exported program in ATen's core ops: pieces that many layers have alike are decomposed once.

torch traces the whole program again to decompose it. A piece may be decomposed by itself: a call
that changes nothing in place, or a run of calls from where a tensor is made to where it is last
changed. All different pieces go through torch's own decomposition together, as one program; what
it makes of a piece stands wherever the piece does. What is no such piece is left to torch whole.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree

#: What an op is decomposed by.
Table = dict[Any, Callable[..., Any]]
#: Pieces for each different one from which on it is worth while.
REPEATED = 3


class Whole(Exception):
    """A program that is left to torch."""


@dataclass(frozen=True)
class Decomposed:
    """What is read of an exported program."""

    graph: torch.fx.Graph
    graph_signature: Any
    state_dict: Mapping[str, torch.Tensor]
    constants: Mapping[str, Any]
    example_inputs: Any
    call_spec: Any


def decomposed(program: Any, table: Table) -> Any:
    """The program in the ops that a table leaves."""
    try:
        pieces = list(_pieces(program))
        different = {piece.key: piece for piece in pieces}
        if len(pieces) < REPEATED * len(different):
            raise Whole
        bodies = bodies_of(list(different.values()), table)
        graph = _joined(program, pieces, dict(zip(different, bodies, strict=True)))
    except Whole:
        return program.run_decompositions(table)
    return Decomposed(
        graph, program.graph_signature, program.state_dict, program.constants,
        program.example_inputs, program.call_spec)


# -- pieces --------------------------------------------------------------------------------------


@dataclass
class Piece:
    """Calls in order, what they read of others, and those of them that others read."""

    nodes: list[Any]
    inputs: list[Any]
    outputs: list[Any]
    key: Any


def _pieces(program: Any) -> Iterator[Piece]:
    """The calls of a program, those together between which tensors change. Raises Whole."""
    order = [n for n in program.graph.nodes if n.op == "call_function"]
    place = {n: k for k, n in enumerate(order)}
    runs = dict(_runs(order, place))
    k = 0
    while k < len(order):
        stop = runs.get(k, k + 1)
        nodes = order[k:stop]
        while stop < len(order) and order[stop].target is operator.getitem:
            nodes.append(order[stop])  # parts of a result stay with it
            stop += 1
        yield _piece(nodes)
        k = stop


def _runs(order: Sequence[Any], place: Mapping[Any, int]) -> Iterator[tuple[int, int]]:
    """From where a tensor is made to where it is last changed; runs that meet are one."""
    root: dict[Any, Any] = {}
    ends: dict[int, int] = {}
    for k, node in enumerate(order):
        if not isinstance(node.target, torch._ops.OpOverload):
            if node.target is operator.getitem:
                root[node] = root.get(node.args[0], node)
            continue
        schema = node.target._schema
        if any(x.is_write for x in schema.arguments[len(node.args):]):
            raise Whole
        for argument, x in zip(schema.arguments, node.args):
            if argument.alias_info is None:
                continue
            for y in pytree.tree_leaves(x):
                made = root.get(y, y)
                if argument.alias_info.is_write:
                    if made not in place:
                        raise Whole  # it was there before
                    ends[place[made]] = k + 1
                root[node] = made
    start = stop = 0
    for k in sorted(ends):
        if k >= stop:
            if stop:
                yield start, stop
            start = k
        stop = max(stop, ends[k])
    if stop:
        yield start, stop


def _piece(nodes: list[Any]) -> Piece:
    """Raises Whole where a call is not known by what it reads."""
    own = {n: k for k, n in enumerate(nodes)}
    inputs: dict[Any, int] = {}

    def name(x: Any) -> Any:
        if not isinstance(x, torch.fx.Node):
            return type(x).__name__, repr(x)
        if x in own:
            return "own", own[x]
        if x.op == "get_attr":
            return "module", x.target
        value = x.meta.get("val")
        if not isinstance(value, torch.Tensor):
            raise Whole
        number = inputs.setdefault(x, len(inputs))
        return number, tuple(value.shape), value.stride(), value.dtype, value.device

    calls = []
    for node in nodes:
        if not (isinstance(node.target, torch._ops.OpOverload) or node.target is operator.getitem
                or getattr(node.target, "__name__", "") == "wrap_with_set_grad_enabled"):
            raise Whole
        leaves, spec = pytree.tree_flatten(
            (tuple(node.args), dict(node.kwargs)), is_leaf=lambda x: isinstance(x, torch.fx.Node))
        calls.append((str(node.target), str(spec), tuple(map(name, leaves))))
    outputs = [n for n in nodes if any(u not in own for u in n.users)]
    return Piece(nodes, list(inputs), outputs, (tuple(calls), tuple(own[n] for n in outputs)))


# -- bodies --------------------------------------------------------------------------------------


@dataclass
class Body:
    """What stands for a piece: nodes from those that it is given to those that it tells."""

    given: list[Any]
    nodes: list[Any]
    told: list[Any]


class _Pieces(torch.nn.Module):
    """All pieces side by side, each on tensors of its own."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        given, out = iter(tensors), []
        for piece in self.pieces:
            known = {x: next(given) for x in piece.inputs}
            for node in piece.nodes:
                known[node] = _called(node, known)
            out += [known[n] for n in piece.outputs]
        return out


def _called(node: Any, known: Mapping[Any, object]) -> Any:
    def value(x: Any) -> Any:
        if isinstance(x, torch.fx.Node) and x.op == "get_attr":
            return getattr(x.graph.owning_module, str(x.target))
        return known[x] if isinstance(x, torch.fx.Node) else x

    args, kwargs = torch.fx.node.map_aggregate((node.args, node.kwargs), value)
    if not isinstance(node.target, torch._ops.OpOverload) and node.target is not operator.getitem:
        _, inner, *args = args  # a part without gradients
        return inner(*args)
    return node.target(*args, **kwargs)


def bodies_of(pieces: Sequence[Piece], table: Table) -> list[Body]:
    """What torch makes of the pieces. Raises Whole where one needs more than it is given."""
    if not all(isinstance(n.meta["val"], torch.Tensor) for p in pieces for n in p.outputs):
        raise Whole
    with FakeTensorMode(allow_non_fake_inputs=True):
        tensors = [
            torch.empty_strided(v.shape, v.stride(), dtype=v.dtype, device=v.device)
            for p in pieces for v in (x.meta["val"] for x in p.inputs)]
    made = torch.export.export(_Pieces(pieces), tuple(tensors), strict=False)
    graph = made.run_decompositions(table.copy()).graph  # torch may take from it
    places = iter([n for n in graph.nodes if n.op == "placeholder"])
    (out,) = next(n for n in graph.nodes if n.op == "output").args
    told, bodies = iter(out), []
    for piece in pieces:
        given = [next(places) for _ in piece.inputs]
        ends = [next(told) for _ in piece.outputs]
        bodies.append(_body(given, ends))
    if next(places, None) is not None or next(told, None) is not None:
        raise Whole
    return bodies


def _body(given: list[Any], told: list[Any]) -> Body:
    found: dict[Any, None] = {}
    stack = list(told)
    while stack:
        node = stack.pop()
        if node in given or node in found:
            continue
        if not isinstance(node, torch.fx.Node) or node.op != "call_function":
            raise Whole
        found[node] = None
        stack += node.all_input_nodes
    order = {n: k for k, n in enumerate(told[0].graph.nodes)} if told else {}
    return Body(given, sorted(found, key=order.__getitem__), told)


def _joined(program: Any, pieces: Sequence[Piece], bodies: Mapping[Any, Body]) -> torch.fx.Graph:
    """The program's graph with the bodies in place of the pieces; its leaves keep their names."""
    graph: torch.fx.Graph = program.graph
    old = [n for n in graph.nodes if n.op not in ("placeholder", "output")]
    known = {n: n for n in graph.nodes if n.op == "placeholder"}
    end = next(n for n in graph.nodes if n.op == "output")
    with graph.inserting_before(end):
        for piece in pieces:
            body = bodies[piece.key]
            here = {x: known[y] for x, y in zip(body.given, piece.inputs, strict=True)}
            stack = piece.nodes[-1].meta.get("nn_module_stack")
            for node in body.nodes:
                here[node] = graph.node_copy(node, here.__getitem__)
                here[node].meta = {"val": node.meta.get("val"), "nn_module_stack": stack}
            known |= {y: here[x] for x, y in zip(body.told, piece.outputs, strict=True)}
    end.args = torch.fx.node.map_arg(end.args, known.__getitem__)
    for node in reversed(old):
        graph.erase_node(node)
    return graph
