"""A proved family as plain data for a reader: formulas on named tensors, and its full-size form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from symgauge.derivers.exact import Proved
from symgauge.derivers.families import Family, Move, Place, plain_family
from symgauge.network.legs import Location, follow
from symgauge.network.program import Network
from symgauge.verdict import Verdict


def statement(
    proved: Proved, generators: Sequence[int], network: Network, full: Network | None
) -> dict[str, Any]:
    """The family's entry in derivation.json. `generators` are its vectors in the certificate."""
    family = proved.family
    shapes = {p.name: p.shape for p in network.parameters}
    sound = all(p.verdict is Verdict.PROVED for p in proved.proofs)
    first = max(proved.proofs, key=lambda p: len(p.lines))
    restated = None if full is None or family.kind == "other" else _at_full(family, network, full)
    moves = family.moves if family.kind != "other" else ()
    return {
        "label": label(family, shapes),
        "group": group(family),
        "algebra": algebra(family),
        "dimension": len(family.fields),
        "tensors": list(family.tensors),
        **plain_family(replace(family, moves=tuple(moves))),
        "formula": [formula(m, shapes) for m in moves] or [
            f"{name} moves (see the certificate's vector)" for name in family.tensors
        ],
        "generators": list(generators),
        "proof": {
            "verdict": (Verdict.PROVED if sound else Verdict.UNKNOWN).value,
            "method": first.method,
            "lines": [
                {"node": f"v{line.node}", "op": line.op, "variation": _latex(line.variation)}
                for line in first.lines
            ],
        },
        "full": restated,
    }


def _latex(variation: str) -> str:
    """A table's variation with its formula as LaTeX."""
    if variation == "0":
        return r"$\delta v = 0$"
    if variation.startswith("delta v"):
        return "$" + variation.replace("delta v", r"\delta v") + "$"
    return variation


def group(family: Family) -> str:
    """The group's name: GL(2)^2, R_+^4, R^4."""
    n, copies = family.size, prod(family.copies)
    power = "" if copies == 1 else f"^{copies}"
    if family.kind == "gl":
        return f"GL({n}){power}"
    if family.kind == "so":
        return f"SO({n}){power}"
    base = "R_+" if family.kind == "diagonal" else "R"
    total = len(family.fields)
    return base if total == 1 else f"{base}^{total}"


def algebra(family: Family) -> str:
    """The Lie algebra's name: 2 gl(2), R^4."""
    n, copies = family.size, prod(family.copies)
    if family.kind in ("gl", "so"):
        name = f"{family.kind}({n})"
        return name if copies == 1 else f"{copies} {name}"
    total = len(family.fields)
    return "R" if total == 1 else f"R^{total}"


def label(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """One line for people: what happens to which modules, or to which blocks of a packed tensor."""
    tensors = list(family.tensors)
    if family.kind != "other":
        whole = [replace(m, at=None) if m.form == "+Tc" else m for m in family.moves]
        tensors = list(dict.fromkeys(_block(m, shapes) for m in whole))
    if len(tensors) > 1:
        tensors = [t.removesuffix(".weight").removesuffix(".bias") for t in tensors]
    stems = list(dict.fromkeys(tensors))
    names = ", ".join(stems[:3]) + (", ..." if len(stems) > 3 else "")
    copies = prod(family.copies)
    each = f", {copies} copies" if copies > 1 else ""
    word = {
        "gl": "change of basis", "so": "rotation", "diagonal": "rescaling",
        "translation": "shift", "other": "generator",
    }[family.kind]
    return f"{word} of {names}{each}"


def _power(weight: Any, base: str) -> str:
    return base if weight == 1 else f"{base}^{weight}" if weight.denominator == 1 else (
        f"{base}^({weight})"
    )


def formula(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The finite action in plain text, as "q.weight -> g q.weight"."""
    sign = "+" if move.weight > 0 else "-"
    size = "" if abs(move.weight) == 1 else f"{abs(move.weight)} "
    if move.form == "+Tc":
        assert move.source is not None
        source = _block(replace(move, parameter=move.source), shapes)
        return f"{move.parameter} -> {move.parameter} {sign} {size}{source} c"
    name = _block(move, shapes)
    if move.form in ("g", "g^-T"):
        assert move.at is not None
        rank = len(shapes[move.parameter])
        if rank == 1 or move.at.axis == 0:
            return f"{name} -> {move.form} {name}"
        if move.at.axis == rank - 1:
            return f"{name} -> {name} {'g^T' if move.form == 'g' else 'g^-1'}"
        return f"{name} -> {move.form} {name} (axis {move.at.axis})"
    if move.form == "s^k":
        return f"{name} -> {_power(move.weight, 's')} {name}{_axis(move, shapes)}"
    return f"{name} -> {name} {sign} {size}c{_axis(move, shapes)}"


def _axis(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
    if move.at is None or len(shapes[move.parameter]) == 1:
        return ""
    return {0: " (rows)", 1: " (columns)"}.get(move.at.axis, f" (axis {move.at.axis})")


def _block(move: Move, shapes: Mapping[str, tuple[int, ...]]) -> str:
    place = move.at
    if place is None:
        return move.parameter
    length, whole = prod(place.sizes), shapes[move.parameter][place.axis]
    if length == whole:
        return move.parameter
    # as PyTorch writes it
    return f"{move.parameter}[{':, ' * place.axis}{place.start}:{place.start + length}]"


# -- full size -----------------------------------------------------------------------------------


def _places(network: Network) -> dict[tuple[str, int], list[Location]]:
    legs, _, axes = follow(network)
    found: dict[tuple[str, int], list[Location]] = {}
    for position, p in zip(network.parameter_nodes, network.parameters, strict=True):
        for a, axis in enumerate(axes[position]):
            found[p.name, a] = legs.locate(p.name, a, axis)
    return found


def _at_full(family: Family, small: Network, full: Network) -> dict[str, Any] | None:
    """The same family on the full-size program: the same legs at the same places.

    None where a tensor or the structure of an axis differs, or where sizes disagree.
    """
    here, there = _places(small), _places(full)
    names = {p.name for p in full.parameters}
    moves: list[Move] = []
    copies: tuple[int, ...] | None = None
    size = family.size
    for move in family.moves:
        if move.parameter not in names or (move.source or move.parameter) not in names:
            return None
        if move.at is None:
            moves.append(move)
            continue
        owner = move.source or move.parameter
        place = _matching(move.at, here[owner, move.at.axis], there[owner, move.at.axis])
        if place is None:
            return None
        shape = tuple(place.sizes[i] for i in place.per)
        assert isinstance(place.along, int)  # several factors stand in planted failures alone
        length = place.sizes[place.along]
        if copies is not None and (copies, size) != (shape, length):
            return None
        copies, size = shape, length
        moves.append(replace(move, at=place))
    return {
        "element": {"kind": family.kind, "copies": list(copies or ()), "size": size},
        "action": [m.plain() for m in moves],
    }


def _matching(
    place: Place, here: Sequence[Location], there: Sequence[Location]
) -> Place | None:
    if len(here) != len(there):
        return None
    for a, b in zip(here, there, strict=True):
        if (a.start, a.along, a.sizes) == (place.start, place.along, place.sizes):
            return Place(b.axis, b.start, b.sizes, b.along, place.per)
    # a block scaled as a whole: sizes (1, length)
    for a, b in zip(here, there, strict=True):
        if a.along == 0 and (a.start, prod(a.sizes)) == (place.start, prod(place.sizes)):
            return Place(b.axis, b.start, (1, prod(b.sizes)), 0, ())
    return None
