"""Which outputs of a module a statement is about: the only place of the rule.

All floating outputs jointly, unless one is asked for; of a transformers ModelOutput that has
logits (`logits`, `logits_per_image`) those alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils import _pytree as pytree

from symgauge.errors import CaptureError


@dataclass(frozen=True)
class Output:
    """One tensor that a module returns: its place among the leaves, its name, its kind."""

    index: int
    name: str
    floating: bool
    #: Whether it depends on a parameter or an input.
    live: bool


@dataclass(frozen=True)
class Chosen:
    """The outputs that are looked at, and the names of those that are not."""

    outputs: tuple[Output, ...]
    left_out: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is looked at, and what is not."""
        names = ", ".join(x.name for x in self.outputs)
        several = len(self.outputs) > 1
        said = f"outputs {names}, jointly" if several else f"output {names}"
        return said + (f"; not looked at: {', '.join(self.left_out)}" if self.left_out else "")


def output_names(program: Any, count: int) -> list[str]:
    """The path of each output leaf: keys, fields and numbers joined by dots, or its number."""
    try:
        spec = program.call_spec.out_spec
        dummy = pytree.tree_unflatten(list(range(count)), spec)
        paths = pytree.tree_flatten_with_path(dummy)[0]
        names = {leaf: path_name(path) for path, leaf in paths if path}
        return [names.get(i, str(i)) for i in range(count)]
    except Exception:
        return [str(i) for i in range(count)]


def path_name(path: Iterable[Any]) -> str:
    """A path in a tree of outputs: keys, fields and numbers joined by dots."""
    return ".".join(map(_step, path))


def _step(key: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def is_model_output(program: Any) -> bool:
    """Whether the module returns a ModelOutput, by its class; transformers is not imported."""
    found = sys.modules.get("transformers.utils.generic")
    kind = getattr(found, "ModelOutput", None)
    returned = getattr(program.call_spec.out_spec, "type", None)
    return kind is not None and isinstance(returned, type) and issubclass(returned, kind)


def choose(
    found: Sequence[Output], wanted: str | int | None, model_output: bool
) -> Chosen:
    """The rule. Raises CaptureError where nothing, or no floating output, is left."""
    if not any(x.live and x.floating for x in found):
        raise CaptureError("no output depends on a parameter or a floating input")
    picked = [x for x in found if x.live and x.floating]
    if wanted is not None:
        picked = _named(found, str(wanted))
    elif model_output:
        picked = [x for x in picked if x.name.startswith("logits")] or picked
    chosen = {x.index for x in picked}
    return Chosen(tuple(picked), tuple(x.name for x in found if x.index not in chosen))


def _named(found: Sequence[Output], wanted: str) -> list[Output]:
    """The output of a name, of a number, or those whose names begin with it."""
    picked = (
        [x for x in found if x.name == wanted]
        or [x for x in found if wanted.isdigit() and x.index == int(wanted)]
        or [x for x in found if x.name.startswith(f"{wanted}.")]
    )
    if not picked:
        names = ", ".join(x.name for x in found)
        raise CaptureError(f"no output {wanted!r}; the outputs are {names}")
    for x in picked:
        if not x.floating:
            raise CaptureError(f"output {x.name!r} holds no floating numbers; give another one")
        if not x.live:
            raise CaptureError(f"output {x.name!r} depends on no parameter and no floating input")
    return picked
