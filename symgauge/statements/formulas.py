"""How the tensors of a family move, in plain text: "q.weight -> g q.weight"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from symgauge.families.family import Family, Move, Through, held_values, own_move
from symgauge.families.kind import Kind
from symgauge.families.part import parts_meet, shape_of


def _power(weight: Any, base: str) -> str:
    return base if weight == 1 else f"{base}^{weight}" if weight.denominator == 1 else (
        f"{base}^({weight})"
    )


def formulas(
    family: Family, also: Sequence[str], shapes: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """A line for each move, on the slices or conjugated back, and one for all that follows."""
    where = ", ".join(f"{name} = {value}" for name, value in held_values(family.via).items())
    lines = list(family.kind.preamble)
    for move in (_summed_off_slices(m, family) for m in family.moves):
        there = [
            (m, t) for t in family.via for m in t.moves
            # a sum over a slice's gain is said off that slice
            if t.parameter != move.sum_over and any(
                m.parameter == name and parts_meet(m.part, part) for name, part in (
                    (move.parameter, move.part), (move.source, move.source_part),
                    (move.sum_of, ()), (move.sum_over, ())))
        ]
        if not there:
            lines.append(formula(move, shapes, family.kind))
        elif not move.sum_of and all(_scales_an_axis(m, move, t, shapes) for m, t in there):
            write = _added if move.form == "+c" else _conjugated
            lines.append(write(move, there, shapes, family.kind))
        else:
            here = formula(move, shapes, family.kind)
            lines.append(f"{here}, on the slice {where}, conjugated back")
    follow = [name for name in dict.fromkeys(also) if name not in family.tensors]
    return lines + [
        follower(family, name, shapes) or f"{name} follows, on the way back from {where}"
        for name in follow]


def _summed_off_slices(move: Move, family: Family) -> Move:
    """A sum of what one slice alone divides, by all of its gain, as the sum of the quotients."""
    ways = [(m, t) for t in family.via for m in t.moves if m.parameter == move.sum_of]
    if len(ways) != 1 or move.sum_over is not None:
        return move
    (m, t), = ways
    whole = m.at is not None and m.at.sizes == (t.size,) and not t.copies
    own = own_move(t)
    if whole and m.form == "s^k" and not m.offset and not own.offset and m.weight * own.weight == 1:
        return replace(move, sum_over=t.parameter)
    return move


def follower(
    family: Family, name: str, shapes: Mapping[str, tuple[int, ...]]
) -> str | None:
    """b -> b + (W' - W) T: what only the way to a slice T = 0 and back moves.

    On the way there b loses W T, on the way back it has W' T, with W' the image of W. None where
    slices outside of this one do not leave that product as it is.
    """
    ways = [(m, t) for t in family.via for m in t.moves
            if m.parameter == name and m.form == "+Tc" and m.source in family.tensors]
    if not ways or not all(_unmoved(family, t, m) for m, t in ways):
        return None
    text, images = name, []
    for move, through in ways:
        source = block_of(_of_source(move), shapes)
        factor = move.weight / own_move(through).weight
        size = "" if abs(factor) == 1 else f"{abs(factor)} "
        transposed = "^T" if _on_rows(move, shapes) else ""
        text += f" {'+' if factor > 0 else '-'} {size}({source}' - {source}){transposed} "
        own = own_move(through)
        text += f"({_gain(own.parameter, own)})" if own.offset else through.parameter
        images.append(f"{source}' the image of {source}")
    return f"{name} -> {text}, with {', '.join(images)}"


def _unmoved(family: Family, through: Through, move: Move) -> bool:
    """Whether the slices outside of this one leave the product of source and parameter as it is.

    They move neither factor, or scale the source by s^-k and the slice's own parameter by s^k
    along the contracted axis.
    """
    for outer in family.via[: family.via.index(through)]:
        if any(m.parameter == move.parameter for m in outer.moves):
            return False
        source, own = ([m for m in outer.moves if m.parameter == name]
                       for name in (move.source, through.parameter))
        if not source and not own:
            continue
        if len(source) != 1 or len(own) != 1 or any(
                m.form != "s^k" or m.offset for m in (*source, *own)):
            return False
        at, there, place = source[0].at, own[0].at, move.at
        if at is None or there is None or place is None or at.per or at.axis != place.axis:
            return False
        if any((at.start, at.sizes, at.along, at.per) != (p.start, p.sizes, p.along, p.per)
               for p in (place, there)) or source[0].weight != -own[0].weight:
            return False
    return True


def _scales_an_axis(
    move: Move, on: Move, through: Through, shapes: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether a slice's move is diag(T) or its inverse, on a whole axis of what `on` turns."""
    if move.form != "s^k" or move.at is None or on.form in ("+Tc", "+c/T") or on.offset:
        return False
    shape = shape_of(shapes[move.parameter], move.part)
    size = shape[move.at.axis]
    beside = on.form == "+c" and on.at is not None and on.at.axis != move.at.axis
    return (
        abs(move.weight) == 1 and move.at.sizes == (size,) and through.size == size
        and len(shape) <= 2 and move.part == on.part
        and (beside or block_of(on, shapes) == block_of(replace(on, at=None), shapes))
    )


def _diagonal(m: Move, through: Through, sign: int) -> str:
    """What a slice scales an axis by on the way back (sign 1), or there (-1)."""
    own = own_move(through)
    return _power(sign * m.weight * own.weight, f"diag({_gain(own.parameter, own)})")


def _gain(name: str | None, move: Move) -> str:
    """T, or u + T where the move says so."""
    return f"{move.offset} + {name}" if move.offset else f"{name}"


def _added(
    move: Move, there: Sequence[tuple[Move, Through]], shapes: Mapping[str, tuple[int, ...]],
    kind: Kind,
) -> str:
    """A shift between the scalings of the slices, W -> W + c 1^T diag(g)^-1."""
    name, c = block_of(move, shapes), shift_letter(kind, shapes)
    matrix = len(shape_of(shapes[move.parameter], move.part)) == 2
    body = c if not matrix else f"1 {c}^T" if move.at is not None and move.at.axis else f"{c} 1^T"
    for m, through in reversed(there):
        diagonal = _diagonal(m, through, 1)
        right = m.at is not None and m.at.axis
        body = f"{body} {diagonal}" if right else f"{diagonal} {body}"
    size = "" if abs(move.weight) == 1 else f"{abs(move.weight)} "
    return f"{name} -> {name} {'+' if move.weight > 0 else '-'} {size}{body}"


def _conjugated(
    move: Move, there: Sequence[tuple[Move, Through]], shapes: Mapping[str, tuple[int, ...]],
    kind: Kind,
) -> str:
    """The formula between the scalings of the slices, W -> W diag(g) a^-1 diag(g)^-1."""

    def scaled(body: str, m: Move, through: Through, sign: int) -> str:
        diagonal = _diagonal(m, through, sign)
        return f"{body} {diagonal}" if m.at is not None and m.at.axis else f"{diagonal} {body}"

    body = block_of(replace(move, at=None), shapes)
    for m, through in there:
        body = scaled(body, m, through, -1)
    body = _image(move, body, shapes, kind)
    for m, through in reversed(there):
        body = scaled(body, m, through, 1)
    return f"{block_of(replace(move, at=None), shapes)} -> {body}"


def formula(move: Move, shapes: Mapping[str, tuple[int, ...]], kind: Kind) -> str:
    """The finite action in plain text, as "q.weight -> g q.weight"."""
    name = block_of(replace(move, at=None) if move.form == "+Tc" else move, shapes)
    return f"{name} -> {_image(move, name, shapes, kind)}"


def letter(wanted: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The letter of an element, with a number where a parameter is called so.

    >>> letter("c", {"b": (2,)}), letter("c", {"c": (2,)})
    ('c', 'c1')
    """
    found, k = wanted, 0
    while found in shapes:
        k += 1
        found = f"{wanted}{k}"
    return found


def shift_letter(kind: Kind, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What a family adds: c, or log s of a scaling."""
    return f"log {letter('s', shapes)}" if kind.is_scaling else letter("c", shapes)


def _image(move: Move, body: str, shapes: Mapping[str, tuple[int, ...]], kind: Kind) -> str:
    """What a move makes of its tensor, written `body`."""
    c = shift_letter(kind, shapes)
    if move.sum_of is not None:
        c += f" sum({move.sum_of}{f' / {move.sum_over}' if move.sum_over else ''})"
    sign = "+" if move.weight > 0 else "-"
    size = "" if abs(move.weight) == 1 else f"{abs(move.weight)} "
    if move.form == "+Tc":
        source = block_of(_of_source(move), shapes)
        return f"{body} {sign} {size}{source}{'^T' if _on_rows(move, shapes) else ''} {c}"
    if move.form == "+c/T":
        if move.at is not None and len(shapes[move.parameter]) == 2:
            return f"{body} {sign} {size}{c} 1^T diag({_gain(move.source, move)})^-1"
        over = f"({_gain(move.source, move)})" if move.offset else move.source
        return f"{body} {sign} {size}{c} / {over}{_axis(move, shapes)}"
    if move.form == "gT":
        return f"exp({letter('S', shapes)} diag({move.source})) {body}{_axis(move, shapes)}"
    if move.form in ("g", "g^-T"):
        return _turned(move, body, letter("g", shapes), len(shapes[move.parameter]))
    if move.form == "s^k":
        power, u = _power(move.weight, letter("s", shapes)), move.offset
        image = f"{power} {body}"
        if u:
            there, back = ("+", "-") if u > 0 else ("-", "+")
            image = f"{power} ({body} {there} {abs(u)}) {back} {abs(u)}"
        return f"{image}{_axis(move, shapes)}"
    return f"{body} {sign} {size}{c}{_axis(move, shapes)}"


def _turned(move: Move, body: str, g: str, rank: int) -> str:
    """A matrix on an axis: on the left of rows, on the right of columns."""
    assert move.at is not None
    inverse = move.form == "g^-T"
    if rank == 1 or move.at.axis == 0:
        return f"{g}{'^-T' if inverse else ''} {body}"
    if move.at.axis == rank - 1:
        return f"{body} {g}{'^-1' if inverse else '^T'}"
    return f"{g}{'^-T' if inverse else ''} {body} (axis {move.at.axis})"


def _of_source(move: Move) -> Move:
    """The place that a move reads, as one of the source."""
    assert move.source is not None
    return replace(move, parameter=move.source, part=move.source_part)


def _on_rows(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether c runs along the rows of the source: the columns are what its transpose sums."""
    assert move.source is not None
    return move.at is not None and move.at.axis == 0 and len(shapes[move.source]) > 1


def _axis(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
    if move.at is None or len(shapes[move.parameter]) == 1:
        return ""
    return {0: " (rows)", 1: " (columns)"}.get(move.at.axis, f" (axis {move.at.axis})")


def block_of(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
    # as PyTorch writes it
    name, place = move.parameter, move.at
    if move.part:
        axis, start, stop = move.part
        name += f"[{':, ' * axis}{start}:{stop}]"
    if place is None:
        return name
    if place.periods:
        stop, (_, of, *begin) = place.start + place.length, place.periods
        where = f" from {begin[0]} on" if begin else ""
        return f"{name}[{':, ' * place.axis}{place.start}:{stop} of every {of}{where}]"
    length, whole = prod(place.sizes), shape_of(shapes[move.parameter], move.part)[place.axis]
    if length == whole:
        return name
    return f"{name}[{':, ' * place.axis}{place.start}:{place.start + length}]"
