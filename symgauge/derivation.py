"""class Derivation: the derived algebra, its certificate, its report and its check, assembled."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import metadata
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symgauge import __version__
from symgauge.certify.certificate import Certificate, Stated
from symgauge.certify.independence import assumptions
from symgauge.certify.upgrade import claim_in_balls, claim_in_series, in_balls, in_series
from symgauge.certify.verification import (
    MALFORMED, Verification, at_these_durations, claim_of, orbit_dimension, rejected, verify,
)
from symgauge.checks import actions, emit_check, propose_planted, wrong_family
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.exact import ExactDeriver, Found, Proved, implicit_tensors
from symgauge.derivers.statement import algebra as algebra_name
from symgauge.derivers.statement import at_full, plain_fields, statement
from symgauge.derivers.structural import find, instantiate
from symgauge.errors import (
    BadInputError, CaptureError, InconsistentError, SizeError, SymgaugeError, TargetError,
    UndecidedError, UnsupportedOpError,
)
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.lie.algebra import (
    Block, Constants, close, identify, radical_dimension, structure_constants,
)
from symgauge.lie.fields import VectorField, combination, independent
from symgauge.network.exponents import split_exponentials
from symgauge.network.families import (
    MATRIX_KINDS, Coordinates, Family, Move, basis_matrices, family_of, touched,
)
from symgauge.network.finite_actions import FiniteActions
from symgauge.network.program import Constant, Network, Parameter
from symgauge.network.proof import Proof, Prover
from symgauge.network.rounded_roots import with_rounded_roots
from symgauge.network.sampling import (
    RANK_ORDER, draw_tokens, jacobian_rows, read_coordinates,
)
from symgauge.network.unread import unread_tensors
from symgauge.record import ABOUT, edited, left_open, misshapen, sealed, text_of
from symgauge.report.latex import document
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
#: Those that are the certificate's claim.
CLAIMED = (
    "parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained", "closed",
    "shown", "hypotheses", "verdict", "scope",
)
#: What `verify` decides anew from the program alone; `record.left_open` names all else.
DECIDED = (
    "schema", "digest", "certificate", *CLAIMED, "tensors", "structural", "generators", "algebra",
    "discrete", "planted", "unread_tensors",
)
#: What is rewritten after the capture, and what is said of it.
SPLIT = "exponentials of sums are written as products: an identity"
#: What is put in the place of roots, and what is said of it.
ROOTS = "roots of constants are the nearest floats; with the roots themselves J has the same rank"
#: Rewritings that are tried, one after another.
REWRITINGS = 4
#: Fresh points at which what holds, or is refuted, at random exact points is looked for again.
TRIES = 3
#: Above these estimates a derivation stops unless it is forced.
MAX_SECONDS = 600.0
MAX_BYTES = 8 * 2**30
#: Parameters up to which power series and balls are tried where residues leave a hypothesis.
FEW_PARAMETERS = 32
#: Points at which a planted failure is refuted.
REFUTING = 8
#: Planted failures of one generated check.
MAX_PLANTED = 24

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True)
class GroupElement:
    """A finite element of the derived group. It acts on state dicts and leaves f unchanged."""

    families: tuple[Mapping[str, Any], ...]
    element: Any

    def apply(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A new state dict with the parameters moved; arrays and tensors keep type and dtype."""
        arrays = {name: _to_numpy(value) for name, value in state.items()}
        moved = actions.apply(self.families, self.element, arrays)
        return {name: _like(state[name], moved[name]) for name in state}

    def inverse(self) -> GroupElement:
        """The inverse element."""
        return GroupElement(self.families, actions.inverse(self.element))


def _to_numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16
        value = value.double() if value.is_floating_point() else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def _like(value: Any, array: np.ndarray) -> Any:
    if hasattr(value, "new_tensor"):
        return value.new_tensor(array) if value.is_floating_point() else value
    return array.astype(np.asarray(value).dtype)


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
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInputError(
                f"this is not a derivation.json: the JSON ends or breaks ({error}); derive again"
            ) from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise BadInputError(f"this is not a {SCHEMA} file (found {found!r:.80}); derive again")
        missing = [k for k in KEYS if k not in data]
        if missing:
            raise BadInputError(f"this derivation.json lacks {', '.join(missing)}; derive again")
        return Derivation(data)

    def to_latex(self) -> str:
        """A LaTeX article printed from the checked objects."""
        return document({**self.data, "network": _listing(self.network())})

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
        families = tuple(f for f in self.data["generators"] if f["element"]["kind"] != "other")
        if state is None:
            shapes = {t["name"]: t["shape"] for t in self.data["tensors"]}
            return GroupElement(families, actions.sample(families, shapes, seed))
        shapes = self._shapes_of(state)
        scales = {n: float(np.sqrt(np.mean(_to_numpy(state[n]).astype(float)**2))) for n in shapes}
        return GroupElement(families, actions.sample(families, shapes, seed, scales))

    def certified_in_balls(
        self, seed: int = 0, progress: Progress = _silent
    ) -> tuple[Derivation, Verification]:
        """The derivation with a certificate in real balls, and its verification.

        No hypothesis on values is left. Raises InconsistentError where it does not verify,
        BadInputError where the network has flows, which balls do not reach.
        """
        return self._certified("balls", seed, progress)

    def certified_in_series(
        self, seed: int = 0, progress: Progress = _silent
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
        wrong = edited(self.data) or next(_disagreements(self.data, certificate), None)
        if wrong:
            raise InconsistentError(f"{wrong}; derive again")
        upgrade = in_series if way == "series" else in_balls
        found, verification = upgrade(certificate, seed, progress)
        seconds = {**self.data["seconds"], way: round(time.perf_counter() - start, 4)}
        facts = {name: found.data[name] for name in CLAIMED}
        # the rank may be another now, and with it how many directions lack a generator
        said = _implicit(self.data, self.data["implicit"])
        notes = [n for n in self.data["notes"] if n not in said]
        notes += _implicit(facts, self.data["implicit"])
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

    def verify(self, target: Target | None = None) -> Verification:
        """Verify the certificate, and the facts beside it.

        What follows from the program is decided anew, that the moves of each family are a group
        action with its generators among it. What the module alone tells (`left_out` of the answer
        names it) is decided where `target` is given: it is captured again, at its sizes, and at
        the full ones where both name the same.
        """
        certificate = Certificate.from_json(self.data["certificate"])
        changed = edited(self.data)
        wrong = [changed] if changed else list(_disagreements(self.data, certificate))
        if wrong:
            return rejected(*wrong)
        found = verify(certificate)
        if found.verdict is Verdict.REFUTED:
            return found
        reasons, settled = list(found.reasons), {*DECIDED, *_settled(self.data)}
        settled -= _shortened(self.data, certificate)
        if self.data["full_sizes"] is None:
            settled |= {"full_sizes", "full_tensors"}  # nothing is said of any
        if self.data["discrete"]:
            reasons.append("discrete elements hold at exact random points: seen, not proved; "
                           "nothing says that there are no others")
        if target is not None:
            again = _captured_again(self.data, certificate.network(), target)
            if again.wrong:
                return rejected(*again.wrong)
            reasons.append(again.said)
            settled |= again.settled
        left = left_open(self.data, settled, target is not None)
        return replace(found, reasons=tuple(reasons), left_out=left)


def _disagreements(data: Mapping[str, Any], certificate: Certificate) -> Iterator[str]:
    """Facts of derivation.json that are not those of its certificate, or of its program."""
    for name in CLAIMED:
        yield from _difference(name, data.get(name), certificate.data.get(name))
    try:
        yield from misshapen(data)
        network = certificate.network()
        yield from _difference("tensors", data["tensors"], _tensors(network))
        yield from _difference("unread_tensors", data["unread_tensors"], unread_tensors(network))
        restated = any(entry["full"] is not None for entry in data["generators"])
        if data["full_tensors"] is None and restated or (
                data["full_sizes"] is None and data["full_tensors"] is not None):
            yield "it speaks of full sizes, and names none"
        yield from _family_disagreements(data, network, certificate)
        yield from planted_disagreements(data["planted"], data["generators"], network)
    except (SymgaugeError, *MALFORMED) as error:
        yield f"the facts of derivation.json are malformed: {error!s:.200}"


def _difference(name: str, said: Any, found: Any) -> Iterator[str]:
    if text_of(said) != text_of(found):
        yield f"derivation.json says {name} = {said!r:.120}, its certificate {found!r:.120}"


def _family_disagreements(
    data: Mapping[str, Any], network: Network, certificate: Certificate
) -> Iterator[str]:
    """Statements, made anew from the certificate's vectors and the actions that are named."""
    coordinates = Coordinates(network)
    vectors, proofs = certificate.generators(network), certificate.proofs()
    finite = FiniteActions(network)
    used: list[int] = []
    families: list[Family] = []
    for entry in data["generators"]:
        numbers = list(entry["generators"])
        used += numbers
        family = _family_of(entry, coordinates, tuple(vectors[k] for k in numbers))
        mine = tuple(proofs[k] for k in numbers)
        yield from _action_disagreements(entry, family, coordinates, finite, mine)
        again = statement(Proved(family, mine), numbers, network, None)
        for key in sorted({*entry, *again} - {"full", "all_sizes"}):
            yield from _difference(f"{key} of a family", entry.get(key), again.get(key))
        if entry["full"] is not None:
            small, full = (_without_sizes(e) for e in (entry, entry["full"]))
            yield from _difference("full of a family", full, small)
        families.append(family)
    if used != list(range(len(vectors))):
        yield "the families do not name every proved vector once, in their order"
    yield from _structural_disagreements(data, families, network, certificate)
    yield from _discrete_disagreements(data["discrete"], families, network)
    yield from _note_disagreements(data, vectors, network, certificate)
    field = PrimeField(next(primes()))
    again = _structure(families, structure_constants(vectors, field).constants,
                       data["orbit_dimension"], field)
    yield from _difference("algebra", data["algebra"], again)


def _action_disagreements(
    entry: Mapping[str, Any], family: Family, coordinates: Coordinates, finite: FiniteActions,
    proofs: Sequence[Proof],
) -> Iterator[str]:
    """An action that is none, or whose derivative is not the family's proved fields."""
    reason = None if family.kind == "other" else finite.missing(family, proofs)
    if reason:
        yield f"family {entry['label']!r:.80} has no finite action: {reason}"
    if family.kind != "other" and plain_fields(coordinates, entry) != family.fields:
        yield f"the action of family {entry['label']!r:.80} is not that of its proved vectors"


def _structural_disagreements(
    data: Mapping[str, Any], families: Sequence[Family], network: Network,
    certificate: Certificate,
) -> Iterator[str]:
    """What is said to hold for all sizes, derived anew from the legs of the program."""
    together = {k for stated in certificate.families() for k in stated.generators}
    alone = [e for e in data["generators"] if not together.issuperset(e["generators"])]
    proved = {
        frozenset(f.terms.items())
        for p in (instantiate(find(network)) if alone else ()) for f in p.fields
    }
    everywhere: list[VectorField] = []
    for entry, family in zip(data["generators"], families, strict=True):
        if entry["all_sizes"] == "proved":
            everywhere += family.fields
            # a family's vectors may stand alone, where some depend on other families'
            if not together.issuperset(entry["generators"]) and not {
                    frozenset(f.terms.items()) for f in family.fields} <= proved:
                yield f"no intertwiners prove family {entry['label']!r:.80} for all sizes"
        elif entry["all_sizes"] != ("conjectured" if entry["full"] else "no"):
            yield f"all_sizes is {entry['all_sizes']!r:.20} for family {entry['label']!r:.80}"
    rank = _rank_of(network, everywhere)
    wanted = _structural(rank, data["orbit_dimension"], data["generators"])
    yield from _difference("structural", data["structural"], wanted)


def _discrete_disagreements(
    said: Sequence[Any], families: Sequence[Family], network: Network
) -> Iterator[str]:
    """Discrete elements that are not found at fresh points. None need be listed."""
    left = [text_of(entry) for entry in said]
    if len(set(left)) < len(left):
        yield "a discrete element is listed twice"
    field, rng = PrimeField(next(primes())), _fresh()
    for _ in range(TRIES):
        if not left:
            break
        found = {text_of(e) for e in discrete_symmetries(network, families, field, rng)}
        left = [text for text in left if text not in found]
    for text in left:
        yield f"the discrete element {text:.160} does not hold"


def planted_disagreements(
    said: Sequence[Any], families: Sequence[Mapping[str, Any]], network: Network
) -> Iterator[str]:
    """Planted failures that no family proposes, or that no exact point refutes."""
    proposals = {text_of(p): p for p in propose_planted(families)}
    left = [text_of(p) for p in said]
    yield from (f"no family proposes the planted failure {t:.160}" for t in left
                if t not in proposals)
    left = [text for text in left if text in proposals]
    field, rng = PrimeField(next(primes())), _fresh()
    for _ in range(TRIES if left else 0):
        found = _refutable(network, families, [proposals[t] for t in left], field, rng)
        good = {text_of(p) for p in found}
        left = [text for text in left if text not in good]
    for text in left:
        yield f"the planted failure {text:.160} is not refuted"


def _shortened(data: Mapping[str, Any], certificate: Certificate) -> set[str]:
    """Lists of the record that are true as far as they go, and shorter than what is found anew."""
    network, coordinates = certificate.network(), Coordinates(certificate.network())
    vectors = certificate.generators(network)
    families = [
        _family_of(entry, coordinates, tuple(vectors[k] for k in entry["generators"]))
        for entry in data["generators"]
    ]
    try:
        found = discrete_symmetries(network, families, PrimeField(next(primes())), _fresh())
        fewer = fewer_planted(data["planted"], data["generators"], network)
    except UndecidedError:
        return {"planted", "discrete"}
    return ({"planted"} if fewer else set()) | (
        {"discrete"} if len(found) > len(data["discrete"]) else set())


def fewer_planted(
    said: Sequence[Any], families: Sequence[Mapping[str, Any]], network: Network
) -> bool:
    """Whether wrong symmetries that exact points refute are missing: a check would see less."""
    found = _planted(network, families, PrimeField(next(primes())), _fresh())
    return not {text_of(p) for p in found} <= {text_of(p) for p in said}


def _note_disagreements(
    data: Mapping[str, Any], vectors: Sequence[VectorField], network: Network,
    certificate: Certificate,
) -> Iterator[str]:
    """The note on directions without a generator, made anew. Other notes are left open."""
    said = [note for note in data["notes"] if _counts_directions(note)]
    yield from _difference("notes", said, _implicit(data, data["implicit"]))
    if not data["implicit"] or _has_evidence(certificate.data):
        return
    read, field, rng = read_coordinates(network), PrimeField(next(primes())), _fresh()
    # few tokens that are drawn may not show all of the rank
    for _ in range(TRIES):
        found = implicit_tensors(
            network, vectors, read, certificate.cell(network), draw_tokens(network, rng),
            field, rng, data["rank"])
        if data["implicit"] == found:
            return
    yield from _difference("implicit", data["implicit"], found)


def _counts_directions(note: Any) -> bool:
    return isinstance(note, str) and " null directions are implicit" in note


def _has_evidence(certificate: Mapping[str, Any]) -> bool:
    # balls and series have a rank of their own; the tensors were found by that of residues
    return "balls" in certificate or "series" in certificate


def _settled(data: Mapping[str, Any]) -> set[str]:
    """{"implicit"} where it was made anew. A note may be missing: notes are never settled."""
    return set() if data["implicit"] and _has_evidence(data["certificate"]) else {"implicit"}


def _fresh() -> np.random.Generator:
    return np.random.default_rng(secrets.randbits(128))


def same_program(carried: Network, captured: Network) -> str | None:
    """How a program that is captured is the one that is carried; None where it is another.

    They are the same, or the same once the captured one is rewritten as `derive_network` may
    rewrite it: by identities, so that the function is the same, or with floats for roots.
    """
    said = "the network is that of the module"
    for _ in range(REWRITINGS):
        if captured.digest == carried.digest:
            return said
        if with_rounded_roots(captured).digest == carried.digest:
            return f"{said}; {ROOTS}"
        split = split_exponentials(captured)
        if split is captured:
            break
        captured, said = split, f"the network is that of the module; {SPLIT}"
    return None


@dataclass
class _Again:
    """What a second capture says of a record."""

    wrong: list[str]
    settled: set[str]
    said: str = ""


def _captured_again(data: Mapping[str, Any], network: Network, target: Target) -> _Again:
    """The target captured at its sizes, and what of the record it decides.

    Raises what `capture` raises.
    """
    from symgauge.capture import capture

    found = _Again([], about_target(data, target, "sizes"))
    module, args, kwargs = target.build()
    training = {"small": training_flags(module)}
    captured = capture(
        module, args, kwargs, output=data["output"], observable=data["observable"])
    said = same_program(network, captured.network)
    if said is None:
        found.wrong.append(f"the record's network is not that of {target.text} at these sizes")
        return found
    found.said = said.replace("the module", target.text)
    found.settled |= {"output", "observable"}
    notes = [note for note in data["notes"] if not _counts_directions(note)]
    if SPLIT in notes and SPLIT not in said:
        found.wrong.append(f"nothing is rewritten: {SPLIT!r} is not so")
    if data["full_tensors"] is not None and target.full is not None and text_of(
            data["full_sizes"]) == text_of(dict(target.full)):
        full, training["full"] = _at_full_sizes(target, data["output"], data["observable"])
        found.settled |= {"full_sizes", "full_tensors", "generators.full"}
        found.wrong += _difference("full_tensors", data["full_tensors"], _tensors(full))
        for entry in data["generators"]:
            family = family_of(entry)
            restated = None if family.kind == "other" else at_full(family, network, full)
            found.wrong += _difference("full of a family", entry["full"], restated)
    elif data["full_tensors"] is not None and data["target"] == target.text:
        found.wrong.append(f"the FULL of {target.text} is not full_sizes")
    facts = {**captured.facts, "training": training}
    for key in ABOUT:
        if key in data and key in facts:
            found.settled.add(key)
            found.wrong += _difference(key, data[key], facts[key])
    return found


def about_target(data: Mapping[str, Any], target: Target, sizes: str) -> set[str]:
    """What a record says of its target that this one says too. Others may have the same network."""
    said = {
        "name": target.name, "target": target.text, "factory": _factory(target),
        sizes: dict(target.sizes),
    }
    return {key for key, value in said.items() if text_of(data[key]) == text_of(value)}


def _family_of(
    entry: Mapping[str, Any], coordinates: Coordinates, fields: tuple[VectorField, ...]
) -> Family:
    if entry["full"] is not None:
        family_of(entry["full"])
    # what is said to hold for all sizes is derived anew below
    family = replace(family_of(entry, fields), all_sizes=entry["all_sizes"] == "proved")
    if family.kind == "other":
        moves = tuple(Move(name, "+c", None, Fraction(0)) for name in entry["tensors"])
        reached = {m.parameter for f in fields for m in touched(coordinates.network, f)}
        if not reached <= set(entry["tensors"]):
            raise ValueError(f"a family moves {', '.join(sorted(reached))}")
        return replace(family, moves=moves)
    # before any field is made: a size may be anything here
    if family.dimension != len(fields):
        raise ValueError(f"an element {entry['element']!r:.80} for {len(fields)} vectors")
    for m in family.moves:
        copies = () if m.at is None else tuple(m.at.sizes[k] for k in m.at.per)
        if copies != family.copies:
            raise ValueError(f"an element {entry['element']!r:.80} that moves {copies!r:.80}")
    return family


def _without_sizes(entry: Mapping[str, Any]) -> Any:
    """What a family's statement has in common at the small and the full sizes."""
    moves = [dict(m) for m in entry["action"]]
    for m in moves:
        if m["at"] is not None:
            m["at"] = {k: v for k, v in m["at"].items() if k not in ("start", "sizes")}
    via = [(t["parameter"], _without_sizes(t)) for t in entry.get("via", ())]
    return entry["element"]["kind"], len(entry["element"]["copies"]), moves, via


# -- deriving ------------------------------------------------------------------------------------


def derive(
    module: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    balls: bool = False,
    series: bool = False,
    progress: Progress = _silent,
) -> Derivation:
    """The gauge algebra of a torch.nn.Module on inputs of the example's shapes.

    Parameters that require grad are the coordinates; floating inputs are indeterminates, integers
    that pick rows of a table range over them, other integers are held. All floating outputs
    jointly unless `output` picks one, or a transformers output has logits. The module is changed
    while it is read (float64), and is afterwards as it was.
    `observable="probabilities"` takes log_softmax of the output over its last axis. `balls`
    certifies the rank of the Jacobian in real balls, `series` over power series: both without
    hypotheses on values.

    Raises CaptureError or UnsupportedOpError where the module cannot be read exactly, SizeError
    above an estimated 10 minutes or 8 GiB unless `force`.
    """
    from symgauge.capture import capture

    start = time.perf_counter()
    _check_module(module, force)
    progress("capture")
    captured = capture(module, args, kwargs, output=output, observable=observable)
    seconds = {"capture": time.perf_counter() - start}
    return derive_network(
        captured.network, name=name or type(module).__name__, output=output,
        observable=observable, seed=seed, force=force, balls=balls, series=series,
        progress=progress, seconds=seconds,
        said={**captured.facts, "training": {"small": training_flags(module)}},
    )


def derive_target(
    target: Target,
    *,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    balls: bool = False,
    series: bool = False,
    progress: Progress = _silent,
) -> Derivation:
    """The derivation of a TARGET at its small sizes, its families restated at the full ones."""
    from symgauge.capture import capture

    start = time.perf_counter()
    progress("capture")
    module, args, kwargs = target.build()
    _check_module(module, force)
    captured = capture(module, args, kwargs, output=output, observable=observable)
    full, notes, training = None, [], {"small": training_flags(module)}
    if target.full is not None:
        progress("capture at full size")
        try:
            full, training["full"] = _at_full_sizes(target, output, observable)
        except (TargetError, CaptureError, UnsupportedOpError) as error:
            notes = [f"the families are not restated at the full sizes: {error}"]
    seconds = {"capture": time.perf_counter() - start}
    found = derive_network(
        captured.network, name=target.name, output=output, observable=observable, seed=seed,
        force=force, balls=balls, series=series, progress=progress, seconds=seconds,
        target=target, full=full, said={**captured.facts, "training": training},
    )
    return Derivation(sealed({**found.data, "notes": [*found.data["notes"], *notes]}))


def training_flags(module: Any) -> bool | list[str]:
    """Whether all modules (True) or none (False) are in training mode, else the names of those."""
    flags = {name: part.training for name, part in module.named_modules()}
    if len(set(flags.values())) == 1:
        return bool(flags[""])
    return [name for name, training in flags.items() if training]


def _at_full_sizes(
    target: Target, output: str | int | None, observable: str
) -> tuple[Network, bool | list[str]]:
    """The program at the full sizes, for its shapes, and which modules are in training mode there.

    No weights are made.
    """
    from symgauge.capture import build_without_weights, capture

    module, args, kwargs = build_without_weights(target.at(target.full or {}), strict=True)
    training = training_flags(module)
    captured = capture(module, args, kwargs, output=output, observable=observable, meta=True)
    return captured.network, training


def _check_size(network: Network, force: bool) -> None:
    """Stop above the limits: seconds and bytes by measured constants."""
    lines = sum(prod(n.shape) for n in network.germ.nodes if not isinstance(n.leaf, Constant))
    if network.has_flows:
        lines *= RANK_ORDER**2  # a trajectory is a series of series
    _limit(network.num_coordinates, lines, force)


def _check_module(module: Any, force: bool) -> None:
    """The same limits before the capture, which takes its own time and memory."""
    # `shape` alone: a lazy parameter has none yet, and the capture says so
    named = module.named_parameters() if hasattr(module, "named_parameters") else ()
    sizes = {
        name: prod(p.shape) for name, p in named if p.requires_grad and _has_shape(p)
    }
    empty = [name for name, size in sizes.items() if not size]
    if empty:
        raise SizeError(f"parameter {empty[0]} has no entries; give sizes from 1 on")
    _limit(sum(sizes.values()), 0, force)


def _has_shape(parameter: Any) -> bool:
    """Whether a parameter is no lazy one."""
    try:
        return parameter.shape is not None
    except RuntimeError:
        return False


def _limit(total: int, lines: int, force: bool) -> None:
    seconds, size = 2e-9 * total**3 + 4e-7 * total * lines, 80.0 * total**2
    if force or (seconds <= MAX_SECONDS and size <= MAX_BYTES):
        return
    raise SizeError(
        f"{total} parameters: an exact derivation is estimated at "
        f"{seconds / 60:.3g} minutes and {size / 2**30:.3g} GiB; make it smaller with --set, "
        "or run it anyway with --force"
    )


def derive_network(
    network: Network,
    *,
    name: str,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    balls: bool = False,
    series: bool = False,
    progress: Progress = _silent,
    seconds: dict[str, float] | None = None,
    target: Target | None = None,
    full: Network | None = None,
    said: Mapping[str, Any] | None = None,
) -> Derivation:
    """The derivation of a captured network.

    `said` is what the capture says of the module: about, outputs, outputs_left_out.
    `balls` certifies the rank of the Jacobian in real balls (see `certified_in_balls`), `series`
    over power series: residues are then used to find generators alone, and nothing is assumed of
    them.
    Raises UndecidedError where rank J + rank G > P with hypotheses (one of the arithmetic is
    false) and where the arithmetic decides no branch or finds no root; InconsistentError where
    rank J + rank G > P without any.
    """
    seconds = {} if seconds is None else seconds
    _check_size(network, force)
    start = time.perf_counter()
    deriver = ExactDeriver(network, seed, progress)
    found = deriver.run()
    field, rng = deriver.field, deriver.rng
    progress("algebra")
    families, algebra = _algebra(found, field)
    seconds["derive"] = time.perf_counter() - start
    start = time.perf_counter()
    proofs = [q for p in families for q in p.proofs]
    evidence: dict[str, Any] = {}
    if balls:
        claim, minor = claim_in_balls(network, found.cell, found.orbit_dimension, rng, progress)
        evidence = {"balls": minor.to_json()}
    elif series:
        claim, curve = claim_in_series(network, found.cell, found.orbit_dimension, rng, progress)
        evidence = {"series": curve.to_json()}
    else:
        progress("hypotheses")
        tested = assumptions(network, field, rng, found.tokens, found.cell)
        assumed = at_these_durations(tested, network, proofs)
        split = split_exponentials(network) if tested.hypotheses else network
        # asked before all is derived again: another hypothesis may be the one that is left
        if split is not network and len(tested.hypotheses) > len(
            assumptions(split, field, rng, found.tokens, found.cell).hypotheses
        ):
            # exp(u + v) is no value of its own beside exp(u) and exp(v): the same function again
            with contextlib.suppress(InconsistentError):
                again = derive_network(
                    split, name=name, output=output, observable=observable, seed=seed,
                    force=force, progress=progress, seconds=seconds, target=target, full=full,
                    said=said,
                )
                return Derivation(sealed({**again.data, "notes": [*again.data["notes"], SPLIT]}))
        unread = network.num_coordinates - found.parameters
        claim = claim_of(
            network, found.parameters, unread, found.rank, found.orbit_dimension, True, assumed
        )
        better = _without_hypotheses(network, claim, found, rng, progress)
        if better is not None:
            claim, evidence = better
        if claim["inconsistent"]:
            # with a hypothesis that may be false, nothing is refuted but that hypothesis
            raise (UndecidedError if assumed.hypotheses else InconsistentError)(
                f"rank J + rank G = {found.rank} + {found.orbit_dimension} > P = "
                f"{found.parameters}: function values that the arithmetic takes as independent "
                f"are related ({'; '.join(assumed.hypotheses) or 'no open hypothesis'}); no claim "
                "is made; --balls assumes nothing of them"
            )
        rounded = with_rounded_roots(network)
        if claim["unexplained"] and not claim["hypotheses"] and rounded is not network:
            # a generator may have coefficients that are roots, which no ansatz over QQ holds
            with contextlib.suppress(InconsistentError):
                again = derive_network(
                    rounded, name=name, output=output, observable=observable, seed=seed,
                    force=force, progress=progress, seconds=seconds, target=target, full=full,
                    said=said,
                )
                if again.closed and (again.parameters, again.rank) == (
                        claim["parameters"], claim["rank"]):
                    return Derivation(
                        sealed({**again.data, "notes": [*again.data["notes"], ROOTS]}))
    vectors = [f for p in families for f in p.family.fields]
    certificate = Certificate.issue(
        network, vectors, proofs, found.cell, claim, evidence, _together(families))
    seconds["certify"] = time.perf_counter() - start
    start = time.perf_counter()
    progress("discrete symmetries")
    discrete = discrete_symmetries(network, [p.family for p in families], field, rng)
    statements, position = [], 0
    for p in families:
        numbers = list(range(position, position + len(p.family.fields)))
        position += len(numbers)
        statements.append(statement(p, numbers, network, full))
    planted = _planted(network, statements, field, rng)
    seconds["statement"] = time.perf_counter() - start
    facts = said or {
        "about": [], "outputs": [[k, str(k)] for k in range(len(network.outputs))],
        "outputs_left_out": [], "training": None,
    }
    data: dict[str, Any] = {
        "schema": SCHEMA, "name": name, "about": list(facts["about"]),
        "target": target.text if target else None, "factory": _factory(target),
        "sizes": dict(target.sizes) if target else {},
        "full_sizes": dict(target.full) if target and target.full is not None else None,
        "observable": observable, "output": output, "outputs": facts["outputs"],
        "outputs_left_out": facts["outputs_left_out"], "training": facts["training"],
        "tensors": _tensors(network), "unread_tensors": unread_tensors(network),
        "full_tensors": None if full is None else _tensors(full),
        **{k: claim[k] for k in (
            "parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained",
            "closed",
        )},
        "cells": found.cells,
        "structural": _structural(
            _rank_of(network, [
                f for p in families if p.family.all_sizes for f in p.family.fields]),
            found.orbit_dimension, statements),
        "generators": statements, "discrete": discrete, "algebra": algebra,
        "shown": claim["shown"], "hypotheses": claim["hypotheses"],
        "notes": [*found.notes, *_implicit(claim, found.implicit)], "implicit": found.implicit,
        "verdict": claim["verdict"], "scope": claim["scope"], "planted": planted,
        "certificate": certificate.to_json(), "seed": seed, "versions": _versions(),
        "seconds": {k: round(v, 4) for k, v in seconds.items()},
    }
    return Derivation(sealed(data))


def _implicit(claim: Mapping[str, Any], tensors: Sequence[str]) -> list[str]:
    """The note on null directions without a generator: as many as the claim leaves unexplained."""
    left = claim["unexplained"]
    if left <= 0:
        return []
    said = f"{left} null directions are implicit: no generator found; "
    return [said + (f"they move {', '.join(tensors)}" if tensors else
                    "each tensor alone moves as under the generators, all together do not")]


def _without_hypotheses(
    network: Network, claim: Mapping[str, Any], found: Found, rng: np.random.Generator,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The claim over power series or in real balls, where residues leave a hypothesis on values.

    For few parameters alone, and where it proves what is left; None else. A claim of residues that
    is inconsistent gives way to any other.
    """
    if not (claim["hypotheses"] or claim["inconsistent"]) or found.parameters > FEW_PARAMETERS:
        return None
    for name, way in (("series", claim_in_series), ("balls", claim_in_balls)):
        try:
            better, shown = way(network, found.cell, found.orbit_dimension, rng, progress)
        except (BadInputError, InconsistentError, ArithmeticError):
            continue
        if better["verdict"] == Verdict.PROVED.value or claim["inconsistent"]:
            return better, {name: shown.to_json()}
    return None


def _algebra(found: Found, field: PrimeField) -> tuple[list[Proved], dict[str, Any]]:
    """The smallest bracket-closed family with the found orbit rank, and what it is."""
    families = found.families
    fields = [f for p in families for f in p.family.fields]
    if not fields:
        return [], {"form": "0", "dimension": 0, "closed": True}
    kept = set(independent(fields, field))
    if len(kept) < len(fields):
        families = _thinned(found.network, families, kept)
        fields = [f for p in families for f in p.family.fields]
    closure = close(fields, field, 4 * len(fields) + 8)
    extra = closure.basis[len(fields):] if closure.constants is not None else ()
    if extra:
        prover = Prover(found.network)
        families = [*families, *(
            Proved(Family("other", (), 1, touched(found.network, f), (f,)),
                   (prover.prove(f),))
            for f in extra
        )]
    named = [p.family for p in families]
    return families, _structure(named, closure.constants, found.orbit_dimension, field)


def _structure(
    families: Sequence[Family], constants: Constants | None, orbit: int, field: PrimeField
) -> dict[str, Any]:
    """What the algebra spanned by the families is, from its structure constants."""
    total = sum(len(f.fields) for f in families)
    if not total:
        return {"form": "0", "dimension": 0, "closed": True}
    if constants is None:
        form = f"distribution of rank {orbit}, no finite-dimensional algebra claimed"
        return {"form": form, "dimension": total, "closed": False}
    blocks, position = [], 0
    for f in families:
        positions = tuple(range(position, position + len(f.fields)))
        if f.kind in MATRIX_KINDS and f.kind != "complex":
            matrices = tuple(
                {(i, j): w for i, j, w in m} for m in basis_matrices(f.kind, f.size)
            )
            one = algebra_name(replace(f, copies=()))
            blocks.append(Block(positions, one, prod(f.copies), matrices))
        else:
            blocks.append(Block(positions, "R"))
        position += len(f.fields)
    form = identify(constants, total, blocks, field)
    radical = radical_dimension(constants, total, field)
    return {"form": form, "dimension": total, "radical": radical, "closed": True}


def _together(families: Sequence[Proved]) -> list[Stated]:
    """The families that are proved as a whole, with the numbers of their generators."""
    numbers: dict[int, list[int]] = {}
    by: dict[int, Family] = {}
    position = 0
    for p in families:
        if p.by is not None:
            by[id(p.by)] = p.by
            numbers.setdefault(id(p.by), []).extend(
                range(position, position + len(p.family.fields)))
        position += len(p.family.fields)
    return [Stated(by[key], tuple(found)) for key, found in numbers.items()]


def _thinned(network: Network, families: Sequence[Proved], kept: set[int]) -> list[Proved]:
    """Families without vectors that depend linearly on earlier ones."""
    out, position = [], 0
    for p in families:
        numbers = [i for i in range(len(p.family.fields)) if position + i in kept]
        position += len(p.family.fields)
        if len(numbers) == len(p.family.fields):
            out.append(p)
        else:
            out += [
                Proved(
                    Family("other", (), 1, touched(network, p.family.fields[i]),
                           (p.family.fields[i],), all_sizes=p.family.all_sizes),
                    (p.proofs[i],), p.by,
                )
                for i in numbers
            ]
    return out


def _rank_of(network: Network, fields: Sequence[VectorField]) -> int:
    """rank G of some of the generators, at exact random points."""
    field = PrimeField(next(primes()))
    return orbit_dimension(network, fields, read_coordinates(network), field, _fresh())


def _structural(
    rank: int, orbit: int, families: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """How much of the orbit is proved for all sizes, and the families that are not."""
    rest = [f["label"] for f in families if f["all_sizes"] != "proved"]
    return {"orbit_dimension": rank, "not_structural": orbit - rank, "families": rest}


def _planted(
    network: Network, families: Sequence[Mapping[str, Any]], field: PrimeField,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Wrong symmetries for the check: each is refuted exactly at small size first."""
    proposals = propose_planted(families)
    if not proposals:
        return []
    # one pass each: of many families, every kind is still planted, on families in turn
    if len(proposals) > MAX_PLANTED:
        proposals = [
            proposals[round(i * (len(proposals) - 1) / (MAX_PLANTED - 1))]
            for i in range(MAX_PLANTED)
        ]
    return _refutable(network, families, proposals, field, rng)


def _refutable(
    network: Network, families: Sequence[Mapping[str, Any]], proposals: Sequence[dict[str, Any]],
    field: PrimeField, rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """The proposals that an exact point refutes."""
    coordinates = Coordinates(network)
    rows = jacobian_rows(network, field, rng, REFUTING)
    theta = np.concatenate(
        [rows.parameters[p.name].reshape(len(rows.rows), -1) for p in network.parameters], axis=1
    )
    kept = []
    for proposal in proposals:
        wrong = wrong_family(families[proposal["family"]], proposal["kind"])
        if wrong is not None and _refuted(coordinates, wrong, rows.rows, theta, field):
            kept.append(proposal)
    return kept


def _refuted(
    coordinates: Coordinates, wrong: Mapping[str, Any], rows: Any, theta: Any, field: PrimeField
) -> bool:
    """Whether the wrong family's generic generator has J X not 0 at exact points.

    One with the right generator differs from the right action by shifts alone: those are refuted.
    """
    if wrong.get("same_generator"):
        shifts = [m for m in wrong["action"] if m["form"] == "+c"]
        element = {**wrong["element"], "kind": "translation"}
        wrong = {**wrong, "element": element, "action": shifts}
    fields = plain_fields(coordinates, wrong)
    if fields is None:
        return False
    generator = combination(fields, [Fraction(k * k + 3 * k + 1) for k in range(len(fields))])
    moved = np.array([generator.at(t, field) for t in theta])
    return bool(field.matmul(rows[:, None, :], moved[:, :, None]).any())


def _tensors(network: Network) -> list[dict[str, Any]]:
    return [{"name": p.name, "shape": list(p.shape)} for p in network.parameters]


def _factory(target: Target | None) -> dict[str, Any] | None:
    """What the generated check rebuilds the module from."""
    if target is None:
        return None
    return {"module": target.module, "factory": target.attribute, "source": target.source}


def _versions() -> dict[str, str]:
    found = {"symgauge": __version__, "python": platform.python_version()}
    for package in ("numpy", "python-flint", "sympy", "torch"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _listing(network: Network, inside: str = "") -> list[dict[str, Any]]:
    """The program's lines for the report; those of a flow's vector field follow it."""
    symbols: list[str] = []
    lines = []
    for i, node in enumerate(network.nodes):
        if node.op is not None:
            symbols.append(f"v_{{{inside}{i}}}")
        elif isinstance(node.leaf, Constant):
            symbols.append(f"c_{{{inside}{i}}}")
        else:
            letter = r"\theta" if isinstance(node.leaf, Parameter) else "x"
            symbols.append(f"{letter}_{{{inside}{i}}}")
        latex = "" if node.op is None else node.op.latex(
            *(symbols[j] for j in node.inputs), **node.attrs
        )
        name = symbols[i].translate({ord(c): None for c in "\\_{}"})
        lines.append({"name": name, "op": node.label, "latex": latex, "shape": list(node.shape)})
        field = None if node.op is None else node.op.inner(**node.attrs)
        if field is not None:
            lines += _listing(field, f"{i}.")
    return lines


# -- files ---------------------------------------------------------------------------------------


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write to a temporary name beside the path and rename: never half a file.

    Raises BadInputError where the path cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise BadInputError(f"cannot write {path}: {error.strerror or error}") from error
        raise
