"""Folders in which a file is all that a new thing takes: ops, laws, kinds of evidence."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def classes_of(package: str, path: Iterable[str], base: type[T]) -> dict[str, type[T]]:
    """Each class below `base` with a `name` that a file of this package defines, by its name.

    Raises TypeError where two have one name.
    """
    found: dict[str, type[T]] = {}
    for info in pkgutil.iter_modules(path):
        module = importlib.import_module(f"{package}.{info.name}")
        for item in vars(module).values():
            if not isinstance(item, type) or not issubclass(item, base):
                continue
            name = getattr(item, "name", None)
            # what a file imports is another's
            if isinstance(name, str) and item.__module__ == module.__name__:
                if name in found:
                    raise TypeError(f"two files of {package} define {name}")
                found[name] = item
    return found
