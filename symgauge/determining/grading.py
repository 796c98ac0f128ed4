"""Scalings of parameters, inputs and outputs together: the weights that grade vector fields.

f(s x; s theta) = s f(x; theta), for numbers s with a weight at each entry, maps the kernel of J
onto itself. So every part of one weight of a polynomial field with X f = 0 is such a field: an
ansatz may take one weight at a time. The scalings are those of the program in which every input
and output has gains, which are parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from symgauge.exact.linear_algebra import nullspace, rank
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.draw import Draw
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp

#: Random combinations of the weights that tell weights apart.
LABELS = 2


@dataclass(frozen=True)
class Grading:
    """The weights of all scalings, shape (scalings, P), and labels for them, (LABELS, P).

    A monomial's labels are the sums of its coordinates'. Equal weights have equal labels, others do
    with probability p^-LABELS.
    """

    weights: Array
    labels: npt.NDArray[np.int64]
    p: int

    def scales(self, coordinates: npt.NDArray[np.int64]) -> bool:
        """Whether these coordinates alone may be scaled by one number."""
        one = np.zeros((1, self.weights.shape[1]))
        one[0, coordinates] = 1.0
        return rank(np.concatenate([self.weights, one]), self.p) == rank(self.weights, self.p)


def grading(network: Network, field: PrimeField, rng: np.random.Generator) -> Grading:
    """That of a network, modulo p."""
    whole = _with_gains(network)
    rows = jacobian_rows(Draw(whole, field, rng), whole.num_coordinates + SPARE)
    theta = np.concatenate(
        [rows.parameters[p.name].reshape(len(rows.rows), -1) for p in whole.parameters], axis=1)
    weights = nullspace(field.mul(rows.rows, theta), field.p)
    own = np.concatenate(
        [whole.offsets[p.name] + np.arange(p.size) for p in network.parameters])
    mixed = field.matmul(field.random(rng, (LABELS, len(weights))), weights)
    return Grading(weights[:, own], mixed[:, own].astype(np.int64), field.p)


def _with_gains(network: Network) -> Network:
    """The program with a gain at each entry of its inputs (but tokens) and of its outputs."""
    nodes: list[Node] = []
    names = {p.name for p in network.parameters}
    times = network.ops["mul"]
    assert isinstance(times, NodeOp)

    def gained(i: int) -> int:
        name = f"gains of line {i}"
        while name in names:
            name += "'"
        names.add(name)
        shape = nodes[i].shape
        nodes.append(Node(None, (), {}, shape, Parameter(name, shape)))
        nodes.append(Node(times, (i, len(nodes) - 1), {}, shape))
        return len(nodes) - 1

    moved: list[int] = []
    for node in network.nodes:
        nodes.append(replace(node, inputs=tuple(moved[j] for j in node.inputs)))
        last = len(nodes) - 1
        scaled = isinstance(node.leaf, Input) and not node.leaf.classes
        moved.append(gained(last) if scaled else last)
    outputs = tuple(gained(moved[i]) for i in network.outputs)
    return replace(network, nodes=tuple(nodes), outputs=outputs)
