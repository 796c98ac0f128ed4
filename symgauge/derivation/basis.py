"""The generators as SymPy objects: vector fields, matrices, brackets, the Killing form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from symgauge.errors import BadInputError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.lie.algebra import structure_constants
from symgauge.lie.fields import VectorField
from symgauge.lie.structure import LieAlgebra
from symgauge.program.network import Network


def _rational(c: Any) -> sympy.Rational:
    """A whole number or a fraction, as SymPy has it."""
    return sympy.Rational(c.numerator, c.denominator)


class Generator:
    """One generator X: every parameter moves by X as the network's function stays.

    Its vector field is sum over entries of X(theta)_k d/d theta_k, polynomial in the parameters
    (or Laurent, where it is carried from a slice).
    """

    def __init__(self, basis: Basis, number: int, field: VectorField) -> None:
        self._basis = basis
        #: Its number in the basis, as the families of a record count it.
        self.number = number
        self._field = field

    def __repr__(self) -> str:
        return f"Generator({self.number}: moves {', '.join(self.tensors) or 'nothing'})"

    @property
    def tensors(self) -> tuple[str, ...]:
        """The names of the tensors that it moves."""
        return tuple(dict.fromkeys(
            self._basis.names[k] for k in sorted(self._field.components)))

    def vector_field(self) -> dict[sympy.Symbol, sympy.Expr]:
        """The entries that move, and what each moves by: {W[0, 1]: 2*W[0, 0], ...}."""
        return {
            self._basis.entries[k]: self._basis.polynomial(terms)
            for k, terms in sorted(self._field.components.items())}

    def matrices(self) -> dict[str, sympy.ImmutableDenseNDimArray]:
        """The same as an array of each tensor's shape, by name: delta W."""
        moved = self.vector_field()
        return {
            name: sympy.ImmutableDenseNDimArray(
                [moved.get(s, sympy.S.Zero) for s in self._basis.symbols[name].reshape(-1)],
                self._basis.symbols[name].shape or (1,))
            for name in self.tensors}

    @property
    def linear(self) -> sympy.SparseMatrix:
        """S of X = S theta, P x P over all parameters in their order.

        Raises BadInputError where the field is not linear.
        """
        total = len(self._basis.entries)
        found = {}
        for (k, m), c in self._field.terms.items():
            if len(m) != 1 or m[0][1] != 1 or m[0][0] in self._basis.added:
                raise BadInputError(f"generator {self.number} is not linear in the parameters")
            found[k, m[0][0]] = _rational(c)
        return sympy.SparseMatrix(total, total, found)


class Basis(Sequence[Generator]):
    """The generators of a derivation in the order of its certificate.

    `derivation.families[i].generators` are the numbers of a family's own. Needs a certificate with
    its vectors; all arithmetic is exact.
    """

    def __init__(self, network: Network, fields: Sequence[VectorField]) -> None:
        self._fields = list(fields)
        #: The name of each entry's tensor, and its symbol, in the order of all parameters.
        self.names: list[str] = []
        self.entries: list[sympy.Symbol] = []
        #: Each tensor as an array of symbols: W[i, j].
        self.symbols: dict[str, np.ndarray] = {}
        for parameter in network.parameters:
            made = np.empty(parameter.shape, dtype=object)
            for index in np.ndindex(*parameter.shape):
                where = f"[{', '.join(map(str, index))}]" if index else ""
                made[index] = sympy.Symbol(f"{parameter.name}{where}", real=True)
                self.names.append(parameter.name)
                self.entries.append(made[index])
            self.symbols[parameter.name] = made
        #: What the fields read of an entry is that entry plus this number, where there is one.
        self.added = network.added_at

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[k] for k in range(*number.indices(len(self)))]
        k = range(len(self))[number]
        return Generator(self, k, self._fields[k])

    def __iter__(self) -> Iterator[Generator]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"Basis({len(self)} generators on {len(self.entries)} parameters)"

    def polynomial(self, terms: Sequence[tuple[Any, Any]]) -> sympy.Expr:
        """Monomials with coefficients as an expression."""
        return sympy.Add(*(
            _rational(c)
            * sympy.Mul(*((self.entries[k] + _rational(self.added.get(k, 0))) ** e for k, e in m))
            for m, c in terms))

    @cached_property
    def _constants(self) -> Mapping[tuple[int, int], Mapping[int, Any]]:
        found = structure_constants(self._fields, PrimeField(next(primes()))).constants
        if found is None:
            raise BadInputError(
                "these generators are not closed under the bracket: they have no structure "
                "constants")
        return found

    def bracket(self, i: int, j: int) -> dict[int, sympy.Rational]:
        """[X_i, X_j] = X_i(X_j) - X_j(X_i) in the basis: {k: c_ijk}.

        Raises BadInputError where the generators are not closed.
        """
        i, j = range(len(self))[i], range(len(self))[j]
        if i == j:
            return {}
        sign = 1 if i > j else -1
        row = self._constants.get((max(i, j), min(i, j)), {})
        return {k: sign * _rational(c) for k, c in row.items()}

    def structure_constants(self) -> np.ndarray:
        """c_ijk of [X_i, X_j] = sum_k c_ijk X_k: an array of SymPy's rationals, n x n x n.

        Raises BadInputError where the generators are not closed.
        """
        n = len(self)
        found = np.full((n, n, n), sympy.S.Zero, dtype=object)
        for (i, j), row in self._constants.items():
            for k, c in row.items():
                value = _rational(c)
                found[i, j, k], found[j, i, k] = value, -value
        return found

    def killing_form(self) -> sympy.Matrix:
        """B_ij = tr(ad X_i ad X_j), n x n.

        Raises BadInputError where the generators are not closed.
        """
        form = LieAlgebra(dict(self._constants), len(self)).killing  # type: ignore[arg-type]
        rows = [[sympy.Rational(str(form[i, j])) for j in range(len(self))]
                for i in range(len(self))]
        return sympy.Matrix(rows)
