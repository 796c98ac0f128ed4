"""A program as index spaces: where each leg sits in every line, and what is constant along it.

The calculus of intertwiners speaks of *leaves*: the factors of an axis, products resolved. A
leaf has an address (axis, number), inside a direct sum (axis, number, part, number, ...). Ops
that only move entries move addresses; the facts here (constant along a leaf, sums to 1 or 0
along an axis, a parameter seen from another side) are what the lemmas on the other ops need.

Two patterns count as one line each: x minus its mean, and a region of constant coefficients
that turns pairs of entries (a rotary embedding).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, permutations, product
from math import prod
from typing import Any

import numpy as np

from symgauge.domains.known import arguments_of
from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.leaf import Input, Parameter
from symgauge.program.legs import Axis, Legs, Ref
from symgauge.program.network import Network
from symgauge.program.op import Structural
from symgauge.spaces.follow import follow_lines

#: (axis, factor), inside a direct sum (axis, factor, part, factor, ...).
Address = tuple[int, ...]
#: Where leaves of an input go; a dropped leaf is missing.
Moved = dict[Address, Address]


class NoLemma(Exception):
    """No intertwiner is stated for what an op is asked; the words say why."""


@dataclass(frozen=True)
class Line:
    """One line of the calculus: a law, its inputs and attributes."""

    node: int
    law: str
    op: str
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: Shape


@dataclass(frozen=True)
class View:
    """A parameter seen through moves alone: where its leaves are in the line, and a factor."""

    parameter: int
    places: Mapping[Address, Address]
    factor: Fraction


class Structure:
    """Lines, leaves and facts of one program. Nothing is evaluated but constants."""

    def __init__(
        self, network: Network, legs: Legs | None = None,
        given: Mapping[int, list[Axis]] | None = None,
    ) -> None:
        """`legs` and the axes of some leaves are those of a program around this one."""
        self.network = network
        self.legs = Legs() if legs is None else legs
        self.axes = follow_lines(self.legs, network, given or {})
        self.zero = _zero(network)
        self.fixed = _fixed(network, self.zero)
        self._lines = _Lines(self).all()
        self.users: dict[int, list[int]] = {i: [] for i in self._lines}
        for i, line in self._lines.items():
            for j in dict.fromkeys(line.inputs):
                if j in self.users:
                    self.users[j].append(i)
        self._tree: dict[tuple[int, int], list[Ref]] = {}
        self._fields: dict[int, Structure] = {}

    def field(self, line: Line) -> Structure:
        """The program of the vector field of a flow, on the same legs."""
        if line.node not in self._fields:
            program = self.network.nodes[line.node].body
            assert program is not None
            state, *rest = line.inputs
            given = {
                i: self.axes[j] for i, j in zip(program.parameter_nodes, rest, strict=True)
            }
            for i, x in zip(program.input_nodes, program.inputs, strict=True):
                given[i] = self.axes[state] if x.name == "x" else []
            self._fields[line.node] = Structure(program, self.legs, given)
        return self._fields[line.node]

    @cached_property
    def names(self) -> dict[int, str]:
        """The parameters' lines and names."""
        pairs = zip(self.network.parameter_nodes, self.network.parameters, strict=True)
        return {i: p.name for i, p in pairs}

    @cached_property
    def state(self) -> int:
        """The line of the state, in the program of a vector field."""
        pairs = zip(self.network.input_nodes, self.network.inputs, strict=True)
        return next(i for i, x in pairs if x.name == "x")

    @property
    def lines(self) -> Mapping[int, Line]:
        """The lines that an output needs, in order; constants are not among them."""
        return self._lines

    # -- leaves ----------------------------------------------------------------------------------

    def leaves(self, node: int, axis: int) -> list[Ref]:
        """The factors of an axis of a line."""
        key = (node, axis)
        if key not in self._tree:
            self._tree[key] = self.legs.leaves(self.axes[node][axis])
        return self._tree[key]

    def size(self, leg: int) -> int:
        """Number of indices of a leg."""
        return self.legs.leg_size(leg)

    def parts(self, leg: int) -> tuple[Ref, ...]:
        """The summands of a leg, or none."""
        root, turn = self.legs.find(leg)
        structure = self.legs._structure[root]
        if structure is None or structure[0] != "sum":
            return ()
        return tuple((part, sign * turn) for part, sign in structure[1])

    def part_leaves(self, part: Ref) -> list[Ref]:
        """The factors of a summand."""
        return self.legs.leaves((part,)) if self.size(part[0]) > 1 else []

    def addresses(self, node: int) -> Iterator[tuple[Address, Ref]]:
        """Every leaf of a line with its leg and parity, those inside direct sums included."""
        for axis in range(len(self.axes[node])):
            yield from self._below((axis,), self.leaves(node, axis))

    def _below(self, prefix: Address, leaves: list[Ref]) -> Iterator[tuple[Address, Ref]]:
        for k, (leg, parity) in enumerate(leaves):
            yield (*prefix, k), (leg, parity)
            for j, (part, sign) in enumerate(self.parts(leg)):
                yield from self._below((*prefix, k, j), self.part_leaves((part, sign * parity)))

    def leg_at(self, node: int, address: Address) -> int:
        """The leg at an address."""
        found = self.leaves(node, address[0])
        rest = list(address[1:])
        while len(rest) > 1:
            leg, parity = found[rest[0]]
            part, sign = self.parts(leg)[rest[1]]
            found, rest = self.part_leaves((part, sign * parity)), rest[2:]
        return found[rest[0]][0]

    def top(self, node: int) -> list[Address]:
        """The addresses of the leaves of a line, direct sums whole."""
        return [
            (axis, k) for axis in range(len(self.axes[node]))
            for k in range(len(self.leaves(node, axis)))
        ]

    def range_of(self, node: int, address: Address) -> tuple[int, tuple[int, ...], int] | None:
        """Where a leaf sits: start of the range, its factors' sizes, and which factor it is.

        None where the leaf is no range of its axis.
        """
        leaves = self.leaves(node, address[0])
        start, path = 0, list(address[1:])
        while len(path) > 1:
            if path[0] != 0:
                return None
            inner = prod(self.size(leg) for leg, _ in leaves[1:])
            leg, parity = leaves[0]
            parts = self.parts(leg)
            start += sum(self.size(p) for p, _ in parts[:path[1]]) * inner
            part, sign = parts[path[1]]
            leaves = [*self.part_leaves((part, sign * parity)), *leaves[1:]]
            path = path[2:]
        return start, tuple(self.size(leg) for leg, _ in leaves), path[0]

    def contracts_alike(self, line: Line) -> bool:
        """Whether both factors of a contraction have the same leaves on the contracted axis."""
        rank = len(line.shape)
        left, right = (
            [leg for leg, _ in self.leaves(node, axis)]
            for node, axis in zip(line.inputs, (rank - 1, rank - 2), strict=True)
        )
        return left == right

    # -- how leaves move -------------------------------------------------------------------------

    def move(self, line: Line, k: int, address: Address) -> Address | None:
        """Where an address of input k is in the value of a line that moves entries.

        None where the leaf is no longer there. Raises NoLemma where index spaces are mixed.
        """
        source, i = line.inputs[k], line.node
        axis, rest = address[0], address[1:]
        found: Address | None
        if line.op == "permute":
            found = (list(line.attrs["dims"]).index(axis), *rest)
        elif line.op == "rotary":
            found = (line.attrs["to"][axis], *rest)
        elif line.op == "reshape":
            found = self._reshaped(source, i, address)
        elif line.op == "slice":
            found = self._sliced(line, source, address)
        elif line.op == "take":
            places = np.ndim(line.attrs["index"])
            if axis == line.attrs["axis"]:
                return None
            found = (axis if axis < line.attrs["axis"] else axis + places - 1, *rest)
        elif line.op == "sum":
            if axis in line.attrs["axes"]:
                return None
            found = (axis - sum(a < axis for a in line.attrs["axes"]), *rest)
        elif line.op == "concatenate" and axis == line.attrs["axis"]:
            shapes = [self.network.nodes[j].shape for j in line.inputs]
            self._same_parts(i, axis, [shape[axis] for shape in shapes])
            found = (axis, 0, k, *rest)
        else:
            found = address
        if found is not None and (
                line.op != "rotary" or found[0] != len(line.shape) - 1):
            self._same_leg(source, address, i, found)
        return found

    def _same_leg(self, source: int, address: Address, node: int, found: Address) -> None:
        try:
            same = self.leg_at(source, address) == self.leg_at(node, found)
        except IndexError:
            same = False
        if not same:
            raise NoLemma("an op moves entries across index spaces")

    def _reshaped(self, source: int, node: int, address: Address) -> Address:
        before, after = self.top(source), self.top(node)
        legs = [[self.leg_at(i, a) for a in found] for i, found in ((source, before),
                                                                    (node, after))]
        if legs[0] != legs[1] or address[:2] not in before:
            raise NoLemma("a reshape mixes index spaces")
        return (*after[before.index(address[:2])], *address[2:])

    def _sliced(self, line: Line, source: int, address: Address) -> Address | None:
        axis, k, rest = address[0], address[1], address[2:]
        whole = self.network.nodes[source].shape[axis]
        if axis != line.attrs["axis"] or line.shape[axis] == whole:
            return address
        here = self.leaves(source, axis)
        if line.attrs["step"] != 1:
            if k == len(here) - 1 and rest:
                raise NoLemma("a stride cuts an index space")
            return None if k == len(here) - 1 else address
        parts = self.parts(here[0][0])
        inner = prod(self.size(leg) for leg, _ in here[1:])
        ends = [0, *accumulate(self.size(part) * inner for part, _ in parts)]
        if not parts or not {line.attrs["start"], line.attrs["stop"]} <= set(ends):
            if (axis, k) == address and k == 0:
                return None
            raise NoLemma("a slice cuts an index space")
        chosen = range(ends.index(line.attrs["start"]), ends.index(line.attrs["stop"]))
        single = len(chosen) == 1
        if not single:
            self._same_parts(line.node, axis, [self.size(parts[j][0]) for j in chosen])
        if k > 0:
            count = len(self.part_leaves(parts[chosen[0]])) if single else 1
            return (axis, k - 1 + count, *rest)
        if not rest or rest[0] not in chosen:
            return None
        return (axis, *rest[1:]) if single else (axis, 0, rest[0] - chosen[0], *rest[1:])

    def _same_parts(self, node: int, axis: int, sizes: Sequence[int]) -> None:
        """Raise NoLemma where the first leaf of an axis is no direct sum of these sizes."""
        here = self.leaves(node, axis)
        if not here or [self.size(part) for part, _ in self.parts(here[0][0])] != list(sizes):
            raise NoLemma("a direct sum is cut at other places")

    def aligned(self, line: Line, k: int, axis: int) -> bool:
        """Whether an axis has the same factors in input k as in the value, so that addresses agree.

        A constant has one leaf for each axis, and is constant along all of it or not at all.
        """
        j = line.inputs[k]
        if self.fixed[j]:
            return True
        here, there = (
            [leg for leg, _ in self.leaves(i, axis)] for i in (j, line.node)
        )
        return here == there

    def require_aligned(self, line: Line, addresses: Iterable[Address]) -> None:
        """Raise NoLemma where the inputs factor the axis of one of these addresses differently."""
        for axis in {a[0] for a in addresses if a}:
            if not all(self.aligned(line, k, axis) for k in range(len(line.inputs))):
                raise NoLemma("an axis has other factors in one input than in another")

    # -- facts -----------------------------------------------------------------------------------

    @cached_property
    def flat(self) -> Mapping[int, frozenset[Address]]:
        """The leaves along which a line is constant, for every data, by line."""
        found: dict[int, frozenset[Address]] = {}
        for i in range(len(self.network.nodes)):
            line = self._lines.get(i)
            if line is None:
                found[i] = self._flat_constant(i) if self.fixed[i] else frozenset()
            else:
                found[i] = self._flat(line, found)
        return found

    def _flat_constant(self, i: int) -> frozenset[Address]:
        node = self.network.nodes[i]
        if isinstance(node.leaf, Constant) and not node.leaf.unknown:
            index = node.leaf.index
            return frozenset(
                a for a in self.top(i)
                if len(node.leaf.table) == 1 or not index.size or (
                    index == index.take([0], axis=a[0])).all()
            )
        if node.op is not None and node.op.name == "expand":
            shape = self.network.nodes[node.inputs[0]].shape
            return frozenset(a for a in self.top(i) if shape[a[0]] == 1)
        return frozenset()

    def _flat(self, line: Line, found: Mapping[int, frozenset[Address]]) -> frozenset[Address]:
        if line.law in ("parameter", "input", "flow", "locally constant", "rotary",
                        "function of tokens"):
            return frozenset()
        if line.law in ("sum of lines", "product", "general", "homogeneous", "normaliser",
                        "centring", "standardising", "maximum"):
            return frozenset.intersection(*(
                frozenset(a for a in found[j] if self.aligned(line, k, a[0]))
                for k, j in enumerate(line.inputs)))
        if line.law == "contraction":
            a, b = (found[j] for j in line.inputs)
            rank = len(line.shape)
            batch = {
                x for x in a & b
                if x[0] < rank - 2 and all(self.aligned(line, k, x[0]) for k in (0, 1))
            }
            rows = {x for x in a if x[0] == rank - 2}
            columns = {x for x in b if x[0] == rank - 1}
            return frozenset(batch | rows | columns)
        kept: set[Address] = set()
        try:
            for place in found[line.inputs[0]]:
                moved = self.move(line, 0, place)
                if moved is not None and line.op != "concatenate":
                    kept.add(moved)
        except NoLemma:
            return frozenset()
        if line.op == "expand":
            shape = self.network.nodes[line.inputs[0]].shape
            kept |= {a for a in self.top(line.node) if shape[a[0]] != line.shape[a[0]]}
        return frozenset(kept)

    @cached_property
    def totals(self) -> Mapping[int, Mapping[int, int]]:
        """Axes along which a line sums to 1 or to 0 for every data: {axis: 1 or 0}, by line."""
        found: dict[int, dict[int, int]] = {}
        for i, line in self._lines.items():
            found[i] = self._total(line, found)
        return found

    def _total(self, line: Line, found: Mapping[int, dict[int, int]]) -> dict[int, int]:
        leaf = self.network.nodes[line.node].leaf
        if isinstance(leaf, Input) and leaf.classes:
            return {len(line.shape) - 1: 1}
        if line.op in ("one_hot", "ranking", "tabulated"):
            return {len(line.shape) - 1: 1}
        if line.op == "softmax":
            return {line.attrs["axis"]: 1} if self._no_row_is_left_out(line) else {}
        if line.law in ("centring", "standardising"):
            return {line.attrs["axes"][0]: 0} if len(line.attrs["axes"]) == 1 else {}
        if line.law == "sum of lines":
            pairs = [found.get(j, {}) for j in line.inputs]
            if any(self.is_zero(j) for j in line.inputs):
                return dict(next(p for p, j in zip(pairs, line.inputs, strict=True)
                                 if not self.is_zero(j)))
            return {a: 0 for a, t in pairs[0].items() if t == 0 and pairs[1].get(a) == 0}
        if line.law == "product":
            return self._total_of_product(line, found)
        if line.law == "move" and len(line.inputs) == 1 and line.inputs[0] in found:
            return self._total_moved(line, found[line.inputs[0]])
        return {}

    def _total_of_product(self, line: Line, found: Mapping[int, dict[int, int]]) -> dict[int, int]:
        out: dict[int, int] = {}
        for j, other in (line.inputs, line.inputs[::-1]):
            for axis, total in found.get(j, {}).items():
                along = {a for a in self.top(other) if a[0] == axis}
                if self.is_one(other) or (total == 0 and along <= self.flat[other]):
                    out[axis] = total
        return out

    def _total_moved(self, line: Line, before: Mapping[int, int]) -> dict[int, int]:
        out = {}
        for axis, total in before.items():
            if line.op == "scale":
                if total == 0 or line.attrs["factor"] == 1:
                    out[axis] = total
                continue
            here = [a for a in self.top(line.inputs[0]) if a[0] == axis]
            if line.op in ("slice", "take") and axis == line.attrs["axis"]:
                continue
            try:
                there = [self.move(line, 0, a) for a in here]
            except NoLemma:
                continue
            axes = {a[0] for a in there if a is not None}
            if len(axes) == 1 and None not in there:
                (new,) = axes
                if sum(a[0] == new for a in self.top(line.node)) == len(here):
                    out[new] = total
        return out

    def _no_row_is_left_out(self, line: Line) -> bool:
        if len(line.inputs) < 2 or line.inputs[1] in self._lines:
            return len(line.inputs) < 2
        leaf = self.network.nodes[line.inputs[1]].leaf
        if not isinstance(leaf, Constant) or leaf.unknown:
            return False
        kept = np.array([v != 0 for v in leaf.table])[leaf.index]
        return bool(kept.any(axis=line.attrs["axis"]).all())

    def constant(self, node: int) -> Constant | None:
        """A line without parameters and inputs that is a plain constant, through moves too."""
        while self.fixed[node]:
            line = self.network.nodes[node]
            if isinstance(line.leaf, Constant):
                return None if line.leaf.unknown else line.leaf
            if line.op is None or line.op.name not in ("reshape", "expand", "permute"):
                return None
            node = line.inputs[0]
        return None

    def is_zero(self, node: int) -> bool:
        """Whether a line is 0, whatever the parameters and inputs."""
        return self.zero[node]

    def is_one(self, node: int) -> bool:
        """Whether a line is the constant 1."""
        found = self.constant(node)
        return found is not None and all(v == 1 for v in found.table)

    def mask(self, node: int) -> Any:
        """A name for a constant of zeros and ones, or None."""
        found = self.constant(node)
        if found is None or not all(v in (0, 1) for v in found.table):
            return None
        # a constant that was moved is itself alone
        leaf = self.network.nodes[node].leaf
        return leaf.key if isinstance(leaf, Constant) else ("line", node)

    def used(self, node: int) -> bool:
        """Whether a parameter is read: a flow may be given one that its field does not look at."""
        for u in self.users[node]:
            line = self._lines[u]
            if line.law != "flow" or line.inputs[0] == node:
                return True
            field = self.field(line)
            given = zip(line.inputs[1:], field.network.parameter_nodes, strict=True)
            if any(j == node and i in field.lines for j, i in given):
                return True
        return node in self.network.outputs

    @cached_property
    def unread(self) -> frozenset[Address]:
        """Summands of parameters' axes that no output reads: (line, axis, 0, part)."""
        found = set()
        for i, line in self._lines.items():
            for axis in range(len(self.axes[i])) if line.law == "parameter" else ():
                here = self.leaves(i, axis)
                for j in range(len(self.parts(here[0][0])) if here else 0):
                    if not self._read(i, axis, j):
                        found.add((i, axis, 0, j))
        return frozenset(found)

    def _read(self, node: int, axis: int, j: int) -> bool:
        """Whether a summand of the first factor of an axis reaches an output, or may."""
        stack, seen = [(node, axis)], set()
        while stack:
            here, axis = stack.pop()
            if here in self.network.outputs:
                return True
            for u in self.users[here]:
                line = self._lines[u]
                if line.op == "slice" and line.attrs["axis"] == axis:
                    try:
                        if self._sliced(line, here, (axis, 0, j)) is not None:
                            return True
                    except NoLemma:
                        return True
                    continue
                there = self._carried(line, here, axis)
                if there is None:
                    return True
                if (u, there) not in seen:
                    seen.add((u, there))
                    stack.append((u, there))
        return False

    def _carried(self, line: Line, source: int, axis: int) -> int | None:
        """The axis of a value whose entries read those of one axis of an input alone, or None."""
        if line.op == "permute":
            return list(line.attrs["dims"]).index(axis)
        if line.op == "reshape":
            try:
                found = self._reshaped(source, line.node, (axis, 0))
            except NoLemma:
                return None
            return found[0] if found[1] == 0 else None
        entrywise = line.op in ("scale", "slice", "step", "expand") or line.law in (
            "sum of lines", "product", "homogeneous", "maximum", "general")
        rows = line.law == "contraction" and all(
            axis == len(line.shape) - 2 + k for k, i in enumerate(line.inputs) if i == source)
        if rows:
            return axis
        aligned = entrywise and all(
            self.aligned(line, k, axis) for k, i in enumerate(line.inputs) if i == source)
        return axis if aligned else None

    @cached_property
    def views(self) -> Mapping[int, View]:
        """Lines that are a parameter moved, repeated and multiplied by a number."""
        found: dict[int, View] = {}
        for i, line in self._lines.items():
            if line.law == "parameter":
                found[i] = View(i, {a: a for a, _ in self.addresses(i)}, Fraction(1))
            elif line.law == "move" and len(line.inputs) == 1 and line.inputs[0] in found:
                before = found[line.inputs[0]]
                factor = before.factor * line.attrs.get("factor", 1)
                places: dict[Address, Address] = {}
                try:
                    for mine, there in before.places.items():
                        moved = self.move(line, 0, there)
                        if moved is not None:
                            places[mine] = moved
                except NoLemma:
                    continue
                found[i] = View(before.parameter, places, factor)
        return found


#: A rational multiple of a product of named numbers, such as (2, ("cos 1/2", "cos 1/2")).
_Number = tuple[Fraction, tuple[str, ...]]


class _Numbers:
    """Numbers by number, so that arrays of them are arrays of integers; 0 is 0 and 1 is 1.

    Those that are no rationals are known by their names: equal names are equal numbers.
    """

    def __init__(self) -> None:
        self.values: list[_Number] = [(Fraction(0), ()), (Fraction(1), ())]
        self._ids = {v: i for i, v in enumerate(self.values)}

    def of(self, value: Fraction, *names: str) -> int:
        """The number of a rational multiple of a product."""
        key = value, tuple(sorted(names)) if value else ()
        if key not in self._ids:
            self._ids[key] = len(self.values)
            self.values.append(key)
        return self._ids[key]

    def wave(self, function: str, r: Fraction) -> int:
        """The number of cos r, which is even, or sin r, which is odd."""
        if not r:
            return self.of(Fraction(function == "cos"))
        return self.of(Fraction(-1 if function == "sin" and r < 0 else 1), f"{function} {abs(r)}")

    def times(self, a: Array, b: Array) -> Array:
        """Products, entry by entry."""
        width = len(self.values)
        pairs, where = np.unique(a * width + b, return_inverse=True)
        found = []
        for q in pairs.tolist():
            (x, left), (y, right) = self.values[q // width], self.values[q % width]
            found.append(self.of(x * y, *left, *right))
        return np.array(found)[where].reshape(np.broadcast_shapes(a.shape, b.shape))

    def scaled(self, a: Array, factor: Fraction) -> Array:
        """Multiples."""
        return self.times(a, np.array(self.of(factor)))

    def turns(
        self, terms: Sequence[tuple[Array, Array]], own: Array, partner: Array, first: Array
    ) -> bool:
        """Whether every entry is a times itself and b times its partner, as a complex number is."""
        parts = []
        for wanted in (own, partner):
            met = [np.where(index == wanted, factor, 0) for index, factor in terms]
            if (sum((m != 0).astype(int) for m in met) > 1).any():
                return False  # two terms for one entry
            parts.append(np.asarray(sum(met)))
        straight, crossed = parts
        stray = any(
            ((index != own) & (index != partner) & (factor != 0)).any() for index, factor in terms
        )
        return not stray and np.array_equal(straight[..., first], straight[..., ~first]) and (
            np.array_equal(
                crossed[..., first], self.scaled(crossed[..., ~first], Fraction(-1))))


def _zero(network: Network) -> list[bool]:
    """Lines that are 0: constants, what is moved from them, and products with them."""
    out: list[bool] = []
    for node in network.nodes:
        if isinstance(node.leaf, Constant):
            leaf = node.leaf
            out.append(not leaf.unknown and all(v == 0 for v in leaf.table))
            continue
        found = [out[j] for j in node.inputs]
        name = "" if node.op is None else node.op.name
        if name in ("mul", "matmul"):
            out.append(any(found))
        elif name == "scale" and node.attrs["factor"] == 0:
            out.append(True)
        else:
            out.append(bool(found) and all(found) and (
                name in ("add", "sum") or (node.op is not None and node.op.law == "move")))
    return out


def _fixed(network: Network, zero: Sequence[bool]) -> list[bool]:
    """Lines that depend on no parameter and no input: 0 times either is such a line."""
    out: list[bool] = []
    for i, node in enumerate(network.nodes):
        out.append(isinstance(node.leaf, Constant) or zero[i] or (
            node.op is not None and all(out[j] for j in node.inputs)))
    return out


class _Lines:
    """The program's lines with their laws; centring and rotary regions become one line each."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.network = structure.network
        self.fixed = structure.fixed
        self.numbers = _Numbers()

    def all(self) -> dict[int, Line]:
        """Lines by node, in order, those alone that an output needs."""
        merged = {**self._centred(), **self._turned()}
        wanted: set[int] = set()
        stack = list(self.network.outputs)
        while stack:
            i = stack.pop()
            if i in wanted or self.fixed[i]:
                continue
            wanted.add(i)
            stack += merged[i].inputs if i in merged else self.network.nodes[i].inputs
        return {i: merged.get(i) or self._plain(i) for i in sorted(wanted)}

    def _plain(self, i: int) -> Line:
        node = self.network.nodes[i]
        if node.op is not None:
            law = node.op.law
            if node.op.name == "mul" and node.inputs[0] == node.inputs[1]:
                return Line(i, "homogeneous", "power", node.inputs[:1], {"exponent": 2},
                            node.shape)
            return Line(i, law, node.op.name, node.inputs, node.attrs, node.shape)
        law = "parameter" if isinstance(node.leaf, Parameter) else "input"
        return Line(i, law, node.label, (), {}, node.shape)

    # -- x minus its mean ------------------------------------------------------------------------

    def _centred(self) -> dict[int, Line]:
        found = {}
        for i, node in enumerate(self.network.nodes):
            if node.op is None or node.op.name != "add" or self.fixed[i]:
                continue
            for x, other in (node.inputs, node.inputs[::-1]):
                axes = self._minus_mean(x, other)
                if axes is not None:
                    found[i] = Line(i, "centring", "centre", (x,), {"axes": axes}, node.shape)
        return found

    def _minus_mean(self, x: int, other: int) -> tuple[int, ...] | None:
        """The axes, where `other` is minus the mean of x over them, repeated."""
        nodes, factor = self.network.nodes, Fraction(1)
        i = other
        while nodes[i].op is not None and nodes[i].op.name in (  # type: ignore[union-attr]
                "expand", "reshape", "scale"):
            if nodes[i].op.name == "scale":  # type: ignore[union-attr]
                factor *= nodes[i].attrs["factor"]
            i = nodes[i].inputs[0]
        node = nodes[i]
        if node.op is None or node.op.name != "sum" or node.inputs[0] != x:
            return None
        axes = tuple(node.attrs["axes"])
        shape = nodes[x].shape
        kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
        if factor * prod(shape[a] for a in axes) != -1 or not self._restored(other, i, kept):
            return None
        return axes

    def _restored(self, i: int, stop: int, kept: Shape) -> bool:
        """Whether the shapes from the sum on are: unit axes put back, then repeated."""
        nodes, seen = self.network.nodes, []
        while i != stop:
            seen.append(nodes[i].shape)
            i = nodes[i].inputs[0]
        # one reshape to the unit axes, whatever scalings stand between
        return all(s in (kept, nodes[stop].shape, seen[0]) for s in seen) and (
            kept in seen or kept == seen[0])

    # -- regions of constant coefficients --------------------------------------------------------

    def _turned(self) -> dict[int, Line]:
        """Ends of linear regions that cut a vector, multiply by constants and join it again."""
        nodes = self.network.nodes
        source: dict[int, int] = {}  # lines linear in one line that was cut
        for i, node in enumerate(nodes):
            if node.op is None or self.fixed[i]:
                continue
            free = [j for j in node.inputs if not self.fixed[j]]
            name = node.op.name
            roots = {source[j] for j in free if j in source}
            if name == "slice" and free[0] not in source:
                source[i] = free[0]
            elif len(roots) == 1 and name in (
                    "slice", "scale", "mul", "add", "concatenate", "reshape", "permute", "expand",
                    "sub") and (name != "mul" or len(free) == 1):
                (root,) = roots
                if all(source.get(j) == root or self._multiple(j, root) for j in free):
                    source[i] = root
        found: dict[int, Line] = {}
        ended: set[int] = set()
        # the last line of a region that turns pairs is its end
        for i, root in sorted(source.items(), reverse=True):
            op = nodes[i].op
            if root in ended or op is None or op.name not in ("add", "concatenate") or (
                    prod(nodes[i].shape) != prod(nodes[root].shape)):
                continue
            law = self._rotation(root, i)
            if law is not None:
                ended.add(root)
                found[i] = Line(i, "rotary", "rotary", (root,), law, nodes[i].shape)
        return found

    def _multiple(self, i: int, root: int) -> bool:
        """Whether a line is the root times constants, moved."""
        nodes = self.network.nodes
        while i != root:
            op = nodes[i].op
            if op is None or op.name not in ("mul", "scale", "reshape", "permute"):
                return False
            free = [j for j in nodes[i].inputs if not self.fixed[j]]
            if len(free) != 1:
                return False
            i = free[0]
        return True

    def _rotation(self, root: int, end: int) -> dict[str, Any] | None:
        """How the region turns pairs of entries of the root's last axis; None where it does not.

        Other axes may be permuted. The pairs are (k, k + n/2), or (2k, 2k + 1). For each pair the
        region must be ((a, -b), (b, a)) with constants a, b: decided exactly, on the entries.
        """
        shape = self.network.nodes[root].shape
        terms = self._terms(root, end) if shape and shape[-1] % 2 == 0 else None
        if terms is None:
            return None
        end_shape = self.network.nodes[end].shape
        n = shape[-1]
        if n < 2 or end_shape[-1] != n:
            return None
        # unit axes may come and go
        here, there = ([a for a, m in enumerate(x[:-1]) if m > 1] for x in (shape, end_shape))
        entries = np.arange(prod(shape)).reshape(*(shape[a] for a in here), n)
        for pairs, order in product(("halves", "neighbours"), permutations(range(len(here)))):
            own = entries.transpose(*order, len(here))
            if own.shape[:-1] != tuple(end_shape[a] for a in there):
                continue
            own, k = own.reshape(end_shape), np.arange(n)
            partner = (k + n // 2) % n if pairs == "halves" else k ^ 1
            first = k < n // 2 if pairs == "halves" else k % 2 == 0
            if self.numbers.turns(terms, own, own[..., partner], first):
                to = {here[a]: there[b] for b, a in enumerate(order)}
                return {"pairs": pairs, "to": {**to, len(shape) - 1: len(end_shape) - 1}}
        return None

    def _terms(self, root: int, end: int) -> list[tuple[Array, Array]] | None:
        """The end as a sum of terms factor * (entry of the root), entry by entry.

        Factors are exact, by number. None where the region is too large or holds another op.
        """
        nodes = self.network.nodes
        shape = nodes[root].shape
        start = np.arange(prod(shape)).reshape(shape)
        known: dict[int, list[tuple[Array, Array]]] = {
            root: [(start, np.ones(shape, dtype=np.int64))]
        }
        stack = [end]
        while stack:
            i = stack[-1]
            node = nodes[i]
            missing = [j for j in node.inputs if not self.fixed[j] and j not in known]
            if missing and len(known) < 64:
                stack += missing
                continue
            if i not in known:
                found = self._step(i, known)
                if found is None:
                    return None
                known[i] = found
            stack.pop()
        return known[end]

    def _step(
        self, i: int, known: Mapping[int, list[tuple[Array, Array]]]
    ) -> list[tuple[Array, Array]] | None:
        node = self.network.nodes[i]
        assert node.op is not None
        inputs = [known.get(j) for j in node.inputs]
        first = next((x for x in inputs if x is not None), None)
        if first is None or any(
                x is None and not self.fixed[j]
                for x, j in zip(inputs, node.inputs, strict=True)):
            return None
        name = node.op.name
        if name == "scale":
            return [
                (index, self.numbers.scaled(factor, node.attrs["factor"]))
                for index, factor in first
            ]
        if name == "mul":
            (j,) = (j for j in node.inputs if self.fixed[j])
            values = self._known(j)
            return None if values is None else [
                (x, self.numbers.times(f, values)) for x, f in first
            ]
        if name == "add":
            return [t for x in inputs if x is not None for t in x] if all(
                x is not None for x in inputs) else None
        if name == "concatenate":
            if any(x is None for x in inputs):
                return None
            longest = max(len(x) for x in inputs if x is not None)
            padded = [
                [*x, *[(x[0][0], np.zeros_like(x[0][1]))] * (longest - len(x))]
                for x in inputs if x is not None
            ]
            joined = [
                tuple(np.concatenate([x[t][s] for x in padded], axis=node.attrs["axis"])
                      for s in (0, 1))
                for t in range(longest)
            ]
            return [(index, factor) for index, factor in joined]
        if not isinstance(node.op, Structural) or len(node.inputs) != 1:
            return None
        moved = [
            tuple(node.op.apply(None, a[None], **node.attrs)[0]  # type: ignore[arg-type]
                  for a in term) for term in first
        ]
        return [(index, factor) for index, factor in moved]

    def _known(self, i: int) -> Array | None:
        """A constant's values by number: rationals, cosines and sines, and what is made of them."""
        node = self.network.nodes[i]
        if isinstance(node.leaf, Constant):
            if node.leaf.unknown:
                return None
            return np.array([self.numbers.of(v) for v in node.leaf.table])[node.leaf.index]
        if node.op is None:
            return None
        argument = arguments_of(self.network).get(i)
        if argument is not None and node.op.name in ("cos", "sin"):
            waves = [self.numbers.wave(node.op.name, r) for r in argument.table]
            return np.array(waves)[argument.index]
        if node.op.name not in ("scale", "mul") and not isinstance(node.op, Structural):
            return None
        found = [self._known(j) for j in node.inputs]
        inner = [x for x in found if x is not None]
        if len(inner) < len(found):
            return None
        if node.op.name == "scale":
            return self.numbers.scaled(inner[0], node.attrs["factor"])
        if node.op.name == "mul":
            return self.numbers.times(*inner)
        out: Array = node.op.apply(  # type: ignore
            None, *(x[None] for x in inner), **node.attrs)[0]
        return out
