"""Families in other coordinates, in plain text: what the coordinates are, and what moves them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from symgauge.families.family import Family, Move
from symgauge.program.absorbed import Change, Vector
from symgauge.statements.formulas import formulas

#: Numbers that are printed, of a vector that is longer.
MOST = 4


def changed_formulas(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The coordinates, a line each, then the moves in them: a prime for what is changed.

    A parameter that does not move there, but is w' = w + n T with a T that moves, follows.
    """
    primed = {c.parameter: f"{c.parameter}'" for c in family.changes}

    def renamed(moves: tuple[Move, ...]) -> tuple[Move, ...]:
        return tuple(m.renamed(primed) for m in moves)

    via = tuple(
        replace(t, parameter=primed.get(t.parameter, t.parameter), moves=renamed(t.moves))
        for t in family.via)
    there = replace(family, moves=renamed(family.moves), via=via, changes=())
    known = {**shapes, **{new: shapes[name] for name, new in primed.items()}}
    lines = list(_coordinates(family.changes))
    still = [f"{primed[c.parameter]} does not move" for c in family.changes
             if c.source in family.tensors and c.parameter not in family.tensors]
    return [*lines, *formulas(there, (), known), *still]


def _coordinates(changes: tuple[Change, ...]) -> Iterator[str]:
    done: dict[str, str] = {}
    for k, c in enumerate(changes, 1):
        body, letter = done.get(c.parameter, c.parameter), "n" if len(changes) == 1 else f"n{k}"
        source = "" if c.source is None else f" {c.source}'" if c.source in done else f" {c.source}"
        done[c.parameter] = f"{letter} ({body})" if c.form == "s^k" and " " in body else (
            f"{letter} {body}" if c.form == "s^k" else f"{body} + {letter}{source}")
        yield f"{c.parameter}' = {done[c.parameter]}, with {letter} = {_numbers(c.numbers)}"


def _numbers(numbers: Vector) -> str:
    if len(set(numbers)) == 1:
        return f"{_number(numbers[0])} in every entry"
    shown = ", ".join(map(_number, numbers[:MOST]))
    more = f", ... of {len(numbers)}" if len(numbers) > MOST else ""
    return f"({shown}{more})"


def _number(n: Fraction) -> str:
    return str(n) if n.denominator < 1000 else f"{float(n):.6g}"
