"""The values to which an element of a family brings entries that it moves, and that element.

Each form is stated for rows of n entries that one element moves alike: zeros for shifts, a one for
scalings, an identity block for changes of basis, zeros beyond the diagonal for rotations. The
derivatives of these entries along the family are then an invertible matrix: the entries, or the
differences that shifts leave, tell every direction of the family apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symgauge.families.family import Move
from symgauge.families.kind import Kind
from symgauge.weights.action import Array
from symgauge.weights.statement import Group

#: A number, or a pivot in units of its rows, that is nearer to 0 is not told from 0.
NOTHING = 1e-12
FREE = float("nan")


@dataclass(frozen=True)
class NormalForm:
    """What rows are brought to, and how."""

    #: (rows, n): the values; `FREE` where an entry stays free.
    values: Array
    #: The values in words.
    words: str
    #: From rows (copies, rows, n), as they are, to the element's values; in words why not.
    element: Callable[[Array], Array | str]
    #: What signs turn about: where one stays, a value v is 2 centre - v.
    centre: float = 0.0

    @property
    def fixed(self) -> Array:
        """(rows, n): which entries are fixed."""
        found: Array = ~np.isnan(self.values)
        return found

    def stays(self, here: Array, values: Array) -> Array:
        """Which entries that are here do not come to these values: a scaling keeps 0."""
        found: Array = (values != self.centre) & (abs(here - self.centre) <= NOTHING)
        return found

    @property
    def keeps_zero(self) -> bool:
        """Whether every entry that is fixed is 0: it stays so where it is scaled."""
        return not self.centre and not np.nan_to_num(self.values).any()


def normal_form(
    group: Group, move: Move, name: str, rows: int | None = None
) -> NormalForm | None:
    """The form to which a family brings rows that one of its moves changes; None: none is stated.

    `name` is that of the group that is shown to act; `rows` are all that a matrix finds, where they
    are fewer than its form has: then other directions of it are left.
    """
    kind, n = group.kind, group.size
    assert kind is not None
    if move.form == "+c":
        return _zero(kind, n, float(move.weight))
    if move.form == "s^k":
        return _one(n, float(move.weight), float(move.offset))
    if move.form not in ("g", "g^-T"):
        return None
    dual = move.form == "g^-T"
    if kind.fixes_sums_of_0:
        return None if dual else _first_entry(n)
    if kind.orthogonal:
        return _triangle(n, kind.fixes_ones, rows)
    if kind.commutes_with_turns:
        return _first_axis(dual) if kind.is_of_a_plane else None
    return _identity(kind, n, dual, name, rows or n) if kind.contains_scalars else None


def _zero(kind: Kind, n: int, weight: float) -> NormalForm:
    def element(rows: Array) -> Array:
        c = -rows[:, 0] / weight
        # of scalings it is the logarithm that is added
        return np.exp(c) if kind.is_scaling else c

    return NormalForm(np.zeros((1, n)), "0", element)


def _one(n: int, weight: float, offset: float) -> NormalForm:
    def element(rows: Array) -> Array:
        numbers = abs(rows[:, 0] + offset)
        # what is 0 stays so (see `stays`)
        found: Array = np.where(numbers <= NOTHING, 1.0, numbers) ** (-1 / weight)
        return found

    one, other = 1 - offset, -1 - offset
    words = f"{one:g} ({other:g} if it is below {0 - offset:g})"
    return NormalForm(np.full((1, n), one), words, element, -offset)


def _first_entry(n: int) -> NormalForm:
    """1 + u 1^T brings a vector to one with an entry alone, of the same sign of its sum."""
    values = np.zeros((1, n))
    values[0, 0] = 1

    def element(rows: Array) -> Array | str:
        b = rows[:, 0]
        total = b.sum(1, keepdims=True)
        if (abs(total) <= NOTHING * abs(b).sum(1, keepdims=True)).any():
            return "a vector sums to 0, and stays so"
        found: Array = (np.sign(total) * values - b) / total
        return found

    return NormalForm(values, "1, 0, ..., 0 (-1 if its sum is negative)", element)


def _first_axis(dual: bool) -> NormalForm:
    """a + b J turns and scales a vector of the plane to (1, 0)."""
    def element(rows: Array) -> Array | str:
        x, y = rows[:, 0, 0], rows[:, 0, 1]
        size = x * x + y * y
        if (size <= NOTHING**2).any():
            return "a vector of a plane is 0"
        matrices = np.stack([np.stack([x, y], -1), np.stack([-y, x], -1)], -2)
        # g = m / size carries it there, and where g^-T acts so does g = m
        return matrices if dual else matrices / size[:, None, None]

    return NormalForm(np.array([[1.0, 0.0]]), "1, 0 in each plane", element)


def _identity(kind: Kind, n: int, dual: bool, name: str, m: int) -> NormalForm:
    """The first m rows of the identity."""
    signs = np.eye(n)
    signs[0, 0] = -1
    # on the component that is shown to act the first row may end with the other sign
    connected = bool(kind.fault(signs[None], name))

    def element(rows: Array) -> Array | str:
        columns = np.swapaxes(rows, 1, 2)
        q, r = np.linalg.qr(columns, mode="complete")
        if (abs(r.diagonal(0, 1, 2)).min(1) <= NOTHING * abs(rows).max((1, 2))).any():
            return "a block is singular"
        basis = np.concatenate([columns, q[..., m:]], -1)
        g = np.swapaxes(basis, 1, 2).copy() if dual else np.linalg.inv(basis)
        if connected:
            g[np.linalg.slogdet(g)[0] < 0, m if m < n else 0] *= -1
        return g

    words = f"the identity of size {n}" if m == n else f"{m} rows of the identity of size {n}"
    return NormalForm(
        np.eye(m, n), words + " (its first entry 1 or -1)" * (connected and m == n), element)


def _triangle(n: int, fixes_ones: bool, rows: int | None) -> NormalForm | None:
    """Row k ends at its entry k: Householder's form of a matrix; up to multiples of 1 if 1 stays.

    There all entries of row k beyond k are equal, and the last of them is a shift's to bring to 0.
    """
    m = n - fixes_ones
    if m < 2:
        return None
    count = m - 1 if rows is None else rows
    values = np.full((count, n), FREE)
    for k in range(count):
        values[k, k + 1:m] = 0

    def element(rows: Array) -> Array | str:
        basis = _basis_ending_with_ones(n) if fixes_ones else np.eye(n)
        found = []
        for one in rows @ basis:
            q, r = np.linalg.qr(one[:, :m].T, mode="complete")
            if (abs(np.diag(r)) <= NOTHING * abs(one).max()).any():
                return "its rows are dependent"
            turn = np.eye(n)
            turn[:m, :m] = (q * np.append(np.sign(np.diag(r)), np.ones(m - count))).T
            # the last row is orthogonal to all of them, with either sign
            turn[m - 1] *= np.linalg.slogdet(turn)[0]
            found.append(basis @ turn @ basis.T)
        return np.stack(found)

    return NormalForm(values, "0 beyond the diagonal", element)


def _basis_ending_with_ones(n: int) -> Array:
    """Orthonormal columns: the first k span the first k unit vectors up to multiples of 1."""
    centred = np.eye(n)[:, :n - 1] - 1 / n
    q, r = np.linalg.qr(centred)
    return np.concatenate([q * np.sign(np.diag(r)), np.full((n, 1), n ** -0.5)], 1)
