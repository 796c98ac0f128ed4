"""The certificate: plain data that carries the program, the generators, their proofs, the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symgauge.certify.claim import Claim
from symgauge.certify.evidence import all_evidence
from symgauge.certify.evidence.kind import Evidence
from symgauge.errors import BadInputError
from symgauge.exact.prime_field import Array
from symgauge.families.family import Family
from symgauge.families.serial import family_of, plain_family
from symgauge.files import parsed
from symgauge.lie.fields import VectorField
from symgauge.ops import all_ops
from symgauge.points.reads import read_coordinates, readable_network
from symgauge.program.network import Network
from symgauge.program.serial import canonical_digest, network_to_json
from symgauge.proof.intertwiners.proof import METHOD as INTERTWINERS
from symgauge.proof.record import METHOD, Line, Proof
from symgauge.verdict import Verdict

SCHEMA = "symgauge-certificate/1"
#: What a certificate carries beside its claim and its evidence.
BESIDE = (
    "schema", "network", "generators", "tables", "proofs", "families", "cell",
    "unread_coordinates", "relaxed", "digest",
)


@dataclass(frozen=True)
class Stated:
    """A family, and the numbers of the certificate's generators that are among its fields."""

    family: Family
    generators: tuple[int, ...]


@dataclass(frozen=True)
class Certificate:
    """A claim and all that is needed to verify it, as JSON data with a digest.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> made = derive(nn.Linear(2, 1), (zeros(1, 2),)).certificate
    >>> Certificate.from_json(made.to_json()).intact
    True
    """

    data: Mapping[str, Any]  #: The plain data (docs/certificate.rst has its keys).

    @staticmethod
    def issue(
        network: Network, generators: Sequence[VectorField], proofs: Sequence[Proof],
        cell: Mapping[str, Array], claim: Claim, evidence: Evidence | None = None,
        families: Sequence[Stated] = (),
    ) -> Certificate:
        """The certificate of a claim (see `claim.claim_of`).

        `evidence`: what the rank rests on where it is not one over residues.
        `families` prove their generators together, by intertwiners; the others' proofs go line by
        line over polynomials.
        """
        facts = Certificate.facts(network, generators, proofs, cell, claim, evidence, families)
        return Certificate({**facts, "digest": canonical_digest(facts)})

    @staticmethod
    def facts(
        network: Network, generators: Sequence[VectorField], proofs: Sequence[Proof],
        cell: Mapping[str, Array], claim: Claim, evidence: Evidence | None,
        families: Sequence[Stated],
    ) -> dict[str, Any]:
        """The plain data of `issue`, without the digest."""
        tables: list[Any] = []
        at: dict[tuple[Line, ...], int] = {}
        for proof in proofs:
            if at.setdefault(proof.lines, len(at)) == len(tables):
                tables.append([[line.node, line.op, line.variation] for line in proof.lines])
        numbers = [at[proof.lines] for proof in proofs]
        unread = np.flatnonzero(~read_coordinates(network)).tolist()
        return {
            "schema": SCHEMA,
            "network": network_to_json(network),
            "generators": [g.to_json() for g in generators],
            "tables": tables,
            "proofs": numbers,
            **({"families": [
                {**plain_family(s.family), "generators": list(s.generators)} for s in families
            ]} if families else {}),
            "cell": {
                name: [float(v).hex() for v in np.asarray(values).reshape(-1)]
                for name, values in cell.items()
            },
            **({evidence.name: evidence.plain()} if evidence else {}),
            # which they are is for a reader without the rule that says so
            **({"unread_coordinates": unread} if unread else {}),
            **claim.plain(),
        }

    @staticmethod
    def from_json(data: Any) -> Certificate:
        """The certificate in plain data, or in JSON text.

        Raises BadInputError where it is none.
        """
        if isinstance(data, str):
            data = parsed(data, "a certificate")
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise BadInputError(f"this is not a {SCHEMA} certificate (found {found!r})")
        return Certificate(data)

    def with_free_line(self, line: int, inner: Certificate) -> Certificate:
        """With that of the program in which this line is free: what fields by minors rest on."""
        facts = {**self.data, "relaxed": {"line": line, "certificate": inner.to_json()}}
        del facts["digest"]
        return Certificate({**facts, "digest": canonical_digest(facts)})

    @property
    def intact(self) -> bool:
        """Whether the digest is that of the data. Raises BadInputError on data that is not JSON."""
        rest = {k: v for k, v in self.data.items() if k != "digest"}
        try:
            return canonical_digest(rest) == self.data.get("digest")
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInputError(f"this certificate is no JSON data: {error}") from error

    @property
    def evidence(self) -> type[Evidence] | None:
        """The kind of evidence that it carries; None where the rank is one over residues."""
        return next((kind for name, kind in all_evidence().items() if name in self.data), None)

    @property
    def precision(self) -> dict[str, int]:
        """How fine its evidence is, in a word and a number."""
        kind = self.evidence
        return {} if kind is None else {kind.unit: self.data[kind.name][kind.unit]}

    @property
    def claimed(self) -> dict[str, Any]:
        """The plain data of the claim, whatever stands there."""
        return {k: v for k, v in self.data.items() if k not in (*BESIDE, *all_evidence())}

    @property
    def claim(self) -> Claim:
        """What it claims. Raises BadInputError where that is no claim."""
        return Claim.from_plain(self.claimed, "the certificate's claim")

    def network(self) -> Network:
        """The program. Raises BadInputError where it is malformed."""
        return readable_network(self.data["network"], all_ops())

    def generators(self, network: Network) -> list[VectorField]:
        """The generators. Raises BadInputError where one is malformed."""
        listed = self.data["generators"]
        if not isinstance(listed, Sequence):
            raise BadInputError("the generators of this certificate are not a list")
        return [VectorField.from_json(g, network.num_coordinates) for g in listed]

    def families(self) -> list[Stated]:
        """The families that prove their generators together.

        Raises KeyError, TypeError or ValueError where one is malformed.
        """
        found = []
        for entry in self.data.get("families", ()):
            numbers = tuple(entry["generators"])
            if not all(type(k) is int and k >= 0 for k in numbers):
                raise ValueError(f"the generators of a family are {numbers!r:.80}")
            found.append(Stated(family_of(entry), numbers))
        return found

    def proofs(self) -> list[Proof]:
        """The proof tables it carries, one per generator (verify makes its own)."""
        together = {k for stated in self.families() for k in stated.generators}
        tables = [tuple(Line(*row) for row in table) for table in self.data["tables"]]
        return [
            Proof(Verdict.PROVED, INTERTWINERS if i in together else METHOD, tables[k])
            for i, k in enumerate(self.data["proofs"])
        ]

    def cell(self, network: Network) -> dict[str, Array]:
        """The shadow point whose cell the claim speaks of; empty for smooth networks."""
        found: dict[str, Array] = {}
        listed = self.data["cell"]
        if not listed:
            return found
        for p in network.parameters:
            try:
                values = np.array([float.fromhex(v) for v in listed[p.name]])
                if not np.isfinite(values).all():
                    raise ValueError(f"{p.name} is not finite")
                found[p.name] = values.reshape(1, *p.shape)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise BadInputError(f"the certificate's cell is malformed: {error}") from error
        return found

    def to_json(self) -> dict[str, Any]:
        """The plain data, to be written as JSON."""
        return dict(self.data)


class Carried:
    """The objects that a certificate carries as plain data, each read once, when it is asked for.

    Raises BadInputError where one is malformed.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate

    @cached_property
    def network(self) -> Network:
        """The program."""
        return self.certificate.network()

    @cached_property
    def generators(self) -> list[VectorField]:
        """The generators."""
        return self.certificate.generators(self.network)
