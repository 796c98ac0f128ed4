"""Values that parameters make alone: a pooling head's one query, W p + b."""

from __future__ import annotations

from symgauge.program.excerpt import lines_below
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network


def made_alone(network: Network) -> list[tuple[str, ...]]:
    """The parameters of each value that no input reaches, two or more, where its reader is reached.
    """
    read = [j for i, n in enumerate(network.nodes) if network.reached[i] for j in n.inputs
            if not network.reached[j]]
    found: dict[tuple[str, ...], None] = {}
    for j in dict.fromkeys(read):
        leaves = [network.nodes[k].leaf for k in sorted(lines_below(network, [j]))]
        names = tuple(leaf.name for leaf in leaves if isinstance(leaf, Parameter))
        if len(names) > 1:
            found[names] = None
    return list(found)
