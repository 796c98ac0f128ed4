"""Rows that could have failed: what no control sees at this point is drawn again, or not tested.

A symmetry is judged by its residual, whatever else is seen: above its limit it FAILED. Within it,
the row is ok only if a mistake would have been seen at the same point: a planted failure of the
same class is; or the residual is the rounding of what was moved, in so many entries of the output
that the move itself reaches it; or a control is, which moves the same entries in random directions.

A planted failure that stays under its limit FAILED only if its control exceeds the limit: what it
moves otherwise than the right symmetry does, moved at random. Where that is nothing (a gain of 1 on
its slice, a bias of 0) or is not seen (dead units, a weight of 0 behind it), it could not fail; nor
where it is a symmetry of these weights, or of their branches, and of others not.

Then parameters, inputs and elements are drawn again, as far as they are drawn; at the last draw the
row says "not tested" and why. The passes of controls and redraws are counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import torch

from symgauge.checks.runtime.bench import Bench
from symgauge.checks.runtime.moves import LEAST_MOVE
from symgauge.checks.runtime.model import floats
from symgauge.checks.runtime.point import INPUT_SCALES, OFF, OFF_SIZES
from symgauge.checks.runtime.record import BadInput
from symgauge.checks.runtime.rows import PLANTED_FLOORS, SYMMETRY_FLOORS, Families, Row
from symgauge.checks.runtime.subject import Examined

# the part of the outputs that rounding changes is about the part of the output that the move has
SEEN_BY_ROUNDING = 100.0 * SYMMETRY_FLOORS
WRONG_PRODUCTS = 3  # planted failures that are tried in a derivative until one is seen

NOTHING = "at these weights it moves nothing"
TOO = "at these weights it is a symmetry, too: it is seen to be wrong at others"
INFINITE = "it makes the output infinite or undefined"
ITSELF = "at these weights it is the symmetry itself"
UNSEEN = "no change of what it moves is seen in the output, at these weights and inputs"
UNDERIVED = "no change of what it moves is seen in the derivative, at these weights and inputs"
ROUNDED = "rounding weighs more at such inputs: below what a wrong symmetry must exceed"


class Judge:
    """The rows of one bench, each asked for once: a planted failure also vouches for its class."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._planted: dict[str, Row] = {}
        self._classes: dict[str, Row] = {}
        self._wrong: list[Row] | None = None

    def draws(self) -> Iterator[int]:
        """The numbers of the draws at which the output is finite."""
        for number in range(len(INPUT_SCALES)):
            try:
                with self.bench.point.at_draw(number):
                    pass
            except BadInput:
                continue
            yield number

    # -- symmetries -------------------------------------------------------------------------------

    def all_at_once(self) -> Row:
        """All families together, at a point where one of them could fail."""
        bench = self.bench
        label = "all symmetries at once"
        row = bench.difference("invariance", label, bench.families)
        if row.ok is False:
            return row
        at = self._where([self.symmetry(*item) for item in bench.classes.items()])
        if at is None:
            return _untested(row, "none of them could be seen to fail")
        if at:
            with bench.point.at_draw(at), bench.point.extra_passes():
                row = bench.difference("invariance", label, bench.families)
        return row

    def larger_inputs(self) -> Iterator[Row]:
        """All families together where inputs are large: behind thresholds and rare branches.

        FAILED where it exceeds what a planted failure must, in the leading half of the digits.

        None where the inputs or the parameters are given, or where a class has failed already.
        """
        bench = self.bench
        failed = any(row.ok is False for row in self._classes.values())
        if failed or bench.point.checkpoint is not None or not floats(bench.point.example):
            return
        if not bench.families or bench.point.dtype not in PLANTED_FLOORS:
            return
        scale = max(INPUT_SCALES)
        label = f"all at once, inputs {scale:g} times as large"
        try:
            with bench.point.at_draw(INPUT_SCALES.index(scale)), bench.point.extra_passes():
                row = bench.difference("invariance", label, bench.families)
        except BadInput:  # not finite there
            return
        if math.isnan(row.floors or 0):
            return
        # at such inputs cancellation may be all that shows; a threshold shows in leading digits
        digits = math.sqrt(torch.finfo(bench.point.dtype).eps)
        limit = PLANTED_FLOORS[bench.point.dtype]
        if row.ok is False and not ((row.floors or 0) > limit and (row.residual or 0) > digits):
            row = _untested(row, ROUNDED)
        yield row

    def _where(self, rows: list[Row]) -> int | None:
        """The draw at which most of these rows are tested."""
        draws = [row.draw for row in rows if not row.untested]
        return max(set(draws), key=draws.count) if draws else None

    def symmetry(self, label: str, families: Families) -> Row:
        """One class of families: FAILED by its residual, ok where it could have failed."""
        if label not in self._classes:
            self._classes[label] = self._symmetry(label, families)
        return self._classes[label]

    def _symmetry(self, label: str, families: Families) -> Row:
        bench = self.bench
        reason, first = NOTHING, None
        for number in self.draws():
            with bench.point.at_draw(number):
                if number:
                    with bench.point.extra_passes():
                        row = bench.difference("invariance", label, families)
                else:
                    row = first = bench.difference("invariance", label, families)
                if _vacuous(families):
                    moved = f"moved a tensor by {row.moved or 0:.1e}, at any weights"
                    return replace(row, ok=False, note=moved)
                if number and math.isnan(row.floors or 0):
                    continue  # large inputs may overflow
                if row.ok is False:
                    return row
                why = self._cannot_fail(row, families)
            if why is None:
                return _redrawn(row)
            reason = why if reason == NOTHING else reason
        assert first is not None
        return _untested(first, reason)

    def _cannot_fail(self, row: Row, families: Families) -> str | None:
        """Why no mistake in these families would be seen at this point; None where it would."""
        bench = self.bench
        mine = {family["label"] for family in families}
        for planted in bench.planted:
            if "right" in planted and planted["right"]["label"] in mine:
                other = self.planted(planted)
                if other.draw == bench.point.at and (other.floors or 0) > (
                        other.limit or SYMMETRY_FLOORS):
                    return None
        through = any(family.get("via") for family in families)
        if not through and (row.changed or 0) > SEEN_BY_ROUNDING * bench.point.floor:
            return None
        control = bench.control(families)
        if control is None:
            return NOTHING
        if not control.floors <= SYMMETRY_FLOORS:
            return None
        if row.moved is not None and row.moved <= LEAST_MOVE:
            return f"it moves a tensor by {row.moved:.1e} only, which is not seen"
        return UNSEEN

    # -- planted failures -------------------------------------------------------------------------

    def planted(self, family: Examined) -> Row:
        """One planted failure: ok above its limit, FAILED only where its control is seen."""
        label = family["label"]
        if label not in self._planted:
            self._planted[label] = self._plant(label, family)
        return self._planted[label]

    def _plant(self, label: str, family: Examined) -> Row:
        bench = self.bench
        limit = PLANTED_FLOORS.get(bench.point.dtype)
        reason, first, under = ITSELF, None, None
        for number in self.draws():
            with bench.point.at_draw(number):
                if number:
                    with bench.point.extra_passes():
                        row = bench.difference("planted", label, [family], wrong=True)
                else:
                    row = first = bench.difference("planted", label, [family], wrong=True)
                if limit is None or row.ok:
                    return _redrawn(row)
                if math.isnan(row.floors or 0):
                    reason = INFINITE
                    continue
                if under is not None:
                    continue
                if bench.bytes_of(family) > bench.point.bytes_to_spare():
                    reason = "its copy is too large beside the model"
                    continue
                control = bench.control([family])
            if control is not None:
                reason = UNSEEN
                if not control.floors <= limit:
                    under = row
        assert first is not None
        if under is not None and self._wrong_at_others(label, family):
            under, reason = None, TOO
        return _untested(first, reason) if under is None else under

    def _wrong_at_others(self, label: str, family: Examined) -> bool:
        """Whether the failure is seen off these weights, which may have more symmetry than most.

        Attention whose queries are 0 has equal heads, say, and a larger group that mixes them; of
        h sign(t), t > 0, all matrices are one.
        """
        for number in range(OFF, OFF + len(OFF_SIZES)):
            try:
                with self.bench.point.at_draw(number), self.bench.point.extra_passes():
                    row = self.bench.difference("planted", label, [family], wrong=True)
            except BadInput:
                continue
            if row.ok:
                return True
        return False

    # -- generators -------------------------------------------------------------------------------

    def wrong_products(self) -> list[Row]:
        """J X of a wrong generator, the first of three that is seen; none if none is planted."""
        if self._wrong is None:
            seen = [f for f in self.bench.wrong_generators() if not self.planted(f).untested]
            self._wrong = []
            for family in seen[:WRONG_PRODUCTS] or self.bench.wrong_generators()[:1]:
                row = self._wrong_product(family)
                self._wrong = [row]
                if row.ok or (row.ok is None and not row.untested):
                    break
        return self._wrong

    def _wrong_product(self, family: Examined) -> Row:
        bench, label = self.bench, "wrong J X, " + family["label"]
        limit = PLANTED_FLOORS.get(bench.point.dtype)
        with bench.point.at_draw(self.planted(family).draw):
            before = bench.point.passes
            row = bench.derivative("tangent", label, [family], wrong=True)
            if self._wrong or bench.point.at:
                bench.point.extra += bench.point.passes - before
            if row.ok is not False or limit is None or math.isnan(row.floors or 0):
                return row
            if "right" not in family:
                return row
            control = bench.derivative_control(family)
        if control is None:
            return _untested(row, ITSELF)
        return row if not control.floors <= limit else _untested(row, UNDERIVED)

    def product(self, label: str, families: Families) -> Row:
        """J X of one class: FAILED by its residual, ok where the class could have failed."""
        bench, mine = self.bench, self.symmetry(label, families)
        with bench.point.at_draw(mine.draw):
            row = bench.derivative("tangent", "J X, " + label, families)
            if bench.point.at:
                bench.point.extra += row.passes
        if row.ok is not True or row.untested:
            return row
        if mine.untested:
            return _untested(row, mine.untested)
        wrong = self.wrong_products()
        if wrong and all(r.untested == UNDERIVED for r in wrong):
            return _untested(row, "a wrong generator is not seen in the derivative either")
        return row


def _redrawn(row: Row) -> Row:
    return replace(row, note="drawn again: at first it could not fail") if row.draw else row


def _untested(row: Row, reason: str) -> Row:
    """The row, neither ok nor FAILED."""
    return replace(row, ok=None, untested=reason)


def _vacuous(families: Families) -> bool:
    """Whether a move has the weight 0: a statement that says nothing, whatever the weights."""
    return any(
        Fraction(move.get("weight") or 1) == 0 for f in families for move in f["action"]
    )
