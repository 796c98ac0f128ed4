"""The report of a derivation for all sizes: a table for the terminal, and a LaTeX article."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from symgauge.families.apart import apart
from symgauge.families.serial import move_of
from symgauge.report import wording
from symgauge.report.action import structure
from symgauge.report.article import longtable, network, symbol_table, whole
from symgauge.report.completeness import facts_of, paragraphs
from symgauge.report.listed import shown, table_of_families
from symgauge.report.propositions import all_families
from symgauge.report.table import grid, text_of
from symgauge.typesetting.escape import escape, verbatim

Data = Mapping[str, Any]

#: Said of permutations where two groups of them may put the same axes in order.
OVERLAP = "The groups may overlap: how many elements they are together is not said"


def classes(entries: Sequence[Data], told: str) -> list[list[Data]]:
    """Entries alike but for the numbers of their layers, and in what `told` says of them."""
    groups: dict[str, list[Data]] = {}
    for entry in entries:
        groups.setdefault(entry["class"] + str(entry[told]), []).append(entry)
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
        *facts_of(derivation["completeness"]),
    ):
        facts.add_row(text_of(label, console), text_of(value, console))
    console.print(facts)
    table = grid(console, "families (of layers alike: the first)")
    table.add_column("family", overflow="fold", ratio=5)
    table.add_column("group", overflow="fold", ratio=2)
    table.add_column("layers", justify="right", no_wrap=True)
    table.add_column("dimension", justify="right", no_wrap=True)
    for group in classes(derivation["generators"], "element"):
        first = group[0]
        table.add_row(
            text_of(first["label"], console), text_of(first["group"], console),
            text_of(len(group), console),
            text_of(f"{sum(g['dimension'] for g in group):,}", console),
        )
    console.print(table)
    found = _all_orders(derivation)
    if found:
        console.print(_orders(found, console))
        if not _apart(found):
            console.print(text_of(f"{OVERLAP}.", console), highlight=False)
    meaning = ", ".join(f"{k} = {v}" for k, v in derivation["symbols"].items())
    if meaning:
        console.print(text_of(f"Sizes: {meaning}.", console), highlight=False)


def _all_orders(derivation: Data) -> list[Data]:
    return [*(derivation.get("discrete") or ()), *(derivation.get("with_buffers") or ())]


def _orders(entries: Sequence[Data], console: Console) -> Table:
    table = grid(console, "permutations, proved for all sizes; nothing says that these are all")
    table.add_column("permutations", overflow="fold", ratio=5)
    table.add_column("layers", justify="right", no_wrap=True)
    table.add_column("elements", overflow="fold", ratio=2)
    for group in classes(entries, "order"):
        table.add_row(*(text_of(x, console) for x in (
            group[0]["label"], len(group), _all_of(group))))
    return table


def _apart(entries: Sequence[Data]) -> bool:
    """Whether the order of them together is the product of theirs."""
    return apart([[move_of(m) for m in entry["action"]] for entry in entries])


def _all_of(group: Sequence[Data]) -> str:
    """The number of elements of a class of layers alike."""
    order = str(group[0]["order"])
    if len(group) == 1:
        return order
    if not _apart(group):
        return f"{order} each"
    return f"({order})^{len(group)}" if "^" in order else f"{order}^{len(group)}"


def _permutations(entries: Sequence[Data]) -> str:
    """The section on them."""
    if not entries:
        return ""
    rows = [[escape(group[0]["label"]), str(len(group)), _latex_of(_all_of(group))]
            for group in classes(entries, "order")]
    total = f"{OVERLAP}; "
    if _apart(entries):
        product = r" \cdot ".join(row[2].strip("$") for row in rows)
        total = f"Together they are a group of ${product}$ elements; "
    return (
        "\\section{Permutations}\nFor every size, the indices of these axes may be put in another "
        "order, the same wherever they are; each line of the network then has its entries in that "
        "order, or stays, and every output stays. Layers alike are proved alike. "
        f"{total}nothing says that there are no others.\n"
        + "{\\small" + longtable((0.62, 0.1, 0.2), ["permutations", "layers", "elements"], rows)
        + "}\n")


def _latex_of(order: str) -> str:
    """4!^8 as mathematics, and what is said behind it."""
    number, *words = order.split(" ")
    number = re.sub(r"\^([0-9]+)", r"^{\1}", number).replace("(", "{(").replace(")", ")}")
    return " ".join([f"${number}$", *words])


def document(derivation: Data, fragment: bool = False, appendix: bool = False) -> str:
    """The LaTeX article; `fragment`: its body alone; `appendix`: with the machine's tables."""
    reading = derivation["reading"]
    shapes = {t["name"]: tuple(t["shape"]) for t in derivation["tensors"]}
    families, layered = derivation["generators"], bool(reading["formulas"]["layer"])
    body = [_result(derivation), paragraphs(derivation["completeness"]),
            table_of_families(families, shapes, reading["symbols"], layered),
            "\\section{The network}\n"]
    body.append(
        f"Target: {verbatim(str(derivation['target']))}. Observable: "
        f"{escape(wording.observable(derivation))}. "
        + "".join(f"{escape(said[:1].upper() + said[1:])}. " for said in wording.about(derivation))
        + "Sizes: " + escape(wording.sizes_text(derivation["sizes"])) + ".\n")
    body += [network(reading), symbol_table(reading, shapes)]
    body.append(
        "\\section{The families}\nProved for every size: each line below follows from the one "
        "before by a lemma, an identity in matrices of any size; nothing is sampled. Layers that "
        "are alike are proved alike: $\\ell$ is the number of a layer, $m$ that of a later line. "
        "Vectors $\\mathbf{1}$ have entries 1; $u$ is any vector.\n\n")
    body.append(all_families(
        families, shapes, reading["symbols"], reading, MOST))
    body.append(_permutations(_all_orders(derivation)))
    if appendix:
        body.append(_appendix(derivation))
    title = f"Gauge symmetries of {verbatim(str(derivation['name']))}, for all sizes"
    version = str((derivation.get("versions") or {}).get("symgauge", ""))
    return whole(title, version, "".join(body), fragment)


def _result(derivation: Data) -> str:
    orbit = derivation["orbit_dimension"]
    bound = (
        f"The redundancy is at least {orbit:,}" if orbit is not None else
        f"Its orbits may have less dimensions: {derivation['stabiliser']}")
    sizes = ", ".join(
        f"${formula(k)} = {str(v).split(' ', 1)[0]}$ {escape(''.join(str(v).partition(' ')[1:]))}"
        for k, v in derivation["symbols"].items())
    return (
        "\\section{The result}\n\\begin{theorem}\\normalfont\n"
        f"The families below act on the {derivation['parameters']:,} parameters and leave every "
        "output unchanged, for every input and all parameters. Their algebra, "
        f"{structure(str(derivation['algebra']))}, has dimension\n\\begin{{equation*}}\n"
        f"{formula(str(derivation['polynomial']))} = {derivation['dimension']:,}"
        f"\n\\end{{equation*}}\nwith {sizes}. {escape(bound)}.\n\\end{{theorem}}\n"
        f"Scope: {escape(str(derivation['scope']))}.\n"
    )


def formula(polynomial: str) -> str:
    r"""A polynomial in sizes as mathematics; as text where it has another form.

    >>> print(formula("T + 12*d_k**2*h + 24"))
    T + 12 d_{k}^{2} h + 24
    """
    if not re.fullmatch(r"[A-Za-z0-9_+\-*/() ]+", polynomial):
        return rf"\text{{{escape(polynomial)}}}"
    text = re.sub(r"\*\*(\d+)", r"^{\1}", polynomial)
    text = re.sub(r"_([A-Za-z0-9]+)", r"_{\1}", text)
    return text.replace("*", " ")


def _appendix(derivation: Data) -> str:
    text = ["\\appendix\n\\section{Proof tables}\n"]
    for number in shown(derivation["generators"]):
        family = derivation["generators"][number]
        proof = family["proof"]["lines"]
        text.append(f"\\noindent {escape(family['label'])}.\n")
        if proof:
            text.append(longtable((0.1, 0.18, 0.62), ["line", "op", "its value"], [
                [verbatim(p["node"]), verbatim(p["op"]), escape(p["variation"])]
                for p in proof[:LINES]]))
        if len(proof) > LINES:
            text.append(f"{len(proof) - LINES} more lines are in the JSON record.\n")
    return "".join(text)


#: Formulas of one family, and lines of its table in the appendix, that are printed.
MOST, LINES = 12, 16
