"""A line as a sum of linear maps of other lines: y = sum_k base_k F_k + biases.

Sums are flattened all the way down: of a residual stream the terms are those of all its blocks,
and the stream below a block is a part of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

from symgauge.sums.stop import Stop
from symgauge.sums.views import MOVES, View, Views
from symgauge.program.constant import Constant
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure

#: A parameter, or a summand of one of its axes.
Piece = int | tuple[int, Address]


def piece_of(node: int, at: Iterable[Address]) -> Piece:
    """The parameter, or the summand of its axis in which these leaves are."""
    inside = {a[:3] for a in at if len(a) > 2}
    if not inside:
        return node
    if len(inside) > 1 or any(len(a) > 4 for a in at):
        raise Stop(node, "part", "a parameter is read in parts of parts")
    return node, next(iter(inside))


#: Terms above which a sum is not flattened: a skip around a skip doubles them.
MOST_TERMS = 4096


@dataclass(frozen=True)
class Weight:
    """A parameter that contracts features (its leaves `ins`) to others (its leaves `outs`)."""

    node: int
    ins: tuple[Address, ...]
    outs: tuple[Address, ...]

    @property
    def piece(self) -> Piece:
        """What it is of the parameter."""
        return piece_of(self.node, (*self.ins, *self.outs))


@dataclass(frozen=True)
class Gain:
    """A parameter that multiplies features, entry by entry (a diagonal matrix)."""

    node: int
    at: tuple[Address, ...]

    @property
    def piece(self) -> Piece:
        """What it is of the parameter."""
        return piece_of(self.node, self.at)


#: A number and constants, by their lines, by which a line is multiplied.
Scale = tuple[Fraction, tuple[int, ...]]
ONE: Scale = (Fraction(1), ())
Factor = Weight | Gain
Factors = tuple[Factor, ...]


@dataclass(frozen=True)
class Term:
    """A line that is no sum, at its features, and the maps that follow, first ones first."""

    base: int
    feats: tuple[Address, ...]
    factors: Factors
    scale: Scale = ONE


@dataclass(frozen=True)
class Bias:
    """A parameter that is added, and the maps that follow; `rows` are its leaves besides."""

    node: int
    feats: tuple[Address, ...]
    rows: tuple[Address, ...]
    factors: Factors
    scale: Scale = ONE
    #: Whether all places have the same one of the rows.
    one_row: bool = False

    @property
    def piece(self) -> Piece:
        """What it is of the parameter."""
        return piece_of(self.node, self.feats)


@dataclass(frozen=True)
class Affine:
    """A sum of terms and biases; `repeated`: features along which an input was repeated."""

    node: int
    feats: tuple[Address, ...]
    terms: tuple[Term, ...]
    biases: tuple[Bias, ...]
    repeated: bool = False
    #: Whether something that depends on no parameter and no input is added.
    constant: bool = False


class Reader:
    """Affine readings of the lines of one program."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.views = Views(structure)
        #: Lines that are seen whole: some of their rows may be read too.
        self.whole: frozenset[int] = frozenset()
        self._known: dict[tuple[int, tuple[Address, ...]], Affine] = {}

    def read(self, node: int, feats: Iterable[Address]) -> Affine:
        """The line as a sum, its features being these leaves. Raises Stop where there is none."""
        key = (node, tuple(sorted(feats)))
        if key not in self._known:
            self._known[key] = self._read(*key)
        return self._known[key]

    def last_axis(self, node: int) -> tuple[Address, ...]:
        """The leaves of the last axis of a line."""
        last = len(self.structure.axes[node]) - 1
        return tuple(a for a in self.structure.top(node) if a[0] == last)

    def _read(self, node: int, feats: tuple[Address, ...]) -> Affine:
        if self.structure.fixed[node]:
            return Affine(node, feats, (), (), constant=True)
        line = self.structure.lines[node]
        if self.views.input(node) is not None:
            return _alone(node, feats)
        if line.op is None:
            # a packed bias is read at leaves inside one of its own
            inside = {a[:2] for a in feats}
            rows = tuple(a for a in self.structure.top(node) if a not in inside)
            return Affine(node, feats, (), (Bias(node, feats, rows, ()),))
        if line.law in MOVES:
            return self._moved(line, feats)
        if line.law == "part":
            return self._part(line, feats)
        if line.law == "multiple" and line.attrs["factor"]:
            return _scaled(self._again(line, feats, self.read(line.inputs[0], feats)),
                           (line.attrs["factor"], ()))
        if line.law == "sum of lines":
            return self._sum(line, feats)
        if line.law == "contraction":
            return self._contraction(line, feats) or self._composed(line, feats) or _alone(
                node, feats)
        if line.law == "product":
            return self._product(line, feats) or _alone(node, feats)
        return self._selected(line, feats) or _alone(node, feats)

    def _again(
        self, line: Line, feats: tuple[Address, ...], below: Affine, repeated: bool = False
    ) -> Affine:
        return replace(below, node=line.node, feats=feats, repeated=below.repeated or repeated)

    def _moved(self, line: Line, feats: tuple[Address, ...]) -> Affine:
        source = line.inputs[0]
        step = self.views.move(line)
        if step is None:
            return _alone(line.node, feats)
        wanted = [(step[a[:2]], a[2:]) for a in feats]
        found = tuple((*a, *rest) for a, rest in wanted if a is not None)
        return self._again(line, feats, self.read(source, found), len(found) < len(wanted))

    def _part(self, line: Line, feats: tuple[Address, ...]) -> Affine:
        """One summand of an axis of features. Raises Stop where some rows are left out."""
        step, axis = self.views.cut(line), line.attrs["axis"]
        if step is None or any(a not in step for a in feats):
            return _alone(line.node, feats)
        (source,) = line.inputs
        if axis not in {a[0] for a in feats} and source not in self.whole and (
                line.shape[axis] < self.structure.network.nodes[source].shape[axis]):
            raise Stop(line.node, line.law, "only some rows are seen")
        return self._again(line, feats, self.read(source, [step[a] for a in feats]))

    def _selected(self, line: Line, feats: tuple[Address, ...]) -> Affine | None:
        """One row of a table (n, d), the same for all places."""
        table = line.inputs[0]
        own = self.structure.top(table)
        if line.law != "selection" or self.views.parameter(table) is None or len(
                self.structure.axes[table]) != 2 or line.attrs["axis"] or len(
                set(np.ravel(line.attrs["index"]))) > 1 or feats != self.last_axis(line.node):
            return None
        rows, columns = (tuple(a for a in own if a[0] == k) for k in (0, 1))
        bias = Bias(table, columns, rows, (), one_row=True)
        return Affine(line.node, feats, (), (bias,))

    def _sum(self, line: Line, feats: tuple[Address, ...]) -> Affine:
        parts = [self.read(j, feats) if not self.structure.fixed[j] else
                 Affine(j, feats, (), (), constant=True) for j in line.inputs]
        terms = tuple(t for p in parts for t in p.terms)
        if len(terms) > MOST_TERMS:
            raise Stop(line.node, "sum of lines", "skips around skips: too many terms")
        if len({(t.base, t.feats, t.factors) for t in terms}) < len(terms):
            # by whatever numbers: multiples of one line may cancel
            raise Stop(line.node, "sum of lines", "a term stands twice")
        return Affine(
            line.node, feats, terms, tuple(b for p in parts for b in p.biases),
            any(p.repeated for p in parts), any(p.constant for p in parts))

    def _contraction(self, line: Line, feats: tuple[Address, ...]) -> Affine | None:
        """A weight on one side: its own leaves are contracted, or the features of the value."""
        rank = len(line.shape)
        for k, (mine, out, theirs) in enumerate(
                ((rank - 1, rank - 2, rank - 2), (rank - 2, rank - 1, rank - 1))):
            weight, other = line.inputs[k], line.inputs[1 - k]
            view = None if self.structure.fixed[weight] else self.views.parameter(weight)
            if view is None or self.structure.fixed[other]:
                continue
            top = self.structure.top(weight)
            ins = tuple(a for a in top if a[0] == mine)
            outs = tuple(a for a in top if a[0] == out)
            rest = [a for a in top if a not in ins and a not in outs]
            if any(view.at[a] is None for a in (*ins, *outs)) or any(
                    view.at[a] is not None for a in rest):
                continue
            found = self._outs(line, feats, out, outs, view)
            if found is None:
                continue
            factor = Weight(view.node, view.of(ins), found)
            read = tuple(a for a in self.structure.top(other) if a[0] == theirs)
            return self._followed(line, feats, self.read(other, read), factor)
        return None

    def _composed(self, line: Line, feats: tuple[Address, ...]) -> Affine | None:
        """A line times a matrix that is a product of parameters, a constant added to it or none.

        x (W_0 + A B) = x W_0 + x A B: what is constant is left out.
        """
        rank = len(line.shape)
        if rank != 2 or set(feats) != {a for a in self.structure.top(line.node) if a[0] == 1}:
            return None
        x, matrix = line.inputs
        if self.structure.fixed[x] or self.structure.fixed[matrix]:
            return None
        found = self._product_of_two(matrix)
        if found is None:
            return None
        below = self.read(x, [a for a in self.structure.top(x) if a[0] == 1])
        for factor in found[0]:
            below = self._followed(line, feats, below, factor)
        return replace(below, constant=below.constant or found[1])

    def _product_of_two(self, node: int) -> tuple[tuple[Weight, Weight], bool] | None:
        """(A, B) where a matrix (rows in, columns out) is A B or a constant plus that."""
        view, constant = self.views.of(node), False
        line = self.structure.lines.get(view.node)
        if line is not None and line.law == "sum of lines":
            free = [j for j in line.inputs if not self.structure.fixed[j]]
            if len(free) != 1 or len(line.shape) != 2:
                return None
            inner = self.structure.lines.get(free[0])
            if inner is None or inner.law != "contraction":
                return None
            line, constant = inner, True
        if line is None or line.law != "contraction" or len(line.shape) != 2:
            return None
        views = [None if self.structure.fixed[j] else self.views.parameter(j) for j in line.inputs]
        left, right = views
        if left is None or right is None:
            return None
        axes = [[b[0] if (b := view.at[a]) else None for a in self.structure.top(node)
                 if a[0] == k] for k in (0, 1)]
        parts = [[tuple(a for a in self.structure.top(j) if a[0] == k) for k in (0, 1)]
                 for j in line.inputs]
        rows, inner_left = (left.of(p) for p in parts[0])
        inner_right, columns = (right.of(p) for p in parts[1])
        if axes == [[0] * len(axes[0]), [1] * len(axes[1])]:
            return (Weight(left.node, rows, inner_left),
                    Weight(right.node, inner_right, columns)), constant
        if axes == [[1] * len(axes[0]), [0] * len(axes[1])]:
            return (Weight(right.node, columns, inner_right),
                    Weight(left.node, inner_left, rows)), constant
        return None

    def _outs(
        self, line: Line, feats: tuple[Address, ...], axis: int, outs: tuple[Address, ...],
        view: View,
    ) -> tuple[Address, ...] | None:
        """The leaves of the weight that are these features: all of an axis, or one summand.

        Of several leaves one may be packed: heads of queries, keys and values each.
        """
        if set(feats) == {a for a in self.structure.top(line.node) if a[0] == axis}:
            return view.of(outs)
        packed = {a[:3] for a in feats if len(a) == 4}
        if len(packed) != 1 or any(len(a) not in (2, 4) for a in feats):
            return None
        (prefix,) = packed
        parts = self.structure.parts(self.structure.leg_at(line.node, prefix[:2]))
        inside = self.structure.part_leaves(parts[prefix[2]])
        if {a[3] for a in feats if len(a) == 4} != set(range(len(inside))):
            return None
        if {a[:2] for a in feats} != {(axis, k) for k in range(len(outs))} or len(
                {a for a in feats if len(a) == 2}) != len(outs) - 1:
            return None
        own = [view.at[outs[a[1]]] for a in feats]
        return None if None in own else tuple(
            (*o, *a[2:]) for o, a in zip(own, feats, strict=True) if o is not None)

    def _followed(
        self, line: Line, feats: tuple[Address, ...], below: Affine, factor: Factor
    ) -> Affine:
        return replace(
            self._again(line, feats, below),
            terms=tuple(replace(t, factors=(*t.factors, factor)) for t in below.terms),
            biases=tuple(replace(b, factors=(*b.factors, factor)) for b in below.biases))

    def _product(self, line: Line, feats: tuple[Address, ...]) -> Affine | None:
        """A gain or a constant that does not vary along the rows."""
        if len(line.inputs) != 2:
            return None
        for k in (0, 1):
            scale, other = line.inputs[k], line.inputs[1 - k]
            if self.structure.fixed[other]:
                continue
            if self.structure.fixed[scale]:
                if self._along_features(scale, feats) and self.nonzero(scale):
                    return _scaled(self._again(line, feats, self.read(other, feats)),
                                   (Fraction(1), (scale,)))
                continue
            view = self.views.parameter(scale)
            if view is None or any(
                    b is not None and a not in feats for a, b in view.at.items()):
                continue
            at = view.of(feats)
            if len(at) < len(feats):
                continue
            return self._followed(line, feats, self.read(other, feats), Gain(view.node, at))
        return None

    def _along_features(self, node: int, feats: tuple[Address, ...]) -> bool:
        """Whether a constant varies along features alone: repeated along the other axes."""
        nodes = self.structure.network.nodes
        axes = {a[0] for a in feats}
        whole = nodes[node].shape
        shape = list(whole)
        while nodes[node].op is not None and nodes[node].op.law == "repetition":  # type: ignore
            node = nodes[node].inputs[0]
            shape = list(nodes[node].shape)
        if len(shape) != len(whole):
            return False
        return all(n == 1 for a, n in enumerate(shape) if a not in axes)

    def nonzero(self, node: int) -> bool:
        """Whether no entry of a constant line is 0: sufficient."""
        found = self.structure.network.nodes[node]
        if isinstance(found.leaf, Constant):
            return not found.leaf.unknown and all(v != 0 for v in found.leaf.table)
        if found.op is None:
            return False
        if found.op.law in MOVES or found.op.law == "homogeneous":
            return prod(found.shape) > 0 and found.op.law != "" and _keeps(
                found.op, found.attrs) and self.nonzero(found.inputs[0])
        return found.op.law == "multiple" and bool(found.attrs["factor"]) and self.nonzero(
            found.inputs[0])


def _keeps(op: object, attrs: Mapping[str, object]) -> bool:
    """Whether a function that is homogeneous is 0 nowhere but at 0: powers are, relu is not."""
    law = getattr(op, "law", "")
    return law in MOVES or getattr(op, "takes_root", False) or getattr(
        op, "converse", "") == "power" or op.degree_at(**attrs) != 1  # type: ignore[attr-defined]


def _scaled(affine: Affine, by: Scale) -> Affine:
    """The same times a number and constants."""
    def times(scale: Scale) -> Scale:
        return scale[0] * by[0], tuple(sorted((*scale[1], *by[1])))

    return replace(
        affine, terms=tuple(replace(t, scale=times(t.scale)) for t in affine.terms),
        biases=tuple(replace(b, scale=times(b.scale)) for b in affine.biases))


def _alone(node: int, feats: tuple[Address, ...]) -> Affine:
    return Affine(node, feats, (Term(node, feats, ()),), ())


def parameters(affine: Affine) -> Iterator[int]:
    """The parameters that an affine reading names."""
    for t in affine.terms:
        yield from (f.node for f in t.factors)
    for b in affine.biases:
        yield b.node
        yield from (f.node for f in b.factors)
