"""What is stated of a proved family: formulas on named tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from symgauge.derivers.exact import Proved
from symgauge.families.carry import Slice, carried, require_transitive
from symgauge.families.coordinates import Coordinates, touched
from symgauge.families.family import (
    Family, Move, Through, held_values, own_move,
)
from symgauge.families.kind import Kind
from symgauge.families.part import parts_meet, shape_of
from symgauge.families.serial import family_of
from symgauge.families.statement import (
    FamilyStatement, FullStatement, ProofLine, StatedProof, element_of, slices_of,
)
from symgauge.lie.fields import VectorField
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import METHOD as INTERTWINERS
from symgauge.statements.at_full import at_full
from symgauge.statements.polynomial import word_of
from symgauge.verdict import Verdict


def statement(
    proved: Proved, generators: Sequence[int], network: Network, full: Network | None
) -> FamilyStatement:
    """The family's entry in derivation.json. `generators` are its vectors in the certificate."""
    family = _without_idle_slices(proved.family, Coordinates(network))
    shapes = {p.name: p.shape for p in network.parameters}
    sound = all(p.verdict is Verdict.PROVED for p in proved.proofs)
    first = max(proved.proofs, key=lambda p: len(p.lines))
    restated = None if full is None or not family.kind.is_finite else at_full(family, network, full)
    moves = family.moves if family.kind.is_finite else ()
    also = [m.parameter for f in family.fields for m in touched(network, f)] if family.via else []
    formula = _formulas(family, also, shapes) if moves else [
        f"{name} moves (see the certificate's vector)" for name in family.tensors
    ]
    return FamilyStatement(
        label=label(family, shapes), group=group(family), algebra=algebra(family),
        dimension=family.dimension, tensors=tuple(dict.fromkeys([*family.tensors, *also])),
        element=element_of(family), action=tuple(moves), via=slices_of(family),
        formula=tuple(formula), generators=tuple(generators), full=restated,
        proof=StatedProof(
            verdict=Verdict.PROVED if sound else Verdict.UNKNOWN, method=first.method,
            lines=tuple(
                ProofLine(node=f"v{line.node}", op=line.op, variation=_latex(line.variation))
                for line in first.lines)),
        # a form that two sizes share is no proof for the others
        all_sizes="proved" if family.all_sizes else "conjectured" if restated else "no",
    )


def structural_statement(
    family: Family, shapes: Mapping[str, tuple[int, ...]]
) -> FullStatement:
    """The entry of a family that was proved for every size, without vectors and proof lines."""
    also = [m.parameter for t in family.via for m in t.moves]
    text = label(family, shapes)
    return FullStatement(
        label=text, group=group(replace(family, all_sizes=True)), algebra=algebra(family),
        dimension=family.dimension, tensors=tuple(dict.fromkeys([*family.tensors, *also])),
        element=element_of(family), action=family.moves, via=slices_of(family),
        formula=tuple(_formulas(family, (), shapes)), all_sizes="proved",
        proof=StatedProof(verdict=Verdict.PROVED, method=INTERTWINERS, lines=()),
        class_=_without_numbers(f"{family.kind}: {text}"),
    )


def _without_numbers(label: str) -> str:
    """What families of different layers have in common: their labels without the numbers."""
    return re.sub(r"(?<=\.)\d+(?=\.|$|,| )", "*", label)


def _latex(variation: str) -> str:
    """A table's variation with its formula as LaTeX."""
    if variation == "0":
        return r"$\delta v = 0$"
    if variation.startswith("delta v"):
        return "$" + variation.replace("delta v", r"\delta v") + "$"
    return variation


def plain_fields(
    coordinates: Coordinates, entry: Mapping[str, Any]
) -> tuple[VectorField, ...] | None:
    """The fields of a family given as plain data, its slices included; right or wrong.

    None where a component is no Laurent polynomial. Raises KeyError, ValueError or IndexError
    where the data does not fit the network.
    """
    family = family_of(entry, wrong=True)
    slices = []
    for through in family.via:
        require_transitive(through, coordinates)
        slices.append(Slice(through, coordinates))
    return carried(coordinates.fields_of(family), slices)


def _without_idle_slices(family: Family, coordinates: Coordinates) -> Family:
    """The family without the slices that change none of its fields: it commutes with those."""
    if not family.kind.is_finite:
        return replace(family, via=())
    fields = coordinates.fields_of(family)
    needed: list[Through] = []
    for through in reversed(family.via):
        back = carried(fields, [Slice(through, coordinates)])
        if back is None:
            return family
        if back != fields:
            needed.insert(0, through)
        fields = back
    return replace(family, via=tuple(needed))


def group(family: Family) -> str:
    """The name of the group that is shown to act: GL(2)^2, SO(3), R_+^4, R^4."""
    return family.kind.group(*_sizes(family), family.all_sizes)


def algebra(family: Family) -> str:
    """The Lie algebra's name: gl(2,R)^2, R^4."""
    return family.kind.algebra(*_sizes(family))


def _sizes(family: Family) -> tuple[int, int]:
    return (family.size, prod(family.copies)) if family.kind.is_finite else (family.dimension, 1)


def label(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """One line for people: what happens to which modules, or to which blocks of a packed tensor."""
    tensors = list(family.tensors)
    if family.kind.is_finite:
        whole = [replace(m, at=None) if m.form == "+Tc" else m for m in family.moves]
        tensors = list(dict.fromkeys(_block(m, shapes) for m in whole))
    if len(tensors) > 1:
        tensors = [t.removesuffix(".weight").removesuffix(".bias") for t in tensors]
    stems = list(dict.fromkeys(tensors))
    names = ", ".join(stems[:3]) + (", ..." if len(stems) > 3 else "")
    copies = prod(family.copies)
    each = f", {copies} copies" if copies > 1 else ""
    through = ", ".join(t.parameter for t in family.via[:2])
    through += ", ..." if len(family.via) > 2 else ""
    return f"{word_of(family, shapes)} of {names}{each}" + (f", through {through}" if through else "")


def _power(weight: Any, base: str) -> str:
    return base if weight == 1 else f"{base}^{weight}" if weight.denominator == 1 else (
        f"{base}^({weight})"
    )


def _formulas(
    family: Family, also: Sequence[str], shapes: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """A line for each move, on the slices or conjugated back, and one for all that follows."""
    where = ", ".join(f"{name} = {value}" for name, value in held_values(family.via).items())
    lines = list(family.kind.preamble)
    for move in family.moves:
        there = [
            (m, t) for t in family.via for m in t.moves
            if any(m.parameter == name and parts_meet(m.part, part) for name, part in (
                (move.parameter, move.part), (move.source, move.source_part)))
        ]
        if not there:
            lines.append(formula(move, shapes, family.kind))
        elif all(_scales_an_axis(m, move, t, shapes) for m, t in there):
            lines.append(_conjugated(move, there, shapes, family.kind))
        else:
            here = formula(move, shapes, family.kind)
            lines.append(f"{here}, on the slice {where}, conjugated back")
    follow = [name for name in dict.fromkeys(also) if name not in family.tensors]
    return lines + [f"{name} follows, on the way back from {where}" for name in follow]


def _scales_an_axis(
    move: Move, on: Move, through: Through, shapes: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether a slice's move is diag(T) or its inverse, on a whole axis of what `on` turns."""
    if move.form != "s^k" or move.at is None or on.form in ("+c", "+Tc", "+c/T") or on.offset:
        return False
    shape = shape_of(shapes[move.parameter], move.part)
    size = shape[move.at.axis]
    return (
        abs(move.weight) == 1 and move.at.sizes == (size,) and through.size == size
        and len(shape) <= 2 and move.part == on.part
        and _block(on, shapes) == _block(replace(on, at=None), shapes)
    )


def _conjugated(
    move: Move, there: Sequence[tuple[Move, Through]], shapes: Mapping[str, tuple[int, ...]],
    kind: Kind,
) -> str:
    """The formula between the scalings of the slices, W -> W diag(g) a^-1 diag(g)^-1."""

    def scaled(body: str, m: Move, through: Through, sign: int) -> str:
        own = own_move(through)
        gain = f"{own.offset} + {own.parameter}" if own.offset else own.parameter
        diagonal = _power(sign * m.weight * own.weight, f"diag({gain})")
        return f"{body} {diagonal}" if m.at is not None and m.at.axis else f"{diagonal} {body}"

    body = _block(replace(move, at=None), shapes)
    for m, through in there:
        body = scaled(body, m, through, -1)
    body = _image(move, body, shapes, kind)
    for m, through in reversed(there):
        body = scaled(body, m, through, 1)
    return f"{_block(replace(move, at=None), shapes)} -> {body}"


def formula(move: Move, shapes: Mapping[str, tuple[int, ...]], kind: Kind) -> str:
    """The finite action in plain text, as "q.weight -> g q.weight"."""
    name = _block(replace(move, at=None) if move.form == "+Tc" else move, shapes)
    return f"{name} -> {_image(move, name, shapes, kind)}"


def _image(move: Move, body: str, shapes: Mapping[str, tuple[int, ...]], kind: Kind) -> str:
    """What a move makes of its tensor, written `body`."""
    c = "log s" if kind.is_scaling else "c"
    sign = "+" if move.weight > 0 else "-"
    size = "" if abs(move.weight) == 1 else f"{abs(move.weight)} "
    if move.form == "+Tc":
        assert move.source is not None
        source = _block(replace(move, parameter=move.source, part=move.source_part), shapes)
        # c runs along the rows of the source: the columns are what its transpose sums
        rows = move.at is not None and move.at.axis == 0 and len(shapes[move.source]) > 1
        return f"{body} {sign} {size}{source}{'^T' if rows else ''} {c}"
    if move.form == "+c/T":
        return f"{body} {sign} {size}c / {move.source}"
    if move.form in ("g", "g^-T"):
        assert move.at is not None
        rank = len(shapes[move.parameter])
        if rank == 1 or move.at.axis == 0:
            return f"{move.form} {body}"
        if move.at.axis == rank - 1:
            return f"{body} {'g^T' if move.form == 'g' else 'g^-1'}"
        return f"{move.form} {body} (axis {move.at.axis})"
    if move.form == "s^k":
        image, u = f"{_power(move.weight, 's')} {body}", move.offset
        if u:
            there, back = ("+", "-") if u > 0 else ("-", "+")
            image = f"{_power(move.weight, 's')} ({body} {there} {abs(u)}) {back} {abs(u)}"
        return f"{image}{_axis(move, shapes)}"
    return f"{body} {sign} {size}{c}{_axis(move, shapes)}"


def _axis(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
    if move.at is None or len(shapes[move.parameter]) == 1:
        return ""
    return {0: " (rows)", 1: " (columns)"}.get(move.at.axis, f" (axis {move.at.axis})")


def _block(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
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
