"""Rank and independent rows over GF(p) of sparse rows, far fewer than the columns they touch.

A row with a column of its own is independent of all others, whatever they are: such rows are
taken off without arithmetic, again and again. What is left is turned: its columns become rows of
a running echelon form, a batch at a time. The next batch is of columns that would raise the rank:
those that do not annul k random vectors orthogonal to all so far, with p^k > 2^60. A column that
would is passed over with probability p^-k; a rank is then found too low, never too high. Held are
at most (rows left)^2 / 4 entries, and hardly more columns than rows are eliminated.
Not for: as many rows as columns, none of them with a column of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from symgauge.exact.blocks import Indices
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.running_rank import RunningRank

#: A column that would raise the rank is passed over with probability 2^-SURE at most.
SURE = 60


def sparse_independent_rows(rows: Sequence[Mapping[Any, int]], p: int) -> list[int]:
    """Indices of the rows that raise the rank, taken greedily from the top.

    A row maps its columns, under any names, to residues.

    >>> sparse_independent_rows([{"x": 1, "y": 2}, {"x": 2, "y": 4}, {"z": 0}, {"y": 3}], 7)
    [0, 3]
    """
    names: dict[Any, int] = {}
    entries = [
        (k, names.setdefault(name, len(names)), value % p)
        for k, row in enumerate(rows) for name, value in row.items()
    ]
    listed = np.fromiter(chain.from_iterable(entries), dtype=np.int64, count=3 * len(entries))
    i, j, values = listed.reshape(-1, 3)[listed[2::3] != 0].T
    taken = np.zeros(len(rows), dtype=bool)
    while True:
        own = np.bincount(j, minlength=len(names))[j] == 1
        if not own.any():
            break
        # no combination of other rows makes up for the column, so the others are judged alone
        taken[i[own]] = True
        left = ~taken[i]
        i, j, values = i[left], j[left], values[left]
    core = np.unique(i)
    if len(core):
        taken[core[_turned(np.searchsorted(core, i), j, values, len(core), p)]] = True
    found: list[int] = np.flatnonzero(taken).tolist()
    return found


def sparse_rank(rows: Sequence[Mapping[Any, int]], p: int) -> int:
    """Rank over GF(p).

    >>> sparse_rank([{0: 1, 1: 2}, {0: 2, 1: 4}], 7)
    1
    """
    return len(sparse_independent_rows(rows, p))


def rank_growth(groups: Sequence[Sequence[Mapping[Any, int]]], p: int) -> list[int]:
    """By how much each group of rows raises the rank of those before it.

    >>> rank_growth([[{0: 1}], [{0: 2}], [{0: 1, 1: 1}, {1: 3}]], 7)
    [1, 0, 1]
    """
    kept = sparse_independent_rows([row for group in groups for row in group], p)
    ends = np.cumsum([len(group) for group in groups])
    found: list[int] = np.bincount(
        np.searchsorted(ends, kept, side="right"), minlength=len(groups)).tolist()
    return found


def dependent_groups(groups: Sequence[Sequence[Mapping[Any, int]]]) -> list[int]:
    """The groups none of whose rows is seen to be independent of all others without arithmetic.

    A row that is taken off for a column of its own, or for one that only rows have which were taken
    off before, is in no relation among the rows: its group cannot be spared.

    >>> dependent_groups([[{0: 1, 1: 1}, {1: 1}], [{1: 2}], [{1: 5}]])
    [1, 2]
    """
    rows = [
        (k, {c for c, v in row.items() if v}) for k, group in enumerate(groups) for row in group]
    users: dict[Any, set[int]] = {}
    for i, (_, columns) in enumerate(rows):
        for c in columns:
            users.setdefault(c, set()).add(i)
    own = [c for c, found in users.items() if len(found) == 1]
    needed: set[int] = set()
    while own:
        at = users[own.pop()]
        if not at:
            continue
        i = at.pop()
        needed.add(rows[i][0])
        for c in rows[i][1]:
            users[c].discard(i)
            if len(users[c]) == 1:
                own.append(c)
    return [k for k, group in enumerate(groups) if group and k not in needed]


def _turned(i: Indices, j: Indices, entries: Indices, count: int, p: int) -> Indices:
    """The greedy independent ones of `count` rows: the pivots of the span of the columns."""
    order, column = np.unique(j, return_inverse=True)
    rng, field, running = np.random.default_rng(0), PrimeField(p), RunningRank(count, p)
    # columns of all tensors, rather than all columns of an early one
    place = rng.permutation(len(order))[column]
    alive, values = len(order), entries.astype(np.float64)
    tests = -(-SURE // (p.bit_length() - 1))
    step = max(64, count // 4)
    while alive:
        dense = np.zeros((min(step, alive), count))
        taken = place < step
        dense[place[taken], i[taken]] = values[taken]
        running.add(dense)
        vectors = running.orthogonal(rng, tests)
        if running.full:
            break
        i, place, values = i[~taken], place[~taken] - step, values[~taken]
        raises = np.zeros(max(alive - step, 0), dtype=bool)
        for v in vectors.T:
            # each term is below p, so their sums are exact
            terms = field.mul(v[i], values)
            sums = np.bincount(place, terms, minlength=len(raises)).astype(np.float64)
            raises |= field.reduce(sums) != 0.0
        kept = raises[place]
        i, values = i[kept], values[kept]
        place = (np.cumsum(raises) - 1)[place[kept]]
        alive = int(raises.sum())
    return running.pivots
