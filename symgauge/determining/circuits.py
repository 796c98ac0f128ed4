"""Null directions of the Jacobian with few components, as functions of the parameters.

Columns of J that are dependent while no fewer of them are (a circuit) have one null vector v(theta)
up to a factor: of a polynomial network a primitive vector of polynomials. Their degrees in a group
of coordinates are seen on a line along which that group alone varies: a generic ratio of components
is a rational function of one variable there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from symgauge.exact.linear_algebra import nullspace, row_reduce
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.exact.rational_functions import degree_of, values_for
from symgauge.points.draw import Draw, split
from symgauge.points.rows import SPARE, chunk_of, row_at_each
from symgauge.program.lower import lower
from symgauge.program.network import Network

#: Orders of the coordinates in which circuits are sought.
ORDERS = 60
#: Rows of J beyond the number of its columns that are looked at.
MORE = 4
#: Degrees that are told by few values, and the highest one.
DEGREES = (2, 6, 16)
#: Lines that are evaluated, of a whole batch of points each.
LINES = 300_000


class Circuits:
    """The circuits of one network without branches."""

    def __init__(
        self, network: Network, field: PrimeField, rng: np.random.Generator,
        read: npt.NDArray[np.bool_],
    ) -> None:
        self._network, self._field, self._rng = network, field, rng
        self._read = np.flatnonzero(read)
        self._salt = int(rng.integers(1 << 62))
        self._lines = 0

    @property
    def is_spent(self) -> bool:
        """Whether as many lines are evaluated as may be."""
        return self._lines > LINES

    def at(self, theta: Array) -> list[dict[int, int]]:
        """Some null vectors at one point, by coordinate: those with the fewest components first.

        None where no input has all roots there.
        """
        whole = next(self._rows(theta[None], len(self._read) + SPARE), None)
        if whole is None:
            return []
        reduced, _ = row_reduce(whole[:, self._read], self._field.p)
        found: dict[frozenset[int], dict[int, int]] = {}
        for order in self._orders():
            for v in nullspace(reduced[:, order], self._field.p):
                used = np.flatnonzero(v)
                at = self._read[order[used]].tolist()
                found.setdefault(frozenset(at), dict(zip(
                    at, v[used].astype(np.int64).tolist(), strict=True)))
        return sorted(found.values(), key=len)

    def _orders(self) -> Iterator[npt.NDArray[np.int64]]:
        """Orders of the coordinates that are read, tensor by tensor and slice by slice."""
        number = np.full(self._network.num_coordinates, -1)
        number[self._read] = np.arange(len(self._read))
        tensors = [
            number[self._network.offsets[p.name]:][:p.size].reshape(p.shape)
            for p in self._network.parameters]
        for _ in range(ORDERS):
            out = []
            for k in self._rng.permutation(len(tensors)):
                part = tensors[k].transpose(self._rng.permutation(tensors[k].ndim))
                for axis, n in enumerate(part.shape):
                    part = part.take(self._rng.permutation(n), axis)
                out.append(part.reshape(-1))
            order = np.concatenate(out)
            yield order[order >= 0]

    def degree(self, theta: Array, support: Sequence[int], group: Sequence[int]) -> int | None:
        """The degree of the null vector in a group; None where it is no polynomial of small degree.

        The largest among the components.
        """
        field, columns = self._field, list(support)
        first, second = field.random(self._rng, (2, len(columns)))
        for most in () if self.is_spent else DEGREES:
            number = values_for(most)
            points = np.arange(number, dtype=np.float64)
            points += float(self._rng.integers(field.p - number))
            line = np.tile(theta, (len(points), 1))
            along = field.random(self._rng, (len(group),))
            line[:, group] = field.reduce(field.mul(points[:, None], along) + theta[group])
            values: list[Array] = []
            for rows in self._rows(line, len(columns) + MORE):
                found = nullspace(rows[:, columns], field.p)
                values.extend(found if len(found) == 1 else ())
            if len(values) < number:
                return None
            table = np.array(values)
            degree = degree_of(
                points, field.matmul(table, first[:, None])[:, 0],
                field.matmul(table, second[:, None])[:, 0], field)
            if degree is not None:
                return degree
        return None

    def _rows(self, thetas: Array, each: int) -> Iterator[Array]:
        """`each` rows of J at each point that has them."""
        network = self._network
        step = max(1, chunk_of(lower(network)) // each)
        for k in range(0, len(thetas), step):
            some = np.repeat(thetas[k:k + step], each, axis=0)
            self._lines += len(network.nodes)
            draw = Draw(network, self._field, self._rng, split(network, some))
            drawn = row_at_each(draw, self._salt, len(some))
            if drawn is not None:
                owner = np.flatnonzero(drawn.good) // each
                for j in np.unique(owner):
                    rows = drawn.coefficients[0, owner == j]
                    yield from [rows] if len(rows) == each else []
