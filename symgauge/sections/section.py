"""A coordinate cross-section of the orbits: entries of tensors, and the values families bring.

As many entries are fixed as the orbits have dimensions (M. Fels, P. J. Olver, Moving coframes II,
Acta Appl. Math. 55, 1999). Families are taken one after the other, each with entries of its own
that no family after it moves, once they have their values. So an element that brings all of them
is found family by family, and the derivatives of the entries along the families are a block
triangular matrix, with blocks on its diagonal that are invertible where the pivots are not 0: the
section crosses the orbits. Nothing is read but places: it holds at every size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from symgauge.families.family import Move, Place
from symgauge.sections.normal_form import NormalForm, normal_form
from symgauge.weights.action import Array, rows_at
from symgauge.weights.statement import Group

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shapes = Mapping[str, tuple[int, ...]]
MATRIX = ("g", "g^-T")
#: How entries are chosen: those of no bias for what becomes 1; any; those of a part of a family.
LEVELS = GOOD, ANY, PARTLY = range(3)
#: In place of an entry: a number of the family that has none.
NONE = -1


@dataclass(frozen=True)
class Rows:
    """Rows of a tensor that a family's elements change alike: flat entries, (copies, rows, n).

    `NONE` in place of some of them.
    """

    parameter: str
    entries: Index

    @property
    def count(self) -> int:
        """How many rows."""
        return int(self.entries.shape[1])

    def first(self, most: int, free: Bools) -> Rows:
        """The first of those of the rows that are free."""
        return replace(self, entries=self.entries[:, np.flatnonzero(free)[:most]])


@dataclass(frozen=True)
class Fixing:
    """The entries that one family, by its number, brings to values."""

    family: int
    rows: tuple[Rows, ...]
    form: NormalForm

    def parts(self) -> Iterable[tuple[str, Index, NDArray[np.float64]]]:
        """Tensors with the flat entries that are fixed, and their values."""
        start = 0
        for rows in self.rows:
            stop = start + rows.count
            fixed = self.form.fixed[start:stop] & (rows.entries != NONE)
            values = np.broadcast_to(self.form.values[start:stop], rows.entries.shape)
            yield rows.parameter, rows.entries[fixed], values[fixed]
            start = stop

    def element(self, state: Mapping[str, Array]) -> Array | str:
        """The element that brings a state to the form; in words why there is none."""
        found, start = [], 0
        for rows in self.rows:
            here = state[rows.parameter].reshape(-1)[rows.entries]
            # a number without an entry stays: as if it were there
            values = self.form.values[start:start + rows.count]
            found.append(np.where(rows.entries == NONE, values, here))
            start += rows.count
        return self.form.element(np.concatenate(found, 1))

    @property
    def count(self) -> int:
        """How many entries it fixes."""
        return sum(len(entries) for _, entries, _ in self.parts())


@dataclass(frozen=True)
class Section:
    """Fixings in the order in which their families act, and the families without any."""

    fixings: tuple[Fixing, ...]
    left: tuple[int, ...]


def section_of(
    groups: Sequence[Group], names: Sequence[str], shapes: Shapes, gains: frozenset[str]
) -> Section:
    """A section for families with finite actions; `names` are those of the groups that act.

    Where families are in each other's way the smallest is left out, and the others are taken; then
    those of its numbers are that move nothing that is fixed.
    """
    choosing = _Choosing(groups, names, shapes, gains)
    left: list[int] = []
    while choosing.remaining:
        if not choosing.take():
            smallest = min(choosing.remaining, key=lambda k: _dimension(groups[k]))
            choosing.remaining.remove(smallest)
            left.append(smallest)
    left = [k for k in left if not choosing.take_late(k)]
    return Section(tuple(choosing.found), tuple(left))


def _dimension(group: Group) -> int:
    assert group.kind is not None
    return prod(group.copies) * group.kind.dimension(group.size)


class _Choosing:
    """Entries for one family after the other."""

    def __init__(
        self, groups: Sequence[Group], names: Sequence[str], shapes: Shapes,
        gains: frozenset[str],
    ) -> None:
        self.groups, self.names, self.shapes, self.gains = groups, names, shapes, gains
        self.remaining = list(range(len(groups)))
        self.found: list[Fixing] = []
        #: By tensor, the flat entries that are fixed.
        self._taken: dict[str, Index] = {}
        self._axes: dict[tuple[str, Place], Bools] = {}

    def take(self) -> bool:
        """Entries for families that have some, the most readable ones; whether one had."""
        for level in LEVELS:
            taken = False
            for k in list(self.remaining):
                # what is taken may leave better entries to the next
                if not taken or level == GOOD:
                    taken |= self._take(k, level)
            if taken:
                return True
        return False

    def take_late(self, k: int) -> bool:
        """Entries for numbers of a family that move no entry which is fixed; whether there are."""
        group = self.groups[k]
        assert group.kind is not None
        used = self._idle(group) if group.kind.is_vector else None
        if used is None or not used.any():
            return False
        own = [m for m in group.moves if m.form in ("+c", "s^k") and not m.part]
        fixing = self._in_part(k, own, used)
        if fixing is not None:
            self._add(fixing)
        return fixing is not None

    def _idle(self, group: Group) -> Bools | None:
        """(copies, n): which numbers of a family move no entry that is fixed."""
        used = np.ones((prod(group.copies), group.size), dtype=bool)
        for move in group.moves:
            taken = self._taken.get(move.parameter)
            if taken is None:
                continue
            if move.source is not None or move.part or move.at is None or move.at.other_axes:
                return None
            shape, at = self.shapes[move.parameter], replace(move.at, axis=0)
            places = rows_at(np.arange(shape[move.at.axis]), at)
            used &= ~np.isin(places, np.unravel_index(taken, shape)[move.at.axis]).any(1)
        return used

    def _take(self, k: int, level: int) -> bool:
        fixings = self._fixings(k, level) if k in self.remaining else ()
        for fixing in fixings:
            self._add(fixing)
            self.remaining.remove(fixing.family)
        return bool(fixings)

    def _add(self, fixing: Fixing) -> None:
        self.found.append(fixing)
        for name, entries, _ in fixing.parts():
            before = self._taken.get(name, np.zeros(0, dtype=np.int64))
            self._taken[name] = np.concatenate([before, entries])

    def _fixings(self, k: int, level: int) -> Sequence[Fixing]:
        """What fixes a family: nothing, entries, or entries and those of a shift beside it."""
        group = self.groups[k]
        assert group.kind is not None
        if group.kind.fixes_ones and group.kind.orthogonal:
            return self._beside_a_shift(k)
        for form in ("+c", "s^k", *MATRIX):
            moves = [
                m for m in group.moves if m.form == form and not m.part and (
                    level != GOOD or self._is_good(m))]
            moves.sort(key=lambda m: self._rank(m))
            found = self._in_rows(k, moves)
            if found is None and level == PARTLY:
                found = self._in_part(k, moves)
            if found is not None:
                return [found]
        return ()

    def _rank(self, move: Move) -> bool:
        """False for what is read more easily: biases of shifts, gains of scalings."""
        if move.form == "+c":
            return len(self.shapes[move.parameter]) > 1
        return not self._is_gain(move)

    def _is_good(self, move: Move) -> bool:
        """Whether entries are hardly ever 0 where they are brought to 1: those of no bias."""
        return move.form == "+c" or self._is_gain(move) or len(self.shapes[move.parameter]) > 1

    def _is_gain(self, move: Move) -> bool:
        return move.form == "s^k" and (move.parameter in self.gains or bool(move.offset))

    def _in_rows(self, k: int, moves: Sequence[Move]) -> Fixing | None:
        """All rows of a form in one tensor, else in several of them."""
        gathered: list[Rows] = []
        for move in moves:
            form = normal_form(self.groups[k], move, self.names[k])
            if form is None:
                continue
            wanted = len(form.values)
            rows = Rows(move.parameter, self._entries(move, 2 * wanted + 8))
            some = rows.first(wanted, self._free(rows, move, k, form))
            if some.count == wanted:
                return Fixing(k, (some,), form)
            # rows of matrices may be those of several tensors; numbers are of one
            left = wanted - sum(r.count for r in gathered)
            gathered.append(some.first(left, np.ones(some.count, dtype=bool)))
            if wanted > 1 and sum(r.count for r in gathered) == wanted:
                return Fixing(k, tuple(r for r in gathered if r.count), form)
        return None

    def _in_part(
        self, k: int, moves: Sequence[Move], numbers: Bools | None = None
    ) -> Fixing | None:
        """As many rows of a matrix as there are, or entries of some of the numbers."""
        group = self.groups[k]
        assert group.kind is not None
        for move in moves:
            form = normal_form(group, move, self.names[k])
            if form is None or group.kind.is_vector and move.form == "s^k" and move.offset:
                continue
            rows = Rows(move.parameter, self._entries(move, 2 * len(form.values) + 8))
            if group.kind.is_vector:
                free = self._free_entries(rows, move, k, form)
                free &= True if numbers is None else numbers[:, None]
                first = np.take_along_axis(rows.entries, free.argmax(1)[:, None], 1)
                some = Rows(rows.parameter, np.where(free.any(1, keepdims=True), first, NONE))
                if free.any():
                    return Fixing(k, (some,), form)
                continue
            some = rows.first(len(form.values), self._free(rows, move, k, form))
            fewer = normal_form(group, move, self.names[k], some.count)
            if some.count and fewer is not None:
                return Fixing(k, (some,), fewer)
        return None

    def _beside_a_shift(self, k: int) -> Sequence[Fixing]:
        """A rotation that fixes ones, on rows each of which a family of shifts moves as a whole.

        The rotation makes entries of a row equal, the shift brings these to 0: entry by entry the
        derivatives along both are invertible, as those of differences along the rotation are.
        """
        group = self.groups[k]
        for move in group.moves:
            form = normal_form(group, move, self.names[k])
            if form is None:
                continue
            n, wanted = group.size, len(form.values)
            rows = Rows(move.parameter, self._entries(move, 2 * wanted + 8))
            for h in self.remaining:
                shift = self._whole_rows(h, move, rows)
                if shift is None:
                    continue
                zero = normal_form(self.groups[h], shift[0], self.names[h])
                if zero is None or not self._free(shift[1], shift[0], h, zero, (k,)).all():
                    continue
                free = self._free(rows, move, k, form, (h,))
                some = rows.first(wanted, free)
                if some.count == wanted and np.isin(
                        some.entries[..., n - 1], shift[1].entries).all():
                    return [Fixing(k, (some,), form), Fixing(h, (shift[1],), zero)]
        return ()

    def _whole_rows(self, h: int, move: Move, rows: Rows) -> tuple[Move, Rows] | None:
        """How a family of shifts moves such rows, each as a whole, and the last entry of each."""
        group = self.groups[h]
        assert group.kind is not None and move.at is not None
        own = [m for m in group.moves if m.form == "+c" and m.parameter == move.parameter]
        axis = move.at.axis
        if not group.kind.is_shift or len(own) != 1 or own[0].at is None or (
                axis in (own[0].at.axis, *own[0].at.other_axes)):
            return None
        shape = self.shapes[move.parameter]
        # the shift's row at the last index of the rotation
        near = tuple(1 if k == axis else n for k, n in enumerate(shape))
        where = list(np.unravel_index(
            rows_at(np.arange(prod(near)).reshape(near), own[0].at)[:, :1], near))
        where[axis] += np.unravel_index(rows.entries[0, 0, -1], shape)[axis]
        return own[0], Rows(move.parameter, np.ravel_multi_index(tuple(where), shape))

    # -- entries ---------------------------------------------------------------------------------

    def _entries(self, move: Move, most: int) -> Index:
        """Flat entries of the first rows of a move's place, (copies, rows, n)."""
        shape, at = self.shapes[move.parameter], move.at
        kept = () if at is None else (at.axis, *at.other_axes)
        near = tuple(n if k in kept else min(n, most) for k, n in enumerate(shape))
        rows: Index = rows_at(np.arange(prod(near)).reshape(near), at)
        if at is None:
            # one number for the whole tensor: any entry is a row
            rows = rows.reshape(1, -1, 1)
        # a number of its own has no axes
        found: Index = np.ravel_multi_index(np.unravel_index(rows, near or (1,)), shape or (1,))
        return found

    def _free(
        self, rows: Rows, move: Move, k: int, form: NormalForm, beside: Sequence[int] = ()
    ) -> Bools:
        """Which rows are not fixed, and kept where they are by all families that come later."""
        free = self._free_entries(rows, move, k, form, beside, bool(form.fixed.all()))
        found: Bools = np.asarray(free.all((0, 2)))
        return found

    def _free_entries(
        self, rows: Rows, move: Move, k: int, form: NormalForm, beside: Sequence[int] = (),
        whole: bool = False,
    ) -> Bools:
        """Which entries are; `whole`: where all of a row would be fixed."""
        entries, shape = rows.entries, self.shapes[rows.parameter]
        free = ~np.isin(entries, self._taken.get(rows.parameter, ()))
        where = np.unravel_index(entries, shape or (1,))
        for j in self.remaining:
            for other in self._moves(j) if j not in beside else ():
                if other.parameter != rows.parameter or j == k and other is move:
                    continue
                if form.keeps_zero and self._keeps_zero(other, move, whole):
                    continue
                if other.source is not None or other.part or other.at is None:
                    return np.zeros_like(free)
                free &= ~self._along(other)[where[other.at.axis]]
        return free

    def _keeps_zero(self, other: Move, move: Move, whole: bool) -> bool:
        """Whether another move leaves zeros where they are: it scales, or turns rows of them."""
        if other.form == "s^k":
            return not other.offset
        if other.form not in MATRIX or not whole or move.at is None or (
                other.at is None or other.at.axis != move.at.axis):
            return False
        return bool((self._along(other) <= self._along(move)).all())

    def _moves(self, k: int) -> Iterable[Move]:
        """How a family moves tensors; off its slices also what a slice's shift carries along."""
        group = self.groups[k]
        yield from group.moves
        for through in group.via:
            if self._is_fixed(through.parameter):
                continue
            for m in through.moves:
                if m.form == "+Tc" and any(m.source == o.parameter for o in group.moves):
                    yield m

    def _is_fixed(self, parameter: str) -> bool:
        return len(self._taken.get(parameter, ())) == prod(self.shapes[parameter])

    def _along(self, move: Move) -> Bools:
        """Which indices of its place's axis a move reaches."""
        at = move.at
        assert at is not None
        key = move.parameter, at
        if key not in self._axes:
            n = self.shapes[move.parameter][at.axis]
            own = replace(at, axis=0, per=tuple(p for p in at.per if isinstance(p, int)))
            reached = np.zeros(n, dtype=bool)
            reached[rows_at(np.arange(n), own).reshape(-1)] = True
            self._axes[key] = reached
        return self._axes[key]
