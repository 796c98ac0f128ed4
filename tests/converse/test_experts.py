"""Mixtures of experts in the sweep: exact on both sides of the bounds, stopped where it must be."""

import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from converse_networks import Network
from exact_redundancy import exact_redundancy, points
from expert_networks import GATES, expert_shapes, expert_stack, experts, mixture, rms
from known_networks import KnownNetwork
from places import DATA, ROOT
from torch import Tensor

from symgauge.capture import build_without_weights, capture
from symgauge.cli.inputs import target_of
from symgauge.completeness.complete import AGREES, Completeness, Extent, completeness
from symgauge.converse.sweep import sweep
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.lower import lower
from symgauge.program.network import Network as Program
from symgauge.program.network import Node
from symgauge.steps.unread import Unread
from symgauge.steps.whole import WholeWalk
from symgauge.sums.sorted_rows import in_order

ALL, CHOSEN, SIGMOID, SIGMOID_CHOSEN = GATES
K16: Callable[..., int] = runpy.run_path(str(ROOT / "proofs" / "k16_experts.py"))["redundancy"]


def said(network: Network) -> Completeness:
    shapes, formula, x = network
    return completeness(capture(KnownNetwork(shapes, formula), (x,)).network)


#: Weights, experts, chosen, units, width, outputs: on both sides of E - 1 <= d and of k < E.
SIZES = [
    (CHOSEN, 3, 2, 2, 2, 2), (CHOSEN, 2, 2, 2, 1, 2), (CHOSEN, 4, 2, 1, 3, 2),
    (ALL, 3, 2, 2, 2, 1), (ALL, 3, 1, 1, 2, 2), (ALL, 3, 3, 2, 3, 2),
    (SIGMOID, 3, 2, 2, 2, 2), (SIGMOID, 3, 1, 2, 2, 1), (SIGMOID_CHOSEN, 3, 2, 2, 2, 2),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_mixture_alone(size: tuple[str, int, int, int, int, int]) -> None:
    gates, count, chosen, units, d, _ = size
    found = said(mixture(*size))
    assert found.stop is None
    assert found.bound == exact_redundancy(*mixture(*size)) == K16(
        gates, count, chosen, units, d, False)
    assert found.extent is (Extent.RANGE if units > 1 else Extent.OPEN)
    assert found.second == AGREES


@pytest.mark.parametrize("gates", [CHOSEN, SIGMOID_CHOSEN])
def test_one_expert_over_its_own_sum(gates: str) -> None:
    """No logit is seen, and the sweep does not count that."""
    size = (gates, 3, 1, 1, 2, 2)
    assert exact_redundancy(*mixture(*size)) == K16(gates, 3, 1, 1, 2, False)
    assert said(mixture(*size)).stop is not None


def test_probabilities_of_a_mixture() -> None:
    """A row of ones for each unit besides; the second reading asks for two classes of one width."""
    shapes, formula, x = mixture(CHOSEN, 3, 2, 2, 2, 3)
    network = (shapes, lambda p, x: torch.log_softmax(formula(p, x), -1), x)
    found = said(network)
    assert found.extent is Extent.RANGE and found.second == AGREES
    assert found.bound == exact_redundancy(*network) == K16(CHOSEN, 3, 2, 2, 2, False) + 3 * 2


def of_the_largest(p: Any, x: Tensor) -> Tensor:
    """The softmax of the largest logits."""
    value, index = torch.topk(x @ p.R, 2, dim=-1)
    rows, flat = x.repeat_interleave(2, 0)[:, None], index.reshape(-1)
    out: Tensor = (torch.nn.functional.silu(rows @ p.G[flat]) * (rows @ p.U[flat])) @ p.V[flat]
    return (out[:, 0] * torch.softmax(value, -1).reshape(-1)[:, None]).reshape(len(x), 2, -1).sum(1)


def test_a_softmax_of_the_largest_logits() -> None:
    network = (expert_shapes(2, 2, 3, 2), of_the_largest, points(1, 2))
    found = said(network)
    assert found.extent is Extent.RANGE and found.second == AGREES
    assert found.bound == exact_redundancy(*network) == K16(CHOSEN, 3, 2, 2, 2, False)


@pytest.mark.parametrize(("size", "expected"), [
    ((CHOSEN, 3, 2, 2, 2, 2), 3 * 2 + 2 + 2 + 2 + 1),
    ((ALL, 3, 2, 2, 2, 2), 3 * 2 + 2 + 2 + 2 + 1),
    ((SIGMOID, 3, 2, 2, 2, 2), 3 * 2 + 2 + 2 + 1)], ids=["over their sum", "over all", "sigmoids"])
def test_a_stack(size: tuple[str, int, int, int, int, int], expected: int) -> None:
    """phi = E h + d of K16 in the count of K7: phi + d for a block, d and so(d) for the head."""
    found = said(expert_stack(*size))
    assert found.extent is Extent.RANGE and found.second == AGREES
    assert found.bound == exact_redundancy(*expert_stack(*size)) == expected


def layer_norm(z: Tensor) -> Tensor:
    return rms(z - z.mean(-1, keepdim=True))


def block(bias: bool, norm: Callable[[Tensor], Tensor], width: int) -> Network:
    """A norm with gain and bias before the experts, a router with a bias or none."""
    shapes = f"I:{width}x{width} h:{width} W:{width}x{width} g:{width} b:{width} " + expert_shapes(
        width, 2, 3, width, bias=bias)

    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I
        y = norm(z + experts(p, norm(z) * p.g + p.b, CHOSEN, 2, "silu"))
        out: Tensor = y * p.h @ p.W
        return out

    return shapes, formula, points(2, width)


@pytest.mark.parametrize(("bias", "norm", "width", "expected"), [
    (False, rms, 2, 13), (True, rms, 2, 14), (False, layer_norm, 3, 31), (True, layer_norm, 3, 34)])
def test_the_norms_bias_may_move_all_logits(
    bias: bool, norm: Callable[[Tensor], Tensor], width: int, expected: int
) -> None:
    """A constant that all logits have in common is unseen."""
    network = block(bias, norm, width)
    found = said(network)
    assert found.bound == exact_redundancy(*network) == expected and found.second == AGREES


def rolled(p: Any, x: Tensor) -> Tensor:
    """The experts of a row read the next row."""
    weights, index = torch.topk(torch.softmax(x @ p.R, -1), 2, dim=-1)
    rows = x.flip(0).repeat_interleave(2, 0)[:, None]
    flat = index.reshape(-1)
    out: Tensor = (torch.nn.functional.silu(rows @ p.G[flat]) * (rows @ p.U[flat])) @ p.V[flat]
    return (out[:, 0] * weights.reshape(-1)[:, None]).reshape(2, 2, -1).sum(1)


def others_choice(p: Any, x: Tensor) -> Tensor:
    """Chosen by other numbers than those that weigh."""
    scores = torch.softmax(x @ p.R, -1)
    index = torch.topk(-scores**2, 2, dim=-1).indices
    weights = torch.gather(scores, -1, index)
    rows, flat = x.repeat_interleave(2, 0)[:, None], index.reshape(-1)
    out: Tensor = (torch.nn.functional.silu(rows @ p.G[flat]) * (rows @ p.U[flat])) @ p.V[flat]
    return (out[:, 0] * weights.reshape(-1)[:, None]).reshape(2, 2, -1).sum(1)


@pytest.mark.parametrize("network", [
    mixture(CHOSEN, 4, 2, 2, 2, 2), mixture(CHOSEN, 3, 1, 2, 2, 2),
    mixture(CHOSEN, 3, 2, 2, 3, 2, act="relu", gated=False),
    (expert_shapes(3, 2, 3, 2), rolled, points(2, 3)),
    (expert_shapes(3, 2, 3, 2), others_choice, points(2, 3)),
    (expert_shapes(2, 2, 3, 2), lambda p, x: experts(p, x, CHOSEN, 2, "silu")
     + experts(p, 2 * x, CHOSEN, 2, "silu"), points(1, 2)),
    ("A:1x2 " + expert_shapes(2, 2, 3, 2),
     lambda p, x: experts(p, rms(x @ p.A), ALL, 1, "silu"), points(1, 1)),
], ids=["choices that are not met", "one over its sum", "walls", "another row", "another choice",
        "a stack that is read twice", "one line of directions, two of three experts"])
def test_false_relatives_stop(network: Network) -> None:
    shapes, formula, x = network
    found = sweep(capture(KnownNetwork(shapes, formula), (x,)).network)
    assert found.stop is not None and found.bound >= exact_redundancy(*network)


# -- the second reading ---------------------------------------------------------------------------


def test_a_sweep_that_forgets_the_common_vector_is_refused(monkeypatch: Any) -> None:
    """The logits' common vector as one that the softmax sees."""
    monkeypatch.setattr("symgauge.facts.experts.differences", lambda base: False)
    for network in (mixture(ALL, 3, 2, 2, 2, 1), expert_stack(CHOSEN, 3, 2, 2, 2, 2)):
        found = said(network)
        assert found.bound < exact_redundancy(*network)
        assert found.extent is Extent.OPEN and "experts" in found.second


def test_a_sweep_that_takes_a_norms_bias_for_seen_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr("symgauge.converse.stream.differences", lambda base: False)
    found = said(block(False, layer_norm, 3))
    assert found.extent is Extent.OPEN and "readers of a norm" in found.second


@pytest.mark.parametrize("network", [
    (expert_shapes(3, 2, 3, 2), rolled, points(2, 3)),
    (expert_shapes(3, 2, 3, 2), others_choice, points(2, 3)),
    mixture(CHOSEN, 3, 1, 2, 2, 2), mixture(CHOSEN, 3, 2, 2, 3, 2, act="relu", gated=False),
], ids=["another row", "another choice", "one over its sum", "walls"])
def test_what_the_second_reading_does_not_read(network: Network) -> None:
    shapes, formula, x = network
    with pytest.raises(Unread):
        WholeWalk(capture(KnownNetwork(shapes, formula), (x,)).network).run()


# -- rows that are sorted by expert, as transformers groups them ----------------------------------


def handed(name: str) -> Program:
    target = target_of(f"{DATA / 'families.py'}:{name}", [])
    module, args, kwargs = build_without_weights(target)
    return capture(module, args, kwargs, meta=True).network


@pytest.mark.parametrize(("name", "redundancy"), [("mixtral", 40), ("qwen3_moe", 39)])
def test_grouped_experts(name: str, redundancy: int) -> None:
    found = completeness(handed(name))
    assert found.extent is Extent.ELSEWHERE and found.bound == found.families == redundancy


def out(network: Program, rng: np.random.Generator) -> Array:
    """The output at random weights and tokens, eight of them."""
    theta = {p.name: rng.standard_normal((1, *p.shape)) for p in network.parameters}
    ids = {x.name: np.eye(x.classes)[rng.integers(x.classes, size=(8, *x.shape[:-1]))]
           for x in network.inputs}
    lowered = lower(network)
    return outputs(lowered, values(lowered, RealDomain(), theta, ids))[0]


def test_rows_in_their_order_are_the_same_function() -> None:
    network = handed("mixtral")
    found = in_order(network)
    assert sum(a != b for a, b in zip(network.nodes, found.nodes, strict=True)) == 4
    one, two = (out(n, np.random.default_rng(3)) for n in (network, found))
    assert one.shape[0] == 8 and np.allclose(one, two, rtol=1e-9)


def planted(network: Program, change: Callable[[Node], Node | None]) -> Iterator[Program]:
    """The program with each line that may be changed changed."""
    for i, node in enumerate(network.nodes):
        found = change(node)
        if found is not None:
            yield replace(network, nodes=(*network.nodes[:i], found, *network.nodes[i + 1:]))


def another_table(node: Node) -> Node | None:
    """Integers that number rows or classes, triangles of ones: the last entry is another."""
    leaf = node.leaf
    if not isinstance(leaf, Constant) or leaf.unknown or leaf.index.size < 6 or len(
            node.shape) == 4 or len(set(leaf.index.reshape(-1).tolist())) < 2:
        return None
    index = leaf.index.copy()
    index[(-1,) * index.ndim] = leaf.index[(0,) * index.ndim]
    return replace(node, leaf=Constant(leaf.table, index))


def rising(node: Node) -> Node | None:
    """-c becomes c."""
    if node.op is None or node.op.law != "multiple" or node.attrs["factor"] != -1:
        return None
    return replace(node, attrs={"factor": Fraction(1)})


@pytest.mark.parametrize("change", [another_table, rising])
def test_what_is_spelled_otherwise_stays(change: Callable[[Node], Node | None]) -> None:
    """Where an integer of the sorting is another, rows are not those of the ranking."""
    network, seen = handed("mixtral"), 0
    for wrong in planted(network, change):
        found = in_order(wrong)
        if found is wrong:
            seen += 1
            continue
        one, two = (out(n, np.random.default_rng(3)) for n in (wrong, found))
        assert np.allclose(one, two, rtol=1e-9)
    assert seen >= 2
