"""Families of layers alike, and the table of all: which tensors each of them moves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from symgauge.report import wording
from symgauge.report.action import structure, tensor_name
from symgauge.report.article import Data, Shapes, longtable, width
from symgauge.typesetting.escape import escape
from symgauge.report.names import LAYER

#: Tensors that have a column of dots each, and the points that a line has for them.
COLUMNS, ROOM = 40, 320.0


def table_of_families(
    families: Sequence[Data], shapes: Shapes, symbol: Mapping[str, str], layered: bool,
) -> str:
    """The families, of layers alike once: what each does, and a dot for each tensor that it moves.

    With names in place of dots where there are more than `COLUMNS` tensors.
    """
    chosen = shown(families)
    moved = {number: _moved_symbols(families[number], shapes, symbol, layered) for number in chosen}
    every = {c for cells in moved.values() for c in cells}
    order = (LAYER.sub(r"^{(\\ell)}", s) if layered else s for s in symbol.values())
    columns = list(dict.fromkeys(c for c in order if c in every))
    rows = []
    for number, count in chosen.items():
        f = families[number]
        deed = escape(wording.deed_and_names(str(f.get("label") or "family"))[0])
        rows.append((number, deed, structure(f["group"]) if f.get("group") else "",
                     str(f.get("dimension", "")) + (f" $\\times$ {count}" if count > 1 else "")))
    if not columns or len(columns) > COLUMNS or not all(moved.values()):
        table = longtable((0.56, 0.22, 0), ["family", "group", "dimension"], (
            [name_of(families[n], symbol, shapes), *facts] for n, _, *facts in rows))
        return "{\\small" + table + "}\n"
    text, said = "", any(_unlayered(c) != c for c in columns)
    for some in _in_width(columns):
        widths, head = (0.13, 0.1, 0, *[-1] * len(some)), ["family", "group", "dim", *(
            f"${_unlayered(c)}$" for c in some)]
        text += "{\\small\\tabcolsep=2pt" + longtable(widths, head, (
            [deed, *facts, *(r"$\bullet$" if c in moved[n] else "" for c in some)]
            for n, deed, *facts in rows)) + "}\n"
    return text + ("The tensors of a layer stand without its number.\n" if said else "")


def _unlayered(symbol: str) -> str:
    return symbol.replace(r"^{(\ell)}", "")


def _in_width(columns: Sequence[str]) -> list[list[str]]:
    """As many columns together as the line has room for."""
    out: list[list[str]] = [[]]
    left = ROOM
    for c in columns:
        size = 4.0 + 4.4 * width(_unlayered(c))
        if size > left:
            out.append([])
            left = ROOM
        out[-1].append(c)
        left -= size
    return out


def _moved_symbols(
    family: Data, shapes: Shapes, symbol: Mapping[str, str], layered: bool
) -> list[str]:
    """The tensors and blocks that a family moves, with l for the number of a layer."""
    names = [tensor_name(m, shapes) for m in family.get("action") or ()]
    known = {str(m["parameter"]) for m in family.get("action") or ()}
    names += [n for n in family.get("tensors") or () if n not in known]
    found = [symbol[n] for n in names if n in symbol]
    return list(dict.fromkeys(LAYER.sub(r"^{(\\ell)}", s) if layered else s for s in found))


def name_of(family: Data, symbol: Mapping[str, str], shapes: Shapes) -> str:
    """What a family does to which tensors, in symbols: `shift of $b_K$`."""
    label = str(family.get("label") or "family")
    if " of " not in label:
        return escape(label)
    deed, _ = wording.deed_and_names(label)
    moved = list(dict.fromkeys(
        symbol[tensor_name(m, shapes)] for m in family.get("action") or ())) or [
        symbol[t] for t in family.get("tensors") or () if t in symbol]
    if not moved:
        return escape(label)
    listed = ", ".join(f"${s}$" for s in moved[:6]) + (", \\dots" if len(moved) > 6 else "")
    return f"{escape(deed)} of {listed}"


def alike(families: Sequence[Data]) -> list[list[int]]:
    """The numbers of families that differ in the numbers of their layers alone.

    Their proofs go through the same ops, and say the same: one is printed for all.
    """
    groups: dict[str, list[int]] = {}
    first: dict[str, str] = {}
    for number, family in enumerate(families):
        moves = [[m["parameter"], m["form"], m.get("at"), m.get("weight"), m.get("source"),
                  m.get("sum_of"), m.get("sum_over")]
                 for m in family.get("action") or ()]
        label = "" if moves else family.get("label")
        key = json.dumps([family.get("element"), moves, label], default=str)
        via = sorted(t["parameter"] for t in family.get("via") or ())
        layers = re.sub(r"(?:(?<=[.\"])|^)\d+(?=\.)", "*", key + json.dumps(via))
        steps = (family.get("proof") or {}).get("lines") or ()
        layers += wording.family_verdict(family)
        ops = json.dumps(sorted({str(step.get("op")) for step in steps}))
        # without lines of its own it is proved as the first of its kind, whose lines are held
        mine = layers + ops if steps else first.get(layers, layers + ops)
        first.setdefault(layers, mine)
        groups.setdefault(mine, []).append(number)
    return list(groups.values())


def shown(families: Sequence[Data]) -> dict[int, int]:
    """The families that stand for those of layers alike, and how many each stands for.

    The second of them where there are two: what it reads of the layer before has a number.
    """
    return {representative(group): len(group) for group in alike(families)}


def representative(group: Sequence[int]) -> int:
    return group[min(1, len(group) - 1)]
