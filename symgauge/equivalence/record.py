"""What is recorded of an equivalence algebra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from symgauge.records import Record, RecordFile
from symgauge.verdict import Verdict

#: A vector field as plain data: coordinate, powers, coefficient.
Terms: TypeAlias = tuple[tuple[int, tuple[tuple[int, int], ...], str], ...]


@dataclass(frozen=True, kw_only=True)
class Formulas(Record):
    """An element in LaTeX: (tau, xi), and how the parameters move."""

    xi: str
    parameters: str


@dataclass(frozen=True, kw_only=True)
class Vector(Record):
    """An element's fields: on spacetime, and on the parameters for each power of t."""

    xi: Terms
    parameters: tuple[Terms, ...]


@dataclass(frozen=True, kw_only=True)
class StatedEquivalence(Record):
    """A proved element, in plain text, in LaTeX and as vectors."""

    xi: str
    parameters: str
    latex: Formulas
    vector: Vector


@dataclass(frozen=True, kw_only=True)
class StatedTensor(Record):
    """A parameter of the field."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class EquivalenceRecord(RecordFile):
    """The equivalence algebra of a vector field.

    `dimension` bounds it from above at a generic theta; `proved` of its elements are proved, with
    constant coefficients and parameters that move by an affine map. `closed`: they are all.
    """

    SCHEMA: ClassVar[str] = "symgauge-equivalence/1"

    name: str  #: What the field is called.
    state: int  #: Entries of the state.
    parameters: int  #: Entries of the parameters.
    degree: int  #: The degree of xi in x that was looked for.
    time_degree: int  #: The degree of xi in t.
    time_change: bool  #: Whether t may change.
    moving: bool  #: Whether theta may depend on t.
    dimension: int  #: A bound on the dimension at a generic theta.
    proved: int  #: How many elements are proved.
    unexplained: int  #: dimension - proved.
    closed: bool  #: Whether nothing is unexplained.
    algebra: str  #: The name of the Lie algebra.
    gauge: int  #: Directions of theta that keep v (divided out).
    trivial: int  #: Motions along the worldlines (divided out).
    isotropy: int  #: Elements that keep v as it is at one theta.
    generators: tuple[StatedEquivalence, ...]  #: The proved elements.
    shown: tuple[str, ...]  #: What the bound rests on, and was shown.
    hypotheses: tuple[str, ...]  #: What the bound rests on, and is assumed.
    notes: tuple[str, ...]  #: What the search met, in sentences.
    verdict: Verdict  #: PROVED where closed and nothing is assumed.
    scope: str  #: What was looked for, and where the answer holds.
    seed: int  #: The seed of the points.
    seconds: float  #: How long it took.
    states: tuple[str, ...] | None = None  #: The names of the state's entries.
    tensors: tuple[StatedTensor, ...] | None = None  #: The parameters, in their order.
    program: Mapping[str, Any] | None = None  #: The program of v, which `verify` reads.
