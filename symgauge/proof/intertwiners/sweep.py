"""One pass over the lines that vary, in order, with one lemma per law."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from symgauge.spaces.line import Address, Line
from symgauge.spaces.structure import Structure

V = TypeVar("V")


@dataclass(frozen=True)
class Step(Generic[V]):
    """A line of a proof: which lemma was used on which line, and the variation it gives."""

    line: Line
    variation: V | None


def sweep(
    structure: Structure,
    start: Mapping[int, V],
    lemma: Callable[[Line, list[V | None]], V | None],
) -> tuple[list[Step[V]], dict[int, V]]:
    """The variations of all lines that vary, given those of some leaves; and those of outputs.

    `lemma` gives a line's variation from its inputs' (None: it does not vary), or raises
    NoLemma.
    """
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


def side_by_side(
    left: Sequence[Address], right: Sequence[Address], inner: tuple[int, int]
) -> bool:
    """Whether both factors of a contraction have their copies at the same places.

    `inner` are the contracted axes: copies are summed together, or number a batch of both.
    """
    return len(left) == len(right) and all(
        (c[0] == inner[0] and d[0] == inner[1] and c[1:] == d[1:])
        or (c == d and c[0] < min(inner))
        for c, d in zip(left, right, strict=True)
    )


def start_of_field(line: Line, field: Structure, inputs: list[V | None]) -> dict[int, V]:
    """What varies in the program of a vector field: its state, and the parameters given to it."""
    given = dict(zip(field.network.parameter_nodes, inputs[1:], strict=True))
    given[field.state] = inputs[0]
    return {i: v for i, v in given.items() if v is not None}
