"""The direct summands of the algebra, its structure and how it acts, for the table and LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from symgauge.report.wording import Data

#: How the name of a summand is known.
SHOWN = {
    "basis": "its brackets are those of these matrices",
    "invariants": "identified by invariants that determine it",
    "parts": "Levi part and nilradical are these; how they act is not in the name",
    "brackets": "its families bracket so",
    "no": "not identified",
}


class SummandRow(NamedTuple):
    """Equal direct summands: the name with its power, their dimension, tensors, how it is known."""

    name: str
    dimension: int
    tensors: tuple[str, ...]
    shown: str
    one: str  #: The name of one of them.
    copies: int


def summand_rows(derivation: Data) -> list[SummandRow]:
    """The direct summands; none where the record does not tell them."""
    value = derivation.get("algebra")
    found = value.get("summands") if isinstance(value, Mapping) else None
    return [
        SummandRow(
            _power(s["name"], s["copies"]), s["copies"] * s["dimension"], tuple(s["tensors"]),
            SHOWN[s["shown"]], s["name"], s["copies"])
        for s in found or ()
    ]


def _power(name: str, copies: int) -> str:
    if copies == 1:
        return name
    return f"({name})^{copies}" if " " in name else f"{name}^{copies}"


def structure_of(derivation: Data) -> str:
    """Centre, derived series, radical, nilradical and Levi part; "" where they are not told."""
    value = derivation.get("algebra")
    if not isinstance(value, Mapping) or value.get("derived_series") is None:
        return ""
    series = ", ".join(map(str, value["derived_series"]))
    return (
        f"Levi part {value['levi']}; dimensions: radical {value['radical']}, nilradical "
        f"{value['nilradical']}, centre {value['centre']}, derived series {series}"
    )


def action_of(derivation: Data) -> str:
    """Whether the action is locally free at a generic point; "" where it is not told."""
    value = derivation.get("algebra")
    if not isinstance(value, Mapping) or value.get("stabiliser") is None:
        return ""
    fixed, orbits = value["stabiliser"], f"orbits have dimension {derivation['orbit_dimension']}"
    if fixed:
        return f"a stabiliser of dimension {fixed} fixes a generic point; {orbits}"
    return f"locally free: the stabiliser of a generic point is discrete; {orbits}"
