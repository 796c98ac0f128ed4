"""The terminal table of a reduction: which entries are fixed, where, and what that leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from symgauge.report.table import grid, text_of

Data = Mapping[str, Any]


def print_reduction(record: Data, console: Console) -> None:
    """The counts, what is proved, and the entries, in at most 80 columns."""
    facts = grid(console, f"{record['name']}: parameters without gauge directions")
    facts.add_column("quantity", no_wrap=True)
    facts.add_column("value", overflow="fold", ratio=1)
    jacobian = record["jacobian"]
    for label, value in (
        ("parameters P", f"{record['parameters']:,}"),
        ("orbits", "of unknown dimension" if record["orbit_dimension"] is None
         else f"{record['orbit_dimension']:,} dimensions"),
        ("unexplained", record["unexplained"]),
        ("fixed", f"{record['fixed']:,}"),
        ("free", f"{record['free']:,}"),
        ("rank J, free", None if jacobian is None else (
            f"{jacobian} of {record['free']} at a point of the section, over residues")),
        ("verdict", record["verdict"]),
        ("statement", record["statement"]),
    ):
        if value is not None:
            facts.add_row(label, text_of(value, console))
    console.print(facts)
    if record["entries"]:
        table = grid(console, "entries that are fixed (of layers alike: the first)")
        table.add_column("tensor", overflow="fold", ratio=5)
        table.add_column("entries", overflow="fold", ratio=3)
        table.add_column("count", justify="right", no_wrap=True)
        table.add_column("value", overflow="fold", ratio=4)
        for alike in _alike(record["entries"]):
            first = alike[0]
            more = f" ({len(alike)} alike)" if len(alike) > 1 else ""
            table.add_row(
                text_of(first["tensor"] + more, console), text_of(first["where"], console),
                text_of(f"{sum(e['count'] for e in alike):,}", console),
                text_of(first["value"], console))
        console.print(table)
    for label in record["without"]:
        console.print(text_of(
            f"no entries are brought to values by: {label}", console),
            highlight=False)


def _alike(entries: Sequence[Data]) -> list[list[Data]]:
    """Entries of tensors that differ in the numbers of their layers alone, in order."""
    found: dict[Any, list[Data]] = {}
    for e in entries:
        pattern = re.sub(r"(?<=\.)\d+(?=\.)", "*", e["tensor"])
        found.setdefault((pattern, e["where"], e["value"]), []).append(e)
    return list(found.values())
