"""What commands are given: targets, derivation.json, full.json."""

from __future__ import annotations

import argparse
import contextlib
import importlib.machinery
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from symgauge.cli.options import sizes_of
from symgauge.errors import BadInputError, InconsistentError, TargetError
from symgauge.plain import Sizes
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.equivalence.algebra import EquivalenceAlgebra
    from symgauge.capture.target import Target
    from symgauge.derivation.full import FullDerivation
    from symgauge.derivation.derivation import Derivation
    from symgauge.program.network import Network
    from symgauge.progress import Progress


def require_place(text: str) -> None:
    """Raise TargetError where a TARGET's name leads nowhere, before torch is imported (seconds)."""
    from symgauge.zoo import require

    place, colon, _ = text.rpartition(":")
    if text.startswith("hf:") or (Path(text) / "config.json").is_file():
        return
    if not colon:
        require(text)
    elif place.endswith(".py"):
        if not Path(place).is_file():
            raise TargetError(f"{text}: there is no file {place}")
    elif importlib.machinery.PathFinder.find_spec(place.partition(".")[0], ["", *sys.path]) is None:
        raise TargetError(
            f"{text}: there is no module {place.partition('.')[0]!r} here or among the installed "
            "ones")


def target_of(text: str, pairs: Sequence[str], full: bool = False) -> Target:
    """The target of that name, at the sizes that --set gives; `full`: they are of the full ones."""
    settings = sizes_of(pairs)
    require_place(text)
    if is_of_configuration(text):
        from symgauge.hf.target import load_hf

        return load_hf(text, settings, full)
    from symgauge.capture import load_target
    from symgauge.zoo import load

    return load_target(text, load, settings)


def is_of_configuration(text: str) -> bool:
    """Whether a target is a model of transformers, by its name or by the folder of one."""
    try:
        from symgauge.hf.target import is_hf
        from symgauge.zoo import names
    except ImportError as error:
        raise BadInputError(
            f"this command needs torch ({error}); install symgauge[torch]"
        ) from error
    return text not in names() and is_hf(text)


def network_of(target: Target, options: argparse.Namespace, progress: Progress) -> Network:
    """The program of a target, read without weights, with the output that the options name."""
    from symgauge.capture import build_without_weights, capture

    module, args, kwargs = build_without_weights(target, strict=options.full)
    progress("graph")
    return capture(
        module, args, kwargs, output=options.output, observable=options.observable, meta=True
    ).network


def target_again(text: str, sizes: Sizes) -> Target:
    """The target of a record, at its sizes."""
    here = target_of(text, [])
    # of a configuration any field may have been set: its target has it as a size then
    pairs = [f"{name}={value}" for name, value in sizes.items() if name not in here.sizes]
    if not pairs:
        return here.at(sizes)
    return target_of(text, pairs).at(sizes)


def text_of(path: str) -> str:
    """The text of a file. Raises BadInputError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"cannot read {path}: {error}") from error


def read_derivation(path: str) -> Derivation:
    """A derivation.json."""
    from symgauge.derivation.derivation import Derivation

    return Derivation.from_json(text_of(path))


def _schema_of(text: str) -> object:
    """The schema that a JSON record names; None where it is none."""
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(text)
        if isinstance(data, dict):
            return data.get("schema")
    return None


def read_record(path: str) -> Derivation | FullDerivation:
    """A derivation.json or a full.json."""
    from symgauge.derivation.full import FullDerivation
    from symgauge.derivation.derivation import Derivation

    text = text_of(path)
    kind = FullDerivation if _schema_of(text) == FullDerivation.SCHEMA else Derivation
    return kind.from_json(text)


def read_equivalence(path: str) -> EquivalenceAlgebra | None:
    """What `equivalence --json` printed; None where the file is none of these."""
    from symgauge.equivalence.algebra import EquivalenceAlgebra

    text = text_of(path)
    return EquivalenceAlgebra.from_json(text) if (
        _schema_of(text) == EquivalenceAlgebra.SCHEMA) else None


def require_intact(derivation: Derivation | FullDerivation, path: str) -> None:
    """Raise InconsistentError where the derivation is rejected by `verify`."""
    result = derivation.verify()
    if result.verdict is Verdict.REFUTED:
        raise InconsistentError(f"{path} does not verify: {result.reasons[0]}; derive again")


def named_target(options: argparse.Namespace) -> Target:
    """The TARGET of a command that may be given a derivation.json or full.json for it."""
    if not options.target.endswith(".json"):
        return target_of(options.target, options.set)
    record = read_record(options.target)
    if options.set or options.output or options.observable != "logits":
        raise BadInputError(
            "--set, --output and --observable belong to a TARGET, not to a derivation.json")
    options.output, options.observable = record.output, record.observable
    return target_of_record(record, options.target)


def target_of_record(record: Derivation | FullDerivation, path: str) -> Target:
    """The target that a record was derived from. Raises BadInputError where it was a module."""
    if record.target is None:
        raise BadInputError(
            f"{path} was derived from a module in Python, which cannot be built again: "
            "give a TARGET")
    return target_again(record.target, record.sizes)
