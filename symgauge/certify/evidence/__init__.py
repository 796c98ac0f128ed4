"""What shows that the Jacobian has the claimed rank: residues, real balls, power series.

The folder is enumerated: a file with a named kind of `Evidence` is one more.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from symgauge.certify.evidence.kind import Evidence
from symgauge.enumerated import classes_of


@cache
def all_evidence() -> Mapping[str, type[Evidence]]:
    """The kinds that certificates carry, by name; residues need nothing that is carried."""
    found = classes_of(__name__, __path__, Evidence)  # type: ignore[type-abstract]
    return MappingProxyType(dict(sorted(found.items(), key=lambda entry: entry[1].turn)))
