"""From a module, a target or a captured network to its derivation."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.certificate import Certificate
from symgauge.certify.claim import Claim, at_these_durations, claim_of
from symgauge.certify.evidence import all_evidence
from symgauge.certify.evidence.kind import Evidence
from symgauge.certify.evidence.residues import assumptions
from symgauge.statements.rewritings import SPLIT, WHERE_SOME_ARE_LEFT
from symgauge.certify.upgrade import claim_by
from symgauge.derivation.agreement import stated_family
from symgauge.derivation.algebra import closed_algebra, rank_of, structural_part
from symgauge.derivation.derivation import Derivation
from symgauge.identities.written_out import written_out
from symgauge.statements.buffers import orders_with_buffers
from symgauge.derivation.facts import (
    at_full_sizes, factory_of, tensors_of, training_flags, versions,
)
from symgauge.derivation.invariants import records_of
from symgauge.points.limits import check_module, check_size
from symgauge.derivation.larger import Sized, said_of_larger, without_accidents
from symgauge.statements.notes import implicit_note
from symgauge.checks.refuted import plant
from symgauge.derivation.record import SCHEMA
from symgauge.derivation.seal import sealed
from symgauge.derivation.shown import Search, Shown, with_free_line
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.exact import ExactDeriver, Found
from symgauge.statements.statement import statement
from symgauge.errors import (
    BadInputError, CaptureError, InconsistentError, TargetError, UndecidedError, UnsupportedOpError,
)
from symgauge.families.coordinates import Coordinates
from symgauge.families.statement import FullOrder
from symgauge.points.unread import unread_tensors
from symgauge.program.network import Network
from symgauge.program.recentred import recentred
from symgauge.progress import Progress, silent
from symgauge.records import plain
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target


@dataclass(frozen=True)
class Asked:
    """What is asked of a derivation, and what is known of the module beside its network.

    `evidence` is the name of the kind that is to show the rank of the Jacobian ("balls",
    "series"): residues are then used to find generators alone, and nothing is assumed of them.
    `said` is what the capture says of the module: about, outputs, outputs_left_out, training.
    """

    name: str
    output: str | int | None = None
    observable: str = "logits"
    seed: int = 0
    force: bool = False
    evidence: str | None = None
    progress: Progress = silent
    target: Target | None = None
    #: The network at the full sizes, where families are restated.
    full: Network | None = None
    said: Mapping[str, Any] | None = None
    #: Permutations that move buffers along; None where no TARGET tells of them.
    with_buffers: tuple[FullOrder, ...] | None = None
    #: Proofs line by line where they are quick, beside those by intertwiners.
    by_lines: bool = True


def derive_target(
    target: Target,
    *,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    evidence: str | None = None,
    progress: Progress = silent,
) -> Derivation:
    """The derivation of a TARGET at its small sizes, its families restated at the full ones.

    `target` is what `symgauge.capture.load_target(text, {})` returns, or `load_hf` of
    `symgauge.hf.target`; its record, unlike that of `derive`, writes a check (`write_check`).
    `evidence`: "balls" or "series", or residues where it is None. The others are as in `derive`.
    Raises TargetError where the factory fails, CaptureError or UnsupportedOpError where the module
    cannot be read exactly, SizeError above an estimated 10 minutes or 8 GiB unless `force`,
    InconsistentError where rank J + rank G > P.

    >>> from symgauge import capture, zoo
    >>> derive_target(capture.load_target("mlp", zoo.load, {"hidden_features": "2"})).redundancy
    2
    """
    start = time.perf_counter()
    asked = Asked(target.name, output, observable, seed, force, evidence, progress)
    made = partial(captured_target, asked=asked)
    sized = made(target) if target.chose else without_accidents(made(target), made)
    target, notes, full = sized.target, list(sized.notes), None
    training = {"small": sized.said["training"]}
    if target.full is not None:
        progress("capture at full size")
        try:
            full, training["full"] = at_full_sizes(target, output, observable)
        except (TargetError, CaptureError, UnsupportedOpError) as error:
            notes.append(f"the families are not restated at the full sizes: {error}")
    progress("buffers")
    asked = replace(
        asked, target=target, full=full, said={**sized.said, "training": training},
        with_buffers=orders_with_buffers(target, output, observable, sized.module))
    seconds = {"capture": time.perf_counter() - start}
    found = derive_network(sized.deriver.network, asked, seconds, sized.deriver)
    if found.unexplained > 0 and target.chose:
        notes += said_of_larger(sized, made)
    return _noted(found, *notes)


def captured_target(target: Target, asked: Asked) -> Sized:
    """A target at its sizes, captured, nothing derived yet. Raises as `derive_target`."""
    from symgauge.capture import capture

    asked.progress("capture")
    module, args, kwargs = target.build()
    check_module(module, asked.force)
    captured = capture(
        module, args, kwargs, output=asked.output, observable=asked.observable)
    check_size(captured.network, asked.force)
    return Sized(
        target, {**captured.facts, "training": training_flags(module)},
        _deriver(recentred(captured.network).network, asked), module)


def claim_of_target(
    target: Target, *, output: str | int | None = None, observable: str = "logits", seed: int = 0
) -> Claim:
    """What `derive_target` claims of a TARGET at its sizes, without the record.

    Families are proved by intertwiners where a derivation proves each field line by line too.
    Raises as `derive_target`.
    """
    asked = Asked(target.name, output, observable, seed, by_lines=False)
    deriver = captured_target(target, asked).deriver
    return _shown(deriver.network, asked, {}, deriver).claim


def derive_network(
    network: Network, asked: Asked, seconds: dict[str, float] | None = None,
    deriver: ExactDeriver | None = None,
) -> Derivation:
    """The derivation of a captured network, by its deriver where there is one already.

    A parameter w that is read as u + w alone has u + w for its coordinates: what is over that, too,
    moves by Laurent polynomials.

    Raises UndecidedError where rank J + rank G > P with hypotheses (one of the arithmetic is
    false) and where the arithmetic decides no branch or finds no root; InconsistentError where
    rank J + rank G > P without any.
    """
    seconds = {} if seconds is None else seconds
    shown = with_free_line(
        _shown(network, asked, seconds, deriver), lambda other: _shown(other, asked, {}))
    start, search = time.perf_counter(), shown.search
    certificate = shown.certificate()
    seconds["certify"] += time.perf_counter() - start
    return _noted(_stated(search, certificate, asked, seconds), *shown.notes)


def _shown(
    network: Network, asked: Asked, seconds: dict[str, float], deriver: ExactDeriver | None = None
) -> Shown:
    """Families, claim and evidence of a captured network. Raises as `derive_network`."""
    check_size(network, asked.force)
    network = recentred(network).network
    start = time.perf_counter()
    search = _searched(deriver or _deriver(network, asked), asked)
    seconds["derive"] = time.perf_counter() - start
    start = time.perf_counter()
    found, orbit = search.found, search.found.orbit_dimension
    if asked.evidence is not None:
        shown = Shown(search, *claim_by(
            asked.evidence, network, found.cell, orbit, search.rng, asked.progress))
    else:
        asked.progress("hypotheses")
        tested = assumptions(network, search.field, search.rng, found.tokens, found.cell)
        instead = _with_identities(search, tested, asked, seconds)
        if instead is None:
            shown = Shown(search, *_by_residues(search, tested, asked.progress))
            instead = _rewritten(search, shown.claim, asked, seconds)
        if instead is not None:
            return instead
    seconds["certify"] = time.perf_counter() - start
    return shown


def _deriver(network: Network, asked: Asked) -> ExactDeriver:
    return ExactDeriver(network, asked.seed, asked.progress, asked.by_lines)


def _searched(deriver: ExactDeriver, asked: Asked) -> Search:
    found = deriver.run()
    asked.progress("algebra")
    families, algebra = closed_algebra(found, deriver.field)
    return Search(deriver.network, found, families, algebra, deriver.field, deriver.rng)


def _with_identities(
    search: Search, tested: Assumptions, asked: Asked, seconds: dict[str, float]
) -> Shown | None:
    """What is shown of the same function with its functions of sums and products written out.

    exp(u + v) is no value of its own beside exp(u) and exp(v). None where a hypothesis is left
    that this does not spare.
    """
    network, found = search.network, search.found
    written = written_out(network) if tested.hypotheses else network
    # asked before all is derived again: another hypothesis may be the one that is left
    if written is network or len(tested.hypotheses) <= len(
            assumptions(written, search.field, search.rng, found.tokens, found.cell).hypotheses):
        return None
    with contextlib.suppress(InconsistentError):
        return _shown(written, asked, seconds).noted(SPLIT)
    return None


def _by_residues(
    search: Search, tested: Assumptions, progress: Progress
) -> tuple[Claim, Evidence | None]:
    """The claim of residues, or a better one, and its evidence beside them.

    Raises UndecidedError or InconsistentError where it is inconsistent.
    """
    network, found = search.network, search.found
    assumed = at_these_durations(tested, network, search.proofs)
    claim = claim_of(network, found.rank, found.orbit_dimension, assumed)
    better = _without_hypotheses(network, claim, found, search.rng, progress)
    claim, evidence = (claim, None) if better is None else better
    if claim.inconsistent:
        # with a hypothesis that may be false, nothing is refuted but that hypothesis
        raise (UndecidedError if assumed.hypotheses else InconsistentError)(
            f"rank J + rank G = {found.rank} + {found.orbit_dimension} > P = "
            f"{found.parameters}: function values that the arithmetic takes as independent "
            f"are related ({'; '.join(assumed.hypotheses) or 'no open hypothesis'}); no claim "
            "is made; --balls assumes nothing of them"
        )
    return claim, evidence


def _rewritten(
    search: Search, claim: Claim, asked: Asked, seconds: dict[str, float]
) -> Shown | None:
    """What is shown of the network rewritten, where it closes and J has the same rank.

    With floats for roots of constants: a generator may have coefficients that are such roots, which
    no ansatz over QQ holds. By identities, where they spare functions: it may hold by
    sin 2u = 2 sin u cos u, which no proof knows. In values exp(c) of parameters: it may be a
    polynomial in these. Generators that are written out come before fields by minors.
    """
    if not (claim.unexplained or claim.by_minors) or claim.hypotheses:
        return None
    for rewrite, said in WHERE_SOME_ARE_LEFT:
        network = rewrite(search.network)
        if network is search.network:
            continue
        with contextlib.suppress(InconsistentError):
            again = _shown(network, asked, seconds)
            more = not claim.closed or again.claim.orbit_dimension > claim.orbit_dimension
            if again.claim.closed and more and (
                    again.claim.parameters, again.claim.rank) == (claim.parameters, claim.rank):
                return again.noted(said)
    return None


def _noted(derivation: Derivation, *notes: str) -> Derivation:
    if not notes:
        return derivation
    return replace(derivation, notes=(*derivation.notes, *notes)).sealed()


def _stated(
    search: Search, certificate: Certificate, asked: Asked, seconds: dict[str, float]
) -> Derivation:
    """The record: what is asked, what is found, and its certificate."""
    start = time.perf_counter()
    network, found, families = search.network, search.found, search.families
    coordinates = Coordinates(network)
    target, full = asked.target, asked.full
    asked.progress("discrete symmetries")
    discrete = discrete_symmetries(
        network, [p.family for p in families], search.field, search.rng)
    statements, position = [], 0
    for p in families:
        numbers = list(range(position, position + len(p.family.fields)))
        position += len(numbers)
        statements.append(statement(p, numbers, network, full))
    entries = plain(statements)
    planted = plant(network, entries, search.field, search.rng)
    everywhere = [p for p in families if p.family.all_sizes]
    structural = found.orbit_dimension if len(everywhere) == len(families) else rank_of(
        network, [f for p in everywhere for f in p.family.fields])
    seconds["statement"] = time.perf_counter() - start
    facts = asked.said or {
        "about": [], "outputs": [[k, str(k)] for k in range(len(network.outputs))],
        "outputs_left_out": [], "training": None,
    }
    return Derivation.from_plain(sealed({
        "schema": SCHEMA, "name": asked.name, **facts,
        "target": target.text if target else None, "factory": plain(factory_of(target)),
        "sizes": dict(target.sizes) if target else {},
        "full_sizes": dict(target.full) if target and target.full is not None else None,
        "observable": asked.observable, "output": asked.output,
        "tensors": plain(tensors_of(network)), "unread_tensors": unread_tensors(network),
        "full_tensors": None if full is None else plain(tensors_of(full)),
        "cells": found.cells,
        "structural": structural_part(structural, found.orbit_dimension, entries),
        "generators": entries, "discrete": discrete,
        **({} if asked.with_buffers is None else {"with_buffers": plain(asked.with_buffers)}),
        "algebra": search.algebra,
        # of the families as they are stated: verify has no others
        **records_of(network, [
            stated_family(s, coordinates, tuple(p.family.fields))
            for s, p in zip(statements, families, strict=True)
        ], [f for p in families for f in p.family.fields], certificate.claim, search.rng),
        "notes": [*found.notes, *implicit_note(certificate.claim, found.implicit)],
        "implicit": found.implicit, "planted": planted, "certificate": certificate.to_json(),
        "seed": asked.seed, "versions": versions(),
        "seconds": {k: round(v, 4) for k, v in seconds.items()},
    }))


def tried_unasked(parameters: int, unexplained: int) -> list[str]:
    """The evidence that is tried where residues leave a hypothesis, first to last."""
    return [n for n, kind in all_evidence().items() if kind.unasked(parameters, unexplained)]


def _without_hypotheses(
    network: Network, claim: Claim, found: Found, rng: np.random.Generator, progress: Progress
) -> tuple[Claim, Evidence] | None:
    """The claim by other evidence, where residues leave a hypothesis on values.

    Where it proves what is left; or shows less than they claim, and so a redundancy that no false
    hypothesis made too small; None else. A claim of residues that is inconsistent gives way to any
    other.
    """
    if not (claim.hypotheses or claim.inconsistent):
        return None
    less: tuple[Claim, Evidence] | None = None
    for name in tried_unasked(found.parameters, claim.unexplained):
        try:
            better, evidence = claim_by(
                name, network, found.cell, found.orbit_dimension, rng, progress)
        except (BadInputError, InconsistentError, ArithmeticError):
            continue
        if better.verdict is Verdict.PROVED or claim.inconsistent:
            return better, evidence
        if better.rank < claim.rank and (less is None or better.rank > less[0].rank):
            less = better, evidence
    return less
