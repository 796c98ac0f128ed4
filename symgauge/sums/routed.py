"""Mixtures of experts: sum_j p_j E_e(j)(x), e(1), ..., e(k) the experts that a router chooses.

Each expert is units and a matrix: x W_e, act, V_e. The experts' matrices are slices of one stack,
and a line of rows of a single 1 (a ranking of the router's values) picks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod

from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.sums.affine import Affine, Reader, Weight
from symgauge.sums.views import MOVES, View


@dataclass(frozen=True)
class Routed:
    """sum_e p_e (act(g_e) * u_e) V_e, or act(g_e) V_e where `up` is None; `unit` is act(g).

    `converse`: what the op says of act. `router`: the logits; `gates`: "softmax" or "sigmoid".
    `shared`: the weights of the chosen ones are divided by their sum. `copies` are the leaves of
    the matrix that number experts, `hidden` those of one expert's units.
    """

    node: int
    feats: tuple[Address, ...]
    unit: int
    converse: str
    gate: Affine
    up: Affine | None
    matrix: Weight
    copies: tuple[Address, ...]
    hidden: tuple[Address, ...]
    router: Affine
    gates: str
    shared: bool
    chosen: int
    #: The line that ranks.
    ranking: int

    @property
    def arguments(self) -> list[Affine]:
        """What the experts read."""
        return [self.gate] if self.up is None else [self.gate, self.up]


@dataclass(frozen=True)
class _Picked:
    """A stack of matrices of which each row picks one: its view, the leaf of copies, the picks."""

    view: View
    copies: Address
    ranking: int


@dataclass(frozen=True)
class Weighed:
    """The weights of the chosen: the line of their scores, whether each stands over their sum.

    `logits`: the scores are those of a softmax of the chosen.
    """

    scores: int
    shared: bool
    ranking: int
    logits: bool = False


class RoutedReader:
    """Reads sums over the places of a ranking."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.structure, self.views = reader, reader.structure, reader.views

    def of(self, line: Line, feats: tuple[Address, ...]) -> Routed | None:
        """The mixture that a line is, or None."""
        shape = self.structure.network.nodes[line.inputs[0]].shape
        axis = len(shape) - 2
        if tuple(line.attrs["axes"]) != (axis,) or feats != self.reader.last_axis(line.node):
            return None
        product = self._line(self._shown(line.inputs[0]), "product")
        if product is None or len(product.inputs) != 2:
            return None
        for k in (0, 1):
            found = self._mixture(line, feats, product.inputs[k], product.inputs[1 - k])
            if found is not None and self._over_places(line, found.ranking):
                return found
        return None

    def _shown(self, node: int) -> int:
        """The line of which a line is another shape: all entries, in the order that they have."""
        view = self.views.of(node)
        plain = [view.at[a] for a in self.structure.top(node)] == self.structure.top(view.node)
        return view.node if plain else node

    def _line(self, node: int, law: str) -> Line | None:
        line = self.structure.lines.get(node)
        return line if line is not None and line.law == law else None

    def _over_places(self, line: Line, ranking: int) -> bool:
        """Whether what is summed are the places of the ranking, all of them."""
        source = line.inputs[0]
        (axis,) = line.attrs["axes"]
        there = [self.structure.leg_at(source, a) for a in self.structure.top(source)
                 if a[0] == axis]
        places = len(self.structure.axes[ranking]) - 2
        return there == [leg for leg, _ in self.structure.leaves(ranking, places)]

    def _mixture(
        self, line: Line, feats: tuple[Address, ...], value: int, weight: int
    ) -> Routed | None:
        last = len(self.structure.network.nodes[weight].shape) - 1
        view = self.views.of(weight)
        if any(view.at[a] is not None for a in self.structure.top(weight) if a[0] == last):
            return None
        if not self._in_order(weight, view, last):
            return None
        weights = self.weights(view.node)
        product = self._line(self._shown(value), "contraction")
        if weights is None or product is None:
            return None
        stack = self._picked(product.inputs[1])
        if stack is None or stack.ranking != weights.ranking:
            return None
        rank = len(product.shape)
        own = self.structure.top(product.inputs[1])
        hidden = stack.view.of(a for a in own if a[0] == rank - 2)
        outs = stack.view.of(a for a in own if a[0] == rank - 1)
        matrix = Weight(stack.view.node, (stack.copies, *hidden), outs)
        gates = self.router(weights)
        units = self._units(self._shown(product.inputs[0]), stack)
        if gates is None or units is None or not self._alike(weights):
            return None
        unit, converse, gate, up = units
        return Routed(
            line.node, feats, unit, converse, gate, up, matrix, (stack.copies,), hidden, gates[1],
            gates[0], weights.shared,
            self.structure.network.nodes[weights.ranking].shape[-2], weights.ranking)

    # -- the router -------------------------------------------------------------------------------

    def weights(self, node: int) -> Weighed | None:
        """q, or q over its sum along the places, q the scores that a ranking picks, or exp of them.
        """
        product = self._line(self._shown(node), "product")
        soft = self.softmax(self._shown(node))
        if soft is not None:
            found = self._chosen(soft)
            return None if found is None else Weighed(found[0], True, found[1], logits=True)
        if product is None:
            found = self._chosen(node)
            return None if found is None else Weighed(found[0], False, found[1])
        for q, root in (product.inputs, product.inputs[::-1]):
            inverse = self.structure.lines.get(self._repeated(root, product))
            found = self._chosen(q)
            if found is None or inverse is None or inverse.op is None or (
                    inverse.law != "homogeneous") or inverse.op.takes_root or (
                    inverse.op.degree_at(**inverse.attrs) != -1):
                continue
            total = self._line(self._shown(inverse.inputs[0]), "sum")
            if total is not None and tuple(total.attrs["axes"]) == (1,) and self._shown(
                    total.inputs[0]) == self._shown(q):
                return Weighed(found[0], True, found[1])
        return None

    def _repeated(self, root: int, product: Line) -> int:
        """What is repeated along the places: rows stay rows."""
        view, last = self.views.of(root), len(product.shape) - 1
        rows = [view.at[a] for a in self.structure.top(root) if a[0] < last]
        places = [view.at[a] for a in self.structure.top(root) if a[0] == last]
        plain = rows == self.structure.top(view.node) and all(a is None for a in places)
        return view.node if plain else root

    def _chosen(self, node: int) -> tuple[int, int] | None:
        """(scores, ranking) of the scores that a ranking picks, in its order."""
        product = self._line(self._shown(node), "contraction")
        if product is None:
            return None
        ranking, scores = map(self._shown, product.inputs)
        line = self.structure.lines.get(ranking)
        if line is None or line.op is None or not line.op.picks or line.law != "order" or (
                ranking != product.inputs[0]):
            return None
        column = self.structure.network.nodes[product.inputs[1]].shape
        here = self.structure.network.nodes[scores].shape
        return (scores, ranking) if column == (*here, 1) else None

    def softmax(self, node: int) -> int | None:
        """What a line is a softmax of, along its last axis."""
        line = self._line(node, "normaliser")
        plain = line is not None and line.op is not None and line.op.exponentiates and (
            len(line.inputs) == 1 and line.attrs["axis"] == len(line.shape) - 1)
        return line.inputs[0] if line is not None and plain else None

    def router(self, weights: Weighed) -> tuple[str, Affine] | None:
        """What the scores are of which logits."""
        scores, feats = weights.scores, self.reader.last_axis(weights.scores)
        if weights.logits:
            return "softmax", self.reader.read(scores, feats)
        below = self.softmax(scores)
        if below is not None:
            return "softmax", self.reader.read(below, feats)
        line = self.structure.lines.get(scores)
        if line is None or line.op is None or not line.op.weighs:
            return None
        return "sigmoid", self.reader.read(line.inputs[0], feats)

    def _alike(self, weights: Weighed) -> bool:
        """Whether the ranking is that of the scores: who is chosen has the largest logits."""
        return self._shown(self.structure.lines[weights.ranking].inputs[0]) == weights.scores

    # -- experts ----------------------------------------------------------------------------------

    def _picked(self, node: int) -> _Picked | None:
        """The stack of which each row of a line is one matrix."""
        view, structure = self.views.of(node), self.structure
        line = self._line(view.node, "contraction")
        if line is None or len(line.shape) != 2:
            return None
        rows, stack = line.inputs
        table, marks = self.views.parameter(stack), self.views.of(rows)
        ranking = structure.lines.get(marks.node)
        if table is None or ranking is None or ranking.op is None or not ranking.op.picks or (
                ranking.law != "order"):
            return None
        last = len(ranking.shape) - 1
        copies = [a for a in structure.top(stack) if a[0] == 0]
        if len(copies) != 1 or marks.at.get((1, 0)) != (last, 0) or [
                a for a in structure.top(rows) if a[0] == 1] != [(1, 0)]:
            return None
        number = table.at[copies[0]]
        if not self._in_order(rows, marks, 1):
            return None
        at: dict[Address, Address | None] = {}
        for a, b in view.at.items():
            at[a] = None if b is None or b[0] == 0 else table.at[b]
        wanted = [a for a, b in view.at.items() if b is None or b[0] != 0]
        if number is None or any(at[a] is None for a in wanted):
            return None
        return _Picked(View(table.node, at), number, marks.node)

    def _tokens(self, node: int, stack: _Picked) -> Affine | None:
        """The rows that a router chooses for, each once for each place."""
        *rows, places, _ = self.structure.network.nodes[stack.ranking].shape
        source = self._line(self._shown(node), "contraction")
        if source is not None:
            x = source.inputs[1]
            if not self.views.repeats_rows(source, places) or (
                    self.structure.network.nodes[x].shape[0] != prod(rows)):
                return None
            return self.reader.read(x, self.reader.last_axis(x))
        last = len(self.structure.network.nodes[node].shape) - 1
        view = self.views.of(node)
        found = [view.at[a] for a in self.structure.top(node) if a[0] < last]
        here = [a for a in self.structure.top(view.node) if a[0] <= len(
            self.structure.axes[view.node]) - 2]
        legs = [self.structure.leg_at(view.node, a) for a in here]
        there = [self.structure.leg_at(stack.ranking, a) for a in self.structure.top(stack.ranking)
                 if a[0] < len(rows)]
        if found != [*here, *[None] * (places > 1)] or legs != there:
            return None
        return self.reader.read(node, self.reader.last_axis(node))

    def _in_order(self, node: int, view: View, count: int) -> bool:
        """Whether the rows of a line are the first axes of what it moves, one after the other."""
        rows = [view.at[a] for a in self.structure.top(node) if a[0] < count]
        line = self.structure.top(view.node)
        last = max((a[0] for a in rows if a is not None), default=-1)
        return rows == [a for a in line if a[0] <= last]

    def _units(self, node: int, stack: _Picked) -> tuple[int, str, Affine, Affine | None] | None:
        """(line of act, what its op says of it, g, u) of act(g) * u, or of act(g)."""
        line = self.structure.lines.get(node)
        if line is None or line.op is None:
            return None
        if line.op.converse and len(line.inputs) == 1:
            gate = self._argument(line.inputs[0], self.reader.last_axis(line.inputs[0]), stack)
            return None if gate is None else (node, line.op.converse, gate, None)
        if line.law != "product" or len(line.inputs) != 2:
            return None
        for k in (0, 1):
            one = self._units(self._shown(line.inputs[k]), stack)
            other = line.inputs[1 - k]
            up = self._argument(other, self.reader.last_axis(other), stack)
            if one is not None and one[3] is None and up is not None:
                return (*one[:3], up)
        return None

    def _argument(self, node: int, feats: Iterable[Address], stack: _Picked) -> Affine | None:
        """x W_e of the same choice, all of it or a summand of its features."""
        found = self._below(node, tuple(feats))
        line = None if found is None else self._line(found[0], "contraction")
        matrices = None if line is None else self._picked(line.inputs[1])
        if found is None or line is None or matrices is None or (
                matrices.ranking != stack.ranking):
            return None
        rank, own = len(line.shape), self.structure.top(line.inputs[1])
        if any(a[0] != rank - 1 for a in found[1]):
            return None
        weight = Weight(
            matrices.view.node, matrices.view.of(a for a in own if a[0] == rank - 2),
            (matrices.copies, *matrices.view.of(found[1])))
        x = self._tokens(line.inputs[0], stack)
        return None if x is None else replace(
            x, node=line.node, feats=found[1],
            terms=tuple(replace(t, factors=(*t.factors, weight)) for t in x.terms),
            biases=tuple(replace(b, factors=(*b.factors, weight)) for b in x.biases))

    def _below(
        self, node: int, feats: tuple[Address, ...]
    ) -> tuple[int, tuple[Address, ...]] | None:
        """Below moves and summands of the last axis: the line, and these leaves there."""
        line = self.structure.lines.get(node)
        while line is not None and (line.law in MOVES or line.law == "part"):
            step: Mapping[Address, Address | None] | None = (
                self.views.move(line) if line.law in MOVES else self.views.cut(line)
                if line.attrs["axis"] == len(line.shape) - 1 else None)
            if step is None:
                return None
            there = [(step.get(a) or step.get(a[:2]), () if step.get(a) else a[2:]) for a in feats]
            if any(a is None for a, _ in there):
                return None
            feats = tuple((*a, *rest) for a, rest in there if a is not None)
            node = line.inputs[0]
            line = self.structure.lines.get(node)
        return node, feats
