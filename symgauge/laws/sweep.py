"""One pass over the lines that vary, in order, with the lemma of each line's law."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from symgauge.laws import all_laws
from symgauge.laws.shifting import Shifted, Shifting
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Scaled, Weighing, Weights
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure

V = TypeVar("V")


@dataclass(frozen=True)
class Step(Generic[V]):
    """A line of a proof: which lemma was used on which line, and the variation it gives."""

    line: Line
    variation: V | None


#: The lines that vary with their variations, and those of outputs that do.
Swept = tuple[list[Step[V]], dict[int, V]]


def turned(turning: Turning, start: Mapping[int, Turned]) -> Swept[Turned]:
    """How a matrix on a leg moves the lines. Raises NoLemma where a line has no lemma."""

    def lemma(line: Line, inputs: list[Turned | None]) -> Turned | None:
        if turning.joined is not None:
            return None  # this sweep is void
        law = all_laws()[line.law]
        if turning.permutes:
            return law.reordered(turning, line, inputs) or None
        squares = [t for t in inputs if t is not None and t.squared]
        if not squares:
            return law.turned(turning, line, inputs) or None
        if len(inputs) > 1:
            if sum(map(bool, inputs)) > 1:
                raise NoLemma("squares of single entries are used")
            k = next(k for k, t in enumerate(inputs) if t)
            return law.weighs_squares(turning, line, k, squares[0]) or None
        return law.squared(turning, line, squares[0]) or None

    return _sweep(turning.structure, start, lemma)


def weighed(
    weighing: Weighing, start: Mapping[int, Weights], logs: Mapping[int, Weights] | None = None
) -> Swept[Scaled]:
    """The weights of the lines; the equations that they satisfy are added.

    `logs`: the parameters to which logarithms of the factors are added.
    """
    def lemma(line: Line, inputs: list[Scaled | None]) -> Scaled | None:
        given = [x or Scaled({}) for x in inputs]
        return all_laws()[line.law].scaled(weighing, line, given).moving or None

    logs = logs or {}
    return _sweep(
        weighing.structure,
        {i: Scaled(start.get(i, {}), logs.get(i, {})) for i in {**start, **logs}}, lemma)


def shifted(shifting: Shifting, start: Mapping[int, Shifted]) -> Swept[Shifted]:
    """How shifts move the lines. Raises NoLemma where a line has no lemma."""

    def lemma(line: Line, inputs: list[Shifted | None]) -> Shifted | None:
        if shifting.absorbed is not None:
            return None  # this sweep is void
        law = all_laws()[line.law]
        masked = any(s is not None and s.mask is not None for s in inputs)
        if masked and not law.takes_masked:
            raise NoLemma("masked entries are used")
        return law.shifted(shifting, line, inputs) or None

    return _sweep(shifting.structure, start, lemma)


def _sweep(
    structure: Structure, start: Mapping[int, V], lemma: Callable[[Line, list[V | None]], V | None],
) -> Swept[V]:
    state: dict[int, V] = dict(start)
    steps: list[Step[V]] = []
    queue = list({u for i in start for u in structure.users.get(i, ())})
    heapq.heapify(queue)
    queued = set(queue)
    while queue:
        i = heapq.heappop(queue)
        line = structure.lines[i]
        found = lemma(line, [state.get(j) for j in line.inputs])
        steps.append(Step(line, found))
        if found is None:
            continue
        state[i] = found
        for u in structure.users.get(i, ()):
            if u not in queued:
                queued.add(u)
                heapq.heappush(queue, u)
    return steps, {i: state[i] for i in structure.network.outputs if i in state}


def start_of_field(line: Line, field: Structure, inputs: Sequence[V | None]) -> dict[int, V]:
    """What varies in the program of a vector field: its state, and the parameters given to it."""
    given = dict(zip(field.network.parameter_nodes, inputs[1:], strict=True))
    given[field.state] = inputs[0]
    return {i: v for i, v in given.items() if v is not None}
