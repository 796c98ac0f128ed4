"""Products of matrices: what a contraction of two lines is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import dropwhile
from typing import Protocol

from symgauge.formulas.constants import Constants
from symgauge.formulas.convolutions import Convolutions
from symgauge.formulas.heads import Heads, Part
from symgauge.formulas.roles import Roles
from symgauge.formulas.terms import (
    ATOM, ENTRYWISE, PRODUCT, SUM, Term, entrywise, product, reshaped,
)
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Lines(Protocol):
    """What writes the lines of a program."""

    structure: Structure
    roles: Roles
    heads: Heads
    constants: Constants
    convolutions: Convolutions
    one_head: bool

    def term(self, i: int, part: Part | None = None) -> Term:
        """A line as a reader of others writes it."""


class Products:
    """Those of one program."""

    def __init__(self, typeset: Lines) -> None:
        self._typeset, self._structure = typeset, typeset.structure
        self._nodes, self._lines = self._structure.network.nodes, self._structure.lines
        self._roles, self._heads = typeset.roles, typeset.heads

    def contraction(self, line: Line, part: Part | None) -> Term:
        """A convolution, a product of matrices, or one for each index in front of them."""
        typeset, heads = self._typeset, self._heads
        convolution = typeset.convolutions.found.get(line.node)
        if convolution is not None and part is None:
            w, x = (
                typeset.term(j).within(ATOM) for j in (convolution.kernel, convolution.source))
            return Term(f"{w} {convolution.sign} {x}", PRODUCT)
        left, right = line.inputs
        rank = len(line.shape)
        parts: list[Part | None] = [None, None]
        if part is not None:
            parts[0 if part[0] == rank - 2 else 1] = part
        elif any(axis < rank - 2 for axis in heads.matrix_axes(line.node)):
            return self._batched(left, right)
        contracted = self._structure.leaves(left, rank - 1) if left in self._lines else []
        sums = any(self._structure.legs.find(leg)[0] in heads.copies for leg, _ in contracted)
        before, is_number = typeset.one_head, not heads.matrix_axes(line.node)
        second = self._factor(right, parts[1], False)
        if heads.matrix_axes(right) == [rank - 1] and heads.matrix_axes(left):
            second = second.transposed  # a column times a row: a vector alone is a column
        first = self._factor(left, parts[0], True)
        if heads.matrix_axes(left) and not self.is_row(left) and (
                is_number or heads.matrix_axes(left) == [rank - 1]):
            first = first.transposed
        found = product(first, second)
        found = replace(found, level=ENTRYWISE) if is_number else found
        turned = product(second.transposed, first.transposed)
        if not is_number and len(turned.text) < len(found.text):
            found = replace(found, under=turned)  # X' W' is the transpose of W X
        if sums and (before or heads.has_head(left)):
            found = Term(rf"\textstyle\sum_h {found.body}", PRODUCT, found.factor)
        return found

    def _batched(self, left: int, right: int) -> Term:
        """A product of matrices for each index in front of them, which is shown."""
        *batch, rows, inner = self._nodes[left].shape
        if rows == self._nodes[right].shape[-1] == 1:
            shown = [Term(self._of_shape(j, (*batch, inner)), SUM) for j in (left, right)]
            return product(entrywise(*shown), Term(r"\mathbf{1}"))
        texts = [self._of_shape(j, self._nodes[j].shape) for j in (left, right)]
        return Term(r"\operatorname{matmul}(" + ", ".join(texts) + ")")

    def _of_shape(self, j: int, wanted: Sequence[int]) -> str:
        """A line as an array of these axes; as it is, where it is written as one."""
        i = j
        while self._roles.law(i) == "reshape":
            i = self._lines[i].inputs[0]
        there = [self._nodes[i].shape[a] for a in self._heads.matrix_axes(i)]
        if there == list(dropwhile(lambda n: n == 1, wanted)):
            return self._typeset.term(j).text
        return reshaped(self._typeset.term(j), wanted).text

    def _factor(self, i: int, part: Part | None, left: bool) -> Term:
        """What a product of matrices takes: of equal entries too, a matrix.

        Rows of the left one may be those of several sequences.
        """
        found = self._typeset.term(i, part)
        if part is None and self._heads.has_other_rows(i, not left):
            shown = self._heads.matrix_axes(i)
            return reshaped(found, [self._nodes[i].shape[a] for a in shown])
        return found if found.body else self._typeset.constants.table(i)

    def is_row(self, j: int) -> bool:
        """Whether a vector is written as a row: a parameter is a column, and a sum along rows."""
        i = self._roles.base(j)
        return i in self._lines and not self._roles.parameter(i) and (
            self._heads.matrix_axes(i) == [len(self._nodes[i].shape) - 1]
            and not self._sums_along_rows(i))

    def _sums_along_rows(self, i: int) -> bool:
        """Whether a vector is a sum along the rows of a matrix, or a function of its entries."""
        if self._roles.law(i) == "sum":
            inner = self._lines[i].inputs[0]
            shown = self._heads.matrix_axes(inner)
            return len(shown) == 2 and shown[1] in self._lines[i].attrs["axes"]
        if self._roles.law(i) not in ("general", "multiple", "product", "sum of lines"):
            return False
        read = [self._roles.base(j) for j in self._lines[i].inputs if j in self._lines]
        return any(map(self._sums_along_rows, read))
