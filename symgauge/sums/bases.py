"""What the terms of a sum are: units with an activation, gated units, norms, averages of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from symgauge.sums.affine import Affine, Gain, Reader
from symgauge.sums.entrywise import argument_of
from symgauge.sums.listed import Listed, ListedReader
from symgauge.sums.joined import Joined, Turned, turned
from symgauge.sums.routed import Routed, RoutedReader
from symgauge.sums.rows import Rows, rearranged, rows_of
from symgauge.sums.stop import Stop
from symgauge.sums.views import MOVES, Views, number_of
from symgauge.sums.weights import kind_of, seen_by
from symgauge.program.array import Array
from symgauge.program.leaf import Input
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class Source:
    """An input of the network, or its entries in another order: free coordinates, or tokens."""

    node: int
    feats: tuple[Address, ...]
    leaf: Input


@dataclass(frozen=True)
class Units:
    """act(u), entry by entry; `converse` is what the op says of its function."""

    node: int
    feats: tuple[Address, ...]
    converse: str
    attrs: Mapping[str, Any]
    argument: Affine


@dataclass(frozen=True)
class Gated:
    """act(g) * u, entry by entry; `converse` is "" for g * u."""

    node: int
    feats: tuple[Address, ...]
    converse: str
    gate: Affine
    up: Affine


@dataclass(frozen=True)
class Norm:
    """z over its root mean square (`centred`: after its mean is taken off)."""

    node: int
    feats: tuple[Address, ...]
    centred: bool
    eps: Fraction
    argument: Affine


@dataclass(frozen=True)
class Side:
    """Queries or keys: their affine reading, a norm with a gain, whether pairs are turned."""

    affine: Affine
    turned: int | None
    normed: Norm | None
    gains: tuple[Gain, ...]
    #: The leaves that scores contract, below all of it, and the line where they are.
    entries: tuple[Address, ...]
    line: int
    #: The axes of the line that turns pairs along which the entries of a head are.
    along: tuple[int, ...] = ()
    #: Entries beside those that are turned.
    beside: Joined | None = None


@dataclass(frozen=True)
class Mixing:
    """sum_s p_ts v_s, p the softmax (or an entrywise function) of scores q_t . k_s."""

    node: int
    #: Leaves of the value: those that queries alone number, those that keys number too, features.
    repeats: tuple[Address, ...]
    groups: tuple[Address, ...]
    feats: tuple[Address, ...]
    query: Side
    key: Side
    value: Affine
    #: The leaf of scores that queries and keys contract, at the queries' line.
    scores: int
    contracted: tuple[Address, ...]
    #: 1 where a row sees a token, or None for all.
    seen: Array | None
    rows: int
    columns: int
    entrywise: bool
    #: Whether the scores are the weights.
    linear: bool = False


Base = Source | Units | Gated | Norm | Mixing | Routed | Listed | Rows


class Bases:
    """The bases of one program."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.structure: Structure = reader.structure
        self._known: dict[tuple[int, tuple[Address, ...]], Base] = {}

    def of(self, node: int, feats: tuple[Address, ...]) -> Base:
        """What a line is. Raises Stop where it is none of these."""
        key = (node, tuple(sorted(feats)))
        if key not in self._known:
            self._known[key] = self._found(node, feats)
        return self._known[key]

    def _found(self, node: int, feats: tuple[Address, ...]) -> Base:
        leaf = self.structure.network.nodes[node].leaf
        if isinstance(leaf, Input):
            return Source(node, feats, leaf)
        line = self.structure.lines[node]
        assert line.op is not None
        if line.op.converse and len(line.inputs) == 1:
            return self._units(line, feats)
        found: Base | None = None
        if line.law == "standardising":
            found = self._centred(line, feats)
        elif line.law == "product":
            found = self._norm(line, feats) or self._spelled(line, feats) or self._gated(
                line, feats)
        elif line.law == "contraction":
            found = ListedReader(self.reader).of(line, feats) or self._mixing(line, feats)
        elif line.law == "sum":
            found = RoutedReader(self.reader).of(line, feats)
        elif line.law == "join":
            found = rows_of(self.reader, line, feats)
        elif line.law == "selection":
            leaf = rearranged(self.structure, node)
            found = None if leaf is None else Source(node, feats, leaf)
        if found is None:
            raise Stop(node, line.law, f"no converse is stated for {line.label}")
        return found

    def _units(self, line: Line, feats: tuple[Address, ...]) -> Units:
        assert line.op is not None
        return Units(line.node, feats, line.op.converse, line.attrs,
                     self.reader.read(line.inputs[0], feats))

    def _spelled(self, line: Line, feats: tuple[Address, ...]) -> Units | None:
        """A smooth function of one line that is spelled out."""
        u = argument_of(self.structure, line.node)
        if u is None:
            return None
        return Units(line.node, feats, "smooth", {}, self.reader.read(u, feats))

    def _gated(self, line: Line, feats: tuple[Address, ...]) -> Gated | None:
        if len(line.inputs) != 2:
            return None
        for k in (0, 1):
            view = self.reader.views.of(line.inputs[k])
            inner = self.structure.lines.get(view.node)
            if inner is None or inner.op is None or not inner.op.converse:
                continue
            own = view.of(feats)
            if len(own) == len(feats) and len(inner.inputs) == 1:
                return Gated(
                    line.node, feats, inner.op.converse, self.reader.read(inner.inputs[0], own),
                    self.reader.read(line.inputs[1 - k], feats))
        left, right = (self.reader.read(j, feats) for j in line.inputs)
        return Gated(line.node, feats, "", left, right)

    # -- norms -----------------------------------------------------------------------------------

    def _centred(self, line: Line, feats: tuple[Address, ...]) -> Norm | None:
        axes = set(line.attrs["axes"])
        if {a for a in self.structure.top(line.node) if a[0] in axes} != set(feats):
            return None
        return Norm(line.node, feats, True, line.attrs["eps"],
                    self.reader.read(line.inputs[0], feats))

    def _norm(self, line: Line, feats: tuple[Address, ...]) -> Norm | None:
        """z * (mean z^2 + eps)^(-1/2), the mean over the features."""
        for z, root in (line.inputs, line.inputs[::-1]):
            if self.structure.fixed[root] or self.structure.fixed[z]:
                continue
            eps = self._inverse_root(z, self.reader.views.of(root).node, feats)
            view = self.reader.views.of(root)
            if eps is not None and all(view.at[a] is None for a in feats):
                return Norm(line.node, feats, False, eps, self.reader.read(z, feats))
        return None

    def _inverse_root(self, z: int, node: int, feats: tuple[Address, ...]) -> Fraction | None:
        """Epsilon, where a line is (mean z^2 + eps)^(-1/2)."""
        line = self.structure.lines.get(node)
        if line is None or line.op is None or not line.op.takes_root or line.op.degree_at(
                **line.attrs) != Fraction(-1, 2):
            return None
        node, eps = line.inputs[0], Fraction(0)
        mean = self._through(node)
        if mean is not None and self.structure.lines[mean].law == "sum of lines":
            here = self.structure.lines[mean].inputs
            fixed = [j for j in here if self.structure.fixed[j]]
            free = [j for j in here if not self.structure.fixed[j]]
            number = number_of(self.structure, fixed[0]) if len(fixed) == 1 else None
            if number is None or number < 0 or len(free) != 1:
                return None
            eps, mean = number, self._through(free[0])
        if mean is None:
            return None
        total = self.structure.lines[mean]
        if total.law != "sum":
            return None
        square = self.structure.lines.get(total.inputs[0])
        if square is None or square.op is None or not square.op.is_square(**square.attrs):
            return None
        view = self.reader.views.of(square.inputs[0])
        mine = self.reader.views.of(z)
        axes = set(total.attrs["axes"])
        summed = {view.at[a] for a in self.structure.top(square.node) if a[0] in axes}
        return eps if view.node == mine.node and summed == set(mine.of(feats)) and (
            None not in summed) else None

    def _through(self, node: int) -> int | None:
        """Below moves and multiples."""
        while (line := self.structure.lines.get(node)) is not None and (
                line.law in MOVES or line.law == "multiple" and line.attrs["factor"] > 0):
            node = line.inputs[0]
        return node if node in self.structure.lines else None

    # -- averages of tokens ----------------------------------------------------------------------

    def _mixing(self, line: Line, feats: tuple[Address, ...]) -> Mixing | None:
        views, structure = self.reader.views, self.structure
        rank = len(line.shape)
        weights = views.of(line.inputs[0])
        soft = structure.lines.get(weights.node)
        kind = kind_of(soft)
        if soft is None or kind is None:
            return None
        linear = kind == "linear"
        column = [a for a in structure.top(line.inputs[0]) if a[0] == rank - 1]
        if len(column) > 1 or any(weights.at[a] is None for a in structure.top(line.inputs[0])):
            return None
        own = [a for a in structure.top(line.node) if a[0] == rank - 1]
        heads = [a for a in feats if a[0] < rank - 2]
        if {*own, *heads} != set(feats):
            return None
        value = self.reader.read(line.inputs[1], (
            *(a for a in structure.top(line.inputs[1]) if a[0] == rank - 1), *heads))
        if {weights.at[a] for a in column} != set(self.reader.last_axis(soft.node)):
            return None
        mask = soft.inputs[1] if len(soft.inputs) > 1 and not linear else None
        found = self._scores(weights.node if linear else soft.inputs[0], mask, linear)
        if found is None:
            return None
        scores, alike = found
        # the heads of the value, as the scores number them
        at = {a: weights.at[a] for a in heads}
        shared = tuple(a for a in heads if _numbers(views, line.inputs[1], a))
        repeats = tuple(a for a in heads if a not in shared)
        sides = self._sides(scores, alike, [at[a] for a in shared], [at[a] for a in repeats])
        seen = seen_by(structure, mask)
        if sides is None or seen is None:
            return None
        query, key, contracted = sides
        return Mixing(
            line.node, repeats, shared, tuple(own), query, key,
            replace(value, repeated=False), scores, contracted, seen[0],
            soft.shape[-2] if len(soft.shape) > 1 else 1, soft.shape[-1], kind != "softmax", linear)

    def _scores(
        self, node: int, mask: int | None, plain: bool = False
    ) -> tuple[int, Mapping[Address, Any]] | None:
        """The product of queries and keys below scales, masks and constants; leaves above to there.

        `plain`: below scales alone.
        """
        structure, start = self.structure, node
        at: dict[Address, Any] = {a: a for a in structure.top(node)}
        while True:
            line = structure.lines.get(node)
            if line is None:
                return None
            if line.law in MOVES:
                step = self.reader.views.move(line)
                if step is None:
                    return None
                at = {a: step[b] for a, b in at.items() if b is not None}
                node = line.inputs[0]
            elif line.law == "multiple" and line.attrs["factor"]:
                node = line.inputs[0]
            elif line.law == "product" and mask in line.inputs:
                # where the mask is 0 the entry is left out
                node = next(j for j in line.inputs if j != mask)
            elif line.law == "sum of lines" and not plain and sum(
                    not structure.fixed[j] for j in line.inputs) == 1:
                node = next(j for j in line.inputs if not structure.fixed[j])
            else:
                break
        if line.law != "contraction":
            return None
        last = len(structure.network.nodes[start].shape) - 1
        rank = len(line.shape)
        # rows stay rows and columns columns
        straight = all(
            b[0] == rank - 1 - (last - a[0]) for a, b in at.items() if a[0] in (last, last - 1))
        return (node, at) if straight else None

    def _sides(
        self, scores: int, at: Mapping[Address, Any], shared: list[Any], repeats: list[Any]
    ) -> tuple[Side, Side, tuple[Address, ...]] | None:
        """Queries and keys of a contraction."""
        structure = self.structure
        line = structure.lines[scores]
        rank = len(line.shape)
        found = [at.get(a) for a in (*shared, *repeats)]
        heads = [a for a in found if a is not None and a[0] < rank - 2]
        if len(heads) < len(found):
            return None
        left, right = line.inputs
        mine = [a for a in structure.top(left) if a[0] == rank - 1]
        theirs = [a for a in structure.top(right) if a[0] == rank - 2]
        query = self._side(left, tuple(mine), heads)
        key = self._side(right, tuple(theirs), heads)
        if query is None or key is None or query.affine.repeated:
            return None
        key = replace(key, affine=replace(key.affine, repeated=False))
        return query, key, tuple(mine)

    def _side(self, node: int, own: tuple[Address, ...], heads: list[Any]) -> Side | None:
        """Queries or keys below moves, a rotary embedding, a gain and a norm."""
        feats = (*own, *heads)
        turns: Turned | None = None
        gains: list[Gain] = []
        normed: Norm | None = None
        while True:
            view = self.reader.views.of(node)
            node, feats, own = view.node, view.of(feats), view.of(own)
            line = self.structure.lines.get(node)
            if line is None:
                return None
            if line.law == "multiple" and line.attrs["factor"]:
                node = line.inputs[0]
                continue
            if line.law in ("rotary", "join") and not (turns or normed or gains):
                turns = turned(self.reader.views, line, feats, own)
                if turns is None:
                    return None
                node, feats, own = turns.node, turns.feats, turns.own
                continue
            if line.law == "product" and len(line.inputs) == 2 and normed is None:
                found = self._gain(line, feats)
                if found is not None:
                    gains.append(found[0])
                    node = found[1]
                    continue
                normed = self._norm(line, own)  # of each head by itself
                if normed is not None:
                    node = normed.argument.node
                    continue
            break
        if gains and normed is None:
            return None
        affine = self.reader.read(node, feats)
        if turns is None:
            return Side(affine, None, normed, tuple(gains), own, node)
        return Side(
            affine, turns.line, normed, tuple(gains), own, node, turns.along, turns.beside)

    def _gain(self, line: Line, feats: tuple[Address, ...]) -> tuple[Gain, int] | None:
        for k in (0, 1):
            view = self.reader.views.parameter(line.inputs[k])
            if view is not None and not self.structure.fixed[line.inputs[1 - k]] and all(
                    b is None or a in feats for a, b in view.at.items()):
                return Gain(view.node, view.of(feats)), line.inputs[1 - k]
        return None


def _numbers(views: Views, node: int, address: Address) -> bool:
    """Whether a leaf of a line numbers what it moves, and is no repetition of it."""
    return views.of(node).at.get(address) is not None
