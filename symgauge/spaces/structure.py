"""A program as index spaces: where each leg sits in every line, and how ops move it.

The calculus of intertwiners speaks of *leaves*: the factors of an axis, products resolved. A
leaf has an address (axis, number), inside a direct sum (axis, number, part, number, ...). Ops
that only move entries move addresses (`NodeOp.moved`). What holds of lines for every data, and
parameters seen from another side, is what laws say (`laws.facts`, `laws.reads`).

Two patterns count as one line each: x minus its mean, and a region of constant coefficients
that turns pairs of entries (a rotary embedding).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

from symgauge.program.legs import Axis, Legs, Ref
from symgauge.program.moves import Address
from symgauge.program.network import Network
from symgauge.spaces.follow import follow_lines
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.lines import fixed_lines, lines_of, zero_lines
from symgauge.spaces.rotary import Turns


@dataclass(frozen=True)
class Range:
    """Where a leaf sits on an axis: the range from `start`, row-major of factors of these sizes.

    `along`: which factor it is. `periods` as a place has it, where the range is one of each period;
    else (). `factors`: the leaves that the factors are.
    """

    start: int
    sizes: tuple[int, ...]
    along: int
    periods: tuple[int, ...]
    factors: tuple[Address, ...]


class Structure:
    """Lines and leaves of one program. Nothing is evaluated but constants."""

    def __init__(
        self, network: Network, legs: Legs | None = None,
        given: Mapping[int, list[Axis]] | None = None, numbers: Sequence[int] | None = None,
        like: Structure | None = None,
    ) -> None:
        """`legs` and the axes of some leaves are those of a program around this one.

        `numbers` are what a reader of a proof calls the lines, where copies were put among them.
        `like`: the structure of a program of which most lines are the same, to read them once.
        """
        self.network = network
        self.numbers = range(len(network.nodes)) if numbers is None else numbers
        self.legs = Legs() if legs is None else legs
        self.axes = follow_lines(self.legs, network, given or {})
        self.zero = zero_lines(network)
        self.fixed = fixed_lines(network, self.zero)
        self._turns: Turns = {} if like is None else like._turns
        self._lines = lines_of(network, self.fixed, self._turns)
        self.users: dict[int, list[int]] = {i: [] for i in self._lines}
        for i, line in self._lines.items():
            for j in dict.fromkeys(line.inputs):
                if j in self.users:
                    self.users[j].append(i)
        self._tree: dict[tuple[int, int], list[Ref]] = {}
        self._addresses: dict[int, list[tuple[Address, Ref]]] = {}
        self._fields: dict[int, Structure] = {}
        #: Where addresses of inputs are in values, or why there is no such place.
        self._moves: dict[tuple[int, int, Address], Address | str | None] = {}

    def field(self, line: Line) -> Structure:
        """The program of the vector field of a flow, on the same legs."""
        if line.node not in self._fields:
            program = self.network.nodes[line.node].body
            assert program is not None
            rest = line.inputs[1:]
            given = {
                i: self.axes[j] for i, j in zip(program.parameter_nodes, rest, strict=True)
            }
            for i, x in zip(program.input_nodes, program.inputs, strict=True):
                # those of its end: a start that is a constant has none of its own
                given[i] = self.axes[line.node] if x.name == "x" else []
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

    def addresses(self, node: int) -> Sequence[tuple[Address, Ref]]:
        """Every leaf of a line with its leg and parity, those inside direct sums included."""
        if node not in self._addresses:
            self._addresses[node] = [
                found for axis in range(len(self.axes[node]))
                for found in self._below((axis,), self.leaves(node, axis))]
        return self._addresses[node]

    def _below(self, prefix: Address, leaves: list[Ref]) -> Iterator[tuple[Address, Ref]]:
        for k, (leg, parity) in enumerate(leaves):
            yield (*prefix, k), (leg, parity)
            for j, (part, sign) in enumerate(self.parts(leg)):
                yield from self._below((*prefix, k, j), self.part_leaves((part, sign * parity)))

    def leg_at(self, node: int, address: Address) -> int:
        """The leg at an address."""
        return self.leaves_of(node, address[:-1])[address[-1]][0]

    def leaves_of(self, node: int, prefix: Address) -> list[Ref]:
        """The factors of an axis, or of a summand of one."""
        found = self.leaves(node, prefix[0])
        for k, j in zip(prefix[1::2], prefix[2::2], strict=True):
            leg, parity = found[k]
            part, sign = self.parts(leg)[j]
            found = self.part_leaves((part, sign * parity))
        return found

    def top(self, node: int) -> list[Address]:
        """The addresses of the leaves of a line, direct sums whole."""
        return [
            (axis, k) for axis in range(len(self.axes[node]))
            for k in range(len(self.leaves(node, axis)))
        ]

    def range_of(self, node: int, address: Address) -> Range | None:
        """Where a leaf sits on its axis; None where that is no range of it, nor one of each period.

        A summand of a factor that is not the outermost is a range of each period.
        """
        axis, path = address[0], list(address[1:])
        prefix: Address = (axis,)
        start = first = count = period = begin = 0
        factors: list[tuple[Address, Ref]] = [
            ((axis, i), ref) for i, ref in enumerate(self.leaves(node, axis))]
        while len(path) > 1:
            k, j = first + path[0], path[1]
            unit = prod(self.size(x) for _, (x, _) in factors[k + 1:])
            leg, parity = factors[k][1]
            if k > count:
                if count:
                    return None  # periods of periods
                count, period, begin, start = k, self.size(leg) * unit, start, 0
            start += sum(self.size(p) for p, _ in self.parts(leg)[:j]) * unit
            part, sign = self.parts(leg)[j]
            prefix = (*prefix, path[0], j)
            own = self.part_leaves((part, sign * parity))
            factors[k:k + 1] = [((*prefix, i), ref) for i, ref in enumerate(own)]
            first, path = k, path[2:]
        return Range(
            start, tuple(self.size(x) for _, (x, _) in factors), first + path[0],
            ((count, period, begin) if begin else (count, period)) if count else (),
            tuple(a for a, _ in factors))

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
        key = line.node, k, address
        if key not in self._moves:
            try:
                self._moves[key] = self._moved(line, k, address)
            except NoLemma as reason:
                self._moves[key] = str(reason)
        found = self._moves[key]
        if isinstance(found, str):
            raise NoLemma(found)
        return found

    def _moved(self, line: Line, k: int, address: Address) -> Address | None:
        assert line.op is not None
        found = line.op.moved(_Input(self, line, k), address, **line.attrs)
        if found is not None and found[0] != line.turned:
            self._same_leg(line.inputs[k], address, line.node, found)
        return found

    def is_another_part(self, line: Line, address: Address) -> bool:
        """Whether a leaf that is no longer there is in a summand that a range left out whole."""
        return len(address) > 2 and line.law == "part"

    def _same_leg(self, source: int, address: Address, node: int, found: Address) -> None:
        try:
            same = self.leg_at(source, address) == self.leg_at(node, found)
        except IndexError:
            same = False
        if not same:
            raise NoLemma("an op moves entries across index spaces")

    def reshaped(self, source: int, node: int, address: Address) -> Address:
        """Where an address is in another shape."""
        before, after = self.top(source), self.top(node)
        legs = [[self.leg_at(i, a) for a in found] for i, found in ((source, before),
                                                                    (node, after))]
        if legs[0] != legs[1] or address[:2] not in before:
            raise NoLemma("a reshape mixes index spaces")
        return (*after[before.index(address[:2])], *address[2:])

    def sliced(self, line: Line, source: int, address: Address) -> Address | None:
        """Where an address is in a slice; None where the slice leaves it out."""
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

    def joined(self, line: Line, k: int, address: Address) -> Address:
        """Where an address of the joined axis of input k is in the value of a concatenation."""
        axis = address[0]
        self._same_parts(
            line.node, axis, [self.network.nodes[j].shape[axis] for j in line.inputs])
        return axis, 0, k, *address[1:]

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

    def are_aligned(self, line: Line, addresses: Iterable[Address]) -> bool:
        """Whether the inputs factor the axes of these addresses alike."""
        return all(
            self.aligned(line, k, axis)
            for axis in {a[0] for a in addresses if a} for k in range(len(line.inputs)))

    def require_aligned(self, line: Line, addresses: Iterable[Address]) -> None:
        """Raise NoLemma where the inputs factor the axis of one of these addresses differently."""
        if not self.are_aligned(line, addresses):
            raise NoLemma("an axis has other factors in one input than in another")


@dataclass(frozen=True)
class _Input:
    """One input of a line, for the op that moves its entries (`Moves`)."""

    structure: Structure
    line: Line
    k: int

    def reshaped(self, address: Address) -> Address:
        return self.structure.reshaped(self.line.inputs[self.k], self.line.node, address)

    def sliced(self, address: Address) -> Address | None:
        return self.structure.sliced(self.line, self.line.inputs[self.k], address)

    def joined(self, address: Address) -> Address:
        return self.structure.joined(self.line, self.k, address)
