"""Which lines of a program have letters, and which."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property

from symgauge.formulas.convolutions import Convolutions
from symgauge.formulas.heads import Heads
from symgauge.formulas.roles import VIEWS, Roles
from symgauge.program.leaf import Input
from symgauge.spaces.structure import Structure

#: Length of an inline formula, markup left out, above which a line has a letter.
LONGEST = 46


class Letters:
    """The rules for one program."""

    def __init__(
        self, structure: Structure, roles: Roles, convolutions: Convolutions, heads: Heads
    ) -> None:
        self.structure, self.roles = structure, roles
        self._convolutions, self._heads = convolutions, heads
        self.nodes, self.lines = structure.network.nodes, structure.lines

    def needed(self, i: int, letters: Mapping[int, str], text: Callable[[], str]) -> bool:
        """Whether a line has a letter; `text` is what it would be written as."""
        if i in self.roles.letters or i in self.ends or self.nodes[i].body is not None:
            return True
        if i in self.unwritten or self.in_parts(i):
            return False
        if self.letter(i, letters) in ("X", "N"):
            # a normalised line has its letter with its gain and shift
            return not any(self._normed(u) for u in self.roles.users(i)) or (
                self.letter(i, letters) == "X")
        if self._readers(i) > 1:
            return True
        plain = re.sub(r"\\[A-Za-z]+|[{}_^\\, ]", "", text())
        return self.lines[i].law != "multiple" and len(plain) > LONGEST

    def in_parts(self, i: int) -> int:
        """In how many parts a line is written of which parts alone are read, shifted or not; or 0.
        """
        readers = set(self.roles.users(i))
        if readers and all(self.roles.law(u) == "part" for u in readers):
            return len(readers)
        if len(readers) == 1 and self.roles.law(u := readers.pop()) == "sum of lines":
            return self.in_parts(u)
        return 0

    def _readers(self, i: int) -> int:
        """How often a line would be written."""
        return sum(
            self.in_parts(u) or 1 for u in set(self.roles.users(i)) - self.unwritten)

    @cached_property
    def ends(self) -> frozenset[int]:
        """The outputs; of a view what it views, unless axes that are shown change their places."""
        return frozenset(map(self._end, self.structure.network.outputs))

    def _end(self, i: int) -> int:
        while self.roles.law(i) in VIEWS and (
                self._heads.keeps_order(i) or self._heads.axes_of_copies(i)
                or self.roles.law(i) != "permutation" or i in self._convolutions.found):
            i = self.lines[i].inputs[0]
        return i

    @cached_property
    def unwritten(self) -> frozenset[int]:
        """Lines that a norm or a convolution is made of, which are not written."""
        out = set(self._convolutions.inside)
        for i in self.lines:
            x = self.roles.is_rms(i)
            if x is not None:
                stack = [
                    j for j in self.lines[i].inputs if self.roles.base(j) != self.roles.base(x)]
                while stack:
                    j = stack.pop()
                    if j in self.lines and j not in out and j != self.roles.base(x):
                        out.add(j)
                        stack += self.lines[j].inputs
        return frozenset(out)

    def letter(self, i: int, letters: Mapping[int, str]) -> str:
        """X for the stream, N behind norms, Y for outputs, letters of roles, else H."""
        if i in self.roles.letters:
            return self.roles.letters[i]
        if i in self.ends:
            return "Y"
        if self.lines[i].law == "sum of lines":
            before = [self.roles.base(j) for j in self.lines[i].inputs if j in self.lines]
            stream = [j for j in before if letters.get(j) == "X" or isinstance(
                self.nodes[j].leaf, Input)]
            if stream or any(
                    self.roles.law(j) == "contraction" and self.roles.reads_tokens(j)
                    for j in before):
                return "X"
        if self.lines[i].law == "contraction" and self.roles.reads_tokens(i) and all(
                self.roles.law(u) != "sum of lines" or self._letter_adds_stream(i, u)
                for u in self.roles.users(i)):
            return "X"
        if self._normed(i):
            return "N"
        return "H"

    def _letter_adds_stream(self, i: int, u: int) -> bool:
        """Whether a sum adds to a stream that has begun: positions are part of its start."""
        return not any(self.roles.parameter(j) for j in self.lines[u].inputs)

    def _normed(self, i: int) -> bool:
        """Whether a line is a normalised one, with its gain and shift."""
        for _ in range(3):
            if self.roles.law(i) == "standardising" or self.roles.is_rms(i) is not None:
                return True
            inner = [self.roles.base(j) for j in self.lines[i].inputs
                     if j in self.lines and not self.roles.parameter(j)]
            if self.roles.law(i) not in ("product", "sum of lines") or len(inner) != 1:
                return False
            i = inner[0]
        return False


def numbered(letters: Mapping[int, str], before: Mapping[str, int]) -> dict[int, str]:
    """The letters, with numbers where several lines have one, behind those that inputs have.

    A single input takes X without a number.
    """
    count = Counter(letters.values())
    seen = Counter(before)
    out = {}
    for i, letter in letters.items():
        alone = count[letter] == 1 and letter != "X" and not before.get(letter)
        seen[letter] += 1
        out[i] = letter if alone else f"{letter}_{{{seen[letter]}}}"
    return out
