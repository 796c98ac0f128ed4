"""The table of docs/literature.rst: published dimensions, derived one after the other.

    python docs/literature_table.py > docs/literature.inc            # all rows, some 20 minutes
    python docs/literature_table.py "rotary attention" [CASE...]     # these, in words

A row of docs/literature/cases.csv names a module, its sizes, a quantity, what is published, and the
value that later work or a count by hand gives ("true": what tests hold it to, it is no input here).
"""

from __future__ import annotations

import contextlib
import csv
import sys
import time
from dataclasses import dataclass
from math import prod
from pathlib import Path

from symgauge.capture.target import Target, load_target
from symgauge.derivation.derivation import Derivation
from symgauge.derivation.derive import derive_target
from symgauge.derivation.full import derive_full
from symgauge.hf.target import load_hf
from symgauge.verdict import Verdict
from symgauge.zoo import load

HERE = Path(__file__).parent / "literature"
HEAD = """.. list-table::
   :header-rows: 1
   :widths: auto

   * - case
     - published
     - symgauge
     - answer
     - what it rests on
     - source
     - seconds
"""


@dataclass(frozen=True)
class Case:
    """One row of cases.csv."""

    case: str
    file: str
    sizes: str
    quantity: str
    published: str
    true: str
    reference: str
    comment: str

    @property
    def target(self) -> str:
        """The TARGET of the command line."""
        if self.file.startswith("hf:"):
            return self.file
        if self.file.startswith("zoo:"):
            return self.file.removeprefix("zoo:")
        return str(HERE / (self.file if ":" in self.file else f"{self.file}:factory"))

    def load(self) -> Target:
        """The module of this case, at its sizes."""
        pairs = dict(pair.split("=") for pair in self.sizes.split())
        if self.file.startswith("hf:"):
            return load_hf(self.target, pairs, full=True)
        return load_target(self.target, load, pairs)


@dataclass(frozen=True)
class Found:
    """What symgauge finds: a number, and what it rests on."""

    value: int
    rests: str


def cases() -> list[Case]:
    """All rows."""
    with open(HERE / "cases.csv", newline="", encoding="utf-8") as file:
        return [Case(**row) for row in csv.DictReader(file)]


def found(case: Case) -> Found | None:
    """The quantity of that case, derived; None where it is out of scope."""
    if case.quantity == "none":
        return None
    target = case.load()
    if case.quantity in ("families", "so of the stream"):
        return _at_full_size(case, target)
    derivation = derive_target(target)
    claim = derivation.claim
    closed = claim.verdict is Verdict.PROVED
    if case.quantity == "laws":
        whole = "complete among affine generators" if closed else "at least"
        return Found(derivation.laws.count, f"laws proved; {whole}")
    if case.quantity == "permutations":
        return _permutations(derivation)
    if closed:
        return Found(claim.redundancy, "certified")
    return Found(
        claim.redundancy,
        f"at most, by rank J = {claim.rank}; {claim.orbit_dimension} of it explained")


def _permutations(derivation: Derivation) -> Found:
    """The order of the group that the permutations generate: a product, as they are stated."""
    orders = [e.order for e in derivation.discrete if e.label.startswith("permutations")]
    return Found(prod(orders), "checked, at least")


def _at_full_size(case: Case, target: Target) -> Found:
    hf = case.file.startswith("hf:")
    small = load_hf(case.target, {}) if hf else load_target(case.target, load, {})
    whole = derive_full(target.at(target.full_sizes), small)
    if case.quantity == "families":
        return Found(whole.dimension, "families proved at full size: at least")
    spheres = [g.dimension for g in whole.generators if "so(" in g.group.lower()]
    return Found(max(spheres, default=0), "family proved at full size")


def answer(case: Case, here: Found | None) -> str:
    """agrees, corrected or out of scope."""
    if here is None:
        return "out of scope"
    if not case.published:
        return "published without the number"
    return "agrees" if here.value == int(case.published) else "corrected"


def main() -> None:
    chosen = sys.argv[1:]
    if not chosen:
        sys.stdout.write(HEAD)
    for case in cases():
        if chosen and case.case not in chosen:
            continue
        start = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            here = found(case)
        seconds = f"{time.perf_counter() - start:.0f}"
        value, rests = ("", case.comment) if here is None else (str(here.value), here.rests)
        cells = [
            f"{case.case}: {case.quantity}" if here else case.case, case.published, value,
            answer(case, here), rests, case.reference, seconds]
        if chosen:
            print(" | ".join(cells))
        else:
            sys.stdout.write("   * - " + "\n     - ".join(cells) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
