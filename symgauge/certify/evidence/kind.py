"""Kinds of evidence: what a certificate carries to show rank J, and how that is checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from symgauge.certify.assumptions import Assumptions
from symgauge.points.draw import Draw
from symgauge.proof.record import Proof


@dataclass(frozen=True)
class Question:
    """What is asked of evidence: rank J of a program, on a cell, with a source of chance.

    `read`: the coordinates that an output reads; `closing`: the rank that closes the sandwich;
    `claimed`: the rank that is claimed, whatever stands there. It only says how long to look.
    """

    draw: Draw
    proofs: Sequence[Proof]
    read: npt.NDArray[np.bool_]
    closing: int
    claimed: Any


class Evidence(ABC):
    """What shows that a minor of J is not 0: a lower bound on rank J, on one component.

    A kind is a subclass in a file of this folder, and a file in `find`, both called as it is. The
    first line of the file here is the help of the command line's option.
    """

    #: The key in certificates, the option of commands, the name of the file in `find`.
    name: ClassVar[str]
    #: The key that says how fine it is.
    unit: ClassVar[str]
    #: Which is tried first where residues leave a hypothesis.
    turn: ClassVar[int]
    #: Parameters up to which it is tried unasked there: where the sandwich closes, and where not.
    by_itself: ClassVar[int]
    by_itself_open: ClassVar[int]

    @classmethod
    def unasked(cls, parameters: int, unexplained: int) -> bool:
        """Whether `derive` tries it without being asked."""
        return parameters <= (cls.by_itself_open if unexplained else cls.by_itself)

    @classmethod
    @abstractmethod
    def read(cls, data: Any, question: Question) -> Self:
        """The evidence in plain data. Raises BadInputError where it is none of this program."""

    @abstractmethod
    def plain(self) -> dict[str, Any]:
        """Plain data."""

    @abstractmethod
    def check(self, question: Question) -> tuple[int, Assumptions] | None:
        """rank J anew and what it rests on; None where the evidence is false."""

    @abstractmethod
    def shown(self, rank: int) -> str:
        """The statement, as claims carry it."""
