"""Pieces of LaTeX with how tightly they hold, so that brackets stand where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from symgauge.program.notation import number

#: How tightly a piece holds: a sum, a product of entries, of matrices, one symbol or function.
SUM, ENTRYWISE, PRODUCT, ATOM = 1, 2, 3, 4


class NoFormula(Exception):
    """What varies is not written as a formula here."""


@dataclass(frozen=True)
class Term:
    """A formula, how tightly it holds, and a number in front of it; without a body, the number.

    `under` is what it is the transpose of.
    """

    body: str
    level: int = ATOM
    factor: Fraction = Fraction(1)
    under: Term | None = None

    @property
    def text(self) -> str:
        """The formula with its number."""
        if not self.body:
            return number(self.factor)
        if self.factor == 1:
            return self.body
        if self.body.startswith("1 / "):
            return f"{number(self.factor)}{self.body[1:]}"
        body = self.body if self.level >= PRODUCT else f"({self.body})"
        return f"-{body}" if self.factor == -1 else rf"{number(self.factor)}\,{body}"

    def within(self, level: int) -> str:
        """The text, in brackets where it holds less tightly."""
        own = self.level if self.factor == 1 else min(self.level, PRODUCT)
        own = ATOM if not self.body and number(self.factor).isdigit() else own
        return self.text if own >= level else f"({self.text})"

    @property
    def transposed(self) -> Term:
        """Its transpose; a transpose twice is none."""
        if self.under is not None:
            return replace(self.under, factor=self.factor)
        bare = self.body.removesuffix(r"^{\top}")
        if bare != self.body and not set("({ ") & set(bare):  # a letter
            return Term(bare, ATOM, self.factor)
        plain = replace(self, factor=Fraction(1))
        held = plain.within(ATOM)
        # no second superscript beside that of a layer
        held = f"{{{held}}}" if "^" in held and not held.endswith(")") else held
        return Term(rf"{held}^{{\top}}", ATOM, self.factor, plain)


def product(left: Term, right: Term) -> Term:
    """left right, as a product of matrices; the numbers in front are multiplied."""
    bodies = [replace(t, factor=Fraction(1)).within(PRODUCT) for t in (left, right)]
    return Term(r"\,".join(bodies), PRODUCT, left.factor * right.factor)


def entrywise(left: Term, right: Term) -> Term:
    """The product entry by entry; a number goes in front."""
    for one, other in ((left, right), (right, left)):
        if not one.body:
            return replace(other, factor=one.factor * other.factor)
    bodies = [replace(t, factor=Fraction(1)).within(ATOM) for t in (left, right)]
    return Term(r" \odot ".join(bodies), ENTRYWISE, left.factor * right.factor)


def total(terms: list[Term]) -> Term:
    """A sum; what starts with a sign brings it along."""
    if len(terms) == 1:
        return terms[0]
    text = terms[0].text
    for term in terms[1:]:
        text += f" - {term.text[1:]}" if term.text.startswith("-") else f" + {term.text}"
    return Term(text, SUM)


def reshaped(term: Term, sizes: Sequence[int]) -> Term:
    """The same entries in an array of these axes."""
    shape = r" \times ".join(map(str, sizes))
    return Term(rf"\operatorname{{reshape}}_{{{shape}}}({term.text})")


def sliced(whole: Term, before: int, start: int, stop: int, step: int) -> Term:
    """A part as arrays are sliced: all of so many axes, then places of one."""
    steps = f"{{:}}{step}" if step != 1 else ""
    taken = f"{start}{{:}}{stop}{steps}" if stop - start > 1 else f"{start}"
    places = "{:},\\," * before + taken
    return Term(f"{whole.within(ATOM)}[{places}]")
