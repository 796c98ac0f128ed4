"""Names for legs: stream, head query/key, head value, heads, hidden, vocabulary, positions.

A name says what a leg does in this program: the stream is where a residual sum joins, queries
and keys are what a product contracts before a softmax. No architecture is known by name, and no
claim rests on these words: they are for people, and the fallback is `leg of PARAMETER[AXIS]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypedDict

from symgauge.program.leaf import Input
from symgauge.program.legs import Axis, Legs, Location
from symgauge.program.network import Network
from symgauge.spaces.follow import follow

#: Words in a parameter's name that tell queries and keys where no softmax follows.
_SCORES = {"q", "k", "query", "key", "qk", "qkv", "wq", "wk"}
_PLACES = {"wpe", "pos", "position", "positions", "positional"}


class LegPlace(TypedDict):
    """Where a leg sits on an axis: factor `along` of the range from `start`, reshaped to `sizes`.

    `parity` is 1, or -1 where it moves by g^-T if the first place moves by g.
    """

    parameter: str
    axis: int
    length: int
    start: int
    sizes: list[int]
    along: int
    parity: int


class NamedLeg(TypedDict):
    """A leg as plain data; where it is self-dual only g = g^-T is left."""

    name: str
    size: int
    self_dual: bool
    touches: list[LegPlace]


def named_legs(network: Network) -> list[NamedLeg]:
    """The legs that parameters touch, as plain data, in the order of the parameters."""
    shapes = {p.name: p.shape for p in network.parameters}
    legs, places, axes = follow(network)
    names = _Names(network, legs, places, axes).all()
    return [
        {
            "name": names[leg],
            "size": legs.leg_size(leg),
            "self_dual": leg in legs.self_dual,
            "touches": [
                {
                    "parameter": p.parameter, "axis": p.axis,
                    "length": shapes[p.parameter][p.axis], "start": p.start,
                    "sizes": list(p.sizes), "along": p.along, "parity": p.parity * found[0].parity,
                }
                for p in found
            ],
        }
        for leg, found in places.items()
    ]


class _Names:
    """One rule a method; the first rule that names a leg wins."""

    def __init__(
        self, network: Network, legs: Legs, places: Mapping[int, list[Location]],
        axes: list[list[Axis]],
    ) -> None:
        self.network, self.legs, self.places, self.axes = network, legs, places, axes
        self.names: dict[int, str] = {}
        self.ranks = {p.name: len(p.shape) for p in network.parameters}
        self.data: list[bool] = []
        for node in network.nodes:
            self.data.append(
                isinstance(node.leaf, Input) or any(self.data[i] for i in node.inputs))
        self.users: list[list[int]] = [[] for _ in network.nodes]
        for i, node in enumerate(network.nodes):
            for j in node.inputs:
                self.users[j].append(i)

    def all(self) -> dict[int, str]:
        """A name for every leg."""
        for rule in (
            self._vocabulary, self._positions, self._queries, self._stream, self._values,
            self._heads, self._ends, self._hidden,
        ):
            rule()
        for leg, found in self.places.items():
            first = found[0]
            self._name([leg], f"leg of {first.parameter}[{first.axis}]")
        return self.names

    def _name(self, legs: Iterable[int], name: str) -> None:
        for leg in legs:
            if leg in self.places:
                self.names.setdefault(leg, name)

    def _on(self, node: int, axis: int) -> list[Location]:
        """Legs of parameters on an axis of a line."""
        if not self.axes[node]:
            return []
        found = self.legs.locate("", axis, self.axes[node][axis])
        return [p for p in found if p.factors[p.along] in self.places]

    def _atoms(self, node: int, axis: int) -> list[int]:
        return [p.factors[p.along] for p in self._on(node, axis)]

    def _law(self, node: int) -> str:
        op = self.network.nodes[node].op
        return "" if op is None else op.law

    @cached_property
    def _exponentials(self) -> list[int]:
        return [i for i, n in enumerate(self.network.nodes) if n.op and n.op.exponentiates]

    # -- what is read and written ----------------------------------------------------------------

    def _vocabulary(self) -> None:
        """The classes of a one-hot input, and an output's last axis of as many."""
        classes = set()
        for i in self.network.input_nodes:
            leaf = self.network.nodes[i].leaf
            if isinstance(leaf, Input) and leaf.classes:
                classes.add(leaf.classes)
                self._name(self._atoms(i, -1), "vocabulary")
        for i in self.network.outputs:
            shape = self.network.nodes[i].shape
            if shape and shape[-1] in classes:
                self._name(self._atoms(i, -1), "vocabulary of the output")

    def _positions(self) -> None:
        """The axis before an input's width, where a parameter has it too; or a table's name."""
        for i in self.network.input_nodes:
            if len(self.network.nodes[i].shape) == 3 and not self._channels(i):
                self._name(self._atoms(i, -2), "positions")
        for leg, found in self.places.items():
            if len(found) == 1 and found[0].axis == 0 and _words(found) & _PLACES:
                self._name([leg], "positions")

    def _ends(self) -> None:
        """The width that a real input has, and that of the outputs."""
        for positions, name in ((self.network.input_nodes, "input"),
                                (self.network.outputs, "output")):
            for i in positions:
                axis, what = (1, f"{name} channels") if self._channels(i) else (-1, name)
                self._name(self._atoms(i, axis) if self.network.nodes[i].shape else [], what)

    def _channels(self, node: int) -> bool:
        """Whether a line is (batch, channels, ...): axis 1 meets a kernel, of 3 axes or more."""
        if len(self.network.nodes[node].shape) < 3:
            return False
        return any(self.ranks[p.parameter] > 2
                   for leg in self._atoms(node, 1) for p in self.places[leg])

    # -- attention -------------------------------------------------------------------------------

    def _products(self) -> Iterator[tuple[int, int, int]]:
        """Matrix products of two values that both depend on the input."""
        for i, node in enumerate(self.network.nodes):
            if self._law(i) == "contraction" and all(self.data[j] for j in node.inputs):
                left, right = node.inputs
                yield i, left, right

    def _queries(self) -> None:
        """What a product of two values contracts before a softmax, or by their names."""
        before = self._reach(self._exponentials, forward=False)
        for i, left, _ in self._products():
            found = self._on(left, -1)
            touching = [p for place in found for p in self.places[place.factors[place.along]]]
            if i not in before and not _words(touching) & _SCORES:
                continue
            whole = "head query/key" if any(len(p.sizes) > len(found) for p in touching) else (
                "query/key")
            for place in found:
                self._name([place.factors[place.along]], whole + _part(place, found))

    def _values(self) -> None:
        """What softmax weights average: the axis that the product leaves."""
        after = self._reach(self._exponentials, forward=True)
        for i, left, right in self._products():
            for weights, other, axis in ((left, right, -1), (right, left, -2)):
                softmax = self._law(weights) == "normaliser" and weights in self._exponentials
                if i in after and (weights in after or softmax):
                    found = self._on(other, axis)
                    touching = [
                        p for place in found for p in self.places[place.factors[place.along]]
                    ]
                    split = any(len(p.sizes) > len(found) for p in touching)
                    for place in found:
                        name = ("head value" if split else "value") + _part(place, found)
                        self._name([place.factors[place.along]], name)

    def _heads(self) -> None:
        """What stands beside queries, keys and values on their axis."""
        beside: dict[int, set[tuple[int, ...]]] = {}
        for leg, found in self.places.items():
            if "query/key" in self.names.get(leg, "") or "value" in self.names.get(leg, ""):
                for p in found:
                    others = tuple(x for x in p.factors if x not in self.names)
                    for x in others:
                        beside.setdefault(x, set()).add(others)
        for leg, rows in beside.items():
            outer = any(len(r) > 1 and r[0] == leg for r in rows)
            inner = any(len(r) > 1 and r[0] != leg for r in rows)
            self._name([leg], "groups of heads" if outer and not inner else
                       "heads of a group" if inner else "heads")

    def _reach(self, start: Iterable[int], forward: bool) -> set[int]:
        """Lines reached from some without passing a product or a sum over an axis."""
        seen: set[int] = set()
        stack = list(start)
        while stack:
            i = stack.pop()
            for j in self.users[i] if forward else self.network.nodes[i].inputs:
                if j not in seen and self.data[j]:
                    seen.add(j)
                    if self._law(j) not in ("contraction", "sum"):
                        stack.append(j)
        return seen

    # -- the rest --------------------------------------------------------------------------------

    def _stream(self) -> None:
        """The last axis of a residual sum, or the channels of one.

        One summand is computed from the other, with a matrix product on the way: x + x^3 inside
        an activation is none.
        """
        above: list[int] = []  # bit sets: the lines that a line depends on,
        through: list[int] = []  # and those that it depends on through a product
        for i, node in enumerate(self.network.nodes):
            bits, far = 0, 0
            for j in node.inputs:
                bits |= above[j] | (1 << j)
                far |= through[j]
            above.append(bits)
            through.append(bits if self._law(i) == "contraction" else far)
            if self._law(i) == "sum of lines" and all(self.data[j] for j in node.inputs):
                one, two = node.inputs
                if through[one] >> two & 1 or through[two] >> one & 1:
                    self._name(self._atoms(i, 1 if self._channels(i) else -1), "stream")

    def _hidden(self) -> None:
        """What one parameter writes and another reads: it moves some by g, some by g^-T."""
        for leg, found in self.places.items():
            if len({p.parity for p in found}) == 2 or leg in self.legs.self_dual:
                kernel = any(self.ranks[p.parameter] > 2 for p in found)
                self._name([leg], "channels" if kernel else "hidden")
        channels = {
            p.parameter for leg, found in self.places.items() for p in found
            if "channels" in self.names.get(leg, "") and self.ranks[p.parameter] > 2
        }
        for leg, found in self.places.items():
            if len(found) == 1 and found[0].axis > 1 and found[0].parameter in channels:
                self._name([leg], "kernel")


def _words(places: Iterable[Location]) -> set[str]:
    return {w for p in places for w in re.split(r"[^a-z]+", p.parameter.lower())}


def _part(place: Location, all_places: list[Location]) -> str:
    """Which part of an axis of several legs: its factors, or the ranges that it is a sum of."""
    starts = sorted({p.start for p in all_places})
    text = "" if len(starts) == 1 else f", part {starts.index(place.start) + 1} of {len(starts)}"
    beside = [p.along for p in all_places if p.start == place.start]
    if len(beside) > 1:
        number = beside.index(place.along)
        text += f", factor {number + 1} of {len(beside)}"
    return text
