"""Whether the facts beside a certificate are those of its program."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from symgauge.certify.certificate import Carried
from symgauge.certify.verification import MALFORMED
from symgauge.derivation.algebra import rank_of, structural_part, structure_of
from symgauge.derivation.facts import tensors_of
from symgauge.derivation.invariants import invariants_of, laws_of
from symgauge.points.fresh import TRIES, fresh
from symgauge.statements.notes import counts_directions, implicit_note
from symgauge.checks.refuted import fewer_planted, planted_disagreements
from symgauge.derivation.record import CLAIMED, DerivationRecord, difference_of
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.exact import Proved
from symgauge.statements.statement import plain_fields, statement
from symgauge.derivers.structural import find, instantiate
from symgauge.errors import SymgaugeError, UndecidedError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import Coordinates, touched
from symgauge.families.family import Family, Move, Place
from symgauge.families.statement import Acting, FamilyStatement, StatedSlice
from symgauge.lie.algebra import structure_constants
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.implicit import implicit_tensors
from symgauge.points.reads import read_coordinates
from symgauge.points.tokens import draw_tokens
from symgauge.points.unread import unread_tensors
from symgauge.program.network import Network
from symgauge.proof.finite_actions import FiniteActions
from symgauge.proof.record import Proof
from symgauge.records import Record, plain, text_of

#: What `verify` decides anew from the program alone; `left_open` names all else.
DECIDED = (
    "schema", "digest", "certificate", *CLAIMED, "tensors", "structural", "generators", "algebra",
    "discrete", "planted", "unread_tensors", "invariants", "laws",
)


def disagreements(
    record: DerivationRecord, seen: list[int] | None = None, carried: Carried | None = None,
) -> Iterator[str]:
    """Facts of the record that are not those of its program.

    To `seen` goes how many discrete elements are found, where they are looked for. `carried`: what
    its certificate carries, to be read once.
    """
    carried = carried or Carried(record.certificate)
    try:
        network = carried.network
        yield from _difference("tensors", record.tensors, tensors_of(network))
        yield from _difference("unread_tensors", record.unread_tensors, unread_tensors(network))
        restated = any(entry.full is not None for entry in record.generators)
        if record.full_tensors is None and restated or (
                record.full_sizes is None and record.full_tensors is not None):
            yield "it speaks of full sizes, and names none"
        yield from _of_families(record, carried, [] if seen is None else seen)
        yield from planted_disagreements(
            plain(record.planted), plain(record.generators), network)
    except (SymgaugeError, *MALFORMED) as error:
        yield f"the facts of derivation.json are malformed: {error!s:.200}"


def _difference(name: str, said: object, found: object) -> Iterator[str]:
    return difference_of(name, plain(said), plain(found))


def _of_families(record: DerivationRecord, carried: Carried, seen: list[int]) -> Iterator[str]:
    """Statements, made anew from the certificate's vectors and the actions that are named."""
    network, vectors = carried.network, carried.generators
    coordinates, proofs = Coordinates(network), record.certificate.proofs()
    finite = FiniteActions(network)
    used: list[int] = []
    families: list[Family] = []
    changed = _changed(record, network)
    for entry in record.generators:
        numbers = entry.generators
        used += numbers
        family = stated_family(entry, coordinates, tuple(vectors[k] for k in numbers))
        mine = tuple(proofs[k] for k in numbers)
        yield from _action_disagreements(entry, family, coordinates, finite, mine)
        of = None if family.kind.is_finite else changed.get(_terms(family.fields))
        again = statement(Proved(family, mine, changed=of), numbers, network, None).plain()
        left = ("full", "all_sizes", *(("algebra",) if named_before(record) else ()))
        for key, said in entry.plain().items():
            if key not in left:
                yield from difference_of(f"{key} of a family", said, again[key])
        if entry.full is not None:
            small, full = (_without_sizes(e) for e in (entry, entry.full))
            yield from difference_of("full of a family", full, small)
        families.append(family)
    if used != list(range(len(vectors))):
        yield "the families do not name every proved vector once, in their order"
    yield from _structural_disagreements(record, families, network)
    yield from _discrete_disagreements(record.discrete, families, network, seen)
    yield from _note_disagreements(record, vectors, network)
    field = PrimeField(next(primes()))
    constants = structure_constants(vectors, field).constants
    again = structure_of(families, constants, record.orbit_dimension, field)
    if named_before(record):
        again = {**{k: again[k] for k in ("dimension", "radical", "closed") if k in again},
                 "form": record.algebra.form}
    yield from _difference("algebra", record.algebra, again)
    if record.invariants is not None:
        yield from _difference("invariants", record.invariants, invariants_of(
            network, families, vectors, record.claim, fresh()))
    if record.laws is not None:
        yield from _difference("laws", record.laws, laws_of(network, families, fresh()))


Terms = frozenset[frozenset[Any]]


def _terms(fields: Sequence[VectorField]) -> Terms:
    return frozenset(frozenset(f.terms.items()) for f in fields)


def _changed(record: DerivationRecord, network: Network) -> dict[Terms, Family]:
    """The families in other coordinates, of which records have the generators, by their fields."""
    asked = any(
        e.all_sizes == "proved" and not e.element.kind.is_finite for e in record.generators)
    return {_terms(f.fields): f for f in (instantiate(find(network)) if asked else ()) if f.changes}


def named_before(record: DerivationRecord) -> bool:
    """Whether a record is from before algebras were identified: its names are not decided."""
    return record.algebra.closed and record.algebra.dimension > 0 and (
        record.algebra.summands is None)


def _action_disagreements(
    entry: FamilyStatement, family: Family, coordinates: Coordinates, finite: FiniteActions,
    proofs: Sequence[Proof],
) -> Iterator[str]:
    """An action that is none, or whose derivative is not the family's proved fields."""
    reason = None if not family.kind.is_finite else finite.missing(family, proofs)
    if reason:
        yield f"family {entry.label!r:.80} has no finite action: {reason}"
    if family.kind.is_finite and plain_fields(coordinates, entry.plain()) != family.fields:
        yield f"the action of family {entry.label!r:.80} is not that of its proved vectors"


def _structural_disagreements(
    record: DerivationRecord, families: Sequence[Family], network: Network
) -> Iterator[str]:
    """What is said to hold for all sizes, derived anew from the legs of the program."""
    together = {k for stated in record.certificate.families() for k in stated.generators}
    alone = [e for e in record.generators if not together.issuperset(e.generators)]
    proved = {
        frozenset(f.terms.items())
        for p in (instantiate(find(network)) if alone else ()) for f in p.fields
    }
    everywhere: list[VectorField] = []
    for entry, family in zip(record.generators, families, strict=True):
        if entry.all_sizes == "proved":
            everywhere += family.fields
            # a family's vectors may stand alone, where some depend on other families'
            if not together.issuperset(entry.generators) and not {
                    frozenset(f.terms.items()) for f in family.fields} <= proved:
                yield f"no intertwiners prove family {entry.label!r:.80} for all sizes"
        elif entry.all_sizes != ("conjectured" if entry.full else "no"):
            yield f"all_sizes is {entry.all_sizes!r:.20} for family {entry.label!r:.80}"
    # of all of them it is that of the certificate
    every = all(entry.all_sizes == "proved" for entry in record.generators)
    rank = record.orbit_dimension if every else rank_of(network, everywhere)
    wanted = structural_part(rank, record.orbit_dimension, plain(record.generators))
    yield from _difference("structural", record.structural, wanted)


def _discrete_disagreements(
    said: Sequence[Record], families: Sequence[Family], network: Network, seen: list[int]
) -> Iterator[str]:
    """Discrete elements that are not found at fresh points, or not proved and said to be.

    None need be listed. What is proved may be said to be checked: records from before say so.
    """
    left = [text_of(entry.plain()) for entry in said]
    if len({text_of(_checked(entry.plain())) for entry in said}) < len(left):
        yield "a discrete element is listed twice"
    field, rng = PrimeField(next(primes())), fresh()
    for k in range(TRIES):
        if k and not left:
            break
        with contextlib.suppress(*() if left else (UndecidedError,)):
            elements = discrete_symmetries(network, families, field, rng)
            found = {text_of(e) for one in elements for e in (one, _checked(one))}
            seen.append(len(elements))
            left = [text for text in left if text not in found]
    for text in left:
        yield f"the discrete element {text:.160} does not hold"


def _checked(element: Mapping[str, object]) -> dict[str, object]:
    return {**element, "status": "checked"}


def shortened(record: DerivationRecord, seen: Sequence[int]) -> set[str]:
    """Lists of the record that are true but shorter than what is found anew (`seen`: see above)."""
    try:
        fewer = fewer_planted(plain(record.planted), plain(record.generators), record.network())
    except UndecidedError:
        return {"planted", "discrete"}
    return ({"planted"} if fewer else set()) | (
        {"discrete"} if not seen or max(seen) > len(record.discrete) else set())


def _note_disagreements(
    record: DerivationRecord, vectors: Sequence[VectorField], network: Network
) -> Iterator[str]:
    """The note on directions without a generator, made anew. Other notes are left open."""
    said = [note for note in record.notes if counts_directions(note)]
    again = implicit_note(record.certificate.claim, record.implicit)
    yield from difference_of("notes", said, again)
    if "implicit" not in settled_here(record) or not record.implicit:
        return
    read, field, rng = read_coordinates(network), PrimeField(next(primes())), fresh()
    # few tokens that are drawn may not show all of the rank
    for _ in range(TRIES):
        draw = Draw(network, field, rng, cell=record.certificate.cell(network),
                    tokens=draw_tokens(network, rng))
        found = implicit_tensors(draw, vectors, read, record.rank)
        if list(record.implicit) == found:
            return
    yield from difference_of("implicit", record.implicit, found)


def settled_here(record: DerivationRecord) -> set[str]:
    """{"implicit"} where it was made anew. A note may be missing: notes are never settled."""
    # other evidence has a rank of its own; the tensors were found by that of residues
    by_residues = record.certificate.evidence is None
    return {"implicit"} if by_residues or not record.implicit else set()


def stated_family(
    entry: FamilyStatement, coordinates: Coordinates, fields: tuple[VectorField, ...]
) -> Family:
    """The family as its statement says it, with its proved vectors.

    Raises KeyError, TypeError or ValueError where the statement is of none.
    """
    if entry.full is not None:
        entry.full.family()
    # what is said to hold for all sizes is derived anew below
    family = replace(entry.family(fields), all_sizes=entry.all_sizes == "proved")
    if not family.kind.is_finite:
        if not family.kind.is_matrix and (family.copies, family.size) != ((), 1):
            raise ValueError(f"an element {entry.element!r:.80} of generators alone")
        moves = tuple(Move(name, "+c", None, Fraction(0)) for name in entry.tensors)
        reached = {m.parameter for f in fields for m in touched(coordinates.network, f)}
        if not reached <= set(entry.tensors):
            raise ValueError(f"a family moves {', '.join(sorted(reached))}")
        return replace(family, moves=moves)
    # before any field is made: a size may be anything here
    if family.dimension != len(fields):
        raise ValueError(f"an element {entry.element!r:.80} for {len(fields)} vectors")
    for m in family.moves:
        copies = () if m.at is None else m.at.copies
        if copies != family.copies:
            raise ValueError(f"an element {entry.element!r:.80} that moves {copies!r:.80}")
    return family


def _without_size(at: Place) -> Place:
    per = tuple(k if isinstance(k, int) else (k[0], 0) for k in at.per)
    return replace(at, start=0, sizes=(), per=per)


def _without_sizes(part: Acting | StatedSlice) -> Any:
    """What a family's statement has in common at the small and the full sizes."""
    moves = [
        move if move.at is None else replace(move, at=_without_size(move.at))
        for move in part.action
    ]
    via = part.via if isinstance(part, Acting) else ()
    slices = [(t.parameter, _without_sizes(t)) for t in via]
    return part.element.kind.name, len(part.element.copies), plain(moves), slices
