"""class Derivation: the derived algebra with its certificate, its report and its check."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symgauge.certify.certificate import Certificate
from symgauge.certify.confirm import Confirmation, confirm
from symgauge.certify.upgrade import in_balls, in_series
from symgauge.certify.verification import Verification, rejected, verify
from symgauge.checks import actions, emit_check
from symgauge.derivation.again import captured_again
from symgauge.derivation.agreement import CLAIMED, DECIDED, disagreements, settled_here, shortened
from symgauge.derivation.element import GroupElement, given, to_numpy
from symgauge.derivation.notes import implicit_note
from symgauge.derivation.seal import edited, left_open, sealed
from symgauge.errors import BadInputError, InconsistentError
from symgauge.files import parsed, write_atomically
from symgauge.program.network import Network
from symgauge.progress import Progress, silent
from symgauge.report.latex import document
from symgauge.report.listing import listing
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target

SCHEMA = "symgauge-derivation/1"
#: What every derivation.json has.
KEYS = (
    "schema", "name", "about", "target", "factory", "sizes", "full_sizes", "observable", "output",
    "outputs", "outputs_left_out", "training", "tensors", "full_tensors", "parameters", "unread",
    "unread_tensors", "rank", "redundancy", "orbit_dimension", "unexplained", "closed", "cells",
    "structural", "generators", "discrete", "algebra", "shown", "hypotheses", "notes", "implicit",
    "verdict", "scope", "planted", "certificate", "seed", "versions", "seconds", "digest",
)


@dataclass(frozen=True)
class Derivation:
    """The gauge algebra of a network with its certificate; the facts of `derivation.json`."""

    data: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        # the keys of derivation.json are the attributes
        data = self.__dict__.get("data", {})
        if name == "certificate" and name in data:
            return Certificate(data[name])
        if name == "verdict" and name in data:
            return Verdict(data[name])
        if name in data:
            return data[name]
        raise AttributeError(f"a Derivation has no {name!r}")

    def __repr__(self) -> str:
        d = self.data
        return (
            f"Derivation({d['name']}: P={d['parameters']}, redundancy={d['redundancy']}, "
            f"orbit={d['orbit_dimension']}, {d['algebra']['form']}, {d['verdict']})"
        )

    def to_json(self) -> str:
        """The text of derivation.json."""
        return json.dumps(self.data, indent=1, ensure_ascii=True) + "\n"

    @staticmethod
    def from_json(text: str) -> Derivation:
        """The derivation that `to_json` wrote.

        Raises BadInputError where the text is none (truncated, another file).
        """
        data = parsed(text, "a derivation.json")
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise BadInputError(f"this is not a {SCHEMA} file (found {found!r:.80}); derive again")
        missing = [k for k in KEYS if k not in data]
        if missing:
            raise BadInputError(f"this derivation.json lacks {', '.join(missing)}; derive again")
        return Derivation(data)

    def to_latex(self) -> str:
        """A LaTeX article printed from the checked objects."""
        return document({**self.data, "network": listing(self.network())})

    def network(self) -> Network:
        """The captured program."""
        return Certificate(self.data["certificate"]).network()

    def check_text(self) -> str:
        """The text of the generated PyTorch check."""
        factory = self.data["factory"]
        if factory is None:
            raise BadInputError(
                "a check rebuilds the module: derive a TARGET (a zoo name, package.module:factory "
                "or path/to/file.py:factory) with the command line or symgauge.derive_target"
            )
        kind = "import" if factory["source"] is None else "source"
        return emit_check({
            "name": self.data["name"],
            "target": {**factory, "kind": kind, "training": self.data["training"]},
            "sizes": {"small": self.data["sizes"], "full": self.data["full_sizes"]},
            "observable": self.data["observable"], "output": self.data["output"],
            "outputs": self.data.get("outputs"),
            "families": self.data["generators"], "planted": self.data["planted"],
        })

    def write_check(self, path: str | os.PathLike[str]) -> None:
        """Write the generated check, atomically."""
        write_atomically(Path(path), self.check_text())

    def sample(self, seed: int = 0, state: Mapping[str, Any] | None = None) -> GroupElement:
        """A random element of the group, condition number of matrices bounded.

        It is drawn for the small sizes; given a state dict, for its sizes and the scale of its
        tensors. Raises BadInputError where the state has neither the small nor the full shapes.
        """
        families = tuple(self.data["generators"])
        if state is None:
            shapes = {t["name"]: t["shape"] for t in self.data["tensors"]}
            return GroupElement(families, actions.sample(families, shapes, seed))
        shapes = self._shapes_of(state)
        scales = {n: float(np.sqrt(np.mean(to_numpy(state[n]).astype(float)**2))) for n in shapes}
        return GroupElement(families, actions.sample(families, shapes, seed, scales))

    def element(self, values: Mapping[str, Any]) -> GroupElement:
        """The group element of given matrices, or vectors s or c, by the labels of their families.

        {} is the identity. Raises BadInputError where there is no such family, or the value has
        another shape or is not in the group that is shown to act.
        """
        shapes = {
            size: {t["name"]: t["shape"] for t in self.data[key]}
            for size, key in (("small", "tensors"), ("full", "full_tensors")) if self.data[key]
        }
        return given(self.data["generators"], values, shapes)

    def certified_in_balls(
        self, seed: int = 0, progress: Progress = silent
    ) -> tuple[Derivation, Verification]:
        """The derivation with a certificate in real balls, and its verification.

        No hypothesis on values is left. Raises InconsistentError where it does not verify,
        BadInputError where the network has flows, which balls do not reach.
        """
        return self._certified("balls", seed, progress)

    def certified_in_series(
        self, seed: int = 0, progress: Progress = silent
    ) -> tuple[Derivation, Verification]:
        """The derivation with a certificate over power series, and its verification.

        No hypothesis on values is left. Raises InconsistentError where it does not verify,
        BadInputError where no curve is found along which values at the start are known.
        """
        return self._certified("series", seed, progress)

    def _certified(
        self, way: str, seed: int, progress: Progress
    ) -> tuple[Derivation, Verification]:
        start = time.perf_counter()
        certificate = Certificate.from_json(self.data["certificate"])
        wrong = edited(self.data) or next(disagreements(self.data, certificate), None)
        if wrong:
            raise InconsistentError(f"{wrong}; derive again")
        upgrade = in_series if way == "series" else in_balls
        found, verification = upgrade(certificate, seed, progress)
        seconds = {**self.data["seconds"], way: round(time.perf_counter() - start, 4)}
        facts = {name: found.data[name] for name in CLAIMED}
        # the rank may be another now, and with it how many directions lack a generator
        said = implicit_note(self.data, self.data["implicit"])
        notes = [n for n in self.data["notes"] if n not in said]
        notes += implicit_note(facts, self.data["implicit"])
        data = {**self.data, **facts, "notes": notes, "certificate": found.to_json(),
                "seconds": seconds}
        return Derivation(sealed(data)), verification

    def _shapes_of(self, state: Mapping[str, Any]) -> dict[str, list[int]]:
        """The small or the full shapes, whichever the state has."""
        wrong = ""
        for key in ("tensors", "full_tensors"):
            shapes = {t["name"]: list(t["shape"]) for t in self.data[key] or ()}
            bad = [n for n, s in shapes.items() if n not in state or list(state[n].shape) != s]
            if shapes and not bad:
                return shapes
            if bad and not wrong:
                n = bad[0]
                found = f"has shape {list(state[n].shape)}" if n in state else "is missing"
                wrong = f"{n} {found}, the derivation has shape {shapes[n]}"
        sizes = "small nor the full" if self.data["full_tensors"] else "small"
        raise BadInputError(
            f"these are not weights at the {sizes} sizes of the derivation: "
            f"{wrong or 'it has no parameters'}; derive at the sizes of these weights"
        )

    def confirm(self) -> Confirmation:
        """What the kernel says of the certificate: a program of its own that needs numpy alone."""
        return confirm(self.data)

    def verify(self, target: Target | None = None) -> Verification:
        """Verify the certificate, and the facts beside it.

        What follows from the program is decided anew, that the moves of each family are a group
        action with its generators among it. What the module alone tells (`left_out` of the answer
        names it) is decided where `target` is given: it is captured again, at its sizes, and at
        the full ones where both name the same.
        """
        certificate = Certificate.from_json(self.data["certificate"])
        changed = edited(self.data)
        wrong = [changed] if changed else list(disagreements(self.data, certificate))
        if wrong:
            return rejected(*wrong)
        found = verify(certificate)
        if found.verdict is Verdict.REFUTED:
            return found
        reasons, settled = list(found.reasons), {*DECIDED, *settled_here(self.data)}
        settled -= shortened(self.data, certificate)
        if self.data["full_sizes"] is None:
            settled |= {"full_sizes", "full_tensors"}  # nothing is said of any
        if self.data["discrete"]:
            reasons.append("discrete elements hold at exact random points: seen, not proved; "
                           "nothing says that there are no others")
        if target is not None:
            again = captured_again(self.data, certificate.network(), target)
            if again.wrong:
                return rejected(*again.wrong)
            reasons.append(again.said)
            settled |= again.settled
        left = left_open(self.data, settled, target is not None)
        return replace(found, reasons=tuple(reasons), left_out=left)
