"""What the converse sweep says, for the terminal and for LaTeX."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from symgauge.typesetting.escape import escape
from symgauge.report.table import grid, text_of

Data = Mapping[str, Any]


def facts_of(completeness: Data) -> Iterator[tuple[str, str]]:
    """What follows, and beside it its range, its premises and where the sweep stops."""
    yield "beside these", completeness["says"]
    if completeness.get("stop") is None:
        yield "redundancy", f"at most {completeness['polynomial']} in the range"
        yield "range", "; ".join(completeness["range"]) or "all sizes"
        if completeness["premises"]:
            yield "premises", "; ".join(completeness["premises"])
        if completeness.get("second"):
            yield "second reading", completeness["second"]
    if completeness["unread"]:
        yield "left out", f"parameters that no output reads: {', '.join(completeness['unread'])}"


def print_completeness(completeness: Data, name: str, console: Console) -> None:
    """The result, and the steps of the sweep, those alike together."""
    table = grid(console, f"{name}: the converse sweep")
    table.add_column("quantity", no_wrap=True)
    table.add_column("value", overflow="fold", ratio=1)
    for label, value in facts_of(completeness):
        table.add_row(text_of(label, console), text_of(value, console))
    console.print(table)
    steps = grid(console, "steps, from the outputs down")
    steps.add_column("line", no_wrap=True)
    steps.add_column("converse", overflow="fold", ratio=2)
    steps.add_column("leaves free", overflow="fold", ratio=3)
    for s in completeness["steps"]:
        free = ", ".join(f"{x['count']} ({x['what']})" for x in s["free"])
        steps.add_row(*(text_of(x, console) for x in (f"v{s['line']}", s["fact"], free or "-")))
    console.print(steps)
    meaning = ", ".join(f"{k} = {v}" for k, v in completeness["symbols"].items())
    if meaning:
        console.print(text_of(f"Sizes: {meaning}.", console), highlight=False)


def paragraphs(completeness: Data) -> str:
    """The same in LaTeX, without the steps."""
    lines = [f"{escape(label[:1].upper() + label[1:])}: {escape(value)}."
             for label, value in facts_of(completeness)]
    meaning = ", ".join(f"{k} = {v}" for k, v in completeness["symbols"].items())
    if meaning:
        lines.append(f"Here {escape(meaning)}.")
    return "\\section{Is that all?}\n" + "\n\n".join(lines) + "\n"
