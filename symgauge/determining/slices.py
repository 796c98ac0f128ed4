"""Slices: a parameter that a found scaling or shift uses up is fixed, and the rest derived there.

H: a found subgroup that is simply transitive on the values of one parameter s (a scaling with
weight +-1, on s = 1; a shift, on s = 0). theta = h(theta).sigma with sigma on the slice. A
generator Y on the slice is carried back to
X(theta) = D_sigma (h.sigma) at h = h(theta), applied to Y(h(theta)^-1 theta).
Its components are Laurent polynomials (gains in denominators); see `network.carry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.determining.search import Search
from symgauge.exact.prime_field import PrimeField
from symgauge.families.carry import Slice, carried
from symgauge.families.coordinates import Coordinates, held_coordinates, touched
from symgauge.families.family import Family, Move, Through
from symgauge.lie.fields import VectorField
from symgauge.program.network import Network


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
        reduced = network.fixed(held_coordinates(network, slices))
        whole = self.search.coordinates
        up = [whole.whole(p.name).reshape(-1) for p in reduced.parameters]
        below = Search(reduced, self.search.field, self.search.rng)
        joined = np.concatenate(up) if up else np.zeros(0, dtype=np.int64)
        return Level(below, self, joined, tuple(slices), tuple(f for f, _ in chosen))

    @cached_property
    def _back(self) -> list[Slice]:
        """The slices, on the network above."""
        assert self.above is not None
        return [Slice(t, self.above.search.coordinates) for t in self.slices]

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
            fields.append(moved)
        back = carried(fields, self._back)
        if back is None:
            return None
        via = (*self.slices, *family.via)
        if family.kind.is_finite:
            above = self.above.search.coordinates
            if above.fields_of(family) == back:
                via = family.via  # the slices do not touch what moves
        lifted = replace(family, fields=back, via=via)
        if not family.kind.is_finite:  # no finite action: only what moves is told
            moved_names = dict.fromkeys(
                m for f in back for m in touched(self.above.search.network, f)
            )
            lifted = replace(lifted, moves=tuple(moved_names), via=())
        return self.above.lift(lifted)


def choose_slices(
    level: Level, families: Sequence[Family]
) -> list[tuple[Family, Through]]:
    """Found families with a parameter each that they use up, compatible with one another."""
    chosen: list[tuple[Family, Through]] = []
    coordinates = level.search.coordinates
    for family in families:
        if not family.kind.is_vector:
            continue
        used = {t.parameter for _, t in chosen}
        if used & {n for m in family.moves for n in (m.parameter, *m.reads)}:
            continue  # it would leave an earlier slice
        for move in family.moves:
            if _uses_up(move, family, coordinates):
                u = level.search.network.added.get(move.parameter, Fraction(0))
                held = replace(move, offset=u)
                moves = tuple(held if m is move else m for m in family.moves)
                chosen.append((family, Through(
                    move.parameter, family.kind, family.copies, family.size, moves)))
                break
    return chosen


def _uses_up(move: Move, family: Family, coordinates: Coordinates) -> bool:
    """Whether the family acts simply transitively on the values of the moved parameter."""
    name = move.parameter
    wanted = "s^k" if family.kind.is_scaling else "+c"
    if move.form != wanted or sum(m.parameter == name for m in family.moves) != 1:
        return False
    if any(m.sum_of for m in family.moves):
        return False
    if family.kind.is_scaling:
        # what is scaled about another number brings 1/(w + u), which is no Laurent monomial
        plain = all(m.form == "s^k" and m.weight.denominator == 1 and not coordinates.offset(m)
                    for m in family.moves)
        if not plain or abs(move.weight) != 1:
            return False
    moved = {m.parameter for m in family.moves}
    if any(m.source in moved for m in family.moves):
        return False
    shape = coordinates.moved(move).shape
    size = prod(coordinates.shapes[name])
    return shape[2:] == (1, 1) and prod(shape) == size == prod(family.copies) * family.size
