"""A record of a sweep beside the steps that are established here: where they disagree.

The record names facts, lines, parameters, polynomials in letters and inequalities. Its letters
stand for widths of the program; every polynomial is compared with the number counted here, and
every need is asked, at widths drawn from the record's range, those among them where an inequality
is an equality. Each inequality must be one that the step asks for, or the case of a minimum in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from random import Random
from typing import Any

from symgauge.program.network import Network
from symgauge.program.parted import parted
from symgauge.program.recentred import recentred
from symgauge.steps.matching import LARGEST, Matching
from symgauge.steps.polynomials import Letters, holds, inequalities, sides, value, words
from symgauge.steps.step import Book
from symgauge.steps.unread import Unread
from symgauge.steps.whole import WholeWalk

#: Widths that are drawn, and how many of each sort are kept.
TRIES, KEPT, EDGES = 4000, 40, 8
#: The premise that is Ax's theorem, and the facts that rest on it.
AX = "Ax 1971: exponentials of functions that no integer combination makes constant are independent"
RESTS = (
    "units", "exponential units", "gated units", "attention", "attention without a normaliser",
    "block behind a skip", "experts", "a row of parameters")
#: What a statement for all sizes asks besides, and how the last premise of a record begins.
STABILISER = "no generator but 0 vanishes at a generic point (shown at these sizes)"
ASSUMED = "assumed, no certificate: "
Record = Mapping[str, Any]


def refusals(record: Record, network: Network) -> list[str]:
    """What a record says that this reading does not: none where it agrees.

    Raises Unread where the program or the record is none that is read.
    """
    book = WholeWalk(recentred(parted(network, rest=True).network).network).run()
    try:
        return list(_disagreements(record, book))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"the record is malformed: {error!s:.100}"]


def _disagreements(record: Record, book: Book) -> Iterator[str]:
    names = [p.name for p in book.reader.network.parameters]
    if record.get("stop") is not None:
        yield "a stop is said, and all steps are established"
    left = [names[book.reader.network.parameter_nodes.index(i)] for i in book.left()]
    live = [i for i in book.left() if i in book.reader.live]
    if live or sorted(left) != sorted(record["unread"]):
        yield f"{left} are settled by no step, {list(record['unread'])} are said to be unread"
    found = list(_of_steps(record, book))
    yield from found
    if not found:
        yield from _of_sizes(record, book)
    yield from _of_statement(record)


def _of_steps(record: Record, book: Book) -> Iterator[str]:
    """Facts, lines, parameters and conditions in words."""
    said, found = record["steps"], book.steps
    if len(said) != len(found):
        yield f"{len(said)} steps are said, {len(found)} are established"
        return
    for k, (one, step) in enumerate(zip(said, found, strict=True)):
        if (one["fact"], one["line"]) != (step.fact, step.line):
            yield (f"step {k} says {one['fact']} at v{one['line']}, established is {step.fact} at "
                   f"v{step.line}")
            return
        if sorted(one["settles"]) != sorted(step.settles):
            yield f"step {k} settles {one['settles']}, established is {step.settles}"
        if sorted(words(one["conditions"])) != sorted(step.words):
            yield f"step {k} asks {words(one['conditions'])}, established is {step.words}"
    asked = {c for one in said for c in inequalities(one["conditions"])}
    named = {w for step in found for w in step.words}
    also = {STABILISER, *_stays(record)} if record["extent"].startswith("all sizes") else set()
    if sorted(record["range"]) != sorted({*asked, *named, *also}):
        yield "the range is not what the steps ask"


def _stays(record: Record) -> set[str]:
    """Words of the range that hold a letter at its value here: the less is said."""
    here = {f"{x} stays {text.split(' ', 1)[0]}" for x, text in record["symbols"].items()}
    return here & set(record["range"])


def _of_sizes(record: Record, book: Book) -> Iterator[str]:
    """Counts and needs, at the widths of the program and at others of the range."""
    values = {x: int(text.split(" ", 1)[0]) for x, text in record["symbols"].items()}
    asked = inequalities(record["range"])
    missed = [c for c in asked if not holds(c, values)]
    if sorted(missed) != sorted(record["missed"]):
        yield f"the program's sizes miss {missed}, said is {list(record['missed'])}"
        return
    drawn = _drawn(values)
    points = [values, *_points(asked, drawn)]
    parts = [f["count"] for one in record["steps"] for f in one["free"]]
    if any(value(record["polynomial"], p) != sum((value(x, p) for x in parts), Fraction(0))
           for p in points) or value(record["polynomial"], values) != record["bound"]:
        yield "the polynomial is not the sum of what the steps leave free, or not the bound"
        return
    yield from _of_letters(record, Matching(record, book, values), points)


def _of_letters(
    record: Record, matching: Matching, points: list[dict[str, int]]
) -> Iterator[str]:
    if matching.wrong:
        yield f"the letters {matching.wrong} stand for other widths than they say"
        return
    for k, step in enumerate(record["steps"]):
        where = f"step {k} ({step['fact']} at v{step['line']})"
        if not all(matching.agrees(k, p) for p in points):
            yield (f"{where} leaves free {[(f['what'], f['count']) for f in step['free']]}, "
                   "established is another number, or it asks for more")
        for c in inequalities(step["conditions"]):
            if not matching.asked(c, k, points):
                yield f"{where} does not ask that {c}"
        if matching.unsaid(k, points):
            yield f"{where} asks for an inequality that is not said"


def _drawn(values: Letters) -> list[dict[str, int]]:
    rng = Random(0)
    return [{x: rng.randint(2, LARGEST) for x in values} for _ in range(TRIES)]


def _points(asked: list[str], drawn: list[dict[str, int]]) -> list[dict[str, int]]:
    """Some widths of the range, and for each inequality some where it is an equality."""
    inside = [p for p in drawn if all(holds(c, p) for c in asked)]
    if len(inside) < EDGES:
        raise Unread("a range in which few widths are small")
    edges = []
    for c in asked:
        equal = [p for p in inside if len(set(sides(c, p))) == 1]
        edges += equal[:EDGES]
    return [*inside[:KEPT], *edges]


def _of_statement(record: Record) -> Iterator[str]:
    """What is said beside the steps: premises, and for which sizes families are all there is."""
    rests = any(one["fact"] in RESTS for one in record["steps"])
    if [p for p in record["premises"] if not p.startswith(ASSUMED)] != [AX] * rests:
        yield "the premises are not those of the facts"
    assumed = sum(p.startswith(ASSUMED) for p in record["premises"])
    if record.get("second") and assumed != (record["extent"] != "open"):
        yield "what is assumed is not said"
    agree = record["families"] == record["bound"] and record.get("stop") is None
    if record["extent"] != "open" and not agree:
        yield "families and bound differ, and nothing else is said to be"
    if ("not these" in record["extent"]) != bool(record["missed"]) and record["extent"] != "open":
        yield "the extent is not that of what the sizes miss"
