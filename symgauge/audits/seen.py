"""Whether what is not proved could be seen: the inputs read what it moves in each tensor.

A permutation, or a scaling by a negative number, is held against the function. Where no input that
is run reads what moves (rows that no id picks, a branch that is not taken), any would pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from symgauge.audits.meeting import Meeting
from symgauge.weights.action import Array, Element, apply, rows_of, touched
from symgauge.weights.inputs import Inputs
from symgauge.weights.running import Running
from symgauge.weights.statement import Group

#: A group, and its element.
Unproved = tuple[Group, Element]


def seen(
    program: Running, unproved: Sequence[Unproved], proved: Sequence[Group],
    state: Mapping[str, Array], inputs: Sequence[Inputs],
) -> tuple[list[Inputs], list[str]]:
    """More inputs that read what these elements move; the tensors of which none reads enough.

    Of each tensor some entry that an order moves is to be read, and of each index whose sign turns;
    not of entries that a proved family shifts alone, which no output reads. The program holds
    `state`.
    """
    moved = _moved(unproved, state)
    for name, free in _free(proved, state):
        if name in moved:
            moved[name] &= ~free
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
        there = {n: state[n] for n in touched(group)}
        if group.kind is not None:  # numbers are proved, their signs are not
            element = Element(group.kind, np.sign(element.values))
        apply(there, group, element)
        for name in group.tensors:
            mask = torch.as_tensor(there[name] != state[name])
            found[name] = found[name] | mask if name in found else mask
    return found


def _free(
    proved: Sequence[Group], state: Mapping[str, Array]
) -> Iterator[tuple[str, Tensor]]:
    """Entries of a tensor that may be anything: each is shifted by a number of its own."""
    for group in proved:
        alone = group.kind is not None and group.kind.is_shift and len(group.moves) == 1
        if not alone or group.via or group.moves[0].parameter not in state:
            continue
        move = group.moves[0]
        entries = np.arange(state[move.parameter].size).reshape(state[move.parameter].shape)
        rows = rows_of(entries, move)
        if rows.shape[1] == 1:
            mask = np.zeros(entries.shape, dtype=bool)
            mask.reshape(-1)[rows] = True
            yield move.parameter, torch.as_tensor(mask)


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
