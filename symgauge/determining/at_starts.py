"""Changes of basis of a flow's state that its starts cannot tell from 1.

What a flow is invariant under need vanish at its starts alone: a matrix g on every axis of the
state's index with g x0 = x0 for every start x0. The starts are not looked at: which basis vectors
may move is read from the solutions of the determining equations, and the prover decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from symgauge.families.columns import matrix_columns
from symgauge.determining.search import MAX_UNKNOWNS, Search, residues
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import Array
from symgauge.families.family import Family, Move, Place
from symgauge.families.kind import Form
from symgauge.families.kinds.fixing import fixing
from symgauge.program.legs import Axis


def families_at_starts(search: Search) -> Iterator[Family]:
    """One family for each range of entries of a flow's state that no start has."""
    network = search.network
    known: set[tuple[tuple[int, int], ...]] = set()
    for node in network.nodes:
        if node.body is None or not node.shape:
            continue
        state = _refs(search, search.axes[node.inputs[0]][-1])
        if not state or state in known or _turned(state) in known:
            continue
        known.add(state)
        yield from _on_axis(search, state, node.shape[-1])


def _on_axis(search: Search, state: tuple[tuple[int, int], ...], n: int) -> Iterator[Family]:
    moves = list(_moves(search, state, n))
    if not moves or n * n > MAX_UNKNOWNS:
        return
    basis = search.nullspace(n * n, lambda rows, theta, field: matrix_columns(
        search.coordinates, moves, rows, theta, field))
    if basis is None or not len(basis):
        return
    found = residues(basis, search.field)
    free = [j for j in range(n) if _holds_column(found, j, n, search.field.p)]
    if len(free) < n:
        for start, stop in _ranges(free):
            kind = fixing(start, stop)
            yield from search.family(kind, (), n, moves)


def _moves(search: Search, state: tuple[tuple[int, int], ...], n: int) -> Iterator[Move]:
    """g or g^-T on every axis of a parameter that is all of the state's index."""
    network = search.network
    for i, p in zip(network.parameter_nodes, network.parameters, strict=True):
        forms: dict[int, Form] = {}
        for a, axis in enumerate(search.axes[i]):
            refs = _refs(search, axis)
            if refs == state:
                forms[a] = "g"
            elif refs == _turned(state):
                forms[a] = "g^-T"
        for a, form in forms.items():
            yield Move(p.name, form, Place(a, 0, (n,), 0))


def _refs(search: Search, axis: Axis) -> tuple[tuple[int, int], ...]:
    """The roots of an axis's factors and their parities."""
    return tuple((leg, parity) for leg, parity in search.legs.leaves(axis))


def _turned(refs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    return tuple((leg, -parity) for leg, parity in refs)


def _holds_column(found: Array, j: int, n: int, p: int) -> bool:
    """Whether every matrix of column j alone is among the solutions."""
    column = np.zeros((n, n * n))
    for i in range(n):
        column[i, i * n + j] = 1.0
    return rank(np.concatenate([found, column]), p) == len(found)


def _ranges(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive indices, as start and stop."""
    start = None
    for k, j in enumerate(indices):
        start = j if start is None else start
        if k + 1 == len(indices) or indices[k + 1] != j + 1:
            yield start, j + 1
            start = None
