"""class FullDerivation: the gauge group of a model of any size, proved by intertwiners.

No weight is allocated and no rank is taken: what is proved holds for every size of the legs, and
is a lower bound on the redundancy. The generated check acts on every layer.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symgauge.checks import emit_check
from symgauge.derivation import (
    Progress, _factory, _planted, _silent, _tensors, _versions, write_atomically,
)
from symgauge.derivers.dimension import dimension, generic_stabiliser, independent, polynomial
from symgauge.derivers.statement import structural_statement
from symgauge.derivers.structural import Found, find
from symgauge.errors import BadInputError, CaptureError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.network.intertwiners.lines import proof_lines
from symgauge.report.full_size import document
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target

SCHEMA = "symgauge-full/1"
KEYS = (
    "schema", "name", "about", "target", "factory", "sizes", "small_sizes", "observable", "output",
    "outputs", "outputs_left_out", "tensors", "parameters", "dimension", "polynomial", "symbols", "orbit_dimension", "stabiliser",
    "generators", "small", "algebra", "verdict", "scope", "planted", "versions", "seconds",
)
SCOPE = (
    "sound for every size of the legs of this graph, by lemmas that no layer's number enters; a "
    "lower bound on the redundancy: nothing says that no other symmetry exists"
)


#: Parameters up to which a module is built with weights, to be compared with its network.
COMPARED = 2_000_000


@dataclass(frozen=True)
class FullDerivation:
    """The facts of `full.json`; its keys are attributes."""

    data: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        data = self.__dict__.get("data", {})
        if name in data:
            return data[name]
        raise AttributeError(f"a FullDerivation has no {name!r}")

    def to_json(self) -> str:
        """The text of full.json."""
        return json.dumps(self.data, indent=1, ensure_ascii=True) + "\n"

    @staticmethod
    def from_json(text: str) -> FullDerivation:
        """The derivation that `to_json` wrote. Raises BadInputError where the text is none."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInputError(
                f"this is not a full.json: the JSON ends or breaks ({error}); derive again"
            ) from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA or any(
                k not in data for k in KEYS):
            raise BadInputError(f"this is not a {SCHEMA} file; derive again with --full")
        return FullDerivation(data)

    def to_latex(self) -> str:
        """A LaTeX article: the group, one derivation for each kind of family, the dimension."""
        return document(self.data)

    def check_text(self) -> str:
        """The text of the generated PyTorch check, of the small sizes and of these."""
        factory = self.data["factory"]
        kind = "import" if factory["source"] is None else "source"
        return emit_check({
            "name": self.data["name"], "target": {**factory, "kind": kind},
            "sizes": {"small": self.data["small_sizes"], "full": self.data["sizes"]},
            "observable": self.data["observable"], "output": self.data["output"],
            "families": _paired(self.data["small"], self.data["generators"]),
            "planted": self.data["planted"],
        })

    def write_check(self, path: str | os.PathLike[str]) -> None:
        """Write the generated check, atomically."""
        write_atomically(Path(path), self.check_text())


def derive_full(
    target: Target, small: Target, *, output: str | int | None = None,
    observable: str = "logits", progress: Progress = _silent,
) -> FullDerivation:
    """The group of a TARGET at its own sizes; `small` is the same factory at small sizes.

    The small sizes serve the check: wrong symmetries are planted that are refuted there exactly.
    Up to COMPARED parameters the module is built with weights and compared with its network.
    """
    from symgauge.capture import UNCOMPARED, build_without_weights, capture

    seconds: dict[str, float] = {}

    def clock(stage: str, since: float) -> float:
        seconds[stage] = round(time.perf_counter() - since, 4)
        return time.perf_counter()

    start = time.perf_counter()
    progress("module")
    module, args, kwargs = build_without_weights(target)
    progress("graph")
    count = sum(p.numel() for p in module.parameters())
    if count <= COMPARED:
        module, args, kwargs = target.build()
    captured = capture(
        module, args, kwargs, output=output, observable=observable, meta=count > COMPARED)
    network = captured.network
    start = clock("capture", start)
    found = find(network, progress)
    start = clock("derive", start)
    generators = statements(found)
    start = clock("statement", start)
    progress("small sizes, for the check")
    little = capture(*small.build(), output=output, observable=observable)
    if little.through_closures and count > COMPARED:
        raise CaptureError(
            f"parameter {little.through_closures[0]} is read through a variable that holds it, "
            "which cannot be followed without weights; read it as an attribute of its module"
        )
    here = little.network
    few = statements(find(here))
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    planted = _planted(here, few, field, rng)
    clock("small", start)
    total, reason = dimension(found), generic_stabiliser(found)
    formula, symbols = polynomial(found)
    return FullDerivation({
        "schema": SCHEMA, "name": target.name, **captured.facts, "target": target.text, "factory": _factory(target),
        "sizes": dict(target.sizes), "small_sizes": dict(small.sizes),
        "observable": observable, "output": output, "tensors": _tensors(network),
        "parameters": network.num_coordinates, "dimension": total, "polynomial": formula,
        "symbols": symbols, "orbit_dimension": total if reason is None else None,
        "stabiliser": reason, "generators": generators, "small": few,
        "algebra": algebra_text(generators), "verdict": Verdict.PROVED.value,
        "scope": "; ".join(
            [SCOPE, *network.held, *([] if count <= COMPARED else [UNCOMPARED])]),
        "planted": planted,
        "versions": _versions(), "seconds": seconds,
    })


def statements(found: Found) -> list[dict[str, Any]]:
    """The families' entries, those that add nothing to the others left out."""
    shapes = {p.name: p.shape for p in found.structure.network.parameters}
    kept, _ = independent(found.sliced, found.families)
    out, proved = [], set()
    own = [(s, found.structure) for s, _ in found.slices]
    for s, structure in (*own, *((s, found.sliced) for s in kept)):
        entry = structural_statement(s.family, shapes)
        entry["class"] = class_of(entry)
        if entry["class"] not in proved:
            # layers alike are proved alike: one table stands for all
            proved.add(entry["class"])
            entry["proof"]["lines"] = [
                {"node": f"v{line.node}", "op": line.op, "variation": line.variation}
                for line in proof_lines(structure, s.steps, s.family.kind)
            ]
        out.append(entry)
    return out


def class_of(entry: Mapping[str, Any]) -> str:
    """What families of different layers have in common: their formulas without the numbers."""
    text = f"{entry['element']['kind']}: {entry['label']}"
    return re.sub(r"(?<=\.)\d+(?=\.|$|,| )", "*", text)


def algebra_text(generators: Sequence[Mapping[str, Any]]) -> str:
    """The algebra's parts, classes of families together: 12 x 12 gl(64) + so(768) + R^9216."""
    counts: dict[str, int] = {}
    flat = 0
    for g in generators:
        if g["element"]["kind"] in ("diagonal", "translation"):
            flat += g["dimension"]
        else:
            counts[g["algebra"]] = counts.get(g["algebra"], 0) + 1
    parts = [name if n == 1 else f"{n} ({name})" if " " in name else f"{n} {name}"
             for name, n in counts.items()]
    return " + ".join([*parts, *([f"R^{flat}"] if flat else [])]) or "0"


def _paired(
    few: Sequence[Mapping[str, Any]], generators: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Families of both sizes in one list: small ones carry their full form, where there is one.

    The small ones come first and in their order; a family of other layers has the full size alone.
    """
    left = list(generators)
    matches: list[Mapping[str, Any] | None] = [None] * len(few)
    for same_copies in (True, False):  # one group at a small size may be several at the full one
        for i, entry in enumerate(few):
            if matches[i] is None:
                matches[i] = next((g for g in left if _alike(entry, g, same_copies)), None)
                left = [g for g in left if g is not matches[i]]
    out: list[dict[str, Any]] = []
    for entry, match in zip(few, matches):
        full = None if match is None else {
            key: match[key] for key in ("label", "class", "element", "action", "via")}
        out.append({**entry, "full": full})
    return out + [{**g, "at": "full"} for g in left]


def _alike(a: Mapping[str, Any], b: Mapping[str, Any], same_copies: bool) -> bool:
    forms = [[(m["form"], m["parameter"]) for m in x["action"]] for x in (a, b)]
    via = [[t["parameter"] for t in x["via"]] for x in (a, b)]
    elements = a["element"], b["element"]
    if same_copies and len(elements[0]["copies"]) != len(elements[1]["copies"]):
        return False
    return elements[0]["kind"] == elements[1]["kind"] and set(forms[0]) <= set(forms[1]) and set(
        via[0]) <= set(via[1])
