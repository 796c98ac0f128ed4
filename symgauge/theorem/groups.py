"""Identities in every group at once: words in letters and inverses, reduced by g g^-1 = 1.

Letters may stand for diffeomorphisms: composition is all that is used. Words that reduce to one
word agree in every group; words that do not differ in the free group, so in some group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from symgauge.theorem.theorem import Decision, Step
from symgauge.verdict import Verdict


@dataclass(frozen=True)
class GroupWord:
    """A reduced word: letters with exponent +1 or -1, and how it was written.

    >>> f, g = group_letters("f g")
    >>> (f * g).inv.letters == (g.inv * f.inv).letters
    True
    """

    letters: tuple[tuple[str, int], ...]
    latex: str
    atom: bool = True

    def __mul__(self, other: GroupWord) -> GroupWord:
        out = list(self.letters)
        for name, sign in other.letters:
            if out and out[-1] == (name, -sign):
                out.pop()
            else:
                out.append((name, sign))
        shown = rf"{self._inside()} \circ {other._inside()}"
        return GroupWord(tuple(out), shown, atom=False)

    @property
    def inv(self) -> GroupWord:
        """The inverse."""
        turned = tuple((name, -sign) for name, sign in reversed(self.letters))
        inside = rf"{{{self._inside()}}}" if "'" in self.latex else self._inside()
        return GroupWord(turned, rf"{inside}^{{-1}}")

    def _inside(self) -> str:
        return self.latex if self.atom else rf"({self.latex})"


def group_letters(names: str) -> tuple[GroupWord, ...]:
    """One letter for each name; a name is printed as SymPy prints a symbol."""

    def shown(name: str) -> str:
        plain = name.rstrip("'")
        return str(sympy.latex(sympy.Symbol(plain))) + name[len(plain):]

    return tuple(GroupWord(((name, 1),), shown(name)) for name in names.split())


#: The neutral element.
NEUTRAL = GroupWord((), r"\mathrm{id}")


@dataclass(frozen=True)
class GroupIdentity(Step):
    """left = right in every group, whatever its letters stand for."""

    name: str
    left: GroupWord
    right: GroupWord
    note: str = ""
    scope: str = "every group"
    must_fail: bool = False

    method = "reduced words"

    def decide(self) -> Decision:
        if self.left.letters == self.right.letters:
            return Decision(Verdict.PROVED)
        rest = (self.left * self.right.inv).letters
        shown = " ".join(name if sign > 0 else f"{name}^-1" for name, sign in rest)
        return Decision(Verdict.REFUTED, f"left right^-1 = {shown}, not 1 in the free group")

    def formulas(self) -> Sequence[str]:
        return [f"{self.left.latex} = {self.right.latex}"]
