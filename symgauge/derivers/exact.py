"""The exact deriver: candidates from the search, on the network and on its slices, each proved.

Families are taken until the sandwich closes: first the structural ones, which need no search,
then those that determining equations give on the network itself, then those on
slices (a parameter that a found scaling or shift uses up is fixed, and what is found there is
carried back), then the general mode ansatz. Superfluous families are dropped, and only generators
that the proof table proves are reported. For null directions that are left, polynomial fields are
sought (`graded`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.determining.at_starts import families_at_starts
from symgauge.determining.basket import Basket, Values
from symgauge.determining.entries import unstructured
from symgauge.determining.polynomial import polynomial_fields
from symgauge.determining.search import Search
from symgauge.determining.slices import Level, choose_slices
from symgauge.derivers.structural import find, instantiate
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.exact.sparse import rank_growth, sparse_rank
from symgauge.families.coordinates import touched
from symgauge.families.family import Family
from symgauge.families.kinds.other import GENERATORS
from symgauge.lie.algebra import close
from symgauge.lie.fields import VectorField, independent
from symgauge.points.draw import Draw
from symgauge.points.implicit import implicit_tensors
from symgauge.points.parts import MANY
from symgauge.points.rank import rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.rows import RANK_ORDER
from symgauge.points.tokens import draw_tokens
from symgauge.points.tried_cells import Cells
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network
from symgauge.progress import Progress, silent
from symgauge.proof.finite_actions import FiniteActions
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.proof.prover import Prover
from symgauge.proof.record import Proof
from symgauge.verdict import Verdict

#: Seconds after which candidates without a form are no longer tried to be proved.
PATIENCE = 100.0
#: Fields times entries of the program's lines above which families are proved by intertwiners.
LINE_BY_LINE = 1_000_000
#: Monomial products of an attempt to prove a field of a structural family line by line.
QUICK = 20_000
#: Parameters above which no polynomial fields are sought, and how many may fail to be proved.
GRADED, UNPROVED = 1000, 4
#: Slices of slices tried.
DEPTH = 6


@dataclass(frozen=True)
class Proved:
    """A family with the proofs of its generators."""

    family: Family
    proofs: tuple[Proof, ...]
    #: The family whose intertwiners prove them all; None where each was proved line by line.
    by: Family | None = None
    #: The family in other coordinates, of which `family` has the generators.
    changed: Family | None = None


@dataclass
class Found:
    """What the exact deriver found."""

    network: Network
    read: npt.NDArray[np.bool_]
    rank: int
    families: list[Proved]
    orbit_dimension: int
    #: Shadow parameters whose cell the rank was found on (piecewise networks), else empty.
    cell: dict[str, Array]
    #: Token inputs that the rank was found with.
    tokens: dict[str, Array]
    notes: list[str] = field(default_factory=list)
    #: Tensors that null directions without a generator move.
    implicit: list[str] = field(default_factory=list)
    #: Cells tried and their ranks (`Cells.to_json`); None for smooth networks.
    cells: dict[str, Any] | None = None

    @property
    def parameters(self) -> int:
        """P, unread coordinates not counted."""
        return int(self.read.sum())

    @property
    def unexplained(self) -> int:
        """Null directions without a generator."""
        return self.parameters - self.rank - self.orbit_dimension


class ExactDeriver:
    """Finds and proves the generators of one network."""

    def __init__(
        self, network: Network, seed: int, progress: Progress = silent, by_lines: bool = True
    ) -> None:
        self.network, self._by_lines = network, by_lines
        self.field = PrimeField(next(primes()))
        self.rng = np.random.default_rng(seed)
        self.progress, self.read = progress, read_coordinates(network)
        #: Levels looked at, with the families found on each.
        self._levels: list[tuple[Level, list[Family]]] = []
        point = self.field.random(self.rng, (network.num_coordinates,))
        self._point: list[int] = point.astype(np.int64).tolist()

    def run(self) -> Found:
        """The rank, the proved families, and their orbit rank."""
        cells, total = self._cells, int(self.read.sum())
        tokens = cells.tokens
        found = Found(self.network, self.read, cells.rank, [], 0, cells.best, tokens)
        self._prove(found, *self._select(total - cells.rank))
        if found.unexplained > 0 and self.network.has_flows:
            self._look_again(found)
        found.cells = cells.to_json()
        if found.cells and (found.unexplained > 0 or len(cells.ranks) > 1):
            found.notes.append(str(cells))
        if found.unexplained > 0:
            fields = [f for p in found.families for f in p.family.fields]
            draw = Draw(self.network, self.field, self.rng, cell=found.cell, tokens=tokens)
            found.implicit = implicit_tensors(draw, fields, self.read, found.rank)
            if self._is_graded(found) and self._polynomial(found):
                fields = [f for p in found.families for f in p.family.fields]
                found.implicit = implicit_tensors(
                    draw, fields, self.read, found.rank) if found.unexplained else []
        return found

    def _is_graded(self, found: Found) -> bool:
        """Whether polynomial fields are sought: not with roots of constants, not with flows.

        Constants' roots are derived again as floats (`points.rounded_roots`): coefficients are
        rational. What a flow's end leaves free is no polynomial of its field.
        """
        lowered = lower(self.network)
        return found.parameters <= GRADED and not self.network.has_flows and not any(
            lowered.is_constant[i] for i in lowered.root_lines)

    def _polynomial(self, found: Found) -> int:
        """Take polynomial fields for the null directions that are left; how many are proved."""
        self.progress("polynomial fields")
        fields = [f for p in found.families for f in p.family.fields]
        values = self._values(fields)
        prover, lost = Prover(self.network), 0
        before = found.orbit_dimension
        for f in polynomial_fields(
                Search(self.network, self.field, self.rng), self.read, found.implicit,
                self._point, values, self._levels):
            proof = prover.prove(f)
            if proof.verdict is Verdict.PROVED:
                values += self._values([f])
                found.orbit_dimension += 1
                family = Family(GENERATORS, (), 1, touched(self.network, f), (f,))
                found.families.append(Proved(family, (proof,)))
            else:
                lost += 1
            if not found.unexplained or lost == UNPROVED:
                break
        if lost:
            found.notes.append(f"{lost} polynomial fields were not proved and are left out")
        return found.orbit_dimension - before

    def _prove(
        self, found: Found, chosen: Sequence[Family], spare: Sequence[Family]
    ) -> None:
        """Prove candidates that add to the orbit, and take what is proved."""
        prover, finite = Prover(self.network), FiniteActions(self.network)
        together, many = FamilyProver(self.network), self._many(chosen)
        candidates = [*chosen, *spare]
        values = [self._values(c.fields) for c in candidates]
        growth = rank_growth(values, self.field.p)
        unproved, spent = 0, 0.0
        for k, candidate in enumerate(candidates):
            if not growth[k]:
                continue
            if not candidate.kind.is_finite and spent > PATIENCE:
                unproved += len(candidate.fields)
                values[k] = []
                growth = rank_growth(values, self.field.p)
                continue
            start = time.perf_counter()
            self.progress(
                f"proofs, {found.orbit_dimension} of {found.parameters - found.rank} directions: "
                f"{candidate.kind} on {', '.join(candidate.tensors[:4])}")
            proved, lost = self._proof_of(candidate, prover, together, many)
            if not candidate.kind.is_finite:
                spent += time.perf_counter() - start
            unproved += lost
            if lost or proved is None:
                values[k] = [] if proved is None else self._values(proved.family.fields)
                growth = rank_growth(values, self.field.p)
            if proved is None:
                continue
            found.orbit_dimension += growth[k]
            found.families.append(self._with_action(proved, finite, found.notes))
        if unproved:
            found.notes.append(f"{unproved} candidate generators were not proved and are left out")

    def _proof_of(
        self, candidate: Family, prover: Prover, together: FamilyProver, many: bool
    ) -> tuple[Proved | None, int]:
        """What is proved of a candidate, by its family or field by field; how many fields are not.

        A structural family is proved line by line as long as that is quick, since such a proof
        needs no lemma; then by intertwiners. `many`: there are too many fields for that.
        """
        if candidate.all_sizes:
            quick = () if many else _quick(candidate, prover)
            if len(quick) == len(candidate.fields):
                return Proved(candidate, quick), 0
            shown = together.prove(candidate)
            if shown.verdict is Verdict.PROVED:
                return Proved(candidate, (shown,) * len(candidate.fields), candidate), 0
        proofs = [prover.prove(f) for f in candidate.fields]
        good = [i for i, p in enumerate(proofs) if p.verdict is Verdict.PROVED]
        if not good:
            return None, len(proofs)
        if len(good) < len(proofs):
            candidate = self._alone(
                replace(candidate, fields=tuple(candidate.fields[i] for i in good)))
        return Proved(candidate, tuple(proofs[i] for i in good)), len(proofs) - len(good)

    def _with_action(self, proved: Proved, finite: FiniteActions, notes: list[str]) -> Proved:
        """The family as it is where its moves are a group action; else its generators alone."""
        family = proved.family
        if family.changes:
            return replace(proved, family=self._alone(family), changed=family)
        reason = None if not family.kind.is_finite else finite.missing(family, proved.proofs)
        if reason is None:
            return proved
        notes.append(
            f"no finite action is given for the {family.kind} family on "
            f"{', '.join(family.tensors[:4])}: {reason}")
        return replace(proved, family=self._alone(family))

    def _look_again(self, found: Found) -> None:
        """A larger rank, where flows may hide some of it: a minor may start at a higher power."""
        self.progress("rank to a higher order")
        draw = Draw(self.network, self.field, self.rng, cell=found.cell, tokens=found.tokens)
        again = rank_at_point(draw, self.read, order=2 * RANK_ORDER)
        found.rank = max(found.rank, again)

    def _alone(self, family: Family) -> Family:
        """The family's generators without a finite action."""
        moved = dict.fromkeys(m for f in family.fields for m in touched(self.network, f))
        return Family(GENERATORS, (), 1, tuple(moved), family.fields, all_sizes=family.all_sizes)

    @property
    def left(self) -> int:
        """The null directions that the structural families leave, at most."""
        return int(self.read.sum()) - self._cells.rank - self._structural_rank

    @cached_property
    def _cells(self) -> Cells:
        """Cells, tried until the structural families close one: a search is asked for the rest."""
        total = int(self.read.sum())
        until = total - self._structural_rank if total >= MANY else total
        self.progress("rank of the Jacobian")
        tokens = draw_tokens(self.network, self.rng)
        cells = Cells(self.network, self.field, self.rng, self.read, tokens)
        if cells.by_parts(until):
            return cells
        if cells.extend(total, 1) < total and is_piecewise(self.network):
            until = total - self._structural_rank
            if cells.few(until) < until:
                cells.many(until, total)
        return cells

    @cached_property
    def _structural_rank(self) -> int:
        fields = [f for family in self._structural for f in family.fields]
        return sparse_rank(self._values(fields), self.field.p)

    @cached_property
    def _structural(self) -> list[Family]:
        """The families that are proved for all sizes."""
        return list(instantiate(find(self.network, self.progress)))

    def _many(self, families: Sequence[Family]) -> bool:
        """Whether proofs line by line, one for each field, would take minutes, or are not asked."""
        entries = sum(prod(n.shape) for n in self.network.nodes if n.op is not None)
        return not self._by_lines or entries * sum(len(f.fields) for f in families) > LINE_BY_LINE

    def _select(self, wanted: int) -> tuple[list[Family], list[Family]]:
        """Candidates up to the wanted orbit rank, and those that the others make superfluous.

        Families found above and below a slice need not close together. What was used for the
        slices and what was found on the last one do: their algebra is a direct sum.
        """
        basket = Basket(self.field)
        if wanted > 0:
            basket.offer_all([(f, self._values(f.fields)) for f in self._structural], wanted)
        for candidate in self._candidates(lambda: basket.rank >= wanted):
            basket.offer(candidate, self._values(candidate.fields))
            if basket.rank >= wanted:
                break
        spare = basket.prune()
        if len(self._levels) > 1:
            size = self._closed_dimension(basket.families)
            if size is None or size > sum(len(f.fields) for f in basket.families):
                other = self._direct_sum(basket)
                smaller = self._closed_dimension(other.families)
                if other.rank == basket.rank and smaller is not None and (
                    size is None or smaller < size
                ):
                    return other.families, [*basket.families, *spare]
        return basket.families, spare

    def _direct_sum(self, first: Basket) -> Basket:
        """The slices' own families, then those of the last slice, then whatever is missing."""
        basket = Basket(self.field)
        last, seen = self._levels[-1]
        own = [
            level.above.lift(family) for level, _ in self._levels if level.above is not None
            for family in level.used
        ]
        found = [last.lift(family) for family in self._needed(last, seen)]
        for family in (*own, *found, *first.families):
            if family is not None:
                basket.offer(family, self._values(family.fields))
        basket.prune()
        return basket

    def _closed_dimension(self, families: Sequence[Family]) -> int | None:
        """Dimension of the smallest bracket-closed family that holds these; None if not found."""
        fields = [f for family in families for f in family.fields]
        if not fields:
            return 0
        kept = [fields[k] for k in independent(fields, self.field)]
        closure = close(kept, self.field, 2 * len(kept) + 8)
        return None if closure.constants is None else len(closure.basis)

    def _needed(self, level: Level, families: Sequence[Family]) -> list[Family]:
        """Families that raise the orbit rank on a level's own network, finer ones first."""
        size = level.search.network.num_coordinates
        point = self.field.random(self.rng, (size,)).astype(np.int64).tolist()
        basket = Basket(self.field)
        for family in families:
            basket.offer(family, [f.entries_at(point, self.field) for f in family.fields])
        basket.prune()
        return basket.families

    def _values(self, fields: Sequence[VectorField]) -> Values:
        return [
            {k: v for k, v in f.entries_at(self._point, self.field).items() if self.read[k]}
            for f in fields
        ]

    def _candidates(self, done: Callable[[], bool]) -> Iterator[Family]:
        """Families of the network, of its slices carried back, and of the ansatz."""
        if done():
            return
        level: Level | None = Level.top(self.network, self.field, self.rng)
        self._levels = []
        while level is not None and len(self._levels) < DEPTH:
            seen: list[Family] = []
            self._levels.append((level, seen))
            for family in (*families_at_starts(level.search), *level.search.structured()):
                if done():
                    return
                seen.append(family)
                lifted = level.lift(family)
                if lifted is not None:
                    yield lifted
            if done():
                return
            self.progress("slices")
            level = level.below(choose_slices(level, self._needed(level, seen)))
        for level, _ in reversed(self._levels):
            self.progress("general ansatz")
            for family in unstructured(level.search):
                lifted = level.lift(family)
                if lifted is not None:
                    yield lifted


def _quick(family: Family, prover: Prover) -> tuple[Proof, ...]:
    """Proofs of the fields, up to the first that takes more than QUICK."""
    proofs: list[Proof] = []
    for moved in family.fields:
        proof = prover.prove(moved, QUICK)
        if proof.verdict is not Verdict.PROVED:
            break
        proofs.append(proof)
    return tuple(proofs)
