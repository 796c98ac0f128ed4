"""Converses: the output does not vary, so the inputs vary only so; an upper bound at all sizes."""
