"""Exact arithmetic: prime fields, rank and nullspace, rational reconstruction, polynomials.

The only room that knows python-flint. Nothing here knows of networks or symmetries.
"""
