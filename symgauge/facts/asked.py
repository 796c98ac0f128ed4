"""What a converse may ask of the sweep that applies it."""

from __future__ import annotations

from typing import Protocol

from symgauge.facts.ledger import Ledger
from symgauge.spaces.structure import Structure
from symgauge.sums.affine import Affine, Term
from symgauge.sums.bases import Base


class Asked(Protocol):
    """The ledger, the lines, and what holds of them."""

    structure: Structure
    ledger: Ledger
    #: Arguments that may vary by a constant, which a bias absorbs.
    constant_goals: set[int]

    def base(self, term: Term) -> Base:
        """What a term's base is."""

    def varies(self, argument: Affine) -> None:
        """What the line is made of is no constant. Raises Stop where it may be."""

    def walls(self, node: int) -> None:
        """Note a line with walls. Raises Stop where another has them."""
