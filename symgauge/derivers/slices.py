"""Slices: a parameter that a found scaling or shift uses up is fixed, and the rest derived there.

H: a found subgroup that is simply transitive on the values of one parameter s (a scaling with
weight +-1, on s = 1; a shift, on s = 0). theta = h(theta).sigma with sigma on the slice. A
generator Y on the slice is carried back to
X(theta) = D_sigma (h.sigma) at h = h(theta), applied to Y(h(theta)^-1 theta).
Its components are Laurent polynomials (gains in denominators); X f = 0 is proved anew on the
whole space, so nothing rests on the slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.derivers.families import Coordinates, Family, Move, Through, held_values, touched
from symgauge.derivers.search import Search
from symgauge.exact.prime_field import PrimeField
from symgauge.lie.fields import VectorField, Monomial, times
from symgauge.network.program import Network

#: A polynomial in the coordinates: monomials and coefficients.
Polynomial = dict[Monomial, Fraction]
#: Terms of a carried-back field above which it is given up.
MAX_TERMS = 20000


@dataclass(frozen=True)
class Level:
    """A network reached by slices, and the way back."""

    search: Search
    above: Level | None
    #: Coordinates of this network in the one above.
    up: npt.NDArray[np.int64]
    slices: tuple[Through, ...]
    #: The families, on the network above, whose parameters were fixed.
    used: tuple[Family, ...] = ()

    @staticmethod
    def top(network: Network, field: PrimeField, rng: np.random.Generator) -> Level:
        """The network itself."""
        return Level(Search(network, field, rng), None, np.arange(network.num_coordinates), ())

    def below(self, chosen: Sequence[tuple[Family, Through]]) -> Level | None:
        """The network on the slices, or None where there are none."""
        slices = [through for _, through in chosen]
        if not slices:
            return None
        network = self.search.network
        reduced = network.fixed(held_values(slices))
        whole = self.search.coordinates
        up = [whole.whole(p.name).reshape(-1) for p in reduced.parameters]
        below = Search(reduced, self.search.field, self.search.rng)
        joined = np.concatenate(up) if up else np.zeros(0, dtype=np.int64)
        return Level(below, self, joined, tuple(slices), tuple(f for f, _ in chosen))

    def lift(self, family: Family) -> Family | None:
        """The family on the top network; None where a component is no Laurent polynomial."""
        if self.above is None:
            return family
        fields = []
        for f in family.fields:
            moved = VectorField.collect(
                (int(self.up[k]), tuple(sorted((int(self.up[j]), e) for j, e in m)), c)
                for (k, m), c in f.terms.items()
            )
            for through in reversed(self.slices):
                lifted = carry_back(moved, through, self.above.search.coordinates)
                if lifted is None:
                    return None
                moved = lifted
            fields.append(moved)
        via = (*self.slices, *family.via)
        if family.kind != "other":
            above = self.above.search.coordinates
            plain = above.fields(
                family.kind, prod(family.copies), family.size, family.moves)
            if list(plain) == fields:
                via = family.via  # the slices do not touch what moves
        carried = replace(family, fields=tuple(fields), via=via)
        if family.kind == "other":  # no finite action: only what moves is told
            moved_names = dict.fromkeys(
                m for f in fields for m in touched(self.above.search.network, f)
            )
            carried = replace(carried, moves=tuple(moved_names), via=())
        return self.above.lift(carried)


def choose_slices(
    level: Level, families: Sequence[Family]
) -> list[tuple[Family, Through]]:
    """Found families with a parameter each that they use up, compatible with one another."""
    chosen: list[tuple[Family, Through]] = []
    coordinates = level.search.coordinates
    for family in families:
        if family.kind not in ("diagonal", "translation"):
            continue
        used = {t.parameter for _, t in chosen}
        if used & ({m.parameter for m in family.moves} | {m.source for m in family.moves}):
            continue  # it would leave an earlier slice
        for move in family.moves:
            if _uses_up(move, family, coordinates):
                through = Through(
                    move.parameter, family.kind, family.copies, family.size, family.moves
                )
                chosen.append((family, through))
                break
    return chosen


def _uses_up(move: Move, family: Family, coordinates: Coordinates) -> bool:
    """Whether the family acts simply transitively on the values of the moved parameter."""
    name = move.parameter
    wanted = "s^k" if family.kind == "diagonal" else "+c"
    if move.form != wanted or sum(m.parameter == name for m in family.moves) != 1:
        return False
    if any(m.source == name for m in family.moves):
        return False
    if family.kind == "diagonal":
        plain = all(m.form == "s^k" and m.weight.denominator == 1 for m in family.moves)
        if not plain or abs(move.weight) != 1:
            return False
    moved = {m.parameter for m in family.moves}
    if any(m.source in moved for m in family.moves):
        return False
    shape = coordinates.at(name, move.at).shape
    size = prod(coordinates.shapes[name])
    return shape[2:] == (1, 1) and prod(shape) == size == prod(family.copies) * family.size


def carry_back(
    field: VectorField, through: Through, coordinates: Coordinates
) -> VectorField | None:
    """D_sigma (h.sigma) Y(h^-1 theta) for one slice; None where it is no Laurent polynomial."""
    own = next(m for m in through.moves if m.parameter == through.parameter)
    elements = coordinates.at(own.parameter, own.at).reshape(-1)
    if through.kind == "diagonal":
        return _through_scaling(field, through, coordinates, elements, own)
    return _through_shift(field, through, coordinates, elements, own)


def _element_of(move: Move, coordinates: Coordinates) -> Iterator[tuple[int, int]]:
    """Coordinates that a move reaches, with the number of the element's index."""
    index = coordinates.at(move.parameter, move.at)
    flat = index.reshape(index.shape[0] * index.shape[1], -1)
    for e, row in enumerate(flat):
        for k in row:
            yield int(k), e


def _through_scaling(
    field: VectorField, through: Through, coordinates: Coordinates,
    elements: npt.NDArray[np.int64], own: Move,
) -> VectorField:
    """theta_k = m_k(s) sigma_k with m_k a monomial in the coordinates of the fixed parameter."""
    factor: dict[int, Monomial] = {}
    for move in through.moves:
        power = int(move.weight * own.weight)  # own.weight is +-1: s_e = t_e ** own.weight
        for k, e in _element_of(move, coordinates):
            factor[k] = times(factor.get(k, ()), ((int(elements[e]), power),))

    def entries() -> Iterator[tuple[int, Monomial, Fraction]]:
        for (k, m), c in field.terms.items():
            out = times(m, factor.get(k, ()))
            for j, e in m:
                out = times(out, tuple((t, -e * n) for t, n in factor.get(j, ())))
            yield k, out, c

    return VectorField.collect(entries())


def _through_shift(
    field: VectorField, through: Through, coordinates: Coordinates,
    elements: npt.NDArray[np.int64], own: Move,
) -> VectorField | None:
    """theta_k = sigma_k + (terms in the fixed parameter and the sources)."""
    added: dict[int, Polynomial] = {}
    pushed: list[tuple[int, int, int, Fraction]] = []  # target, source, fixed coordinate, weight
    for move in through.moves:
        if move.parameter == through.parameter:
            continue
        weight = move.weight / own.weight
        if move.form == "+c":
            for k, e in _element_of(move, coordinates):
                _put(added.setdefault(k, {}), ((int(elements[e]), 1),), weight)
            continue
        assert move.source is not None
        source = coordinates.at(move.source, move.at)
        target = coordinates.whole(move.parameter).reshape(-1)
        flat = source.reshape(source.shape[0] * source.shape[1], source.shape[2], -1)
        for e, rows in enumerate(flat):
            for row in rows:
                for k, j in zip(target.tolist(), row.tolist(), strict=True):
                    t = int(elements[e])
                    _put(added.setdefault(k, {}), times(((t, 1),), ((j, 1),)), weight)
                    pushed.append((k, j, t, weight))
    out: list[tuple[int, Monomial, Fraction]] = []
    for (k, m), c in field.terms.items():
        value = _substituted(m, added)
        if value is None or len(out) > MAX_TERMS:
            return None
        out += [(k, n, c * d) for n, d in value.items()]
    moved = VectorField.collect(out)
    for k, j, t, weight in pushed:
        out += [
            (k, times(m, ((t, 1),)), weight * c) for m, c in moved.components.get(j, ())
        ]
    return VectorField.collect(out)


def _put(polynomial: Polynomial, m: Monomial, c: Fraction) -> None:
    polynomial[m] = polynomial.get(m, Fraction(0)) + c


def _substituted(m: Monomial, added: dict[int, Polynomial]) -> Polynomial | None:
    """The monomial at sigma = theta - added(theta)."""
    value: Polynomial = {(): Fraction(1)}
    for j, e in m:
        if j not in added:
            value = {times(n, ((j, e),)): c for n, c in value.items()}
            continue
        if e < 0:
            return None
        for _ in range(e):
            grown: Polynomial = {}
            for n, c in value.items():
                _put(grown, times(n, ((j, 1),)), c)
                for q, d in added[j].items():
                    _put(grown, times(n, q), -c * d)
            value = grown
    return value
