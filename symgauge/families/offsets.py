"""Families on w' = u + w as families on w, and back.

A scaling of w' is w -> s^k (w + u) - u; a slice that brings w' to 0 brings w to -u; what is over w'
is over u + w.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from symgauge.families.family import Family, Move, Through

Offsets = Mapping[str, Fraction]


def with_offsets(family: Family, offsets: Offsets) -> Family | None:
    """The family of the program where each w of these is u + w; None where it has no such form.

    Scalings and shifts have one. A matrix that turns u + w, and what reads it to shift by, do not.
    """
    moves = _with(family.moves, offsets)
    via = [slice_with_offsets(t, offsets) for t in family.via]
    found = tuple(t for t in via if t is not None)
    if moves is None or len(found) < len(via):
        return None
    return replace(family, moves=moves, via=found)


def slice_with_offsets(through: Through, offsets: Offsets) -> Through | None:
    """The slice of the program where each w of these is u + w, likewise."""
    moves = _with(through.moves, offsets, own=through.parameter)
    return None if moves is None else replace(through, moves=moves)


def without_offsets(family: Family, offsets: Offsets) -> Family | None:
    """The inverse of `with_offsets`; None where a move has another offset."""
    plain = replace(family, moves=_without(family.moves), via=tuple(
        replace(t, moves=_without(t.moves)) for t in family.via))
    again = with_offsets(plain, offsets)
    same = again is not None and (again.moves, again.via) == (family.moves, family.via)
    return plain if same else None


def _with(
    moves: Sequence[Move], offsets: Offsets, own: str | None = None
) -> tuple[Move, ...] | None:
    found = [_move_with(m, offsets, own) for m in moves]
    return None if None in found else tuple(m for m in found if m is not None)


def _move_with(move: Move, offsets: Offsets, own: str | None) -> Move | None:
    u = offsets.get(move.parameter, Fraction(0))
    reads = list(move.reads)
    if move.form == "+c/T":
        assert move.source is not None
        reads.remove(move.source)
        u, added = offsets.get(move.source, Fraction(0)), True
    else:
        added = move.form in ("+c", "+Tc")
    if not offsets.keys().isdisjoint(reads) or (
            move.parameter in offsets and not added and move.form != "s^k"):
        return None
    says = move.form in ("s^k", "+c/T") or move.parameter == own
    return replace(move, offset=move.offset + u) if says else move


def _without(moves: Sequence[Move]) -> tuple[Move, ...]:
    return tuple(replace(m, offset=Fraction(0)) for m in moves)
