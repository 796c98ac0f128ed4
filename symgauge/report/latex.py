"""The derivation as a LaTeX article, printed from the plain data that was checked.

With a `reading` (symbols, formulas, proofs in equations: `formulas.reading`) it is a document as a
person writes it, the machine's tables in an appendix where they are asked for; without one, tables.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from symgauge.typesetting.blocks import Summand, blocks
from symgauge.typesetting.growth import growth
from symgauge.invariants.balance import SAID, balance_rows
from symgauge.report import wording
from symgauge.report.action import structure, tensor_name, tensor_names
from symgauge.report.algebra import action_of, structure_of, summand_rows
from symgauge.report.article import Data, Shapes, longtable, network, symbol_table, whole
from symgauge.typesetting.drawing import Drawing
from symgauge.typesetting.escape import escape, math, mixed, verbatim
from symgauge.report.functions import as_formula, with_symbols
from symgauge.report.invariants import (
    invariant_rows, invariants_text, law_rows, laws_text,
)
from symgauge.report.listed import name_of, shown, table_of_families
from symgauge.report.names import Block, symbols
from symgauge.report.propositions import all_families


#: Invariants, and laws, that are printed.
MOST = 10


def _shape(shape: Iterable[int]) -> str:
    product = r" \times ".join(map(str, shape))
    return f"${product or '1'}$"


def _network(derivation: Data, shapes: Shapes, symbol: Mapping[str, str]) -> str:
    facts = [f"Observable: {escape(wording.observable(derivation))}."]
    facts += [f"{escape(said[:1].upper() + said[1:])}." for said in wording.about(derivation)]
    if derivation.get("target"):
        facts.insert(0, f"Target: {verbatim(str(derivation['target']))}.")
    if derivation.get("sizes"):
        facts.append(f"Sizes: {escape(wording.sizes_text(derivation['sizes']))}.")
    if derivation.get("full_sizes"):
        facts.append(f"Full sizes: {escape(wording.sizes_text(derivation['full_sizes']))}.")
    text = "\\section{The network}\n" + "\n".join(facts) + "\n"
    reading = derivation.get("reading")
    if reading:
        return text + network(reading) + symbol_table(reading, shapes)
    if shapes:
        rows = [[f"${symbol[n]}$", verbatim(n), _shape(s)] for n, s in shapes.items()]
        blocks = [b for b in map(Block.parse, symbol) if b and b.parameter in shapes]
        rows += [[f"${symbol[str(b)]}$", f"= {verbatim(str(b))}", ""] for b in blocks]
        text += longtable((0.16, 0.5, 0.26), ["symbol", "tensor", "shape"], rows)
    return text + _program(derivation)


def _program(derivation: Data) -> str:
    """The program, line by line."""
    nodes = wording.program_lines(derivation)
    if not nodes:
        return ""
    return longtable(
        (0, 0.2, 0.16, 0.4, 0.12), ["", "node", "operation", "formula", "shape"],
        ([str(i), verbatim(node.get("name", "")), verbatim(node.get("op", "")),
          math(str(node["latex"])) if node.get("latex") else "", _shape(node.get("shape") or ())]
         for i, node in enumerate(nodes, 1)),
    )


def _result(derivation: Data, shapes: Shapes, symbol: Mapping[str, str]) -> str:
    """The theorem: what is claimed, and the families it is about."""
    claim = escape(wording.claim(derivation))
    words = "; ".join(rf"\emph{{{w.lower()}}}: {meaning}" for w, meaning in wording.WORDS)
    note = (f"\\footnote{{Words used here. {words}. A \\emph{{generic}} point is one off a proper "
            "analytic subset.}")
    families = derivation["generators"]
    algebra = structure(wording.algebra(derivation))
    stabiliser = wording.stabiliser(derivation)
    algebra += f", {escape(stabiliser)}" if stabiliser else ""
    text = "\\section{The result}\n"
    # a name is what it is; a dimension is what it has
    verb = "has" if algebra.startswith("dimension") else "is"
    named = f"The algebra of the families {verb} {algebra}. " if families else ""
    if wording.verdict_name(derivation["verdict"]) == "PROVED":
        text += f"\\begin{{theorem}}\\normalfont {claim}{note}\n{named}\\end{{theorem}}\n"
    else:
        text += f"\\noindent {claim}{note}\n{named}\n"
    verdict = wording.verdict_name(derivation["verdict"]).lower()
    text += (
        f"For all sizes: {escape(wording.structural(derivation))}. Unread coordinates, not in "
        f"$P$: {escape(wording.unread(derivation))}. Verdict: \\textsc{{{verdict}}}.\n")
    if not families:
        return text
    layered = bool((derivation.get("reading") or {}).get("formulas", {}).get("layer"))
    return text + table_of_families(families, shapes, symbol, layered)


def _families(derivation: Data, shapes: Shapes, symbol: Mapping[str, str]) -> str:
    families = derivation["generators"]
    text = "\\section{The families of generators}\n"
    if not families:
        return text + "No generator was found.\n"
    said = all_families(families, shapes, symbol, derivation.get("reading") or {})
    return text + (
        "Each line gives the finite action and its generator; below it stands what the lines of "
        "the network become, no other line varies. An index $h$ is that of a slice along "
        "the axis of copies (heads), $\\ell$ the number of a layer, $m$ that of a later line"
        + (r"; $(X \times_a g)_{\ldots i \ldots} = \sum_j g_{ij} X_{\ldots j \ldots}$ along axis "
           "$a$" if r"\times_" in said else "")
        + f". Vectors $\\mathbf{{1}}$ have entries 1; $u$ is any vector.\n\n{said}"
    )


def _algebra(derivation: Data, symbol: Mapping[str, str]) -> str:
    """What the algebra is, and the tensors of each summand."""
    rows = summand_rows(derivation)
    said = [text for text in (structure_of(derivation), action_of(derivation)) if text]
    if not rows and not said:
        return ""
    text = "\\section{The algebra}\n" + " ".join(
        f"{escape(s[:1].upper() + s[1:])}." for s in said) + "\n"
    if not rows:
        return text
    known = list(dict.fromkeys(r.shown for r in rows))
    text += "How a summand is known: " + "; ".join(
        f"({'abcde'[k]}) {escape(shown)}" for k, shown in enumerate(known)) + ".\n"
    return text + "{\\small" + longtable(
        (0, 0.38, 0, 0.4, 0), ["", "direct summand", "dim", "moves", "known"],
        ([f"({k})", structure(r.name), str(r.dimension), ", ".join(
            f"${symbol[t]}$" if t in symbol else verbatim(t) for t in r.tensors),
          f"({'abcde'[known.index(r.shown)]})"] for k, r in enumerate(rows, 1))
    ) + "}\n"


def _kept(derivation: Data, symbol: Mapping[str, str]) -> str:
    """Invariants, and what gradient flow conserves."""
    text, kept, laws = "", invariant_rows(derivation), law_rows(derivation)
    said = invariants_text(derivation)
    if said:
        text += f"\\section{{Invariants and laws}}\nInvariants: {escape(said)}.\n"
    if kept:
        text += "{\\small" + longtable(
            (0.7, 0), ["invariant", "entries"],
            ([as_formula(f, symbol), str(n)] for f, n in kept[:MOST])) + "}\n"
        text += f"and {len(kept) - MOST} more (in the record).\n" if len(kept) > MOST else ""
    if laws:
        text += f"\n{escape(laws_text(derivation))}.\n" + "{\\small" + longtable(
            (0.7, 0, 0.17), ["conserved by gradient flow", "laws", "with weight decay"],
            ([_law(f, symbol), str(n), _decay(decay)] for f, n, decay in laws[:MOST])) + "}\n"
        text += f"and {len(laws) - MOST} more (in the record).\n" if len(laws) > MOST else ""
    return text + _balance(derivation, symbol)


def _balance(derivation: Data, symbol: Mapping[str, str]) -> str:
    """Where weight decay comes to rest on an orbit, and what optimisers do not see."""
    families, shapes = derivation["generators"], wording.parameter_shapes(derivation)
    chosen = shown(families)
    rows = [(name_of(families[k], symbol, shapes), b)
            for k, b in balance_rows(families, shapes, partial(tensor_name, shapes=shapes))
            if k in chosen]
    if not rows:
        return ""
    table = longtable(
        (0.3, 0.36, 0.1, 0.14), ["family", "least norm", "SGD", "Adam"],
        ([name, as_formula(b.least, symbol) if b.least else "",
          *(structure(g) if g else "" for g in (b.sgd, b.adam))] for name, b in rows))
    return f"\n{mixed(SAID)}.\n{{\\small{table}}}\n"


def _decay(text: str) -> str:
    """exp(-2 lambda t) as mathematics."""
    power = re.fullmatch(r"exp\((-\d*) ?lambda t\)", text)
    return rf"$e^{{{power[1]}\lambda t}}$" if power else escape(text)


def _law(formula: str, symbol: Mapping[str, str]) -> str:
    """A conserved quantity; that of generators without a short form as the quadratic form it is."""
    head, general, rest = formula.partition("theta^T S theta")
    if head or not general:
        return as_formula(formula, symbol)
    rest = rest.replace("2 c . theta", r"$2\,c \cdot \theta$").replace(
        "S theta + c", r"$S\,\theta + c$")
    return rf"$\theta^{{\top}} S\,\theta$ {mixed(rest.strip())}"


def _certificate(derivation: Data) -> str:
    more = wording.by_minors(derivation)
    rank, orbit = derivation["rank"], derivation["orbit_dimension"] + more
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
        "has the proved generators as rows" + (
            f", and with them fields by minors, which add {more} directions (below)"
            if more else "") + "; $\\theta_0$ is one exact point. A rank at a point "
        "only ever falls, and the proved generators lie in the kernel of $J$ everywhere, so\n"
        "\\begin{equation*}\n\\operatorname{rank} J(\\theta_0) \\le r \\le "
        "P - \\operatorname{rank} G(\\theta_0),\\qquad "
        "\\operatorname{rank} J(\\theta_0) + \\operatorname{rank} G(\\theta_0) "
        f"= {rank} + {orbit} = {rank + orbit} {relation} "
        f"{f'{total} = P' if relation == '<' else 'P'}.\n\\end{{equation*}}\n"
    )
    text += _bounds(derivation)
    if more:
        text += "".join(f"By minors: {mixed(said)}.\n" for said in derivation["shown"]
                        if "minors of order" in said)
    if hypotheses:
        text += "Hypotheses not discharged:\n\\begin{itemize}\n"
        text += "".join(f"\\item {mixed(item)}\n" for item in hypotheses) + "\\end{itemize}\n"
    else:
        text += "No hypothesis is left undischarged.\n"
    text += f"Scope: {escape(wording.scope(derivation))}.\n"
    return text + _record(derivation) + _figure(derivation)


def drawings(derivation: Data) -> list[tuple[Drawing, str]]:
    """How rank J grows with the rows, and the blocks of the algebra, each with what it shows.

    Of a derivation.json; none where there is nothing to draw, or no room for it.
    """
    found = []
    pivots, rows = derivation.get("growth") or ((), 0)
    if rows and len(pivots) == derivation["rank"]:
        found.append((
            growth(pivots, rows, derivation["parameters"], derivation["orbit_dimension"],
                   wording.by_minors(derivation)),
            "rank $J$, modulo a prime, row by row"))
    summands = [Summand(s.one, s.copies, s.dimension // s.copies) for s in summand_rows(derivation)]
    value = derivation.get("algebra") or {}
    if summands and value.get("radical") is not None and value.get("closed"):
        square = blocks(summands, value["dimension"] - value["radical"])
        if square is not None:
            found.append((
                square, "the direct summands, numbered as below, their simple parts filled"))
    return found


def _figure(derivation: Data) -> str:
    found = drawings(derivation)
    if not found:
        return ""
    caption = "; ".join(said for _, said in found)
    pictures = "\n\\qquad\n".join(d.latex() for d, _ in found)
    return ("\\begin{center}\\setlength{\\unitlength}{1mm}\n" + pictures
            + f"\\par\\smallskip{{\\small {caption[:1].upper()}{caption[1:]}.}}\n\\end{{center}}\n")


def _bounds(derivation: Data) -> str:
    """What follows from the two bounds."""
    if wording.verdict_name(derivation["verdict"]) == "PROVED":
        cell = wording.on_cell(derivation)
        where = "on that cell, off a proper analytic subset" if cell else "generically"
        where += " there" if wording.on_component(derivation) else ""
        who = "generators" + " and fields by minors" * bool(wording.by_minors(derivation))
        return f"The two bounds meet: the proved {who} span the kernel of $J$ {where}.\n"
    left, condition = derivation["parameters"] - derivation["rank"], wording.condition(derivation)
    bound = f"The redundancy $P - r$ is $\\le {left}${condition}"
    if derivation["closed"]:
        return (
            f"{bound}. The two numbers meet, but what they rest on is not all proved: this is not "
            "a proof that nothing is missing.\n"
        )
    return (
        f"The bounds do not meet. {bound}, of which at most {derivation['unexplained']} "
        f"unexplained{condition}.\n"
    )


def _record(derivation: Data) -> str:
    """The seed, the digest and the versions, in a sentence."""
    certificate = derivation.get("certificate") or {}
    facts = [f"seed {verbatim(derivation.get('seed', 'not given'))}"]
    facts += [f"digest {verbatim(certificate['digest'])}"] if certificate.get("digest") else []
    facts += [f"{escape(name)} {escape(version)}"
              for name, version in (derivation.get("versions") or {}).items()]
    return f"\\par\\smallskip{{\\small\\noindent Record: {', '.join(facts)}.\\par}}\n"


def _discrete(derivation: Data, symbol: Mapping[str, str]) -> str:
    elements = [*(derivation.get("discrete") or ()), *(
        {**e, "status": "proved"} for e in derivation.get("with_buffers") or ())]
    if not elements:
        return ""
    rows = []
    for element in elements:
        entry = element if isinstance(element, Mapping) else {"label": element}
        # a finite set of elements found: no word stronger than these two is printed
        status = str(entry.get("status", "")).lower()
        status = status if status in ("checked", "proved") else "not checked"
        group = entry.get("group")
        rows.append([
            with_symbols(wording.statement(entry), symbol), structure(str(group)) if group else "",
            status])
    return (
        "\\section{Discrete elements}\n"
        "Elements of the gauge group that are not connected to the identity, as far as they were "
        "looked for; the list is not claimed to be exhaustive.\n"
        + "{\\small" + longtable((0.68, 0.12, 0.1), ["element", "group", "status"], rows) + "}\n"
    )


def _appendix(derivation: Data) -> str:
    """The machine's tables: the program, and each family's proof line by line."""
    text = "\\appendix\n\\section{The program}\n" + _program(derivation)
    text += "\\section{Proof tables}\n"
    for number, family in enumerate(derivation["generators"], 1):
        proof = family.get("proof") or {}
        method = mixed(str(proof.get("method") or "no method given"))
        text += f"\\noindent Family {number}, {escape(family.get('label', ''))}. {method}.\n"
        if proof.get("lines"):
            text += longtable(
                (0.24, 0.33, 0.36), ["node", "operation", "variation"],
                ([verbatim(line.get("node", "")),
                  math(str(line["latex"])) if line.get("latex") else verbatim(line.get("op", "")),
                  mixed(str(line.get("variation", "")))] for line in proof["lines"]),
            )
    return text


def document(
    derivation: Mapping[str, Any], fragment: bool = False, appendix: bool = False
) -> str:
    """A complete article for pdflatex, in ASCII, from the plain data of `derivation.json`.

    `fragment`: the body alone, to paste into a paper. `appendix`: with the machine's tables. Raises
    InconsistentError where the data contradicts itself: a contradiction is not printed.
    """
    wording.require_consistent(derivation)
    shapes, families = wording.parameter_shapes(derivation), derivation["generators"]
    named = [*shapes, *tensor_names(families, shapes)]
    reading = derivation.get("reading") or {}
    symbol = symbols(named, shapes) | dict(reading.get("symbols", {}))
    name = str(derivation["name"])
    version = str((derivation.get("versions") or {}).get("symgauge", ""))
    body = (
        _result(derivation, shapes, symbol)
        + _network(derivation, shapes, symbol)
        + _families(derivation, shapes, symbol)
        + _certificate(derivation)
        + _algebra(derivation, symbol)
        + _kept(derivation, symbol)
        + _discrete(derivation, symbol)
        + (_appendix(derivation) if appendix else "")
    )
    return whole(f"Gauge symmetries of {verbatim(name)}", version, body, fragment)
