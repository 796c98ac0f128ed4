"""A program in which some readers have copies of a parameter of their own.

f is that program where each copy has the value of the parameter. A generator that moves neither,
and leaves the program with copies unchanged, leaves f unchanged: any choice of readers is sound.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from symgauge.program.leaf import Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import Structural


#: Laws of what scales, or adds to, what a reader meets: a norm's gain and bias.
_AFFINE = ("sum of lines", "product", "multiple")


@dataclass(frozen=True)
class Untied:
    """The program with copies, and the line of the first program that each of its lines is."""

    network: Network
    numbers: tuple[int, ...]


def copy_for(parameter: str, reader: str) -> str:
    """The name of a reader's own copy of a parameter."""
    return f"{parameter} for {reader}"


def untied(network: Network, copied: Mapping[str, Collection[str]]) -> Untied:
    """Each reader's own copies of parameters, {reader: parameters}, in the lines that it meets.

    A reader is a parameter; it meets what an op takes beside it, or beside what shows it moved.
    Copies stand where the reader is reached from by sums and products alone.
    Raises KeyError where it names no parameter.
    """
    place = {p.name: i for i, p in zip(network.parameter_nodes, network.parameters, strict=True)}
    nodes: list[Node] = []
    numbers: list[int] = []
    moved: list[int] = []
    made: dict[tuple[str, int], int] = {}

    def put(i: int, node: Node) -> int:
        nodes.append(node)
        numbers.append(i)
        return len(nodes) - 1

    wanted, meets = _copied_lines(
        network, {r: {place[p] for p in own} for r, own in copied.items()})
    for i, node in enumerate(network.nodes):
        met = meets.get(i)
        inputs = tuple(moved[j] if met is None else made.get((met, j), moved[j])
                       for j in node.inputs)
        moved.append(put(i, replace(node, inputs=inputs)))
        for reader in wanted.get(i, ()):
            copy = replace(node, inputs=tuple(made.get((reader, j), moved[j])
                                              for j in node.inputs))
            if isinstance(node.leaf, Parameter):
                own = replace(node.leaf, name=copy_for(node.leaf.name, reader))
                copy = replace(node, leaf=own)
            made[reader, i] = put(i, copy)
    outputs = tuple(moved[i] for i in network.outputs)
    return Untied(replace(network, nodes=tuple(nodes), outputs=outputs), tuple(numbers))


def _copied_lines(
    network: Network, copied: Mapping[str, Collection[int]]
) -> tuple[dict[int, list[str]], dict[int, str]]:
    """The lines to copy for each reader, and the lines that meet one and read the copies."""
    names = {i: p.name for i, p in zip(network.parameter_nodes, network.parameters, strict=True)}
    wanted: dict[int, list[str]] = {}
    meets: dict[int, str] = {}
    shows: dict[int, str] = {}
    for i, node in enumerate(network.nodes):
        if names.get(i) in copied:
            shows[i] = names[i]
        elif len(node.inputs) == 1 and isinstance(node.op, Structural):
            if node.inputs[0] in shows:
                shows[i] = shows[node.inputs[0]]
        else:
            readers = {shows[j] for j in node.inputs if j in shows}
            if len(readers) == 1:
                (meets[i],) = readers
    for reader, sources in copied.items():
        reads = _readers_of(network, sources)
        stack = [j for i, r in meets.items() if r == reader for j in network.nodes[i].inputs]
        while stack:
            i = stack.pop()
            if reads[i] and _passes(network.nodes[i]) and reader not in wanted.setdefault(i, []):
                wanted[i].append(reader)
                stack += network.nodes[i].inputs
    return wanted, meets


def _passes(node: Node) -> bool:
    """Whether a line may stand between a parameter and its reader: another norm's may not."""
    return node.op is None or isinstance(node.op, Structural) or node.op.law in _AFFINE


def _readers_of(network: Network, sources: Collection[int]) -> list[bool]:
    """Which lines depend on these."""
    out: list[bool] = []
    for i, node in enumerate(network.nodes):
        out.append(i in sources or any(out[j] for j in node.inputs))
    return out
