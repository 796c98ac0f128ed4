"""What gradient flow conserves: laws of the linear generators, by Noether's argument.

L(theta) sees theta through f alone, so d L . (S theta) = 0 for every linear generator S, and
d L . c = 0 for a constant one. Along d theta/dt = -grad L: d/dt theta^T S theta =
-(S theta).grad L - (S^T theta).grad L. For S + S^T in the algebra's span too (S symmetric) it is 0;
c . theta is conserved. For an affine S theta + c with S symmetric: theta^T S theta + 2 c . theta.
With weight decay, d theta/dt = -grad L - lambda theta, a quadratic law decays as
exp(-2 lambda t) and a linear one as exp(-lambda t). Momentum conserves another quantity, Adam none:
its steps are no multiples of the gradient.
Source: S. Marcotte, R. Gribonval, G. Peyre, Abide by the Law and Follow the Flow, NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from symgauge.exact.prime_field import PrimeField
from symgauge.exact.rational_matrix import matrix, nullspace
from symgauge.exact.sparse import sparse_independent_rows
from symgauge.families.family import Family
from symgauge.invariants.laurent import Laurent
from symgauge.lie.fields import VectorField, combination


#: Fields of one group whose combinations are sought; more are left to their own symmetry.
LARGEST = 400


@dataclass(frozen=True)
class Law:
    """A function of the parameters that gradient flow conserves, and its generator.

    `rate`: with weight decay lambda it decays as exp(-rate lambda t); None where no power of
    exp(-lambda t) is a factor of it (a quadratic and a linear part).
    """

    families: tuple[int, ...]
    value: Laurent
    generator: VectorField
    rate: int | None


def laws(
    families: Sequence[Family], point: Sequence[int], field: PrimeField,
    added: Collection[int] = (),
) -> list[Law]:
    """Independent laws of the affine generators: combinations with a symmetric linear part.

    Their gradients are independent at the point, mod p: at a generic one there are no more.
    Generators that are no affine fields give none. Coordinates in `added` are a parameter plus a
    number: weight decay brings them to that number, not to 0.
    """
    found: list[Law] = []
    for numbers, x in _combinations(families, -1):
        value = law_of(x)
        if value is not None and value.terms:
            degrees: set[int | None] = {
                None if any(k in added for k, _ in m) else sum(e for _, e in m)
                for m in value.terms}
            found.append(Law(numbers, value, x, degrees.pop() if len(degrees) == 1 else None))
    rows = [law.value.gradient(point, field) for law in found]
    return [found[k] for k in sparse_independent_rows(rows, field.p)]


def rotations(families: Sequence[Family], added: Collection[int] = ()) -> int:
    """The dimension of the linear generators that are skew: a one-parameter group of rotations.

    Gradient descent commutes with them, grad (L o g) = g^T grad L: they carry its trajectories,
    those of momentum and of weight decay to trajectories. Adam's are carried by signed
    permutations alone: its steps are odd functions of each coordinate's gradients. Those that turn
    coordinates in `added` are no rotations of the parameters.
    """
    return sum(not x.shift and not any(k in added for k in x.support)
               for _, x in _combinations(families, 1))


def law_of(x: VectorField) -> Laurent | None:
    """theta^T S theta + 2 c . theta of X = S theta + c (c . theta where S = 0).

    None where S is not symmetric. It is conserved where X f = 0: its gradient is 2 X (or X).
    """
    s = x.linear
    if not x.is_affine or any(s.get((j, k)) != c for (k, j), c in s.items()):
        return None
    factor = 2 if s else 1
    quadratic = [(((k, 2),) if k == j else tuple(sorted(((k, 1), (j, 1)))), c)
                 for (k, j), c in s.items()]
    linear = [(((k, 1),), factor * c) for k, c in x.shift.items()]
    return Laurent.collect([*quadratic, *linear])


def _combinations(
    families: Sequence[Family], sign: int
) -> list[tuple[tuple[int, ...], VectorField]]:
    """A basis of the combinations with S + sign S^T = 0, and the families that each is of."""
    listed = [(n, f) for n, family in enumerate(families) for f in family.fields if f.is_affine]
    fields = [f for _, f in listed]
    parts = [_part(f, sign) for f in fields]
    out: list[tuple[tuple[int, ...], VectorField]] = []
    # fields that share no entry of S + sign S^T are independent of each other
    for group in _joined(parts):
        columns = sorted({key for n in group for key in parts[n]})
        if not columns:
            out += [((listed[n][0],), fields[n]) for n in group]
        elif len(group) <= LARGEST:
            # many entries say the same: one of each kind is enough
            rows = list({tuple(parts[n].get(key, Fraction(0)) for n in group): None
                         for key in columns})
            for row in nullspace(matrix(rows, len(group))).table():
                weights = [Fraction(int(w.p), int(w.q)) if w else Fraction(0) for w in row]
                own = {listed[n][0] for n, w in zip(group, weights, strict=True) if w}
                out.append((tuple(sorted(own)), combination([fields[n] for n in group], weights)))
    return out


def _part(x: VectorField, sign: int) -> dict[tuple[int, int], Fraction]:
    """S + sign S^T, on and above the diagonal."""
    out: dict[tuple[int, int], Fraction] = {}
    for (k, j), c in x.linear.items():
        key = (min(k, j), max(k, j))
        if k == j:
            out[key] = c * (1 + sign)
        else:
            out[key] = out.get(key, Fraction(0)) + (c if k < j or sign > 0 else -c)
    return {key: c for key, c in out.items() if c}


def _joined(rows: Sequence[Mapping[tuple[int, int], Fraction]]) -> list[list[int]]:
    """Rows that share a column, directly or by others."""
    owner: dict[tuple[int, int], int] = {}
    group = list(range(len(rows)))

    def find(k: int) -> int:
        while group[k] != k:
            group[k] = k = group[group[k]]
        return k

    for n, row in enumerate(rows):
        for key in row:
            group[find(n)] = find(owner.setdefault(key, n))
    found: dict[int, list[int]] = {}
    for n in range(len(rows)):
        found.setdefault(find(n), []).append(n)
    return list(found.values())
