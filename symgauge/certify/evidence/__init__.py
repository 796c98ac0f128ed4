"""What shows that the Jacobian has the claimed rank: residues, real balls, power series.

The folder is enumerated: a file with a named kind of `Evidence` is one more.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symgauge.certify.evidence.kind import Evidence


@cache
def all_evidence() -> Mapping[str, type[Evidence]]:
    """The kinds that certificates carry, by name; residues need nothing that is carried."""
    found: dict[str, type[Evidence]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for item in vars(module).values():
            if (isinstance(item, type) and issubclass(item, Evidence)
                    and item.__module__ == module.__name__ and hasattr(item, "name")):
                found[item.name] = item
    return MappingProxyType(dict(sorted(found.items(), key=lambda entry: entry[1].turn)))
