"""A loaded model of transformers: its inputs, made from its configuration."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from symgauge.capture.given import given
from symgauge.errors import CaptureError
from symgauge.hf.inputs import EXAMPLES, examples_in, inputs_of


def is_model(module: Any) -> bool:
    """Whether the module is a model of transformers, which is imported by whoever made it."""
    transformers = sys.modules.get("transformers")
    return transformers is not None and isinstance(module, transformers.PreTrainedModel)


def example(model: Any) -> dict[str, Any]:
    """Inputs of a loaded model, caches off.

    Raises CaptureError in training mode, TargetError where no example of its inputs is known.
    """
    if model.training:
        raise CaptureError(
            f"the model ({type(model).__name__}) is in training mode; call .eval() on it first")
    # of a loaded model the tokens are as few as of a small one; an image is as large as it comes
    names = {
        "torch": torch, "config": model.config,
        **{n: few if n == "tokens" else many for n, (few, many) in EXAMPLES.items()}}
    found: list[dict[str, Any]] = []
    for turned in (False, True):
        texts = inputs_of(model.config, type(model), turned=turned)
        found.append({name: eval(text, names) for name, text in texts.items()})  # our own text
        if "frames" not in examples_in(texts) or _runs(model, found[-1]):
            return found[-1]
    return found[0]


def _runs(model: Any, inputs: Mapping[str, object]) -> bool:
    try:
        with torch.no_grad():
            model(**inputs)
    except Exception:  # what is wrong is said where it is captured
        return False
    return True


def with_example(
    module: Any, args: Sequence[Any], kwargs: Mapping[str, object] | None, observable: str
) -> tuple[tuple[Any, ...], dict[str, Any], bool]:
    """The inputs that a verb is given; of a loaded model without any its own, and whether so.

    Raises BadInputError where one of the four is of another kind, and as `example`.
    """
    own_args, own_kwargs = given(module, args, kwargs, observable)
    loaded = not own_args and not own_kwargs and is_model(module)
    return own_args, example(module) if loaded else own_kwargs, loaded
