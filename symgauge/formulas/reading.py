"""A network and its families for a reader: symbols, formulas, and proofs in equations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from symgauge.families.statement import Acting
from symgauge.formulas.layers import layer_numbers, relettered
from symgauge.formulas.proofs import Row, equations
from symgauge.formulas.roles import Roles, symbols_of
from symgauge.formulas.typeset import Typeset
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.report.action import tensor_names
from symgauge.report.names import LAYER
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure

#: The letter for the number of a layer.
ELL = r"\ell"


@dataclass(frozen=True)
class Formulas:
    """A network as formulas: (left, right); those of one layer where layers are alike."""

    before: tuple[tuple[str, str], ...]
    layer: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]
    #: The numbers of the layers, and what stands for the last line of the layer before the first.
    labels: tuple[str, ...]
    notes: tuple[str, ...]


class Reading:
    """What a document says of one network in symbols."""

    def __init__(self, network: Network, families: Sequence[Acting]) -> None:
        self.network, self.families = network, families
        self.shapes = {p.name: p.shape for p in network.parameters}
        named = [*self.shapes, *tensor_names([f.entry() for f in families], self.shapes)]
        structure = Structure(network)
        for layered in (True, False):
            roles = Roles(structure, layered)
            #: Parameters and blocks of them, with their symbols.
            self.symbols = symbols_of(structure, list(dict.fromkeys(named)), self.shapes, roles)
            self._typeset = Typeset(structure, roles, self.symbols)
            if self._typeset.layers is not None:
                break  # else numbers in names are no layers'
        self._prover = FamilyProver(network)
        #: Of the programs on slices, which several families have in common.
        self._roles: dict[Structure, Roles] = {}

    def formulas(self) -> Formulas:
        """The lines that have letters."""
        rows = [(left, right) for _, left, right in self._typeset.formulas]
        notes, layers = tuple(self._typeset.notes()), self._typeset.layers
        if layers is None:
            return Formulas(tuple(rows), (), (), (), notes)
        stop = layers.start + layers.period * len(layers.labels)
        # the second: what it reads of the layer before has a number
        second = rows[layers.start + layers.period:][:layers.period]
        k = int(layers.labels[1])
        letters = {str(k - 1): f"{ELL}-1", str(k): ELL}
        return Formulas(
            tuple(rows[:layers.start]),
            tuple((relettered(a, letters), relettered(b, letters)) for a, b in second),
            tuple(rows[stop:]), layers.labels, notes)

    def proof(self, number: int) -> list[Row] | None:
        """The proof of a family in equations; None where it is not one by intertwiners."""
        acting = self.families[number]
        try:
            family = acting.family()
            structure, steps = self._prover.steps(family)
        except (NoLemma, KeyError, TypeError, ValueError):
            return None
        typeset = self._typeset
        if structure.network is not self.network:
            same = len(structure.network.nodes) == len(self.network.nodes)
            names = {i: name for i, name in typeset.names.items() if i in structure.lines}
            if structure not in self._roles:
                self._roles[structure] = Roles(structure)
            typeset = Typeset(
                structure, self._roles[structure], self.symbols, names if same else None)
        return equations(typeset, steps, family, acting.entry(), self.shapes)

    def layer(self, number: int) -> str | None:
        """The one layer whose tensors a family moves; None of several, or where layers are not
        numbered."""
        if self._typeset.layers is None:
            return None
        found = {self._numbers.get(m.parameter) for m in self.families[number].action}
        own = {n for n in found if n is not None and n.isdigit()}
        return own.pop() if len(own) == 1 else None

    @cached_property
    def _numbers(self) -> dict[str, str]:
        return layer_numbers(self.shapes)

    def _lettered(self, number: int, text: str) -> str:
        """A formula of a proof with l for the family's layer, and m for that of a later line."""
        seen = [int(n) for n in LAYER.findall(text)]
        own, last = self.layer(number), max(seen, default=-1)
        if self._typeset.layers is None or last < 0:
            return text
        letter = ELL if own is not None and last <= int(own) else "m"
        return relettered(text, {str(last): letter, str(last - 1): f"{letter}-1"})

    def plain(self, chosen: Iterable[int]) -> dict[str, Any]:
        """What a report prints: symbols, formulas, and the proofs of the families that it shows."""
        formulas = self.formulas()
        proofs: dict[int, list[dict[str, str]] | None] = {}
        for number in chosen:
            rows = self.proof(number)
            if rows is not None:
                rows = list(dict.fromkeys(self._row(number, row) for row in rows))
            proofs[number] = None if rows is None else [asdict(row) for row in rows]
        return {
            "symbols": self.symbols,
            "formulas": asdict(formulas),
            "proofs": proofs,
            "layers": {number: self.layer(number) for number in proofs},
        }

    def _row(self, number: int, row: Row) -> Row:
        """One letter for all texts of a row: they are of one line."""
        texts = self._lettered(number, "\0".join((row.left, row.becomes, row.equals))).split("\0")
        return Row(texts[0], texts[1], texts[2], row.stays)
