"""Redundancy as a polynomial in sizes, fitted on certificates: evidence, never a proof.

`sizes` finds what may vary, `polynomial` fits exactly, `fit` chooses sizes, certifies, predicts.
"""
