"""Families on parts of parameters as families on the parameters, and back.

In the program of `program.parted` a part is a parameter of its own; in a family of the first
program it is the `part` of a move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from symgauge.families.family import Family, Move
from symgauge.families.part import Part

#: {parameter: {name of a part: (axis, start, stop)}}, parts in order.
Parts = Mapping[str, Mapping[str, tuple[int, int, int]]]


def of_whole(family: Family, parts: Parts) -> Family:
    """The family of the first program; its slices fix no part alone."""
    return replace(family, moves=moves_of_whole(family.moves, parts), via=tuple(
        replace(t, moves=moves_of_whole(t.moves, parts)) for t in family.via))


def of_parts(family: Family, parts: Parts) -> Family | None:
    """The family of the program of the parts; None where a move is of another part, or of all
    along the axis that is cut.
    """
    moves = _of_parts(family.moves, parts)
    via = [_of_parts(t.moves, parts) for t in family.via]
    found = [m for m in via if m is not None]
    if moves is None or len(found) < len(via) or any(t.parameter in parts for t in family.via):
        return None
    return replace(family, moves=moves, via=tuple(
        replace(t, moves=m) for t, m in zip(family.via, found, strict=True)))


def has_parts(family: Family) -> bool:
    """Whether a move is of a part."""
    every = (*family.moves, *(m for t in family.via for m in t.moves))
    return any(m.part or m.source_part for m in every)


def moves_of_whole(moves: Sequence[Move], parts: Parts) -> tuple[Move, ...]:
    """Moves of parts as moves of parameters; the same of all parts as one."""
    whole: dict[str, tuple[str, Part]] = {
        name: (parameter, part) for parameter, own in parts.items() for name, part in own.items()}
    found = []
    for m in moves:
        parameter, part = whole.get(m.parameter, (m.parameter, ()))
        if m.source in whole:
            source, read = whole[m.source]
            m = replace(m, source=source, source_part=read)
        found.append(replace(m, parameter=parameter, part=part))
    for parameter, own in parts.items():
        found = _together(found, parameter, list(own.values()))
    return tuple(found)


def _together(moves: list[Move], parameter: str, parts: Sequence[Part]) -> list[Move]:
    """One move of all of a parameter in place of the same of each part, off the cut axis."""
    axis = parts[0][0]
    for first in [m for m in moves if m.parameter == parameter and m.part == parts[0]]:
        each = [replace(first, part=part) for part in parts]
        along = () if first.at is None else (first.at.axis, *first.at.other_axes)
        if axis in along or first.form == "+Tc" or any(m not in moves for m in each):
            continue
        k = moves.index(first)
        moves = [m for m in moves if m not in each]
        moves.insert(k, replace(first, part=()))
    return moves


def _of_parts(moves: Sequence[Move], parts: Parts) -> tuple[Move, ...] | None:
    found: list[Move] = []
    for m in moves:
        names: dict[Part, str] = {p: name for name, p in parts.get(m.parameter, {}).items()}
        read: dict[Part, str] = {p: name for name, p in parts.get(m.source or "", {}).items()}
        if m.sum_of in parts or m.sum_over in parts:
            return None
        if m.source_part or read:
            if m.source_part not in read:
                return None
            m = replace(m, source=read[m.source_part], source_part=())
        if m.part:
            if m.part not in names:
                return None
            found.append(replace(m, parameter=names[m.part], part=()))
            continue
        axis = next(iter(names))[0] if names else None
        along = () if m.at is None else (m.at.axis, *m.at.other_axes)
        if names and (m.form == "+Tc" or axis in along):
            return None
        found += [replace(m, parameter=name) for name in names.values()] or [m]
    return tuple(found)
