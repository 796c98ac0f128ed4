"""What a model of transformers is fed with, by the signature of `forward`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from symgauge.errors import TargetError

#: Where a configuration keeps what an image or a sound looks like.
PARTS = ("vision_config", "encoder", "audio_config", "text_config", "decoder")


def inputs_of(config: Any, model: type, text_alone: bool = False) -> dict[str, str]:
    """The arguments of `forward`, as expressions in `torch`, `config` and `tokens`.

    With `text_alone` no image and no sound beside token ids.

    Raises TargetError where none is known.
    """
    known: Mapping[str, Callable[[Any], str | None]] = {
        "input_ids": _ids, "decoder_input_ids": _decoder_ids, "pixel_values": _pixels,
        "input_features": _features, "input_values": _sound,
    }
    taken = inspect.signature(model.forward).parameters  # type: ignore[attr-defined]
    found = {
        name: text for name, make in known.items()
        if name in taken and (text := make(config))
    }
    if text_alone and "input_ids" in found:
        found = {name: text for name, text in found.items() if name.endswith("input_ids")}
    if not found:
        raise TargetError(
            f"{model.__name__} takes {', '.join(list(taken)[1:6])}: no example of its inputs is "
            "known; write a factory that returns (model, args, kwargs)")
    # those that only pass it on name the cache itself
    passed = any(x.kind is x.VAR_KEYWORD for x in taken.values()) and "past_key_values" in taken
    if "use_cache" in taken or passed:
        found["use_cache"] = "False"
    return found


def vocabulary(config: Any) -> str | None:
    """Where the size of the vocabulary stands, parts of the configuration by dots."""
    for place in ("", "text_config.", "decoder."):
        part = getattr(config, place[:-1], None) if place else config
        # None: left to the user, and set at small sizes
        if isinstance(getattr(part, "vocab_size", ""), (int, type(None))):
            return f"{place}vocab_size"
    return None


def _ids(config: Any) -> str | None:
    size = vocabulary(config)
    return size and f"torch.arange(tokens)[None] % config.{size}"


def _decoder_ids(config: Any) -> str | None:
    return _ids(config) if getattr(config, "is_encoder_decoder", False) else None


def _inside(config: Any, name: str) -> tuple[str, Any] | None:
    for where, part in [("config", config), *(
            (f"config.{p}", getattr(config, p)) for p in PARTS if hasattr(config, p))]:
        if getattr(part, name, None) is not None:
            return where, part
    return None


def _pixels(config: Any) -> str | None:
    found = _inside(config, "image_size")
    if found is None:
        return None
    where, part = found
    sides = f"{where}.image_size" if isinstance(part.image_size, int) else f"*{where}.image_size"
    shape = f"{sides}, {sides}" if isinstance(part.image_size, int) else sides
    channels = f"{where}.num_channels" if hasattr(part, "num_channels") else "3"
    return f"torch.randn(1, {channels}, {shape})"


def _features(config: Any) -> str | None:
    found = _inside(config, "num_mel_bins")
    if found is None:
        return None
    where, part = found
    frames = f"2 * {where}.max_source_positions" if hasattr(
        part, "max_source_positions") else "8"
    return f"torch.randn(1, {where}.num_mel_bins, {frames})"


def _sound(config: Any) -> str | None:
    return "torch.randn(1, 400)" if _inside(config, "conv_stride") else None
