"""A second capture of a target: what of a record it decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgauge.identities.written_out import written_out
from symgauge.derivation.buffers import orders_with_buffers, wrong_orders
from symgauge.derivation.facts import at_full_sizes, factory_of, tensors_of, training_flags
from symgauge.derivation.notes import ROOTS, SPLIT, counts_directions
from symgauge.points.rounded_roots import with_rounded_roots
from symgauge.derivation.record import DerivationRecord, difference_of
from symgauge.derivation.seal import ABOUT, SealedRecord
from symgauge.statements.at_full import at_full
from symgauge.program.network import Network
from symgauge.program.recentred import recentred
from symgauge.program.serial import digest_of
from symgauge.records import plain, text_of

if TYPE_CHECKING:
    from symgauge.capture.target import Target

#: Rewritings that are tried, one after another.
REWRITINGS = 4


def same_program(carried: Network, captured: Network) -> str | None:
    """How a program that is captured is the one that is carried; None where it is another.

    They are the same, or the same once the captured one is rewritten as `derive_network` may
    rewrite it: by identities, so that the function is the same, or with floats for roots.
    """
    said = "the network is that of the module"
    for _ in range(REWRITINGS):
        if digest_of(captured) == digest_of(carried):
            return said
        if digest_of(with_rounded_roots(captured)) == digest_of(carried):
            return f"{said}; {ROOTS}"
        split = written_out(captured)
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


def captured_again(record: DerivationRecord, target: Target) -> _Again:
    """The target captured at its sizes, and what of the record it decides.

    Raises what `capture` raises.
    """
    from symgauge.capture import capture

    found = _Again([], about_target(record, target))
    network, by = record.network(), "the captured module"
    module, args, kwargs = target.build()
    training = {"small": training_flags(module)}
    captured = capture(
        module, args, kwargs, output=record.output, observable=record.observable)
    said = same_program(network, recentred(captured.network).network)
    if said is None:
        found.wrong.append(f"the record's network is not that of {target.text} at these sizes")
        return found
    found.said = said.replace("the module", target.text)
    found.settled |= {"output", "observable"}
    notes = [note for note in record.notes if not counts_directions(note)]
    if SPLIT in notes and SPLIT not in said:
        found.wrong.append(f"nothing is rewritten: {SPLIT!r} is not so")
    if record.full_tensors is not None and target.full is not None and text_of(
            record.full_sizes) == text_of(dict(target.full)):
        full, training["full"] = at_full_sizes(target, record.output, record.observable)
        found.settled |= {"full_sizes", "full_tensors", "generators.full"}
        found.wrong += difference_of(
            "full_tensors", plain(record.full_tensors), plain(tensors_of(full)), by)
        for entry in record.generators:
            family = entry.family()
            restated = None if not family.kind.is_finite else at_full(family, network, full)
            found.wrong += difference_of(
                "full of a family", plain(entry.full), plain(restated), by)
    elif record.full_tensors is not None and record.target == target.text:
        found.wrong.append(f"the FULL of {target.text} is not full_sizes")
    if record.with_buffers is not None:
        here = orders_with_buffers(target, record.output, record.observable, module)
        found.wrong += wrong_orders(record.with_buffers, here, target.text)
        found.settled.add("with_buffers")
    facts = {**captured.facts, "training": training}
    for key in ABOUT:
        found.settled.add(key)
        found.wrong += difference_of(key, plain(getattr(record, key)), facts[key], by)
    return found


def about_target(record: SealedRecord, target: Target) -> set[str]:
    """What a record says of its target that this one says too. Others may have the same network."""
    said = {
        "name": target.name, "target": target.text, "factory": plain(factory_of(target)),
        "sizes": dict(target.sizes),
    }
    return {k for k, found in said.items() if text_of(plain(getattr(record, k))) == text_of(found)}
