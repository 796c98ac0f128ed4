"""The sandwich rank J + rank G = P and its verification.

Imports nothing of derivers, capture or torch: no search for generators is needed to verify. The
rest is the code that derives, too: the program and its ops, exact arithmetic, `points`
(tokens, branches, roots, ranks), the tests of independence, balls and series,
`proof.prover` with its search, the lemmas of intertwiners, `lie.fields.orbit_rank`. A false
certificate is found; an error in that code is not.
"""

from __future__ import annotations

from symgauge.certify.certificate import Certificate
from symgauge.certify.verification import Verification, verify

__all__ = ["Certificate", "Verification", "verify"]
