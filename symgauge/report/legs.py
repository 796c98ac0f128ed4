"""The table of a network's legs: one row for legs that differ in the numbers of layers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from rich.console import Console

from symgauge.report.names import NUMBER
from symgauge.report.table import grid, text_of
from symgauge.spaces.roles import LegPlace, NamedLeg

#: How the name of a leg starts that no rule names.
FALLBACK = "leg of "
#: What is said beside every listing of legs.
NOT_CHECKED = (
    "read off the exported graph for its shapes alone: no weights were allocated, nothing but "
    "constants was evaluated, and the graph was not compared with the module"
)


def print_legs(record: Mapping[str, Any], console: Console) -> None:
    """The legs, in at most 80 columns: name, size, how many, and the axes that each touches."""
    table = grid(console, f"{record['name']}: legs of {record['tensors']} parameter tensors")
    table.add_column("leg", overflow="fold", ratio=3)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("legs", justify="right", no_wrap=True)
    table.add_column(text_of("touches: parameter[axis]", console), overflow="fold", ratio=9)
    for group in grouped(record["legs"]):
        first = group[0]
        lines = touched(group)
        name = f"leg of {lines[0]}" if first["name"].startswith(FALLBACK) else first["name"]
        name += " (self-dual)" if first["self_dual"] else ""
        touches = text_of("", console)
        for k, line in enumerate(lines):
            touches.append("\n" if k else "").append_text(text_of(line, console))
        table.add_row(
            text_of(name, console), text_of(first["size"], console), text_of(len(group), console),
            touches,
        )
    console.print(table)
    console.print(
        "Where a symmetry acts on a leg by g, the axes marked g^-T move by the inverse transpose; "
        "a self-dual leg met itself so, and leaves g = g^-T. An axis that is a product shows its "
        "factors, the leg's own in parentheses.", highlight=False, markup=False,
    )
    console.print(text_of(f"Fidelity: {NOT_CHECKED}.", console), highlight=False)


def grouped(legs: Sequence[NamedLeg]) -> list[list[NamedLeg]]:
    """Legs alike but for the numbers in the names of what they touch."""
    groups: dict[Any, list[NamedLeg]] = {}
    for leg in legs:
        pattern = frozenset(_pattern(t) for t in leg["touches"])
        name = FALLBACK if leg["name"].startswith(FALLBACK) else leg["name"]
        groups.setdefault((name, leg["size"], leg["self_dual"], pattern), []).append(leg)
    return list(groups.values())


def touched(group: Sequence[NamedLeg]) -> list[str]:
    """The places of a group of legs, in words; numbers that run are written as ranges.

    >>> def place(name):
    ...     return {"parameter": name, "axis": 0, "length": 4, "start": 0, "sizes": [4],
    ...             "along": 0, "parity": 1}
    >>> touched([{"touches": [place(f"h.{k}.weight")]} for k in range(12)])
    ['h.{0-11}.weight[0]']
    """
    found: dict[Any, list[tuple[int, ...]]] = {}
    for leg in group:
        for t in leg["touches"]:
            numbers = tuple(int(n) for n in _numbers(t["parameter"]))
            found.setdefault(_pattern(t), []).append(numbers)
    out = []
    for pattern, rows in found.items():
        for name in _compressed(pattern[0], rows):
            out.append(name + _place(*pattern[1:]))
    return out


def _numbers(name: str) -> list[str]:
    return NUMBER.findall(name)


def _pattern(t: LegPlace) -> tuple[Any, ...]:
    name = NUMBER.sub("\0", t["parameter"])
    return name, t["axis"], t["length"], t["start"], tuple(t["sizes"]), t["along"], t["parity"]


def _compressed(pattern: str, rows: Sequence[tuple[int, ...]]) -> list[str]:
    parts = pattern.split("\0")
    columns = [sorted(set(column)) for column in zip(*rows, strict=True)]
    if prod(map(len, columns)) == len(set(rows)):
        filled = [tuple(_ranges(c) for c in columns)]
    else:
        filled = [tuple(map(str, row)) for row in sorted(set(rows))]
    return [
        parts[0] + "".join(n + rest for n, rest in zip(row, parts[1:], strict=True))
        for row in filled
    ]


def _ranges(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    text = [f"{r[0]}-{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs]
    return "{" + ",".join(text) + "}"


def _place(
    axis: int, length: int, start: int, sizes: Sequence[int], along: int, parity: int
) -> str:
    stop = start + prod(sizes)
    where = f"[{axis}]" if stop - start == length else f"[{axis}, {start}:{stop}]"
    factors = "x".join(f"({n})" if i == along else str(n) for i, n in enumerate(sizes))
    shown = f" = {factors}" if len(sizes) > 1 else ""
    return where + shown + (", g^-T" if parity < 0 else "")
