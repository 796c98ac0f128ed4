"""Structure constants of a family of fields from the brackets of a few that generate it.

Where the brackets of X_a and of X_b with all fields of the family are known, so are those of
[X_a, X_b], by Jacobi's identity: ad [a, b] = ad a ad b - ad b ad a. Of so(n) those of n - 1 fields
tell all. Everything is exact: brackets are taken over QQ, and their weights are read off terms that
one field of the family alone has; what is left must be 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from symgauge.lie.brackets import bracket, meeting_pairs
from symgauge.lie.constants import Constants
from symgauge.lie.fields import Number, Owned, VectorField

#: A combination of the family; the brackets of one field with the others, where they are not 0.
Weights = Mapping[int, Number]
Adjoint = Mapping[int, Weights]


def generated_constants(basis: Sequence[VectorField]) -> Constants | None:
    """[X_i, X_j] = sum c_ijk X_k; None where the family is not closed, or terms do not tell.

    >>> from fractions import Fraction
    >>> one = Fraction(1)
    >>> e, f = VectorField.build([], [(0, 1, one)]), VectorField.build([], [(1, 0, one)])
    >>> h = VectorField.build([], [(0, 0, one), (1, 1, -one)])
    >>> generated_constants([e, f]) is None, generated_constants([e, f, h])[1, 0]
    (True, {2: Fraction(1, 1)})
    """
    owned = Owned(basis)
    if owned.core:
        return None
    met: list[list[int]] = [[] for _ in basis]
    for i, j in meeting_pairs(basis):
        met[i].append(j)
        met[j].append(i)
    known: dict[int, Adjoint] = {}
    # pairs with a bracket in which a field stands that is not known
    pairs: dict[int, list[tuple[int, int]]] = {}
    for first in range(len(basis)):
        waiting = [first]
        while waiting:
            k = waiting.pop()
            if k in known:
                continue
            found = _derived(k, known, pairs.pop(k, ())) or _taken(k, basis, met[k], known, owned)
            if found is None:
                return None
            known[k] = found
            for j, weights in found.items():
                unknown = [m for m in weights if m not in known] if j in known else []
                for m in unknown:
                    pairs.setdefault(m, []).append((k, j))
                waiting += unknown if len(unknown) == 1 else []
    return {
        (i, j): {k: Fraction(c) for k, c in sorted(known[i][j].items())}
        for i in range(len(basis)) for j in sorted(known[i]) if j < i}


def _taken(
    k: int, basis: Sequence[VectorField], met: Sequence[int], known: Mapping[int, Adjoint],
    owned: Owned,
) -> Adjoint | None:
    """The brackets of a field with all others, taken; None where one leaves the span."""
    out: dict[int, Weights] = {}
    for j in met:
        if j in known:
            weights: Weights = {m: -c for m, c in known[j].get(k, {}).items()}
        else:
            told, rest = owned.told(bracket(basis[k], basis[j]))
            if rest:
                return None
            weights = {m: _short(c) for m, c in told.items()}
        if weights:
            out[j] = weights
    return out


def _derived(
    k: int, known: Mapping[int, Adjoint], pairs: Sequence[tuple[int, int]]
) -> Adjoint | None:
    """The brackets of a field that a bracket of known ones tells; None where none does."""
    for a, b in pairs:
        weights = known[a][b]
        if all(m in known or m == k for m in weights):
            return _of_bracket(k, known[a], known[b], weights, known)
    return None


def _of_bracket(
    k: int, a: Adjoint, b: Adjoint, weights: Weights, known: Mapping[int, Adjoint]
) -> Adjoint:
    """ad k from [a, b] = sum of weights times fields, all of which are known but k."""
    total: dict[int, defaultdict[int, Number]] = defaultdict(lambda: defaultdict(int))
    for j, m, c in _products(a, b):
        total[j][m] += c
    for j, m, c in _products(b, a):
        total[j][m] -= c
    for other, w in weights.items():
        for j, found in known[other].items() if other != k else ():
            for m, c in found.items():
                total[j][m] -= w * c
    by = 1 / Fraction(weights[k])
    out = {j: {m: _short(by * c) for m, c in found.items() if c} for j, found in total.items()}
    return {j: found for j, found in out.items() if found}


def _products(a: Adjoint, b: Adjoint) -> Iterator[tuple[int, int, Number]]:
    """The entries of ad a ad b."""
    for j, found in b.items():
        for k, c in found.items():
            for m, d in a.get(k, {}).items():
                yield j, m, c * d


def _short(c: Fraction) -> Number:
    return c.numerator if c.denominator == 1 else c
