"""softmax and log-softmax along an axis, a mask perhaps leaving entries out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from symgauge.laws.law import Call, Flat, Law, along_axes, flat_in_all
from symgauge.laws.shifting import Shifted, Shifting, forgotten
from symgauge.laws.turning import Turned, Turning
from symgauge.program.constant import Constant
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts, mask_at
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Normaliser(Law):
    """What is constant along the axis is forgotten."""

    name = "normaliser"
    words = ("no lemma", "no lemma", "forgotten, where constant along the axis")
    forgets = "constant along the normalised axis: forgotten"
    takes_masked = True
    false = (
        "a shift of the keys, scores numbered by key", "a shift of the keys, softmax along queries",
    )

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        given, *rest = inputs
        if given is None or any(t is not None for t in rest):
            raise NoLemma("the mask of a softmax varies")
        turning.require_aligned(line, given.marks)
        if not all(turning.is_flat(j, a) for a in given.marks for j in line.inputs[1:]):
            raise NoLemma("a mask that is not the same in any order")
        return along_axes(turning, line, given, (line.attrs["axis"],))

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        given, *rest = inputs
        if given is None or any(s is not None for s in rest):
            raise NoLemma("the mask of a softmax varies")
        if given.mask is not None and (
                not rest or mask_at(shifting.structure, line.inputs[1]) != given.mask):
            raise NoLemma("a softmax over entries that are masked otherwise")
        return forgotten(given, (line.attrs["axis"],))

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_in_all(structure, line, flat)

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        whole = super().totals(structure, line, facts)
        return whole if whole and _no_row_is_left_out(structure, line) else {}

    def samples(self) -> Iterator[Call]:
        yield Call("softmax", ((2, 3),), {"axis": 1})
        yield Call("log_softmax", ((2, 3),), {"axis": 1})


def _no_row_is_left_out(structure: Structure, line: Line) -> bool:
    if len(line.inputs) < 2 or line.inputs[1] in structure.lines:
        return len(line.inputs) < 2
    leaf = structure.network.nodes[line.inputs[1]].leaf
    if not isinstance(leaf, Constant) or leaf.unknown:
        return False
    kept = np.array([v != 0 for v in leaf.table])[leaf.index]
    return bool(kept.any(axis=line.attrs["axis"]).all())
