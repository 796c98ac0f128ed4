"""Whether a family's moves, one after the other, are a group action that leaves f unchanged.

Each form alone is an action whose derivative at the identity is its field (proofs/l3): g, g^-T,
s^k (w + u) - u, w + k c and w + k log s, and b + T c, b + c / T, b + k c times a sum of entries
where what is read does not move. Moves
that commute, each at an element of its own, compose to an action, and the derivative of it is the
sum of theirs: the family's field. Through a slice an action is conjugated by a map that the slice's
parameter alone decides, which does not move: it stays an action, and its field is the one carried
back.

X f = 0 for all fields gives f(g.theta) = f(theta) along the path from 1 to g as long as f is
continuous there: where it jumps (a comparison, a ranking, a division by 0) what it jumps on must
not move, or only by a positive factor. Intertwiners are lemmas on g itself and need none of this.
Values of parameters, as exp(c), have a range: no family that moves them is said to act.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod

from symgauge.domains.signs import analytic_everywhere, ends_somewhere
from symgauge.families.coordinates import parameters_at
from symgauge.families.family import Family, Move, Place
from symgauge.families.part import Part, parts_meet, shape_of
from symgauge.lie.fields import VectorField
from symgauge.program.leaf import Parameter
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network, Node
from symgauge.program.op import Composite, Primitive, Structural
from symgauge.proof.record import Proof
from symgauge.proof.regions import expansion

Shapes = Mapping[str, Sequence[int]]

MATRIX_FORMS = ("g", "g^-T")
#: Forms that add what does not move.
ADDED = frozenset({"+c", "+Tc", "+c/T"})
#: Ops that are not defined everywhere.
ENDS = ("reciprocal", "rsqrt", "log")
#: How a value moves: not, by one positive factor, by one for each entry, or anyhow.
STILL, SCALED, EACH_SCALED, ANYHOW = range(4)
#: The words of a proof table for one positive factor, or one for each entry.
_SCALING = re.compile(r"delta v = (D|-?[0-9]+(/[0-9]+)?) v")


def no_action(family: Family, shapes: Shapes) -> str | None:
    """Why the moves, one after the other, are no group action with the family's fields; or None.

    From the places alone, at any size. Raises KeyError or IndexError where a place is of no tensor.
    """
    held: list[str] = []
    for through in family.via:
        own = Family(through.kind, through.copies, through.size, through.moves, ())
        reason = _no_action(own, shapes, held)
        if reason:
            return f"the slice of {through.parameter}: {reason}"
        held.append(through.parameter)
    return _no_action(family, shapes, held)


def _no_action(family: Family, shapes: Shapes, held: Sequence[str]) -> str | None:
    for move in family.moves:
        if move.form not in family.kind.forms:
            return f"{move.form} is no action of a {family.kind} element"
        if {move.parameter, *move.reads} & set(held):
            return f"{move.parameter} moves or reads what a slice holds"
        if not _fits(move, family, shapes):
            return f"the element has another size at {move.parameter}"
    for k, a in enumerate(family.moves):
        for b in family.moves[k:]:
            if not _commute(a, b):
                return f"the moves of {a.parameter} and {b.parameter} do not commute"
    return None


def _fits(move: Move, family: Family, shapes: Shapes) -> bool:
    """Whether the element's index and copies are those of the place."""
    at, own = move.at, shape_of(shapes[move.parameter], move.part)
    shape = own if move.source is None else shape_of(shapes[move.source], move.source_part)
    if not _has_parts(move, shapes) or move.sum_over and (
            shapes[move.sum_over] != shapes[move.sum_of or ""]):
        return False
    if move.form == "+c/T":
        if not _divides(at, shape, own):
            return False
        shape = own
    if at is None:
        return prod(family.copies) * family.size == 1 and move.form in ("s^k", "+c", "+c/T")
    factors = [*at.per, at.along]
    beside = [*at.other_axes, at.axis]
    if len(set(beside)) < len(beside) or any(
            shape[k[0]] != k[1] for k in at.per if not isinstance(k, int)):
        return False
    if move.form == "+Tc" and (len(beside) > 1 or at.periods):
        return False
    if at.periods:
        k, n, *begin = at.periods
        if prod(at.sizes[:k]) * n + sum(begin) > shape[at.axis]:
            return False
    return (
        isinstance(at.along, int) and len(set(factors)) == len(factors)
        and at.sizes[at.along] == family.size and at.copies == family.copies
        and at.start + at.length <= (at.periods[1] if at.periods else shape[at.axis])
    )


def _divides(at: Place | None, shape: Sequence[int], own: Sequence[int]) -> bool:
    """Whether a divisor has the last axes of what is moved, and c none of them."""
    first = len(own) - len(shape)
    return _broadcasts(shape, own) and (
        at is None or max((at.axis, *at.other_axes)) < first)


def _has_parts(move: Move, shapes: Shapes) -> bool:
    """Whether the tensors have the parts that a move speaks of."""
    pairs = ((move.parameter, move.part), (move.source, move.source_part))
    return all(part[2] <= shapes[name][part[0]] for name, part in pairs if name and part)


def _broadcasts(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether a tensor of one shape is spread over one of the other, from the last axis on."""
    return len(shape) <= len(whole) and all(
        n in (1, m) for n, m in zip(shape[::-1], whole[::-1], strict=False))


def _commute(a: Move, b: Move) -> bool:
    """Whether a at one element and b at another commute; of a move with itself, likewise."""
    for mine, other in ((a, b), (b, a)):
        at = None if mine.form == "+c/T" else mine.at
        if mine.source is not None and _meet(mine.source, mine.source_part, at, other) or (
                other.parameter in (mine.sum_of, mine.sum_over)):
            return False
    if not _meet(a.parameter, a.part, None if a.form == "+Tc" else a.at, b):
        return True
    if a.part != b.part and {a.form, b.form} - ADDED:
        return False  # places in different parts of one tensor
    if a is b or {a.form, b.form} <= ADDED:
        return True  # one form alone; constants, or functions of what does not move
    if a.form == b.form == "s^k":
        return a.offset == b.offset
    if a.at is None or b.at is None or {a.form, b.form} - set(MATRIX_FORMS):
        return False
    if a.at.axis != b.at.axis:
        # copies that one numbers by an axis are mixed by a matrix on it
        return a.at.axis not in b.at.other_axes and b.at.axis not in a.at.other_axes
    # factors of one splitting of an axis: a matrix on one, copies numbered by others
    same = (a.at.start, a.at.sizes, a.at.periods) == (b.at.start, b.at.sizes, b.at.periods)
    return same and a.at.along != b.at.along and (
        a.at.along not in b.at.per and b.at.along not in a.at.per)


def _meet(parameter: str, part: Part, at: Place | None, other: Move) -> bool:
    """Whether a move changes entries of a block of a parameter, as far as its axis tells."""
    if parameter != other.parameter or not parts_meet(part, other.part):
        return False
    if part != other.part:
        return True
    there = None if other.form == "+Tc" else other.at
    if at is None or there is None or at.axis != there.axis:
        return True
    (a, b), (c, d) = at.extent, there.extent
    if max(a, c) >= min(b, d):
        return False
    if at.periods[1:] != there.periods[1:]:
        return True
    return max(at.start, there.start) < min(
        at.start + at.length, there.start + there.length)


# -- along the path from 1 to g -------------------------------------------------------------------


class FiniteActions:
    """Which families of one network have a finite action."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._shapes = {p.name: p.shape for p in network.parameters}

    def missing(self, family: Family, proofs: Sequence[Proof]) -> str | None:
        """Why a family has its generators alone; None where its moves are its finite action.

        Raises KeyError or IndexError where a move is of no tensor of the network.
        """
        if not family.kind.is_finite:
            return "its generators have none of the known forms"
        return no_action(family, self._shapes) or self.jump_on_the_way(family, proofs)

    def jump_on_the_way(self, family: Family, proofs: Sequence[Proof]) -> str | None:
        """Where f may jump along the flows of a family's fields; None where it does not.

        Or which values of parameters these move: there may be no parameters on the way.
        """
        moved = {n for f in family.fields for n in parameters_at(self.network, f.support)}
        for name in sorted(moved & self.network.values.keys()):
            return f"it moves {name}, which is no tensor of the module"
        # intertwiners are lemmas on g itself
        for field, proof in () if family.all_sizes else zip(family.fields, proofs, strict=True):
            how = _variations(self.network, field, proof) if self._jumps else []
            for i in self._jumps:
                node = self.network.nodes[i]
                name = node.op.name if node.op is not None else ""
                # positive factors keep a sign, a common one an order, and none a floor
                allowed = {"step": EACH_SCALED, "floor": STILL}.get(name, SCALED)
                if any(how[j] > allowed for j in node.inputs):
                    return f"the function may jump at v{i} ({node.label}) on the way there"
        return None

    @cached_property
    def _jumps(self) -> list[int]:
        """Lines at which f may be discontinuous in its parameters."""
        network = self.network
        fields = {
            i: f for i, n in enumerate(network.nodes)
            if (f := n.body) is not None
        }
        if not is_piecewise(network) and not fields and analytic_everywhere(network):
            return []
        ends = bool(fields) or ends_somewhere(network)
        return [
            i for i, node in enumerate(network.nodes)
            if (_flow_jumps(fields[i]) if i in fields
                else _jumps_at(node) or ends and _ends_at(network, node))
        ]


def _jumps_at(node: Node) -> bool:
    return isinstance(node.op, Primitive) and node.op.branches


def _flow_jumps(field: Network) -> bool:
    """Whether a field may jump, or end: where it does not, its flow depends on it continuously."""
    return ends_somewhere(field) or any(_jumps_at(n) for n in field.nodes)


def _ends_at(network: Network, node: Node) -> bool:
    """Whether an op divides, or takes a root or a logarithm."""
    if isinstance(node.op, Composite):
        lowered = lower(expansion(network, node))
        return any(n.op is not None and n.op.name in ENDS for n in lowered.nodes)
    return node.op is not None and node.op.name in ENDS


def _variations(network: Network, field: VectorField, proof: Proof) -> list[int]:
    """How each line moves along a field, by the table of its proof."""
    said = {line.node: line.variation for line in proof.lines}
    out: list[int] = []
    for i, node in enumerate(network.nodes):
        given = [out[j] for j in node.inputs]
        if isinstance(node.leaf, Parameter):
            out.append(_of_parameter(network, field, node.leaf))
        elif max(given, default=STILL) == STILL or said.get(i) == "0":
            out.append(STILL)
        elif isinstance(node.op, Structural):
            out.append(given[0] if len(given) == 1 else max(EACH_SCALED, *given))
        elif _SCALING.fullmatch(said.get(i, "")):
            out.append(EACH_SCALED if said[i] == "delta v = D v" else SCALED)
        else:
            out.append(ANYHOW)
    return out


def _of_parameter(network: Network, field: VectorField, parameter: Parameter) -> int:
    start = network.offsets[parameter.name]
    mine = range(start, start + parameter.size)
    moved = {k: terms for k, terms in field.components.items() if k in mine}
    if not moved:
        return STILL
    if any([m for m, _ in terms] != [((k, 1),)] for k, terms in moved.items()):
        return ANYHOW
    weights = {terms[0][1] for terms in moved.values()}
    return SCALED if len(weights) == 1 and len(moved) == parameter.size else EACH_SCALED
