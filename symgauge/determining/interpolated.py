"""Polynomial fields of any degree: null vectors with few components, interpolated.

What fills a space of forms, and what is defective, hides fields whose components are minors, of a
high degree: no box of degrees reaches them (`graded`). But the degrees of a null vector in each
row and column of each tensor are seen before it is known (`points.circuits`), and its terms are
few: those of these degrees and of one weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from symgauge.determining.basket import Values, vanishing_on
from symgauge.determining.circuits import Circuits
from symgauge.determining.search import Search
from symgauge.exact.prime_field import Array
from symgauge.lie.bounded import Bound, by_weight, terms_within
from symgauge.lie.fields import VectorField
from symgauge.program.lower import is_piecewise

#: Null vectors whose degree is looked at, those that may have none, and those without a field.
LOOKED_AT, NONE, WITHOUT = 24, 6, 4
#: Terms within bounds, and of one weight; cubes of their numbers that are solved in all.
MOST_TERMS, OF_WEIGHT, WORK = 40_000, 1_500, 4_000_000_000


class Interpolated:
    """Polynomial fields that raise the rank of what is known already, lowest degrees first."""

    def __init__(
        self, search: Search, read: npt.NDArray[np.bool_], point: Sequence[int], known: Values
    ) -> None:
        """As `Graded`: the known fields' values at a point may grow."""
        self._search, self._read = search, read
        self._point, self._known = np.array(point, dtype=np.float64), known
        self._work = 0

    def fields(self) -> Iterator[VectorField]:
        """Fields with X f = 0 at fresh points; none of a program with branches."""
        network, field, rng = self._search.network, self._search.field, self._search.rng
        if is_piecewise(network):
            return
        circuits = Circuits(network, field, rng, self._read)
        groups, more = self._groups(), True
        while more:
            more, failed = False, 0
            for support in self._lowest_first(circuits):
                found = self._interpolated(circuits, support, groups)
                if found is not None:
                    more = True
                    yield found
                failed += found is None
                # others may have fewer terms, now that some are known
                if self._work > WORK or circuits.is_spent or failed == (1 if more else WITHOUT):
                    break
            more = more and self._work <= WORK and not circuits.is_spent

    def _lowest_first(self, circuits: Circuits) -> Iterator[list[int]]:
        """Components of null vectors outside the known span when they are taken."""
        every = np.flatnonzero(self._read).tolist()
        forms, found, lost = self._outside(), [], 0
        for value in circuits.at(self._point):
            if self._raises(value, forms):
                degree = circuits.degree(self._point, sorted(value), every)
                lost += degree is None
                if degree is not None:
                    found.append(((degree + 1) * len(value), sorted(value), value))
                if len(found) == LOOKED_AT or lost == NONE:
                    break
        for _, support, value in sorted(found, key=lambda entry: entry[0]):
            if self._raises(value, self._outside()):
                yield support

    def _interpolated(
        self, circuits: Circuits, support: list[int], groups: list[list[int]]
    ) -> VectorField | None:
        """The null vector as a field; None where its terms are too many."""
        grade, bounds = self._search.grading, list[Bound]()
        for group in groups:
            degree = circuits.degree(self._point, support, group)
            if degree is None:
                return None
            exact = grade.scales(np.array(group, dtype=np.int64))
            bounds.append(Bound(frozenset(group), degree, exact))
        terms = terms_within(support, bounds, MOST_TERMS)
        for some in () if terms is None else by_weight(terms, grade.labels, grade.p):
            if some.number > OF_WEIGHT:
                break
            self._work += some.number**3
            vectors = self._search.nullspace(some.number, some.columns)
            for vector in () if vectors is None else vectors:
                moved = some.field_of(vector)
                at = moved.at(self._point, self._search.field)
                value = {int(k): int(at[k]) for k in np.flatnonzero(at)}
                if self._raises(value, self._outside()):
                    return moved
        return None

    def _groups(self) -> list[list[int]]:
        """All coordinates that are read, those of each tensor, and each slice of one."""
        own, network = self._search.coordinates, self._search.network
        found = [np.flatnonzero(self._read).tolist()]
        for p in network.parameters:
            index = own.whole(p.name).reshape(p.shape)
            found += [index.reshape(-1).tolist()]
            found += [part.reshape(-1).tolist() for axis, n in enumerate(p.shape) if n < index.size
                      for part in np.moveaxis(index, axis, 0)]
        kept = {tuple(k for k in group if self._read[k]): None for group in found}
        return [list(group) for group in kept if group]

    def _raises(self, value: dict[int, int], forms: Array) -> bool:
        """Whether a value is outside of what the forms vanish on."""
        field, columns = self._search.field, list(value)
        entries = np.array([[float(v)] for v in value.values()])
        return bool(field.matmul(forms[:, columns], entries).any())

    def _outside(self) -> Array:
        return vanishing_on(self._known, len(self._point), self._search.field)
