"""How numbers and functions of entries are written in LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction


def number(value: Fraction) -> str:
    r"""A number: short as it is, a root of a whole number as one, else six digits.

    >>> number(Fraction(3, 4)), number(Fraction(2 ** -0.5)), number(Fraction(0.1))
    ('\\tfrac{3}{4}', '\\tfrac{1}{\\sqrt{2}}', '\\tfrac{1}{10}')
    """
    text = str(value)
    if len(text) <= 8:
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        return sign + (rf"\tfrac{{{'}{'.join(text.split('/'))}}}" if "/" in text else text)
    near = float(value)
    for power, root in ((1, "{}"), (2, r"\sqrt{{{}}}"), (4, r"\sqrt[4]{{{}}}")):
        whole = round(abs(near) ** -power) if near else 0
        if near > 0 and whole > 1 and abs(whole ** (-1 / power) / near - 1) < 1e-12:
            return rf"\tfrac{{1}}{{{root.format(whole)}}}"
    short = f"{near:.6g}"
    if "e" in short:
        digits, power10 = short.split("e")
        return rf"{digits} \cdot 10^{{{int(power10)}}}"
    return short


def function(name: str, inside: str, said: Mapping[str, tuple[Fraction, Fraction]]) -> str:
    r"""name(inside), below the name what is not torch's default: symbol -> (value, default).

    >>> function("f", "x", {"a": (Fraction(1, 2), Fraction(1)), "b": (Fraction(2), Fraction(2))})
    '\\operatorname{f}_{a=\\tfrac{1}{2}}(x)'
    """
    odd = [f"{symbol}={number(value)}" for symbol, (value, usual) in said.items() if value != usual]
    below = f"_{{{', '.join(odd)}}}" if odd else ""
    return rf"\operatorname{{{name}}}{below}({inside})"
