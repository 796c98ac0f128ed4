"""Which slices of which tensors go together: the index spaces of a program, for those who prune.

To remove an index of a leg is to remove its slice of every place: then the shapes of the program
agree again. Nothing is said of the function, which is another one.
"""

from __future__ import annotations

from math import prod
from typing import TypedDict

from symgauge.program.network import Network
from symgauge.spaces.follow import follow
from symgauge.spaces.roles import LegPlace, named_legs


class PrunedPlace(TypedDict):
    """A place of a group: index i is the entries [s + i step, s + (i + 1) step) for each s."""

    parameter: str
    axis: int
    starts: list[int]
    step: int


class PruningGroup(TypedDict):
    """An index space; `outside`: inputs or outputs have it too, so that their shapes change."""

    name: str
    size: int
    outside: bool
    places: list[PrunedPlace]


def pruning_groups(network: Network) -> list[PruningGroup]:
    """The groups, in the order of the parameters; none of parameters that no line reads.

    What such a parameter goes with the program does not show.
    """
    taken = {i for node in network.nodes for i in node.inputs} | set(network.outputs)
    read = {p.name for i, p in zip(network.parameter_nodes, network.parameters, strict=True)
            if i in taken}
    legs, places, axes = follow(network)
    outside = {
        leg for node in (*network.input_nodes, *network.outputs) for axis in axes[node]
        for leg, _ in legs.leaves(axis)}
    return [
        {"name": own["name"], "size": own["size"], "outside": leg in outside,
         "places": [_pruned(t) for t in own["touches"]]}
        for leg, own in zip(places, named_legs(network), strict=True)
        if any(t["parameter"] in read for t in own["touches"])]


def _pruned(place: LegPlace) -> PrunedPlace:
    sizes, along = place["sizes"], place["along"]
    step, block = prod(sizes[along + 1:]), prod(sizes[along:])
    return {
        "parameter": place["parameter"], "axis": place["axis"], "step": step,
        "starts": [place["start"] + k * block for k in range(prod(sizes[:along]))]}
