"""States of weights that are too many for memory: read when asked for, and changed in files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: Entries above which a changed array is put into a file.
SMALL = 2**16


class Stored(Mapping[str, Array]):
    """Arrays by name, each read anew when it is asked for."""

    def __init__(self, names: list[str], read: Callable[[str], Array]) -> None:
        self._names, self._read = dict.fromkeys(names), read

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Spilled(MutableMapping[str, Array]):
    """The arrays of another state, of which changed ones lie in files of a folder of their own.

    What is done in place to an array that was set is kept. An array that was given out before
    another one was set for its name stays as it is.
    """

    def __init__(self, base: Mapping[str, Array]) -> None:
        self._base = base
        self._held: dict[str, Array] = {}
        self._files: dict[str, tuple[Path, Any, tuple[int, ...]]] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="symgauge-")
        self._count = 0

    def __getitem__(self, name: str) -> Array:
        if name in self._held:
            return self._held[name]
        if name not in self._files:
            return self._base[name]
        path, dtype, shape = self._files[name]
        return np.asarray(np.memmap(path, dtype, "r+", 0, shape))

    def __setitem__(self, name: str, value: Array) -> None:
        del self[name]
        if value.size <= SMALL:
            self._held[name] = value
            return
        self._count += 1
        path = Path(self._folder.name) / str(self._count)
        np.ascontiguousarray(value).tofile(path)
        self._files[name] = path, value.dtype, value.shape

    def __delitem__(self, name: str) -> None:
        """Back to the array of the other state."""
        self._held.pop(name, None)
        if name in self._files:
            self._files.pop(name)[0].unlink()  # who has it mapped keeps it

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from (n for n in (*self._held, *self._files) if n not in self._base)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def changeable(state: Mapping[str, Array]) -> MutableMapping[str, Array]:
    """A copy of a state that may be changed: in files where the state is not in memory."""
    return Spilled(state) if isinstance(state, (Stored, Spilled)) else dict(state)
