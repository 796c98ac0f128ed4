"""A program as a person writes it: symbols by role, formulas, proofs in equations; web pages."""
