"""Scalings of single entries: delta theta_k = w_k theta_k, whatever numbers the entries.

Behind a grouped convolution a channel is a group and a place in it, and the next weight has them on
two axes: no number for each index of one axis says that. Linear in the P weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.determining.projective import projective
from symgauge.determining.search import MAX_UNKNOWNS, Search
from symgauge.families.coordinates import touched
from symgauge.families.family import Family
from symgauge.families.kinds.other import GENERATORS
from symgauge.lie.fields import VectorField


def unstructured(search: Search) -> Iterator[Family]:
    """Projective fields, scalings of entries, then what is found without regard to legs."""
    yield from projective(search)
    yield from scalings_of_entries(search)
    yield from search.general()


def scalings_of_entries(search: Search) -> Iterator[Family]:
    """The scalings that solve the determining equations at fresh points, sparsest first.

    None where there are more than MAX_UNKNOWNS entries.
    """
    size = search.network.num_coordinates
    basis = None if size > MAX_UNKNOWNS else search.nullspace(
        size, lambda rows, theta, field: field.mul(rows, theta))
    for weights in () if basis is None else sorted(basis, key=np.count_nonzero):
        scaled = _scaling(weights)
        yield Family(GENERATORS, (), 1, touched(search.network, scaled), (scaled,))


def _scaling(weights: Any) -> VectorField:
    """The field with these weights."""
    return VectorField.build((), [(int(k), int(k), weights[k]) for k in np.flatnonzero(weights)])
