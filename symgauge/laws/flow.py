"""The flow of a vector field v, from x to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from symgauge.laws.facts import facts_of
from symgauge.laws.law import Law
from symgauge.laws.shifting import Shifted, Shifting, Term
from symgauge.laws.sweep import shifted, start_of_field, turned, weighed
from symgauge.laws.turning import STILL, Turned, Turning
from symgauge.laws.weighing import Scaled, Weighing, Weights
from symgauge.program.constant import Constant
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Flow(Law):
    """Where v(g x; g theta) = g v(x; theta) for all x and t, the end turns with the start."""

    name = "flow"
    words = (
        "where the velocity turns with the state", "where the velocity scales with the state",
        "where the velocity does not see it",
    )

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        field = turning.structure.field(line)
        inner = Turning(field, facts_of(field), turning.kind)
        if inputs[0] is None and _is_identity(turning.structure, line.inputs[0]):
            inputs = [_of_identity(inputs[1:], len(line.shape)), *inputs[1:]]
        _, ends = turned(inner, start_of_field(line, field, inputs))
        velocity = ends.get(field.network.outputs[0])
        if velocity != inputs[0]:
            raise NoLemma("the velocity of a flow turns differently from its state")
        return velocity or STILL

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        field = weighing.structure.field(line)
        inner = Weighing(field, facts_of(field), weighing.equations)
        _, ends = weighed(inner, start_of_field(line, field, [w or None for w in inputs]))
        velocity = ends.get(field.network.outputs[0], Scaled({}))
        weighing.vanish(velocity.logs.values())
        weighing.alike(velocity.weights, inputs[0])
        return dict(inputs[0])

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        field = shifting.structure.field(line)
        # the field's parameters by their lines in this program
        inside = dict(zip(line.inputs[1:], field.network.parameter_nodes, strict=True))
        outside = {i: j for j, i in inside.items()}
        given = [None if s is None else _renamed(s, inside) for s in inputs]
        moves = {
            inside[j]: _terms(terms, inside) for j, terms in shifting.moves.items() if j in inside}
        inner = Shifting(
            field, facts_of(field), moves, shifting.absorbs and not _repeats(line), shifting.deep)
        _, ends = shifted(inner, start_of_field(line, field, given))
        if inner.absorbed is not None:
            target, terms = inner.absorbed
            shifting.absorbed = outside[target], _terms(terms, outside)
            return Shifted()
        if ends:
            raise NoLemma("the velocity of a flow varies with a shift")
        return inputs[0] or Shifted()


def _is_identity(structure: Structure, node: int) -> bool:
    """Whether a line is identity matrices, over its last two axes."""
    leaf = structure.network.nodes[node].leaf
    if not isinstance(leaf, Constant) or leaf.unknown or len(leaf.shape) < 2:
        return False
    return all(leaf.table[k] == (i == j) for k, i, j in zip(
        leaf.index.reshape(-1).tolist(), *(
            x.reshape(-1).tolist() for x in np.indices(leaf.shape)[-2:]), strict=True))


def _of_identity(given: Sequence[Turned | None], rank: int) -> Turned | None:
    """g 1 g^-1 = 1, of the g that turns rows and columns of a parameter: a variation that is none.

    The first of them is tried; the velocity says whether it is the right one.
    """
    for t in given:
        marks = {} if t is None else t.marks
        rows, columns = (marks.get((rank - k, 0)) for k in (2, 1))
        if rows and columns and len(marks) == 2 and rows.numbering == columns.numbering and (
                rows.parity == -columns.parity):
            return t
    return None


def _repeats(line: Line) -> bool:
    """Whether two parameters of the field are one line of this program."""
    return len(set(line.inputs[1:])) < len(line.inputs) - 1


def _renamed(given: Shifted, lines: Mapping[int, int]) -> Shifted:
    """The same variation, with the parameters that its terms read by other lines."""
    return Shifted(_terms(given.terms, lines), given.varying, given.mask)


def _terms(terms: Mapping[Term, Fraction], lines: Mapping[int, int]) -> dict[Term, Fraction]:
    """Raises NoLemma where a parameter is not there."""
    out = {}
    for term, c in terms.items():
        read = [i for i in (term.source, term.over) if i is not None]
        if term.by or term.times or any(i not in lines for i in read):
            raise NoLemma("a flow's field does not have the parameter that a shift reads")
        out[replace(
            term, source=None if term.source is None else lines[term.source],
            over=None if term.over is None else lines[term.over])] = c
    return out
