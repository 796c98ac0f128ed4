"""Whether the orbits have the dimension of the algebra: no generator but 0 vanishes generically.

Decided on legs, by a sufficient criterion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from symgauge.statements.dimension import Components, addressed, halved_legs, independent
from symgauge.families.family import Move, Place
from symgauge.families.kind import Kind, MatrixKind
from symgauge.spaces.structure import Structure

if TYPE_CHECKING:
    from symgauge.derivers.element import Found, Structural


def generic_stabiliser(found: Found) -> str | None:
    """Why a generator but 0 might vanish at every point, or None where none does generically.

    Let a combination of generators vanish at a generic point. (1) A matrix A that alone turns a
    block of a tensor, besides matrices already known to be 0 and shifts that are constant along the
    other axes, has A P = 0 with as many columns as are left: A = 0 where these are n (n - 1 for
    rotations, 1 for A = u 1^T). (2) The scalings that are left act on entries that are not 0, and
    what they add is not constant along an axis, as a shift is. (3) The shifts' own constants are
    independent. On the slices; there a slice's own parameter is moved by its family alone.
    """
    structure = found.sliced
    families, _ = independent(structure, found.families)
    halved = halved_legs(structure, families)
    if _in_parts(structure, families, halved):
        return "a leg is used whole and in parts"
    return (
        _loose_matrix(structure, families)
        or _loose_scaling(structure, families, halved)
        or _loose_shift(structure, families, halved)
    )


def _loose_matrix(structure: Structure, families: Sequence[Structural]) -> str | None:
    """(1) of `generic_stabiliser`: matrices that are not shown to be 0."""
    movers = _Movers(structure, families)
    unknown = [f for f in families if f.traceless]
    while unknown:
        pinned = [f for f in unknown if movers.pin(f, unknown)]
        if not pinned:
            tensors = ", ".join(unknown[0].family.tensors[:3])
            return f"the tensors {tensors} are too small to fix every matrix on their leg"
        unknown = [f for f in unknown if f not in pinned]
    return None


def _loose_scaling(
    structure: Structure, families: Sequence[Structural], halved: set[int]
) -> str | None:
    """(2): scalings, those in matrices included, that shifts may undo."""
    shifted = {
        (node, at) for f in families if f.family.kind.is_shift
        for node, at, tag, _ in f.element.entries if not tag
    }
    # a shift that carries an index on every axis: nothing of the tensor is left to tell by
    full = {
        node for node, at in shifted
        if {a[0] for a in at} == {a[0] for a in structure.top(node)}
    }
    good, every = Components(structure, halved), Components(structure, halved)
    for f in families:
        if f.family.kind.is_scaling or f.traceless:
            every.add(f)
            good.add(_without(f, full))
    if good.ranks != every.ranks:
        return "a scaling moves nothing but tensors that are shifted freely"
    return None


def _loose_shift(
    structure: Structure, families: Sequence[Structural], halved: set[int]
) -> str | None:
    """(3): shifts whose constants are the same."""
    constants, whole = Components(structure, halved), Components(structure, halved)
    for f in families:
        if f.family.kind.is_shift:
            whole.add(f)
            constants.add(f, plain=True)
    return None if constants.ranks == whole.ranks else (
        "shifts differ by what they compensate alone")


def _without(found: Structural, nodes: set[int]) -> Structural:
    entries = tuple(e for e in found.element.entries if e[0] not in nodes)
    return replace(found, element=replace(found.element, entries=entries))


class _Movers:
    """Which families move each parameter, and what of it one matrix alone turns."""

    def __init__(self, structure: Structure, families: Sequence[Structural]) -> None:
        network = structure.network
        self._nodes = {
            p.name: i for i, p in zip(network.parameter_nodes, network.parameters, strict=True)}
        self._shapes = {name: network.nodes[i].shape for name, i in self._nodes.items()}
        self._of: dict[str, list[Structural]] = {}
        for f in families:
            for name in f.family.tensors:
                self._of.setdefault(name, []).append(f)

    def pin(self, f: Structural, unknown: Sequence[Structural]) -> bool:
        """Whether the blocks that a matrix alone turns leave it nothing but 0."""
        kind, n = f.family.kind, f.family.size
        assert isinstance(kind, MatrixKind)
        columns, polynomial_of_one = {"g": 0, "gT": 0, "g^-T": 0}, False
        for move in f.family.moves:
            others = [m for m in f.family.moves if m is not move and _one_block(m, move)]
            if not others:
                columns[move.form] += self._columns(f, move, unknown)
            elif self._commutes(f, move, others):
                polynomial_of_one = True
        return kind.vanishes(columns["g"] + columns["gT"], columns["g^-T"], n, polynomial_of_one)

    def _commutes(self, f: Structural, move: Move, others: Sequence[Move]) -> bool:
        """Whether a tensor says A W - W A = 0: A is a polynomial in a generic square W."""
        assert move.at is not None
        return (
            len(others) == 1 and others[0].form != move.form and not move.at.per
            and self._shapes[move.parameter] == (f.family.size,) * 2
            and all(g is f for g in self._of[move.parameter])
        )

    def _columns(self, f: Structural, move: Move, unknown: Sequence[Structural]) -> int:
        """The columns of a block that nothing else moves but matrices that are known to be 0."""
        at, shape = move.at, self._shapes[move.parameter]
        assert at is not None
        left = prod(shape) // shape[at.axis] * prod(
            n for k, n in enumerate(at.sizes) if k != at.along and k not in at.per
        ) // prod(shape[a] for a in at.other_axes)
        for g in self._of[move.parameter]:
            if g is f or (g.traceless and g not in unknown):
                continue
            if f.family.kind.hollow and g.family.kind.is_scaling and all(
                    m.at in (None, at) for m in g.family.moves if m.parameter == move.parameter):
                continue  # a diagonal beside a matrix that has none
            if not g.family.kind.is_shift:
                return 0
            for m in g.family.moves:
                if m.parameter == move.parameter:
                    left -= _hidden(f.family.kind, at, m, left)
        return max(left, 0)


def _one_block(a: Move, b: Move) -> bool:
    """Whether two matrices turn the same entries of a tensor, as far as their axes tell."""
    assert b.at is not None
    return a.parameter == b.parameter and a.at is not None and (
        a.at.axis != b.at.axis or a.at.start == b.at.start)


def _hidden(kind: Kind, at: Place, shift: Move, left: int) -> int:
    """How many of the columns that are left a shift may hide: one that it is constant along."""
    if shift.form != "+c" or shift.at is None:
        return left
    if shift.at.axis != at.axis:
        # constant along the leg: 1^T A P = 0, so it is 0 here
        return 0 if kind.fixes_ones else left
    own = set(range(len(shift.at.sizes))) - {shift.at.along, *shift.at.per}
    along = at.along if isinstance(at.along, tuple) else (at.along,)
    return left if own - {*along, *at.per} and shift.at.start == at.start else 1


def _in_parts(structure: Structure, families: Sequence[Structural], whole: set[int]) -> bool:
    """Whether a family sits on a summand of a leg that is addressed whole elsewhere."""
    return any(
        structure.leg_at(node, a[:n]) in whole
        for node, a in addressed(families) if a[-1] >= 0 for n in range(2, len(a), 2)
    )
