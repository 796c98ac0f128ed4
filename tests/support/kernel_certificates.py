"""Certificates for the tests of the kernel: all that they need of the engine is imported here."""

import copy
import secrets
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from certify_command import TwoScales
from known_networks import KNOWN_DIMENSIONS, NETWORKS

from symgauge import Derivation, SymgaugeError, Verdict, derive, verify, zoo
from symgauge.certify import claim, generators, orbit
from symgauge.certify.assumptions import Assumptions
from symgauge.certify.certificate import Certificate, Stated
from symgauge.certify.find.balls import find_minor
from symgauge.derivation.seal import sealed
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.serial import family_of
from symgauge.lie.fields import VectorField
from symgauge.points.reads import read_coordinates
from symgauge.proof.intertwiners.proof import FamilyProver

__all__ = [
    "KNOWN_DIMENSIONS", "NETWORKS", "SERIES", "Data", "Derivation", "SymgaugeError", "Verdict",
    "NONE_ASSUMED", "bent", "certificate", "derivation", "derive", "make", "proposed",
    "read_coordinates", "sealed",
    "verify", "with_larger_minor", "zoo",
]

Data = dict[str, Any]
#: Rows that leave a hypothesis where no power series are asked for.
SERIES = {
    "gpt2_tied_eps0", "gpt2_untied_eps1e-5", "llama_untied_eps1e-5", "llama_tied_gain_eps0",
    "zoo/gpt2_like", "zoo/llama_like",
}
#: Others than the zoo (zoo/NAME) and the known networks (NAME).
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "silu": ("glu", {"in_features": 1, "hidden_features": 2, "out_features": 1}),
    "relu": ("mlp", {"in_features": 2, "hidden_features": 2, "out_features": 1}),
    "erf": ("mlp", {"in_features": 1, "hidden_features": 2, "out_features": 1,
                    "activation": "gelu"}),
}


def make(name: str) -> Derivation:
    """A derivation: "relu" (see SIZES), "rms_gain_linear", "zoo/mlp", "relu, balls"."""
    base, _, evidence = name.partition(", ")
    if evidence:
        found = derivation(base)
        return found.certified(evidence)[0]
    if base == "two_scales":
        return derive(TwoScales(), (torch.ones(1, 1),), name=base)
    if base in NETWORKS:
        return derive(*NETWORKS[base](), name=base, series=base in SERIES)
    architecture, sizes = SIZES.get(base, (base.removeprefix("zoo/"), {}))
    module, args = zoo.load(architecture).factory(**sizes)
    return derive(module, args, name=base, series=base in SERIES)


derivation = cache(make)


def certificate(name: str) -> Data:
    """A copy of the certificate of `derivation(name)`, to be changed."""
    return copy.deepcopy(dict(derivation(name).data["certificate"]))


#: What `assumptions` finds where it looks at nothing.
NONE_ASSUMED = Assumptions((), ())


def _issued(old: Certificate, fields: list[VectorField], families: list[Stated]) -> Data:
    """The certificate of these generators, its rank that of the old one."""
    network, rng = old.network(), np.random.default_rng(secrets.randbits(64))
    proofs = generators.prove_all(network, fields, families)
    if any(p.verdict is not Verdict.PROVED for p in proofs):
        return dict(old.data)
    read = read_coordinates(network)
    dimension = orbit.orbit_dimension(
        network, fields, read, PrimeField(next(primes())), rng)
    said = Assumptions(old.claim.shown, old.claim.hypotheses)
    said_of = claim.claim_of(network, old.claim.rank, dimension, said)
    return Certificate.issue(
        network, fields, proofs, old.cell(network), said_of, None, families).to_json()


def proposed(found: Derivation, candidate: Data) -> Data:
    """The certificate with one more field where that is proved, as if a search had proposed it."""
    old = Certificate.from_json(found.data["certificate"])
    network = old.network()
    field = VectorField.from_json(candidate, network.num_coordinates)
    return _issued(old, [*old.generators(network), field], old.families())


def bent(found: Derivation) -> Data:
    """The certificate with another weight in a scaling, if its intertwiners prove that."""
    old = Certificate.from_json(found.data["certificate"])
    network, listed = old.network(), old.generators(old.network())
    entry = copy.deepcopy(next(
        e for e in found.data["generators"] if e["element"]["kind"] == "diagonal"))
    entry["action"][0]["weight"] = "3"
    family = family_of(entry)
    fields = FamilyProver(network).fields(family)
    for number, field in zip(entry["generators"], fields, strict=True):
        listed[number] = field
    return _issued(old, listed, [Stated(family, tuple(entry["generators"]))])


def with_larger_minor(found: Derivation) -> Data:
    """The certificate in real balls, its minor larger by a row and a column that are not new."""
    old = Certificate.from_json(found.data["certificate"])
    network, rng = old.network(), np.random.default_rng(0)
    read = read_coordinates(network)
    total, dimension = int(read.sum()), old.data["orbit_dimension"]
    minor = find_minor(network, read, old.cell(network), total - dimension, rng)
    rows = sorted({*minor.rows, next(
        (i, o) for i in range(len(minor.inputs)) for o in range(100) if (i, o) not in minor.rows)})
    columns = sorted({*minor.columns, next(k for k in range(total) if k not in minor.columns)})
    minor = replace(minor, rows=tuple(rows), columns=tuple(columns))
    said_of = claim.claim_of(
        network, minor.rank, dimension, Assumptions((minor.shown(minor.rank),), ()), by_minor=True)
    return Certificate.issue(
        network, old.generators(network), old.proofs(), old.cell(network), said_of,
        minor, old.families()).to_json()
