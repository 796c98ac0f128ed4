"""A program as a person writes it: symbols by role, formulas, proofs in displayed equations."""
