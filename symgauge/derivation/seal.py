"""Records bound by a digest of their own, and which of their facts verify leaves open.

`verify` decides what follows from the program that the record carries. What only the module, a
clock or the search can tell is printed under its verdict, by name: whatever is not named as
decided is left open.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from symgauge.checks import emit_check
from symgauge.checks.runtime.subject import SizesOfTarget, Target
from symgauge.errors import BadInputError
from symgauge.files import write_atomically
from symgauge.formulas.pages import markdown, page
from symgauge.plain import PlainFamily
from symgauge.program.serial import canonical_digest
from symgauge.records import Record, RecordFile, plain
from symgauge.typesetting.escape import verbatim

#: What a statement is about, beside its program: what a capture tells, under the same names.
ABOUT = ("about", "outputs", "outputs_left_out", "training")

_MODULE = "only the module tells; --target captures it again"
_HISTORY = "how it was derived; nothing is read from it"
_FULL = "restated at the full sizes; --target TARGET with its FULL captures those too"
#: Why a fact is left open.
REASONS: Mapping[str, str] = {
    **dict.fromkeys(
        ("name", "target", "factory", "sizes", "small_sizes", "small_program", "observable",
         "output", *ABOUT),
        _MODULE),
    **dict.fromkeys(("full_sizes", "full_tensors", "generators.full"), _FULL),
    **dict.fromkeys(("seed", "versions", "seconds"), _HISTORY),
    "cells": "what the search tried; the certificate has the cell that was taken",
    "notes": "what the search or the capture met; the program does not tell",
    "implicit": "found where the rank is taken over residues; this certificate shows it otherwise",
    "planted": "wrong symmetries that are refuted here are missing: the check sees less",
    "algebra": "its names are of a version that did not identify algebras; derive again",
    "discrete": "elements that hold here are missing",
    "with_buffers": _MODULE,
}
#: Why a fact is left open where a target was captured again.
OTHERWISE = "the target that was captured again says another, or does not say"
#: Why a list is left open that the record does not have.
ABSENT = "they were not looked for, or are of a version that did not look; derive the target again"


@dataclass(frozen=True, kw_only=True)
class Tensor(Record):
    """A parameter of the program."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Factory(Record):
    """What the generated check rebuilds the module from; `source` where it is one file's."""

    module: str
    factory: str
    source: str | None


@dataclass(frozen=True, kw_only=True)
class PlantedFailure(Record):
    """A wrong symmetry for the check: what is wrong with which family."""

    family: int
    label: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class SealedRecord(RecordFile, ABC):
    """What the records of a network's symmetries have in common: what they are about."""

    #: What the title of the document adds to the name.
    SUBTITLE: ClassVar[str] = ""

    #: The name under which files are written.
    name: str
    #: What the statement is about, in words.
    about: tuple[str, ...]
    #: The text of the TARGET; None for a module that was given in Python.
    target: str | None
    #: What rebuilds the module, where it came from a TARGET.
    factory: Factory | None
    #: The sizes that the factory was called with.
    sizes: Mapping[str, Any]
    #: "logits": the outputs as they are; "probabilities": log_softmax of them.
    observable: Literal["logits", "probabilities"]
    #: The output that was chosen; None: all.
    output: str | int | None
    #: Number and name of each output that is looked at.
    outputs: tuple[tuple[int, str], ...]
    #: The names of the outputs that are not looked at.
    outputs_left_out: tuple[str, ...]
    #: By size (small, full): whether all modules (True) or none are in training mode, or which.
    training: Mapping[str, bool | tuple[str, ...]] | None
    #: The program's parameters, in their order.
    tensors: tuple[Tensor, ...]
    #: Wrong symmetries that the generated check has to find.
    planted: tuple[PlantedFailure, ...]
    #: Of symgauge, Python and the packages that derived.
    versions: Mapping[str, str]
    #: How long each stage took.
    seconds: Mapping[str, float]
    #: SHA-256 of all the rest.
    digest: str = ""

    def sealed(self) -> Self:
        """The record with the digest that binds all its facts."""
        return replace(self, digest=sealed(self.plain())["digest"])

    def check_of(
        self, sizes: SizesOfTarget, families: Sequence[PlainFamily]
    ) -> str:
        """The text of the generated check of these families, as plain data.

        Raises BadInputError where no factory is known that rebuilds the module.
        """
        if self.factory is None:
            raise BadInputError(
                "a check rebuilds the module: derive a TARGET (a zoo name, package.module:factory "
                "or path/to/file.py:factory) with the command line or symgauge.derive_target"
            )
        source = self.factory.source
        target: Target = {
            "module": self.factory.module, "factory": self.factory.factory,
            "kind": "import" if source is None else "source", "training": plain(self.training),
        }
        if source is not None:
            target["source"] = source
        return emit_check({
            "name": self.name, "target": target,
            "sizes": sizes, "observable": self.observable, "output": self.output,
            "outputs": plain(self.outputs), "families": families, "planted": plain(self.planted),
        })

    @abstractmethod
    def to_latex(self, *, fragment: bool = False, appendix: bool = False) -> str:
        """The document as LaTeX: a whole article, or its body alone."""

    def to_html(self) -> str:
        """The same document as one HTML page with formulas in MathML; nothing is fetched.

        Raises BadInputError where latex2mathml is not installed (extra `html`).
        """
        return page(self._title, self.to_latex(fragment=True))

    def to_markdown(self) -> str:
        """The same document as Markdown with formulas, as issue trackers show them."""
        return markdown(self._title, self.to_latex(fragment=True))

    @property
    def _title(self) -> str:
        return f"Gauge symmetries of {verbatim(self.name)}{self.SUBTITLE}"

    @abstractmethod
    def check_text(self) -> str:
        """The text of the generated PyTorch check."""

    def write_check(self, path: str | os.PathLike[str]) -> None:
        """Write the text of `check_text` to a file, whole or not at all.

        Raises BadInputError where there is none, or the file cannot be written.
        """
        write_atomically(Path(path), self.check_text())

    def left_open(
        self, decided: Collection[str], restated: bool = False, captured: bool = False
    ) -> tuple[str, ...]:
        """"name: reason" for each fact that is not decided.

        `restated`: families are stated at the full sizes too. `captured`: a target was captured
        again, and did not decide it.
        """
        absent = {"with_buffers"} - set(self.data) if captured else set()
        names = [*self.data, *absent, *(["generators.full"] if restated else [])]

        def reason(name: str) -> str:
            said = ABSENT if name in absent else REASONS[name]
            return OTHERWISE if captured and said in (_MODULE, _FULL) else said

        return tuple(f"{name}: {reason(name)}" for name in names if name not in decided)


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with the digest that binds them all."""
    rest = {key: value for key, value in facts.items() if key != "digest"}
    return {**rest, "digest": canonical_digest(rest)}


def edited(facts: Mapping[str, Any]) -> str | None:
    """What to say where the digest is not that of the facts; None where it is."""
    try:
        if sealed(facts)["digest"] == facts.get("digest"):
            return None
    except (TypeError, ValueError, RecursionError) as error:
        return f"this is no JSON data: {error}"
    return "the record was edited after its digest was made"
