"""What is not proved of an element, a permutation or a sign, held against the function."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from symgauge.capture import Target
from symgauge.derivation.element import GroupElement, to_numpy
from symgauge.weights.moving import Weights
from symgauge.weights.running import Inputs, Running, distance, running
from symgauge.weights.statement import Held

#: Largest change of an output, over the largest output, that rounding in float64 explains.
SAME = 1e-9
#: The change that a wrong element has to make.
SHOWN = 1e-6
DRAWS = 8


class Judge:
    """A target that is run at given weights, in float64, on random inputs of several scales.

    It is built when it is first asked. What holds for it is checked, not proved.
    """

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
        names = [n for n in program.tensors if n in self.weights]
        program.put(lambda n: _tensor(self.weights[n]), names)
        return program

    @cached_property
    def _inputs(self) -> list[Inputs]:
        return self._program.draw(1 if self._program.large else DRAWS, 0)

    @cached_property
    def _wanted(self) -> list[list[Tensor]]:
        return self._program.outputs(self._inputs)

    def holds(self, element: GroupElement) -> bool:
        """Whether the outputs stay as they are when the weights, as given, are moved by it.

        That one of the tensors alone, moved so, changes them is the planted failure: where none
        does, nothing is seen, and the answer is no.
        """
        wanted = self._wanted
        names = {m["parameter"] for p in element.parts
                 for m in element.families[p.family]["action"]}
        names = {n for n in names if n in self.weights}
        wide = {n: to_numpy(self.weights[n]).astype(float) for n in element.reads(names)}
        moved = element.apply(wide, names)

        def change(part: Collection[str]) -> float:
            self._program.put(lambda n: _tensor(moved[n]), list(part))
            found = distance(wanted, self._program.outputs(self._inputs))
            self._program.put(lambda n: _tensor(wide[n]), list(part))
            return found

        return change(names) <= SAME and any(change([n]) > SHOWN for n in sorted(names))


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.as_tensor(value)
