"""Vector fields on parameter space, their bracket, structure constants, and what the algebra is.

Knows coordinates, not networks.
"""
