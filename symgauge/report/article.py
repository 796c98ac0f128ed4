"""Pieces of the LaTeX article that derivations of small and of full sizes share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symgauge.typesetting.escape import escape, verbatim
from symgauge.report.names import LAYER, NUMBER

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
\renewcommand{\arraystretch}{1.0}
\AtBeginDocument{\abovedisplayskip=2pt plus 2pt \belowdisplayskip=2pt plus 2pt
  \abovedisplayshortskip=1pt plus 1pt \belowdisplayshortskip=2pt plus 2pt \jot=1pt}
\setlength{\LTpre}{\smallskipamount}
\setlength{\LTpost}{\smallskipamount}
\makeatletter
\renewcommand{\section}{\@startsection{section}{1}{0pt}{-1.5ex plus -1ex}{0.6ex}%
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
        f"\\begin{{center}}\n{{\\Large {title}}}\\\\[0.5ex]\n"
        f"\\small printed by symgauge {escape(version)}\n\\end{{center}}\n{body}\\end{{document}}\n"
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
