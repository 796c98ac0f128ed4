"""What holds of lines for every data: constant along a leaf, sums to 1 or 0 along an axis, 0, 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symgauge.program.constant import Constant
from symgauge.program.kept import kept
from symgauge.program.leaf import Input
from symgauge.spaces.line import Address, Line, NoLemma
from symgauge.spaces.structure import Structure


@kept
def flat_leaves(structure: Structure) -> Mapping[int, frozenset[Address]]:
    """The leaves along which a line is constant, for every data, by line."""
    found: dict[int, frozenset[Address]] = {}
    for i in range(len(structure.network.nodes)):
        line = structure.lines.get(i)
        if line is None:
            found[i] = _flat_constant(structure, i) if structure.fixed[i] else frozenset()
        else:
            found[i] = _flat(structure, line, found)
    return found


def _flat_constant(structure: Structure, i: int) -> frozenset[Address]:
    node = structure.network.nodes[i]
    if isinstance(node.leaf, Constant) and not node.leaf.unknown:
        index = node.leaf.index
        return frozenset(
            a for a in structure.top(i)
            if len(node.leaf.table) == 1 or not index.size or (
                index == index.take([0], axis=a[0])).all()
        )
    if node.op is not None and node.op.name == "expand":
        shape = structure.network.nodes[node.inputs[0]].shape
        return frozenset(a for a in structure.top(i) if shape[a[0]] == 1)
    return frozenset()


def _flat(
    structure: Structure, line: Line, found: Mapping[int, frozenset[Address]]
) -> frozenset[Address]:
    if line.law in ("parameter", "input", "flow", "locally constant", "rotary",
                    "function of tokens"):
        return frozenset()
    if line.law in ("sum of lines", "product", "general", "homogeneous", "normaliser",
                    "centring", "standardising", "maximum"):
        return frozenset.intersection(*(
            frozenset(a for a in found[j] if structure.aligned(line, k, a[0]))
            for k, j in enumerate(line.inputs)))
    if line.law == "contraction":
        a, b = (found[j] for j in line.inputs)
        rank = len(line.shape)
        batch = {
            x for x in a & b
            if x[0] < rank - 2 and all(structure.aligned(line, k, x[0]) for k in (0, 1))
        }
        rows = {x for x in a if x[0] == rank - 2}
        columns = {x for x in b if x[0] == rank - 1}
        return frozenset(batch | rows | columns)
    kept: set[Address] = set()
    try:
        for place in found[line.inputs[0]]:
            moved = structure.move(line, 0, place)
            if moved is not None and line.op != "concatenate":
                kept.add(moved)
    except NoLemma:
        return frozenset()
    if line.op == "expand":
        shape = structure.network.nodes[line.inputs[0]].shape
        kept |= {a for a in structure.top(line.node) if shape[a[0]] != line.shape[a[0]]}
    return frozenset(kept)


@kept
def totals_of(structure: Structure) -> Mapping[int, Mapping[int, int]]:
    """Axes along which a line sums to 1 or to 0 for every data: {axis: 1 or 0}, by line."""
    found: dict[int, dict[int, int]] = {}
    for i, line in structure.lines.items():
        found[i] = _total(structure, line, found)
    return found


def _total(structure: Structure, line: Line, found: Mapping[int, dict[int, int]]) -> dict[int, int]:
    leaf = structure.network.nodes[line.node].leaf
    if isinstance(leaf, Input) and leaf.classes:
        return {len(line.shape) - 1: 1}
    if line.op in ("one_hot", "ranking", "tabulated"):
        return {len(line.shape) - 1: 1}
    if line.op == "softmax":
        return {line.attrs["axis"]: 1} if _no_row_is_left_out(structure, line) else {}
    if line.law in ("centring", "standardising"):
        return {line.attrs["axes"][0]: 0} if len(line.attrs["axes"]) == 1 else {}
    if line.law == "sum of lines":
        pairs = [found.get(j, {}) for j in line.inputs]
        if any(is_zero(structure, j) for j in line.inputs):
            return dict(next(p for p, j in zip(pairs, line.inputs, strict=True)
                             if not is_zero(structure, j)))
        return {a: 0 for a, t in pairs[0].items() if t == 0 and pairs[1].get(a) == 0}
    if line.law == "product":
        return _total_of_product(structure, line, found)
    if line.law == "move" and len(line.inputs) == 1 and line.inputs[0] in found:
        return _total_moved(structure, line, found[line.inputs[0]])
    return {}


def _total_of_product(
    structure: Structure, line: Line, found: Mapping[int, dict[int, int]]
) -> dict[int, int]:
    out: dict[int, int] = {}
    for j, other in (line.inputs, line.inputs[::-1]):
        for axis, total in found.get(j, {}).items():
            along = {a for a in structure.top(other) if a[0] == axis}
            if is_one(structure, other) or (total == 0 and along <= flat_leaves(structure)[other]):
                out[axis] = total
    return out


def _total_moved(structure: Structure, line: Line, before: Mapping[int, int]) -> dict[int, int]:
    out = {}
    for axis, total in before.items():
        if line.op == "scale":
            if total == 0 or line.attrs["factor"] == 1:
                out[axis] = total
            continue
        here = [a for a in structure.top(line.inputs[0]) if a[0] == axis]
        if line.op in ("slice", "take") and axis == line.attrs["axis"]:
            continue
        try:
            there = [structure.move(line, 0, a) for a in here]
        except NoLemma:
            continue
        axes = {a[0] for a in there if a is not None}
        if len(axes) == 1 and None not in there:
            (new,) = axes
            if sum(a[0] == new for a in structure.top(line.node)) == len(here):
                out[new] = total
    return out


def _no_row_is_left_out(structure: Structure, line: Line) -> bool:
    if len(line.inputs) < 2 or line.inputs[1] in structure.lines:
        return len(line.inputs) < 2
    leaf = structure.network.nodes[line.inputs[1]].leaf
    if not isinstance(leaf, Constant) or leaf.unknown:
        return False
    kept = np.array([v != 0 for v in leaf.table])[leaf.index]
    return bool(kept.any(axis=line.attrs["axis"]).all())


def constant_at(structure: Structure, node: int) -> Constant | None:
    """A line without parameters and inputs that is a plain constant, through moves too."""
    while structure.fixed[node]:
        line = structure.network.nodes[node]
        if isinstance(line.leaf, Constant):
            return None if line.leaf.unknown else line.leaf
        if line.op is None or line.op.name not in ("reshape", "expand", "permute"):
            return None
        node = line.inputs[0]
    return None


def is_zero(structure: Structure, node: int) -> bool:
    """Whether a line is 0, whatever the parameters and inputs."""
    return structure.zero[node]


def is_one(structure: Structure, node: int) -> bool:
    """Whether a line is the constant 1."""
    found = constant_at(structure, node)
    return found is not None and all(v == 1 for v in found.table)


def mask_at(structure: Structure, node: int) -> Any:
    """A name for a constant of zeros and ones, or None."""
    found = constant_at(structure, node)
    if found is None or not all(v in (0, 1) for v in found.table):
        return None
    # a constant that was moved is itself alone
    leaf = structure.network.nodes[node].leaf
    return leaf.key if isinstance(leaf, Constant) else ("line", node)
