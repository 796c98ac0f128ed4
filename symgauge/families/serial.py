"""Families as plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from symgauge.exact.rational import rational
from symgauge.families.family import Family, Move, Place, Through
from symgauge.families.kind import Form
from symgauge.families.kinds import kind_named
from symgauge.families.part import Part
from symgauge.lie.fields import VectorField
from symgauge.plain import PlainChange, PlainFamily, PlainSlice
from symgauge.program.absorbed import Change


def family_of(
    entry: Mapping[str, Any], fields: tuple[VectorField, ...] = (), wrong: bool = False
) -> Family:
    """The family in plain data, as `plain_family` writes it; `wrong`: of a planted failure.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    element = entry["element"]
    numbers = [element["size"], *element["copies"]]
    kind = kind_named(element["kind"])
    if not all(type(n) is int and n > 0 for n in numbers):
        raise ValueError(f"the element {element!r:.80}")
    via = tuple(
        Through(t["parameter"], f.kind, f.copies, f.size, f.moves)
        for t in entry.get("via", ()) for f in [family_of({**t, "via": ()}, (), wrong)]
    )
    moves = tuple(move_of(m, wrong) for m in entry["action"])
    changes = tuple(_change(c) for c in entry.get("changes", ()))
    return Family(
        kind, tuple(element["copies"]), element["size"], moves, fields, via, changes=changes)


def _change(c: PlainChange) -> Change:
    names = [c["parameter"], *([c["source"]] if "source" in c else ())]
    if c["form"] not in ("s^k", "+c", "+T*c") or ("source" in c) != (c["form"] == "+T*c") or not (
            all(isinstance(name, str) for name in names)):
        raise ValueError(f"the change of coordinates {c!r:.120}")
    numbers = tuple(rational(n) for n in c["numbers"])
    return Change(c["parameter"], c["form"], numbers, c.get("source"))


def move_of(m: Mapping[str, Any], wrong: bool = False) -> Move:
    """The move in plain data. Raises KeyError, TypeError or ValueError where it is none."""
    offset = rational(m.get("offset", "0"))
    if m["form"] not in get_args(Form) or offset and m["form"] not in ("s^k", "+c", "+c/T") or (
            "source" in m) != (m["form"] in ("gT", "+Tc", "+T*c", "+c/T")) or (
            "source_part" in m and "source" not in m) or (
            "sum_over" in m and "sum_of" not in m) or (
            "sum_of" in m and m["form"] not in ("+c", "+Tc")):
        raise ValueError(f"the move {m!r:.120}")
    return Move(
        m["parameter"], m["form"], _place(m.get("at"), wrong), rational(m.get("weight", "1")),
        m.get("source"), offset, _part(m, "part"), _part(m, "source_part"),
        m.get("sum_of"), m.get("sum_over"),
    )


def _part(m: Mapping[str, Any], key: str) -> Part:
    part = tuple(m.get(key, ()))
    if key in m and not (
            len(part) == 3 and all(type(n) is int and n >= 0 for n in part) and part[1] < part[2]):
        raise ValueError(f"the part {part!r:.80}")
    return part


def _place(at: Mapping[str, Any] | None, joined: bool) -> Place | None:
    # numpy would understand more, such as an axis -1: others that read the file need not
    if at is None:
        return None
    along = at["along"] if joined and isinstance(at["along"], list) else [at["along"]]
    # [axis, size]: all of another axis
    beside = [k for k in at["per"] if isinstance(k, list)]
    per = [k for k in at["per"] if not isinstance(k, list)] + sum(beside, [])
    periods = at.get("periods", ())
    numbers = [at["axis"], at["start"], *along, *at["sizes"], *per, *periods]
    if len(at) != 5 + ("periods" in at) or any(len(k) != 2 for k in beside) or not all(
            type(n) is int and n >= 0 for n in numbers) or (
            "periods" in at and not (len(periods) in (2, 3) and all(periods))):
        raise ValueError(f"the place {at!r:.120}")
    return Place.from_plain(at)


def plain_family(family: Family) -> PlainFamily:
    """Element, action, slices and changes of coordinates as plain data."""
    found: PlainFamily = {
        "element": {"kind": family.kind.name, "copies": list(family.copies), "size": family.size},
        "action": [m.plain() for m in family.moves],
        "via": [plain_slice(t) for t in family.via],
    }
    if family.changes:
        found["changes"] = [_plain_change(c) for c in family.changes]
    return found


def _plain_change(c: Change) -> PlainChange:
    found: PlainChange = {
        "parameter": c.parameter, "form": c.form, "numbers": [str(n) for n in c.numbers]}
    if c.source is not None:
        found["source"] = c.source
    return found


def plain_slice(through: Through) -> PlainSlice:
    """A slice as plain data."""
    return {
        "parameter": through.parameter,
        "element": {
            "kind": through.kind.name, "copies": list(through.copies), "size": through.size},
        "action": [m.plain() for m in through.moves],
    }
