"""Polynomial fields for null directions that are left: one weight of all scalings at a time.

An ansatz X_k = sum of c m(theta) over the monomials m up to a degree has too many unknowns; but
X f = 0 holds for each part of one weight by itself (`grading`), and a part has few terms. Found so
are rotations of a quadratic form behind one output, delta W = C diag(a) W with C antisymmetric;
what a matrix hides that has dependent rows or columns, delta W_1 = u v^T with W_2 u = 0, u being
minors of W_2; and an operand of a sum that makes up for another, delta W_0 = -B E with delta A = E.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
import numpy.typing as npt

from symgauge.derivers.grading import grading
from symgauge.derivers.monomials import Box, Group, Terms, boxes
from symgauge.derivers.search import Search
from symgauge.exact.linear_algebra import nullspace
from symgauge.exact.prime_field import Array
from symgauge.exact.singular import singular
from symgauge.lie.fields import VectorField
from symgauge.points.rows import SPARE

#: Degree of the components in all parameters together.
DEGREE = 3
#: The most tensors whose degrees are counted apart, and the total degree then, less one.
TENSORS, DEGREE_APART = 5, 8
#: Terms of one box of degrees, and of all that are tried, above which it is left out.
BOX_TERMS, ALL_TERMS = 400_000, 1_500_000
#: Terms of one weight above which it is left out; up to which many are eliminated at once.
MAX_OF_WEIGHT, SMALL = 400, 24
#: Entries of the systems that are eliminated at once.
ENTRIES = 1 << 20


class Graded:
    """The fields of small degree that raise the rank of what is known already."""

    def __init__(
        self, search: Search, read: npt.NDArray[np.bool_], moved: list[str], point: Array,
        known: Callable[[], Array],
    ) -> None:
        """`known`: the values of the known fields at a point, shape (fields, P), as they are now.

        `read`: coordinates that an output reads. `moved`: tensors that are known to move.
        """
        self._search, self._point, self._known = search, point, known
        self._read = read
        self._grading = grading(search.network, search.field, search.rng)
        self._moved = moved

    def fields(self) -> Iterator[VectorField]:
        """Fields with X f = 0 at fresh points that raise the rank, of few terms first."""
        work = 0
        for box in self._boxes():
            work += box.size
            if work > ALL_TERMS:
                return
            yield from self._in(box)

    def _boxes(self) -> list[Box]:
        """Degrees to try: in all parameters together, and in each of the tensors that move."""
        own = self._search.coordinates
        tensors = [own.whole(p.name).reshape(-1) for p in self._search.network.parameters]
        tensors = [t[self._read[t]] for t in tensors]
        together = [Group(np.concatenate(tensors), False)]
        found = boxes(together, DEGREE - 1, BOX_TERMS)
        if len(tensors) > TENSORS:
            tensors = [own.whole(name).reshape(-1) for name in self._moved]
        if len(tensors) <= TENSORS:
            apart = [Group(t, self._grading.scales(t)) for t in tensors if len(t)]
            found += boxes(apart, DEGREE_APART, BOX_TERMS)
        return sorted(found, key=lambda box: box.size)

    def _in(self, box: Box) -> Iterator[VectorField]:
        """The fields of one box."""
        search, field = self._search, self._search.field
        outside = self._outside()
        for terms in self._dependent(box):
            rows, theta, _ = search.rows(len(terms) + SPARE)
            found = nullspace(terms.columns(rows, theta, field), field.p)
            values = terms.at(self._point, found, field)
            if not len(found) or not field.matmul(values, outside.T).any():
                continue
            vectors = search.nullspace(len(terms), terms.columns)
            for vector in () if vectors is None else vectors:
                moved = terms.field_of(vector)
                if field.matmul(outside, moved.at(self._point, field)[:, None]).any():
                    yield moved
                    outside = self._outside()

    def _dependent(self, box: Box) -> Iterator[Terms]:
        """The terms of each weight that are dependent at as many points as there are terms."""
        weights = box.by_weight(self._grading.labels, self._search.field.p)
        for size, group in groupby(weights, len):
            if size > MAX_OF_WEIGHT:
                return
            listed = list(group)
            step = max(1, ENTRIES // size**2)
            for k in range(0, len(listed), step):
                yield from self._of_size(size, listed[k:k + step])

    def _of_size(self, size: int, listed: list[Terms]) -> Iterator[Terms]:
        if size > SMALL:
            yield from listed
            return
        rows, theta, _ = self._search.rows(size)
        field = self._search.field
        together = Terms(
            np.concatenate([t.targets for t in listed]),
            np.concatenate([t.factors for t in listed]))
        columns = together.columns(rows, theta, field).reshape(size, len(listed), size)
        for k in np.flatnonzero(singular(np.swapaxes(columns, 0, 1), field)):
            yield listed[k]

    def _outside(self) -> Array:
        """Forms that vanish on the values of the known fields, as rows."""
        known = self._known()
        return nullspace(known, self._search.field.p) if len(known) else np.eye(len(self._point))
