"""Families on w' = u + w as families on w, and back: a scaling of w' is w -> s^k (w + u) - u."""

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
    moves = _with(through.moves, offsets)
    return None if moves is None else replace(through, moves=moves)


def without_offsets(family: Family, offsets: Offsets) -> Family | None:
    """The inverse of `with_offsets`; None where a move has another offset."""
    plain = centred_family(family)
    again = with_offsets(plain, offsets)
    same = again is not None and (again.moves, again.via) == (family.moves, family.via)
    return plain if same else None


def centred_family(family: Family) -> Family:
    """The family's moves with every offset left out."""
    return replace(
        family, moves=_without(family.moves), via=tuple(centred_slice(t) for t in family.via))


def centred_slice(through: Through) -> Through:
    """The slice's moves, likewise."""
    return replace(through, moves=_without(through.moves))


def _with(moves: Sequence[Move], offsets: Offsets) -> tuple[Move, ...] | None:
    if any(not offsets.keys().isdisjoint(m.reads) or (
            m.parameter in offsets and m.form not in ("s^k", "+c", "+Tc")) for m in moves):
        return None
    return tuple(
        replace(m, offset=offsets.get(m.parameter, Fraction(0))) if m.form == "s^k" else m
        for m in moves)


def _without(moves: Sequence[Move]) -> tuple[Move, ...]:
    return tuple(replace(m, offset=Fraction(0)) for m in moves)
