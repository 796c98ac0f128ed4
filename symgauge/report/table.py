"""Terminal tables of a derivation and of a verification, as wide as the terminal."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from symgauge.invariants.balance import SAID, Balance, balance_rows
from symgauge.report import algebra, wording
from symgauge.report.action import tensor_name
from symgauge.report.invariants import (
    invariant_rows, invariants_text, law_rows, laws_text,
)
from symgauge.report.listed import alike

#: Columns beyond which a table is no easier to read.
WIDEST = 160
#: Lines of an action that are shown; all are in the JSON.
MOST = 8
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


class Confirmation(Protocol):
    """What the kernel answers."""

    @property
    def verdict(self) -> str: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def error_bound(self) -> str | None: ...


def text_of(value: Any, console: Console, style: str = "") -> Text:
    """`value` as it is: no markup, no control characters, nothing the terminal cannot encode."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value))
    encoding = console.encoding
    return Text(shown.encode(encoding, "backslashreplace").decode(encoding), style=style)


def grid(console: Console, title: str) -> Table:
    return Table(
        title=text_of(title, console), title_justify="left", width=min(console.width, WIDEST),
        highlight=False)


def wrapped(text: str, width: int) -> str:
    """The text in lines of this width: broken at blanks, long names at dots, else anywhere.

    >>> print(wrapped("decoder.layers.attention.weight -> g W", 20))
    decoder.layers.
    attention.weight ->
    g W
    """
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ""
        for piece in re.findall(r"[^.]*\.|[^.]+", f" {word}" if line else word):
            if line and len(line) + len(piece) > width:
                lines.append(line)
                line = ""
            line += piece
            while len(line) > width:
                lines.append(line[:width])
                line = line[width:]
    return "\n".join([*lines, line])


def short(formula: str) -> str:
    """A formula of an action with W for the tensor itself, without what the label says of slices.

    >>> short("q.weight -> g q.weight")
    'q.weight -> g W'
    >>> short("b -> b - v.weight c, on the slice s = 1, conjugated back")
    'b -> W - v.weight c'
    >>> short("b -> b - (W' - W) v, with W' the image of W")
    "b -> b - (W' - W) v"
    """
    name, arrow, image = formula.partition(" -> ")
    image = re.sub(r", on the slice .* conjugated back|, with .* the image of .*", "", image)
    if not re.search(r"(?<![\w.])W(?![\w.\[])", image):  # else the name of another tensor
        image = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.\[])", "W", image)
    return re.sub(r"(follows), on the way .*", r"\1", name + arrow + image)


def _deed(label: str, formula: Sequence[str]) -> str:
    """What a family does, without the names of tensors where they stand in its formula."""
    if not formula or " of " not in label:
        return label
    deed, names = wording.deed_and_names(label)
    copies = re.search(r", (\d+ copies)", names)
    through = re.search(r", (through .*)$", names)
    return ", ".join([deed, *(m[1] for m in (copies, through) if m)])


def _families(
    families: Sequence[Mapping[str, Any]], console: Console
) -> Table:
    """A row for each family, of layers alike for the first; with how the tensors move."""
    table = grid(console, "families of generators")
    width = min(console.width, WIDEST)
    groups = alike(families)
    many = any(len(group) > 1 for group in groups)
    group_width = max(9, min(14, width // 8))
    rest = max(12, width - group_width - 6 - 8 - (9 if many else 0) - 3 * (6 if many else 5) - 1)
    label_width = rest * 2 // 5
    table.add_column("family", width=label_width, overflow="fold")
    table.add_column("group", width=group_width, overflow="fold")
    if many:
        table.add_column("layers", justify="right", no_wrap=True)
    table.add_column("dim", justify="right", no_wrap=True)
    table.add_column("action", width=rest - label_width, overflow="fold")
    table.add_column("proof", no_wrap=True)
    for numbers in groups:
        family = families[numbers[0]]
        proof = wording.family_verdict(family)
        lines = [str(x) for x in family.get("formula") or family.get("tensors") or ()]
        shown = [wrapped(short(x), rest - label_width) for x in lines[:MOST]]
        shown += [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
        table.add_row(
            text_of_lines(wrapped(
                _deed(family.get("label", ""), family.get("formula", ())), label_width), console),
            text_of(family.get("group") or family.get("algebra") or "", console),
            *([text_of(len(numbers), console)] if many else []),
            text_of(family.get("dimension", ""), console),
            text_of_lines("\n".join(shown), console),
            text_of(proof, console, _STYLE[proof]),
        )
    return table


def text_of_lines(text: str, console: Console) -> Text:
    """Each line as it is."""
    out = Text()
    for k, line in enumerate(text.split("\n")):
        out.append("\n" if k else "").append_text(text_of(line, console))
    return out


def print_derivation(
    derivation: Mapping[str, Any], console: Console, explain: bool = False
) -> None:
    """The result and the families; `explain` says what the quantities are."""
    wording.require_consistent(derivation)
    verdict = wording.verdict_name(derivation["verdict"])
    facts = grid(console, f"{derivation['name']}: gauge symmetries")
    facts.add_column("quantity", no_wrap=True)
    facts.add_column("value", overflow="fold", ratio=1)
    for sentence in wording.about(derivation):
        facts.add_row("about", text_of(sentence, console))
    for label, value in (
        ("sizes", wording.sizes_text(derivation.get("sizes")) or "of the example"),
        ("observable", wording.observable(derivation)),
        ("parameters P", derivation["parameters"]),
        ("unread", wording.unread(derivation)),
        ("rank J", wording.bounded(derivation, "rank", ">= ")),
        ("redundancy", wording.bounded(derivation, "redundancy", "<= ")),
        ("rank G", derivation["orbit_dimension"]),
        ("by minors", wording.by_minors(derivation) or ""),
        ("unexplained", wording.bounded(derivation, "unexplained", "at most ")),
        ("closed", "yes" if derivation["closed"] else "no"),
        ("algebra", ", ".join(filter(None, (
            wording.algebra(derivation), wording.stabiliser(derivation))))),
        ("structure", algebra.structure_of(derivation)),
        ("action", algebra.action_of(derivation)),
        ("invariants", invariants_text(derivation)),
        ("conserved", laws_text(derivation)),
        ("discrete", wording.discrete(derivation)),
        ("for all sizes", wording.structural(derivation)),
        ("scope", wording.scope(derivation)),
    ):
        if value != "":
            facts.add_row(label, text_of(value, console))
    for hypothesis in wording.statements(derivation.get("hypotheses")):
        facts.add_row("hypothesis", text_of(hypothesis, console))
    facts.add_row("verdict", text_of(verdict, console, _STYLE[verdict]))
    console.print(facts)
    _print_summands(derivation, console)
    _print_kept(derivation, console)
    if derivation["generators"]:
        console.print(_families(derivation["generators"], console))
        lines = [x for g in derivation["generators"] for x in g.get("formula") or ()]
        if any(" -> " in x for x in lines):
            prime = ", a prime marks an image" if any("' " in x for x in lines) else ""
            console.print(f"In an action, W is the tensor that moves{prime}.", highlight=False)
    console.print(text_of(wording.claim(derivation), console), highlight=False, overflow="fold")
    if explain:
        for name, meaning in wording.QUANTITIES:
            console.print(text_of(f"{name}: {meaning}.", console), highlight=False)


def _print_summands(derivation: wording.Data, console: Console) -> None:
    """The direct summands of the algebra, where there are several or its name is in doubt."""
    rows = algebra.summand_rows(derivation)
    if len(rows) < 2 and all(row.shown == algebra.SHOWN["basis"] for row in rows):
        return
    table = grid(console, "direct summands of the algebra")
    table.add_column("summand", overflow="fold", ratio=4)
    table.add_column("dim", justify="right", no_wrap=True)
    table.add_column("moves", overflow="fold", ratio=5)
    table.add_column("shown", overflow="fold", ratio=5)
    for row in rows:
        more = f", ... ({len(row.tensors)} tensors)" if len(row.tensors) > 3 else ""
        table.add_row(*(text_of(x, console) for x in (
            row.name, row.dimension, ", ".join(row.tensors[:3]) + more, row.shown)))
    console.print(table)


def _print_kept(
    derivation: wording.Data, console: Console, rows: int = 8
) -> None:
    """The first invariants, and the conservation laws."""
    kept, laws = invariant_rows(derivation), law_rows(derivation)
    table = grid(console, "invariant functions")
    table.add_column("function", overflow="fold", ratio=5)
    table.add_column("entries", justify="right", no_wrap=True)
    for formula, entries in kept[:rows]:
        table.add_row(text_of(formula, console), text_of(entries, console))
    if len(kept) > rows:
        table.add_row(text_of(f"and {len(kept) - rows} more (--json)", console), "")
    if kept:
        console.print(table)
    if laws:
        _print_laws(laws, console, rows)
    shapes = wording.parameter_shapes(derivation)
    balanced = balance_rows(derivation["generators"], shapes, partial(tensor_name, shapes=shapes))
    if balanced:
        _print_balance(derivation["generators"], balanced, console)


def _print_balance(
    families: Sequence[Mapping[str, Any]], rows: Sequence[tuple[int, Balance]], console: Console
) -> None:
    """Where weight decay comes to rest on orbits, and what optimisers do not see."""
    table = grid(console, "weight decay and optimisers")
    table.add_column("family", overflow="fold", ratio=3)
    table.add_column("least norm", overflow="fold", ratio=5)
    table.add_column("SGD", overflow="fold", ratio=2)
    table.add_column("Adam", overflow="fold", ratio=3)
    chosen = {group[0] for group in alike(families)}
    for number, b in rows:
        if number in chosen:
            found = families[number]
            table.add_row(*(text_of(x, console) for x in (
                _deed(found.get("label", ""), found.get("formula", ())), b.least, b.sgd, b.adam)))
    console.print(table)
    console.print(text_of(f"{SAID}.", console), highlight=False)


def _print_laws(
    laws: Sequence[tuple[str, int, str]], console: Console, rows: int
) -> None:
    """The first conservation laws."""
    table = grid(console, "conserved by gradient flow")
    table.add_column("law", overflow="fold", ratio=5)
    table.add_column("laws", justify="right", no_wrap=True)
    table.add_column("with weight decay", overflow="fold", ratio=2)
    for law in laws[:rows]:
        table.add_row(*(text_of(x, console) for x in law))
    if len(laws) > rows:
        table.add_row(text_of(f"and {len(laws) - rows} more (--json)", console), "", "")
    console.print(table)


def print_verification(
    verification: Verification | None, console: Console, confirmation: Confirmation | None = None
) -> None:
    """What `verify` and the kernel say: verdicts, reasons, hypotheses left, scope, what is open."""
    table = grid(console, "verification")
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1)
    table.show_header = False
    if verification is not None:
        _verification(table, verification, console)
    if confirmation is not None:
        verdict = confirmation.verdict
        colour = _STYLE["PROVED" if verdict == "CONFIRMED" else verdict]
        table.add_row("kernel", text_of(verdict, console, colour))
        for reason in confirmation.reasons:
            table.add_row("", text_of(reason, console))
        if confirmation.error_bound:
            table.add_row("", text_of(
                "a field that is no symmetry passes it with probability "
                f"{confirmation.error_bound}", console))
    console.print(table)


def _verification(table: Table, verification: Verification, console: Console) -> None:
    verdict = wording.verdict_name(verification.verdict)
    table.add_row("verdict", text_of(verdict, console, _STYLE[verdict]))
    for reason in wording.statements(verification.reasons):
        table.add_row("reason", text_of(reason, console))
    for hypothesis in wording.statements(verification.hypotheses):
        table.add_row("hypothesis", text_of(hypothesis, console))
    table.add_row("scope", text_of(verification.scope or "not given", console))
    reasons: dict[str, list[str]] = {}
    for entry in verification.left_out:
        name, _, reason = entry.partition(": ")
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        text = f"not verified: {', '.join(names)} ({reason})"
        table.add_row("left out", text_of(text, console))


def print_equivalence(found: Mapping[str, Any], console: Console, rows: int = 24) -> None:
    """Dimensions of an equivalence algebra, and its first proved elements."""
    facts = grid(console, f"{found['name']}: equivalence algebra")
    facts.add_column("quantity", no_wrap=True)
    facts.add_column("value", overflow="fold", ratio=1)
    closed = found["closed"]
    for label, value in (
        ("state", f"{found['state']} entries"),
        ("parameters P", found["parameters"]),
        ("algebra", found["algebra"]),
        ("dimension", found["dimension"] if closed else f"at most {found['dimension']}"),
        ("proved", found["proved"]),
        ("isotropy", f"{found['isotropy']} keep v as it is, at one theta"),
        ("gauge", f"{found['gauge']} directions of theta keep v (divided out)"),
        ("trivial", f"{found['trivial']} along the worldlines (divided out)"),
        ("scope", found["scope"]),
    ):
        facts.add_row(label, text_of(value, console))
    for kind in ("shown", "hypotheses", "notes"):
        for statement in found[kind]:
            label = {"hypotheses": "hypothesis", "notes": "note"}.get(kind, kind)
            facts.add_row(label, text_of(statement, console))
    verdict = found["verdict"]
    facts.add_row("verdict", text_of(verdict, console, _STYLE[verdict]))
    console.print(facts)
    if found["generators"]:
        table = grid(console, "proved elements, and how the parameters move")
        table.add_column("xi", overflow="fold", ratio=2)
        table.add_column("d theta", overflow="fold", ratio=3)
        for g in found["generators"][:rows]:
            table.add_row(text_of(g["xi"], console), text_of(g["parameters"], console))
        console.print(table)
        more = len(found["generators"]) - rows
        if more > 0:
            console.print(text_of(f"and {more} more (--json)", console))
