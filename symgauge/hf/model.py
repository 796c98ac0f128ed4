"""A loaded model of transformers: its inputs, made from its configuration."""

from __future__ import annotations

import sys
from typing import Any

import torch

from symgauge.errors import CaptureError
from symgauge.hf.inputs import inputs_of
from symgauge.hf.source import TOKENS


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
    names = {"torch": torch, "config": model.config, "tokens": TOKENS}
    return {
        name: eval(text, names)  # our own text
        for name, text in inputs_of(model.config, type(model)).items()
    }
