"""Rows that begin otherwise than their neighbours: one of parameters, joined to free ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from symgauge.program.array import Array
from symgauge.program.leaf import Input
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure
from symgauge.sums.affine import Affine, Reader


@dataclass(frozen=True)
class Rows:
    """A row of parameters, `own`, and rows `free` that read an input, joined; it is row `at`."""

    node: int
    feats: tuple[Address, ...]
    free: Affine
    own: Affine
    at: int


def rows_of(reader: Reader, line: Line, feats: tuple[Address, ...]) -> Rows | None:
    """The reading of a join of one row of parameters with rows of an input, or None."""
    axis = line.attrs["axis"]
    if len(line.inputs) != 2 or axis == len(line.shape) - 1 or set(feats) != set(
            reader.last_axis(line.node)):
        return None
    read = [reader.read(j, reader.last_axis(j)) for j in line.inputs]
    for k in (0, 1):
        own, free = read[k], read[1 - k]
        if reader.structure.network.nodes[line.inputs[k]].shape[axis] == 1 and (
                own.biases and not own.terms and not own.constant) and not any(
                b.factors or b.rows for b in own.biases) and len(free.terms) == 1:
            return Rows(line.node, feats, free, own, 0 if k == 0 else line.shape[axis] - 1)
    return None


def rearranged(structure: Structure, node: int) -> Input | None:
    """The input of which a line is entries in another order, none of them twice; or None.

    Nothing else reads the input: two orders of one input are not independent.
    """
    found = _entries(structure, node)
    if found is None or found[0].classes or len(np.unique(found[1])) < found[1].size:
        return None
    return found[0]


def _entries(structure: Structure, node: int) -> tuple[Input, Array] | None:
    """An input, and which of its entries stands where."""
    line = structure.network.nodes[node]
    if isinstance(line.leaf, Input):
        return line.leaf, np.arange(prod(line.shape)).reshape(line.shape)
    below = _entries(structure, line.inputs[0]) if line.op is not None and len(
        line.inputs) == 1 and len(structure.users[line.inputs[0]]) == 1 else None
    if below is None or line.op is None:
        return None
    law = line.op.law
    if law == "reshape":
        return below[0], below[1].reshape(line.shape)
    if law == "permutation" and "dims" in line.attrs:
        return below[0], below[1].transpose(line.attrs["dims"])
    if law == "selection" and set(line.attrs) == {"axis", "index"}:
        taken = np.take(below[1], np.array(line.attrs["index"]), axis=line.attrs["axis"])
        return (below[0], taken) if taken.shape == line.shape else None
    return None
