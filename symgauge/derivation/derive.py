"""From a module, a target or a captured network to its derivation."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from symgauge.certify.certificate import Certificate
from symgauge.certify.claim import at_these_durations, claim_of
from symgauge.certify.evidence.residues import assumptions
from symgauge.certify.upgrade import claim_in_balls, claim_in_series
from symgauge.derivation.algebra import closed_algebra, families_together, rank_of, structural_part
from symgauge.derivation.exponents import split_exponentials
from symgauge.derivation.facts import (
    at_full_sizes, factory_of, tensors_of, training_flags, versions,
)
from symgauge.derivation.limits import check_module, check_size
from symgauge.derivation.notes import ROOTS, SPLIT, implicit_note
from symgauge.derivation.planted import plant
from symgauge.derivation.record import SCHEMA, Derivation
from symgauge.derivation.rounded_roots import with_rounded_roots
from symgauge.derivation.seal import sealed
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.exact import ExactDeriver, Found
from symgauge.derivers.statement import statement
from symgauge.errors import (
    BadInputError, CaptureError, InconsistentError, TargetError, UndecidedError, UnsupportedOpError,
)
from symgauge.points.unread import unread_tensors
from symgauge.program.network import Network
from symgauge.progress import Progress, silent
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target

#: Parameters up to which power series and balls are tried where residues leave a hypothesis.
FEW_PARAMETERS = 32


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
    progress: Progress = silent,
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
    check_module(module, force)
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
    progress: Progress = silent,
) -> Derivation:
    """The derivation of a TARGET at its small sizes, its families restated at the full ones."""
    from symgauge.capture import capture

    start = time.perf_counter()
    progress("capture")
    module, args, kwargs = target.build()
    check_module(module, force)
    captured = capture(module, args, kwargs, output=output, observable=observable)
    full, notes, training = None, [], {"small": training_flags(module)}
    if target.full is not None:
        progress("capture at full size")
        try:
            full, training["full"] = at_full_sizes(target, output, observable)
        except (TargetError, CaptureError, UnsupportedOpError) as error:
            notes = [f"the families are not restated at the full sizes: {error}"]
    seconds = {"capture": time.perf_counter() - start}
    found = derive_network(
        captured.network, name=target.name, output=output, observable=observable, seed=seed,
        force=force, balls=balls, series=series, progress=progress, seconds=seconds,
        target=target, full=full, said={**captured.facts, "training": training},
    )
    return Derivation(sealed({**found.data, "notes": [*found.data["notes"], *notes]}))


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
    progress: Progress = silent,
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
    check_size(network, force)
    start = time.perf_counter()
    deriver = ExactDeriver(network, seed, progress)
    found = deriver.run()
    field, rng = deriver.field, deriver.rng
    progress("algebra")
    families, algebra = closed_algebra(found, field)
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
        network, vectors, proofs, found.cell, claim, evidence, families_together(families))
    seconds["certify"] = time.perf_counter() - start
    start = time.perf_counter()
    progress("discrete symmetries")
    discrete = discrete_symmetries(network, [p.family for p in families], field, rng)
    statements, position = [], 0
    for p in families:
        numbers = list(range(position, position + len(p.family.fields)))
        position += len(numbers)
        statements.append(statement(p, numbers, network, full))
    planted = plant(network, statements, field, rng)
    seconds["statement"] = time.perf_counter() - start
    facts = said or {
        "about": [], "outputs": [[k, str(k)] for k in range(len(network.outputs))],
        "outputs_left_out": [], "training": None,
    }
    data: dict[str, Any] = {
        "schema": SCHEMA, "name": name, "about": list(facts["about"]),
        "target": target.text if target else None, "factory": factory_of(target),
        "sizes": dict(target.sizes) if target else {},
        "full_sizes": dict(target.full) if target and target.full is not None else None,
        "observable": observable, "output": output, "outputs": facts["outputs"],
        "outputs_left_out": facts["outputs_left_out"], "training": facts["training"],
        "tensors": tensors_of(network), "unread_tensors": unread_tensors(network),
        "full_tensors": None if full is None else tensors_of(full),
        **{k: claim[k] for k in (
            "parameters", "unread", "rank", "redundancy", "orbit_dimension", "unexplained",
            "closed",
        )},
        "cells": found.cells,
        "structural": structural_part(
            rank_of(network, [
                f for p in families if p.family.all_sizes for f in p.family.fields]),
            found.orbit_dimension, statements),
        "generators": statements, "discrete": discrete, "algebra": algebra,
        "shown": claim["shown"], "hypotheses": claim["hypotheses"],
        "notes": [*found.notes, *implicit_note(claim, found.implicit)], "implicit": found.implicit,
        "verdict": claim["verdict"], "scope": claim["scope"], "planted": planted,
        "certificate": certificate.to_json(), "seed": seed, "versions": versions(),
        "seconds": {k: round(v, 4) for k, v in seconds.items()},
    }
    return Derivation(sealed(data))


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
