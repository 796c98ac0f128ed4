"""Terminal tables of a derivation and of a verification: 80 columns, long names folded."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from symgauge.report import wording

_STYLE = {"PROVED": "bold green", "REFUTED": "bold red", "UNKNOWN": "bold yellow"}


class Verification(Protocol):
    """What `verify` answers."""

    @property
    def verdict(self) -> Any: ...
    @property
    def reasons(self) -> Sequence[Any]: ...
    @property
    def hypotheses(self) -> Sequence[Any]: ...
    @property
    def scope(self) -> str: ...
    @property
    def left_out(self) -> Sequence[str]: ...


def _text(value: Any, console: Console, style: str = "") -> Text:
    """`value` as it is: no markup, no control characters, nothing the terminal cannot encode."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value))
    encoding = console.encoding
    return Text(shown.encode(encoding, "backslashreplace").decode(encoding), style=style)


def _grid(console: Console, title: str) -> Table:
    # beyond 80 columns a table is no easier to read
    width = min(console.width, 80)
    return Table(title=_text(title, console), title_justify="left", width=width, highlight=False)


def print_derivation(derivation: Mapping[str, Any], console: Console) -> None:
    """The result and the families, in at most 80 columns."""
    wording.require_consistent(derivation)
    verdict = wording.verdict_name(derivation["verdict"])
    facts = _grid(console, f"{derivation['name']}: gauge symmetries")
    facts.add_column("quantity", no_wrap=True)
    facts.add_column("value", overflow="fold", ratio=1)
    for sentence in wording.about(derivation):
        facts.add_row("about", _text(sentence, console))
    for label, value in (
        ("sizes", wording.sizes_text(derivation.get("sizes")) or "of the example"),
        ("observable", wording.observable(derivation)),
        ("parameters P", derivation["parameters"]),
        ("unread", wording.unread(derivation)),
        ("rank J", wording.bounded(derivation, "rank", ">= ")),
        ("redundancy", wording.bounded(derivation, "redundancy", "<= ")),
        ("rank G", derivation["orbit_dimension"]),
        ("unexplained", wording.bounded(derivation, "unexplained", "at most ")),
        ("closed", "yes" if derivation["closed"] else "no"),
        ("algebra", ", ".join(filter(None, (
            wording.algebra(derivation), wording.stabiliser(derivation))))),
        ("for all sizes", wording.structural(derivation)),
        ("scope", wording.scope(derivation)),
    ):
        facts.add_row(label, _text(value, console))
    for hypothesis in wording.statements(derivation.get("hypotheses")):
        facts.add_row("hypothesis", _text(hypothesis, console))
    facts.add_row("verdict", _text(verdict, console, _STYLE[verdict]))
    console.print(facts)

    if derivation["generators"]:
        families = _grid(console, "families of generators")
        for heading, share in (("family", 5), ("group", 3)):
            families.add_column(heading, overflow="fold", ratio=share)
        families.add_column("dim", justify="right", no_wrap=True)
        families.add_column("acts on", overflow="fold", ratio=6)
        families.add_column("proof", no_wrap=True)
        for family in derivation["generators"]:
            proof = wording.family_verdict(family)
            families.add_row(
                _text(family.get("label", ""), console),
                _text(family.get("group") or family.get("algebra") or "", console),
                _text(family.get("dimension", ""), console),
                _text(", ".join(map(str, family.get("tensors") or ())), console),
                _text(proof, console, _STYLE[proof]),
            )
        console.print(families)
    console.print(_text(wording.claim(derivation), console), highlight=False, overflow="fold")


def print_verification(verification: Verification, console: Console) -> None:
    """The verdict of `verify`, its reasons, the hypotheses left, the scope and what is open."""
    verdict = wording.verdict_name(verification.verdict)
    table = _grid(console, "verification")
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1)
    table.show_header = False
    table.add_row("verdict", _text(verdict, console, _STYLE[verdict]))
    for reason in wording.statements(verification.reasons):
        table.add_row("reason", _text(reason, console))
    for hypothesis in wording.statements(verification.hypotheses):
        table.add_row("hypothesis", _text(hypothesis, console))
    table.add_row("scope", _text(verification.scope or "not given", console))
    reasons: dict[str, list[str]] = {}
    for entry in verification.left_out:
        name, _, reason = entry.partition(": ")
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        text = f"not verified: {', '.join(names)} ({reason})"
        table.add_row("left out", _text(text, console))
    console.print(table)


def print_equivalence(algebra: Mapping[str, Any], console: Console, rows: int = 24) -> None:
    """Dimensions of an equivalence algebra, and its first proved elements."""
    facts = _grid(console, f"{algebra['name']}: equivalence algebra")
    facts.add_column("quantity", no_wrap=True)
    facts.add_column("value", overflow="fold", ratio=1)
    closed = algebra["closed"]
    for label, value in (
        ("state", f"{algebra['state']} entries"),
        ("parameters P", algebra["parameters"]),
        ("algebra", algebra["algebra"]),
        ("dimension", algebra["dimension"] if closed else f"at most {algebra['dimension']}"),
        ("proved", algebra["proved"]),
        ("isotropy", f"{algebra['isotropy']} keep v as it is, at one theta"),
        ("gauge", f"{algebra['gauge']} directions of theta keep v (divided out)"),
        ("trivial", f"{algebra['trivial']} along the worldlines (divided out)"),
        ("scope", algebra["scope"]),
    ):
        facts.add_row(label, _text(value, console))
    for kind in ("shown", "hypotheses", "notes"):
        for statement in algebra[kind]:
            label = {"hypotheses": "hypothesis", "notes": "note"}.get(kind, kind)
            facts.add_row(label, _text(statement, console))
    verdict = algebra["verdict"]
    facts.add_row("verdict", _text(verdict, console, _STYLE[verdict]))
    console.print(facts)
    if algebra["generators"]:
        table = _grid(console, "proved elements, and how the parameters move")
        table.add_column("xi", overflow="fold", ratio=2)
        table.add_column("d theta", overflow="fold", ratio=3)
        for g in algebra["generators"][:rows]:
            table.add_row(_text(g["xi"], console), _text(g["parameters"], console))
        console.print(table)
        more = len(algebra["generators"]) - rows
        if more > 0:
            console.print(_text(f"and {more} more (--json)", console))
