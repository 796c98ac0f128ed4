"""A record of facts bound by a digest of its own, and which of them verify leaves open.

`verify` decides what follows from the program that the record carries. What only the module, a
clock or the search can tell is printed under its verdict, by name: whatever is not named as
decided is left open, a key that nobody knows included.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from symgauge.program.serial import canonical_digest

#: What a statement is about, beside its program: what a capture tells, under the same names.
ABOUT = ("about", "outputs", "outputs_left_out", "training")

_MODULE = "only the module tells; --target captures it again"
_HISTORY = "how it was derived; nothing is read from it"
_FULL = "restated at the full sizes; --target TARGET with its FULL captures those too"
OBSERVABLES = ("logits", "probabilities")
#: Why a fact is left open.
REASONS: Mapping[str, str] = {
    **dict.fromkeys(
        ("name", "target", "factory", "sizes", "small_sizes", "observable", "output", *ABOUT),
        _MODULE),
    **dict.fromkeys(("full_sizes", "full_tensors", "generators.full"), _FULL),
    **dict.fromkeys(("seed", "versions", "seconds"), _HISTORY),
    "cells": "what the search tried; the certificate has the cell that was taken",
    "notes": "what the search or the capture met; the program does not tell",
    "planted": "wrong symmetries that are refuted here are missing: the check sees less",
    "discrete": "elements that hold here are missing",
}
UNKNOWN_KEY = "nothing here decides it"
#: Why a fact is left open where a target was captured again.
OTHERWISE = "the target that was captured again says another, or does not say"


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with the digest that binds them all."""
    rest = {key: value for key, value in facts.items() if key != "digest"}
    return {**rest, "digest": canonical_digest(rest)}


def edited(facts: Mapping[str, Any]) -> str | None:
    """What to say where the digest is not that of the facts; None where it is."""
    try:
        if sealed(facts)["digest"] == facts.get("digest"):
            return None
    except (TypeError, ValueError, RecursionError) as error:
        return f"this is no JSON data: {error}"
    return "the record was edited after its digest was made"


def misshapen(facts: Mapping[str, Any]) -> Iterator[str]:
    """Facts that no program settles and that are not even of their kind, as sentences."""
    texts, none = (str,), (type(None),)
    kinds: Mapping[str, tuple[type, ...]] = {
        "name": texts, "target": (*texts, *none), "factory": (dict, *none), "sizes": (dict,),
        "small_sizes": (dict,), "full_sizes": (dict, *none), "output": (str, int, *none),
        "notes": (list,), "versions": (dict,), "seconds": (dict,),
    }
    for key, kind in kinds.items():
        if key in facts and not isinstance(facts[key], kind):
            yield f"{key} is {facts[key]!r:.80}"
    if facts["observable"] not in OBSERVABLES:
        yield f"observable is {facts['observable']!r:.80}"
    factory = facts["factory"]
    if isinstance(factory, dict) and set(factory) != {"module", "factory", "source"}:
        yield "factory is none"
    if not all(isinstance(note, str) for note in facts.get("notes", ())):
        yield "a note is no text"


def left_open(
    facts: Mapping[str, Any], decided: Collection[str], captured: bool = False
) -> tuple[str, ...]:
    """"name: reason" for each fact that is not decided, the restatements of families included.

    `captured`: a target was captured again, and did not decide it.

    >>> left_open({"rank": 3, "sizes": {"width": 2}, "colour": "red"}, {"rank"})
    ('sizes: only the module tells; --target captures it again', 'colour: nothing here decides it')
    """
    names = [key for key in facts if key not in decided]
    restated = any(
        isinstance(g, Mapping) and g.get("full") is not None for g in facts.get("generators") or ())
    if restated and "generators.full" not in decided:
        names.append("generators.full")

    def reason(name: str) -> str:
        said = REASONS.get(name, UNKNOWN_KEY)
        return OTHERWISE if captured and said in (_MODULE, _FULL) else said

    return tuple(f"{name}: {reason(name)}" for name in names)


def text_of(value: Any) -> str:
    """Plain data as text, tuples as lists: 1 and true are equal in Python, different in JSON."""
    return json.dumps(value, sort_keys=True)
