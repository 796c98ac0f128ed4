"""rank J >= r in real balls: a minor at one rational point that is shown not to be 0.

No value is taken as independent of another: exponentials, roots and erf are themselves. A point,
some inputs there, one output entry for each row of the minor and one parameter coordinate for
each column are enough to check it; whoever checks evaluates the network and the minor anew.
The point and the inputs are balls of radius 2**-bits, so the minor is not 0 on a neighbourhood,
and branches are the same there. On piecewise networks the point is the shadow point of the cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.evidence.kind import Evidence, Question
from symgauge.domains.balls import BallDomain
from symgauge.domains.evaluate import cotangents, values
from symgauge.errors import BadInputError
from symgauge.exact import balls
from symgauge.exact.balls import Balls, Undecided
from symgauge.exact.rational import rational
from symgauge.program.array import Array
from symgauge.program.lower import lower
from symgauge.program.network import Network

#: Precisions that are tried one after the other; no other one is accepted.
BITS = (192, 384, 768, 1536, 3072)

#: An exact point: rationals by name, without a batch axis (object arrays of Fractions).
Point = Mapping[str, Array]


@dataclass(frozen=True)
class Minor(Evidence):
    """rows[k] = (input, output entry), columns[k] = coordinate; all outputs flat, in their order.

    Token inputs hold the class at every place.
    """

    name: ClassVar[str] = "balls"
    unit: ClassVar[str] = "bits"
    turn: ClassVar[int] = 2
    # 236 rows of a transformer with 345 parameters: 10 s; in vain it may take minutes
    by_itself: ClassVar[int] = 400
    by_itself_open: ClassVar[int] = 32

    theta: Point
    inputs: tuple[Point, ...]
    rows: tuple[tuple[int, int], ...]
    columns: tuple[int, ...]
    bits: int
    determinant: str

    @property
    def rank(self) -> int:
        """The rank that it bounds from below."""
        return len(self.columns)

    def shown(self, rank: int) -> str:
        """The statement, as claims carry it."""
        return (
            f"rank J >= {rank}: a minor at a rational point, in real balls of {self.bits} "
            "bits, is not 0"
        )

    def plain(self) -> dict[str, Any]:
        """Plain data; exact numbers as strings."""
        return {
            "theta": _point_to_json(self.theta),
            "inputs": [_point_to_json(x) for x in self.inputs],
            "rows": [list(row) for row in self.rows], "columns": list(self.columns),
            "bits": self.bits, "determinant": self.determinant,
        }

    def check(self, question: Question) -> tuple[int, Assumptions] | None:
        """The rank of the minor, where that is shown not to be 0."""
        network = question.draw.network
        if network.has_flows or not is_shown(network, self):
            return None
        return self.rank, Assumptions((self.shown(self.rank),), ())

    @classmethod
    def read(cls, data: Any, question: Question) -> Minor:
        """The minor in plain data. Raises BadInputError where it is none of this network."""
        try:
            found = _read(data, question.draw.network)
            _require_fits(found, question.draw.network, question.read, question.draw.cell)
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise BadInputError(f"the ball minor is malformed: {error}") from error
        return found


def _point_to_json(point: Point) -> dict[str, list[str]]:
    return {name: [str(v) for v in np.asarray(a).reshape(-1)] for name, a in point.items()}


def _point_from_json(data: Any, shapes: Mapping[str, tuple[int, ...]]) -> Point:
    if not isinstance(data, Mapping) or set(data) != set(shapes):
        raise ValueError("a point does not name the parameters, or an input not the inputs")
    out = {}
    for name, shape in shapes.items():
        listed = data[name]
        if not isinstance(listed, list) or len(listed) != prod(shape):
            raise ValueError(f"{name} is no list of {prod(shape)} numbers")
        array = np.empty(len(listed), dtype=object)
        array[:] = [rational(v) for v in listed]
        out[name] = array.reshape(shape)
    return out


def _read(data: Any, network: Network) -> Minor:
    if set(data) != {"theta", "inputs", "rows", "columns", "bits", "determinant"}:
        raise ValueError("its keys are not those of a minor")
    theta = _point_from_json(data["theta"], {p.name: p.shape for p in network.parameters})
    shapes = {x.name: x.shape[:-1] if x.classes else x.shape for x in network.inputs}
    inputs = tuple(_point_from_json(x, shapes) for x in data["inputs"])
    rows = tuple((_natural(i), _natural(o)) for i, o in data["rows"])
    columns = tuple(_natural(k) for k in data["columns"])
    return Minor(theta, inputs, rows, columns, _natural(data["bits"]), str(data["determinant"]))


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.40} is no natural number")
    return value


def _require_fits(
    minor: Minor, network: Network, read: npt.NDArray[np.bool_], cell: Mapping[str, Array]
) -> None:
    """Raise ValueError where it is no minor of this network's Jacobian on this cell."""
    if minor.bits not in BITS:
        raise ValueError(f"{minor.bits} bits")
    if len(minor.rows) != len(minor.columns):
        raise ValueError(f"{len(minor.rows)} rows and {len(minor.columns)} columns")
    if sorted(set(minor.rows)) != list(minor.rows):
        raise ValueError("the rows do not rise")
    if sorted(set(minor.columns)) != list(minor.columns):
        raise ValueError("the columns do not rise")
    if any(k >= len(read) or not read[k] for k in minor.columns):
        raise ValueError("a column is no coordinate that an output reads")
    if any(o >= _num_outputs(network) for _, o in minor.rows):
        raise ValueError("a row is no entry of the outputs")
    if sorted({i for i, _ in minor.rows}) != list(range(len(minor.inputs))):
        raise ValueError("the rows do not use every input")
    _require_point(minor, network, cell)


def _require_point(minor: Minor, network: Network, cell: Mapping[str, Array]) -> None:
    """Raise ValueError where a token input holds no class, or the point is not that of the cell."""
    for x in network.inputs:
        classes = [c for point in minor.inputs for c in point[x.name].reshape(-1)]
        if x.classes and not all(c.denominator == 1 and 0 <= c < x.classes for c in classes):
            raise ValueError(f"{x.name} holds no class")
    for name, values_there in cell.items():
        # floats are exact: the claim speaks of the cell of this very point
        if [Fraction(v) for v in values_there.reshape(-1).tolist()] != [
            *minor.theta[name].reshape(-1)
        ]:
            raise ValueError("the point is not that of the cell")


def _num_outputs(network: Network) -> int:
    return sum(prod(network.nodes[i].shape) for i in network.outputs)


# -- evaluation ----------------------------------------------------------------------------------


def jacobian(
    network: Network, theta: Point, x: Point, entries: Sequence[int], bits: int
) -> Balls:
    """Rows of J at one input, one for each output entry: shape (entries, coordinates).

    Raises Undecided where a ball does not decide a branch, or an output may be no number there:
    the derivative of a logarithm is one where its value is none.
    """
    lowered, domain = lower(network), BallDomain()
    radius = Fraction(1, 1 << bits)
    with balls.precision(bits):
        parameters = {n: balls.balls(a, radius)[None] for n, a in theta.items()}
        given = {}
        for leaf in lowered.inputs:
            a = x[leaf.name]
            if leaf.classes:
                hot = np.eye(leaf.classes, dtype=np.int64)[a.astype(np.int64)]
                given[leaf.name] = balls.balls(hot)[None]
            else:
                given[leaf.name] = balls.balls(a, radius)[None]
        lines = values(lowered, domain, parameters, given)
        if not all(balls.are_numbers(lines[i]) for i in lowered.outputs):
            raise Undecided("an output may be no number at the point")
        seeds, start = [], 0
        for i in lowered.outputs:
            shape = lowered.nodes[i].shape
            hot = np.asarray(entries)[:, None] == np.arange(start, start + prod(shape))
            seeds.append(balls.balls(hot.astype(np.int64)).reshape(-1, *shape))
            start += prod(shape)
        rows = cotangents(lowered, domain, lines, seeds)
        flat = [rows[p.name].reshape(len(entries), -1) for p in lowered.parameters]
    return np.concatenate(flat, axis=1) if flat else balls.zeros((len(entries), 0))


def matrix(network: Network, minor: Minor) -> Balls:
    """The rows and columns of the minor, in balls. Raises Undecided as `jacobian` does."""
    parts = [balls.zeros((0, len(minor.columns)))]
    for i, x in enumerate(minor.inputs):
        entries = [o for k, o in minor.rows if k == i]
        found = jacobian(network, minor.theta, x, entries, minor.bits)
        parts.append(found[:, list(minor.columns)])
    return np.concatenate(parts)


def determinant(network: Network, minor: Minor) -> str | None:
    """The determinant's first digits where the minor is shown not to be 0, else None."""
    try:
        found = matrix(network, minor)
    except Undecided:
        return None
    with balls.precision(minor.bits):
        # twice: Neumann's series, and elimination
        return balls.determinant(found) if balls.nonsingular(found) else None


def is_shown(network: Network, minor: Minor) -> bool:
    """Whether the minor is shown not to be 0 and its determinant is the one that it states."""
    return determinant(network, minor) == minor.determinant
