"""What a kind of element is: a group, its Lie algebra, how its elements move tensors, its words.

Whoever acts with an element, proves a family or writes one down asks its kind; nobody else knows
the kinds by name. Each is a file of `kinds`, named as the records name it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

#: "s^k" is w -> s^k (w + u) - u, with the move's offset u: it scales the gain w + u.
#: "g^-1" stands in planted failures alone: g^-T with its transpose dropped.
#: "+T*c" adds c times another tensor, entry by entry (in families without a finite action).
#: "gT" turns by S diag(T), of what keeps a quadratic form with coefficients T.
#: "+c/T" adds one number c over another tensor plus the offset, along the last axes, as torch
#: broadcasts.
Form = Literal["g", "g^-T", "g^-1", "gT", "s^k", "+c", "+Tc", "+c/T", "+T*c"]
#: A matrix as its non-zero entries.
Sparse = tuple[tuple[int, int, Fraction], ...]


class Kind(ABC):
    """A group of matrices g of size n, or of n numbers: one element for each copy.

    What its lemmas may use are the flags; what is not said here is not used.
    """

    #: What an element does, for people.
    word: ClassVar[str]
    #: The forms of move that are actions of it; none: there are generators alone.
    forms: ClassVar[tuple[Form, ...]] = ()
    #: The dimension of one copy, as the coefficients of a polynomial in n, lowest first.
    polynomial: ClassVar[tuple[Fraction | int, ...]]
    #: What a random element is made of, in the order in which it acts, and a random generator:
    #: names of parts of `checks.runtime.elements`.
    parts: ClassVar[tuple[str, ...]] = ()
    algebra_parts: ClassVar[tuple[str, ...]] = ()
    #: How an element of the group and of the algebra is written.
    letters: ClassVar[tuple[str, str]] = ("g", "a")
    #: What the formulas of a family say first.
    preamble: ClassVar[tuple[str, ...]] = ()

    #: The only n that there is, if it is only one.
    size: ClassVar[int | None] = None
    is_matrix: ClassVar[bool] = False
    #: n positive numbers s, which scale, and whose logarithms may be added.
    is_scaling: ClassVar[bool] = False
    #: n numbers that are added.
    is_shift: ClassVar[bool] = False
    abelian: ClassVar[bool] = False

    # -- of matrices -----------------------------------------------------------------------------

    #: g^T g = 1: g and g^-T are the same.
    orthogonal: ClassVar[bool] = False
    #: g 1 = 1 and 1^T g = 1^T, for the vector of ones.
    fixes_ones: ClassVar[bool] = False
    #: g z = z wherever 1^T z = 0.
    fixes_sums_of_0: ClassVar[bool] = False
    #: g commutes with the rotations of the plane (n = 2), or of pairs of entries.
    commutes_with_turns: ClassVar[bool] = False
    #: Its matrices are S diag(T), T a vector of parameters: they keep sum_k T_k x_k^2.
    of_form: ClassVar[bool] = False
    #: Its matrices have a diagonal of zeros.
    hollow: ClassVar[bool] = False
    #: Positive multiples of 1 are in the group.
    contains_scalars: ClassVar[bool] = False
    #: Looked for on every place of a leg; else its places are found otherwise.
    on_legs: ClassVar[bool] = False
    #: Permutations and signs of the index are not told apart from it: they are found with it.
    covers_discrete: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """How records name it: as its file."""
        return type(self).__module__.rpartition(".")[2]

    def __repr__(self) -> str:
        return self.name

    def plain(self) -> str:
        """Its name: how records hold it."""
        return self.name

    @property
    def is_of_a_plane(self) -> bool:
        """Whether it is all that commutes with the rotations of one plane."""
        return self.commutes_with_turns and self.size == 2

    @property
    def is_finite(self) -> bool:
        """Whether its elements act: of generators alone they do not."""
        return bool(self.forms)

    @property
    def is_vector(self) -> bool:
        """Whether an element is n numbers."""
        return self.is_scaling or self.is_shift

    def dimension(self, n: int) -> int:
        """The dimension of one copy."""
        return int(sum(c * Fraction(n) ** k for k, c in enumerate(self.polynomial)))

    @abstractmethod
    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        """The name of the group that is shown to act, as GL(2)^2.

        Matrices of negative determinant are no exponentials: X f = 0 says nothing of them. Lemmas
        on g itself do (`all_sizes`).
        """

    @abstractmethod
    def algebra(self, n: int, copies: int) -> str:
        """The Lie algebra's name, as gl(2,R)^2."""

    @abstractmethod
    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        """LaTeX: over what an element g ranges, as "$g \\in \\mathrm{GL}(2)$".

        `index` is that of its copy, "_h" or nothing; `group` the name of the group that acts.
        """

    @abstractmethod
    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        """LaTeX: of what g is the exponential, to follow `ranges`."""

    @abstractmethod
    def fault(self, value: Any, group: str) -> str | None:
        """Why an array is no element, one for each copy; None where it is one."""


class MatrixKind(Kind):
    """A group of matrices."""

    is_matrix = True

    @abstractmethod
    def basis(self, n: int) -> list[Sparse]:
        """A basis of its Lie algebra, in the order of a family's fields; empty: there is none."""

    def turns_with(self, pairs: str, alike: Sequence[int]) -> bool:
        """Whether g on all of an axis commutes with rotations of its `pairs`; `alike`: the class of
        each, of pairs that always turn alike.
        """
        return False

    @abstractmethod
    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        """Whether A = 0 is the only A of the algebra with A P = 0 and Q A = 0.

        P has so many generic columns, Q so many generic rows. `polynomial_of_one`: A is known to be
        a polynomial in one generic matrix.
        """


def power(name: str, copies: int) -> str:
    """GL(2)^3: the group or the algebra of several copies."""
    return name if copies == 1 else f"{name}^{copies}"


def space(dimension: int, base: str = "R") -> str:
    """R^4, R for one."""
    return base if dimension == 1 else f"{base}^{dimension}"


def belongs(g: str, group: str) -> str:
    """LaTeX: g in a group."""
    return rf"${g} \in {group}$"


def near_identity(g: str, a: str, algebra: str) -> str:
    """LaTeX: g is the exponential of what is in an algebra."""
    return rf", with ${a} \in {algebra}$ and ${g} = \exp {a}$ near the identity"


def unit(i: int, j: int) -> Sparse:
    """E_ij."""
    return ((i, j, Fraction(1)),)


def off_by(difference: Any, n: int) -> float:
    """How far what should be 0 is from it; 0.0 where rounding explains it."""
    largest = float(abs(difference).max())
    return 0.0 if largest <= rounding(n) else largest


def rounding(n: int) -> float:
    """What float64 leaves of a sum of n products of numbers near 1, amply."""
    return 64 * n * 2.0**-52


def not_orthogonal(value: Any) -> str | None:
    """Why matrices are no rotations."""
    import numpy as np

    n = value.shape[-1]
    error = off_by(np.swapaxes(value, -1, -2) @ value - np.eye(n), n)
    if error:
        return f"g^T g is not 1: it differs by {error:.1e}"
    if not (np.linalg.det(value) > 0).all():
        return "its determinant is -1"
    return None
