"""A second capture of a target: what of a record it decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgauge.statements.rewritings import SPLIT, VALUES, same_program
from symgauge.statements.buffers import orders_with_buffers, wrong_orders
from symgauge.derivation.facts import at_full_sizes, factory_of, tensors_of, training_flags
from symgauge.statements.notes import counts_directions
from symgauge.derivation.record import DerivationRecord, difference_of
from symgauge.derivation.seal import ABOUT, SealedRecord
from symgauge.statements.at_full import at_full
from symgauge.program.recentred import recentred
from symgauge.records import plain, text_of

if TYPE_CHECKING:
    from symgauge.capture.target import Target


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
    found.wrong += [f"nothing is rewritten: {note!r} is not so" for note in (SPLIT, VALUES)
                    if note in notes and note not in said]
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
