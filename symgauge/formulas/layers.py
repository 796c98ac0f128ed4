"""Layers alike are written once: the runs of formulas that repeat but for a layer's number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from symgauge.report.names import LAYER, NUMBER


class Layers(NamedTuple):
    """From which formula on formulas repeat, how many of them make a layer, the layers' numbers."""

    start: int
    period: int
    labels: tuple[str, ...]


def layer_numbers(names: Iterable[str]) -> dict[str, str]:
    """The number of the layer that a parameter is of, where several layers have one like it.

    Of several numbers in a path those alone that differ.

    >>> layer_numbers(["h.0.w", "h.1.w", "wte"])
    {'h.0.w': '0', 'h.1.w': '1'}
    >>> layer_numbers(["layers.0.experts.0.w", "layers.0.experts.1.w"])
    {'layers.0.experts.0.w': '0', 'layers.0.experts.1.w': '1'}
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(NUMBER.sub("*", name), []).append(name)
    out = {}
    for group in alike.values():
        numbers = [NUMBER.findall(name) for name in group]
        varying = [k for k, column in enumerate(zip(*numbers)) if len(set(column)) > 1]
        for name, own in zip(group, numbers):
            if varying:
                out[name] = ",".join(own[k] for k in varying)
    return out


def repeats(signatures: Sequence[str]) -> tuple[int, int, int] | None:
    """(start, period, count) of the longest run that repeats at once; None where none does.

    >>> repeats(["e", "a", "b", "a", "b", "a", "b", "y"])
    (1, 2, 3)
    """
    best: tuple[int, int, int] | None = None
    total = len(signatures)
    for period in range(1, total // 2 + 1):
        start = 0
        while start + period < total:
            stop = start
            while stop + period < total and signatures[stop] == signatures[stop + period]:
                stop += 1
            count = (stop - start) // period + 1
            if count > 1 and (best is None or count * period > best[1] * best[2]):
                best = (start, period, count)
            start = max(stop, start + 1)
    return best


def layered(letters: Sequence[str], texts: Sequence[str]) -> Layers | None:
    """The run of formulas that repeats but for a layer's number; None where none does.

    Each has its letter, and in its text the sign @k@ where it reads the k-th of them.
    """
    signs = [
        own + "=" + LAYER.sub("^{(*)}", re.sub(
            r"@(\d+)(?:,h)?@", lambda m: f"{letters[int(m[1])]}{place - int(m[1])}", text))
        for place, (own, text) in enumerate(zip(letters, texts, strict=True))]
    found = repeats(signs)
    if found is None or len({m for text in texts for m in LAYER.findall(text)}) < 2:
        return None
    start, period, count = found
    labels = []
    for b in range(count):
        seen = [m for text in texts[start + b * period:][:period] for m in LAYER.findall(text)]
        labels.append(seen[0] if seen else str(b))
    return Layers(start, period, tuple(labels))


def relettered(text: str, numbers: Mapping[str, str]) -> str:
    """The superscripts `^{(0)}` by what they are called.

    >>> relettered("W^{(0)} X^{(1)}", {"0": "l", "1": "l+1"})
    'W^{(l)} X^{(l+1)}'
    """
    return LAYER.sub(lambda m: f"^{{({numbers.get(m[1], m[1])})}}", text)
