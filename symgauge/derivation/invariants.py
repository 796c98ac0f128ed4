"""What a record says of invariants of the gauge group, and of what gradient flow conserves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symgauge.certify.claim import Claim
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move
from symgauge.families.kind import MatrixKind
from symgauge.invariants.invariants import invariants, random_point
from symgauge.invariants.laws import laws, rotations
from symgauge.lie.fields import VectorField
from symgauge.points.reads import read_coordinates
from symgauge.program.network import Network
from symgauge.statements.formulas import block_of

#: Parameters beyond which invariants are not built.
LARGEST = 2000


def invariants_of(
    network: Network, families: Sequence[Family], vectors: Sequence[VectorField], claim: Claim,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The proved invariants, and whether there are as many as rank J, closed by families."""
    if network.num_coordinates > LARGEST:
        return {"formulas": [], "independent": 0, "complete": False, "left_out": 0,
                "reason": f"not built beyond {LARGEST} parameters"}
    found = invariants(Coordinates(network), families, vectors)
    field, read = PrimeField(next(primes())), read_coordinates(network)
    points = (random_point(network.num_coordinates, field, rng) for _ in range(2))
    independent = max(found.rank(point, read, field) for point in points)
    together: dict[str, int] = {}
    for i in found.proved:
        formula = _with_letters(i.formula)
        together[formula] = together.get(formula, 0) + len(i.entries)
    out: dict[str, Any] = {
        "formulas": [{"formula": f, "entries": n} for f, n in together.items()],
        "independent": independent, "left_out": found.left_out,
        "complete": claim.closed and not claim.by_minors and independent == claim.rank,
    }
    return {**out, "reason": found.reason} if found.reason else out


def _with_letters(formula: str) -> str:
    """Letters for numbers of indices: W1[i] (x) W2[:,i] stands for all of its kind."""
    letters: dict[str, str] = {}

    def letter(found: re.Match[str]) -> str:
        return f"[{found[1]}{letters.setdefault(found[2], 'ijklmnopqr'[len(letters) % 10])}]"

    return re.sub(r"\[((?::,)*)(\d+)\]", letter, formula)


def laws_of(
    network: Network, families: Sequence[Family], rng: np.random.Generator
) -> dict[str, Any]:
    """The conservation laws of gradient flow, by the families they come from, and the rotations.

    Gradient flow is that of the module's parameters: fields of values of these, exp(c), have none.
    """
    families = [replace(f, fields=tuple(
        x for x in f.fields if network.values_at.isdisjoint(x.support | x.reads)))
        for f in families] if network.values else families
    groups: dict[tuple[tuple[int, ...], int | None], int] = {}
    shapes = {p.name: p.shape for p in network.parameters}
    field = PrimeField(next(primes()))
    point = random_point(network.num_coordinates, field, rng)
    for law in laws(families, point, field, network.added_at):
        groups[law.families, law.rate] = groups.get((law.families, law.rate), 0) + 1
    return {
        "count": sum(groups.values()),
        "laws": [
            {"families": list(numbers), "count": count,
             "formula": _formulas([families[n] for n in numbers], shapes),
             **({} if rate is None else {"decay": rate})}
            for (numbers, rate), count in groups.items()
        ],
        "rotations": rotations(families, network.added_at),
    }


#: Forms of moves by another tensor: no sum of entries is what they conserve.
BESIDE = ("+Tc", "+c/T")


def _formulas(families: Sequence[Family], shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What is conserved along a combination of fields of families."""
    if any(f.via or not f.kind.is_finite or any(m.form in BESIDE for m in f.moves)
           for f in families):
        return "theta^T S theta + 2 c . theta of generators S theta + c"
    return "; ".join(_formula(f, shapes) for f in families)


def _formula(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What is conserved along a family, as Wq Wq^T - Wk Wk^T."""
    terms = [t for m in family.moves if (t := _term(m, family, shapes))]
    text = " ".join(terms)
    text = text.removeprefix("+ ")
    if family.kind.is_scaling:
        return f"{text}, for each index"
    if isinstance(family.kind, MatrixKind):
        return f"{text}, along symmetric generators"
    return f"{text}, for each index"


def _term(move: Move, family: Family, shapes: Mapping[str, tuple[int, ...]]) -> str:
    name, axis = block_of(move, shapes), 0 if move.at is None else move.at.axis
    if isinstance(family.kind, MatrixKind):
        sign = "+" if move.form == "g" else "-"
        return f"{sign} {name}^T {name}" if axis else f"{sign} {name} {name}^T"
    size = "" if abs(move.weight) == 1 else f"{abs(move.weight)} "
    sign = "+" if move.weight > 0 else "-"
    if move.form == "s^k":
        gain = f"{name} + {move.offset}" if move.offset else name
        return f"{sign} {size}|{gain}|^2"
    return f"{sign} {size}{'2 ' if family.kind.is_scaling else ''}sum({name})"


def records_of(
    network: Network, families: Sequence[Family], vectors: Sequence[VectorField], claim: Claim,
    rng: np.random.Generator,
) -> Mapping[str, Any]:
    """The facts `invariants` and `laws` of a record."""
    return {
        "invariants": invariants_of(network, families, vectors, claim, rng),
        "laws": laws_of(network, families, rng),
    }
