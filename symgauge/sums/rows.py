"""Rows that begin otherwise than their neighbours: one of parameters, joined to free ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symgauge.program.entries import entries_below
from symgauge.program.leaf import Input
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure
from symgauge.sums.affine import Affine, Reader

#: Laws of what gives entries of a line another order.
ORDERS = ("reshape", "permutation", "selection")


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
    nodes, i = structure.network.nodes, node
    while (op := nodes[i].op) is not None:
        if op.law not in ORDERS or len(structure.users[nodes[i].inputs[0]]) != 1:
            return None
        (i,) = nodes[i].inputs
    leaf, (_, numbers) = nodes[i].leaf, entries_below(structure.network, node)
    once = len(np.unique(numbers)) == numbers.size
    return leaf if isinstance(leaf, Input) and not leaf.classes and once else None
