"""GF(p) for the leading terms of power series: functions of known numbers alone, roots free.

A transcendental function is evaluated at numbers that are known and listed, with the residue
that stands for its value there; anything else marks the row invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import PrimeField
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain


class LeadingDomain(ResidueDomain):
    """`tables[function]`: the residue of an argument, and that of the function's value there.

    Roots of listed radicands are the listed ones; with `twisted` a row without some root stays
    valid. Every radicand is kept, with one entry for each row: `radicands`.
    """

    def __init__(
        self, field: PrimeField, salt: int, batch: int, tables: Mapping[str, Mapping[int, int]],
        branches: Sequence[Array] = (), twisted: bool = False,
    ) -> None:
        super().__init__(field, salt, batch, branches, twisted)
        self._tables, self._batch = tables, batch
        self.radicands: list[Array] = []

    def at(self, function: str, argument: Constant) -> Array:
        # roots of constants are listed with the others
        return Domain.at(self, function, argument) if function in ("rsqrt", "erf", "atan") else (
            super().at(function, argument))

    def _listed(self, function: str, a: Array, value: Array) -> tuple[Array, Array]:
        """The value, listed ones put in, and where one was."""
        found = np.zeros(a.shape, dtype=bool)
        for argument, known in self._tables.get(function, {}).items():
            here = a == argument
            value = np.where(here, float(known), value)
            found |= here
        return value, found

    def _only_listed(self, function: str, a: Array) -> Array:
        value, found = self._listed(function, a, np.zeros(a.shape))
        self._mark(~found)
        return value

    def exp(self, a: Array) -> Array:
        return self._only_listed("exp", a)

    def log(self, a: Array) -> Array:
        return self._only_listed("log", a)

    def erf(self, a: Array) -> Array:
        self._mark(a != 0.0)
        return np.zeros(a.shape)

    def erf_slope(self, a: Array) -> Array:
        # 2 / sqrt(pi): the argument is 0
        return np.full(a.shape, self._hash(np.zeros(1), 4)[0])

    def sin(self, a: Array) -> Array:
        return self.erf(a)

    def atan(self, a: Array) -> Array:
        return self.erf(a)

    def cos(self, a: Array) -> Array:
        self._mark(a != 0.0)
        return np.ones(a.shape)

    def rsqrt(self, a: Array) -> Array:
        full = np.broadcast_to(a, (self._batch, *a.shape[1:]))
        self.radicands.append(full.reshape(self._batch, -1))
        value, listed = self._listed("rsqrt", a, self.field.inverse(self.field.sqrt(a)))
        square = self.field.mul(self.field.mul(value, value), a) == 1.0
        self._mark(a == 0.0)
        if not self.twisted:
            self._mark(~square & ~listed)
        return value
