"""Permutations that move buffers along, as the running statistics of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symgauge.derivers.orders import orders
from symgauge.derivers.structural import find
from symgauge.errors import SymgaugeError
from symgauge.families.statement import FullOrder
from symgauge.records import plain, text_of
from symgauge.statements.statement import stated_order

if TYPE_CHECKING:
    from symgauge.capture import Captured
    from symgauge.capture.target import Target


def orders_with_buffers(
    target: Target, output: str | int | None, observable: str, module: Any = None
) -> tuple[FullOrder, ...]:
    """Those of a target at its sizes, proved with the buffers among the tensors that move.

    None of them where the module has no such buffers, or cannot be read so. The record's program
    holds the buffers: the module alone tells of these; one that is built already says at once
    whether it has any.
    """
    from symgauge.capture import build_without_weights, capture_with_statistics
    from symgauge.capture.statistics import saved_buffers, statistics_of

    if module is not None and not saved_buffers(module):
        return ()
    try:
        built, args, kwargs = build_without_weights(target)
        if not statistics_of(built):
            return ()
        found = capture_with_statistics(built, args, kwargs, output, observable)
    except SymgaugeError:
        return ()
    return orders_of(found)


def orders_of(captured: Captured) -> tuple[FullOrder, ...]:
    """Those of a module that was read with its buffers."""
    if captured.freed is None:
        return ()
    network, buffers = captured.freed
    found = find(network, matrices_alone=True)
    shapes = {p.name: p.shape for p in network.parameters}
    stated = (stated_order(one, found.parts, shapes, buffers) for one in orders(found, buffers))
    return tuple(one for one in stated if one.buffers)


def wrong_orders(
    said: tuple[FullOrder, ...], found: tuple[FullOrder, ...], text: str
) -> list[str]:
    """What is wrong with those of a record beside those that are found of a target `text`."""
    if text_of(plain(said)) == text_of(plain(found)):
        return []
    return [f"with_buffers: the permutations that move buffers are not those of {text}"]
