"""Regions of constant coefficients that turn pairs of entries (a rotary embedding), as one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from math import prod
from typing import Any

import numpy as np

from symgauge.domains.known import arguments_of
from symgauge.program.array import Array
from symgauge.program.moves import Address, Moves
from symgauge.program.network import Network, Node
from symgauge.program.op import Primitive
from symgauge.spaces.forms import FORM, Numbers, NoForm, FormDomain, padded
from symgauge.spaces.line import Line, Region

#: Lines of a region above which it is left alone.
LINES = 64
#: Pairs that are neighbours before, and halves behind.
CARRIED = "neighbours to halves"


class Rotary(Region):
    """Pairs of entries of the last axis times complex numbers; other axes may be permuted."""

    name = "rotary"
    law = "rotary"

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        return attrs["to"][address[0]], *address[1:]


@dataclass(frozen=True)
class Turn:
    """How a region turns pairs of entries of its root's last axis: a times itself, b its partner.

    `pairs` are "halves", (k, k + n/2), or "neighbours", (2k, 2k + 1); `to` says where each axis
    of the root is in the end. a and b are by number, on the shape of the end. `carried`: the end
    has the pairs as halves, which are neighbours of the root; a and b are as these stand.
    """

    pairs: str
    to: Mapping[int, int]
    straight: Array
    crossed: Array
    carried: bool = False

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes of the line."""
        return {"pairs": self.pairs, "to": self.to, "alike": self.alike, "steady": self.steady}

    @cached_property
    def steady(self) -> frozenset[int]:
        """The axes of the root along which all turn alike."""
        n = self.straight.ndim - 1
        return frozenset(a for a, b in self.to.items() if b < n and all(
            (x == x.take([0], axis=b)).all() for x in (self.straight, self.crossed)))

    @cached_property
    def alike(self) -> tuple[int, ...]:
        """The class of each pair, of pairs that turn alike wherever they are, in order."""
        n = self.straight.shape[-1]
        first = slice(n // 2) if self.pairs == "halves" else slice(0, n, 2)
        both = [np.moveaxis(x[..., first], -1, 0) for x in (self.straight, self.crossed)]
        seen: dict[tuple[bytes, ...], int] = {}
        return tuple(
            seen.setdefault(tuple(x[k].tobytes() for x in both), len(seen))
            for k in range(n // 2))


def turned_alike(lines: Iterable[Line], n: int) -> tuple[int, ...] | None:
    """The class of each pair, of pairs of halves of n that all lines turn alike.

    None where there is nothing alike.
    """
    tables = [
        line.attrs["alike"] for line in lines
        if line.law == "rotary" and line.attrs["pairs"] == "halves" and line.shape[-1] == n]
    seen: dict[tuple[int, ...], int] = {}
    classes = tuple(seen.setdefault(x, len(seen)) for x in zip(*tables, strict=True))
    return classes if len(seen) < len(classes) else None


#: How regions turn, by (root, end), with the lines that they were found from; or None.
Turns = dict[tuple[int, int], tuple[tuple[Node, ...] | None, Turn | None]]


class Regions:
    """The regions of one program that turn pairs; `fixed` are lines without parameter and input."""

    def __init__(
        self, network: Network, fixed: Sequence[bool], known: Turns | None = None
    ) -> None:
        """`known`: what was found of other programs, to which is added."""
        self.network = network
        self.fixed = fixed
        self._known: Turns = {} if known is None else known
        self.numbers = Numbers()
        #: What was found of regions of this program, by what they compute: layers have the same.
        self._alike: dict[Any, list[tuple[list[Any], Turn | None]]] = {}

    def turned(self) -> dict[int, Line]:
        """Ends of linear regions that cut a vector, multiply by constants and join it again.

        Where one lies in another (a part of a head that was cut out of it, and turned), it alone.
        """
        nodes = self.network.nodes
        found: dict[int, Line] = {}
        within: dict[int, int] = {}
        rotary = Rotary()
        # the last line of a region that turns pairs is its end; regions with later roots first
        pairs = [(root, i) for i, roots in self._sources().items() for root in roots]
        for root, i in sorted(pairs, reverse=True):
            op = nodes[i].op
            joins = op is not None and op.linear and len(nodes[i].inputs) > 1
            if root in within or not joins or prod(nodes[i].shape) != prod(nodes[root].shape):
                continue
            if any(root < r and end <= i for r, end in within.items()):
                continue
            turn = self._turn_once(root, i)
            if turn is not None and not turn.carried:
                within[root] = i
                found[i] = Line(i, rotary, rotary.name, (root,), turn.attrs, nodes[i].shape,
                                len(nodes[i].shape) - 1)
        return found

    def _sources(self) -> dict[int, frozenset[int]]:
        """Lines linear in one line that was cut: that line; several where a part is cut again."""
        nodes = self.network.nodes
        source: dict[int, frozenset[int]] = {}
        for i, node in enumerate(nodes):
            if node.op is None or self.fixed[i]:
                continue
            free = [j for j in node.inputs if not self.fixed[j]]
            own = [source.get(j, frozenset()) for j in free]
            roots = frozenset().union(*own) if node.op.linear or (
                node.op.law == "product" and len(free) == 1) else frozenset()
            kept = {r for r in roots if all(
                r in mine or self._multiple(j, r) for j, mine in zip(free, own, strict=True))}
            if node.op.law == "part" or node.op.law == "selection" and node.shape[-1] == 2:
                kept.add(free[0])
            if kept:
                source[i] = frozenset(kept)
        return source

    def _multiple(self, i: int, root: int) -> bool:
        """Whether a line is the root times constants, moved."""
        nodes = self.network.nodes
        while i != root:
            op = nodes[i].op
            if op is None or op.law not in ("product", "multiple", "reshape", "permutation"):
                return False
            free = [j for j in nodes[i].inputs if not self.fixed[j]]
            if len(free) != 1:
                return False
            i = free[0]
        return True

    def _turn_once(self, root: int, end: int) -> Turn | None:
        """`turn`, looked up where the lines of the region are those of a program seen before."""
        lines = self._between(root, end)
        nodes = None if lines is None else tuple(self.network.nodes[i] for i in lines)
        known = self._known.get((root, end))
        if known is None or nodes is None or known[0] is None or len(nodes) != len(known[0]) or any(
                a is not b for a, b in zip(nodes, known[0], strict=True)):
            known = self._known[root, end] = nodes, self.turn(root, end)
        return known[1]

    def turn(self, root: int, end: int) -> Turn | None:
        """How the region turns pairs of entries of the root's last axis; None where it does not.

        Other axes may be permuted. For each pair the region must be ((a, -b), (b, a)) with
        constants a, b: decided exactly, on the entries, once for regions of the same lines.
        """
        lines, arguments = self._between(root, end), arguments_of(self.network)
        if lines is None:
            return None
        place = {root: -1, **{i: k for k, i in enumerate(lines)}}
        nodes = [self.network.nodes[i] for i in lines]
        form = (self.network.nodes[root].shape, tuple(
            (n.op_name, n.shape, tuple(map(place.get, n.inputs))) for n in nodes))
        filled = [(n.attrs, n.leaf, arguments.get(i)) for i, n in zip(lines, nodes, strict=True)]
        alike = self._alike.setdefault(form, [])
        for other, known in alike:
            if all(a == b and x is y and u is v
                   for (a, x, u), (b, y, v) in zip(filled, other, strict=True)):
                return known
        alike.append((filled, self._turn(root, end, lines)))
        return alike[-1][1]

    def _turn(self, root: int, end: int, lines: Sequence[int]) -> Turn | None:
        shape, end_shape = (self.network.nodes[i].shape for i in (root, end))
        n = shape[-1] if shape else 0
        if n < 2 or n % 2 or end_shape[-1:] != (n,) or prod(shape) != prod(end_shape):
            return None
        terms = self._terms(root, end, lines)
        if terms is None:
            return None
        # unit axes may come and go
        here, there = ([a for a, m in enumerate(x[:-1]) if m > 1] for x in (shape, end_shape))
        entries = np.arange(prod(shape)).reshape(*(shape[a] for a in here), n)
        kinds = ("halves", "neighbours", CARRIED) if n > 2 else ("neighbours",)
        for pairs, order in product(kinds, permutations(range(len(here)))):
            own = entries.transpose(*order, len(here))
            if own.shape[:-1] != tuple(end_shape[a] for a in there):
                continue
            own, k = own.reshape(end_shape), np.arange(n)
            if pairs == CARRIED:
                own = own[..., k.reshape(-1, 2).T.reshape(-1)]
            partner = k ^ 1 if pairs == "neighbours" else (k + n // 2) % n
            first = k % 2 == 0 if pairs == "neighbours" else k < n // 2
            found = self.numbers.turns(terms, own, own[..., partner], first)
            if found is None:
                continue
            to = {here[a]: there[b] for b, a in enumerate(order)}
            to = {**to, len(shape) - 1: len(end_shape) - 1}
            if pairs != CARRIED:
                return Turn(pairs, to, *found)
            straight, crossed = (x[..., k.reshape(2, -1).T.reshape(-1)] for x in found)
            return Turn("neighbours", to, straight, crossed, carried=True)
        return None

    def _terms(self, root: int, end: int, lines: Sequence[int]) -> Array | None:
        """The end as a sum of multiples of entries of the root, one term a batch entry (`forms`).

        None where the region is no such sum.
        """
        shape = self.network.nodes[root].shape
        start = np.empty((1, *shape), dtype=FORM)
        start["entry"] = np.arange(prod(shape)).reshape(start.shape)
        start["number"] = 1
        known, domain = {root: start}, FormDomain(self.numbers)
        arguments = arguments_of(self.network)
        try:
            for i in lines:
                node = self.network.nodes[i]
                if node.leaf is not None:
                    known[i] = domain.leaf(node.leaf)
                elif i in arguments:
                    known[i] = domain.at(node.op_name, arguments[i])
                elif isinstance(node.op, Primitive):
                    xs = padded([known[j] for j in node.inputs], node.op)
                    known[i] = node.op.apply(domain, *xs, **node.attrs)
                else:
                    return None
        except NoForm:
            return None
        return known[end]

    def _between(self, root: int, end: int) -> list[int] | None:
        """The lines of which the end is made, the root and what is above it left out, in order."""
        known = arguments_of(self.network)
        found, stack = set[int](), [end]
        free = 0
        while stack:
            i = stack.pop()
            if i == root or i in found:
                continue
            found.add(i)
            free += not self.fixed[i]
            if free > LINES:
                return None
            stack += () if i in known else self.network.nodes[i].inputs
        return sorted(found)
