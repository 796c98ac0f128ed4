"""Functions of the parameters that gauge symmetries keep, and what training conserves.

Built from how families move tensors; each is proved by the generators before it is listed.
"""
