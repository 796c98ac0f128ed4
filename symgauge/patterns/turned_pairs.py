r"""A rotary table in any spelling: one program for pairs (k, k + n/2), one for pairs (2k, 2k + 1).

Law: let the lines between a line x and a later one y be linear with constant coefficients, so that
each entry of y is a sum of multiples of entries of x. If it is a x_k + b x_p, with p the partner
of k, a the same and b opposite for both of a pair, y is

    a x + s (-x_2, x_1),  x = (x_1, x_2) in halves;     a x + b (x_1, x_0) on an axis of pairs,

with s = -b in the first half and b in the second. Neighbours that come out as halves are turned on
an axis of pairs, which goes behind it then. Neighbours before the first and behind the last
that turn are left out. The coefficients of both are compared entry by
entry, as rational multiples of named cosines and sines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symgauge.ops.add import Add
from symgauge.ops.concatenate import Concatenate
from symgauge.ops.matmul import Matmul
from symgauge.ops.mul import Mul
from symgauge.ops.permute import Permute
from symgauge.ops.reshape import Reshape
from symgauge.ops.scale import Scale
from symgauge.ops.take import Take
from symgauge.program.array import Array, Shape
from symgauge.program.build import Builder, rebuilt
from symgauge.program.constant import Constant
from symgauge.program.network import Network, Node
from symgauge.program.op import Structural
from symgauge.program.writer import Value
from symgauge.spaces.lines import fixed_lines, zero_lines
from symgauge.spaces.rotary import Regions, Turn

#: Rational numbers, some of which stand in a table.
Numbers = tuple[Fraction, ...]
#: A factor, and functions of arguments by which it is multiplied.
Coefficients = tuple[Constant, tuple[tuple[str, Constant], ...]]


def rewritten(network: Network) -> Network:
    """The network with each region that turns pairs in the spelling of its kind."""
    regions = Regions(network, fixed_lines(network, zero_lines(network)))
    spelled = dict[int, _Spelling | None]()
    found = dict[int, tuple[int, _Spelling]]()
    for root, end, turn in _found(regions):
        # layers have the same turn
        if id(turn) not in spelled:
            spelled[id(turn)] = _spelling(regions, turn)
        spelling = spelled[id(turn)]
        if spelling is not None:
            found[end] = root, spelling
    if not found:
        return network

    def instead(build: Builder, moved: list[Value], i: int) -> Value | None:
        if i not in found:
            return None
        root, spelling = found[i]
        return spelling.of(build, moved[root])
    return rebuilt(network, instead)


@dataclass(frozen=True)
class _Spelling:
    """How a turn is written, once for all regions that turn so: entries `start` to `stop` turn.

    Coefficients are a factor, and cosines and sines by their arguments.
    """

    turn: Turn
    start: int
    stop: int
    straight: Coefficients
    crossed: Coefficients

    def of(self, build: Builder, x: Value) -> Value:
        """x with its pairs turned, as the end has them."""
        shape, last = self.turn.straight.shape, self.turn.straight.ndim - 1
        n, a, b = shape[-1], self.start, self.stop
        x = _laid_out(build, x, self.turn, shape)
        if b - a == n:
            turned = self._turned(build, x)
        else:
            among = self._turned(build, build.slice(x, last, a, b))
            parts = [
                build.slice(x, last, 0, a), build.reshape(among, (*shape[:-1], b - a)),
                build.slice(x, last, b, n)]
            turned = build.apply("concatenate", *(y for y in parts if y.shape[-1]), axis=last)
        if self.turn.carried:
            turned = build.reshape(turned, (*shape[:-1], n // 2, 2))
            turned = build.permute(turned, (*range(last), last + 1, last))
        return build.reshape(turned, shape)

    def _turned(self, build: Builder, x: Value) -> Value:
        """x, laid out, with all its pairs turned; neighbours on an axis of pairs."""
        shape, n = x.shape, x.shape[-1]
        if self.turn.pairs == "halves":
            other = build.apply(
                "concatenate", build.scale(build.slice(x, len(shape) - 1, n // 2, n), -1),
                build.slice(x, len(shape) - 1, 0, n // 2), axis=len(shape) - 1)
        else:
            x = build.reshape(x, (*shape[:-1], n // 2, 2))
            other = build.apply("take", x, axis=len(shape), index=(1, 0))
        one, two = (
            build.broadcast(_line(build, c), x.shape) for c in (self.straight, self.crossed))
        return build.add(build.mul(x, one), build.mul(other, two))


def _spelling(regions: Regions, turn: Turn) -> _Spelling | None:
    """None where a table is no product of a factor with waves."""
    a, b = _turning(turn)
    one, two = (_table(regions, x[..., a:b]) for x in (turn.straight, turn.crossed))
    if one is None or two is None:
        return None
    n, halves = b - a, turn.pairs == "halves"
    last = (n,) if halves else (n // 2, 2)
    if halves:
        two = two.signed(np.arange(n) < n // 2)
    return _Spelling(turn, a, b, one.on(last), two.on(last))


def _turning(turn: Turn) -> tuple[int, int]:
    """The range of entries that turn: neighbours before and behind may stay as they are."""
    n = turn.straight.shape[-1]
    # the numbers 1 and 0 are known by 1 and 0 (`Numbers`)
    moves = ((turn.straight != 1) | (turn.crossed != 0)).reshape(-1, n).any(0).nonzero()[0]
    if turn.pairs == "halves" or not moves.size:
        return 0, n
    return int(moves.min() // 2 * 2), int(moves.max() // 2 * 2 + 2)


def _line(build: Builder, coefficients: Coefficients) -> Value:
    """Repeated axes have size 1."""
    factor, waves = coefficients
    out = build.leaf(factor)
    for function, argument in waves:
        out = build.mul(out, build.apply(function, build.leaf(argument)))
    return out


def _laid_out(build: Builder, x: Value, turn: Turn, shape: Shape) -> Value:
    """x with its axes where the end has them."""
    last = len(x.shape) - 1
    kept = [*(a for a in range(last) if x.shape[a] > 1), last]
    order = sorted(range(len(kept)), key=lambda b: turn.to[kept[b]])
    if order == sorted(order):
        return build.reshape(x, shape)
    x = build.reshape(x, tuple(x.shape[a] for a in kept))
    return build.reshape(build.permute(x, tuple(order)), shape)


@dataclass(frozen=True)
class _Table:
    """An array of factors times values of functions at rational arguments.

    `index` says which of the factors and arguments stands where; axes along which all are the same
    have size 1, but the last.
    """

    index: Array
    factors: Numbers
    waves: tuple[tuple[str, Numbers], ...]

    def signed(self, where: Array) -> _Table:
        """With the opposite sign where the last axis is marked."""
        return _Table(
            self.index + len(self.factors) * where,
            (*self.factors, *(-c for c in self.factors)),
            tuple((f, x * 2) for f, x in self.waves))

    def on(self, last: Shape) -> Coefficients:
        """On a shape that ends so instead of in the last axis; repeated axes have size 1."""
        index = self.index.reshape(*self.index.shape[:-1], *last)
        return _constant(self.factors, index), tuple(
            (function, _constant(arguments, index)) for function, arguments in self.waves)


def _constant(numbers: Numbers, index: Array) -> Constant:
    """A constant; axes along which all are the same have size 1."""
    used, where = np.unique(index, return_inverse=True)
    found = [numbers[k] for k in used.tolist()]
    table = sorted(set(found))
    at = {v: k for k, v in enumerate(table)}
    place = np.array([at[v] for v in found], dtype=np.int64)
    return Constant(tuple(table), _narrow(place[where].reshape(index.shape), index.ndim))


def _narrow(index: Array, axes: int) -> Array:
    """One row of each of the first axes along which all are the same."""
    for a in range(axes):
        first = index[(slice(None),) * a + (slice(1),)]
        index = first if (index == first).all() else index
    return index


def _table(regions: Regions, ids: Array) -> _Table | None:
    """Numbers as a table; None where one place holds a cosine in some entries, a sine in others."""
    values = regions.numbers.values
    narrow = _narrow(ids, ids.ndim - 1)
    used, where = np.unique(narrow, return_inverse=True)
    found = [values[i] for i in used.tolist()]
    waves = []
    for k in range(max(len(names) for _, names in found)):
        given = [names[k].split(" ") if k < len(names) else None for _, names in found]
        functions = {pair[0] for pair in given if pair is not None}
        lacking = any(pair is None and c for pair, (c, _) in zip(given, found, strict=True))
        if len(functions) > 1 or (lacking and functions != {"cos"}):
            return None
        # cos 0 = 1, and 0 times anything is 0
        waves.append((functions.pop(), tuple(
            Fraction(0) if pair is None else Fraction(pair[1]) for pair in given)))
    return _Table(where.reshape(narrow.shape), tuple(c for c, _ in found), tuple(waves))


def _found(regions: Regions) -> Iterator[tuple[int, int, Turn]]:
    """(root, end, turn) of regions that are not in the spelling of their kind, the last first."""
    nodes = regions.network.nodes
    above = _dominators(regions)
    # pairs on an axis of their own are taken, halves are cut
    spelled = {i for i, line in regions.turned().items() if line.attrs["pairs"] == "halves" or any(
        isinstance(nodes[j].op, Take) for k in nodes[i].inputs for j in nodes[k].inputs)}
    done: list[tuple[int, int]] = []
    for end in sorted(above, reverse=True):
        start = end
        while isinstance(nodes[start].op, Reshape) and start in above:
            start = above[start]
        linear = isinstance(nodes[start].op, (Add, Concatenate, Matmul))
        if start not in above or not linear or any(
                root < end < last and _reaches(above, end, root) for root, last in done):
            continue
        turns = [(root, turn) for root in _moved_from(nodes, above[start])
                 if (turn := regions.turn(root, end)) is not None]
        carried = [pair for pair in turns if pair[1].carried]
        if not carried and _plain(regions.network, end) in spelled:
            done.append((above[start], end))
            continue
        for root, turn in (carried or turns)[:1]:
            done.append((root, end))
            yield root, end, turn


def _dominators(regions: Regions) -> dict[int, int]:
    """For a line that is linear in an earlier one, the nearest that all its entries come from."""
    above: dict[int, int] = {}
    for i, node in enumerate(regions.network.nodes):
        free = [j for j in dict.fromkeys(node.inputs) if not regions.fixed[j]]
        if regions.fixed[i] or not free or not _is_linear(regions, node):
            continue
        found: int | None = free[0]
        for j in free[1:]:
            other: int | None = j
            while found is not None and other is not None and found != other:
                if found > other:
                    found = above.get(found)
                else:
                    other = above.get(other)
            found = found if other is not None else None
        if found is not None:
            above[i] = found
    return above


def _is_linear(regions: Regions, node: Node) -> bool:
    """Whether a line is linear in those of its inputs that are not constant."""
    fixed = [regions.fixed[j] for j in node.inputs]
    if isinstance(node.op, Mul):
        return fixed.count(True) == 1
    if isinstance(node.op, Matmul):
        return fixed == [False, True]
    return not any(fixed) and isinstance(node.op, (Structural, Add, Scale))


def _reaches(above: dict[int, int], i: int, root: int) -> bool:
    while i > root and i in above:
        i = above[i]
    return i == root


def _moved_from(nodes: tuple[Node, ...], i: int) -> Iterator[int]:
    """A line, and those that it is by reshapes and permutations."""
    yield i
    while isinstance(nodes[i].op, (Reshape, Permute)):
        i = nodes[i].inputs[0]
        yield i


def _plain(network: Network, i: int) -> int:
    """The line without unit axes that came or went."""
    nodes = network.nodes

    def kept(j: int) -> Shape:
        return tuple(n for n in nodes[j].shape if n > 1)

    while isinstance(nodes[i].op, Reshape) and kept(i) == kept(nodes[i].inputs[0]):
        i = nodes[i].inputs[0]
    return i
