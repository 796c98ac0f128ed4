"""Theorems as one LaTeX article, printed from the objects that were decided."""

from __future__ import annotations

import re
from collections.abc import Sequence

from symgauge.typesetting.escape import escape
from symgauge.theorem.theorem import Decision, Result, Step
from symgauge.verdict import Verdict

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{booktabs,longtable}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks[1]
\sloppy
\setcounter{secnumdepth}{0}
\newcommand{\verdict}[1]{\textsc{#1}}
"""
#: Characters of a formula that fill a line, counted without commands and braces.
_WIDTH = 62
_MATRIX = re.compile(r"\\begin\{\w*matrix\}(.*?)\\end\{\w*matrix\}")


def _width(latex: str) -> int:
    """The rough number of characters that a formula prints."""
    # of a matrix, its longest row
    latex = _MATRIX.sub(lambda m: max(m[1].split(r"\\"), key=len), latex)
    plain = re.sub(r"\\(?:left|right|top|mathbb|operatorname|text)\b", "", latex)
    return len(re.sub(r"[{}^_\s]", "", re.sub(r"\\[A-Za-z]+", "x", plain)))


_TOKEN = re.compile(r"(\\left\b|\\right\b|\\begin\{\w+\*?\}|\\end\{\w+\*?\}|[{}()]| (?=[+-] ))")


def _terms(formula: str) -> list[str]:
    """The formula cut before each sign that stands outside brackets and braces."""
    terms, depth = [""], 0
    for token in _TOKEN.split(formula):
        depth += token in ("{", "(", r"\left") or token.startswith(r"\begin{")
        depth -= token in ("}", ")", r"\right") or token.startswith(r"\end{")
        if token == " " and depth == 0:
            terms.append("")
        else:
            terms[-1] += token
    return terms


def _broken(formula: str) -> list[str]:
    """The formula in rows that fit a line, as far as it has signs to break at."""
    rows: list[str] = []
    for term in _terms(formula):
        if rows and _width(rows[-1]) + _width(term) <= _WIDTH:
            rows[-1] += f" {term}"
        else:
            rows.append(rf"\qquad {term}" if rows else term)
    return rows


def _display(formulas: Sequence[str]) -> str:
    rows: list[str] = []
    for formula in formulas:
        left, sign, right = formula, "", ""
        breakable = not formula.startswith((r"\text{where", r"\text{at"))
        for relation in (" = ", r" \ne "):
            if not sign and breakable and _width(formula) > _WIDTH:
                left, sign, right = formula.partition(relation)
        if sign:
            rows += [*_broken(left), *_broken(rf"\qquad {sign.strip()} {right}")]
        else:
            rows.append(formula)
    body = " \\\\\n".join(rows)
    return f"\\begin{{gather*}}\n{body}\n\\end{{gather*}}\n"


def _step(step: Step, decision: Decision) -> str:
    label = "must fail" if step.must_fail else ""
    text = f"\\item \\textbf{{{escape(step.name)}.}}"
    text += f" \\emph{{({label})}}" if label else ""
    text += f" {step.note}\n" if step.note else "\n"
    text += _display(step.formulas())
    facts = [f"Method: {escape(step.method)}"]
    facts += [f"scope: {escape(step.scope)}"] if step.scope else []
    facts += [escape(decision.evidence)] if decision.evidence else []
    outcome = f"\\verdict{{{str(decision.verdict).lower()}}}"
    if step.must_fail and decision.verdict is Verdict.PROVED:
        outcome += ": the identity is refuted"
    return text + f"{'; '.join(facts)}. {outcome}.\n"


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return f"\\paragraph{{{title}.}} None.\n"
    rows = "".join(f"\\item {item}\n" for item in items)
    return f"\\paragraph{{{title}.}}\n\\begin{{itemize}}\n{rows}\\end{{itemize}}\n"


def section(result: Result) -> str:
    """One theorem: statement, hypotheses, premises, scope, steps with verdicts, conclusion."""
    theorem = result.theorem
    premises = [f"\\emph{{{escape(p.name)}}}: {p.statement}" for p in theorem.premises]
    steps = "".join(map(_step, theorem.steps, result.decisions))
    return (
        f"\\section{{{escape(theorem.claim)}. {escape(theorem.title)}}}\n"
        f"\\paragraph{{Statement.}} {theorem.statement}\n"
        + _list("Hypotheses", theorem.hypotheses)
        + _list("Named premises, used and not proved here", premises)
        + f"\\paragraph{{Scope.}} {theorem.scope}\n"
        + (f"\\paragraph{{Steps.}}\n\\begin{{enumerate}}\n{steps}\\end{{enumerate}}\n"
           if steps else "\\paragraph{Steps.} None.\n")
        + f"\\paragraph{{Conclusion.}} {theorem.conclusion}\n"
        + f"Verdict: \\verdict{{{str(result.verdict).lower()}}}.\n"
    )


def document(results: Sequence[Result]) -> str:
    """A complete article for pdflatex, with a table of the verdicts first."""
    rows = "".join(
        f"{escape(r.theorem.claim)} & {escape(r.theorem.title)} & {len(r.decisions)} & "
        f"{sum(s.must_fail for s in r.theorem.steps)} & "
        f"\\verdict{{{str(r.verdict).lower()}}} \\\\\n"
        for r in results
    )
    table = (
        "\\begin{longtable}{@{}lp{0.5\\linewidth}rrl@{}}\n\\toprule\n"
        "claim & & steps & must fail & verdict \\\\\n\\midrule\n\\endhead\n\\bottomrule\n"
        f"\\endfoot\n{rows}\\end{{longtable}}\n"
    )
    words = (
        "\\noindent Each step is an identity that a program decided exactly: \\verdict{proved} and "
        "\\verdict{refuted} are decisions, \\verdict{unknown} is neither. A step marked "
        "\\emph{must fail} asserts that an identity does not hold, and its proof is a "
        "counterexample. A theorem is \\verdict{proved} when all of its steps are; it rests on "
        "the named premises. How the steps give the statement is said in the conclusion.\n"
    )
    return (
        _PREAMBLE
        + "\\title{Theorems on the gauge symmetries of neural networks}\n"
        + "\\author{printed by symgauge}\n\\date{}\n"
        + "\\begin{document}\n\\maketitle\n"
        + table + words
        + "".join(map(section, results))
        + "\\end{document}\n"
    )
