"""Small sizes that are tried one after the other: a configuration does not say what code checks.

Sizes that divide each other, images that survive their strides, windows that fit, positions that
an example fills: no field of a configuration says so. A copy is built and run, and the first that
runs is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from symgauge.hf.sizes import PART, WIDTH, fields_of, own_fields, own_name, parts_of, value_of
from symgauge.hf.stages import STAGES, Stages

#: Small sizes that some configurations want instead, of the fields that they have.
INSTEAD: tuple[Mapping[str, int], ...] = (
    {}, {"head_dim": 2}, {"head_dim": 4}, {"num_key_value_heads": 2},
    {"head_dim": 2, "num_key_value_heads": 2}, {"n_embd": 8, "n_head": 4},
    {"num_key_value_heads": 1}, {"num_hidden_layers": 2}, {"num_layers": 2},
    {"num_hidden_layers": 4}, {"num_hidden_layers": 6}, {"num_hidden_layers": 12},
    {"relative_attention_num_buckets": 32}, {"pad_token_id": 4},
    {"intermediate_size": 6}, {"ffn_dim": 6}, {"hidden_size": 6},
    {"kv_lora_rank": 4, "num_experts_per_tok": 2},
)
#: Names of the size of an image, or of the number of frames, in a configuration or an example.
EXTENT = r"(^|__)(image_size|pixels|samples|tokens|frames|max_length)$"
#: Names of the size of a patch.
PATCH = r"(^|__)patch_size$"
#: How often the extent of an example is doubled.
DOUBLINGS = 5
#: Sizes that are tried of a single field, as multiples of its small one.
MULTIPLES = (2, 4, 8)


@dataclass(frozen=True)
class Trial:
    """Sizes instead of the small ones, and how the others are made."""

    instead: Mapping[str, Any] = field(default_factory=dict)
    #: Whether token ids are the only input.
    text_alone: bool = False
    #: Whether the features of a sound stand before its frames.
    turned: bool = False
    #: Stages that lists are cut to.
    stages: int | None = STAGES
    #: Whether numbers that no rule knows are sizes as well.
    rest: bool = False


def trials(config: Any, examples: Mapping[str, int]) -> Iterator[Trial]:
    """Trials in their order; `examples` are the small extents of the example's inputs."""
    plain = own_fields(config)
    for known in INSTEAD:
        # by another name a size that was set would be another one
        instead = {own_name(config, n): v for n, v in known.items()}
        if all(n in plain or value_of(config, n) is not None for n in instead):
            for alone in (False, True):
                yield Trial(instead, alone)
                if "frames" in examples and not alone:
                    yield Trial(instead, turned=True)
    staged = _has_stages(config)
    for stages in (STAGES, 1, 3, None) if staged else (STAGES,):
        small = {**examples, **{n: size for n, _, size in fields_of(config, stages=stages)}}
        extents = {n: v for n, v in small.items() if re.search(EXTENT, n)}
        for k in range(DOUBLINGS + 1):
            yield Trial({n: _times(v, 2**k) for n, v in extents.items()}, stages=stages)
    yield from _multiples({**examples, **{n: size for n, _, size in fields_of(config)}})
    yield from _wide(config, examples) if staged else ()
    yield from _everywhere({n: size for n, _, size in fields_of(config)})


def smaller(trial: Trial) -> Iterator[Trial]:
    """What is tried beside a trial whose model runs and is large."""
    yield replace(trial, rest=True)
    for stages in (1, 2):
        for rest in (True, False):
            yield replace(trial, stages=stages, rest=rest)


def _wide(config: Any, examples: Mapping[str, int]) -> Iterator[Trial]:
    """All stages at twice their widths, images of more and more patches, which may be as they are.
    """
    for stages in (3, None):
        found = list(fields_of(config, stages=stages))
        small = {**examples, **{n: size for n, _, size in found}}
        wide = {n: _times(v, 2) for n, v in small.items() if _is_width(v)}
        extents = {n: v for n, v in small.items() if re.search(EXTENT, n)}
        patches = {n: value for n, value, _ in found if re.search(PATCH, n)}
        for kept in ({}, patches) if patches else ({},):
            for k in range(DOUBLINGS + 1):
                more = {n: _times(v, 2**k) for n, v in extents.items()}
                yield Trial({**wide, **more, **kept}, stages=stages)


def _everywhere(small: Mapping[str, object]) -> Iterator[Trial]:
    """What INSTEAD says of a field, in all parts of a configuration that have it."""
    for known in INSTEAD:
        found = {n: known[last] for n in small if (last := n.rpartition(PART)[2]) in known}
        if any(PART in n for n in found):
            yield Trial(found)


def _multiples(small: Mapping[str, object]) -> Iterator[Trial]:
    """All widths at once, then each size alone, several times as large."""
    widths = {n: v for n, v in small.items() if _is_width(v)}
    for k in MULTIPLES[:2]:
        yield Trial({n: _times(v, k) for n, v in widths.items()})
    for name, size in small.items():
        if all(type(n) is int for n in (size if isinstance(size, tuple) else (size,))):
            for k in MULTIPLES:
                yield Trial({name: _times(size or 1, k)})


def _is_width(size: object) -> bool:
    return WIDTH in (size if isinstance(size, tuple) else (size,))


def _times(size: Any, factor: int) -> Any:
    return tuple(factor * n for n in size) if isinstance(size, tuple) else factor * size


def _has_stages(config: Any) -> bool:
    return bool(Stages(own_fields(config)).lengths) or any(
        map(_has_stages, parts_of(config).values()))
