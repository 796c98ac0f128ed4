"""A special point on a residual stream: each summand writes a few coordinates of its own.

The sources of what a summand writes, as the values of a head or hidden units, are shared out among
the coordinates of its window, each to one of them: so few that no rank of the summand is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from symgauge.points.draw import Draw
from symgauge.points.rank import draw_theta, rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.stream import Places, Stream, Summand, Window, writers
from symgauge.program.array import Array


def special_point(stream: Stream, draw: Draw) -> dict[str, Array] | None:
    """The parameters of `draw`, each summand writing a window; None where one is all of the stream.

    The windows of later summands start no earlier, spread over all coordinates. The first ones
    write all, until they have as many sources as there are coordinates: where some of these have
    the values of tokens alone, all norms are those of so many vectors, and the first rows annul
    more of the quadratic forms than there are tokens.
    """
    assert draw.theta is not None
    width = stream.width
    first: dict[object, tuple[Summand, dict[str, Places], Window]] = {}
    for summand in stream.summands:
        if summand.form not in first:
            places = writers(summand, draw)
            found = smallest(summand, places, draw)
            if found is None:
                return None
            first[summand.form] = summand, places, found
    theta, written = dict(draw.theta), 0
    room = width - max(window.size for _, _, window in first.values()) + 1
    spread: list[Summand] = []
    for summand in stream.summands:
        if written < width:
            written += sources(first[summand.form][1])
        else:
            spread.append(summand)
    for j, summand in enumerate(spread):
        like, places, window = first[summand.form]
        renamed = dict(zip(summand.named, (places[n] for n in like.named), strict=True))
        moved = replace(window, start=j * room // len(spread))
        theta.update(writing_alone(renamed, moved, theta))
    return theta


def writing_alone(
    places: Mapping[str, Places], window: Window, theta: Mapping[str, Array]
) -> dict[str, Array]:
    """The tensors with `writers` as given, those entries 0 that do not write into the window."""
    return {n: np.where(window.writes(at), theta[n], 0.0) for n, at in places.items()}


def sources(places: Mapping[str, Places]) -> int:
    """How many entries of one tensor may write one coordinate."""
    return max(
        (int(np.bincount(at[at >= 0]).max(initial=0)) for at in places.values()), default=0)


def smallest(summand: Summand, places: Mapping[str, Places], draw: Draw) -> Window | None:
    """The smallest window, of 1, 2, 4, ... coordinates, in which no rank is lost; None for none."""
    theta, salt = draw_theta(summand.network, draw.field, draw.rng)
    at = replace(draw, network=summand.network, theta=theta, salt=salt, tokens={})
    read = read_coordinates(summand.network)
    whole = rank_at_point(at, read)
    for window in _windows(summand.shape[-1]):
        special = {**theta, **writing_alone(places, window, theta)}
        if rank_at_point(replace(at, theta=special), read) == whole:
            return window
    return None


def _windows(width: int) -> Iterator[Window]:
    size = 1
    while size < width:
        yield Window(0, size, True)
        if size > 1:
            yield Window(0, size, False)
        size *= 2
