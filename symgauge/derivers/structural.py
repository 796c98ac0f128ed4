"""The structural deriver: families from the legs of a program, each proved by its intertwiners.

It reads which op joins which axes and never a size: what it proves holds for every size of the
legs. It knows seven kinds of family: a matrix on a leg, a matrix behind a norm that centres,
positive scalings, one scaling of whole tensors, either with its logarithm added elsewhere, shifts,
and shifts over a norm's gain. Parameters that a scaling or a shift uses up (a gain, a norm's bias)
are brought to 1 and to 0 first, and the rest is found there and carried back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from symgauge.derivers.behind_norms import shifts_behind_norms
from symgauge.derivers.element import Found, Structural
from symgauge.derivers.exponents import scalings_with_logarithms
from symgauge.derivers.fewer_slices import FewerSlices
from symgauge.derivers.fixing import slices_of
from symgauge.derivers.over_gains import rows_over_gains, shifts_over_gains
from symgauge.derivers.stage import Stage
from symgauge.exact.prime_field import PrimeField
from symgauge.families.carry import Slice, carried, near
from symgauge.families.changes import after, in_first, needed
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, held_values
from symgauge.families.offsets import Offsets, slice_with_offsets, with_offsets
from symgauge.families.parts import has_parts, of_whole
from symgauge.lie.fields import VectorField, orbit_rank
from symgauge.program.absorbed import absorbed
from symgauge.program.network import Network
from symgauge.program.parted import parted
from symgauge.program.recentred import recentred
from symgauge.progress import Progress
from symgauge.proof.finite_actions import no_action
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure
from symgauge.verdict import Verdict

Numbers = Sequence[int] | None


def find(
    network: Network, progress: Progress = lambda _: None, *, matrices_alone: bool = False
) -> Found:
    """The structural families of a network, of any size; or no more than `matrices_alone` and how
    they move, where all their slices are held.

    They are found in the program in which fixed vectors are part of parameters, and there in that
    of the parts, where parameters are cut.
    """
    there = absorbed(network)
    found = _parted(there.network, progress, matrices_alone and not there.changes)
    if not there.changes:
        return found
    progress("families that fixed vectors leave as they are")
    prover = FamilyProver(network)

    def stated(s: Structural) -> Structural:
        whole = of_whole(s.family, found.parts)
        if has_parts(whole) and prover.prove(whole).verdict is Verdict.PROVED:
            return s
        tried = (whole, *(f for _, t in found.slices for f in after(whole, t)))
        for plain in () if has_parts(whole) else tried:
            with contextlib.suppress(NoLemma):
                on, steps = prover.steps(plain)
                return replace(s, family=plain, on=on, steps=tuple(steps))
        return replace(s, family=replace(s.family, changes=needed(there.changes, whole)))

    found.slices = [(stated(s), t) for s, t in found.slices]
    found.families = [stated(s) for s in found.families]
    found.network, found.changes = network, there.changes
    return found


def _parted(network: Network, progress: Progress, alone: bool) -> Found:
    """The families of a program, found in that of the parts; `alone`: matrices alone."""
    cut = parted(network)
    if not cut.parts:
        return _recentred(network, progress, alone, None)
    found = _recentred(cut.network, progress, alone, cut.numbers)
    slices = [t for _, t in found.slices] + [t for s in found.families for t in s.own]
    names = {name for own in cut.parts.values() for name in own}
    if any(t.parameter in names for t in slices):
        return _recentred(network, progress, alone, None)  # of a part alone there is no slice
    found.families = [s for s in found.families if names.isdisjoint(
        n for m in s.family.moves for n in m.reads if n != m.source)]  # nor a sum
    found.network, found.parts = network, cut.parts
    return found


def _recentred(network: Network, progress: Progress, alone: bool, numbers: Numbers) -> Found:
    """The families of a program, found in w' = u + w for parameters w that are read so alone."""
    progress("legs")
    centred = recentred(network)
    offsets = centred.offsets
    found = _find(centred.network, progress, alone, numbers)
    slices = [slice_with_offsets(t, offsets) for _, t in found.slices]
    if None in slices:
        return _find(network, progress, alone, numbers)
    found.slices = [
        (replace(s, family=replace(s.family, moves=t.moves)), t)
        for (s, _), t in zip(found.slices, slices, strict=True) if t is not None]
    found.families = list(_with_offsets(found.families, offsets))
    found.network = network
    return found


def _with_offsets(families: Iterable[Structural], offsets: Offsets) -> Iterator[Structural]:
    for s in families:
        family = with_offsets(s.family, offsets)
        own = [slice_with_offsets(t, offsets) for t in s.own]
        kept = tuple(t for t in own if t is not None)
        if family is not None and len(kept) == len(own):
            yield replace(s, family=family, own=kept)


def _find(network: Network, progress: Progress, alone: bool, numbers: Numbers) -> Found:
    """The families of a program in which gains are plain."""
    structure = Structure(network, numbers=numbers)
    progress("scalings and shifts that use up a parameter")
    plain = Stage(structure)
    slices = slices_of(plain)
    found = Found(network, structure, structure, slices)
    if slices:
        found.sliced = Structure(
            network.fixed(held_values(t for _, t in slices)), numbers=numbers, like=structure)
    progress("families")
    stage = Stage(found.sliced) if slices else plain
    found.families = [*stage.matrices(), *(() if alone else _simple(stage))]
    if slices and not alone:
        progress("slices that each family needs")
        fewer = FewerSlices(found, (*plain.matrices(), *_simple(plain)))
        found.families = [fewer.of(f) for f in found.families]
    if not alone:
        progress("readers of norms that stay")
        found.families += _behind_norms(found, stage)
    shapes = {p.name: p.shape for p in network.parameters}
    found.families = [f for f in found.families if not f.family.kind.is_finite or (
        no_action(f.family, shapes) is None)]
    return found


def _simple(stage: Stage) -> Iterator[Structural]:
    """The families of scalings and shifts."""
    yield from stage.scalings()
    yield from scalings_with_logarithms(stage)
    yield from stage.shifts()
    yield from shifts_over_gains(stage)


def _behind_norms(found: Found, stage: Stage) -> list[Structural]:
    """Shifts over gains, of readers that no other shift moves so: without slices where that goes.

    Else through all, and those of the readers behind them; then those that other tensors
    compensate.
    """
    via = tuple(t for _, t in found.slices)
    known = {(m.parameter, m.at) for f in found.families for m in f.family.moves if m.form == "+c"}
    out = list(shifts_behind_norms(found.structure, found.sliced, known))
    if via:
        known |= {(m.parameter, m.at) for f in out for m in f.family.moves}
        out += [
            replace(f, family=replace(f.family, via=(*via, *f.own)))
            for f in shifts_behind_norms(found.sliced, found.sliced, known)]
    known |= {(m.parameter, m.at) for f in out for m in f.family.moves}
    rows = rows_over_gains(stage, known)
    return out + [replace(f, family=replace(f.family, via=via)) for f in rows]


def orbit_dimension(found: Found, field: PrimeField, rng: np.random.Generator) -> int:
    """Rank of the families at a random point: coordinates that slices use up, and on the slices.

    A lower bound on the generic rank, modulo p; no stabiliser is assumed to be trivial.
    """
    network = found.sliced.network
    coordinates = Coordinates(network)
    fields: list[VectorField] = []
    for s in found.families:
        # where a parameter is held its reader is there already
        ways = [Slice(t, coordinates) for t in s.own if t.parameter in network.offsets]
        fields += carried(coordinates.fields_of(s.family), ways) or ()
    point = field.random(rng, (network.num_coordinates,))
    return sum(s.family.dimension for s, _ in found.slices) + orbit_rank(fields, point, field)


def instantiate(found: Found) -> list[Family]:
    """The families with their vector fields on the whole network, carried back from the slices.

    For networks small enough to hold every generator. All come through all slices, where their
    algebra is a direct sum. A family whose fields are no Laurent polynomials is left out.
    """
    coordinates = Coordinates(found.network)
    via = tuple(through for _, through in found.slices)
    out = []
    own = [s.family for s, _ in found.slices]
    on_slices = [s.family if s.own else replace(s.family, via=via) for s in found.families]
    families = [of_whole(f, found.parts) for f in (*own, *on_slices)]
    slice_of = cache(lambda t: Slice(t, coordinates))
    for family in families:
        fields = carried(coordinates.fields_of(family), [slice_of(t) for t in near(family)])
        changes = needed(found.changes, family)
        changed = in_first(fields, changes, coordinates)
        if changed and changed == coordinates.fields_of(family):
            family, changes = replace(family, via=()), ()
        if changed:
            out.append(replace(family, fields=changed, all_sizes=True, changes=changes))
    return out
