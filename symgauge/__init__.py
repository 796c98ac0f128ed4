"""symgauge: the gauge symmetries of neural networks, derived in symbols and certified complete.

The verbs are `derive(module, args)`, which returns a `Derivation`, and `verify(certificate)`, which
returns a `Verification`. Their modules are imported on first use (PEP 562): `import symgauge`
alone imports no torch, flint, sympy or numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from symgauge.errors import (
    BadInputError,
    CaptureError,
    FlowError,
    InconsistentError,
    SizeError,
    SymgaugeError,
    TargetError,
    UndecidedError,
    UnsupportedOpError,
)
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.audits.answer import Audit
    from symgauge.audits.verb import audit
    from symgauge.certify import Certificate, Verification, verify
    from symgauge.derivation.derive import derive_target
    from symgauge.derivation.module import ModelDerivation, derive, derive_full
    from symgauge.derivation.element import GroupElement
    from symgauge.derivation.derivation import Derivation
    from symgauge.equivalence.algebra import EquivalenceAlgebra, equivalence_algebra
    from symgauge.gauges.spread import OrbitSpread, orbit_spread
    from symgauge.gauges.verbs import align, canonicalise, recipe
    from symgauge.sections.reduction import Reduction, reduce

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "BadInputError",
    "CaptureError",
    "Certificate",
    "Derivation",
    "EquivalenceAlgebra",
    "FlowError",
    "GroupElement",
    "InconsistentError",
    "ModelDerivation",
    "OrbitSpread",
    "Reduction",
    "SizeError",
    "SymgaugeError",
    "TargetError",
    "UndecidedError",
    "UnsupportedOpError",
    "Verdict",
    "Verification",
    "__version__",
    "align",
    "audit",
    "canonicalise",
    "derive",
    "derive_full",
    "derive_target",
    "equivalence_algebra",
    "orbit_spread",
    "recipe",
    "reduce",
    "verify",
]

_LAZY = {
    "Audit": "symgauge.audits.answer",
    "Certificate": "symgauge.certify",
    "Derivation": "symgauge.derivation.derivation",
    "EquivalenceAlgebra": "symgauge.equivalence.algebra",
    "GroupElement": "symgauge.derivation.element",
    "ModelDerivation": "symgauge.derivation.module",
    "OrbitSpread": "symgauge.gauges.spread",
    "Reduction": "symgauge.sections.reduction",
    "Verification": "symgauge.certify",
    "align": "symgauge.gauges.verbs",
    "audit": "symgauge.audits.verb",
    "canonicalise": "symgauge.gauges.verbs",
    "derive": "symgauge.derivation.module",
    "derive_full": "symgauge.derivation.module",
    "derive_target": "symgauge.derivation.derive",
    "equivalence_algebra": "symgauge.equivalence.algebra",
    "orbit_spread": "symgauge.gauges.spread",
    "recipe": "symgauge.gauges.verbs",
    "reduce": "symgauge.sections.reduction",
    "verify": "symgauge.certify",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
