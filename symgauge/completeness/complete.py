"""Whether the structural families are all there is: the sweep's bound beside their dimension."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from sympy import expand

from symgauge.facts import FACTS
from symgauge.completeness.families import dimension_in
from symgauge.facts.ledger import Step
from symgauge.completeness.names import Names
from symgauge.sums.sizes import Size, Sizes
from symgauge.converse.sweep import UNMET, Outcome, sweep
from symgauge.derivers.element import Found
from symgauge.derivers.structural import find, orbit_dimension
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.program.network import Network
from symgauge.records import Record
from symgauge.statements.dimension import dimension
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.steps.agreement import refusals
from symgauge.steps.unread import Unread

#: Printed with every statement that nothing is missing: what no other code has checked.
ASSUMED = (
    "assumed, no certificate: that the sweep applies the converse lemmas rightly (no other code "
    "checks its steps)")
#: The same where the second reading (room `steps`) has established the same steps.
ASSUMED_OF_TWO = (
    "assumed, no certificate: that the converse lemmas are applied rightly (a second reading of "
    "the program, with sums and counts of its own, establishes the same steps)")
#: Between a letter and its value, where nothing is said of other values.
STAYS = "stays"
AGREES = "the same steps are established"
#: Parameters up to which the rank of the families is taken at a point.
RANKED = 4000


class Extent(StrEnum):
    """For which sizes the families are all there is, by the converse lemmas."""

    #: For all sizes that satisfy the conditions.
    RANGE = "all sizes in the range"
    #: For these sizes.
    HERE = "these sizes"
    #: For the sizes in the range, to which these do not belong.
    ELSEWHERE = "all sizes in the range, not these"
    #: Nothing says that they are all there is.
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Left(Record):
    """Directions that a step leaves free: what they are, and how many."""

    what: str
    count: str


@dataclass(frozen=True, kw_only=True)
class Applied(Record):
    """One step: a converse, the line that it was read off, what it settles and leaves free."""

    fact: str
    line: int
    settles: tuple[str, ...]
    free: tuple[Left, ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Stopped(Record):
    """Where the sweep stops: the line, its law, and what a converse would need."""

    line: int
    law: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Completeness(Record):
    """The bound of the sweep and the dimension of the families, and what follows."""

    extent: Extent
    #: The sentence that says what follows.
    says: str
    #: The upper bound on the redundancy at these sizes, where they are in the range.
    bound: int
    #: The same as a polynomial in named sizes.
    polynomial: str
    symbols: dict[str, str]
    #: Where the letters' legs meet parameters: "W 0.1" is the second leg of axis 0 of W.
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: What the families give at these sizes.
    families: int
    #: Side conditions: inequalities of sizes, and others in words.
    range: tuple[str, ...]
    #: Those that these sizes miss.
    missed: tuple[str, ...]
    #: Theorems of others on which the steps rest, and what is assumed.
    premises: tuple[str, ...]
    #: Parameters that no output reads: they are left out.
    unread: tuple[str, ...]
    #: What the second reading of the program says of the steps.
    second: str = ""
    stop: Stopped | None = None
    steps: tuple[Applied, ...] = ()


def completeness(network: Network, found: Found | None = None) -> Completeness:
    """What the converse sweep says of a network, beside its structural families.

    `found`: those, where they are known already.
    """
    outcome = sweep(network)
    families = find(network) if found is None else found
    names = Names(outcome.ledger.sizes)
    unread = [i for i in outcome.unsettled if i not in outcome.structure.lines]
    free = outcome.free - sum(outcome.ledger.sizes.parameter(i) for i in unread)
    count, lifts = _count(families, network)
    stop = _stop(outcome, unread)
    extent, stays = _extent(outcome, families, free, count if stop is None else -1, lifts)
    steps = tuple(_applied(s, outcome, names) for s in outcome.steps)
    # letters are given as polynomials are met: the bound's come first
    polynomial = names.text(free)
    inequalities = [f"{names.text(c.less)} <= {names.text(c.more)}"
                    for c in outcome.ledger.conditions()]
    words = list(dict.fromkeys(w for s in outcome.steps for w in s.words))
    if extent in (Extent.RANGE, Extent.ELSEWHERE):
        words.append("no generator but 0 vanishes at a generic point (shown at these sizes)")
        words += sorted({f"{names.text(x)} {STAYS} {outcome.ledger.sizes.value(x)}" for x in stays})
    facts = [FACTS[s.fact] for s in outcome.steps if s.fact in FACTS]
    missed = [f"{names.text(c.less)} <= {names.text(c.more)}" for c in outcome.outside]
    bound = outcome.ledger.sizes.value(expand(free))
    return _read_again(Completeness(
        extent=extent, says=_sentence(extent, bound, count, stop, missed),
        bound=bound, polynomial=polynomial, families=count,
        range=(*dict.fromkeys(inequalities), *words), missed=tuple(missed),
        premises=tuple(dict.fromkeys(p for f in facts for p in f.premises)),
        unread=tuple(outcome.structure.names[i] for i in unread), stop=stop, steps=steps,
        symbols=names.meanings, places=names.places), network)


def _read_again(record: Completeness, network: Network) -> Completeness:
    """The record with what the second reading says; where that disagrees nothing is concluded."""
    if record.stop is not None:
        return replace(record, second="not asked: the sweep stops")
    assumed = ASSUMED
    try:
        refused = refusals(record.plain(), network)
        record = replace(record, second="; ".join(refused) or AGREES)
        if refused:
            return replace(
                record, extent=Extent.OPEN,
                says=f"a lower bound: a second reading of the program disagrees ({refused[0]})")
        assumed = ASSUMED_OF_TWO
    except Unread as unread:
        record = replace(record, second=f"not read: {unread}")
    if record.extent is Extent.OPEN:
        return record
    return replace(record, premises=(*record.premises, assumed))


def check(record: Completeness, network: Network) -> list[str]:
    """What a record says of a network that is not so: each step is made again."""
    again = completeness(network).plain()
    said = record.plain()
    return [f"the record says another {key} than the network: {said.get(key)!r:.100}"
            for key in again if said.get(key) != again[key]] + [
        f"the record says {key}, which is not so" for key in said if key not in again]


def _count(found: Found, network: Network) -> tuple[int, bool]:
    """The dimension of the families' orbits, and whether that of the algebra is it.

    By a criterion on legs, or by a rank at these sizes.
    """
    if generic_stabiliser(found) is None:
        return dimension(found), True
    if network.num_coordinates > RANKED:
        return -1, False
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    rank = orbit_dimension(found, field, rng)
    return rank, rank == dimension(found)


def _stop(outcome: Outcome, unread: list[int]) -> Stopped | None:
    stop = outcome.stop
    if stop is None or stop.reason == UNMET and len(unread) == len(outcome.unsettled):
        return None
    return Stopped(line=stop.line, law=stop.law, reason=stop.reason)


def _extent(
    outcome: Outcome, found: Found, free: object, count: int, lifts: bool
) -> tuple[Extent, tuple[Size, ...]]:
    """For which sizes bound and families agree, and which sizes have to stay as they are."""
    sizes = outcome.ledger.sizes
    if count != sizes.value(expand(free)):
        return Extent.OPEN, ()
    if lifts:
        families = dimension_in(found, sizes)
        stays = None if families is None else _stays(expand(families - free), sizes)
        if stays is not None:
            return Extent.RANGE if outcome.applies else Extent.ELSEWHERE, stays
    return Extent.HERE if outcome.applies else Extent.OPEN, ()


def _stays(apart: Size, sizes: Sizes) -> tuple[Size, ...] | None:
    """The fewest sizes at whose present values two counts agree, all others free; at most one.

    Of a leg of two entries families may be counted by numbers where its size would stand.
    """
    if apart == 0:
        return ()
    return next(((x,) for x in sorted(apart.free_symbols, key=str)
                 if expand(apart.subs(x, sizes.value(x))) == 0), None)


def _sentence(
    extent: Extent, bound: int, count: int, stop: Stopped | None, missed: list[str]
) -> str:
    if extent is Extent.RANGE:
        return ("nothing else at any size in the range, by the converse lemmas: the families are "
                "the whole redundancy, under the assumptions beside it")
    if extent is Extent.HERE:
        return ("nothing else at these sizes, by the converse lemmas: the families are the whole "
                "redundancy, under the assumptions beside it")
    if extent is Extent.ELSEWHERE:
        return ("nothing else at any size in the range, by the converse lemmas and under the "
                "assumptions beside it; these sizes miss it "
                f"({'; '.join(missed)}), and here the families are a lower bound")
    if stop is not None:
        return (f"a lower bound: the sweep stops at line v{stop.line} ({stop.law}: {stop.reason})")
    if missed:
        return f"a lower bound: these sizes miss the range ({'; '.join(missed)})"
    known = f"{count} known" if count >= 0 else "those of the families unknown"
    return f"the redundancy is at most {bound}, {known}"


def _applied(step: Step, outcome: Outcome, names: Names) -> Applied:
    known = outcome.structure.names
    return Applied(
        fact=step.fact, line=step.line,
        settles=tuple(dict.fromkeys(
            known[p if isinstance(p, int) else p[0]] for p in step.settled)),
        free=tuple(Left(what=w, count=names.text(n)) for w, n in step.free),
        conditions=(*(f"{names.text(c.less)} <= {names.text(c.more)}" for c in step.conditions),
                    *step.words))
