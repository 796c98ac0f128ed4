"""One pass over a program: values, tangents (Jacobian-vector products) and cotangents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

import numpy as np

from symgauge.domains.known import arguments_of
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network
from symgauge.program.op import Primitive


def values(
    network: Network, domain: Domain, parameters: Mapping[str, Array], inputs: Mapping[str, Array]
) -> list[Array]:
    """The value of every line of a program of primitives, batch axis first."""
    out: list[Array] = []
    for i in range(len(network.nodes)):
        out.append(_value(network, i, domain, parameters, inputs, out))
    return out


def _value(
    network: Network, i: int, domain: Domain, parameters: Mapping[str, Array],
    inputs: Mapping[str, Array], out: Sequence[Array],
) -> Array:
    """The value of line i, from those before it."""
    node = network.nodes[i]
    if isinstance(node.leaf, Constant):
        return domain.constant(node.leaf)
    if isinstance(node.leaf, Parameter):
        return parameters[node.leaf.name]
    if node.leaf is not None:
        return inputs[node.leaf.name]
    assert isinstance(node.op, Primitive)
    known = arguments_of(network).get(i)
    if known is not None:
        return domain.at(node.op.name, known)
    return node.op.apply(domain, *(out[j] for j in node.inputs), **node.attrs)


def values_after(
    network: Network, domain: Domain, before: Sequence[Array], changed: Mapping[str, Array],
) -> list[Array]:
    """`values` where some parameters are others: a line is computed where what it reads is not
    what it was, and is else the object that it was.

    before: the lines at the first parameters, in a domain whose values depend on the arguments
    alone. What moves a few tensors costs as many lines as differ, not the whole program. Not for
    programs with branches, which a domain is told one after another.
    """
    out = list(before)
    waiting = [i for i, p in zip(network.parameter_nodes, network.parameters, strict=True)
               if p.name in changed]
    asked = set(waiting)
    while waiting:
        # ascending: what a line reads has been made before it
        i = heappop(waiting)
        anew = _value(network, i, domain, changed, {}, out)
        if np.array_equal(anew, before[i]):
            continue
        out[i] = anew
        for j in network.readers[i]:
            if j not in asked:
                asked.add(j)
                heappush(waiting, j)
    return out


def tangents(
    network: Network, domain: Domain, lines: Sequence[Array], seeds: Mapping[int, Array]
) -> list[Array | None]:
    """The derivative of every line along the seeds of the leaves (by position; None is zero)."""
    out: list[Array | None] = []
    for i, node in enumerate(network.nodes):
        moved = [out[j] for j in node.inputs]
        if node.op is None:
            out.append(seeds.get(i))
        elif all(d is None for d in moved):
            out.append(None)
        else:
            assert isinstance(node.op, Primitive)
            xs = [lines[j] for j in node.inputs]
            out.append(node.op.tangent(domain, xs, lines[i], moved, **node.attrs))
    return out


def pulled(
    network: Network, domain: Domain, lines: Sequence[Array], seeds: Sequence[Array],
    stop: int | None = None, still: Sequence[bool] | None = None,
) -> dict[int, Array]:
    """The adjoint applied to one seed per output, at the leaves by position (missing is zero).

    `stop`: a line that counts as a leaf. `still`: the lines that count as constants, those that
    depend on no input and no parameter if it is not given.
    """
    still = network.is_constant if still is None else still
    held: dict[int, Array] = {}

    def accumulate(i: int, ct: Array) -> None:
        held[i] = domain.add(held[i], ct) if i in held else ct

    for i, seed in zip(network.outputs, seeds, strict=True):
        accumulate(i, seed)
    for i in range(len(network.nodes) - 1, -1, -1):
        node = network.nodes[i]
        if node.op is None or i not in held or still[i] or i == stop:
            continue
        if domain.vanishes(held[i]):
            del held[i]
            continue
        assert isinstance(node.op, Primitive)
        xs = [lines[j] for j in node.inputs]
        for j, ct in zip(
            node.inputs, node.op.cotangent(domain, xs, lines[i], held.pop(i), **node.attrs),
            strict=True,
        ):
            if ct is not None and not still[j]:
                accumulate(j, ct)
    return held


def cotangents(
    network: Network, domain: Domain, lines: Sequence[Array], seeds: Sequence[Array],
    still: Sequence[bool] | None = None,
) -> dict[str, Array]:
    """The adjoint applied to one seed per output: one row of the Jacobian per batch entry.

    `still` as for `pulled`: 0 at parameters that count as constants.
    """
    batch = len(seeds[0])
    held = pulled(network, domain, lines, seeds, still=still)
    rows: dict[str, Array] = {}
    for position, parameter in zip(network.parameter_nodes, network.parameters, strict=True):
        ct = held.get(position)
        shape = (batch, *parameter.shape)
        rows[parameter.name] = domain.zeros(shape) if ct is None else np.broadcast_to(ct, shape)
    return rows


def outputs(network: Network, lines: Sequence[Array]) -> list[Array]:
    """The values of the outputs."""
    return [lines[i] for i in network.outputs]
