"""The report of a derivation for all sizes: a table for the terminal, and a LaTeX article."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from symgauge.report import wording
from symgauge.report.action import held_at
from symgauge.report.escape import escape, verbatim
from symgauge.report.latex import PREAMBLE, longtable
from symgauge.report.table import grid, text_of

Data = Mapping[str, Any]


def classes(derivation: Data) -> list[list[Mapping[str, Any]]]:
    """Families alike but for the numbers of their layers."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for g in derivation["generators"]:
        key = g["class"] + str(g["element"])
        groups.setdefault(key, []).append(g)
    return list(groups.values())


def dimension_text(derivation: Data) -> str:
    """The orbit dimension, or why only the algebra's dimension is known."""
    total = f"{derivation['dimension']:,}"
    if derivation["orbit_dimension"] is None:
        return f"{total} (of the algebra; orbits may have less: {derivation['stabiliser']})"
    return f"{total} (of the orbits: the redundancy is at least that)"


def print_full(derivation: Data, console: Console) -> None:
    """The result and the classes of families, in at most 80 columns."""
    facts = grid(console, f"{derivation['name']}: gauge symmetries for all sizes")
    facts.add_column("quantity", no_wrap=True)
    facts.add_column("value", overflow="fold", ratio=1)
    sizes = ", ".join(f"{k} = {v}" for k, v in derivation["sizes"].items())
    for sentence in wording.about(derivation):
        facts.add_row("about", text_of(sentence, console))
    for label, value in (
        ("sizes", sizes or "of the example"),
        ("observable", wording.observable(derivation)),
        ("parameters", f"{derivation['parameters']:,}"),
        ("dimension", dimension_text(derivation)),
        ("in sizes", derivation["polynomial"]),
        ("algebra", derivation["algebra"]),
        ("verdict", f"{derivation['verdict']}, each family by intertwiners"),
        ("scope", derivation["scope"]),
    ):
        facts.add_row(text_of(label, console), text_of(value, console))
    console.print(facts)
    table = grid(console, "families (of layers alike: the first)")
    table.add_column("family", overflow="fold", ratio=5)
    table.add_column("group", overflow="fold", ratio=2)
    table.add_column("layers", justify="right", no_wrap=True)
    table.add_column("dimension", justify="right", no_wrap=True)
    for group in classes(derivation):
        first = group[0]
        table.add_row(
            text_of(first["label"], console), text_of(first["group"], console),
            text_of(len(group), console),
            text_of(f"{sum(g['dimension'] for g in group):,}", console),
        )
    console.print(table)
    meaning = ", ".join(f"{k} = {v}" for k, v in derivation["symbols"].items())
    if meaning:
        console.print(text_of(f"Sizes: {meaning}.", console), highlight=False)


def document(derivation: Data) -> str:
    """The LaTeX article."""
    name = escape(str(derivation["name"]))
    body = [
        PREAMBLE,
        rf"\title{{Gauge symmetries of {name}, for all sizes}}",
        r"\author{symgauge}\date{}",
        r"\begin{document}\maketitle",
        r"\section{The result}",
        *(f"{escape(said[:1].upper() + said[1:])}." for said in wording.about(derivation)),
        f"Target: {verbatim(str(derivation['target']))}. Observable: "
        f"{escape(wording.observable(derivation))}. "
        + escape(", ".join(f"{k} = {v}" for k, v in derivation["sizes"].items())) + ".\n",
        longtable((0.2, 0.72), ["quantity", "value"], [
            ["parameters", f"{derivation['parameters']:,}"],
            ["dimension", escape(dimension_text(derivation))],
            ["in sizes", verbatim(str(derivation["polynomial"]))],
            ["where", escape(", ".join(
                f"{k} = {v}" for k, v in derivation["symbols"].items()))],
            ["algebra", escape(str(derivation["algebra"]))],
            ["scope", escape(str(derivation["scope"]))],
        ]),
        "Proved: each line below follows from the line before by one lemma, an identity in "
        "matrices of any size; nothing is sampled and no size is used. Layers that are alike are "
        "proved alike, and the first stands for all.\n",
    ]
    for number, group in enumerate(classes(derivation), 1):
        body.append(_family(number, group))
    body.append(r"\end{document}")
    return "\n".join(body) + "\n"


def _family(number: int, group: Sequence[Mapping[str, Any]]) -> str:
    first = group[0]
    count = f" ({len(group)} alike)" if len(group) > 1 else ""
    lines = [
        f"\\section{{{escape(first['label'])}}}",
        rf"\begin{{proposition}} The group {verbatim(first['group'])}{escape(count)} acts by "
        "the following, and leaves every output unchanged.\\end{proposition}",
        r"\begin{itemize}",
        *(rf"\item {verbatim(text)}" for text in first["formula"][:MOST]),
    ]
    if len(first["formula"]) > MOST:
        lines.append(rf"\item and {len(first['formula']) - MOST} more of the same kind")
    lines.append(r"\end{itemize}")
    if first["via"]:
        held = ", ".join(
            f"{t['parameter']} = {held_at(t)}" for t in first["via"][:MOST])
        rest = " and so on" if len(first["via"]) > MOST else ""
        lines.append(
            f"It acts where {verbatim(held)}{rest}; from there it is carried to every point by the "
            "families that move these tensors, which leave the outputs unchanged too.\n")
    proof = first["proof"]["lines"]
    if proof:
        rows = [[verbatim(p["node"]), verbatim(p["op"]), escape(p["variation"])]
                for p in proof[:LINES]]
        lines.append("Proof.\n" + longtable((0.1, 0.18, 0.62), ["line", "op", "its value"], rows))
        if len(proof) > LINES:
            lines.append(
                f"{len(proof) - LINES} more lines of the same kinds, to the last layer, are in the "
                "JSON record.\n")
    return "\n".join(lines) + "\n"


#: Formulas and proof lines of one family that are printed; all are in the JSON.
MOST, LINES = 12, 16
