"""The lines of a program as the report prints them."""

from __future__ import annotations

from typing import Any

from symgauge.program.constant import Constant
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network


def listing(network: Network, inside: str = "") -> list[dict[str, Any]]:
    """The program's lines for the report; those of a flow's vector field follow it."""
    symbols: list[str] = []
    lines = []
    for i, node in enumerate(network.nodes):
        if node.op is not None:
            symbols.append(f"v_{{{inside}{i}}}")
        elif isinstance(node.leaf, Constant):
            symbols.append(f"c_{{{inside}{i}}}")
        else:
            letter = r"\theta" if isinstance(node.leaf, Parameter) else "x"
            symbols.append(f"{letter}_{{{inside}{i}}}")
        latex = "" if node.op is None else node.op.latex(
            *(symbols[j] for j in node.inputs), **node.attrs
        )
        name = symbols[i].translate({ord(c): None for c in "\\_{}"})
        lines.append({"name": name, "op": node.label, "latex": latex, "shape": list(node.shape)})
        field = node.body
        if field is not None:
            lines += listing(field, f"{i}.")
    return lines
