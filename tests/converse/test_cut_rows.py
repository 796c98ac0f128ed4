"""Only some rows are seen, or read of a table: never fewer directions than the redundancy.

The last row of a causal stream tells of all (K17), on both sides of what that asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from converse_ranks import redundancy_of
from known_networks import KnownNetwork, real
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.completeness.complete import Completeness, Extent, completeness
from symgauge.program.network import Network

ATTENTION = "q:2x4 k:2x4 v:2x4 o:4x2"
BLOCK = "E:4x4 W:3x4 c:3 Z:4x3 U:4x4 g:4 h:4"


def rms(z: Tensor) -> Tensor:
    return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-2)


def attend(p: nn.Module, u: Tensor) -> Tensor:
    n = len(u)
    s = (u @ p.q.T) @ (u @ p.k.T).T
    s = s.masked_fill(torch.triu(torch.ones(n, n, dtype=torch.bool), 1), float("-inf"))
    return torch.softmax(s, -1) @ (u @ p.v.T) @ p.o.T


def block(p: nn.Module, z: Tensor) -> Tensor:
    """Units before a norm and a head."""
    z = z + torch.tanh(rms(z) * p.g @ p.W.T + p.c) @ p.Z.T
    return rms(z) * p.h @ p.U.T


def stream(p: nn.Module, x: Tensor) -> Tensor:
    z = x @ p.E.T
    return block(p, z + attend(p, rms(z)))


def made(shapes: str, formula: Callable[..., Tensor], x: Tensor) -> Network:
    return capture(KnownNetwork(shapes, formula), (x,)).network


def claimed(found: Completeness, network: Network) -> int:
    """The bound, and what is said to be unread."""
    sizes: dict[str, int] = {}
    for p in network.parameters:
        sizes[p.name] = p.size
        for axis in range(len(p.shape)):
            n = p.shape[axis]
            sizes |= {f"{p.name}[{':, ' * axis}{a}:{b}]": p.size * (b - a) // n
                      for a in range(n) for b in range(a + 1, n + 1)}
    return found.bound + sum(sizes[name] for name in found.unread)


@pytest.mark.parametrize(("shapes", "formula", "rows"), [
    (ATTENTION, lambda p, x: attend(p, x)[0], 3),
    (f"{BLOCK} {ATTENTION}", lambda p, x: stream(p, x)[:1], 3),
    (f"{BLOCK} P:2x4", lambda p, x: block(p, x @ p.E.T + p.P)[-1:], 2),
    (f"{BLOCK} P:2x4", lambda p, x: block(p, (x @ p.E.T + p.P)[:1]), 2)],
    ids=["attention", "stream", "positions", "crop"])
def test_some_rows_of_a_line_stop(
    shapes: str, formula: Callable[..., Tensor], rows: int
) -> None:
    network = made(shapes, formula, real(rows, 4))
    found = completeness(network)
    assert found.stop is not None and found.stop.reason == "only some rows are seen"
    assert claimed(found, network) >= redundancy_of(network, 0)


@pytest.mark.parametrize(("P", "rows"), [
    ("2x4", lambda P: P[0]), ("2x4", lambda P: P[:1]), ("3x4", lambda P: P[:2]),
    ("3x4", lambda P: P[1:]), ("2x4", lambda P: P),
    ("5x4", lambda P: nn.functional.embedding(torch.tensor([2, 3]), P)),
    ("3x4", lambda P: nn.functional.embedding(torch.tensor([1, 1]), P)),
    ("3x4", lambda P: nn.functional.embedding(torch.tensor([[1, 1]]), P)[0]),
    ("1x4", lambda P: nn.functional.embedding(torch.tensor([0, 0]), P))],
    ids=["0", ":1", ":2", "1:", "all", "2,3", "1,1", "nested", "0,0 of 1"])
def test_rows_of_a_table_that_nothing_reads_are_unread(
    P: str, rows: Callable[[Tensor], Tensor]
) -> None:
    network = made(f"{BLOCK} P:{P}", lambda p, x: block(p, x @ p.E.T + rows(p.P)), real(2, 4))
    found = completeness(network)
    assert found.stop is None and found.extent is Extent.RANGE
    assert claimed(found, network) == redundancy_of(network, 0)


@pytest.mark.parametrize("row", [
    lambda b: b[0], lambda b: b[:1],
    lambda b: nn.functional.embedding(torch.zeros(1, dtype=torch.long), b)], ids=["0", ":1", "id"])
def test_one_row_of_a_table_is_no_table_of_positions(row: Callable[[Tensor], Tensor]) -> None:
    """Tokens, one row, a norm, units and a norm, no attention: no sum with positions tells."""
    def formula(p: nn.Module, t: Tensor) -> Tensor:
        z = rms(nn.functional.embedding(t, p.E) + row(p.b)) * p.g + p.e
        return (rms(z + torch.tanh(z @ p.W.T + p.c) @ p.Z.T + p.z) * p.h + p.f) @ p.U.T

    network = made("E:9x3 b:2x3 g:3 e:3 W:2x3 c:2 Z:3x2 z:3 h:3 f:3 U:4x3", formula,
                   torch.tensor([0, 1]))
    found = completeness(network)
    assert found.stop is not None and found.stop.reason == "tokens without positions"


# -- the last row ---------------------------------------------------------------------------------


def normed(z: Tensor, gain: Tensor, eps: float, centred: bool) -> Tensor:
    z = z - z.mean(-1, keepdim=True) if centred else z
    out: Tensor = z * torch.rsqrt((z * z).mean(-1, keepdim=True) + eps) * gain
    return out


def last_row(
    d: int, heads: int, values: int, layers: int = 1, row: int = -1, rows: int = 3,
    mask: str = "causal", eps: float = 1e-2, centred: bool = False,
) -> Network:
    """x E, blocks of attention and of one unit, a norm and a head; one row of it.

    `mask`: "none", or "alone": the last row of the last attention sees itself alone.
    """
    shapes = f"E:{d}x{d} G:{d} U:{d}x{d}" + "".join(
        f" g{i}:{d} q{i}:{d}x{heads} k{i}:{d}x{heads} v{i}:{d}x{heads * values} "
        f"o{i}:{heads * values}x{d} h{i}:{d} W{i}:{d}x1 V{i}:1x{d}" for i in range(layers))
    hidden = torch.triu(torch.ones(rows, rows, dtype=torch.bool), 1)

    def attended(p: nn.Module, i: int, n: Tensor) -> Tensor:
        q, k, v = ((n @ getattr(p, f"{x}{i}")).reshape(rows, heads, -1).transpose(0, 1)
                   for x in "qkv")
        scores = q @ k.transpose(1, 2)
        if mask != "none":
            left_out = hidden.clone()
            left_out[-1, :-1] = mask == "alone" and i == layers - 1
            scores = scores.masked_fill(left_out, float("-inf"))
        return (torch.softmax(scores, -1) @ v).transpose(0, 1).reshape(rows, -1) @ getattr(
            p, f"o{i}")

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        z = x @ p.E
        for i in range(layers):
            z = z + attended(p, i, normed(z, getattr(p, f"g{i}"), eps, centred))
            u = normed(z, getattr(p, f"h{i}"), eps, centred)
            z = z + torch.tanh(u @ getattr(p, f"W{i}")) @ getattr(p, f"V{i}")
        return normed(z, p.G, eps, centred)[row:][:1] @ p.U

    return made(shapes, formula, real(rows, d))


@pytest.mark.parametrize("sizes", [
    {"d": 2, "heads": 2, "values": 1}, {"d": 2, "heads": 1, "values": 2, "rows": 2},
    {"d": 2, "heads": 2, "values": 1, "layers": 2}, {"d": 3, "heads": 2, "values": 2},
    {"d": 3, "heads": 2, "values": 2, "centred": True},
    {"d": 3, "heads": 3, "values": 1, "layers": 2, "rows": 2, "centred": True}], ids=str)
def test_the_last_row_tells_of_all(sizes: dict[str, Any]) -> None:
    network = last_row(**sizes)
    found = completeness(network)
    assert found.extent is Extent.RANGE and found.bound == redundancy_of(network, 0)
    assert "rows that are cut" in [s.fact for s in found.steps]


@pytest.mark.parametrize(("sizes", "reason"), [
    ({"values": 1}, "values see all entries"),
    ({"values": 3, "centred": True}, "the values of a head are seen"),
    ({"values": 2, "mask": "none"}, "another row sees the last one"),
    ({"values": 2, "mask": "none", "layers": 2}, "another row sees the last one"),
    ({"values": 2, "mask": "alone", "layers": 2}, "the last row does not see all rows"),
    ({"values": 2, "row": -2}, "only some rows are seen"),
    ({"d": 3, "values": 3, "eps": 0.0}, "values read no norm with epsilon")], ids=str)
def test_another_row_or_other_values_stop(sizes: dict[str, Any], reason: str) -> None:
    network = last_row(**{"d": 3 if sizes.get("centred") else 2, "heads": 1, **sizes})
    found = completeness(network)
    assert found.stop is not None and reason in found.stop.reason
    assert claimed(found, network) >= redundancy_of(network, 0)
