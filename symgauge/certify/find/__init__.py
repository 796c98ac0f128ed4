"""The search for evidence: what is found here is checked by `evidence`.

A file is named as its kind of evidence, and has `find(network, read, cell, wanted, rng, progress)`:
the evidence for the highest rank J that is found, and that rank. `wanted` is the rank that closes
the sandwich: no higher one exists.
"""

from __future__ import annotations

import importlib
from typing import Any


def finder(name: str) -> Any:
    """The `find` of that kind of evidence."""
    return importlib.import_module(f"{__name__}.{name}").find
