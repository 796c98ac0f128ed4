"""A program as plain data, and back: what is read is of the right form, and not yet evaluated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import BadInputError
from symgauge.exact.rational import rational
from symgauge.program.array import Shape
from symgauge.program.constant import Constant
from symgauge.program.kept import kept
from symgauge.program.leaf import Input, Leaf, Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import AbstractOp, NodeOp

#: Entries of one line of a program that is read from plain data: nothing larger is evaluated.
MAX_ENTRIES = 1 << 26
#: What plain data that is no network may raise while it is read.
MALFORMED = (
    AssertionError, AttributeError, IndexError, KeyError, MemoryError, OverflowError, TypeError,
    ValueError, ZeroDivisionError,
)


def network_to_json(network: Network) -> dict[str, Any]:
    """Plain data; exact numbers as strings."""
    return {
        "nodes": [node_to_json(n) for n in network.nodes],
        "outputs": list(network.outputs),
        "held": list(network.held),
    }


def network_from_json(data: Mapping[str, Any], ops: Mapping[str, AbstractOp]) -> Network:
    """The network that `network_to_json` wrote; shapes are computed anew, never trusted.

    No line is evaluated: a missing attribute shows in `reads.readable_network`.
    Raises BadInputError on data that is no network.
    """
    try:
        nodes: list[Node] = []
        for entry in data["nodes"]:
            nodes.append(node_from_json(entry, nodes, ops))
        outputs = tuple(_integer(i) for i in data["outputs"])
        if not outputs or not all(0 <= i < len(nodes) for i in outputs):
            raise ValueError("outputs out of range")
        network = Network(tuple(nodes), outputs, ops, tuple(str(s) for s in data["held"]))
    except MALFORMED as error:
        raise BadInputError(f"this is not the network of a certificate: {error}") from error
    names = [p.name for p in network.parameters]
    if len(set(names)) != len(names):
        raise BadInputError("this is not the network of a certificate: a parameter twice")
    return network


@kept
def digest_of(network: Network) -> str:
    """SHA-256 of a network's canonical JSON text."""
    return canonical_digest(network_to_json(network))


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no integer")
    return value


def canonical_digest(data: Any) -> str:
    """SHA-256 of plain data, independent of key order and spacing."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _attr_to_json(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, tuple):
        return [_attr_to_json(v) for v in value]
    return value


def _attr_from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_attr_from_json(v) for v in value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, str))):
        raise ValueError(f"attribute {value!r}")
    return value


def node_to_json(node: Node) -> dict[str, Any]:
    """A line as plain data. Raises CaptureError for a constant without values."""
    if isinstance(node.leaf, Constant):
        node.leaf.require_values()
        index = node.leaf.index.ravel().tolist()
        return {
            "constant": [str(v) for v in node.leaf.table],
            "index": index if len(node.leaf.table) > 1 else [],
            "shape": list(node.shape),
        }
    if node.leaf is not None:
        if isinstance(node.leaf, Parameter):
            more = {"added": str(node.leaf.added)} if node.leaf.added else {}
            more |= {"of": node.leaf.of} if node.leaf.of else {}
            return {"parameter": node.leaf.name, "shape": list(node.shape), **more}
        return {
            "input": node.leaf.name, "shape": list(node.shape), "classes": node.leaf.classes,
        }
    assert node.op is not None
    return {
        "op": node.op.name,
        "inputs": list(node.inputs),
        "attrs": {k: _attr_to_json(v) for k, v in sorted(node.attrs.items())},
        "shape": list(node.shape),
    }


def node_from_json(
    entry: Mapping[str, Any], nodes: list[Node], ops: Mapping[str, AbstractOp],
    limit: int = MAX_ENTRIES,
) -> Node:
    """The line behind `nodes`, of at most `limit` entries. Raises one of MALFORMED."""
    shape = tuple(_integer(n) for n in entry["shape"])
    if any(n < 0 for n in shape):
        raise ValueError("negative size")
    if prod(shape) > limit:
        raise ValueError(f"a line of shape {shape}: above {limit} entries")
    if "constant" in entry or "parameter" in entry or "input" in entry:
        return Node(None, (), {}, shape, _leaf_from_json(entry, shape))
    found = ops[str(entry["op"])]
    if not isinstance(found, NodeOp):
        raise ValueError(f"{entry['op']} is no op of a program")
    inputs = tuple(_integer(i) for i in entry["inputs"])
    if not all(0 <= i < len(nodes) for i in inputs):
        raise ValueError("an op reads a later line")
    attrs = {
        k: rational(v) if k in found.rational_attrs else _attr_from_json(v)
        for k, v in entry["attrs"].items()
    }
    computed = found.shape(*(nodes[i].shape for i in inputs), **attrs)
    if computed != shape:
        raise ValueError(f"{found.name} has shape {computed}, not {shape}")
    return Node(found, inputs, attrs, shape)


def _leaf_from_json(entry: Mapping[str, Any], shape: Shape) -> Leaf:
    if "constant" in entry:
        table = tuple(rational(v) for v in entry["constant"])
        index = np.array([_integer(i) for i in entry["index"]], dtype=np.int64)
        if len(table) == 1 and index.size == 0:
            index = np.zeros(shape, dtype=np.int64)
        index = index.reshape(shape)
        if index.size and not (0 <= index.min() and index.max() < len(table)):
            raise ValueError("constant index out of range")
        return Constant(table, index)
    if "parameter" in entry:
        return Parameter(str(entry["parameter"]), shape, rational(entry.get("added", "0")),
                         str(entry.get("of", "")))
    classes = _integer(entry["classes"])
    if classes and (not shape or shape[-1] != classes or classes < 2):
        raise ValueError(f"a one-hot input of shape {shape} over {classes} classes")
    return Input(str(entry["input"]), shape, classes)
