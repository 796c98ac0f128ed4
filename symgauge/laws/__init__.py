"""The laws of the calculus of intertwiners, one a file.

A law is what ops that vary alike share: its lemmas for a matrix on a leg, a scaling and a shift,
what it says of a value for every data, its words and samples. An op names its law (`NodeOp.law`).
The folder is enumerated: a new file is a new law, there is no list.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symgauge.laws.law import Law


@cache
def all_laws() -> Mapping[str, Law]:
    """Every law by name: each class with a `name` that a file of this folder defines."""
    found: dict[str, Law] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for item in vars(module).values():
            if (
                isinstance(item, type)
                and issubclass(item, Law)
                and item.__module__ == module.__name__
                and hasattr(item, "name")
            ):
                if item.name in found:
                    raise TypeError(f"two laws are called {item.name}")
                found[item.name] = item()
    return MappingProxyType(found)
