"""The sandwich rank J + rank G = P and its verification.

Imports nothing of derivers or capture: what verifies shares only the program, its ops, exact
arithmetic and the lemmas of intertwiners with what derived.
"""

from __future__ import annotations

from symgauge.certify.certificate import Certificate
from symgauge.certify.verification import Verification, verify

__all__ = ["Certificate", "Verification", "verify"]
