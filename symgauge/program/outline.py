"""A program of any size as plain data: no line is evaluated, neither when written nor when read.

Only the constants differ from `network_to_json`: their indices are packed, and one of which the
shape alone is known has its name. Parameters may be larger than what memory holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import BadInputError
from symgauge.exact.rational import rational
from symgauge.program.constant import Constant
from symgauge.program.network import Network, Node
from symgauge.program.op import AbstractOp
from symgauge.program.serial import (
    MALFORMED, MAX_ENTRIES, canonical_digest, node_from_json, node_to_json,
)

#: Said where a network is read and not compared with its module.
UNCOMPARED = "the network was not compared with the module at these sizes"
#: Entries of one line: a larger tensor is no model's.
MAX_SIZE = 1 << 48


def outline(network: Network) -> dict[str, Any]:
    """The plain data of a program whose constants may have no values."""
    return _outline(network, _packed)


def outline_digest(network: Network) -> str:
    """SHA-256 of a program of any size: another compressor packs the same indices otherwise."""
    return canonical_digest(_outline(network, _hashed))


def _outline(network: Network, pack: Callable[[Constant], dict[str, Any]]) -> dict[str, Any]:
    return {
        "nodes": [
            pack(n.leaf) if isinstance(n.leaf, Constant) else node_to_json(n)
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
        # what is written again is what was read, packing aside: nothing stands beside the program
        if _unpacked_text(outline(network)) != _unpacked_text(data):
            raise ValueError("it carries data that no capture writes")
    except (*MALFORMED, zlib.error) as error:
        raise BadInputError(f"this is not a program: {error!s:.200}") from error
    return network


def _unpacked_text(data: Mapping[str, Any]) -> str:
    nodes = [{**n, "packed": ""} if "packed" in n else n for n in data["nodes"]]
    return json.dumps({**data, "nodes": nodes}, sort_keys=True)


def _index(constant: Constant) -> bytes:
    return constant.index.astype("<i4").tobytes() if len(constant.table) > 1 else b""


def _packed(constant: Constant) -> dict[str, Any]:
    if constant.unknown:
        return {"packed": "", "unknown": constant.unknown, "shape": list(constant.shape)}
    return {
        "packed": base64.b64encode(zlib.compress(_index(constant), 9)).decode(),
        "constant": [str(v) for v in constant.table], "shape": list(constant.shape),
    }


def _hashed(constant: Constant) -> dict[str, Any]:
    return {
        "index": hashlib.sha256(_index(constant)).hexdigest(), "unknown": constant.unknown,
        "constant": [str(v) for v in constant.table], "shape": list(constant.shape),
    }


def _unpacked(entry: Mapping[str, Any]) -> Constant:
    shape = tuple(entry["shape"])
    if not all(type(n) is int and n >= 0 for n in shape) or prod(shape) > MAX_SIZE:
        raise ValueError(f"a constant of shape {shape!r:.80}")
    if "unknown" in entry:
        if not isinstance(entry["unknown"], str) or not entry["unknown"] or entry["packed"]:
            raise ValueError("a constant without a name")
        return Constant.without_values(entry["unknown"], shape)
    table = tuple(rational(v) for v in entry["constant"])
    if prod(shape) > MAX_ENTRIES:
        raise ValueError(f"a constant of shape {shape}: above {MAX_ENTRIES} entries")
    if not table and prod(shape):
        raise ValueError("a constant without values or a name")
    # never more than the shape asks for, whatever the text expands to
    size = 4 * prod(shape) if len(table) > 1 else 0
    reader = zlib.decompressobj()
    text = reader.decompress(base64.b64decode(entry["packed"], validate=True), size + 1)
    if len(text) != size or not reader.eof or reader.unused_data:
        raise ValueError("the indices of a constant are more or fewer than its entries")
    if len(table) < 2:
        return Constant(table, np.zeros(shape, dtype=np.int64))
    index = np.frombuffer(text, dtype="<i4").astype(np.int64).reshape(shape)
    if index.size and not 0 <= index.min() <= index.max() < len(table):
        raise ValueError("constant index out of range")
    return Constant(table, index)
