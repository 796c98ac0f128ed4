"""Threads for blocks of work that release the interpreter, products of numpy among them.

The threads of numpy's own OpenBLAS wait for each other at every product, each for as long as it
takes until all are running: on a shared machine that costs more than the product. Here each
thread takes the next tile when it is done with one, and products inside a tile take one thread.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")


@cache
def workers() -> int:
    """As many as there are cores, or as OMP_NUM_THREADS allows; 16 at most."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return max(1, min(int(allowed) if allowed.isdigit() else cores, cores, 16))


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    # one for each process: threads do not survive a fork
    return ThreadPoolExecutor(workers())


def for_each(items: Sequence[Item], work: Callable[[Item], None]) -> None:
    """work(item) for all items, each taken by the next free thread."""
    if len(items) < 2 or workers() == 1:
        for item in items:
            work(item)
    else:
        list(_pool(os.getpid()).map(work, items))


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """How to get and set the threads of the OpenBLAS that numpy's wheels bring; None without."""
    for path in Path(np.__file__).parent.parent.glob("numpy.libs/libscipy_openblas64_*"):
        try:
            library = ctypes.CDLL(str(path))
            return (library.scipy_openblas_get_num_threads64_,
                    library.scipy_openblas_set_num_threads64_)
        except (OSError, AttributeError):
            pass
    return None


_lock = Lock()
_inside: list[int] = []


@contextmanager
def products_in_one_thread() -> Iterator[None]:
    """numpy's matrix products take one thread each, where that can be told."""
    control = _openblas()
    if control is None:
        yield
        return
    get, put = control
    with _lock:
        # the first one in remembers, the last one out restores
        before = get() if not _inside else _inside[0]
        _inside.append(before)
        put(1)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if not _inside:
                put(before)
