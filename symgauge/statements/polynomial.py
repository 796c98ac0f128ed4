"""Words for fields that are not affine, each decided exactly from the field's terms."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.families.family import Family
from symgauge.lie.fields import Monomial, Number, VectorField, times

Indices = npt.NDArray[np.int64]


def word_of(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What the fields of a family without a finite action are.

    A rotation of a quadratic form is linear in V and W (or in V = W), which alone move, and keeps
    all entries of sum_i s_i (V_i W_i^T + W_i V_i^T), s being a number for each row (or column) that
    does not move; a bias may be a column of V = W. A polynomial shift has components in which
    nothing that moves occurs: theta + t X(theta) is its flow.
    """
    fields = family.fields
    if family.kind.is_finite or not fields or all(f.degree < 2 for f in fields):
        return family.kind.word
    if all(_rotates(f, shapes) for f in fields):
        return "rotation of a quadratic form"
    if all(f.support.isdisjoint(f.reads) for f in fields):
        return "polynomial shift"
    if all(any(_is_projective(f, i) for i in _indices(shapes).values()) for f in fields):
        return "projective field"
    return "polynomial field"


def _is_projective(field: VectorField, matrix: Indices) -> bool:
    """Whether all of degree 3 is z (z Q z^T) in the rows or columns z of this matrix, Q not 0.

    The rest is linear in what moves; on z it is z A.
    """
    def is_linear(m: Monomial) -> bool:
        return sum(e for k, e in m if k in field.support) == 1

    if matrix.ndim != 2:
        return False
    own = set(matrix.reshape(-1).tolist())
    if not all(is_linear(m) for k, m in field.terms if k not in own):
        return False
    for lines in (matrix, matrix.T):
        read = [_on_line(field, z) for z in lines.tolist()]
        if read[0] is not None and read[0][1] and all(r == read[0] for r in read):
            return True
    return False


def _on_line(
    field: VectorField, z: list[int]
) -> tuple[dict[tuple[int, int], Number], dict[Monomial, Number]] | None:
    """A and Q of z A + z (z Q z^T), by places in z; None where the field on z is no such."""
    place = {k: i for i, k in enumerate(z)}
    a: dict[tuple[int, int], Number] = {}
    found: list[dict[Monomial, Number]] = [{} for _ in z]
    for k in z:
        for m, c in field.components.get(k, ()):
            if not all(j in place for j, _ in m):
                return None
            at = tuple((place[j], e) for j, e in m)
            if len(at) == 1 and at[0][1] == 1:
                a[at[0][0], place[k]] = c
            else:
                found[place[k]][times(at, ((place[k], -1),))] = c
    q = found[0]
    square = all(sum(e for _, e in m) == 2 and min(e for _, e in m) > 0 for m in q)
    return (a, q) if square and all(other == q for other in found) else None


def _rotates(field: VectorField, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the field is linear in one or two matrices that it moves and keeps such a form."""
    indices = _indices(shapes)
    still = [i.reshape(-1) for i in indices.values()
             if i.size > 1 and field.support.isdisjoint(i.reshape(-1).tolist()) and (
                 max(i.shape) == i.size)]
    matrices = [i for i in indices.values() if i.ndim == 2]
    # a bias is a column of its matrix, that of an input 1
    matrices += [
        np.concatenate([i, b[:, None]], axis=1) for i in matrices for b in indices.values()
        if b.ndim == 1 and b.size == len(i)]
    for v, w in combinations_with_replacement(matrices, 2):
        own = {*v.reshape(-1).tolist(), *w.reshape(-1).tolist()}
        if v.shape == w.shape and field.support <= own and all(
                sum(e for j, e in m if j in own) == 1 for _, m in field.terms):
            for axis in (0, 1):
                if any(s.size == v.shape[axis] and own.isdisjoint(s.tolist()) and _keeps(
                        field, np.moveaxis(v, axis, 0), np.moveaxis(w, axis, 0), s)
                        for s in still):
                    return True
    return False


def _keeps(field: VectorField, v: Indices, w: Indices, s: Indices) -> bool:
    """Whether sum_i s_i (v_ia w_ib + w_ia v_ib) is kept for all a and b."""
    size = v.shape[1]
    for a, b in combinations_with_replacement(range(size), 2):
        total: dict[Monomial, Number] = {}
        for i, weight in enumerate(s.tolist()):
            for x, y in ((v[i, a], w[i, b]), (v[i, b], w[i, a])):
                for moved, other in ((int(x), int(y)), (int(y), int(x))):
                    for m, c in field.components.get(moved, ()):
                        term = times(times(m, ((other, 1),)), ((weight, 1),))
                        total[term] = total.get(term, 0) + c
        if any(total.values()):
            return False
    return True


def _indices(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Indices]:
    """The coordinates of each parameter, in the order of `shapes`."""
    out, start = {}, 0
    for name, shape in shapes.items():
        out[name] = np.arange(start, start + prod(shape)).reshape(shape)
        start += prod(shape)
    return out
