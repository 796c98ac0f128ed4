"""One audit: what is run, the element that is fitted, and the answer where it carries all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from symgauge.capture import Target
from symgauge.exact.threads import products_in_one_thread
from symgauge.progress import Progress
from symgauge.weights.action import Array, Element, apply, touched
from symgauge.audits.answer import Audit
from symgauge.audits.differences import (
    UNRESOLVED, Entries, Outputs, change, distance, excess, largest, share, silent,
)
from symgauge.audits.fit import Fit, discrete_of, families_of, fit, is_negative
from symgauge.weights.inputs import Inputs
from symgauge.audits.judge import SILENCE, UNEQUAL, Judge, unresolved
from symgauge.audits.seen import seen
from symgauge.weights.pair import TOLERANCE, Pair, tiny
from symgauge.weights.running import LARGE, Running
from symgauge.audits.runs import DRAWS, FEW_DRAWS, Runs
from symgauge.weights.spilled import changeable
from symgauge.weights.statement import Group, Held, Statement, statement_of


@dataclass(frozen=True)
class Question:
    """What is asked: of which target, at which of its outputs."""

    target: Target | Held
    observable: str
    output: str | int | None
    progress: Progress


class Case:
    """One audit under way."""

    def __init__(self, question: Question, program: Running, weights: Pair) -> None:
        self.question, self.program, self.weights = question, program, weights
        self.runs = Runs(program, weights)
        self.inputs: list[Inputs] = program.draws.draw(FEW_DRAWS if program.large else DRAWS, 0)

    def decide(self, statement: Statement | None) -> Audit:
        """Run, fit, compare."""
        weights, runs, asked = self.weights, self.runs, self.question
        asked.progress("outputs")
        self.wanted = runs.of(weights.before, self.inputs)
        floor = runs.half_floor(weights.before, self.wanted, self.inputs)
        asked.progress("families")
        if statement is None:
            statement = statement_of(asked.target, asked.observable, asked.output)
        asked.progress("element")
        found, groups = self._fitted(statement)
        there = runs.of(weights.after, self.inputs)
        floor = largest([
            floor, runs.half_floor(weights.after, there, self.inputs, found.sizes)])
        moved = change(self.wanted, there)
        far = excess(moved, floor)
        result = Audit(
            "UNKNOWN", "an output is not finite", share(moved, self.wanted),
            share(floor, self.wanted), extra=weights.extra, moved=len(weights.changed),
            tensors=len(weights.names), distances=dict(found.errors),
            families=families_of(groups, found), discrete=discrete_of(groups, found))
        if not np.isfinite(far) or not np.isfinite(result.floor):
            return result
        left = [n for n in found.unexplained if n not in self._idle(statement, found.unexplained)]
        if not left:
            return self._seen(self._carried(result, found, groups, far, floor), found, groups)
        judge = Judge(
            runs, statement, found, groups, left, self.inputs, list(self.wanted), floor,
            asked.progress)
        return self._seen(judge.judged(result), found, groups)

    def _idle(self, statement: Statement, left: Sequence[str]) -> frozenset[str]:
        """Of what is left the tensors that no output reads, by the program itself."""
        if not left or statement.unread:
            return frozenset()
        read = set(self.weights.names) - self.program.untouched
        # what the program holds may be why it reads no more
        free = not self.program.draws.counts and read <= statement.parameters
        return frozenset(self.program.untouched) | (statement.idle if free else frozenset())

    def _carried(
        self, result: Audit, found: Fit, groups: Sequence[Group], far: float, floor: Entries
    ) -> Audit:
        """The answer where every tensor that an output reads is carried to AFTER."""
        ground = _ground(found, groups)
        if result.floor >= UNRESOLVED:
            return replace(result, ground=unresolved(result.floor))
        if far > UNEQUAL:
            return replace(result, ground=f"{ground}, yet an output differs by {far:.0f} times "
                           "what rounding does to it")
        unproved = any(_unproved(groups[k], e) for k, e in found.elements.items())
        if unproved and all(bool(x.all()) for x in silent(floor, self.wanted)):
            return replace(result, ground=f"{ground}, but that is not proved, and {SILENCE}")
        held = self.program.draws.held
        return replace(
            result, verdict="EQUIVALENT", ground=ground + (
                f", with the input {', '.join(held)} as in the example" if held else ""))

    def _seen(self, result: Audit, found: Fit, groups: Sequence[Group]) -> Audit:
        """The answer, taken back where it rests on outputs, and others do not bear it out."""
        unproved = [
            (groups[k], e) for k, e in found.elements.items() if _unproved(groups[k], e)]
        if result.verdict != "EQUIVALENT" or not (unproved or found.unexplained):
            return result
        more: list[Inputs] = []
        if unproved:
            self.runs.hold(self.weights.before)
            more, unread = seen(
                self.program, unproved, [g for g in groups if g.proved], found.before, self.inputs)
            if unread:
                return replace(result, verdict="UNKNOWN", ground=(
                    f"{unproved[0][0].label} is not proved, and no input that was run reads "
                    f"{', '.join(unread[:3])}, which it moves"))
        others = [[x] for x in self.program.draws.far(3)] + ([more] if more else [])
        far = max((self._far(x) for x in others), default=0.0)
        return result if far <= UNEQUAL else replace(result, verdict="UNKNOWN", ground=(
            f"{result.ground}; yet at others an output differs by {far:.3g} times what rounding "
            "does to it"))

    def _far(self, inputs: Sequence[Inputs]) -> float:
        """How far outputs differ at inputs, in units of the floor; 0 where that cannot be said."""
        runs, before, after = self.runs, self.weights.before, self.weights.after
        wanted, there = runs.of(before, inputs), runs.of(after, inputs)
        far = excess(change(wanted, there), largest([
            runs.half_floor(before, wanted, inputs), runs.half_floor(after, there, inputs)]))
        return far if np.isfinite(far) else 0.0

    # -- the element ---------------------------------------------------------------------------

    def _fitted(self, statement: Statement) -> tuple[Fit, list[Group]]:
        """The fit, with elements that are not proved held against the function."""
        weights = self.weights
        changed = set(weights.changed)
        near = self._near(statement)
        names = changed.union(*(touched(g) for g in near))
        ordered = [n for n in weights.floating if n in names]
        wide = sum(self.program.tensors[n].numel() for n in ordered) <= LARGE
        before, after = (
            weights.arrays(c, ordered, wide) for c in (weights.before, weights.after))
        # an element is read from numbers
        broken = {n for n in ordered if not (
            np.isfinite(before[n]).all() and np.isfinite(after[n]).all())}
        near = [g for g in near if not broken & set(touched(g))]
        tolerance = {n: TOLERANCE.get(weights.dtypes[n], 1e-1) for n in ordered}
        least = {n: tiny(weights.dtypes[n]) for n in ordered}
        self.runs.release()
        while True:
            with products_in_one_thread():  # many small ones
                found = fit(near, before, after, tolerance, least)
            doubtful = {k: e for k, e in found.elements.items() if _unproved(near[k], e)}
            if not doubtful or self._holds(near, doubtful, before, wide):
                break
            wrong = [k for k, e in doubtful.items()
                     if not self._holds(near, {k: e}, before, wide)]
            if not wrong:
                break
            near = [replace(g, positive=True) if k in wrong else g for k, g in enumerate(near)
                    if k not in wrong or g.proved and not g.positive]
        for n in changed - set(ordered):
            found.leave_integers(n, *(
                weights.value(c, n).numpy() for c in (weights.before, weights.after)))
        return found, near

    def _near(self, statement: Statement) -> list[Group]:
        """The groups that move a tensor that changed, and none that is written for another."""
        changed, tied = set(self.weights.changed), self.weights.tied
        return [g for g in statement.groups if changed & {tied.get(n, n) for n in touched(g)}
                and not set(touched(g)) & set(tied)]

    def _holds(
        self, groups: Sequence[Group], elements: Mapping[int, Element],
        before: Mapping[str, Array], wide: bool,
    ) -> bool:
        """Whether elements leave the outputs as they are, at BEFORE."""
        state = changeable(before)
        for k, element in elements.items():
            apply(state, groups[k], element)
        names = dict.fromkeys(n for k in elements for n in touched(groups[k]))
        there: Outputs = self.runs.with_values(
            self.weights.before, {n: torch.as_tensor(state[n]) for n in names}, self.inputs)
        return distance(self.wanted, there) <= (1e-9 if wide else 1e-5)


def _unproved(group: Group, element: Element) -> bool:
    return not group.proved or is_negative(element)


def _ground(found: Fit, groups: Sequence[Group]) -> str:
    """What carries BEFORE to AFTER, in words."""
    idle = len(found.unexplained)
    but = " that an output reads" if idle else ""
    if not found.elements:
        return (
            f"every tensor{but} is BEFORE's within its dtype's rounding" if
            len(found.worst) > idle else "no output reads the entries that moved, by the program")
    labels = [groups[k].label for k in sorted(found.elements)]
    more = f" and {len(labels) - 2} more" if len(labels) > 2 else ""
    return (
        f"an element of the symmetries carries every tensor{but} from BEFORE to AFTER, entry by "
        f"entry or row by row within its dtype's rounding ({'; '.join(labels[:2])}{more})")
