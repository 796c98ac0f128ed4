"""A target run at given weights and at moved ones: how far its outputs change, and rounding does.

Outputs are looked at channel by channel: an index of an output's last axis, at all inputs. A change
of a small channel is not hidden by a large one beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from symgauge.capture import Target
from symgauge.checks import actions
from symgauge.derivation.element import GroupElement, to_numpy
from symgauge.weights.checkpoint import Checkpoint
from symgauge.weights.moving import Weights
from symgauge.weights.pair import epsilon
from symgauge.weights.running import Running, running
from symgauge.weights.statement import Held

#: The change of a channel that a wrong element has to make.
SHOWN = 1e-6
#: In units of what rounding does to a channel: what is called equal.
FLOORS = 100.0
#: What float64 itself rounds of a channel; more than this may not hide in rounding.
ROUNDING, UNRESOLVED, EPSILON = 1e-15, 0.01, 2.0 ** -52
DRAWS, NOISES = 8, 2

Put = Callable[[str], Tensor]


@dataclass(frozen=True)
class Measured:
    """How far outputs change, in units of a channel's largest entry, and what rounding does.

    `drift` is that of the element, in float64; `stored` that of the result as it is stored, and
    `rounding` what half a unit in the last place of every stored tensor does. EQUIVALENT: each
    channel drifts by at most 100 times what rounding in float64 makes of it, and the result by as
    much of its own. DIFFERENT: one changes by more. UNKNOWN: a channel is not finite, or rounding
    in float64 hides a hundredth of it.
    """

    verdict: str
    drift: float
    floor: float
    stored: float
    rounding: float


class Trial:
    """A target with weights, in float64, on random inputs of several scales; built when asked."""

    def __init__(
        self, target: Target | Held, weights: Weights, observable: str = "logits",
        output: str | int | None = None,
    ) -> None:
        self.target, self.weights = target, weights
        self.observable, self.output = observable, output
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def _program(self) -> Running:
        program = self._stack.enter_context(
            running(self.target.build(), self.observable, self.output))
        self._put_back(program)
        return program

    def _put_back(self, program: Running, names: Collection[str] | None = None) -> None:
        names = program.tensors if names is None else names
        program.put(lambda n: _tensor(self.weights[n]),
                    [n for n in names if n in self.weights and n not in program.tied])

    @cached_property
    def _inputs(self) -> list[Any]:
        return self._program.draws.draw(1 if self._program.large else DRAWS, 0)

    @cached_property
    def _wanted(self) -> list[Tensor]:
        return self._outputs()

    def _outputs(self) -> list[Tensor]:
        """Each output as (channels, entries of all inputs)."""
        found = self._program.outputs(self._inputs)
        return [torch.cat([_channels(x) for x in several], 1)
                for several in zip(*found, strict=True)]

    def _change(self, put: Put, names: Collection[str]) -> list[Tensor]:
        """The change of each channel, relative, while these tensors hold other values."""
        wanted = self._wanted
        self._program.put(put, list(names))
        found = _relative(wanted, self._outputs())
        self._put_back(self._program, names)
        return found

    def holds(self, element: GroupElement) -> bool:
        """Whether the outputs stay as they are when the weights, as given, are moved by it.

        That one of the tensors alone, moved so, changes them is the planted failure: where none
        does, nothing is seen, and the answer is no. What holds is checked, not proved.
        """
        names = {
            n for p in element.parts for n in actions.targets(element.families[p.family])}
        wide = {n: to_numpy(self.weights[n]).astype(float) for n in element.reads(names)}
        moved = element.apply(wide, names)

        def change(part: Collection[str]) -> list[Tensor]:
            return self._change(lambda n: _tensor(moved[n]), part)

        # where an output is no number any element would pass
        if not all(bool(f.isfinite().all()) for f in self._rounding):
            return False
        return not _beyond(change(names), self._rounding) and any(
            _largest(change([n])) > SHOWN for n in sorted(names)) and self._holds_far(
                lambda n: _tensor(moved[n]), names)

    @cached_property
    def _far(self) -> list[tuple[Any, list[Tensor]]]:
        """Inputs of scales beyond the others, where all outputs are finite, with these."""
        found = [(x, self._program.outputs([x])[0]) for x in self._program.draws.far(0)]
        return [(x, outs) for x, outs in found if all(bool(o.isfinite().all()) for o in outs)]

    def _holds_far(self, put: Put, names: Collection[str]) -> bool:
        """Whether no threshold that the other inputs do not reach tells the moved weights."""
        wanted = self._far
        self._program.put(put, list(names))
        found = [self._program.outputs([x])[0] for x, _ in wanted]
        self._put_back(self._program, names)
        return all(
            _largest(_relative(*([_channels(o) for o in outs] for outs in (one, two)))) <= SHOWN
            for (_, one), two in zip(wanted, found, strict=True))

    @cached_property
    def _rounding(self) -> list[Tensor]:
        """What rounding in float64 does to each channel."""
        program = self._program
        names = [n for n in program.tensors if n in self.weights and n not in program.tied]
        return self._floors(lambda n: EPSILON, names)

    def measured(self, element: GroupElement, after: Checkpoint) -> Measured:
        """How far the outputs change when the weights are moved by it, and as `after` holds them.

        The element is looked at in float64: what a narrow dtype rounds would hide a wrong one.
        """
        program = self._program
        names = [n for n in program.tensors if n in after.shapes and n not in program.tied]
        changes, stored = self._change(self._moved_by(element), names), self._change(
            after.tensor, names)
        floors = self._rounding
        inner = max((epsilon(d) for d in program.casts), default=0.0)
        coarse = self._floors(lambda n: max(
            epsilon(_tensor(self.weights[n]).dtype), epsilon(after.dtypes[n]), inner), names)
        said = [_largest(c) for c in (changes, floors, stored, coarse)]
        if not said[0] < float("inf") or not FLOORS * said[1] < UNRESOLVED:
            return Measured("UNKNOWN", *said)
        far = _beyond(changes, floors) or _beyond(stored, coarse)
        return Measured("DIFFERENT" if far else "EQUIVALENT", *said)

    def _moved_by(self, element: GroupElement) -> Put:
        """The weights moved in float64, each read when it is asked for."""
        def put(name: str) -> Tensor:
            state = {n: self.weights[n] for n in element.reads([name])}
            wide = {n: _tensor(t) for n, t in state.items()}
            wide = {n: t.double() if t.is_floating_point() else t for n, t in wide.items()}
            found: Tensor = element.apply(wide, [name])[name]
            return found

        return put

    def _floors(self, epsilon_of: Callable[[str], float], names: Sequence[str]) -> list[Tensor]:
        """What half a unit in the last place of every tensor does to each channel."""
        generator = torch.Generator().manual_seed(1)

        def noisy(name: str) -> Tensor:
            value = _tensor(self.weights[name])
            if not value.is_floating_point():
                return value
            noise = 2 * torch.rand(value.shape, generator=generator, dtype=torch.float64) - 1
            return value.double() * (1 + epsilon_of(name) / 2 * noise)

        found = [torch.full((len(w),), ROUNDING, dtype=torch.float64) for w in self._wanted]
        for _ in range(NOISES):
            found = [torch.maximum(a, b) for a, b in zip(
                found, self._change(noisy, names), strict=True)]
        return found


def _channels(x: Tensor) -> Tensor:
    x = x.double()
    return x.reshape(-1, x.shape[-1]).T if x.ndim else x.reshape(1, 1)


def _relative(one: Sequence[Tensor], two: Sequence[Tensor]) -> list[Tensor]:
    """The largest change of each channel over its largest entry; infinite where one is no number.

    Entries that hold one infinity in both, as masks do, are the same.
    """
    found = []
    for a, b in zip(one, two, strict=True):
        change = torch.where(a == b, 0.0, (a - b).abs()).nan_to_num(nan=torch.inf)
        size = torch.where(a.isfinite(), a.abs(), 0.0).amax(1)
        top = change.amax(1)
        found.append(torch.where(top > 0, top / size, 0.0))
    return found


def _beyond(changes: Sequence[Tensor], floors: Sequence[Tensor]) -> bool:
    """Whether a channel changes by more than rounding explains."""
    return any(bool((c > FLOORS * f).any()) for c, f in zip(changes, floors, strict=True))


def _largest(changes: Sequence[Tensor]) -> float:
    return max((float(c.max()) for c in changes if c.numel()), default=0.0)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.as_tensor(value)
