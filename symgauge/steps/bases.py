"""What the lines are that sums begin with: inputs, units, gates, norms, averages, experts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from symgauge.program.constant import Constant
from symgauge.steps.averages import Average, average
from symgauge.steps.experts import Experts, experts
from symgauge.steps.listed import Listed, listed
from symgauge.steps.reading import Form, Reader, Term
from symgauge.steps.rows import Joined, joined
from symgauge.steps.unread import Unread
from symgauge.steps.widths import Axis


@dataclass(frozen=True)
class Free:
    """An input: rows of free coordinates."""

    node: int
    axis: Axis


@dataclass(frozen=True)
class Unit:
    """A function of one line, entry by entry; `kind`: what its op says of it."""

    node: int
    axis: Axis
    kind: str
    power: int
    argument: Form


@dataclass(frozen=True)
class Gate:
    """A function of one line times another line; `kind` is "" for a product of two lines."""

    node: int
    axis: Axis
    kind: str
    gate: Form
    up: Form


@dataclass(frozen=True)
class Norm:
    """A line over the root of its mean square, plus epsilon; `centred`: its mean taken off."""

    node: int
    axis: Axis
    centred: bool
    eps: Fraction
    argument: Form


Base = Free | Unit | Gate | Norm | Average | Experts | Listed | Joined


class Bases:
    """The bases of one program, each read once."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._known: dict[int, Base] = {}
        reader.average_at = self.at

    def of(self, term: Term) -> Base:
        """What a term begins with. Raises Unread."""
        return self.at(term.base)

    def at(self, i: int) -> Base:
        """What a line is, that is no sum."""
        if i not in self._known:
            self._known[i] = self._read(i)
        return self._known[i]

    def _read(self, i: int) -> Base:
        reader, node = self.reader, self.reader.node(i)
        leaf = reader.input(i)
        if leaf is not None:
            if leaf.classes:
                raise Unread("tokens")
            return Free(i, reader._axis(i))
        op, law = node.op, reader.law(i)
        assert op is not None
        if law == "contraction":
            return listed(reader, i) or average(reader, i)
        if law == "join":
            return joined(reader, i)
        if law == "sum":
            return experts(reader, i)
        if law == "standardising":
            return self._centred(i)
        if law == "product":
            return self._rms(i) or self._gate(i)
        if op.converse in ("smooth", "exponential", "kinked", "power") and len(node.inputs) == 1:
            argument = reader.read(node.inputs[0])
            self._along(i, argument)
            return Unit(i, argument.axis, op.converse, int(node.attrs.get("exponent", 0)), argument)
        raise Unread(f"v{i} is no line that is read")

    def _along(self, i: int, argument: Form) -> None:
        """The line has the axis of what it is made of, entry by entry."""
        if self.reader.node(i).shape != self.reader.node(argument.node).shape:
            raise Unread(f"v{i} repeats what it is made of")
        known = self.reader.axes.setdefault(i, argument.axis)
        self.reader.widths.meet(known, argument.axis)

    def _centred(self, i: int) -> Norm:
        node = self.reader.node(i)
        if tuple(node.attrs["axes"]) != (len(node.shape) - 1,):
            raise Unread(f"v{i} standardises along another axis")
        argument = self.reader.read(node.inputs[0])
        self._along(i, argument)
        return Norm(i, argument.axis, True, node.attrs["eps"], argument)

    def _gate(self, i: int) -> Gate:
        reader, inputs = self.reader, self.reader.node(i).inputs
        for k in (0, 1):
            found = reader.same(inputs[k])
            op = None if found is None else reader.node(found).op
            if found is None or op is None or not op.converse or len(
                    reader.node(found).inputs) != 1:
                continue
            gate = reader.read(reader.node(found).inputs[0])
            return self._gated(i, op.converse, gate, reader.read(inputs[1 - k]))
        return self._gated(i, "", *(reader.read(j) for j in inputs))

    def _gated(self, i: int, kind: str, gate: Form, up: Form) -> Gate:
        for form in (gate, up):
            self._along(i, form)
        return Gate(i, gate.axis, kind, gate, up)

    # -- z (mean z^2 + epsilon)^(-1/2) -------------------------------------------------------------

    def _rms(self, i: int) -> Norm | None:
        reader = self.reader
        for k in (0, 1):
            z, root = (reader.node(i).inputs[j] for j in (k, 1 - k))
            below, numbers = reader.source(root)
            op = reader.node(below).op
            if op is None or not op.takes_root or op.degree_at(
                    **reader.node(below).attrs) != Fraction(-1, 2):
                continue
            eps = self._mean_square(reader.node(below).inputs[0], z)
            rows = numbers.reshape(-1, reader.node(i).shape[-1])
            if eps is None or (rows != rows[:, :1]).any() or (
                    rows[:, 0] != range(len(rows))).any():
                raise Unread(f"v{i} is a root that is no norm")
            argument = reader.read(z)
            self._along(i, argument)
            return Norm(i, argument.axis, False, eps, argument)
        return None

    def _mean_square(self, i: int, z: int) -> Fraction | None:
        """Epsilon, where a line is the mean of the squares of z along its last axis plus that."""
        reader, eps = self.reader, Fraction(0)
        while (law := reader.law(i := self._plain(i))) != "sum":
            node = reader.node(i)
            if law == "multiple" and node.attrs["factor"] > 0:
                i = node.inputs[0]
            elif law == "sum of lines":
                fixed = [j for j in node.inputs if reader.network.is_constant[j]]
                live = [j for j in node.inputs if j not in fixed]
                if len(fixed) != 1 or len(live) != 1 or eps:
                    return None
                eps = self._number(fixed[0])
                i = live[0]
            else:
                return None
        node = reader.node(i)
        square = reader.node(self._plain(node.inputs[0]))
        if tuple(node.attrs["axes"]) != (len(square.shape) - 1,) or square.op is None:
            return None
        twice = square.inputs[0] == square.inputs[-1] and (
            square.op.law == "product" or square.op.is_square(**square.attrs))
        return eps if twice and reader.source(square.inputs[0])[0] == reader.source(z)[0] and (
            reader.same(square.inputs[0]) is not None) else None

    def _plain(self, i: int) -> int:
        found = self.reader.same(i)
        if found is None:
            raise Unread(f"v{i} moves entries inside a norm")
        return found

    def _number(self, i: int) -> Fraction:
        below, _ = self.reader.source(i)
        leaf = self.reader.node(below).leaf
        if not isinstance(leaf, Constant) or leaf.unknown or len(leaf.table) != 1 or (
                leaf.table[0] < 0):
            raise Unread(f"v{i} is no epsilon that is read")
        return leaf.table[0]
