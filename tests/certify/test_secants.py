"""Sums of pure tensors: networks with fewer dimensions than counting gives."""

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest
import torch
from hidden_networks import TABLE, chain, widths
from known_networks import KnownNetwork, real
from singular_values import float_rank

import symgauge
from symgauge.capture import capture
from symgauge.certify.minors import spanned_by_minors
from symgauge.determining.secants import terms_of
from symgauge.exact.flattenings import dimensions
from symgauge.exact.prime_field import primes
from symgauge.program.network import Network
from symgauge.verdict import Verdict

PRIME = next(primes())
#: Sizes and multiplicities of the axes, terms, dimensions: less than counting gives.
DEFECTIVE = [
    # J. Alexander, A. Hirschowitz 1995: powers of degree 4 and 3
    ([(3, 4)], 5, 14), ([(4, 4)], 9, 34), ([(5, 4)], 14, 69), ([(5, 3)], 7, 34),
    # A. Terracini 1915: two cubics
    ([(2, 1), (3, 3)], 5, 19),
    # V. Strassen 1983; H. Abo, G. Ottaviani, C. Peterson 2009
    ([(3, 1), (3, 1), (3, 1)], 4, 26), ([(3, 1), (4, 1), (4, 1)], 5, 44),
    ([(2, 1), (2, 1), (2, 1), (2, 1)], 3, 14),
]


def drawn(axes: list[tuple[int, int]], terms: int) -> np.ndarray:
    """A sum of pure tensors, symmetric in axes of one kind."""
    rng, total = np.random.default_rng(1), None
    for _ in range(terms):
        pure = np.ones((), dtype=np.int64)
        for n, times in axes:
            vector = rng.integers(PRIME, size=n)
            for _ in range(times):
                pure = np.multiply.outer(pure, vector) % PRIME
        total = pure if total is None else (total + pure) % PRIME
    return total


@pytest.mark.parametrize(("axes", "terms", "dimension"), DEFECTIVE)
def test_flattenings(axes: list[tuple[int, int]], terms: int, dimension: int) -> None:
    kinds = [kind for kind, (_, times) in enumerate(axes) for _ in range(times)]
    tensor = drawn(axes, terms)
    every = np.ones(tensor.shape, dtype=bool)
    assert dimensions(tensor, every, kinds, terms, PRIME, 0) == dimension
    # with one term more the whole space is filled: nothing is said
    whole = int(np.prod([comb(n + times - 1, times) for n, times in axes]))
    more = drawn(axes, terms + 1)
    assert dimensions(more, every, kinds, terms + 1, PRIME, 0) == whole
    # nor of a tensor that is no such sum
    assert dimensions(more, every, kinds, terms, PRIME, 0) == whole


def program(shapes: str, formula: Callable[..., Any], *args: torch.Tensor) -> Network:
    return capture(KnownNetwork(shapes, formula), args).network


def cubes(p: Any, x: torch.Tensor) -> torch.Tensor:
    return (x @ p.W1.T) ** 3 @ p.W2.T


def products(p: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return ((x @ p.A.T) * (y @ p.B.T)) @ p.C


@pytest.mark.parametrize(("network", "terms", "rank"), [
    (program(*TABLE["waring 3-5-1"][:2], real(1, 3)), 5, 14),
    # 1 is one more variable
    (program(*TABLE["waring 2-5-1 bias 1"][:2], real(1, 2)), 5, 14),
    (program(*TABLE["waring 4-7-1 bias 1"][:2], real(1, 4)), 7, 34),
    (program(widths(3, 5, 2), cubes, real(1, 3)), 5, 19),
    (program("A:4x3 B:4x3 C:4x3", products, real(1, 3), real(1, 3)), 4, 26),
])
def test_networks(network: Network, terms: int, rank: int) -> None:
    assert terms_of(network, rank) == terms
    assert f"sum of {terms} pure tensors" in spanned_by_minors(network, rank)
    # no lower rank is shown
    assert terms_of(network, rank - 1) is None and spanned_by_minors(network, rank - 1) == ""


@pytest.mark.parametrize(("shapes", "formula", "rank"), [
    # a number that is added is a term of its own
    ("W1:5x3 W2:1x5 b:1", lambda p, x: (x @ p.W1.T) ** 4 @ p.W2.T + p.b, 14),
    # units that have a parameter in common are one block, which is not pure
    ("W1:5x3 W2:1x5", lambda p, x: ((x @ p.W1.T) ** 4 * p.W2[0]).sum(-1) * p.W2[0, 0], 14),
    # products of two forms, functions
    ("W1:5x3 V:5x3", lambda p, x: ((x @ p.W1.T) ** 3 * (x @ p.V.T)).sum(-1), 14),
    ("W1:5x3 W2:1x5", lambda p, x: torch.relu(x @ p.W1.T) @ p.W2.T, 14),
])
def test_others_are_no_such_sums(shapes: str, formula: Callable[..., Any], rank: int) -> None:
    assert terms_of(program(shapes, formula, real(1, 3)), rank) is None


@pytest.mark.parametrize(("shapes", "formula", "args"), [
    (widths(3, 5, 1), lambda p, x: chain(p, x, power=4), (real(1, 3),)),
    ("A:4x3 B:4x3 C:4x3", products, (real(1, 3), real(1, 3))),
])
def test_derivations(
    shapes: str, formula: Callable[..., Any], args: tuple[torch.Tensor, ...]
) -> None:
    module = KnownNetwork(shapes, formula)
    found = symgauge.derive(module, args)
    assert (found.unexplained, found.verdict) == (0, Verdict.PROVED)
    assert found.redundancy == float_rank(module, args, 3, 0).redundancy
    assert found.verify().verdict is Verdict.PROVED
    assert "pure tensors" in " ".join(found.claim.shown)
