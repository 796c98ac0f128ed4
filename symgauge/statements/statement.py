"""What is stated of a proved family: formulas on named tensors."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from symgauge.derivers.exact import Proved
from symgauge.derivers.orders import Ordered
from symgauge.families.carry import Slice, acting, carried, near, require_transitive
from symgauge.families.coordinates import Coordinates, touched
from symgauge.families.family import Family
from symgauge.families.kinds.other import GENERATORS
from symgauge.families.parts import Parts, moves_of_whole
from symgauge.families.serial import family_of
from symgauge.families.statement import (
    FamilyStatement, FullOrder, FullStatement, ProofLine, StatedProof, element_of, slices_of,
)
from symgauge.lie.fields import VectorField
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import METHOD as INTERTWINERS
from symgauge.statements.at_full import at_full
from symgauge.statements.changed import changed_formulas
from symgauge.statements.flows import flows
from symgauge.statements.formulas import block_of, formulas
from symgauge.statements.polynomial import word_of
from symgauge.verdict import Verdict

#: How many times what is asked for there are, at least, where some are taken of all.
MANY = 64


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
    formula = formulas(family, also, shapes) if moves else flows(proved, network) if (
        proved.changed is None) else changed_formulas(proved.changed, shapes)
    named = proved.changed or family
    return FamilyStatement(
        label=label(named, shapes), group=group(named), algebra=algebra(family),
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
    also += [c.parameter for c in family.changes]
    text = label(family, shapes)
    formula = changed_formulas(family, shapes) if family.changes else formulas(family, (), shapes)
    # what acts on a file reads no other coordinates: it is given the generators alone
    said = replace(family, kind=GENERATORS, moves=(), via=()) if family.changes else family
    said = said if said.kind.is_finite else replace(said, moves=(), via=())
    return FullStatement(
        label=text, group=group(replace(family, all_sizes=True)), algebra=algebra(family),
        dimension=family.dimension, tensors=tuple(dict.fromkeys([*family.tensors, *also])),
        element=element_of(said), action=said.moves, via=slices_of(said),
        formula=tuple(formula), all_sizes="proved",
        proof=StatedProof(verdict=Verdict.PROVED, method=INTERTWINERS, lines=()),
        class_=_without_numbers(f"{family.kind}: {text}"),
    )


def stated_order(
    one: Ordered, parts: Parts, shapes: Mapping[str, tuple[int, ...]],
    buffers: Container[str] = (),
) -> FullOrder:
    """The entry of permutations that are proved for every size; `buffers` are among the tensors."""
    moves = moves_of_whole(one.moves, parts)
    moved = list(dict.fromkeys(m.parameter for m in moves if m.parameter in buffers))
    stems = list(dict.fromkeys(
        block_of(m, shapes).removesuffix(".weight").removesuffix(".bias") for m in moves
        if m.parameter not in moved))
    text = f"permutations of the {one.size} indices shared by " + ", ".join(stems[:3]) + (
        ", ..." if len(stems) > 3 else "")
    if moved:
        text += ", and the buffers " + ", ".join(moved[:3]) + (", ..." if len(moved) > 3 else "")
    return FullOrder(label=text, group=one.group, order=one.order, action=moves,
                     buffers=tuple(moved), class_=_without_numbers(text))


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
    coordinates: Coordinates, entry: Mapping[str, Any], most: int | None = None
) -> tuple[VectorField, ...] | None:
    """The fields of a family given as plain data, its slices included; right or wrong.

    With `most`, where there are many more, about so many of them, spread over all.

    None where a component is no Laurent polynomial. Raises KeyError, ValueError or IndexError
    where the data does not fit the network.
    """
    family = family_of(entry, wrong=True)
    slices = []
    for through in family.via:
        require_transitive(through, coordinates)
        slices.append(Slice(through, coordinates))
    total = prod(family.copies) * family.kind.dimension(family.size)
    every = total // most if most is not None and total >= MANY * most else 1
    return carried(coordinates.fields_of(family, every), slices)


def _without_idle_slices(family: Family, coordinates: Coordinates) -> Family:
    """The family without the slices that change none of its fields: it commutes with those."""
    if not family.kind.is_finite:
        return replace(family, via=())
    slices = {Slice(t, coordinates): t for t in near(family)}
    found = acting(coordinates.fields_of(family), list(slices))
    return family if found is None else replace(family, via=tuple(slices[one] for one in found))


def group(family: Family) -> str:
    """The name of the group that is shown to act: GL(2)^2, SO(3), R_+^4, R^4."""
    return family.kind.group(*_sizes(family), family.all_sizes)


def algebra(family: Family) -> str:
    """The Lie algebra's name: gl(2,R)^2, R^4."""
    return family.kind.algebra(*_sizes(family))


def _sizes(family: Family) -> tuple[int, int]:
    stated = family.kind.is_finite or family.kind.is_matrix
    return (family.size, prod(family.copies)) if stated else (family.dimension, 1)


def label(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """One line for people: what happens to which modules, or to which blocks of a packed tensor."""
    tensors = list(family.tensors)
    if family.kind.is_finite:
        whole = [replace(m, at=None) if m.form == "+Tc" else m for m in family.moves]
        tensors = list(dict.fromkeys(block_of(m, shapes) for m in whole))
    if len(tensors) > 1:
        tensors = [t.removesuffix(".weight").removesuffix(".bias") for t in tensors]
    stems = list(dict.fromkeys(tensors))
    names = ", ".join(stems[:3]) + (", ..." if len(stems) > 3 else "")
    copies = prod(family.copies)
    each = f", {copies} copies" if copies > 1 else ""
    through = ", ".join(t.parameter for t in family.via[:2])
    through += ", ..." if len(family.via) > 2 else ""
    word = word_of(family, shapes)
    return f"{word} of {names}{each}" + (f", through {through}" if through else "")
