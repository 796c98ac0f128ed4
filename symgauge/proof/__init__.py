"""Proofs that a given vector field, or a given family, leaves the function as it is."""
