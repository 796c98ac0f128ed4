"""The Lie algebra that the families span, and how much of it is proved for all sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from symgauge.certify.certificate import Stated
from symgauge.certify.orbit import orbit_dimension
from symgauge.points.fresh import fresh
from symgauge.derivers.exact import Found, Proved
from symgauge.statements.statement import algebra as algebra_name
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import touched
from symgauge.families.family import Family
from symgauge.families.kind import MatrixKind
from symgauge.families.kinds.other import GENERATORS
from symgauge.lie.algebra import close, radical_dimension
from symgauge.lie.constants import Constants
from symgauge.lie.identify import Block, Structure, identify
from symgauge.lie.fields import VectorField, independent
from symgauge.points.reads import read_coordinates
from symgauge.program.network import Network
from symgauge.proof.prover import Prover


def closed_algebra(found: Found, field: PrimeField) -> tuple[list[Proved], dict[str, Any]]:
    """The smallest bracket-closed family with the found orbit rank, and what it is."""
    families = found.families
    fields = [f for p in families for f in p.family.fields]
    if not fields:
        return [], {"form": "0", "dimension": 0, "closed": True}
    kept = set(independent(fields, field))
    if len(kept) < len(fields):
        families = _thinned(found.network, families, kept)
        fields = [f for p in families for f in p.family.fields]
    closure = close(fields, field, 4 * len(fields) + 8)
    extra = closure.basis[len(fields):] if closure.constants is not None else ()
    if extra:
        prover = Prover(found.network)
        families = [*families, *(
            Proved(Family(GENERATORS, (), 1, touched(found.network, f), (f,)),
                   (prover.prove(f),))
            for f in extra
        )]
    named = [p.family for p in families]
    return families, structure_of(named, closure.constants, found.orbit_dimension, field)


def structure_of(
    families: Sequence[Family], constants: Constants | None, orbit: int, field: PrimeField
) -> dict[str, Any]:
    """What the algebra spanned by the families is, from its structure constants."""
    total = sum(len(f.fields) for f in families)
    if not total:
        return {"form": "0", "dimension": 0, "closed": True}
    if constants is None:
        form = f"distribution of rank {orbit}, no finite-dimensional algebra claimed"
        return {"form": form, "dimension": total, "closed": False}
    blocks, position = [], 0
    for f in families:
        positions = tuple(range(position, position + len(f.fields)))
        if isinstance(f.kind, MatrixKind):
            matrices = tuple(
                {(i, j): w for i, j, w in m} for m in f.kind.basis(f.size)
            )
            one = algebra_name(replace(f, copies=()))
            blocks.append(Block(positions, one, prod(f.copies), matrices))
        else:
            blocks.append(Block(positions, "R"))
        position += len(f.fields)
    found = identify(constants, total, blocks, field)
    facts = found.invariants
    radical = facts.radical if facts else radical_dimension(constants, total, field)
    told = {} if facts is None else {
        "centre": facts.centre, "derived_series": list(facts.derived),
        "nilradical": facts.nilradical, "levi": found.levi,
    }
    return {
        "form": found.name, "dimension": total, "radical": radical, "closed": True, **told,
        "stabiliser": total - orbit, "summands": _summands(found, families),
    }


def _summands(found: Structure, families: Sequence[Family]) -> list[dict[str, Any]]:
    """The direct summands, each with its families by number and the tensors that they move."""
    return [
        {
            "name": part.name, "copies": part.copies, "dimension": part.dimension,
            "families": list(part.blocks),
            "tensors": list(dict.fromkeys(
                name for k in part.blocks for name in families[k].tensors)),
            "shown": part.how, **({"also": list(part.also)} if part.also else {}),
        }
        for part in found.parts
    ]


def families_together(families: Sequence[Proved]) -> list[Stated]:
    """The families that are proved as a whole, with the numbers of their generators."""
    numbers: dict[int, list[int]] = {}
    by: dict[int, Family] = {}
    position = 0
    for p in families:
        if p.by is not None:
            by[id(p.by)] = p.by
            numbers.setdefault(id(p.by), []).extend(
                range(position, position + len(p.family.fields)))
        position += len(p.family.fields)
    return [Stated(by[key], tuple(found)) for key, found in numbers.items()]


def _thinned(network: Network, families: Sequence[Proved], kept: set[int]) -> list[Proved]:
    """Families without vectors that depend linearly on earlier ones."""
    out, position = [], 0
    for p in families:
        numbers = [i for i in range(len(p.family.fields)) if position + i in kept]
        position += len(p.family.fields)
        if len(numbers) == len(p.family.fields):
            out.append(p)
        else:
            out += [
                Proved(
                    Family(GENERATORS, (), 1, touched(network, p.family.fields[i]),
                           (p.family.fields[i],), all_sizes=p.family.all_sizes),
                    (p.proofs[i],), p.by,
                )
                for i in numbers
            ]
    return out


def rank_of(network: Network, fields: Sequence[VectorField]) -> int:
    """rank G of some of the generators, at exact random points."""
    field = PrimeField(next(primes()))
    return orbit_dimension(network, fields, read_coordinates(network), field, fresh())


def structural_part(
    rank: int, orbit: int, families: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """How much of the orbit is proved for all sizes, and the families that are not."""
    rest = [f["label"] for f in families if f["all_sizes"] != "proved"]
    return {"orbit_dimension": rank, "not_structural": orbit - rank, "families": rest}
