"""The laws of the calculus of intertwiners, one a file.

A law is what ops that vary alike share: its lemmas for a matrix on a leg, a scaling and a shift,
what it says of a value for every data, its words and samples. An op names its law (`NodeOp.law`).
The folder is enumerated: a new file is a new law, there is no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symgauge.enumerated import classes_of
from symgauge.laws.law import Law


@cache
def all_laws() -> Mapping[str, Law]:
    """Every law by name: each class with a `name` that a file of this folder defines."""
    found = classes_of(__name__, __path__, Law)
    return MappingProxyType({name: kind() for name, kind in found.items()})
