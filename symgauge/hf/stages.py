"""Sizes that other fields decide: lists with an entry for each stage, images, multiples of widths.

A list whose name says that it holds depths, widths or heads tells how many stages there are; every
list of that length (kernels, strides, ratios) is one of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Names of lists of sizes, and what their entries become at most.
LISTS: tuple[tuple[str, int], ...] = (
    (r"(^|_)(depths?|layers|num_blocks|blocks|block_repeats)$", 1),
    (r"(^|_)(heads?|key_dim)$", 2),
    (r"(hidden_sizes?|channels|conv_dim|dims?|filters|widths|embed_dims?|tdnn_dim)$", 4),
)
#: Names of the number of stages, and of lists that are of something else.
COUNT = r"(stages|blocks|layers)$"
OTHERS = r"token|(image|patch|window|pool)_size$|types?$|^_|labels"
#: Sizes of images and patches, which may be two numbers, and what they become; windows of images.
SIDES, IMAGE, WINDOW = {"image_size": 4, "patch_size": 2}, "image_size", "window_size"
#: Names of numbers that all widths are multiplied by, and what they become: 1280 channels are 4. A
#: width of MADE is written as it is after that.
FACTORS, NARROW, MADE = r"^(width_coefficient|(width|depth)_multiplier)$", 1 / 320, "hidden_dim"
#: Stages of a small model: two, so that there is a step from one to the next.
STAGES = 2


class Stages:
    """The lists of a configuration by its plain fields, cut to `count` stages; None: all."""

    def __init__(self, plain: Mapping[str, object], count: int | None = STAGES) -> None:
        self.lists: dict[str, Any] = {
            n: v for n, v in plain.items()
            if _is_list(v) and (not re.search(OTHERS, n) or _has_flags(v))}
        #: How many stages there are: one number, or more where lists belong to different parts.
        self.lengths = {len(v) for n, v in self.lists.items() if len(v) > 1 and _entry(n)}
        self.count, self.has_images = count, IMAGE in plain
        factors = (v for n, v in plain.items() if re.search(FACTORS, n) and isinstance(v, float))
        self.factor = next(factors, None)

    def small(self, name: str, value: Any) -> Any:
        """The small size of a field, where other fields decide it; else None."""
        if re.search(FACTORS, name) and isinstance(value, float):
            return NARROW
        if name == MADE and self.factor and isinstance(value, int):
            return max(1, round(value * NARROW / self.factor))
        if name == WINDOW and self.has_images and isinstance(value, int):
            return min(2, value)
        if name in SIDES and _is_list(value):
            return tuple(min(SIDES[name], n) for n in value)
        if type(value) is int and value in self.lengths and re.search(COUNT, name):
            return value if self.count is None else min(self.count, value)
        if name not in self.lists or len(value) not in self.lengths or not _is_plain(value):
            return None
        entry = _entry(name)
        if self.count and _has_flags(value):
            return (*value[:self.count - 1], value[-1])  # what the last stage alone has
        return tuple(
            min(entry, x) if entry is not None and isinstance(x, int) else x
            for x in value[:self.count])

    def cut(self, name: str, value: object) -> str | None:
        """The list by whose length a list of lists is cut; None where it is none of the stages'."""
        if name not in self.lists or _is_plain(value) or len(self.lists[name]) not in self.lengths:
            return None
        same = [n for n, v in self.lists.items()
                if _is_plain(v) and len(v) == len(self.lists[name])]
        return same[0] if same else None


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0


def _has_flags(value: Any) -> bool:
    return all(isinstance(x, bool) for x in value)


def _is_plain(value: Any) -> bool:
    return all(x is None or isinstance(x, (bool, int, float, str)) for x in value)


def _entry(name: str) -> int | None:
    return next((size for pattern, size in LISTS if re.search(pattern, name)), None)
