"""What a statement about a module is about, in plain sentences: said before everything else."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symgauge.capture.reader import Reader

#: Names of one kind that are listed; of more, how many there are.
LISTED = 4


def about(module: torch.nn.Module, reader: Reader) -> tuple[str, ...]:
    """Outputs, tokens and held inputs, the mode, buffers, frozen parameters, constants."""
    said = [reader.chosen.sentence]
    if reader.reading.observable != "logits":
        said.append(f"{reader.reading.observable}: log_softmax of each over its last axis")
    for name, classes in reader.leaves.token_places.items():
        limited = name in reader.reading.limits
        said.append(f"token ids {name} range over 0 to {classes - 1}" + (
            ", the ids that every table has a row for" if limited else ""))
    said += [*reader.held, *reader.build.notes]
    said.append(_mode(module))
    read = reader.leaves.held_buffers
    buffers = [n for n, _ in module.named_buffers() if n in read]
    frozen = [n for n, p in module.named_parameters() if not p.requires_grad]
    for kind, names in (("buffers", buffers), ("parameters without gradient", frozen)):
        if names:
            said.append(f"{kind} held at their values: {_few(names)}")
    if reader.leaves.constants:
        said.append(
            f"held at their values: {reader.leaves.constants} tensors that are neither parameters "
            "nor buffers")
    return tuple(said)


def _mode(module: torch.nn.Module) -> str:
    """The modes of the module and of its parts, where they differ."""
    words = {True: "training mode", False: "evaluation mode"}
    other = [n for n, m in module.named_modules() if m.training != module.training]
    rest = f", but for {_few(other)} in {words[not module.training]}" if other else ""
    return words[module.training] + rest


def _few(names: Sequence[str]) -> str:
    listed = ", ".join(names[:LISTED])
    return listed if len(names) <= LISTED else f"{listed} and {len(names) - LISTED} more"
