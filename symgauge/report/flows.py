r"""The flow of a generator without a known form, as its statement has it, in LaTeX.

:math:`(W_Q)_{0j} \mapsto (W_Q)_{0j} + t\,(W_Q)_{1j}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from symgauge.families.kinds.other import NONE

#: A coefficient, a power, a name of an element, what is neither.
_TOKEN = re.compile(
    r"\0(?P<tensor>\d+)\0(?:\[(?P<index>[^\]]*)\])?(?P<power>\^\d+)?"
    r"|(?P<raised>\^\(?-?[\d/]+\)?)|(?P<ratio>\d+/\d+)|(?P<log>log )|(?P<letter>[a-z]\d*(?:_\d+)?)"
    r"|(?P<arrow> -> )|(?P<delta>delta )|(?P<sign> [+\-/=] )|(?P<gap> )")


def flow_sentence(formula: Sequence[str], claim: str) -> str:
    """What acts, and what it does to the function, before the lines of the flow."""
    if formula and formula[0] == NONE:
        return f"No finite action in closed form is known. To first order, {claim}"
    if not formula or not formula[0].startswith("for "):
        return f"To first order, {claim}"
    ranges = re.sub(r"_(\d+)", r"_{\1}", formula[0].removeprefix("for "))
    for text, latex in (("...", r"\dots"), (" in R", r" \in \mathbb{R}")):
        ranges = ranges.replace(text, latex)
    return f"For ${ranges}$, {claim}"


def flow_rows(formula: Sequence[str], symbol: Mapping[str, str]) -> list[list[str]] | None:
    """Rows of a display: the left side, and what follows the sign. None where a line is no formula.
    """
    names = sorted(filter(None, symbol), key=len, reverse=True)
    either = "|".join(map(re.escape, names)) or "$^"
    rows = []
    for line in formula:
        if line == NONE or line.startswith("for "):
            continue
        marked = re.sub(
            rf"(?<![\w.])({either})(?![\w.])", lambda m: f"\0{names.index(m[1])}\0", line)
        text = _latex(marked, [symbol[n] for n in names])
        sign = next((s for s in (r"\mapsto", "=") if f" {s} " in (text or "")), None)
        if text is None or sign is None:
            return None
        left, right = text.split(f" {sign} ", 1)
        rows.append([left, f"{sign} {right}"])
    return rows or None


def _latex(text: str, symbols: Sequence[str]) -> str | None:
    """A line with tensors marked; None where it holds something else."""
    out, at = "", 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at] not in "()-" and not text[at].isdigit():
                return None
            out, at = out + text[at], at + 1
            continue
        at = found.end()
        out += _token(found, symbols)
    return out


def _token(token: re.Match[str], symbols: Sequence[str]) -> str:
    kind, text = token.lastgroup, token[0]
    if token["tensor"] is not None:
        name = symbols[int(token["tensor"])]
        if token["index"]:
            places = token["index"].split(", ")
            apart = "," if any(len(p) > 1 for p in places) else ""
            name = f"({name})_{{{apart.join(places)}}}"
        return name + (f"^{{{token['power'][1:]}}}" if token["power"] else "")
    if kind == "raised":
        return f"^{{{text[1:].strip('()')}}}"
    if kind == "ratio":
        above, below = text.split("/")
        return rf"\tfrac{{{above}}}{{{below}}}" if len(text) < 9 else text
    if kind == "letter":
        letter, _, number = text.partition("_")
        return f"{letter[0]}_{{{letter[1:]}{number}}}" if letter[1:] + number else letter
    return {"log": r"\log ", "arrow": r" \mapsto ", "delta": r"\delta ", "gap": r"\,"}.get(
        str(kind), text)
