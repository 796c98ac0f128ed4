"""Functions of the parameters, written in the names of tensors, as mathematics."""

from __future__ import annotations

import re
from collections.abc import Mapping

from symgauge.typesetting.escape import escape
from symgauge.report.names import indexed, raised


def with_symbols(text: str, symbol: Mapping[str, str]) -> str:
    """A sentence with symbols for the names of tensors that stand in it."""
    names = sorted(filter(None, symbol), key=len, reverse=True)
    either = "|".join(rf"(?<![\w.]){re.escape(n)}(?![\w\[])(?!\.\w)" for n in names)
    parts = re.split(f"({either})", text) if names else [text]
    return "".join(f"${symbol[p]}$" if k % 2 else escape(p) for k, p in enumerate(parts))


#: The number of a copy, or of one among copies of copies.
COPY = r"\d+(?:,\d+)?"


def as_formula(text: str, symbol: Mapping[str, str]) -> str:
    r"""A formula in names of tensors as mathematics; what is no formula stays a sentence.

    >>> symbol = {"q.weight": "W_{Q}", "k.weight": "W_{K}", "g": r"\gamma"}
    >>> print(as_formula("q.weight_0^T k.weight_0", symbol))
    $W_{Q,0}^{\top}\,W_{K,0}$
    >>> print(as_formula("(q.weight diag(g) - mean(q.weight))_0, for each index", symbol))
    $(W_{Q}\,\operatorname{diag}(\gamma) - \operatorname{mean}(W_{Q}))_{0}$,{} for each index
    >>> print(as_formula("q.weight[i] (x) k.weight[:,i]", symbol))
    $W_{Q,i} \otimes W_{K,{:}i}$
    >>> print(as_formula("(g[i] (x) k.weight[:,i]_0) q.weight_0,1^T", symbol))
    $(\gamma_{i} \otimes W_{K,{:}i,0})\,W_{Q,0,1}^{\top}$
    """
    names = sorted(filter(None, symbol), key=len, reverse=True)
    either = "|".join(map(re.escape, names)) or "$^"

    def replaced(m: re.Match[str]) -> str:
        shown = symbol[m[1]]
        places = re.findall(r"\[([^\]]*)\]", m[3])
        for place in filter(None, (m[2], *places, m[4])):
            shown = indexed(shown, place.replace(":,", "{:}"))
        return f"\0{raised(shown, '^{' + chr(92) + 'top}') if m[5] else shown}\0"

    marked = re.sub(
        rf"(?<![\w.])({either})(?:_({COPY}))?((?:\[[:,\di-r]+\])*)(?:_({COPY}))?(\^T)?(?![\w.\[])",
        replaced, text)
    pieces, rest = _cut(marked.split("\0"))
    between = [_between(p, k == 0, k == len(pieces) - 1) for k, p in enumerate(pieces[::2])]
    if None in between:
        return with_symbols(text, symbol)  # words, or a name that is no tensor's
    math = "".join(p if k % 2 else str(between[k // 2]) for k, p in enumerate(pieces))
    return f"${math}${escape(rest)}"


def _cut(pieces: list[str]) -> tuple[list[str], str]:
    """The formula, and what follows it after a comma; every second piece is a tensor."""
    for k in range(0, len(pieces), 2):
        head, comma, rest = pieces[k].partition(", ")
        if comma:
            return [*pieces[:k], head], comma + rest + "".join(pieces[k + 1:])
    return pieces, ""


#: What may stand between tensors.
_SIGN = re.compile(
    r"(?P<function>diag|mean|sum)(?=\(|$)|(?P<tensor> \(x\) )|(?P<sign> [+\-=] )|(?P<turn>J )"
    r"|(?P<top>\^T)|(?P<power>\^-?\d+)|(?P<copy>_\d+(?:,\d+)?)|(?P<size>\d+)|(?P<norm>\|)"
    r"|(?P<other>[()\-])|(?P<gap> +)")


def _between(text: str, first: bool, last: bool) -> str | None:
    """What stands between tensors as mathematics; None where it holds words."""
    out, at = "", 0
    while at < len(text):
        found = _SIGN.match(text, at)
        if found is None:
            return None
        at = found.end()
        said = found[0]
        out += {
            "function": rf"\operatorname{{{said}}}", "tensor": r" \otimes ", "turn": r"J\,",
            "top": r"^{\top}", "power": f"^{{{said[1:]}}}", "copy": f"_{{{said[1:]}}}",
            "gap": r"\,",
        }.get(str(found.lastgroup), said)
    out = out.removeprefix(r"\,") if first else out
    return out.removesuffix(r"\,") if last else out
