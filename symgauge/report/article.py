"""Pieces of the LaTeX article that derivations of small and of full sizes share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from symgauge.plain import PlainFamily
from symgauge.report import wording
from symgauge.report.action import (
    Line, element_sentence, lines, slices, structure, tensor_name,
)
from symgauge.report.conjugation import conjugated_lines, slice_sentence
from symgauge.report.escape import escape, verbatim
from symgauge.report.flows import flow_rows, flow_sentence
from symgauge.report.names import LAYER, NUMBER, indexed, raised

Data = Mapping[str, Any]
Shapes = Mapping[str, Sequence[int]]
#: A row of a display: its left side, and what follows each sign.
Display = Sequence[str]

#: What the body of an article needs, for those who paste it into a paper.
PACKAGES = ("amsmath", "amssymb", "amsthm", "booktabs", "longtable")
PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[a4paper,margin=19mm,top=17mm,bottom=19mm,footskip=8mm]{geometry}
\usepackage{amsmath,amssymb,amsthm}
\usepackage{booktabs,longtable}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks[2]
\sloppy
\renewcommand{\arraystretch}{1.05}
\AtBeginDocument{\abovedisplayskip=3pt plus 2pt \belowdisplayskip=3pt plus 2pt
  \abovedisplayshortskip=1pt plus 1pt \belowdisplayshortskip=3pt plus 1pt \jot=1pt}
\setlength{\LTpre}{\smallskipamount}
\setlength{\LTpost}{\smallskipamount}
\makeatletter
\renewcommand{\section}{\@startsection{section}{1}{0pt}{-2ex plus -1ex}{0.8ex}%
  {\normalfont\large\bfseries}}
\makeatother
\newtheoremstyle{tight}{4pt plus 2pt}{1pt plus 1pt}{\itshape}{0pt}{\bfseries}{.}{ }{}
\theoremstyle{tight}
\newcommand{\cell}{\raggedright\hyphenpenalty=10000\let\\\tabularnewline}
"""
#: Defined where the paper has not done so.
ENVIRONMENTS = r"""\ifdefined\cell\else
\newcommand{\cell}{\raggedright\hyphenpenalty=10000\let\\\tabularnewline}\fi
\ifdefined\theorem\else\newtheorem{theorem}{Theorem}\fi
\ifdefined\proposition\else\newtheorem{proposition}[theorem]{Proposition}\fi
\ifdefined\candidate\else\newtheorem{candidate}[theorem]{Unproved candidate}\fi
\ifdefined\refuted\else\newtheorem{refuted}[theorem]{Refuted candidate}\fi
"""
#: How to cite symgauge, and the paper whose reading of redundancies as gauge symmetries it takes.
BIBTEX = r"""@software{symgauge,
  title = {symgauge: gauge symmetries of neural networks, derived in symbols and certified
    complete},
  author = {{The symgauge authors}},
  year = {2026},
  version = {VERSION}
}
@article{hashimoto2024unification,
  title = {Unification of Symmetries Inside Neural Networks: Transformer, Feedforward and
    Neural ODE},
  author = {Hashimoto, Koji and Hirono, Yuji and Sannai, Akiyoshi},
  journal = {Machine Learning: Science and Technology},
  volume = {5},
  pages = {025079},
  year = {2024},
  eprint = {2402.02362},
  archivePrefix = {arXiv}
}
"""
_ENVIRONMENT = {"PROVED": "proposition", "UNKNOWN": "candidate", "REFUTED": "refuted"}
#: Families like one that is printed, of which the names are printed.
OTHERS = 12
#: Tensors that have a column of dots each.
COLUMNS = 20
#: Characters of a display above which a line is broken before its last sign.
WIDE = 78


def longtable(
    widths: Sequence[float], head: Sequence[str], rows: Iterable[Sequence[str]],
) -> str:
    """A longtable, its head on every page; widths are fractions of the line, 0 is a number's.

    -1 is that of a sign, in the middle of its column.
    """
    columns = "".join(
        rf"p{{{w}\linewidth}}" if w > 0 else "c" if w else "r" for w in widths)
    body = "".join(
        " & ".join(rf"\cell {cell}" if w > 0 else cell for w, cell in zip(widths, row)) + " \\\\\n"
        for row in rows
    )
    return (
        f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{' & '.join(head)} \\\\\n"
        "\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n"
        f"{body}\\end{{longtable}}\n"
    )


def whole(title: str, version: str, body: str, fragment: bool) -> str:
    """A complete article, or its body alone with a comment on what it needs."""
    if fragment:
        cite = BIBTEX.replace("VERSION", escape(version)).replace("\n", "\n% ")
        return (
            f"% needs: {', '.join(PACKAGES)}\n"
            f"% printed by symgauge {escape(version)}; to cite it:\n"
            f"% {cite.rstrip('% ')}{ENVIRONMENTS}{body}"
        )
    return (
        f"{PREAMBLE}{ENVIRONMENTS}\\begin{{document}}\n"
        f"\\begin{{center}}\n{{\\Large {title}}}\\\\[1ex]\n"
        f"printed by symgauge {escape(version)}\n\\end{{center}}\n{body}\\end{{document}}\n"
    )


def width(text: str) -> int:
    """About how many characters of a line a formula takes."""
    text = re.sub(r"\\(operatorname|mathrm|mathfrak|mathbf|textstyle|text)\b", "", text)
    text = re.sub(r"\\[A-Za-z]+", "x", text)
    return len(re.sub(r"[{}_^\\, ]|\\,", "", text))


def display(rows: Iterable[Display], end: str = "") -> str:
    """`align*` of rows (left, then parts that start with a sign); long ones are broken at signs."""
    given = [list(row) for row in rows]
    hanging = any(width(row[0]) + width(row[1]) > WIDE for row in given)
    out = []
    for left, *right in given:
        text, total = (f"& {left}" if hanging else left), width(left)
        for k, part in enumerate(right):
            total += width(part) + 3
            if total > WIDE and (k or hanging):
                text += r" \\ & \quad " + part
                total = width(part) + 4
            else:
                text += (" " if k or hanging else " &") + part
        out.append(text)
    return "\\begin{align*}\n" + " \\\\\n".join(out) + end + "\n\\end{align*}\n"


# -- the network ---------------------------------------------------------------------------------


def network(reading: Data) -> str:
    """The network as formulas, and what their signs mean."""
    formulas = reading["formulas"]

    def rows(name: str) -> list[Display]:
        return [(left, f"= {right}") for left, right in formulas[name]]

    if not formulas["layer"]:
        text = display(rows("before"))
    else:
        first, last = formulas["labels"][0], formulas["labels"][-1]
        text = display(rows("before")) if formulas["before"] else ""
        text += f"for each layer $\\ell = {escape(first)}, \\dots, {escape(last)}$\n"
        text += display(rows("layer"))
        text += display(rows("after")) if formulas["after"] else ""
        if formulas["before"]:
            text += (
                f"In the first layer, ${formulas['before'][-1][0]}$ stands for what is read of the "
                "layer before. ")
    notes = "; ".join(formulas["notes"])
    views = "Reshapes, and the repetition of a vector along rows, are not written"
    return text + (f"Here {notes}. " if notes else "") + (
        f"{views}; numbers are printed shortened. What passes through the network is a row, or "
        "a matrix; a vector alone is added to every row.\n")


def with_symbols(text: str, symbol: Mapping[str, str]) -> str:
    """A sentence with symbols for the names of tensors that stand in it."""
    names = sorted(filter(None, symbol), key=len, reverse=True)
    either = "|".join(rf"(?<![\w.]){re.escape(n)}(?![\w\[])(?!\.\w)" for n in names)
    parts = re.split(f"({either})", text) if names else [text]
    return "".join(f"${symbol[p]}$" if k % 2 else escape(p) for k, p in enumerate(parts))


def as_formula(text: str, symbol: Mapping[str, str]) -> str:
    r"""A formula in names of tensors as mathematics; what is no formula stays a sentence.

    >>> symbol = {"q.weight": "W_{Q}", "k.weight": "W_{K}"}
    >>> print(as_formula("q.weight_0^T k.weight_0", symbol))
    $W_{Q,0}^{\top}\,W_{K,0}$
    """
    body, comma, rest = text.partition(", ")
    names = sorted(filter(None, symbol), key=len, reverse=True)
    either = "|".join(map(re.escape, names)) or "$^"

    def replaced(m: re.Match[str]) -> str:
        shown = symbol[m[1]] if m[2] is None else indexed(symbol[m[1]], m[2])
        return f"\0{raised(shown, '^{' + chr(92) + 'top}') if m[3] else shown}\0"

    marked = re.sub(rf"(?<![\w.])({either})(?:_(\d+))?(\^T)?(?![\w.\[])", replaced, body)
    pieces = marked.split("\0")
    if any(re.search(r"[A-Za-z_\[]", p) for p in pieces[::2]):
        return with_symbols(text, symbol)  # words, or a name that is no tensor's
    math = "".join(
        p if k % 2 else re.sub(r"(?<=\S) (?=\Z)|\A (?=\S)|\A \Z", r"\\,", p).replace(
            r"\,+", " +").replace(r"\,-", " -").replace(r"+\,", "+ ").replace(r"-\,", "- ")
        for k, p in enumerate(pieces))
    return f"${math}${escape(comma + rest)}"


def symbol_table(reading: Data, shapes: Shapes) -> str:
    """Each symbol with its tensor and shape; tensors of layers alike once."""
    symbol, seen, rows = reading["symbols"], {}, []
    star = "*" if reading["formulas"]["layer"] else r"\g<0>"
    for name, shape in shapes.items():
        key = NUMBER.sub(star, name)
        layered = LAYER.sub(r"^{(\\ell)}", symbol[name])
        if (key, layered) in seen:
            continue
        many = layered != symbol[name]
        seen[key, layered] = name
        size = r" \times ".join(map(str, shape)) or "1"
        rows.append([f"${layered if many else symbol[name]}$",
                     verbatim(key if many else name), f"${size}$"])
    for name, text in symbol.items():
        if name in shapes or "[" not in name:
            continue
        owner, where = name.split("[", 1)
        key = NUMBER.sub(star, owner)
        layered = LAYER.sub(r"^{(\\ell)}", text)
        if (key, layered) in seen or owner not in symbol:
            continue
        seen[key, layered] = name
        mine = LAYER.sub(r"^{(\\ell)}", symbol[owner])
        rows.append([f"${layered}$", f"the part {verbatim('[' + where)} of ${mine}$", ""])
    if len(rows) < 8 or max(len(re.sub(r"\\[a-z]+\d*|[{}]", "", r[1])) for r in rows) > 34:
        return longtable((0.16, 0.5, 0.26), ["symbol", "tensor", "shape"], rows)
    half = (len(rows) + 1) // 2
    blank = ["", "", ""]
    pairs = [[*a, *b] for a, b in zip(rows[:half], [*rows[half:], blank], strict=False)]
    head = ["symbol", "tensor", "shape"]
    return "{\\small" + longtable((0.09, 0.24, 0.1) * 2, head * 2, pairs) + "}\n"


# -- families ------------------------------------------------------------------------------------


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
    dots = 0 < len(columns) <= COLUMNS and all(moved.values())
    rows = []
    for number, count in chosen.items():
        f = families[number]
        facts = [structure(f["group"]) if f.get("group") else "",
                 str(f.get("dimension", "")) + (f" $\\times$ {count}" if count > 1 else "")]
        deed = escape(wording.deed_and_names(str(f.get("label") or "family"))[0])
        rows.append([deed, *facts, *(
            r"$\bullet$" if c in moved[number] else "" for c in columns)] if dots else [
            name_of(f, symbol, shapes), *facts])
    if not dots:
        table = longtable((0.56, 0.22, 0), ["family", "group", "dimension"], rows)
        return "{\\small" + table + "}\n"
    widths = (0.15, 0.1, 0, *[-1] * len(columns))
    head = ["family", "group", "dim", *(f"${c}$" for c in columns)]
    return "{\\small\\tabcolsep=2.5pt" + longtable(widths, head, rows) + "}\n"


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
    for number, family in enumerate(families):
        moves = [[m["parameter"], m["form"], m.get("at"), m.get("weight"), m.get("source")]
                 for m in family.get("action") or ()]
        label = "" if moves else family.get("label")
        key = json.dumps([family.get("element"), moves, label], default=str)
        via = sorted(t["parameter"] for t in family.get("via") or ())
        layers = re.sub(r"(?:(?<=[.\"])|^)\d+(?=\.)", "*", key + json.dumps(via))
        steps = (family.get("proof") or {}).get("lines") or ()
        proof = [wording.family_verdict(family), *sorted({str(step.get("op")) for step in steps})]
        groups.setdefault(layers + json.dumps(proof), []).append(number)
    return list(groups.values())


def shown(families: Sequence[Data]) -> dict[int, int]:
    """The families that stand for those of layers alike, and how many each stands for.

    The second of them where there are two: what it reads of the layer before has a number.
    """
    return {_shown(group): len(group) for group in alike(families)}


def _shown(group: Sequence[int]) -> int:
    return group[min(1, len(group) - 1)]


def all_families(
    families: Sequence[Data], shapes: Shapes, symbol: Mapping[str, str], reading: Data,
    most: int = 0,
) -> str:
    """Propositions and their proofs; of layers alike one, with the letter of a layer."""
    text = ""
    for group in alike(families):
        number, count = _shown(group), len(group)
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
