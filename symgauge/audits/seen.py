"""Whether what is not proved could be seen: the inputs read what it moves in each tensor.

A permutation, or a scaling by a negative number, is held against the function. Where no input that
is run reads what moves (rows that no id picks, a branch that is not taken), any would pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from symgauge.audits.meeting import Meeting
from symgauge.weights.action import Array, Element, apply, rows_of
from symgauge.weights.inputs import Inputs
from symgauge.weights.running import Running
from symgauge.weights.statement import Group

#: A group, and its element.
Unproved = tuple[Group, Element]


def seen(
    program: Running, unproved: Sequence[Unproved], state: Mapping[str, Array],
    inputs: Sequence[Inputs],
) -> tuple[list[Inputs], list[str]]:
    """More inputs that read what these elements move; the tensors of which none reads enough.

    Of each tensor some entry that an order moves is to be read, and of each index whose sign turns.
    The program holds `state`.
    """
    moved = _moved(unproved, state)
    meeting = Meeting(program, moved)
    meeting.meet(inputs)
    _forget_read(meeting, unproved, moved)
    more = meeting.seek()
    _forget_read(meeting, unproved, moved)
    return more, meeting.words()


def _moved(unproved: Sequence[Unproved], state: Mapping[str, Array]) -> dict[str, Tensor]:
    """Which entries these elements move."""
    found: dict[str, Tensor] = {}
    for group, element in unproved:
        there = dict(state)
        if group.kind is not None:  # numbers are proved, their signs are not
            element = Element(group.kind, np.sign(element.values))
        apply(there, group, element)
        for name in group.tensors:
            mask = torch.as_tensor(there[name] != state[name])
            found[name] = found[name] | mask if name in found else mask
    return found


def _forget_read(
    meeting: Meeting, unproved: Sequence[Unproved], moved: Mapping[str, Tensor]
) -> None:
    """Strike off the places, or indices, of which an entry was met."""
    for group, _ in unproved:
        for move in group.moves:
            name = move.parameter
            if name not in meeting.left:
                continue
            read = (moved[name] & ~meeting.left[name]).numpy()
            whole = np.zeros_like(read)
            rows = rows_of(np.arange(read.size).reshape(read.shape), move)
            # signs index by index; an order is one whole, sleeping units among its indices
            over = (0, 1, 2) if group.kind is None else (1,)
            along = read.reshape(-1)[rows].any(over, keepdims=True)
            whole.reshape(-1)[rows] = np.broadcast_to(along, rows.shape)
            meeting.forget(name, torch.as_tensor(whole))
