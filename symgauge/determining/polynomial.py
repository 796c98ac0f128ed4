"""Polynomial fields for null directions that are left: over norms, of few terms, interpolated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from symgauge.determining.basket import Values
from symgauge.determining.graded import Graded
from symgauge.determining.interpolated import Interpolated
from symgauge.determining.over_norms import scalings_over_norms
from symgauge.determining.search import Search
from symgauge.determining.slices import Level
from symgauge.exact.sparse import sparse_rank
from symgauge.families.coordinates import touched
from symgauge.families.family import Family
from symgauge.families.kinds.other import GENERATORS
from symgauge.lie.fields import VectorField

#: The levels of slices that were looked at, with the families that were found on each.
Levels = Sequence[tuple[Level, Sequence[Family]]]


def polynomial_fields(
    search: Search, read: npt.NDArray[np.bool_], moved: Sequence[str], point: Sequence[int],
    known: Values, levels: Levels,
) -> Iterator[VectorField]:
    """Fields with X f = 0 at fresh points that raise the rank of the known fields' values.

    These are values at a point along what an output reads, and may grow. `read`: those coordinates.
    `moved`: tensors that null directions which are left move.
    """
    yield from scalings_over_norms(search, read, point, known)
    graded = Graded(search, read, moved, point, known)
    yield from graded.fields(apart=False)
    yield from Interpolated(search, read, point, known).fields()
    for f in _on_slices(levels, read):
        value = {k: v for k, v in f.entries_at(point, search.field).items() if read[k]}
        if sparse_rank([*known, value], search.field.p) > sparse_rank(known, search.field.p):
            yield f
    yield from graded.fields(apart=True)


def _on_slices(levels: Levels, read: npt.NDArray[np.bool_]) -> Iterator[VectorField]:
    """Fields that are interpolated on the last slices, where they have fewer terms, carried back.
    """
    if len(levels) < 2:
        return
    for below, _ in levels[1:]:
        read = read[below.up]
    level, seen = levels[-1]
    search = level.search
    point = search.field.random(search.rng, (len(read),)).astype(np.int64).tolist()

    def value(f: VectorField) -> dict[int, int]:
        return {k: v for k, v in f.entries_at(point, search.field).items() if read[k]}

    known = [value(f) for family in seen for f in family.fields]
    for f in Interpolated(search, read, point, known).fields():
        known.append(value(f))
        lifted = level.lift(Family(GENERATORS, (), 1, touched(search.network, f), (f,)))
        yield from () if lifted is None else lifted.fields
