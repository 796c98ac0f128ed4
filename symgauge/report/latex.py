"""The derivation as a LaTeX article, printed from the plain data that was checked."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any, cast

from symgauge.report import wording
from symgauge.plain import PlainFamily
from symgauge.report.action import (
    Line, element_sentence, lines, slices, structure, tensor_names,
)
from symgauge.report.algebra import action_of, structure_of, summand_rows
from symgauge.report.conjugation import conjugated_lines, slice_sentence
from symgauge.report.escape import escape, math, mixed, verbatim
from symgauge.report.invariants import invariants_text, laws_text
from symgauge.report.names import Block, symbols

Data = Mapping[str, Any]
Shapes = Mapping[str, Sequence[int]]

PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{booktabs,longtable}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks[1]
\sloppy
\renewcommand{\arraystretch}{1.15}
\setlength{\LTpre}{\medskipamount}
\setlength{\LTpost}{\medskipamount}
\newcommand{\cell}{\raggedright\hyphenpenalty=10000\let\\\tabularnewline}
\newtheorem{proposition}{Proposition}
\newtheorem{candidate}[proposition]{Unproved candidate}
\newtheorem{refuted}[proposition]{Refuted candidate}
"""
_ENVIRONMENT = {"PROVED": "proposition", "UNKNOWN": "candidate", "REFUTED": "refuted"}


def longtable(
    widths: Sequence[float], head: Sequence[str], rows: Iterable[Sequence[str]], foot: str = ""
) -> str:
    """A longtable, its head on every page; widths are fractions of the line, 0 is a number's."""
    columns = "".join(rf"p{{{w}\linewidth}}" if w else "r" for w in widths)
    body = "".join(
        " & ".join(rf"\cell {cell}" if w else cell for w, cell in zip(widths, row)) + " \\\\\n"
        for row in rows
    )
    return (
        f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\toprule\n{' & '.join(head)} \\\\\n"
        "\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n"
        f"{body}{foot}\\end{{longtable}}\n"
    )


def _shape(shape: Sequence[int]) -> str:
    product = r" \times ".join(map(str, shape))
    return f"${product or '1'}$"


def _network(derivation: Data, shapes: Shapes, symbol: Mapping[str, str]) -> str:
    rows, blocks = [], [b for b in map(Block.parse, symbol) if b and b.parameter in shapes]
    for name, shape in shapes.items():
        rows.append([f"${symbol[name]}$", verbatim(name), _shape(shape), str(prod(shape))])
        for block in blocks:
            if block.parameter == name:
                part = [*shape]
                part[block.axis] = block.stop - block.start
                write = f"${symbol[str(block)]}$", f"= {verbatim(str(block))}", _shape(part), ""
                rows.append([*write])
    total = sum(map(prod, shapes.values()))
    text = "\\section{The network}\n"
    facts = [f"Observable: {escape(wording.observable(derivation))}."]
    if derivation.get("target"):
        facts.insert(0, f"Target: {verbatim(str(derivation['target']))}.")
    if derivation.get("sizes"):
        facts.append(f"Sizes: {escape(wording.sizes_text(derivation['sizes']))}.")
    if derivation.get("full_sizes"):
        facts.append(f"Full sizes: {escape(wording.sizes_text(derivation['full_sizes']))}.")
    facts.append("Its tensors, and the symbols they have below:" if shapes else "")
    text += "\n".join(facts) + "\n"
    if shapes:
        text += longtable(
            (0.14, 0.48, 0.2, 0),
            ["symbol", "tensor", "shape", "count"],
            rows,
            f"\\midrule\n & total & & {total} \\\\\n",
        )
    nodes = wording.program_lines(derivation)
    if nodes:
        text += longtable(
            (0, 0.2, 0.16, 0.4, 0.12),
            ["", "node", "operation", "formula", "shape"],
            (
                [
                    str(i),
                    verbatim(node.get("name", "")),
                    verbatim(node.get("op", "")),
                    math(str(node["latex"])) if node.get("latex") else "",
                    _shape(node.get("shape") or ()),
                ]
                for i, node in enumerate(nodes, 1)
            ),
        )
    return text


def _result(derivation: Data) -> str:
    certified = wording.verdict_name(derivation["verdict"]) == "PROVED"
    k = derivation["redundancy"]
    value = derivation.get("algebra")
    dimension = value.get("dimension") if isinstance(value, Mapping) else None
    algebra = structure(wording.algebra(derivation))
    stabiliser = wording.stabiliser(derivation)
    if stabiliser:
        algebra += f", {stabiliser}"
    elif dimension is not None and "dimension" not in algebra:
        algebra += f", dimension {dimension}"
    left = wording.condition(derivation)
    rank = "the rank on the cell" if wording.on_cell(derivation) else "the generic rank"
    rank_note = rank if certified else f"a lower bound on {rank}{left}"
    rows = [
        ["parameters $P$", str(derivation["parameters"])],
        ["unread coordinates, not in $P$", escape(wording.unread(derivation))],
        [r"$\operatorname{rank} J(\theta_0)$", f"{derivation['rank']} ({rank_note})"],
        [r"redundancy $P - r$", f"${k}$" if certified else rf"$\le {k}${left}"],
        [
            r"$\operatorname{rank} G(\theta_0)$",
            f"{derivation['orbit_dimension']} (orbit dimension)",
        ],
        ["unexplained", wording.bounded(derivation, "unexplained", "at most ")],
        ["for all sizes", escape(wording.structural(derivation))],
        ["sandwich closed", "yes" if derivation["closed"] else "no"],
        ["algebra of the families", algebra],
        *([label, escape(text)] for label, text in (
            ("its structure", structure_of(derivation)), ("its action", action_of(derivation)),
            ("invariants", invariants_text(derivation)), ("conserved", laws_text(derivation)),
        ) if text),
        ["verdict", rf"\textsc{{{wording.verdict_name(derivation['verdict']).lower()}}}"],
        ["scope", escape(wording.scope(derivation))],
    ]
    words = "; ".join(rf"\emph{{{w.lower()}}}: {meaning}" for w, meaning in wording.WORDS)
    return (
        "\\section{The result}\n"
        + "".join(f"{escape(said[:1].upper() + said[1:])}.\n" for said in wording.about(derivation))
        + f"{escape(wording.claim(derivation))}\\footnote{{Words used here. {words}. "
        "A \\emph{generic} point is one off a proper analytic subset.}\n"
        + longtable((0.36, 0.58), ["quantity", "value"], rows)
        + _summands(derivation)
    )


def _summands(derivation: Data) -> str:
    """The direct summands of the algebra, each with the tensors that it moves."""
    rows = summand_rows(derivation)
    return "" if not rows else longtable(
        (0.3, 0, 0.34, 0.24), ["direct summand", "dim", "moves", "shown"],
        ([structure(r.name), str(r.dimension), ", ".join(map(verbatim, r.tensors)),
          escape(r.shown)] for r in rows))


def _aligned(line: Line) -> str:
    """A row of `align*`, its columns set at the arrow, the equals sign and the place."""
    finite = line.finite.replace(r"\mapsto", r"&\mapsto", 1)
    return f"{finite} & {line.infinitesimal.replace('=', '&=', 1)} & &{line.place}"


def _family(
    number: int, family: Data, derivation: Data, shapes: Shapes, symbol: Mapping[str, str]
) -> str:
    verdict = wording.family_verdict(family)
    environment = _ENVIRONMENT[verdict]
    label = escape(family.get("label") or f"family {number}")
    # not the optional argument: its line would not break
    text = f"\\begin{{{environment}}}\\normalfont\n\\textbf{{({label}).}}\n"
    acting = cast(PlainFamily, family)
    text += element_sentence(acting) + slice_sentence(acting, symbol)
    write = conjugated_lines if slices(acting) else lines
    action = write(acting, shapes, symbol)
    claim = {
        "PROVED": "leaves the network's function unchanged",
        "UNKNOWN": "is not proved to leave the network's function unchanged",
        "REFUTED": "does not leave the network's function unchanged",
    }[verdict]
    if action:
        rows = " \\\\\n".join(map(_aligned, action))
        text += f",\n\\begin{{align*}}\n{rows}\n\\end{{align*}}\n"
        text += f"{claim}. "
    else:
        text += f". The family {claim} to first order.\n\n"
        for formula in family.get("formula") or ():
            text += f"{verbatim(formula)}\\\\\n"
    text += _family_facts(family)
    text += f"\\end{{{environment}}}\n"
    return text + _family_proof(family.get("proof") or {}, verdict)


def _family_facts(family: Data) -> str:
    """Dimension, group, tensors, and the size of the element at the full sizes."""
    group, algebra = family.get("group"), family.get("algebra")
    facts = [f"Dimension {family.get('dimension', 'not given')}"]
    facts += [f"group {structure(group)}"] if group else []
    facts += [f"algebra {structure(algebra)}"] if algebra else []
    tensors = dict.fromkeys(family.get("tensors") or ())
    text = ", ".join(facts) + ".\n" + f"Tensors: {', '.join(map(verbatim, tensors))}.\n"
    full = family.get("full")
    if not full:
        return text
    element = full.get("element") or {}
    copies, size = list(element.get("copies") or ()), element.get("size")
    each = f"size {escape(str(size))}"
    each = f"{prod(copies)} copies at {each}" if copies else each
    return text + (
        f"At the full sizes the same family has {each}; the proof below is at the small sizes, "
        "and the generated check is what tests the full ones.\n"
    )


def _family_proof(proof: Data, verdict: str) -> str:
    """The method, and a line for each node."""
    heading = {"PROVED": "Proof", "UNKNOWN": "Not proved", "REFUTED": "Refuted"}[verdict]
    method = mixed(str(proof.get("method") or "no method given"))
    text = f"\\noindent\\emph{{{heading}.}} Method: {method}.\n"
    if proof.get("lines"):
        text += longtable(
            (0.24, 0.33, 0.36),
            ["node", "operation", "variation"],
            (
                [
                    verbatim(line.get("node", "")),
                    math(str(line["latex"])) if line.get("latex") else verbatim(line.get("op", "")),
                    mixed(str(line.get("variation", ""))),
                ]
                for line in proof["lines"]
            ),
        )
    return text + ("\\hfill$\\square$\n\n" if verdict == "PROVED" else "")


def _families(derivation: Data, shapes: Shapes, symbol: Mapping[str, str]) -> str:
    families = derivation["generators"]
    text = "\\section{The families of generators}\n"
    if not families:
        return text + "No generator was found.\n"
    text += (
        "Each line gives the finite action, its generator, and the axis on which the element's "
        "index sits. $X^{(h)}$ is the slice of $X$ at index $h$ of that axis, split as shown "
        "($h = (h_1, h_2, \\dots)$ where several factors number the copies); "
        "$i$ is the index that the element acts on, $r$ one along which it is repeated. "
        r"$(X \times_a g)_{\ldots i \ldots} = \sum_j g_{ij} X_{\ldots j \ldots}$ along axis $a$."
        "\n\n"
    )
    return text + "".join(
        _family(i, family, derivation, shapes, symbol) for i, family in enumerate(families, 1)
    )


def _certificate(derivation: Data) -> str:
    rank, orbit = derivation["rank"], derivation["orbit_dimension"]
    total = derivation["parameters"]
    hypotheses = wording.statements(derivation.get("hypotheses"))
    relation = "=" if rank + orbit == total else "<"
    cell = wording.on_cell(derivation)
    rank_name = (
        r"largest rank on the cell of $\theta_0$ (where every branch is taken as at $\theta_0$)"
        if cell else "generic rank"
    )
    if wording.on_component(derivation):
        rank_name += (
            r" on the component of $\theta_0$ (connected, where roots and logarithms are analytic)"
        )
    text = (
        "\\section{The certificate}\n"
        f"$J$ is the Jacobian of the outputs by the parameters, $r$ its {rank_name}, and $G$ "
        "has the proved generators as rows; $\\theta_0$ is one exact point. A rank at a point "
        "only ever falls, and the proved generators lie in the kernel of $J$ everywhere, so\n"
        "\\begin{equation*}\n\\operatorname{rank} J(\\theta_0) \\le r \\le "
        "P - \\operatorname{rank} G(\\theta_0),\n\\end{equation*}\nand here\n"
        "\\begin{equation*}\n\\operatorname{rank} J(\\theta_0) + \\operatorname{rank} G(\\theta_0) "
        f"= {rank} + {orbit} = {rank + orbit} {relation} "
        f"{f'{total} = P' if relation == '<' else 'P'}.\n\\end{{equation*}}\n"
    )
    text += _bounds(derivation)
    if hypotheses:
        text += "Hypotheses not discharged:\n\\begin{itemize}\n"
        text += "".join(f"\\item {mixed(item)}\n" for item in hypotheses) + "\\end{itemize}\n"
    else:
        text += "No hypothesis is left undischarged.\n"
    text += f"Scope: {escape(wording.scope(derivation))}.\n"
    return text + _record(derivation)


def _bounds(derivation: Data) -> str:
    """What follows from the two bounds."""
    if wording.verdict_name(derivation["verdict"]) == "PROVED":
        cell = wording.on_cell(derivation)
        where = "on that cell, off a proper analytic subset" if cell else "generically"
        where += " there" if wording.on_component(derivation) else ""
        return f"The two bounds meet: the proved generators span the kernel of $J$ {where}.\n"
    if derivation["closed"]:
        return (
            "The two numbers meet, but what they rest on is not all proved: this is not a proof "
            "that nothing is missing.\n"
        )
    left = derivation["parameters"] - derivation["rank"]
    return (
        f"The bounds do not meet: $P - r \\le {left}$, of which at most "
        f"{derivation['unexplained']} unexplained{wording.condition(derivation)}.\n"
    )


def _record(derivation: Data) -> str:
    """The seed, the digest, versions and times."""
    certificate = derivation.get("certificate") or {}
    rows = [["seed", verbatim(derivation.get("seed", "not given"))]]
    rows += [["digest", verbatim(certificate["digest"])]] if certificate.get("digest") else []
    versions, seconds = derivation.get("versions") or {}, derivation.get("seconds") or {}
    rows += [[escape(name), verbatim(version)] for name, version in versions.items()]
    rows += [[f"seconds: {escape(stage)}", f"{float(s):.2f}"] for stage, s in seconds.items()]
    return longtable((0.24, 0.68), ["record", "value"], rows)


def _discrete(derivation: Data) -> str:
    elements = derivation.get("discrete") or ()
    if not elements:
        return ""
    rows = []
    for element in elements:
        entry = element if isinstance(element, Mapping) else {"label": element}
        # a finite set of elements found: no word stronger than these two is printed
        status = str(entry.get("status", "")).lower()
        status = status if status in ("checked", "proved") else "not checked"
        formula = entry.get("formula") or ""
        formula = "; ".join(map(str, formula)) if not isinstance(formula, str) else formula
        shown = verbatim(formula) if formula else ""
        rows.append([escape(wording.statement(entry)), shown, status])
    return (
        "\\section{Discrete elements}\n"
        "Elements of the gauge group that are not connected to the identity, as far as they were "
        "looked for; the list is not claimed to be exhaustive.\n"
        + longtable((0.36, 0.42, 0.14), ["element", "action", "status"], rows)
    )


def document(derivation: Data) -> str:
    """A complete article for pdflatex, in ASCII, from the plain data of `derivation.json`.

    Raises InconsistentError where the data contradicts itself: a contradiction is not printed.
    """
    wording.require_consistent(derivation)
    shapes, families = wording.parameter_shapes(derivation), derivation["generators"]
    named = [*shapes, *tensor_names(families, shapes)]
    symbol = symbols(named, shapes)
    name = str(derivation["name"])
    version = (derivation.get("versions") or {}).get("symgauge", "")
    return (
        PREAMBLE
        + f"\\title{{Gauge symmetries of {verbatim(name)}}}\n"
        + f"\\author{{printed by symgauge {escape(version)}}}\n\\date{{}}\n"
        + "\\begin{document}\n\\maketitle\n"
        + _result(derivation)
        + _network(derivation, shapes, symbol)
        + _families(derivation, shapes, symbol)
        + _certificate(derivation)
        + _discrete(derivation)
        + "\\end{document}\n"
    )
