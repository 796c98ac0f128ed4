"""An output that reads one row of a line alone, its last."""

from __future__ import annotations

from dataclasses import dataclass

from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Input
from symgauge.program.network import Network
from symgauge.spaces.structure import Structure
from symgauge.sums.stop import Stop


@dataclass(frozen=True)
class Cut:
    """The line that leaves one row of `source`, its last, which alone the output reads."""

    node: int
    source: int
    axis: int

    def rows(self, structure: Structure) -> list[int]:
        """The legs of the axis of which it leaves one row."""
        return [structure.legs.find(leg)[0] for leg, _ in structure.leaves(self.source, self.axis)]

    @property
    def stop(self) -> Stop:
        """The rows that it leaves out are not seen."""
        return Stop(self.node, "part", "only some rows are seen")


def cut_of(structure: Structure) -> Cut | None:
    """The line through which alone inputs reach the output, where it leaves the last row."""
    network = structure.network
    for i, line in structure.lines.items():
        if line.law != "part" or structure.fixed[i]:
            continue
        axis, (source,) = line.attrs["axis"], line.inputs
        shape, rows = line.shape, network.nodes[source].shape
        if axis < len(shape) - 1 and shape[axis] == 1 < rows[axis] and (
                line.attrs["start"] == rows[axis] - 1) and _alone(network, i):
            return Cut(i, source, axis)
    return None


def _alone(network: Network, cut: int) -> bool:
    """Whether no input reaches an output beside a line."""
    return not any(isinstance(network.nodes[i].leaf, Input) for i in lines_below(
        network, network.outputs, [cut]))
