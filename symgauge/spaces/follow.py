"""The axes of every line of a program, followed from its leaves to the legs that they share."""

from __future__ import annotations

from collections.abc import Mapping

from symgauge.program.constant import Constant
from symgauge.program.legs import Axis, Legs, Location
from symgauge.program.network import Network


def follow(network: Network) -> tuple[Legs, dict[int, list[Location]], list[list[Axis]]]:
    """Legs of a program: the union-find, the places of each leg, and the axes of every node."""
    legs = Legs()
    axes = follow_lines(legs, network, {})
    legs.even_out()
    places: dict[int, list[Location]] = {}
    for position, parameter in zip(network.parameter_nodes, network.parameters, strict=True):
        for a, axis in enumerate(axes[position]):
            for place in legs.locate(parameter.name, a, axis):
                places.setdefault(place.factors[place.along], []).append(place)
    return legs, places, axes


def follow_lines(
    legs: Legs, network: Network, given: Mapping[int, list[Axis]]
) -> list[list[Axis]]:
    """Axes of every line; `given` are those of some leaves, the others are fresh."""
    axes: list[list[Axis]] = []
    # a constant has no legs of its own: one table of cosines must not tie queries to keys
    fixed: list[bool] = []
    for i, node in enumerate(network.nodes):
        fixed.append(isinstance(node.leaf, Constant) or (
            node.op is not None and all(fixed[j] for j in node.inputs)))
        if i in given:
            axes.append(given[i])
        elif node.op is None or fixed[-1]:
            axes.append([legs.fresh(n) for n in node.shape])
        else:
            inputs = [
                [legs.fresh(n) for n in network.nodes[j].shape] if fixed[j] else axes[j]
                for j in node.inputs
            ]
            axes.append(node.op.legs(legs, inputs, node.shape, **node.attrs))
    return axes
