"""What is stated of outputs and of tokens; `converse.sweep` and `converse.start` apply it."""

from __future__ import annotations

from symgauge.facts.fact import AX, Fact

OUTPUTS = Fact("outputs", "the output does not vary", "", "")
TABLE = Fact(
    "table", "d(E E^T) = 0: dE = E Omega, Omega in so(d)", "d <= V",
    "proofs/k2_matrix_equations.py, k8_tokens.py")
TOKENS = Fact(
    "tokens", "dE_v = xi(E_v) for one function xi, which solves the equation of free inputs",
    "V >= T (P' + 1), P' the other parameters (of a head d + 1 columns, and as many more tokens); "
    "outputs of contexts of one token alone see the stream", "proofs/k8_tokens.py", (AX,))
