"""Pieces of LaTeX with how tightly they hold, so that brackets stand where they are needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from symgauge.program.notation import number

#: How tightly a piece holds: a sum, a product of entries, of matrices, one symbol or function.
SUM, ENTRYWISE, PRODUCT, ATOM = 1, 2, 3, 4


class NoFormula(Exception):
    """What varies is not written as a formula here."""


@dataclass(frozen=True)
class Term:
    """A formula, how tightly it holds, and a number in front of it; without a body, the number."""

    body: str
    level: int = ATOM
    factor: Fraction = Fraction(1)

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
        plain = replace(self, factor=Fraction(1))
        if self.body.endswith(r"^{\top}") and self.level == ATOM:
            bare = self.body.removesuffix(r"^{\top}")
            inner = bare[1:-1] if bare[0] in "({" and bare[-1] in ")}" else bare
            level = PRODUCT if bare.startswith("(") else ATOM
            return Term(inner, level, self.factor)
        held = plain.within(ATOM)
        # no second superscript beside that of a layer
        held = f"{{{held}}}" if "^" in held and not held.endswith(")") else held
        return Term(rf"{held}^{{\top}}", ATOM, self.factor)


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
