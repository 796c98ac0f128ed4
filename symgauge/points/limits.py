"""Estimates of time and memory, above which a derivation stops unless it is forced."""

from __future__ import annotations

from math import prod
from typing import Any

from symgauge.errors import SizeError
from symgauge.points.rows import RANK_ORDER
from symgauge.program.constant import Constant
from symgauge.program.lower import germ_of
from symgauge.program.network import Network

#: Above these estimates a derivation stops unless it is forced.
MAX_SECONDS = 600.0
MAX_BYTES = 8 * 2**30


def check_size(network: Network, force: bool) -> None:
    """Stop above the limits: seconds and bytes by measured constants."""
    lines = sum(prod(n.shape) for n in germ_of(network).nodes if not isinstance(n.leaf, Constant))
    if network.has_flows:
        lines *= RANK_ORDER**2  # a trajectory is a series of series
    _limit(network.num_coordinates, lines, force)


def check_module(module: Any, force: bool) -> None:
    """The same limits before the capture, which takes its own time and memory."""
    # `shape` alone: a lazy parameter has none yet, and the capture says so
    named = module.named_parameters() if hasattr(module, "named_parameters") else ()
    sizes = {
        name: prod(p.shape) for name, p in named if p.requires_grad and _has_shape(p)
    }
    empty = [name for name, size in sizes.items() if not size]
    if empty:
        raise SizeError(f"parameter {empty[0]} has no entries; give sizes from 1 on")
    _limit(sum(sizes.values()), 0, force)


def _has_shape(parameter: Any) -> bool:
    """Whether a parameter is no lazy one."""
    try:
        return parameter.shape is not None
    except RuntimeError:
        return False


def _limit(total: int, lines: int, force: bool) -> None:
    seconds, size = 2e-9 * total**3 + 4e-7 * total * lines, 80.0 * total**2
    if force or (seconds <= MAX_SECONDS and size <= MAX_BYTES):
        return
    raise SizeError(
        f"{total} parameters: an exact derivation is estimated at "
        f"{seconds / 60:.3g} minutes and {size / 2**30:.3g} GiB; make it smaller (--set), "
        "take its group at these sizes, where nothing is said to be all (--full, or "
        "symgauge.derive_full), or run it anyway (--force, or force=True)"
    )
