"""How far outputs differ: entry by entry, each held against the floor of its own.

An entry of an output is one number at one of the inputs; a channel is an index of its last axis, at
all inputs. A change of a small entry is not hidden by large ones beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

#: Outputs for each of the inputs.
Outputs = Sequence[Sequence[Tensor]]
#: One number for each entry of outputs, in their order.
Entries = list[Tensor]
#: In units of an entry: what float64 itself rounds.
ROUNDING = 1e-15
#: The share of its row's and channel's floors that an entry's floor has at least.
LOWEST = 0.1
#: A floor from this share of a channel on leaves nothing of it to be seen.
UNRESOLVED = 0.5


def change(one: Outputs, two: Outputs) -> Entries:
    """|two - one| of each entry; 0 where both hold one infinity, NaN where that cannot be said."""
    return [
        torch.where(a == b, 0.0, (a - b).abs()).where(a.isfinite() == b.isfinite(), torch.nan)
        for a, b in zip(_flat(one), _flat(two), strict=True)]


def largest(several: Iterable[Entries]) -> Entries:
    """The largest of each entry; NaN where one is."""
    found: Entries = []
    for entries in several:
        found = [
            torch.maximum(a, b) for a, b in zip(found, entries, strict=True)
        ] if found else entries
    return found


def rounding(outputs: Outputs) -> Entries:
    """What float64 rounds of each entry."""
    return [ROUNDING * torch.where(x.isfinite(), x, 0.0).abs() for x in _flat(outputs)]


def smoothed(floor: Entries) -> Entries:
    """A floor without entries that a few draws left small by accident.

    An entry keeps its own unless it is far below most of its row and most of its channel too.
    """
    return [torch.maximum(x, LOWEST * torch.minimum(_most(x, -1), _most(
        x.reshape(-1, x.shape[-1]), 0).expand(x.shape))) if x.ndim > 1 and x.numel() else x
        for x in floor]


def _most(x: Tensor, axis: int) -> Tensor:
    """What three quarters along an axis are above."""
    return x.kthvalue(1 + x.shape[axis] // 4 if x.shape[axis] > 1 else 1, axis, True).values


def excess(changes: Entries, floor: Entries) -> float:
    """The largest change of an entry in units of its floor; NaN where an entry is not finite."""
    worst = 0.0
    for a, b in zip(changes, floor, strict=True):
        if not (a.isfinite().all() and b.isfinite().all()):
            return float("nan")
        if a.numel():
            worst = max(worst, float(torch.where(a > 0, a / b, 0.0).max()))
    return worst


def excess_of_channels(changes: Entries, floor: Entries, outputs: Outputs) -> float:
    """The largest change in a channel in units of the largest floor in it."""
    return max((
        float(torch.where(tops > 0, tops / most, 0.0).max()) for (tops, _), (most, _) in zip(
            _channels(changes, outputs), _channels(floor, outputs), strict=True)
        if tops.numel()), default=0.0)


def clear(changes: Entries, floor: Entries, times: float) -> Entries:
    """The changes of entries that are larger than so many times their floor, else 0."""
    return [torch.where(a > times * b, a, 0.0) for a, b in zip(changes, floor, strict=True)]


def resolved(changes: Entries, floor: Entries, outputs: Outputs) -> Entries:
    """The changes in channels that rounding leaves to be seen, else 0."""
    seen = [tops < UNRESOLVED * sizes for tops, sizes in _channels(floor, outputs)]
    return [torch.where(seen[k % len(seen)], x, 0.0) for k, x in enumerate(changes)]


def follows(drift: Outputs, part: Outputs, base: Outputs, floor: Entries) -> float:
    """How much of part - base there is in drift - base, each entry in units of its floor.

    1 where that is what the drift consists of, beside rounding; 0 where something else undoes it.
    """
    total = size = 0.0
    for a, b, c, unit in zip(_flat(drift), _flat(part), _flat(base), floor, strict=True):
        one, two = (torch.where(unit > 0, (x - c) / unit, 0.0).nan_to_num() for x in (a, b))
        total, size = total + float((one * two).sum()), size + float((two * two).sum())
    return total / size if size else 0.0


def share(changes: Entries, outputs: Outputs) -> float:
    """The largest change over the largest entry of its channel; NaN where one is not finite."""
    worst = 0.0
    for tops, sizes in _channels(changes, outputs):
        if not tops.isfinite().all():
            return float("nan")
        if tops.numel():
            worst = max(worst, float(torch.where(tops > 0, tops / sizes, 0.0).max()))
    return worst


def distance(one: Outputs, two: Outputs) -> float:
    """The largest change of an output over the largest entry of its channel."""
    return share(change(one, two), one)


def silent(floor: Entries, outputs: Outputs) -> list[Tensor]:
    """For each output the channels of one number at all inputs, whatever rounding does."""
    varies = [_varies(x, first) for one in outputs for x, first in zip(one, outputs[0])]
    return [
        (tops <= 2 * ROUNDING * sizes) & (other <= 0) for (tops, sizes), (other, _) in zip(
            _channels(floor, outputs), _channels(varies, outputs), strict=True)]


def _varies(x: Tensor, first: Tensor) -> Tensor:
    """1 where an entry is another than the first of its channel, or masked by infinity; else 0."""
    if not x.ndim or x.shape[-1:] != first.shape[-1:] or not first.numel():
        return (x != first).double() if x.shape == first.shape else torch.ones_like(x)
    row = first.reshape(-1, first.shape[-1])[0]
    return ((x != row) | ~row.isfinite()).double()


def _channels(changes: Entries, outputs: Outputs) -> Iterable[tuple[Tensor, Tensor]]:
    """For each output the largest change in each channel, and the largest finite entry."""
    count = len(outputs[0]) if outputs else 0
    for k in range(count):
        tops = [_over_rows(x) for x in changes[k::count]]
        sizes = [_over_rows(torch.where(x[k].isfinite(), x[k], 0.0).abs()) for x in outputs]
        if len({x.shape for x in tops}) > 1:  # lengths that go with the inputs
            tops, sizes = ([x.max().reshape(1) for x in y] for y in (tops, sizes))
        yield torch.stack(tops).amax(0), torch.stack(sizes).amax(0)


def _over_rows(x: Tensor) -> Tensor:
    rows = x.reshape(-1, x.shape[-1]) if x.ndim and x.numel() else x.reshape(1, -1)
    return rows.amax(0)


def _flat(outputs: Outputs) -> Entries:
    return [x.double() for one in outputs for x in one]
