"""Families as propositions with their proofs, of layers alike one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from symgauge.plain import PlainFamily
from symgauge.report import wording
from symgauge.report.action import Line, element_sentence, lines, slices, structure
from symgauge.report.article import Data, Display, Shapes, display
from symgauge.report.conjugation import conjugated_lines, slice_sentence
from symgauge.typesetting.escape import escape, verbatim
from symgauge.report.flows import flow_rows, flow_sentence
from symgauge.report.listed import alike, name_of, representative
from symgauge.report.names import LAYER

_ENVIRONMENT = {"PROVED": "proposition", "UNKNOWN": "candidate", "REFUTED": "refuted"}
#: Families like one that is printed, of which the names are printed.
OTHERS = 12


def all_families(
    families: Sequence[Data], shapes: Shapes, symbol: Mapping[str, str], reading: Data,
    most: int = 0,
) -> str:
    """Propositions and their proofs; of layers alike one, with the letter of a layer."""
    text = ""
    for group in alike(families):
        number, count = representative(group), len(group)
        family, layer = families[number], reading.get("layers", {}).get(number)
        each = f" each, {count} alike" if count > 1 else ""
        spans = layer is None and bool(reading.get("formulas", {}).get("layer"))
        said = family_statement(family, shapes, symbol, each, most if not spans else 0, spans)
        if layer is not None and count > 1:
            said = said.replace(f"^{{({layer})}}", r"^{(\ell)}")
        text += said + family_proof(family, reading.get("proofs", {}).get(number))
        if layer is None and count > 1:  # no letter stands for the others
            others = [name_of(families[k], symbol, shapes) for k in group if k != number]
            more = f"; and {len(others) - OTHERS} more" if len(others) > OTHERS else ""
            text += f"So act, by the same proof: {'; '.join(others[:OTHERS])}{more}.\n\n"
    return text


def family_statement(
    family: Data, shapes: Shapes, symbol: Mapping[str, str], each: str = "", most: int = 0,
    spans: bool = False,
) -> str:
    """A proposition: the element, how it acts on every tensor, and that the function stays.

    Of a family that spans layers each line is written once, with l for the layer.
    """
    verdict = wording.family_verdict(family)
    environment = _ENVIRONMENT[verdict]
    group, dimension = family.get("group"), family.get("dimension", "not given")
    head = name_of(family, symbol, shapes)
    facts = ", ".join(filter(None, (
        structure(group) if group else "", f"dimension {dimension}{each}")))
    # not the optional argument: its line would not break
    text = f"\\begin{{{environment}}}\\normalfont\n\\textbf{{{head[:1].upper()}{head[1:]}}} "
    text += f"({facts}). "
    acting = cast(PlainFamily, family)
    text += element_sentence(acting) if family.get("action") else ""
    text += slice_sentence(acting, symbol, every_layer if spans else list)
    write = conjugated_lines if slices(acting) else lines
    action = write(acting, shapes, symbol)
    claim = {
        "PROVED": "the network's function is left unchanged by",
        "UNKNOWN": "it is not proved that the network's function is left unchanged by",
        "REFUTED": "the network's function is changed by",
    }[verdict]
    if action:
        action = [Line(*texts) for texts in every_layer(action)] if spans else action
        written = action[:most] if most else action
        text += f", {claim}\n" + display(map(_moved, written))
        if len(written) < len(action):
            text += f"and so on for {len(action) - len(written)} more tensors.\n"
    else:
        text += _generators(family, symbol, claim, most)
    return text + f"\\end{{{environment}}}\n"


def _generators(family: Data, symbol: Mapping[str, str], claim: str, most: int) -> str:
    """The flows of generators without a known form; the generators, where they have none."""
    formula = list(family.get("formula") or ())
    text, rows = flow_sentence(formula, claim), flow_rows(formula, symbol)
    left = len(formula) - most if most else 0
    if rows is None:
        shown = "\n".join(f"{verbatim(f)}\\\\" for f in formula[:most or None])
        text += f" the following.\n\n{shown}"
        return text + (f"\nand {left} more\n" if left > 0 else "\n")
    text += "\n" + display(rows[:most or None])
    return text + (f"and {left} more.\n" if left > 0 else "")


def every_layer(rows: Iterable[Any]) -> list[Any]:
    """The rows (a formula, or several) with l for the one number of a layer in them, each once."""
    out = []
    for row in rows:
        texts = [row] if isinstance(row, str) else list(row)
        numbers = set(LAYER.findall("".join(texts)))
        if len(numbers) == 1:
            texts = [t.replace(f"^{{({min(numbers)})}}", r"^{(\ell)}") for t in texts]
        out.append(texts[0] if isinstance(row, str) else tuple(texts))
    return list(dict.fromkeys(out))


def _moved(line: Line) -> Display:
    """A row of `align*`: the finite action, its generator, and the place where no name says it.

    An index h alone numbers slices in their order; one that repeats (r) or several are written out.
    """
    left, right = line.finite.split(r" \mapsto ", 1)
    row = [left, rf"\mapsto {right},", rf"\qquad {line.infinitesimal}"]
    unsaid = r"\mathbf{1}" in right and "axis" in line.place
    if unsaid or re.search(r"\(.*(\br\b|h_\d|, axis).*\)|on the", line.place):
        row.append(rf"\quad ({line.place})")
    return row


def family_proof(family: Data, rows: Sequence[Data] | None) -> str:
    """The proof in displayed equations, or how it was decided."""
    verdict = wording.family_verdict(family)
    proof = family.get("proof") or {}
    method = escape(str(proof.get("method") or "no method given"))
    heading = {"PROVED": "Proof", "UNKNOWN": "Not proved", "REFUTED": "Refuted"}[verdict]
    end = "\\hfill$\\square$\n\n" if verdict == "PROVED" else "\n\n"
    if verdict != "PROVED" or not rows:
        return f"\\noindent\\emph{{{heading}.}} Decided exactly: {method}. {end}" if (
            verdict == "PROVED") else f"\\noindent\\emph{{{heading}.}} {method}. {end}"
    where = "On the slice" if family.get("via") else "Then"
    text = f"\\noindent\\emph{{{heading}.}} {where}\n"
    reasons = list(dict.fromkeys(row["stays"] for row in rows if row["stays"]))
    text += display((_proved(row) for row in rows), "" if reasons else r" \tag*{$\square$}")
    return text + (f"since {', and '.join(reasons)}. {end}" if reasons else "")


def _proved(row: Data) -> Display:
    if row["becomes"] == row["equals"]:
        return row["left"], rf"\mapsto {row['becomes']}"
    return row["left"], rf"\mapsto {row['becomes']}", f"= {row['equals']}"
