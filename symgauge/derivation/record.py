"""derivation.json: the facts of a derivation, each of them once.

What the certificate claims (rank, scope, verdict, ...) stands in the certificate alone and is
computed from it. `--json` prints the claim beside the rest; such a record, and one of the schema
before, which held it too, are read where claim and certificate agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from symgauge.certify.certificate import Certificate
from symgauge.certify.claim import Claim
from symgauge.derivation.seal import SealedRecord, Tensor, edited, sealed
from symgauge.errors import BadInputError, InconsistentError
from symgauge.families.statement import FamilyStatement, FullOrder
from symgauge.program.network import Network
from symgauge.records import Record, text_of
from symgauge.verdict import Verdict

SCHEMA = "symgauge-derivation/2"
#: The schema before, which is read for one release more.
BEFORE = "symgauge-derivation/1"
#: What the printed record has from the certificate, which may say more.
CLAIMED = tuple(
    f.name for f in fields(Claim) if f.name != "inconsistent" and f.default is MISSING)


@dataclass(frozen=True, kw_only=True)
class AlgebraSummand(Record):
    """Equal direct summands: the name of one, the families (by number) and tensors it acts by.

    `shown`, how the name is known: "basis", the brackets are those of the named matrices;
    "invariants", computed exactly, and they determine the algebra; "parts", Levi part and
    nilradical are those of the name, which does not say how they act; "brackets", its families
    bracket as the name says; "no": it is not identified. `also`: other names of the same.
    """

    name: str
    copies: int
    dimension: int
    families: tuple[int, ...]
    tensors: tuple[str, ...]
    shown: Literal["basis", "invariants", "parts", "brackets", "no"]
    also: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Algebra(Record):
    """The Lie algebra that the families span: its name, and the dimension of the radical.

    `closed`: under the bracket; else no finite-dimensional algebra is claimed. Dimensions of the
    centre, of the derived series and of the nilradical, and the name of the Levi part, where they
    are decided; `stabiliser`: that of a generic point's. Records from before have no summands.
    """

    form: str  #: A name such as "gl(2,R)^2 + R^3", else dimension and radical in words.
    dimension: int  #: Its dimension, which may exceed rank G.
    radical: int | None = None  #: The dimension of the radical, where there is no name.
    closed: bool  #: Whether the bracket of two elements is an element.
    centre: int | None = None
    derived_series: tuple[int, ...] | None = None
    nilradical: int | None = None
    levi: str | None = None
    stabiliser: int | None = None
    summands: tuple[AlgebraSummand, ...] | None = None

    @property
    def locally_free(self) -> bool | None:
        """Whether a generic point's stabiliser is discrete; None where it is not known."""
        return None if self.stabiliser is None else self.stabiliser == 0


@dataclass(frozen=True, kw_only=True)
class StatedInvariant(Record):
    """Functions of the parameters as people write them, and how many entries were proved."""

    formula: str
    entries: int


@dataclass(frozen=True, kw_only=True)
class Invariants(Record):
    """Functions that every generator annuls, each decided exactly; permutations are no part of it.

    `independent`: the rank of their Jacobian at a point mod p, a lower bound. `complete`: it is
    rank J, so that near a generic point they tell the orbits apart, on an open set. `left_out`:
    functions that were built and are not invariant. `reason`: why none were built.
    """

    formulas: tuple[StatedInvariant, ...]
    independent: int
    complete: bool
    left_out: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class StatedLaws(Record):
    """Independent conservation laws of gradient flow, by the families that they come from.

    `decay`: with weight decay lambda they decay as exp(-decay lambda t); None where they do not
    decay by one factor.
    """

    families: tuple[int, ...]
    count: int
    formula: str
    decay: int | None = None


@dataclass(frozen=True, kw_only=True)
class Laws(Record):
    """What gradient flow conserves: theta^T S theta for symmetric generators S, c theta for shifts.

    `rotations`: the dimension of the skew generators, which carry trajectories of gradient
    descent, with momentum or weight decay, to such trajectories. Nothing is claimed of Adam.
    """

    count: int
    laws: tuple[StatedLaws, ...]
    rotations: int


@dataclass(frozen=True, kw_only=True)
class Cells(Record):
    """Cells of a piecewise network that were tried, and how many had which rank."""

    tried: int
    ranks: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class DiscreteElement(Record):
    """Permutations or signs: proved at these sizes, or checked at exact random points."""

    label: str  #: What is permuted, or changes its sign.
    group: str  #: The group, such as S_3.
    order: int  #: The number of its elements.
    status: str  #: How it is known: "proved" or "checked".


@dataclass(frozen=True, kw_only=True)
class StructuralPart(Record):
    """How much of rank G is proved for all sizes, and the labels of the families that are not."""

    orbit_dimension: int  #: The part of rank G that is proved for all sizes.
    not_structural: int  #: The rest of rank G.
    families: tuple[str, ...]  #: The labels of the families of that rest.


@dataclass(frozen=True, kw_only=True)
class UnreadTensor(Record):
    """How many entries of a parameter no output reads, and why."""

    tensor: str  #: Its name.
    count: int  #: How many of its entries.
    reason: str  #: Why no output reads them.


@dataclass(frozen=True, kw_only=True)
class DerivationRecord(SealedRecord):
    """The facts of derivation.json, and those of its certificate."""

    SCHEMA: ClassVar[str] = SCHEMA

    #: The full sizes of the TARGET, where it has some.
    full_sizes: Mapping[str, Any] | None
    #: The parameters at the full sizes.
    full_tensors: tuple[Tensor, ...] | None
    #: Parameters that no output reads, in whole or in part.
    unread_tensors: tuple[UnreadTensor, ...]
    #: The cells of a piecewise network that were tried; None for a network without branches.
    cells: Cells | None
    #: How much of rank G is proved for all sizes.
    structural: StructuralPart
    #: The families, each with its action and its proof.
    generators: tuple[FamilyStatement, ...]
    #: Permutations and signs, never said to be all.
    discrete: tuple[DiscreteElement, ...]
    #: Permutations that move buffers along and name them; None where they were not looked for.
    with_buffers: tuple[FullOrder, ...] | None = None
    #: The Lie algebra that the families span.
    algebra: Algebra
    #: None in records from before.
    invariants: Invariants | None = None
    laws: Laws | None = None
    #: What the search or the capture met, in sentences.
    notes: tuple[str, ...]
    #: Tensors that move along null directions without a generator.
    implicit: tuple[str, ...]
    #: The program, the generators with their proofs, and the claim.
    certificate: Annotated[Certificate, Certificate.from_json]
    #: The seed of the search.
    seed: int

    @classmethod
    def from_plain(cls, data: Any, at: str = "") -> Self:
        """The record in plain data: of the file, of `--json`, of the schema before.

        Raises BadInputError where it is none, InconsistentError where it repeats its certificate
        and says another, or was edited.
        """
        return super().from_plain(_without_copies(data), at)

    @cached_property
    def data(self) -> dict[str, Any]:
        """The plain data that `--json` prints: the file's, and the certificate's claim."""
        own = self.plain()
        claim = {name: self.certificate.data.get(name) for name in CLAIMED}
        return sealed({"schema": own["schema"], "name": own["name"], **claim, **own})

    @cached_property
    def claim(self) -> Claim:
        """What the certificate claims. Raises BadInputError where that is no claim."""
        return self.certificate.claim

    @property
    def parameters(self) -> int:
        """P, the number of coordinates that an output reads."""
        return self.claim.parameters

    @property
    def unread(self) -> int:
        """The number of coordinates that no output reads."""
        return self.claim.unread

    @property
    def rank(self) -> int:
        """rank J where closed, else a lower bound."""
        return self.claim.rank

    @property
    def redundancy(self) -> int:
        """P - rank J."""
        return self.claim.redundancy

    @property
    def orbit_dimension(self) -> int:
        """rank G."""
        return self.claim.orbit_dimension

    @property
    def unexplained(self) -> int:
        """redundancy - rank G, less what is by minors: directions without a generator, at most."""
        return self.claim.unexplained

    @property
    def closed(self) -> bool:
        """Whether nothing is unexplained."""
        return self.claim.closed

    @property
    def shown(self) -> tuple[str, ...]:
        """What the rank rests on, and was shown."""
        return self.claim.shown

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """What the rank rests on, and was not shown."""
        return self.claim.hypotheses

    @property
    def verdict(self) -> Verdict:
        """PROVED where closed, every generator proved, and no hypothesis left."""
        return self.claim.verdict

    @property
    def scope(self) -> str:
        """Where the claim holds."""
        return self.claim.scope

    def network(self) -> Network:
        """The captured program."""
        return self.certificate.network()


def difference_of(name: str, said: Any, found: Any, by: str = "its certificate") -> Iterator[str]:
    """A fact that is another than the one that is found, as a sentence."""
    if text_of(said) != text_of(found):
        yield f"derivation.json says {name} = {said!r:.120}, {by} {found!r:.120}"


def _without_copies(data: Any) -> Any:
    """The plain data of a file of this schema, which does not repeat what its certificate says."""
    if not isinstance(data, Mapping) or data.get("schema") not in (SCHEMA, BEFORE):
        return data
    if data["schema"] == SCHEMA and not any(name in data for name in CLAIMED):
        return data
    wrong = edited(data) or next(_disagreements(data), None)
    if wrong:
        raise InconsistentError(f"{wrong}; derive again")
    rest = {key: value for key, value in data.items() if key not in CLAIMED}
    return sealed({**rest, "schema": SCHEMA})


def _disagreements(data: Mapping[str, Any]) -> Iterator[str]:
    certificate = data.get("certificate")
    if not isinstance(certificate, Mapping):
        raise BadInputError("this derivation.json lacks a certificate; derive again")
    for name in CLAIMED:
        if name not in data:
            raise BadInputError(f"this derivation.json lacks {name}; derive again")
        yield from difference_of(name, data[name], certificate.get(name))
