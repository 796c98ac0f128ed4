"""class Derivation: the derived algebra with its certificate, its report and its check."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console

from symgauge.certify.certificate import Carried
from symgauge.certify.confirm import Confirmation, confirm
from symgauge.certify.upgrade import upgraded
from symgauge.certify.verification import Verification, rejected, verify
from symgauge.derivation.again import captured_again
from symgauge.derivation.agreement import (
    DECIDED, disagreements, named_before, settled_here, shortened,
)
from symgauge.derivation.basis import Basis
from symgauge.derivation.element import GroupElement, drawn, given
from symgauge.statements.notes import counts_directions, implicit_note
from symgauge.derivation.record import DerivationRecord
from symgauge.derivation.seal import edited
from symgauge.errors import BadInputError, InconsistentError
from symgauge.families.statement import FamilyStatement
from symgauge.formulas.listing import listing
from symgauge.formulas.reading import Reading
from symgauge.points.growth import rank_growth
from symgauge.progress import Progress, silent
from symgauge.report import wording
from symgauge.report.action import structure
from symgauge.report.latex import document
from symgauge.report.listed import shown
from symgauge.report.table import print_derivation
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target


@dataclass(frozen=True, kw_only=True)
class Derivation(DerivationRecord):
    """The gauge algebra of a network with its certificate: the facts of `derivation.json`.

    `symgauge.derive` makes one, `from_json` reads one. P is the number of coordinates that an
    output reads, J the Jacobian of the outputs by them, and the rows of G are the values of the
    proved generators. `data` is the plain record that `symgauge derive --json` prints.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2))
    >>> found = derive(module, (zeros(1, 2),))
    >>> found.redundancy, found.families[0].label, found.verify().verdict.value
    (4, 'change of basis of 0, 1', 'PROVED')
    >>> found.sample(seed=1)
    GroupElement(GL(2))
    >>> len(found.basis), found.to_latex(fragment=True).startswith("% needs:")
    (4, True)
    """

    def __repr__(self) -> str:
        c = self.claim
        return (
            f"Derivation({self.name}: P={c.parameters}, redundancy={c.redundancy}, "
            f"orbit={c.orbit_dimension}, {self.algebra.form}, {c.verdict.value})"
        )

    def __str__(self) -> str:
        """The tables that `symgauge derive` prints."""
        console = Console(file=StringIO(), width=100, color_system=None)
        print_derivation(self.data, console)
        text: str = console.file.getvalue()  # type: ignore[attr-defined]
        return text.rstrip()

    def _repr_html_(self) -> str:
        """The tables, for a notebook."""
        return f'<pre style="line-height: 1.15">{escape(str(self))}</pre>'

    def _repr_latex_(self) -> str:
        """The algebra of the families."""
        return structure(wording.algebra(self.data))

    @property
    def families(self) -> tuple[FamilyStatement, ...]:
        """The families of generators: label, group, action, proof; `generators` of the record."""
        return self.generators

    @cached_property
    def basis(self) -> Basis:
        """The generators as SymPy objects: vector fields, matrices, brackets, the Killing form."""
        network = self.network()
        return Basis(network, self.certificate.generators(network))

    def to_latex(self, *, fragment: bool = False, appendix: bool = False) -> str:
        """A LaTeX article printed from the checked objects.

        `fragment`: its body alone, to paste into a paper; a comment names the packages. `appendix`:
        with the program and the proofs as the machine has them, line by line.
        """
        network = self.network()
        data = self.data
        reading = Reading(network, self.generators).plain(shown(data["generators"]))
        growth = rank_growth(network, self.certificate.cell(network), self.seed)
        facts = {**data, "network": listing(network), "reading": reading, "growth": growth}
        return document(facts, fragment, appendix)

    def check_text(self) -> str:
        """The text of the generated PyTorch check, one Python file that imports no symgauge.

        Raises BadInputError for the derivation of a module that no TARGET rebuilds (`derive`).
        """
        return self.check_of(
            {"small": self.sizes, "full": self.full_sizes}, self.data["generators"])

    def sample(self, seed: int = 0, state: Mapping[str, Any] | None = None) -> GroupElement:
        """A random element of the group, condition number of matrices bounded.

        It is drawn for the small sizes; given a state dict, for its sizes and the scale of its
        tensors, and with orders of indices where it holds the buffers that go along. Raises
        BadInputError where the state has neither the small nor the full shapes.
        """
        small = {t.name: list(t.shape) for t in self.tensors}
        shapes = small if state is None else self._shapes_of(state)
        # orders are said at the small sizes
        orders = self.with_buffers or () if shapes == small else ()
        return drawn([f.entry() for f in self.generators], shapes, seed, state, orders)

    def element(self, values: Mapping[str, Any]) -> GroupElement:
        """The group element of given matrices, or vectors s or c, by the labels of their families.

        For an element of size n a matrix has shape (n, n), numbers s or shifts c shape (n,), with
        the copies (heads) of the family in front. {} is the identity. Raises BadInputError where
        there is no such family, or the value has another shape or is not in the group that is shown
        to act.
        """
        shapes = {
            size: {t.name: list(t.shape) for t in tensors}
            for size, tensors in (("small", self.tensors), ("full", self.full_tensors)) if tensors
        }
        return given([f.entry() for f in self.generators], values, shapes)

    def certified_in_balls(
        self, seed: int = 0, progress: Progress = silent
    ) -> tuple[Derivation, Verification]:
        """The derivation with a certificate in real balls, and its verification.

        No hypothesis on values is left. Raises InconsistentError where it does not verify,
        BadInputError where the network has flows, which balls do not reach.
        """
        return self.certified("balls", seed, progress)

    def certified_in_series(
        self, seed: int = 0, progress: Progress = silent
    ) -> tuple[Derivation, Verification]:
        """The derivation with a certificate over power series, and its verification.

        No hypothesis on values is left. Raises InconsistentError where it does not verify,
        BadInputError where no curve is found along which values at the start are known.
        """
        return self.certified("series", seed, progress)

    def certified(
        self, evidence: str, seed: int = 0, progress: Progress = silent
    ) -> tuple[Derivation, Verification]:
        """The derivation with a certificate that rests on "balls" or "series"; its verification.

        Raises InconsistentError where the record disagrees with itself or the new certificate does
        not verify, BadInputError where this evidence does not reach the network.
        """
        start = time.perf_counter()
        wrong = edited(self.plain()) or next(disagreements(self), None)
        if wrong:
            raise InconsistentError(f"{wrong}; derive again")
        found, verification = upgraded(self.certificate, evidence, seed, progress)
        seconds = {**self.seconds, evidence: round(time.perf_counter() - start, 4)}
        # the rank may be another now, and with it how many directions lack a generator
        notes = [n for n in self.notes if not counts_directions(n)]
        notes += implicit_note(found.claim, self.implicit)
        after = replace(self, notes=tuple(notes), certificate=found, seconds=seconds)
        return after.sealed(), verification

    def _shapes_of(self, state: Mapping[str, Any]) -> dict[str, list[int]]:
        """The small or the full shapes, whichever the state has."""
        wrong = ""
        for tensors in (self.tensors, self.full_tensors or ()):
            shapes = {t.name: list(t.shape) for t in tensors}
            bad = [n for n, s in shapes.items() if n not in state or list(state[n].shape) != s]
            if shapes and not bad:
                return shapes
            if bad and not wrong:
                n = bad[0]
                found = f"has shape {list(state[n].shape)}" if n in state else "is missing"
                wrong = f"{n} {found}, the derivation has shape {shapes[n]}"
        for name, of in self.network().values.items():
            if name not in state:
                raise BadInputError(
                    f"{name} is no tensor of the weights but values of {of}: families of this "
                    "record do not act on weights")
        sizes = "small nor the full" if self.full_tensors else "small"
        raise BadInputError(
            f"these are not weights at the {sizes} sizes of the derivation: "
            f"{wrong or 'it has no parameters'}; derive at the sizes of these weights"
        )

    def confirm(self) -> Confirmation:
        """What the kernel says of the certificate: a program of its own that needs numpy alone.

        Raises BadInputError where it cannot be run.
        """
        return confirm(self.certificate)

    def verify(self, target: Target | None = None) -> Verification:
        """Verify the certificate, and the facts beside it.

        What follows from the program is decided anew, that the moves of each family are a group
        action with its generators among it. What the module alone tells (`left_out` of the answer
        names it) is decided where `target` is given: it is captured again, at its sizes, and at
        the full ones where both name the same.
        """
        changed = edited(self.plain())
        seen, carried = list[int](), Carried(self.certificate)
        wrong = [changed] if changed else list(disagreements(self, seen, carried))
        if wrong:
            return rejected(*wrong)
        found = verify(self.certificate, carried)
        if found.verdict is Verdict.REFUTED:
            return found
        reasons, settled = list(found.reasons), {*DECIDED, *settled_here(self)}
        settled -= shortened(self, seen)
        if named_before(self):
            settled.discard("algebra")
        if target is None and not self.with_buffers:
            settled.add("with_buffers")  # nothing is said
        if self.full_sizes is None:
            settled |= {"full_sizes", "full_tensors"}  # nothing is said of any
        if self.discrete:
            reasons.append("discrete elements are proved at these sizes, or checked at exact "
                           "random points, as each says; nothing says that there are no others")
        if target is not None:
            again = captured_again(self, target)
            if again.wrong:
                return rejected(*again.wrong)
            reasons.append(again.said)
            settled |= again.settled
        restated = any(g.full is not None for g in self.generators)
        left = self.left_open(settled, restated, target is not None)
        return replace(found, reasons=tuple(reasons), left_out=left)
