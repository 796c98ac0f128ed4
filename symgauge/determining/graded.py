"""Polynomial fields for null directions that are left: one weight of all scalings at a time.

An ansatz X_k = sum of c m(theta) over the monomials m up to a degree has too many unknowns; but
X f = 0 holds for each part of one weight by itself (`grading`), and a part has few terms. Found so
are rotations of a quadratic form behind one output, delta W = C diag(a) W with C antisymmetric;
what a matrix hides that has dependent rows or columns, delta W_1 = u v^T with W_2 u = 0, u being
minors of W_2; an operand of a sum that makes up for another, delta W_0 = -B E with delta A = E; and
what a query of parameters alone does not see, delta K = A q with A antisymmetric.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from symgauge.determining.basket import Values, vanishing_on
from symgauge.determining.search import Search
from symgauge.exact.prime_field import Array
from symgauge.exact.row_spaces import outside
from symgauge.lie.fields import VectorField
from symgauge.lie.monomials import Box, Group, Terms, boxes
from symgauge.program.alone import made_alone

#: Degree of the components in all parameters together.
DEGREE = 2
#: The most tensors whose degrees are counted apart, and the total degree then, less one.
TENSORS, DEGREE_APART = 5, 8
#: Terms of one box of degrees above which it is left out, and terms of one weight.
BOX_TERMS, MAX_OF_WEIGHT = 400_000, 200
#: What all systems may take: terms times squares of the terms of their weight, plus 100 for each;
#: and what one does that is solved anew at fresh points.
WORK, ANEW = 1_500_000_000, 150_000
#: Entries of the systems that are eliminated at once.
ENTRIES = 1 << 20


class Graded:
    """The fields of small degree that raise the rank of what is known already."""

    def __init__(
        self, search: Search, read: npt.NDArray[np.bool_], moved: Sequence[str],
        point: Sequence[int], known: Values,
    ) -> None:
        """`known`: the known fields' values at a point along what an output reads: it may grow.

        `read`: those coordinates. `moved`: tensors that null directions which are left move.
        """
        self._search, self._read, self._moved = search, read, moved
        self._point, self._known = np.array(point, dtype=np.float64), known
        self._work = 0

    def fields(self, apart: bool) -> Iterator[VectorField]:
        """Fields with X f = 0 at fresh points that raise the rank, of few terms first.

        `apart`: by the degrees in each of the tensors that move; else in all parameters together.
        """
        for box in self._apart() if apart else self._together():
            yield from self._in(box)
            if self._work > WORK:
                return

    def _together(self) -> list[Box]:
        """All parameters; then what meets in values that no input reaches, with what moves."""
        own = self._search.coordinates
        found = boxes([Group(np.concatenate(self._tensors), False)], DEGREE - 1, BOX_TERMS)
        for names in made_alone(self._search.network):
            some = np.concatenate([own.whole(n).reshape(-1) for n in {*names, *self._moved}])
            found += boxes([Group(np.sort(some[self._read[some]]), False)], DEGREE - 1, BOX_TERMS)
        return found

    @cached_property
    def _tensors(self) -> list[npt.NDArray[np.int64]]:
        """The coordinates of each parameter that are read."""
        own = self._search.coordinates
        tensors = [own.whole(p.name).reshape(-1) for p in self._search.network.parameters]
        return [t[self._read[t]] for t in tensors]

    def _apart(self) -> list[Box]:
        tensors, own = self._tensors, self._search.coordinates
        if len(tensors) > TENSORS:
            tensors = [own.whole(name).reshape(-1) for name in self._moved]
        if len(tensors) > TENSORS:
            return []
        # few tensors first: among all of them they are hidden by the others' terms
        groups = [Group(t, self._search.grading.scales(t)) for t in tensors if len(t)]
        apart = [box for k in sorted({1, 2, len(groups)} & {*range(1, TENSORS + 1)})
                 for some in combinations(groups, k)
                 for box in boxes(some, DEGREE_APART, BOX_TERMS)]
        # minors of one tensor are of a high degree in it alone
        return sorted(
            apart, key=lambda box: (sum(d > 0 for d in box.degrees) > 1, box.size))

    def _in(self, box: Box) -> Iterator[VectorField]:
        """The fields of one box."""
        search, field = self._search, self._search.field
        for terms in self._promising(box):
            self._work += ANEW
            vectors = search.nullspace(terms.number, terms.columns)
            for vector in () if vectors is None else vectors:
                moved = terms.field_of(vector)
                if field.matmul(self._outside(), moved.at(self._point, field)[:, None]).any():
                    yield moved

    def _promising(self, box: Box) -> Iterator[Terms]:
        """The terms of each weight of which a solution raises the rank, as far as one prime says.

        Any solution that does is caught by a random form that vanishes on the known values, but
        with probability 1/p.
        """
        field = self._search.field
        for terms in box.by_weight(self._search.grading.labels, field.p):
            size = terms.number
            if size > MAX_OF_WEIGHT:
                return
            self._work += terms.targets.size * (size**2 + 100)
            if self._work > WORK:
                return
            step = max(1, ENTRIES // size**2)
            rows, theta, _ = self._search.rows(size)
            for k in range(0, len(terms.targets), step):
                some = terms[k:k + step]
                forms = self._outside()
                form = field.matmul(field.random(self._search.rng, (1, len(forms))), forms)
                columns = some.columns(rows, theta, field)
                (values,) = some.columns(form, self._point[None], field)
                for i in np.flatnonzero(outside(np.swapaxes(columns, 0, 1), values, field)):
                    yield some[int(i)]

    def _outside(self) -> Array:
        return vanishing_on(self._known, len(self._point), self._search.field)
