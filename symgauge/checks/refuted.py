"""Wrong symmetries for the generated check, each refuted at exact points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.certify.generators import moves_at
from symgauge.checks import propose_planted, wrong_family
from symgauge.points.fresh import TRIES, fresh
from symgauge.statements.statement import plain_fields
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import Coordinates
from symgauge.families.kinds.translation import SHIFT
from symgauge.lie.fields import combination
from symgauge.plain import PlainElement, PlainFamily, PlainPlanted
from symgauge.points.draw import Draw, joined
from symgauge.points.rows import jacobian_rows
from symgauge.program.network import Network
from symgauge.records import text_of

#: Points at which a planted failure is refuted.
REFUTING = 8
#: Fields of a large family that one generic generator combines, about so many.
COMBINED = 64
#: Parameters above which no exact points are made: nothing is planted then, and the check says so.
REFUTABLE = 100_000
#: Planted failures of one generated check.
MAX_PLANTED = 24


def planted_disagreements(
    said: Sequence[Any], families: Sequence[PlainFamily], network: Network
) -> Iterator[str]:
    """Planted failures that no family proposes, or that no exact point refutes."""
    proposals = {text_of(p): p for p in propose_planted(families)}
    left = [text_of(p) for p in said]
    yield from (f"no family proposes the planted failure {t:.160}" for t in left
                if t not in proposals)
    left = [text for text in left if text in proposals]
    field, rng = PrimeField(next(primes())), fresh()
    for _ in range(TRIES):
        if not left:
            break
        found = _refutable(network, families, [proposals[t] for t in left], field, rng)
        good = {text_of(p) for p in found}
        left = [text for text in left if text not in good]
    for text in left:
        yield f"the planted failure {text:.160} is not refuted"


def fewer_planted(
    said: Sequence[Any], families: Sequence[PlainFamily], network: Network
) -> bool:
    """Whether wrong symmetries that exact points refute are missing: a check would see less."""
    listed = {text_of(p) for p in said}
    if {text_of(p) for p in _proposed(families)} <= listed:
        return False
    found = plant(network, families, PrimeField(next(primes())), fresh())
    return not {text_of(p) for p in found} <= listed


def plant(
    network: Network, families: Sequence[PlainFamily], field: PrimeField,
    rng: np.random.Generator,
) -> list[PlainPlanted]:
    """Wrong symmetries for the check: each is refuted exactly at small size first."""
    proposals = _proposed(families)
    return _refutable(network, families, proposals, field, rng) if proposals else []


def _proposed(families: Sequence[PlainFamily]) -> list[PlainPlanted]:
    """The wrong symmetries that are tried."""
    proposals = propose_planted(families)
    # one pass each: of many families, every kind is still planted, on families in turn
    if len(proposals) > MAX_PLANTED:
        proposals = [
            proposals[round(i * (len(proposals) - 1) / (MAX_PLANTED - 1))]
            for i in range(MAX_PLANTED)
        ]
    return proposals


def _refutable(
    network: Network, families: Sequence[PlainFamily], proposals: Sequence[PlainPlanted],
    field: PrimeField, rng: np.random.Generator,
) -> list[PlainPlanted]:
    """The proposals that an exact point refutes."""
    if network.num_coordinates > REFUTABLE:
        return []
    coordinates = Coordinates(network)
    rows = jacobian_rows(Draw(network, field, rng), REFUTING)
    theta = joined(network, rows.parameters)
    kept = []
    for proposal in proposals:
        wrong = wrong_family(families[proposal["family"]], proposal["kind"])
        if wrong is not None and _refuted(coordinates, wrong, rows.rows, theta, field):
            kept.append(proposal)
    return kept


def _refuted(
    coordinates: Coordinates, wrong: PlainFamily, rows: Any, theta: Any, field: PrimeField
) -> bool:
    """Whether the wrong family's generic generator has J X not 0 at exact points.

    One with the right generator differs from the right action by shifts alone: those are refuted.
    """
    if wrong.get("same_generator"):
        shifts = [m for m in wrong["action"] if m["form"] == "+c"]
        element: PlainElement = {**wrong["element"], "kind": SHIFT.name}
        wrong = {**wrong, "element": element, "action": shifts}
    fields = plain_fields(coordinates, wrong, COMBINED)
    if fields is None:
        return False
    generator = combination(fields, [Fraction(k * k + 3 * k + 1) for k in range(len(fields))])
    return moves_at(generator, rows, theta, field)
