"""class FullDerivation: the gauge group of a model of any size, proved by intertwiners.

No weight is allocated and no rank is taken: what is proved holds for every size of the legs, and
is a lower bound on the redundancy. The generated check acts on every layer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from symgauge.completeness.complete import Completeness, completeness
from symgauge.certify.verification import MALFORMED, Verification, rejected
from symgauge.derivation.again import about_target
from symgauge.statements.buffers import orders_of, orders_with_buffers, wrong_orders
from symgauge.derivation.facts import factory_of, tensors_of, training_flags, versions
from symgauge.checks.refuted import fewer_planted, plant, planted_disagreements
from symgauge.derivation.seal import ABOUT, SealedRecord, edited, sealed
from symgauge.statements.dimension import dimension, independent, polynomial
from symgauge.derivers.element import Found
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.statements.statement import stated_order, structural_statement
from symgauge.derivers.orders import orders
from symgauge.derivers.structural import find
from symgauge.errors import BadInputError, CaptureError, SymgaugeError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.parts import of_whole
from symgauge.families.statement import FullOrder, FullStatement, ProofLine
from symgauge.formulas.reading import Reading
from symgauge.lie.naming import space, tally
from symgauge.ops import all_ops
from symgauge.plain import PlainFamily
from symgauge.points.reads import readable_network
from symgauge.program.network import Network
from symgauge.program.outline import UNCOMPARED, from_outline, outline, outline_digest
from symgauge.program.serial import network_to_json
from symgauge.progress import Progress, silent
from symgauge.proof.intertwiners.lines import proof_lines
from symgauge.records import plain, text_of
from symgauge.report.full_size import document
from symgauge.report.listed import shown
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture import Captured
    from symgauge.capture.target import Target

#: What `verify` derives anew from the two programs.
DERIVED = (
    "tensors", "parameters", "dimension", "polynomial", "symbols", "orbit_dimension", "stabiliser",
    "generators", "small", "algebra", "verdict", "scope", "completeness", "discrete",
)
DECIDED = ("schema", "digest", "program", "planted", *DERIVED)
SCOPE = (
    "sound for every size of the legs of this graph, by lemmas that no layer's number enters; a "
    "lower bound on the redundancy: what is proved of other symmetries, `completeness` says"
)


#: Parameters up to which a module is built with weights, to be compared with its network.
COMPARED = 2_000_000


@dataclass(frozen=True, kw_only=True)
class FullDerivation(SealedRecord):
    """The facts of `full.json`: what holds at every size of the legs of a program."""

    SCHEMA: ClassVar[str] = "symgauge-full/1"
    AGAIN: ClassVar[str] = "derive again with --full"
    SUBTITLE: ClassVar[str] = ", for all sizes"

    #: The sizes at which the check plants its failures.
    small_sizes: Mapping[str, Any]
    #: P, all coordinates.
    parameters: int
    #: The dimension of the algebra.
    dimension: int
    #: The same as a formula in named sizes.
    polynomial: str
    #: The values of the named sizes, and what each is the size of.
    symbols: Mapping[str, Any]
    #: The dimension of the orbits; None where it is not known.
    orbit_dimension: int | None
    #: Why the dimension of the orbits is not known, if so.
    stabiliser: str | None
    #: The families at the full sizes.
    generators: tuple[FullStatement, ...]
    #: The families at the small sizes.
    small: tuple[FullStatement, ...]
    #: The name of the Lie algebra.
    algebra: str
    #: PROVED: each family by intertwiners.
    verdict: Verdict
    #: What holds, and that it is a lower bound.
    scope: str
    #: For which sizes these are all symmetries there are: the sweep from the outputs down.
    completeness: Completeness
    #: Permutations, proved for every size and never said to be all; None in records from before.
    discrete: tuple[FullOrder, ...] | None = None
    #: Those that move buffers along, and name them.
    with_buffers: tuple[FullOrder, ...] | None = None
    #: The program without its weights (see `outline`), and the one at the small sizes.
    program: Mapping[str, Any]
    small_program: Mapping[str, Any]

    def __repr__(self) -> str:
        return (f"FullDerivation({self.name}: P={self.parameters}, dimension={self.dimension}, "
                f"{self.verdict.value})")

    def programs(self) -> tuple[Network, Network]:
        """The program at the full sizes and the one at the small sizes.

        Raises BadInputError where one is malformed.
        """
        ops = all_ops()
        small = readable_network(self.small_program, ops)
        if text_of(network_to_json(small)) != text_of(self.small_program):
            raise BadInputError("the small program carries data that no capture writes")
        return from_outline(self.program, ops), small

    def verify(self, target: Target | None = None) -> Verification:
        """Derive the families, their proofs and the dimension anew from the programs it carries.

        The same code derives that did so before: an edit shows, an error of that code does not.
        The sizes, the outputs and the program at the small sizes are the module's: they are decided
        where `target` is given, which is captured again, else they are in `left_out`.
        """
        changed = edited(self.plain())
        wrong = [changed] if changed else list(_disagreements(self))
        if wrong:
            return rejected(*wrong)
        reasons = [
            f"{len(self.generators)} families proved by intertwiners, dimension "
            f"{self.dimension} counted, both anew from the program"]
        settled = set(DECIDED)
        if target is None and not self.with_buffers:
            settled.add("with_buffers")  # nothing is said
        if fewer_planted(plain(self.planted), plain(self.small), self.programs()[1]):
            settled.remove("planted")
        if target is not None:
            wrong, decided = _captured_again(self, target)
            if wrong:
                return rejected(*wrong)
            settled |= decided
            reasons.append(f"the network is that of {target.text}, at both sizes")
        left = self.left_open(settled, captured=target is not None)
        return Verification(Verdict.PROVED, tuple(reasons), (), self.scope, left)

    def to_latex(self, *, fragment: bool = False, appendix: bool = False) -> str:
        """A LaTeX article: the group, one derivation for each kind of family, the dimension.

        `fragment`: its body alone, to paste into a paper; a comment names the packages. `appendix`:
        with the proofs as the machine has them, line by line.
        """
        data = self.data
        reading = Reading(self.programs()[0], self.generators).plain(shown(data["generators"]))
        return document({**data, "reading": reading}, fragment, appendix)

    def check_text(self) -> str:
        """The text of the generated PyTorch check, of the small sizes and of these."""
        return self.check_of(
            {"small": self.small_sizes, "full": self.sizes}, _paired(self.small, self.generators))


def derive_full(
    target: Target, small: Target, *, output: str | int | None = None,
    observable: str = "logits", progress: Progress = silent,
) -> FullDerivation:
    """The group of a TARGET at its own sizes; `small` is the same factory at small sizes.

    The small sizes serve the check: wrong symmetries are planted that are refuted there exactly.
    Up to COMPARED parameters the module is built with weights and compared with its network.
    """
    from symgauge.capture import capture

    seconds: dict[str, float] = {}

    def clock(stage: str, since: float) -> float:
        seconds[stage] = round(time.perf_counter() - since, 4)
        return time.perf_counter()

    start = time.perf_counter()
    captured, mode = _read(target, output, observable, progress)
    network = captured.network
    start = clock("capture", start)
    found = find(network, progress)
    start = clock("derive", start)
    generators = statements(found)
    start = clock("statement", start)
    progress("small sizes, for the check")
    built = small.build()
    training = {"small": training_flags(built[0]), "full": mode}
    little = capture(*built, output=output, observable=observable)
    if little.through_closures and UNCOMPARED in captured.about:
        raise CaptureError(
            f"parameter {little.through_closures[0]} is read through a variable that holds it, "
            "which cannot be followed without weights; read it as an attribute of its module"
        )
    here = little.network
    few = statements(find(here))
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    planted = plant(here, plain(few), field, rng)
    clock("small", start)
    return FullDerivation.from_plain(sealed(plain({
        "schema": FullDerivation.SCHEMA, "name": target.name, **captured.facts,
        "target": target.text or None, "factory": factory_of(target), "sizes": target.sizes,
        "small_sizes": small.sizes, "observable": observable, "output": output,
        "training": training,
        **_facts(found, generators, captured.about), "small": few,
        "with_buffers": _orders(captured, target, output, observable),
        "planted": planted, "program": outline(network), "small_program": network_to_json(here),
        "versions": versions(), "seconds": seconds,
    })))


def _read(
    target: Target, output: str | int | None, observable: str, progress: Progress = silent
) -> tuple[Captured, bool | list[str]]:
    """The target at its own sizes, without weights above COMPARED parameters, and its mode."""
    from symgauge.capture import build_without_weights, capture, capture_with_statistics
    from symgauge.capture.module import check_parameters

    progress("module")
    module, args, kwargs = build_without_weights(target)
    check_parameters(module)
    meta = sum(p.numel() for p in module.parameters()) > COMPARED
    if not meta:
        module, args, kwargs = target.build()
    training = training_flags(module)
    progress("graph")
    if meta:
        return capture_with_statistics(module, args, kwargs, output, observable), training
    return capture(module, args, kwargs, output=output, observable=observable), training


def _orders(
    captured: Captured, target: Target, output: str | int | None, observable: str
) -> tuple[FullOrder, ...]:
    """The permutations that move buffers: without weights the module was read with them too."""
    if UNCOMPARED in captured.about:
        return orders_of(captured)
    return orders_with_buffers(target, output, observable)


def _facts(
    found: Found, generators: Sequence[FullStatement], about: Sequence[str]
) -> dict[str, Any]:
    """What follows from the program at the full sizes, and from what the statement is about."""
    network = found.network
    total, reason = dimension(found), generic_stabiliser(found)
    formula, symbols = polynomial(found)
    shapes = {p.name: p.shape for p in network.parameters}
    return {
        "tensors": tensors_of(network), "parameters": network.num_coordinates, "dimension": total,
        "polynomial": formula, "symbols": symbols,
        "orbit_dimension": total if reason is None else None, "stabiliser": reason,
        "generators": generators, "algebra": algebra_text(generators),
        "verdict": Verdict.PROVED, "completeness": completeness(network, found),
        "scope": "; ".join([SCOPE, *(s for s in about if s == UNCOMPARED), *network.held]),
        "discrete": [stated_order(one, found.parts, shapes) for one in orders(found)],
    }


def _disagreements(record: FullDerivation) -> Iterator[str]:
    """Facts of full.json that are not those of its programs, derived anew."""
    try:
        network, here = record.programs()
        found = find(network)
        anew = {**_facts(found, statements(found), record.about), "small": statements(find(here))}
        for key in DERIVED:
            said = plain(getattr(record, key))
            if key == "discrete" and said is None:
                continue
            if text_of(said) != text_of(plain(anew[key])):
                yield f"full.json says another {key} than its program: {said!r:.120}"
        yield from planted_disagreements(plain(record.planted), plain(record.small), here)
    except (SymgaugeError, *MALFORMED) as error:
        yield f"the facts of full.json are malformed: {error!s:.200}"


def _captured_again(record: FullDerivation, target: Target) -> tuple[list[str], set[str]]:
    """What is wrong with the target captured at both sizes, and what of the record it decides.

    Raises what `capture` raises.
    """
    from symgauge.capture import capture

    little = target.at(record.small_sizes)
    built = little.build()
    small = capture(*built, output=record.output, observable=record.observable)
    again, training = _read(target, record.output, record.observable)
    here = f"of {target.text} at these sizes"
    wrong = []
    if outline_digest(again.network) != outline_digest(record.programs()[0]):
        wrong.append(f"the network is not that {here}")
    if text_of(network_to_json(small.network)) != text_of(record.small_program):
        wrong.append(f"the network at the small sizes is not that {here}")
    settled = {"output", "observable", "small_program", *about_target(record, target)}
    if record.with_buffers is not None:
        orders_here = _orders(again, target, record.output, record.observable)
        wrong += wrong_orders(record.with_buffers, orders_here, target.text)
        settled.add("with_buffers")
    if text_of(dict(little.sizes)) == text_of(record.small_sizes):
        settled.add("small_sizes")
    facts = {
        **again.facts, "training": {"small": training_flags(built[0]), "full": training}}
    for key in ABOUT:
        settled.add(key)
        if text_of(plain(getattr(record, key))) != text_of(facts[key]):
            wrong.append(f"{key} is not that {here}")
    return wrong, settled


def statements(found: Found) -> list[FullStatement]:
    """The families' entries, those that add nothing to the others left out."""
    shapes = {p.name: p.shape for p in found.network.parameters}
    kept, _ = independent(found.sliced, found.families)
    out, proved = [], set()
    own = [(s, found.structure) for s, _ in found.slices]
    for s, structure in (*own, *((s, found.sliced) for s in kept)):
        entry = structural_statement(of_whole(s.family, found.parts), shapes)
        if entry.class_ not in proved:
            # layers alike are proved alike: one table stands for all
            proved.add(entry.class_)
            lines = tuple(
                ProofLine(node=f"v{line.node}", op=line.op, variation=line.variation)
                for line in proof_lines(s.on or structure, s.steps, s.family.kind))
            entry = replace(entry, proof=replace(entry.proof, lines=lines))
        out.append(entry)
    return out


def algebra_text(generators: Sequence[FullStatement]) -> str:
    """The algebra's parts, equal ones together: gl(64,R)^144 + so(768) + R^9216."""
    parts: list[str] = []
    for g in generators:
        kind, copies = g.element.kind, prod(g.element.copies)
        one = kind.algebra(g.element.size, 1)
        parts += [space(g.dimension)] if kind.is_vector else [one] * copies
    return tally(parts)


def _paired(
    few: Sequence[FullStatement], generators: Sequence[FullStatement]
) -> list[PlainFamily]:
    """Families of both sizes as the check has them: small ones with their full form, if any.

    The small ones come first and in their order; a family of other layers has the full size alone.
    """
    left = list(generators)
    matches: list[FullStatement | None] = [None] * len(few)
    for same_copies in (True, False):  # one group at a small size may be several at the full one
        for i, entry in enumerate(few):
            if matches[i] is None:
                matches[i] = next((g for g in left if _alike(entry, g, same_copies)), None)
                left = [g for g in left if g is not matches[i]]
    both, alone = [f.entry() for f in few], [g.entry() for g in left]
    for family, match in zip(both, matches):
        family["full"] = None
        if match is not None:
            said = match.entry()
            family["full"] = {
                "label": said["label"], "class": said["class"], "element": said["element"],
                "action": said["action"], "via": said["via"],
            }
    for family in alone:
        family["at"] = "full"
    return both + alone


def _alike(a: FullStatement, b: FullStatement, same_copies: bool) -> bool:
    forms = [{(m.form, m.parameter) for m in x.action} for x in (a, b)]
    via = [{t.parameter for t in x.via} for x in (a, b)]
    if same_copies and len(a.element.copies) != len(b.element.copies):
        return False
    return a.element.kind == b.element.kind and forms[0] <= forms[1] and via[0] <= via[1]
