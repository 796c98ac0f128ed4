"""Whether the facts of derivation.json are those of its certificate and of its program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from symgauge.certify.certificate import Certificate
from symgauge.certify.verification import MALFORMED
from symgauge.derivation.algebra import rank_of, structural_part, structure_of
from symgauge.derivation.facts import tensors_of
from symgauge.derivation.fresh import TRIES, fresh
from symgauge.derivation.notes import counts_directions, implicit_note
from symgauge.derivation.planted import fewer_planted, planted_disagreements
from symgauge.derivation.seal import misshapen, text_of
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.exact import Proved
from symgauge.derivers.implicit import implicit_tensors
from symgauge.derivers.statement import plain_fields, statement
from symgauge.derivers.structural import find, instantiate
from symgauge.errors import SymgaugeError, UndecidedError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import Coordinates, touched
from symgauge.families.family import Family, Move
from symgauge.families.serial import family_of
from symgauge.lie.algebra import structure_constants
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.reads import read_coordinates
from symgauge.points.tokens import draw_tokens
from symgauge.points.unread import unread_tensors
from symgauge.program.network import Network
from symgauge.proof.finite_actions import FiniteActions
from symgauge.proof.record import Proof

#: Those that are the certificate's claim.
CLAIMED = (
    "parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained", "closed",
    "shown", "hypotheses", "verdict", "scope",
)
#: What `verify` decides anew from the program alone; `record.left_open` names all else.
DECIDED = (
    "schema", "digest", "certificate", *CLAIMED, "tensors", "structural", "generators", "algebra",
    "discrete", "planted", "unread_tensors",
)


def disagreements(data: Mapping[str, Any], certificate: Certificate) -> Iterator[str]:
    """Facts of derivation.json that are not those of its certificate, or of its program."""
    for name in CLAIMED:
        yield from difference_of(name, data.get(name), certificate.data.get(name))
    try:
        yield from misshapen(data)
        network = certificate.network()
        yield from difference_of("tensors", data["tensors"], tensors_of(network))
        yield from difference_of("unread_tensors", data["unread_tensors"], unread_tensors(network))
        restated = any(entry["full"] is not None for entry in data["generators"])
        if data["full_tensors"] is None and restated or (
                data["full_sizes"] is None and data["full_tensors"] is not None):
            yield "it speaks of full sizes, and names none"
        yield from _family_disagreements(data, network, certificate)
        yield from planted_disagreements(data["planted"], data["generators"], network)
    except (SymgaugeError, *MALFORMED) as error:
        yield f"the facts of derivation.json are malformed: {error!s:.200}"


def difference_of(name: str, said: Any, found: Any) -> Iterator[str]:
    if text_of(said) != text_of(found):
        yield f"derivation.json says {name} = {said!r:.120}, its certificate {found!r:.120}"


def _family_disagreements(
    data: Mapping[str, Any], network: Network, certificate: Certificate
) -> Iterator[str]:
    """Statements, made anew from the certificate's vectors and the actions that are named."""
    coordinates = Coordinates(network)
    vectors, proofs = certificate.generators(network), certificate.proofs()
    finite = FiniteActions(network)
    used: list[int] = []
    families: list[Family] = []
    for entry in data["generators"]:
        numbers = list(entry["generators"])
        used += numbers
        family = _family_of(entry, coordinates, tuple(vectors[k] for k in numbers))
        mine = tuple(proofs[k] for k in numbers)
        yield from _action_disagreements(entry, family, coordinates, finite, mine)
        again = statement(Proved(family, mine), numbers, network, None)
        for key in sorted({*entry, *again} - {"full", "all_sizes"}):
            yield from difference_of(f"{key} of a family", entry.get(key), again.get(key))
        if entry["full"] is not None:
            small, full = (_without_sizes(e) for e in (entry, entry["full"]))
            yield from difference_of("full of a family", full, small)
        families.append(family)
    if used != list(range(len(vectors))):
        yield "the families do not name every proved vector once, in their order"
    yield from _structural_disagreements(data, families, network, certificate)
    yield from _discrete_disagreements(data["discrete"], families, network)
    yield from _note_disagreements(data, vectors, network, certificate)
    field = PrimeField(next(primes()))
    constants = structure_constants(vectors, field).constants
    again = structure_of(families, constants, data["orbit_dimension"], field)
    yield from difference_of("algebra", data["algebra"], again)


def _action_disagreements(
    entry: Mapping[str, Any], family: Family, coordinates: Coordinates, finite: FiniteActions,
    proofs: Sequence[Proof],
) -> Iterator[str]:
    """An action that is none, or whose derivative is not the family's proved fields."""
    reason = None if not family.kind.is_finite else finite.missing(family, proofs)
    if reason:
        yield f"family {entry['label']!r:.80} has no finite action: {reason}"
    if family.kind.is_finite and plain_fields(coordinates, entry) != family.fields:
        yield f"the action of family {entry['label']!r:.80} is not that of its proved vectors"


def _structural_disagreements(
    data: Mapping[str, Any], families: Sequence[Family], network: Network,
    certificate: Certificate,
) -> Iterator[str]:
    """What is said to hold for all sizes, derived anew from the legs of the program."""
    together = {k for stated in certificate.families() for k in stated.generators}
    alone = [e for e in data["generators"] if not together.issuperset(e["generators"])]
    proved = {
        frozenset(f.terms.items())
        for p in (instantiate(find(network)) if alone else ()) for f in p.fields
    }
    everywhere: list[VectorField] = []
    for entry, family in zip(data["generators"], families, strict=True):
        if entry["all_sizes"] == "proved":
            everywhere += family.fields
            # a family's vectors may stand alone, where some depend on other families'
            if not together.issuperset(entry["generators"]) and not {
                    frozenset(f.terms.items()) for f in family.fields} <= proved:
                yield f"no intertwiners prove family {entry['label']!r:.80} for all sizes"
        elif entry["all_sizes"] != ("conjectured" if entry["full"] else "no"):
            yield f"all_sizes is {entry['all_sizes']!r:.20} for family {entry['label']!r:.80}"
    rank = rank_of(network, everywhere)
    wanted = structural_part(rank, data["orbit_dimension"], data["generators"])
    yield from difference_of("structural", data["structural"], wanted)


def _discrete_disagreements(
    said: Sequence[Any], families: Sequence[Family], network: Network
) -> Iterator[str]:
    """Discrete elements that are not found at fresh points. None need be listed."""
    left = [text_of(entry) for entry in said]
    if len(set(left)) < len(left):
        yield "a discrete element is listed twice"
    field, rng = PrimeField(next(primes())), fresh()
    for _ in range(TRIES):
        if not left:
            break
        found = {text_of(e) for e in discrete_symmetries(network, families, field, rng)}
        left = [text for text in left if text not in found]
    for text in left:
        yield f"the discrete element {text:.160} does not hold"


def shortened(data: Mapping[str, Any], certificate: Certificate) -> set[str]:
    """Lists of the record that are true as far as they go, and shorter than what is found anew."""
    network, coordinates = certificate.network(), Coordinates(certificate.network())
    vectors = certificate.generators(network)
    families = [
        _family_of(entry, coordinates, tuple(vectors[k] for k in entry["generators"]))
        for entry in data["generators"]
    ]
    try:
        found = discrete_symmetries(network, families, PrimeField(next(primes())), fresh())
        fewer = fewer_planted(data["planted"], data["generators"], network)
    except UndecidedError:
        return {"planted", "discrete"}
    return ({"planted"} if fewer else set()) | (
        {"discrete"} if len(found) > len(data["discrete"]) else set())


def _note_disagreements(
    data: Mapping[str, Any], vectors: Sequence[VectorField], network: Network,
    certificate: Certificate,
) -> Iterator[str]:
    """The note on directions without a generator, made anew. Other notes are left open."""
    said = [note for note in data["notes"] if counts_directions(note)]
    yield from difference_of("notes", said, implicit_note(data, data["implicit"]))
    if not data["implicit"] or _has_evidence(certificate.data):
        return
    read, field, rng = read_coordinates(network), PrimeField(next(primes())), fresh()
    # few tokens that are drawn may not show all of the rank
    for _ in range(TRIES):
        draw = Draw(network, field, rng, cell=certificate.cell(network),
                    tokens=draw_tokens(network, rng))
        found = implicit_tensors(draw, vectors, read, data["rank"])
        if data["implicit"] == found:
            return
    yield from difference_of("implicit", data["implicit"], found)


def _has_evidence(certificate: Mapping[str, Any]) -> bool:
    # balls and series have a rank of their own; the tensors were found by that of residues
    return "balls" in certificate or "series" in certificate


def settled_here(data: Mapping[str, Any]) -> set[str]:
    """{"implicit"} where it was made anew. A note may be missing: notes are never settled."""
    return set() if data["implicit"] and _has_evidence(data["certificate"]) else {"implicit"}


def _family_of(
    entry: Mapping[str, Any], coordinates: Coordinates, fields: tuple[VectorField, ...]
) -> Family:
    if entry["full"] is not None:
        family_of(entry["full"])
    # what is said to hold for all sizes is derived anew below
    family = replace(family_of(entry, fields), all_sizes=entry["all_sizes"] == "proved")
    if not family.kind.is_finite:
        moves = tuple(Move(name, "+c", None, Fraction(0)) for name in entry["tensors"])
        reached = {m.parameter for f in fields for m in touched(coordinates.network, f)}
        if not reached <= set(entry["tensors"]):
            raise ValueError(f"a family moves {', '.join(sorted(reached))}")
        return replace(family, moves=moves)
    # before any field is made: a size may be anything here
    if family.dimension != len(fields):
        raise ValueError(f"an element {entry['element']!r:.80} for {len(fields)} vectors")
    for m in family.moves:
        copies = () if m.at is None else tuple(m.at.sizes[k] for k in m.at.per)
        if copies != family.copies:
            raise ValueError(f"an element {entry['element']!r:.80} that moves {copies!r:.80}")
    return family


def _without_sizes(entry: Mapping[str, Any]) -> Any:
    """What a family's statement has in common at the small and the full sizes."""
    moves = [dict(m) for m in entry["action"]]
    for m in moves:
        if m["at"] is not None:
            m["at"] = {k: v for k, v in m["at"].items() if k not in ("start", "sizes")}
    via = [(t["parameter"], _without_sizes(t)) for t in entry.get("via", ())]
    return entry["element"]["kind"], len(entry["element"]["copies"]), moves, via
