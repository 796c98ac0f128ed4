"""A program of any size as plain data: no line is evaluated, neither when written nor when read.

Only the constants differ from `Network.to_json`: their indices are packed, and one of which the
shape alone is known has its name. Parameters may be larger than what memory holds.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import BadInputError
from symgauge.exact.rational import rational
from symgauge.network.op import AbstractOp
from symgauge.network.program import (
    MALFORMED, MAX_ENTRIES, Constant, Network, Node, node_from_json, node_to_json,
)

#: Entries of one line: a larger tensor is no model's.
MAX_SIZE = 1 << 48


def outline(network: Network) -> dict[str, Any]:
    """The plain data of a program whose constants may have no values."""
    return {
        "nodes": [
            _packed(n.leaf) if isinstance(n.leaf, Constant) else node_to_json(n)
            for n in network.nodes
        ],
        "outputs": list(network.outputs),
        "held": list(network.held),
    }


def from_outline(data: Mapping[str, Any], ops: Mapping[str, AbstractOp]) -> Network:
    """The program that `outline` wrote; shapes are computed anew.

    Raises BadInputError on data that is none.
    """
    try:
        nodes: list[Node] = []
        for entry in data["nodes"]:
            if "packed" in entry:
                leaf = _unpacked(entry)
                nodes.append(Node(None, (), {}, leaf.shape, leaf))
            else:
                nodes.append(node_from_json(entry, nodes, ops, MAX_SIZE))
        outputs = tuple(data["outputs"])
        if not outputs or not all(type(i) is int and 0 <= i < len(nodes) for i in outputs):
            raise ValueError("outputs out of range")
        network = Network(tuple(nodes), outputs, ops, tuple(str(s) for s in data["held"]))
        names = [p.name for p in network.parameters]
        if len(set(names)) != len(names):
            raise ValueError("a parameter twice")
        # what is written again is what was read: nothing stands beside the program
        if outline(network) != data:
            raise ValueError("it carries data that no capture writes")
    except (*MALFORMED, zlib.error) as error:
        raise BadInputError(f"this is not a program: {error!s:.200}") from error
    return network


def _packed(constant: Constant) -> dict[str, Any]:
    if constant.unknown:
        return {"packed": "", "unknown": constant.unknown, "shape": list(constant.shape)}
    index = constant.index.astype("<i4").tobytes() if len(constant.table) > 1 else b""
    return {
        "packed": base64.b64encode(zlib.compress(index, 9)).decode(),
        "constant": [str(v) for v in constant.table], "shape": list(constant.shape),
    }


def _unpacked(entry: Mapping[str, Any]) -> Constant:
    shape = tuple(entry["shape"])
    if not all(type(n) is int and n >= 0 for n in shape) or prod(shape) > MAX_SIZE:
        raise ValueError(f"a constant of shape {shape!r:.80}")
    if "unknown" in entry:
        if not isinstance(entry["unknown"], str) or not entry["unknown"]:
            raise ValueError("a constant without a name")
        return Constant.without_values(entry["unknown"], shape)
    table = tuple(rational(v) for v in entry["constant"])
    if prod(shape) > MAX_ENTRIES:
        raise ValueError(f"a constant of shape {shape}: above {MAX_ENTRIES} entries")
    if len(table) < 2:
        return Constant(table, np.zeros(shape, dtype=np.int64))
    # never more than the shape asks for, whatever the text expands to
    reader = zlib.decompressobj()
    text = reader.decompress(base64.b64decode(entry["packed"], validate=True), 4 * prod(shape) + 1)
    index = np.frombuffer(text, dtype="<i4").astype(np.int64).reshape(shape)
    if index.size and not 0 <= index.min() <= index.max() < len(table):
        raise ValueError("constant index out of range")
    return Constant(table, index)
