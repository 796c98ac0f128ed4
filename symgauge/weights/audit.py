"""Whether a change of weights left the function alone, by which element, or what spoilt it.

EQUIVALENT rests on an element of the program's symmetries that carries every tensor from BEFORE to
AFTER within its dtype's rounding; or, where no family names a move, on outputs that agree within
the rounding of the tensors that moved, and then that is said. DIFFERENT: the tensors that no
element explains change the outputs by more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from symgauge.capture import Target
from symgauge.progress import Progress, silent
from symgauge.weights.action import Array, Element, apply, touched
from symgauge.weights.blame import Blame, Wrong
from symgauge.weights.checkpoint import Checkpoint
from symgauge.weights.fit import Fit, discrete_of, families_of, fit, is_negative
from symgauge.weights.pair import Pair, epsilon, same
from symgauge.weights.running import LARGE, Inputs, Running, distance, running
from symgauge.weights.statement import Group, Held, Statement, statement_of

#: Relative errors up to which a fitted element reproduces a tensor of a dtype.
TOLERANCE = {
    torch.float64: 1e-11, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 1.6e-2,
}
#: In units of the floor: what is called equal, and from where on different.
EQUAL, UNEQUAL = 10.0, 100.0
#: Below this float64 itself rounds.
ROUNDING = 1e-15
DRAWS = 8


@dataclass(frozen=True)
class Audit:
    """The answer: its verdict, on what it rests, and the facts of the record."""

    verdict: str
    ground: str
    drift: float
    floor: float
    families: list[dict[str, Any]] = field(default_factory=list)
    blame: list[Blame] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    discrete: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    #: The relative distance of each tensor that moved, from where the element carries it.
    distances: dict[str, float] = field(default_factory=dict)
    moved: int = 0
    tensors: int = 0

    @property
    def distance(self) -> float:
        """Root mean square over the tensors of their distances after the fitted element.

        Of two points of one orbit it is rounding. An upper bound on the distance of two orbits:
        another element may bring them nearer.
        """
        if not self.tensors:
            return 0.0
        return float(np.sqrt(sum(d * d for d in self.distances.values()) / self.tensors))

    def to_json(self) -> dict[str, Any]:
        """The record, as plain data."""
        return {
            "verdict": self.verdict, "ground": self.ground, "drift": _plain(self.drift),
            "floor": _plain(self.floor), "families": self.families,
            "blame": [b.to_json() for b in self.blame], "unchanged": self.unchanged,
            "outside": self.outside, "discrete": self.discrete, "extra": self.extra,
            "distance": self.distance, "moved": self.moved, "tensors": self.tensors,
        }


def _plain(x: float) -> float | None:
    return x if np.isfinite(x) else None


def audit(
    target: Target | Held, before: Checkpoint, after: Checkpoint, *, observable: str = "logits",
    output: str | int | None = None, statement: Statement | None = None,
    progress: Progress = silent,
) -> Audit:
    """The audit of a change of weights of a TARGET, at its sizes or at its full ones.

    `statement` spares reading the program again, where it is known.

    Raises BadInputError where a tensor is missing, has another shape or is no longer of its kind
    (floats, integers), and where the module cannot be built or run.
    """
    progress("module")
    target, built = _fitting(target, before)
    with running(built, observable, output) as program:
        weights = Pair(program, before, after)
        if weights.untied:
            return _untied(weights)
        if not weights.changed:
            return Audit(
                "EQUIVALENT", "every tensor is the same, bit by bit", 0.0, 0.0,
                extra=weights.extra, tensors=len(weights.names))
        case = _Case(target, program, weights, observable, output, progress)
        return case.decide(statement)


def _fitting(
    target: Target | Held, before: Checkpoint
) -> tuple[Target | Held, tuple[Any, Any, Any]]:
    """The target at those of its sizes whose shapes the checkpoint has."""
    built = target.build()

    def fits(module: Any) -> bool:
        return all(
            before.shapes.get(n, tuple(t.shape)) == tuple(t.shape)
            for n, t in module.state_dict().items())

    if isinstance(target, Target) and target.full is not None and not fits(built[0]):
        from symgauge.capture import build_without_weights

        full = target.at(target.full)
        if fits(build_without_weights(full)[0]):
            return full, full.build()
    return target, built


def _untied(weights: Pair) -> Audit:
    """The answer where AFTER gives one tensor of TARGET two values: no function is both."""
    blame = []
    for pair in weights.untied:
        moved = [n for n in pair if n not in weights.before.shapes or not same(
            weights.before, n, weights.after, n)]
        blame += [
            Blame(n, "", f"moved, and TARGET ties it to {pair[0] if n == pair[1] else pair[1]}, "
                  "which AFTER gives another value: move both alike, or untie them in TARGET")
            for n in (moved if len(moved) == 1 else pair)]
    return Audit(
        "DIFFERENT", "AFTER holds two values for one tensor of TARGET; the module was not run",
        float("nan"), float("nan"), blame=blame, outside=[b.tensor for b in blame],
        extra=weights.extra, moved=len(weights.changed), tensors=len(weights.names))


class _Case:
    """One audit under way."""

    def __init__(
        self, target: Target | Held, program: Running, weights: Pair, observable: str,
        output: str | int | None, progress: Progress,
    ) -> None:
        self.target, self.program, self.weights = target, program, weights
        self.observable, self.output, self.progress = observable, output, progress
        # rows of tables that moved are looked up by the inputs that are drawn
        self.inputs: list[Inputs] = program.draw(
            1 if program.large else DRAWS, 0, self._moved_rows())

    def _moved_rows(self) -> dict[str, list[int]]:
        rows = {}
        for name in set(self.weights.changed) & set(self.program.tables):
            one, two = (self.weights.value(c, name).double()
                        for c in (self.weights.before, self.weights.after))
            rows[name] = (one != two).any(1).nonzero()[:, 0].tolist()
        return rows

    # -- runs ----------------------------------------------------------------------------------

    def _put(self, which: Checkpoint, names: Sequence[str] | None = None) -> None:
        self.program.put(
            lambda n: self.weights.value(which, n),
            self.weights.names if names is None else names)

    def _run(self) -> list[list[Tensor]]:
        return self.program.outputs(self.inputs)

    def _with(self, which: Checkpoint, values: Mapping[str, Array]) -> list[list[Tensor]]:
        """The outputs of one of the two with these values in place of its own.

        The program holds it, before and after: it is read again, so that no copy is kept.
        """
        self.program.put(lambda n: torch.as_tensor(values[n]), list(values))
        found = self._run()
        self._put(which, list(values))
        return found

    def _floor(
        self, which: Checkpoint, names: Sequence[str], base: Sequence[Sequence[Tensor]],
        casts: bool, coarse: Mapping[str, float] | None = None,
    ) -> float:
        """The output change under half a unit in the last place of these tensors.

        `casts` counts the narrower floats that the program rounds to as it runs; `coarse` is the
        rounding of the tensors that an element was read from.
        """
        inner = max((epsilon(d) for d in self.program.casts), default=0.0) if casts else 0.0
        generator = torch.Generator().manual_seed(1)
        for n in names:
            tensor = self.program.tensors[n]
            half = max(
                epsilon(self.weights.dtypes[n]), inner, (coarse or {}).get(n, 0.0)) / 2
            if tensor.is_floating_point():
                noise = 2 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64) - 1
                tensor.data.mul_(noise.mul_(half).add_(1))
        change = distance(base, self._run())
        self._put(which, names)
        return change

    # -- the answer ----------------------------------------------------------------------------

    def decide(self, statement: Statement | None) -> Audit:
        """Run, fit, compare."""
        weights, progress = self.weights, self.progress
        progress("outputs")
        self._put(weights.before)
        self.wanted = self._run()
        floor = self._floor(weights.before, weights.floating, self.wanted, casts=True)
        progress("families")
        if statement is None:
            statement = statement_of(self.target, self.observable, self.output)
        progress("element")
        found, groups = self._fitted(statement)
        self._put(weights.after)
        there = self._run()
        floor = max(floor, self._floor(weights.after, weights.floating, there, casts=True))
        drift = distance(self.wanted, there)
        result = Audit(
            "UNKNOWN", "an output is not finite", drift, floor, extra=weights.extra,
            moved=len(weights.changed), tensors=len(weights.names), distances=dict(found.errors),
            families=families_of(groups, found), discrete=discrete_of(groups, found))
        if not np.isfinite(drift) or not np.isfinite(floor):
            return result
        if found.unexplained:
            return self._judged(result, statement, found, groups, there)
        if drift <= UNEQUAL * max(floor, ROUNDING):
            return replace(
                result, verdict="EQUIVALENT", ground="the element of the symmetries named below "
                "carries every tensor from BEFORE to AFTER")
        return replace(
            result, ground="an element carries every tensor from BEFORE to AFTER within its "
            "dtype's rounding, yet the outputs differ by more than the floor")

    def _judged(
        self, result: Audit, statement: Statement, found: Fit, groups: Sequence[Group],
        there: Sequence[Sequence[Tensor]],
    ) -> Audit:
        """The answer where elements leave some tensors: by what these do to AFTER's outputs."""
        weights, left = self.weights, found.unexplained
        cured = self._with(weights.after, {n: found.state[n] for n in left})
        effect = distance(there, cured)
        noise = max(self._floor(
            weights.after, left, there, False, self._read_with(found, left)), ROUNDING)
        changed = set(weights.changed)
        result = replace(
            result, unchanged=[n for n in left if n not in changed],
            outside=[n for n in left if n in changed])
        if effect <= EQUAL * noise:
            return replace(
                result, verdict="EQUIVALENT", ground=self._reason(statement, left, noise))
        if effect < UNEQUAL * noise:
            return replace(
                result, ground=f"no family names the move of {_named(left)}, and the outputs "
                f"change by {effect / noise:.0f} times what its rounding does")
        self.progress("what is wrong")
        wrong = Wrong(
            self.program, groups, found, weights.changed, self.inputs, self.wanted,
            {n: weights.value(weights.before, n) for n in self._solvable(left)})
        is_cured = distance(self.wanted, cured) <= UNEQUAL * max(result.floor, ROUNDING)
        return replace(
            result, verdict="DIFFERENT", blame=wrong.blamed(is_cured, len(weights.names)),
            ground=f"the outputs change by {result.drift:.2g} of the largest, and rounding changes "
            f"them by {result.floor:.2g}")

    def _solvable(self, left: Sequence[str]) -> list[str]:
        """Tensors that may be solved for: all of a small model, those left of a large one."""
        return list(left) if self.program.large else self.weights.floating

    def _reason(self, statement: Statement, left: Sequence[str], noise: float) -> str:
        why = (
            f"the program could not be read ({statement.unread:.200})" if statement.unread
            else "no family of the derived symmetries does so")
        dead = self._unread(left)
        if dead:
            why = "no output reads the entries that moved, on all inputs that were run"
        return (
            f"the outputs agree within the rounding of what moved ({noise:.2g}), on "
            f"{len(self.inputs)} random inputs of several scales; what carries {_named(left)} to "
            f"AFTER is not named: {why}")

    def _unread(self, left: Sequence[str]) -> bool:
        """Whether no output depends on what these tensors hold."""
        for n in left:
            if not self.program.tensors[n].is_floating_point():
                continue
            value = self.program.tensors[n]
            other = value.detach().clone().numpy()
            moved = self.weights.value(self.weights.before, n).double().numpy() != other
            scale = float(np.abs(other).max()) or 1.0
            other = np.where(moved, other + scale, other)
            if distance(self._run(), self._with(self.weights.after, {n: other})) > ROUNDING:
                return False
        return True

    def _read_with(self, found: Fit, names: Sequence[str]) -> dict[str, float]:
        """The rounding of the tensors from which these tensors' elements were read."""
        return {
            n: max((epsilon(d) for d, t in TOLERANCE.items()
                    if n in found.tolerance and t <= found.tolerance[n]), default=0.0)
            for n in names}

    # -- the element ---------------------------------------------------------------------------

    def _fitted(self, statement: Statement) -> tuple[Fit, list[Group]]:
        """The fit, with elements that are not proved held against the function."""
        weights = self.weights
        changed = set(weights.changed)
        tied = weights.tied
        near = [g for g in statement.groups if changed & {tied.get(n, n) for n in touched(g)}
                and not set(touched(g)) & set(tied)]
        names = set(changed) & set(weights.floating)
        for g in near:
            names |= set(touched(g)) & set(weights.floating)
        ordered = [n for n in weights.floating if n in names]
        wide = sum(prod(weights.before.shapes[weights.sources[n]]) for n in ordered) <= LARGE
        before, after = (
            weights.arrays(c, ordered, wide) for c in (weights.before, weights.after))
        tolerance = {n: TOLERANCE.get(weights.dtypes[n], 1e-1) for n in ordered}
        while True:
            found = fit(near, before, after, tolerance)
            doubtful = {k: e for k, e in found.elements.items() if _unproved(near[k], e)}
            if not doubtful or self._holds(near, doubtful, before, wide):
                break
            wrong = [k for k, e in doubtful.items()
                     if not self._holds(near, {k: e}, before, wide)]
            if not wrong:
                break
            near = [_positive(g) if k in wrong else g for k, g in enumerate(near)
                    if k not in wrong or g.proved and not g.positive]
        for n in changed - set(ordered):  # integers
            found.errors[n] = 1.0
            found.state[n] = weights.value(weights.before, n).numpy()
            found.tolerance = {**found.tolerance, n: 0.0}
        return found, near

    def _holds(
        self, groups: Sequence[Group], elements: Mapping[int, Element],
        before: Mapping[str, Array], wide: bool,
    ) -> bool:
        """Whether elements leave the outputs as they are, at BEFORE."""
        state = dict(before)
        for k, element in elements.items():
            apply(state, groups[k], element)
        moved = {n: v for n, v in state.items() if v is not before[n]}
        there = self._with(self.weights.before, moved)
        return distance(self.wanted, there) <= (1e-9 if wide else 1e-5)


def _unproved(group: Group, element: Element) -> bool:
    return not group.proved or is_negative(element)


def _positive(group: Group) -> Group:
    return replace(group, positive=True)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
