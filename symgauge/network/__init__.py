"""A network as an immutable program of primitive ops, evaluated over any domain.

Rooms inside: the program (`program`), what an op must state (`op`), number systems (`domains`),
evaluation with tangents and cotangents (`evaluate`), points and Jacobian rows over GF(p)
(`sampling`), axes followed through the program (`legs`), and the proof table (`proof`).
Knows no op by name beyond the contract, no architecture, and no torch.
"""
