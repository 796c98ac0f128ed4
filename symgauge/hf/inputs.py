"""What a model of transformers is fed with, by the signature of `forward`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from symgauge.errors import TargetError
from symgauge.hf.sizes import parts_of, value_of

#: What inputs are as long as, beside the configuration's own sizes: of an example at small and at
#: full sizes.
EXAMPLES = {"tokens": (3, 8), "pixels": (4, 224), "samples": (32, 4000), "frames": (8, 64)}
#: Where a configuration keeps what an image or a sound looks like.
PARTS = ("vision_config", "encoder", "audio_config", "text_config", "decoder")


def inputs_of(
    config: Any, model: type, text_alone: bool = False, turned: bool = False
) -> dict[str, str]:
    """The arguments of `forward`, as expressions in `torch`, `config` and EXAMPLES.

    With `text_alone` no image and no sound beside token ids; `turned`: features of a sound stand
    before its frames, of which no field of a configuration says whether they do.

    Raises TargetError where none is known.
    """
    known: Mapping[str, Callable[[Any], str | None]] = {
        "input_ids": _ids, "decoder_input_ids": _decoder_ids, "pixel_values": _pixels,
        "input_features": partial(_features, turned=turned), "input_values": _sound,
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


def examples_in(inputs: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Those of EXAMPLES that inputs name."""
    return {name: sizes for name, sizes in EXAMPLES.items()
            if any(re.search(rf"\b{name}\b", text) for text in inputs.values())}


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
    parts = parts_of(config)
    order = dict.fromkeys((*(p for p in PARTS if p in parts), *parts))
    for where, part in [("config", config), *((f"config.{p}", parts[p]) for p in order)]:
        if value_of(part, name) is not None:
            return where, part
    return None


def _pixels(config: Any) -> str | None:
    found = _inside(config, "image_size")
    if found is None:
        channels = _inside(config, "num_channels")
        count = f"{channels[0]}.num_channels" if channels else "3"
        return f"torch.randn(1, {count}, pixels, pixels)"
    where, part = found
    sides = f"{where}.image_size" if isinstance(part.image_size, int) else f"*{where}.image_size"
    shape = f"{sides}, {sides}" if isinstance(part.image_size, int) else sides
    count = f"{where}.num_channels" if hasattr(part, "num_channels") else "3"
    return f"torch.randn(1, {count}, {shape})"


def _features(config: Any, turned: bool) -> str | None:
    for name in ("num_mel_bins", "input_feat_per_channel", "feature_size", "input_dim",
                 "feature_projection_input_dim"):
        found = _inside(config, name)
        if found is not None and isinstance(getattr(found[1], name), int):
            where, part = found
            break
    else:
        return None
    if name != "num_mel_bins" or not hasattr(part, "max_source_positions"):
        sides = (f"{where}.{name}", "frames") if turned else ("frames", f"{where}.{name}")
        return f"torch.randn(1, {', '.join(sides)})"
    return f"torch.randn(1, {where}.num_mel_bins, 2 * {where}.max_source_positions)"


def _sound(config: Any) -> str | None:
    bins = _inside(config, "num_mel_bins")
    if bins is not None and _inside(config, "conv_stride") is None:
        frames = "max_length" if hasattr(bins[1], "max_length") else None
        return f"torch.randn(1, {f'{bins[0]}.{frames}' if frames else 'frames'}, " \
               f"{bins[0]}.num_mel_bins)"
    channels = _inside(config, "audio_channels")
    if channels is not None:
        return f"torch.randn(1, {channels[0]}.audio_channels, samples)"
    return "torch.randn(1, samples)"
