"""The answer where elements leave some tensors: by what these do to AFTER's outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan

import torch
from torch import Tensor

from symgauge.progress import Progress
from symgauge.weights.action import Array
from symgauge.audits.answer import Audit
from symgauge.audits.blame import Wrong
from symgauge.audits.differences import (
    UNRESOLVED, Entries, Outputs, change, clear, excess, excess_of_channels, follows, largest,
    resolved, share, silent,
)
from symgauge.audits.fit import Fit, shaken
from symgauge.weights.inputs import Inputs
from symgauge.audits.meeting import Meeting
from symgauge.weights.pair import TOLERANCE, epsilon
from symgauge.audits.runs import Runs
from symgauge.weights.statement import Group, Statement

#: In units of the floor: what is called equal, and from where on different.
EQUAL, UNEQUAL = 10.0, 100.0
SILENCE = "an output is one number at all inputs that were run, which shows nothing"


def unresolved(floor: float) -> str:
    """The reason where rounding leaves nothing of an output to be seen."""
    return (f"rounding alone changes an output by {floor:.2g} of its largest value, so that "
            "nothing is to be seen there")


@dataclass
class Judge:
    """What is known of an audit whose elements leave the tensors `left`."""

    runs: Runs
    statement: Statement
    found: Fit
    groups: Sequence[Group]
    left: Sequence[str]
    inputs: list[Inputs]
    #: BEFORE's outputs, and the floor of each entry of them.
    wanted: list[Sequence[Tensor]]
    floor: Entries
    progress: Progress
    #: What no element explains, entry by entry; AFTER's outputs, with that put right, and what it
    #: does and its rounding does to them.
    moved: dict[str, Tensor] = field(init=False)
    there: Outputs = field(init=False)
    cured: Outputs = field(init=False)
    effect: Entries = field(init=False)
    noise: Entries = field(init=False)

    def judged(self, result: Audit) -> Audit:
        """The answer."""
        changed = set(self.runs.weights.changed)
        result = replace(
            result, unchanged=[n for n in self.left if n not in changed],
            outside=[n for n in self.left if n in changed])
        self.moved = {n: self._moved(n) for n in self.left}
        values = self._after_but(self.found.state)
        self._look(values, self.inputs)
        unmet: list[str] = []
        if excess(self.effect, self.noise) <= UNEQUAL:
            self.progress("inputs that meet what moved")
            unmet = self._meet(values)
        times = excess(self.effect, self.noise)
        if isnan(times):
            return replace(result, ground="an output is not finite")
        if not times <= UNEQUAL:
            return self._different(result, times)
        reason = self._doubt(times, unmet)
        if reason:
            return replace(result, ground=reason)
        return replace(result, verdict="EQUIVALENT", ground=self._ground())

    # -- what is seen --------------------------------------------------------------------------

    def _moved(self, name: str) -> Tensor:
        """Which entries of a tensor no element explains."""
        state, after = (torch.as_tensor(x[name]) for x in (self.found.state, self.found.after))
        if not state.is_floating_point():
            return state != after
        size = torch.maximum(after.abs(), state.abs())
        if name in self.found.sizes:
            size = torch.maximum(size, torch.as_tensor(self.found.sizes[name]).view(size.shape))
        # half of it: a row may be off where each entry is just within it
        apart = (state - after).abs()
        # what is no number is near to none
        near = apart.isfinite() & (apart <= self.found.tolerance[name] / 2 * size)
        return (state != after) & ~near

    def _after_but(self, state: Mapping[str, Array]) -> dict[str, Tensor]:
        """AFTER's tensors with what is not explained as it is in this state."""
        return {
            n: torch.where(mask, torch.as_tensor(state[n]), torch.as_tensor(self.found.after[n]))
            for n, mask in self.moved.items()}

    def _look(self, values: Mapping[str, Tensor], inputs: Sequence[Inputs]) -> None:
        """What that which is not explained does to AFTER's outputs, and what its rounding does."""
        runs, after = self.runs, self.runs.weights.after
        self.there = runs.of(after, inputs)
        self.cured = runs.with_values(after, values, inputs)
        units = {
            n: max(epsilon(runs.weights.dtypes[n]), self._read_with(n)) * self.moved[n].double()
            for n in self.left if n in runs.weights.floating}
        self.effect = change(self.there, self.cured)
        self.noise = largest([
            runs.floor(after, self.there, inputs, units, runs.noises),
            runs.float64_floor(after, self.there, inputs, self.floor)])

    def _read_with(self, name: str) -> float:
        """The rounding of the tensors from which a tensor's elements were read."""
        tolerance = self.found.tolerance[name]
        return max((epsilon(d) for d, t in TOLERANCE.items() if t <= tolerance), default=0.0)

    def _meet(self, values: Mapping[str, Tensor]) -> list[str]:
        """Run inputs that meet what the first ones do not; where there are none for some."""
        runs = self.runs
        runs.hold(runs.weights.after)
        meeting = Meeting(runs.program, self.moved)
        meeting.meet(self.inputs)
        more = meeting.seek()
        if more:
            wanted = runs.of(runs.weights.before, more)
            self.floor = [*self.floor, *runs.half_floor(runs.weights.before, wanted, more)]
            self.inputs, self.wanted = [*self.inputs, *more], [*self.wanted, *wanted]
            self._look(values, self.inputs)
        return meeting.words()

    # -- the answer ----------------------------------------------------------------------------

    def _different(self, result: Audit, times: float) -> Audit:
        """DIFFERENT, unless the element itself is not known well enough to say so."""
        runs, found = self.runs, self.found
        seen = clear(resolved(self.effect, self.floor, self.wanted), self.noise, UNEQUAL)
        if not excess(seen, self.noise) > UNEQUAL:
            return replace(result, ground=unresolved(share(self.floor, self.wanted)))
        if excess(seen, self.floor) > EQUAL and follows(
                self.wanted, self.cured, self.there, self.floor) < 0.5:
            return replace(
                result, ground=f"no family names the move of {_named(self.left)}, and what it does "
                f"to an output ({times:.0f} times its rounding) others undo within theirs")
        units = {t: epsilon(d) for d, t in TOLERANCE.items()}
        off = shaken(self.groups, found, units)
        unsure = change(self.cured, runs.with_values(
            runs.weights.after, self._after_but(off), self.inputs))
        if not excess_of_channels(seen, unsure, self.wanted) > EQUAL:
            return replace(
                result, ground=f"an output changes by {times:.0f} times what rounding does, but "
                f"the numbers are too coarse to say which element {_named(self.left)} must follow")
        self.progress("what is wrong")
        runs.hold(runs.weights.after)
        solvable = list(self.left) if runs.program.large else runs.weights.floating
        wrong = Wrong(
            runs.program, self.groups, found, self.left, runs.weights.changed, self.inputs,
            self.wanted, {n: runs.weights.value(runs.weights.before, n) for n in solvable
                          if n in runs.weights.floating})
        is_cured = excess(change(self.wanted, self.cured), self.floor) <= UNEQUAL
        return replace(
            result, verdict="DIFFERENT",
            blame=wrong.blamed(is_cured, len(runs.weights.names)),
            ground=f"{_named(self.left)} {'change' if len(self.left) > 1 else 'changes'} an output "
            f"by {times:.3g} times what rounding does to it")

    def _doubt(self, times: float, unmet: Sequence[str]) -> str:
        """Why outputs that agree at these inputs do not show that the function is the same."""
        moved = excess(change(self.wanted, self.there), self.floor)
        resolution = max(share(x, self.wanted) for x in (self.floor, self.noise))
        held = self.runs.program.draws.held
        if not times <= EQUAL:
            return (f"no family names the move of {_named(self.left)}, and an output changes by "
                    f"{times:.0f} times what its rounding does")
        if not moved <= UNEQUAL:
            return f"an output differs from BEFORE's by {moved:.0f} times what rounding does to it"
        if not resolution < UNRESOLVED:
            return unresolved(resolution)
        if unmet:
            return (f"no input that was run meets {_named(unmet)}, which moved and which no family "
                    "explains; give an example that reads them")
        if held:
            return (f"no family names the move of {_named(self.left)}, and the input "
                    f"{', '.join(held)} was run as in the example alone")
        dead = any(bool(x.any()) for x in silent(self.floor, self.wanted))
        return f"no family names the move of {_named(self.left)}, and {SILENCE}" if dead else ""

    def _ground(self) -> str:
        why = (
            f"the program could not be read ({self.statement.unread:.200})"
            if self.statement.unread else "no family of the derived symmetries does so")
        noise = share(self.noise, self.wanted)
        return (
            f"the outputs agree within the rounding of what moved ({noise:.2g}), on "
            f"{len(self.inputs)} random inputs of several scales; what carries "
            f"{_named(self.left)} to AFTER is not named: {why}")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
