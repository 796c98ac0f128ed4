"""A program in which parameters are cut where a value put together of pieces is added to them.

(x_1, ..., x_n) + (w_1, ..., w_n) = (x_1 + w_1, ..., x_n + w_n): the rows of a table of positions
beside a class token and patches. A parameter that is read in parts alone is these parts: a packed
projection whose queries read another value than its keys. The program is the same function of the
same coordinates, each part a parameter of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from symgauge.program.leaf import Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp
from symgauge.program.shown import moved, moves, shown

#: An axis, and where pieces along it end.
Cut = tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Parted:
    """The program of the parts, and the line of the first program that each of its lines is."""

    network: Network
    numbers: tuple[int, ...]
    #: {parameter: {name of a part: (axis, start, stop)}} of those that are cut, parts in order.
    parts: Mapping[str, Mapping[str, tuple[int, int, int]]]


def parted(network: Network, rest: bool = False) -> Parted:
    """The program in which parameters are cut; the same program where none is.

    `rest`: also those of which one range alone is read, so that the rest is a parameter of its own.
    """
    cuts = {i: cut for i, cut in _cuts(network, rest).items() if not _taken(network, i, cut)}
    if not cuts:
        return Parted(network, tuple(range(len(network.nodes))), {})
    writer = _Writer(network, cuts)
    written = writer.written()
    return Parted(written, tuple(writer.numbers), {
        _name(network, i): _parts(network, i, cut) for i, cut in cuts.items()})


def _name(network: Network, i: int) -> str:
    leaf = network.nodes[i].leaf
    assert isinstance(leaf, Parameter)
    return leaf.name


def part_name(name: str, axis: int, start: int, stop: int) -> str:
    """A range of an axis, as PyTorch writes it."""
    return f"{name}[{':, ' * axis}{start}:{stop}]"


def _parts(network: Network, i: int, cut: Cut) -> dict[str, tuple[int, int, int]]:
    """The parts of a parameter by their names, as PyTorch writes a range of an axis."""
    axis, ends = cut
    return {
        part_name(_name(network, i), axis, start, stop): (axis, start, stop)
        for start, stop in pairwise((0, *ends))}


def _taken(network: Network, i: int, cut: Cut) -> bool:
    """Whether a parameter has the name of a part."""
    return not _parts(network, i, cut).keys().isdisjoint(p.name for p in network.parameters)


# -- where parameters are cut ----------------------------------------------------------------------


def _cuts(network: Network, rest: bool) -> dict[int, Cut]:
    """The parameters to cut, and where. One that is wanted in several ways is left whole."""
    found: dict[int, set[Cut]] = {}
    for i, cut in _read_in_parts(network, rest):
        found.setdefault(i, set()).add(cut)
    while True:
        cuts = {i: cut for i, (cut, *more) in found.items() if not more}
        for i, cut in _beside_pieces(network, cuts):
            found.setdefault(i, set()).add(cut)
        if cuts == {i: cut for i, (cut, *more) in found.items() if not more}:
            return cuts


def _read_in_parts(network: Network, rest: bool) -> Iterator[tuple[int, Cut]]:
    """Parameters of which every reader takes a range of one axis, not all the same (`rest`: or so).
    """
    readers: dict[int, list[Node]] = {i: [] for i in network.parameter_nodes}
    for node in network.nodes:
        for j in node.inputs:
            if j in readers:
                readers[j].append(node)
    for i, nodes in readers.items():
        ranges = {_range(n, rest) for n in nodes}
        axes = {r[0] for r in ranges if r is not None}
        if len(axes) == 1 and None not in ranges and i not in network.outputs:
            (axis,) = axes
            size = network.nodes[i].shape[axis]
            ends = {e for r in ranges if r is not None for e in r[1:]} - {0, size}
            if ends and (rest or len(ranges) > 1):
                yield i, (axis, (*sorted(ends), size))


def _range(node: Node, rest: bool = False) -> tuple[int, int, int] | None:
    """The axis of which a line takes a range, and the range; with `rest` one row again and again.
    """
    if rest and node.op is not None and node.op.law == "selection":
        row, *more = np.unique(node.attrs["index"]).tolist()
        return None if more or row < 0 else (node.attrs["axis"], row, row + 1)
    if node.op is None or node.op.law != "part" or node.attrs["step"] != 1:
        return None
    return node.attrs["axis"], node.attrs["start"], node.attrs["stop"]


def _beside_pieces(network: Network, cuts: Mapping[int, Cut]) -> Iterator[tuple[int, Cut]]:
    """Parameters that are added to values put together of pieces, as those cut already are."""
    pieces = _Pieces(network, cuts)
    for node in network.nodes:
        if node.op is None or node.op.law != "sum of lines":
            continue
        for j, other in (node.inputs, node.inputs[::-1]):
            cut = pieces.of(j)
            found = None if cut is None else shown(network, other, cut[0])
            if cut is not None and found is not None:
                yield found[0], (found[1], cut[1])


# -- pieces of lines -------------------------------------------------------------------------------


class _Pieces:
    """The pieces that lines are put together of, along one axis each."""

    def __init__(self, network: Network, cuts: Mapping[int, Cut]) -> None:
        """`cuts`: the parameters that are cut."""
        self.network = network
        self._found: dict[int, Cut | None] = dict(cuts)

    def of(self, i: int) -> Cut | None:
        """The axis of a line, and where its pieces end; None where it is one piece."""
        if i not in self._found:
            self._found[i] = self._of(self.network.nodes[i])
        return self._found[i]

    def _of(self, node: Node) -> Cut | None:
        if node.op is None:
            return None
        if node.op.law == "join":
            axis = node.attrs["axis"]
            return axis, tuple(accumulate(
                self.network.nodes[j].shape[axis] for j in node.inputs))
        if node.op.law == "sum of lines":
            one, two = (self.of(j) for j in node.inputs)
            return one if one == two else None
        if not moves(node):
            return None
        cut = self.of(node.inputs[0])
        axis = None if cut is None else moved(self.network, node, cut[0])
        return None if cut is None or axis is None else (axis, cut[1])


def _zeros(index: Any) -> Any:
    """Of the same nesting."""
    return tuple(map(_zeros, index)) if isinstance(index, tuple) else 0


class _Writer:
    """Writes the program of the parts."""

    def __init__(self, network: Network, cuts: Mapping[int, Cut]) -> None:
        self.network, self.cuts = network, cuts
        self.pieces = _Pieces(network, cuts)
        self.nodes: list[Node] = []
        self.numbers: list[int] = []
        #: What lines are here; what is in pieces is put together only where all of it is read.
        self._moved: dict[int, int] = {}
        self._pieces: dict[int, list[int]] = {}
        self._join = network.ops["concatenate"]

    def written(self) -> Network:
        """The program."""
        for i, node in enumerate(self.network.nodes):
            self._line(i, node)
        outputs = tuple(self._whole(i) for i in self.network.outputs)
        return replace(self.network, nodes=tuple(self.nodes), outputs=outputs)

    def _put(self, i: int, node: Node) -> int:
        self.nodes.append(node)
        self.numbers.append(i)
        return len(self.nodes) - 1

    def _line(self, i: int, node: Node) -> None:
        taken = _range(node, True)
        if i in self.cuts:
            self._pieces[i] = [
                self._put(i, self._leaf(i, name, part)) for name, part in _parts(
                    self.network, i, self.cuts[i]).items()]
        elif taken is not None and node.inputs[0] in self.cuts:
            self._moved[i] = self._taken(i, node.inputs[0], *taken)
        elif node.op is not None and node.op.law == "sum of lines" and self.pieces.of(i):
            pairs = zip(*(self._pieces_of(j) for j in node.inputs), strict=True)
            self._pieces[i] = [
                self._put(i, replace(node, inputs=pair, shape=self.nodes[pair[0]].shape))
                for pair in pairs]
        else:
            inputs = tuple(self._whole(j) for j in node.inputs)
            self._moved[i] = self._put(i, replace(node, inputs=inputs))

    def _whole(self, i: int) -> int:
        """The line, its pieces put together."""
        if i not in self._moved:
            cut = self.pieces.of(i)
            assert cut is not None
            self._moved[i] = self._joined(i, cut[0], self._pieces[i])
        return self._moved[i]

    def _leaf(self, i: int, name: str, part: tuple[int, int, int]) -> Node:
        axis, start, stop = part
        leaf = self.network.nodes[i].leaf
        assert isinstance(leaf, Parameter)
        shape = (*leaf.shape[:axis], stop - start, *leaf.shape[axis + 1:])
        return Node(None, (), {}, shape, replace(leaf, name=name, shape=shape))

    def _taken(self, i: int, source: int, axis: int, start: int, stop: int) -> int:
        """A range of the axis of a parameter: its parts there, or a range of all of them."""
        mine, ends = self.cuts[source]
        first = (0, *ends)
        if axis != mine or not {start, stop} <= set(first):
            node = self.network.nodes[i]
            return self._put(i, replace(node, inputs=(self._whole(source),)))
        chosen = self._pieces[source][first.index(start):first.index(stop)]
        found = chosen[0] if len(chosen) == 1 else self._joined(i, axis, chosen)
        if "index" not in self.network.nodes[i].attrs:
            return found
        node = self.network.nodes[i]
        return self._put(i, replace(node, inputs=(found,), attrs={
            **node.attrs, "index": _zeros(node.attrs["index"])}))

    def _joined(self, i: int, axis: int, pieces: list[int]) -> int:
        op = self._join
        assert isinstance(op, NodeOp)
        attrs = {"axis": axis}
        shape = op.shape(*(self.nodes[j].shape for j in pieces), **attrs)
        return self._put(i, Node(op, tuple(pieces), attrs, shape))

    def _pieces_of(self, i: int) -> list[int]:
        """The lines that are the pieces of a line."""
        if i not in self._pieces:
            self._pieces[i] = self._made(i, self.network.nodes[i])
        return self._pieces[i]

    def _made(self, i: int, node: Node) -> list[int]:
        assert node.op is not None
        if node.op.law == "join":
            return [self._whole(j) for j in node.inputs]
        cut, made = self.pieces.of(i), []
        assert cut is not None
        for j in self._pieces_of(node.inputs[0]):
            attrs, before = dict(node.attrs), self.nodes[j].shape
            length = before[self._axis_before(node)]
            if "size" in attrs:
                size = list(attrs["size"])
                size[cut[0]] = length
                attrs["size"] = tuple(size)
            made.append(self._put(i, replace(
                node, inputs=(j,), attrs=attrs, shape=node.op.shape(before, **attrs))))
        return made

    def _axis_before(self, node: Node) -> int:
        cut = self.pieces.of(node.inputs[0])
        assert cut is not None
        return cut[0]
