r"""The proof of a structural family in displayed equations: q -> q g, k -> k g^-T, so q k^T stays.

Written from the steps of the proof by intertwiners, made anew: each line that has a letter and
varies gives an equation, and so does each line at which the variation ends. What is written is what
the lemma of the line says; nothing is simplified by the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from symgauge.families.family import Family
from symgauge.formulas.terms import ATOM, ENTRYWISE, PRODUCT, SUM, NoFormula, Term, total
from symgauge.formulas.heads import Part
from symgauge.formulas.typeset import Typeset
from symgauge.laws import all_laws
from symgauge.laws.shifting import Shifted
from symgauge.laws.shifting import Term as Shift
from symgauge.laws.sweep import Step
from symgauge.laws.turning import Turned
from symgauge.laws.weighing import Scaled, Weights
from symgauge.program.moves import Address
from symgauge.plain import PlainFamily
from symgauge.report.action import Letters, Shapes, by_tensor, coefficient, line_of
from symgauge.report.names import Block, indexed


#: Why a value stays, for a reader, by the law of its line; "" where the equation shows it.
_REASONS = {
    "normaliser": r"$\operatorname{softmax}$ forgets what is constant along its axis",
    "standardising": r"$\operatorname{LN}$ forgets what is constant along a row",
    "contraction": "", "sum of lines": "",
}


@dataclass(frozen=True)
class Row:
    """One equation: what varies, what it becomes by its formula, and what that is."""

    left: str
    becomes: str
    equals: str
    #: Why the value stays, where it does; "" where it varies.
    stays: str = ""


def equations(
    typeset: Typeset, steps: Sequence[Step[Any]], family: Family, entry: PlainFamily,
    shapes: Shapes,
) -> list[Row] | None:
    """The rows of a family's proof, in the order of the program; None where one has no formula."""
    display = _Display(typeset, family, entry)
    typeset.instead, typeset.one_head = {}, bool(family.copies)
    try:
        for group in by_tensor(entry, shapes, typeset.symbols):
            finite = line_of(group, entry["element"], shapes, typeset.symbols).finite
            body = finite.split(r" \mapsto ", 1)[1]
            typeset.instead[group[0][0].name] = Term(body, _level(body))
        found = list(dict.fromkeys(row for step in steps for row in display.rows(step)))
        passed = [s.line.label for s in steps if s.variation and s.line.law == "homogeneous"
                  and not typeset.is_unwritten(s.line.node)]
        if found and passed:
            words = ", ".join(rf"$\operatorname{{{name}}}$" for name in dict.fromkeys(passed))
            found[-1] = replace(found[-1], stays=", and ".join(filter(None, (
                f"{words} is homogeneous for positive factors".replace("_", r"\_"),
                found[-1].stays))))
        return found
    except NoFormula:
        return None
    finally:
        typeset.instead, typeset.one_head = {}, False


def _level(body: str) -> int:
    """How tightly a finite action holds: its signs outside of brackets."""
    depth = 0
    for k, c in enumerate(body):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(c, 0)
        if not depth and body[k:k + 3] in (" + ", " - "):
            return SUM
    if r"\times_" in body:
        return ENTRYWISE  # weaker than a product of matrices
    return PRODUCT if r"\," in body else ATOM


class _Display:
    def __init__(self, typeset: Typeset, family: Family, entry: PlainFamily) -> None:
        self.typeset, self.family = typeset, family
        self.letter = Letters.of(entry["element"]).group

    def rows(self, step: Step[Any]) -> list[Row]:
        """The equations of one step: none where a reader needs none."""
        i, typeset = step.line.node, self.typeset
        if isinstance(step.variation, Scaled) and self._weighs_copies(i, step.variation):
            raise NoFormula
        if typeset.is_unwritten(i):
            return []
        if step.variation is None:
            return self._ended(step)
        if i not in typeset.names:
            return []
        image = self.image(i, step.variation)
        if image is None:
            raise NoFormula
        row = Row(typeset.symbol(i), typeset.definition(i).text, image.text)
        typeset.instead[i] = image
        return [row]

    def _ended(self, step: Step[Any]) -> list[Row]:
        """The equations of a line that does not vary, though what it reads does."""
        i, typeset, law = step.line.node, self.typeset, all_laws()[step.line.law]
        if law.silent:
            return []
        parts: list[Part | None] = [None]
        if typeset.is_packed(i):
            axis = len(step.line.shape) - 1
            parts = [(axis, b.start, b.stop) for b in self._moved_blocks()] or [None]
        out = []
        for part in parts:
            after = typeset.definition(i, part).text
            there, typeset.instead = typeset.instead, {}
            before = typeset.definition(i, part)
            typeset.instead = there
            reason = _REASONS.get(step.line.law, law.forgets)
            if step.line.law == "contraction" and self.family.kind.is_shift:
                reason = "what is summed over there has sum 0"
            if before.text != after:
                out.append(Row(before.text, after, before.text, reason))
            if i not in typeset.names and part is None:
                # what reads it writes it as it was
                typeset.instead[i] = before
        return out

    def _weighs_copies(self, i: int, scaled: Scaled) -> bool:
        """Whether weights differ by the copy, where their letter has no index of it."""
        structure, copies = self.typeset.structure, self.typeset.heads.copies
        return not self.family.copies and any(
            structure.legs.find(structure.leg_at(i, address))[0] in copies
            for address in scaled.weights if address)

    def _moved_blocks(self) -> list[Block]:
        found = (Block.parse(key) for key in self.typeset.instead if isinstance(key, str))
        return [b for b in found if b is not None]

    # -- what a value becomes ----------------------------------------------------------------------

    def image(self, i: int, variation: object) -> Term | None:
        """A line's value after the family has acted; None where no formula says it."""
        value, heads = Term(self.typeset.symbol(i)), self.typeset.heads
        of_copies = not isinstance(variation, Shifted) or any(
            t.source is None for t in variation.terms)
        if self.family.copies and of_copies and not heads.axes_of_copies(i):
            return None  # its letter has no index for the copies
        if isinstance(variation, Turned):
            return None if variation.squared else self._turned(i, value, variation)
        if isinstance(variation, Shifted):
            return self._shifted(i, value, variation)
        if isinstance(variation, Scaled):
            return self._weighed(i, value, variation)
        return None

    def _beside(self, i: int, axis: int, value: Term, left: str, right: str) -> Term | None:
        """A matrix on the left of the value's rows, or on the right of its columns."""
        shown = self.typeset.heads.matrix_axes(i)
        if axis not in shown or len(shown) > 2:
            return None
        if axis == shown[-1] and (len(shown) == 2 or self.typeset.products.is_row(i)):
            return Term(rf"{value.within(PRODUCT)}\,{right}", PRODUCT)
        return Term(rf"{left}\,{value.within(PRODUCT)}", PRODUCT)

    def _turned(self, i: int, value: Term, turned: Turned) -> Term | None:
        g, orthogonal = self.letter, getattr(self.family.kind, "orthogonal", False)
        found: Term | None = value
        for address, mark in turned.marks.items():
            if len(address) > 2 or found is None:
                return None
            direct = mark.parity > 0 or orthogonal
            left, right = (g, rf"{g}^{{\top}}") if direct else (rf"{g}^{{-\top}}", f"{g}^{{-1}}")
            found = self._beside(i, address[0], found, left, right)
        return found

    def _weighed(self, i: int, value: Term, scaled: Scaled) -> Term | None:
        found: Term | None = value
        if scaled.logs:
            return self._added(i, value, scaled.logs)
        for address, weight in scaled.weights.items():
            w = Fraction(weight.form.get(0, 0))
            if not w:
                continue
            if found is None or len(address) > 2:
                return None
            power = "" if w == 1 else f"^{{{w}}}"
            if not address:
                found = Term(rf"{self.letter}{power}\,{found.within(PRODUCT)}", PRODUCT)
                continue
            diagonal = rf"\operatorname{{diag}}({self.letter}){power}"
            found = self._beside(i, address[0], found, diagonal, diagonal)
        return found

    def _added(self, i: int, value: Term, logs: Weights) -> Term | None:
        """The value and what is added to it: multiples of log s."""
        terms = [value]
        for address, weight in logs.items():
            w = Fraction(weight.form.get(0, 0))
            body = self._along(i, {address} - {()}, rf"\log {self.letter}") if w else None
            if w and body is None:
                return None
            terms += [Term(coefficient(w, body), PRODUCT)] if body is not None else []
        return total(terms)

    def _shifted(self, i: int, value: Term, shifted: Shifted) -> Term | None:
        if shifted.mask is not None:
            return None
        terms = [value]
        for shift, c in shifted.terms.items():
            body = self._along(i, {a for _, a in shift.at}, self._vector(shift))
            if body is None:
                return None
            terms.append(Term(coefficient(Fraction(c), body), PRODUCT))
        if shifted.varying is not None:
            body = self._along(i, set(shifted.varying), "u")
            if body is None:
                return None
            terms.append(Term(body, PRODUCT))
        return total(terms)

    def _vector(self, shift: Shift) -> str:
        if shift.by:  # a sum that is one number
            return rf"\sigma\,{self._vector(replace(shift, by=shift.by[1:]))}"
        if shift.times is not None:
            body, over = self._named(shift.times.of), shift.times.over
            body = body if over is None else f"({body} / {self._named(over)})"
            return (rf"(\mathbf{{1}}^{{\top}} {body})\,"
                    rf"{self._vector(replace(shift, times=None))}")
        letter = rf"\log {self.letter}" if self.family.kind.is_scaling else self.letter
        if shift.over is not None:
            return f"{letter} / {self._named(shift.over)}"
        if shift.source is None:
            return letter
        structure = self.typeset.structure
        name = structure.names[shift.source]
        symbol, heads = self.typeset.symbols.get(name, name), bool(self.family.copies)
        symbol = indexed(symbol, "h") if heads else symbol
        rows = len(structure.network.nodes[shift.source].shape) > 1 and {
            a[0] for a in shift.contracted} == {0}
        symbol = Term(symbol).transposed.text if rows else symbol
        total_over = r"{\textstyle\sum_h} " if heads else ""
        return rf"{total_over}{symbol}\,{letter}"

    def _named(self, parameter: int) -> str:
        name = self.typeset.structure.names[parameter]
        return self.typeset.symbols.get(name, name)

    def _along(self, i: int, carried: set[Address], vector: str) -> str | None:
        """A vector along the axes that carry it, repeated along the others."""
        shown = self.typeset.heads.matrix_axes(i)
        axes = [a for a in shown if a in {address[0] for address in carried}]
        if any(len(a) > 2 for a in carried) or len(shown) > 2:
            return None
        hidden = {a for a, alone in self.typeset.heads.axes_of_copies(i) if alone}
        if not self.family.copies and hidden & {address[0] for address in carried}:
            return None  # the vector has entries for copies, its letter no index of them
        if len(axes) == len(shown):
            return vector
        if not axes:
            return rf"{vector}\,\mathbf{{1}}\,\mathbf{{1}}^{{\top}}" if len(shown) == 2 else (
                rf"{vector}\,\mathbf{{1}}")
        held = f"({vector})" if r"\," in vector or " / " in vector else vector
        if axes == [shown[1]]:
            return rf"\mathbf{{1}}\,{held}^{{\top}}"
        return rf"{held}\,\mathbf{{1}}^{{\top}}"
