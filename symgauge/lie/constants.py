"""Structure constants as sparse rows."""

from fractions import Fraction

#: Brackets (i, j) as sparse combinations of the basis; [e_j, e_i] = -[e_i, e_j] stands once.
Constants = dict[tuple[int, int], dict[int, Fraction]]
