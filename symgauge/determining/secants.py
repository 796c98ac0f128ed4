"""Networks whose outputs are sums of pure tensors: no rank of J is above what flattenings say.

Parameters that no monomial has together make blocks: sum c_k (w_k x)^d has one for each unit. The
coefficients of a block are a tensor, an axis for the outputs and one for each degree in an input
(with 1 among its entries where degrees differ). It is pure if the matrix of each axis by all others
has rank 1, which is an identity of polynomials. All outputs' coefficients are the sum of the
blocks', and J is their derivative with functions of the inputs before it.

Cases where counting says more: J. Alexander and A. Hirschowitz, Polynomial interpolation in several
variables, J. Algebraic Geom. 4 (1995).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from math import factorial, prod

import numpy as np

from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.exact.flattenings import dimensions
from symgauge.exact.polynomial import Number, Polynomial, Ring, SizeLimit, ratio
from symgauge.exact.prime_field import primes
from symgauge.identities.coefficients import LARGEST, PRODUCTS
from symgauge.program.leaf import Input
from symgauge.program.lower import lower
from symgauge.program.network import Network

#: Entries of a tensor above which nothing is said.
ENTRIES = 20_000
#: Products of monomials that show a block to be pure.
WORK = 200_000
#: Where an entry of a tensor is, and the entries of one.
Place = tuple[int, ...]
Tensor = dict[Place, Polynomial]


def terms_of(network: Network, wanted: int) -> int | None:
    """How many pure tensors the outputs are a sum of, if therefore J has no rank above `wanted`."""
    if network.has_flows or network.num_coordinates > LARGEST:
        return None
    lowered = lower(network)
    lines = PolynomialLines(lowered, PRODUCTS)
    try:
        outputs = [p for i in lowered.outputs for p in lines.entries(i)]
        inputs = [[next(iter(p))[0] for p in lines.entries(i)]
                  for i, n in enumerate(lowered.nodes) if isinstance(n.leaf, Input)]
        known = lines.inputs.union(lines.parameters)
        if any(x not in known for p in outputs for m in p for x in m):
            return None
        shape, kinds, tensor = _tensor(outputs, inputs)
        blocks = _blocks(tensor, lines.parameters)
        if prod(shape) > ENTRIES or not all(_is_pure(b, shape, kinds) for b in blocks):
            return None
    except (SizeLimit, ZeroDivisionError):
        return None
    p = next(primes())
    rng = np.random.default_rng(0)  # any point shows it
    at = {x: int(rng.integers(p)) for x in lines.parameters}
    values, support = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    for place, entry in tensor.items():
        support[place] = True
        values[place] = sum(_residue(c, p) * prod(at[x] for x in m) for m, c in entry.items()) % p
    return len(blocks) if dimensions(
        values, support, kinds, len(blocks), p, wanted) <= wanted else None


def _tensor(
    outputs: list[Polynomial], inputs: list[list[int]]
) -> tuple[list[int], list[int], Tensor]:
    """Sizes and kinds of the axes, and the entries: symmetric in axes of one kind."""
    met = {x for p in outputs for m in p for x in m}
    shape, kinds, variables = [len(outputs)], [0], list[list[int]]()
    for kind, symbols in enumerate(inputs, 1):
        used = [x for x in symbols if x in met]
        degrees = {sum(x in used for x in m) for p in outputs for m in p}
        axes, one = max(degrees, default=0), len(degrees) > 1
        variables.append(used)
        shape += [len(used) + one] * axes
        kinds += [kind] * axes
    tensor: Tensor = {}
    if prod(shape) > ENTRIES:
        raise SizeLimit(f"{prod(shape)} entries")
    for o, p in enumerate(outputs):
        for m, c in p.items():
            groups, count, rest = list[list[int]](), 1, tuple(
                x for x in m if not any(x in used for used in variables))
            for kind, used in enumerate(variables, 1):
                group = [used.index(x) for x in m if x in used]
                group += [len(used)] * (kinds.count(kind) - len(group))
                groups.append(group)
                count *= factorial(len(group)) // prod(
                    factorial(group.count(a)) for a in set(group))
            for places in product(*(set(_orders(g)) for g in groups)):
                place = (o, *(a for g in places for a in g))
                tensor.setdefault(place, {})[rest] = ratio(c, count)
    return shape, kinds, tensor


def _orders(group: list[int]) -> Iterable[tuple[int, ...]]:
    """All orders of a list, each once."""
    if not group:
        return {()}
    return {(a, *rest) for k, a in enumerate(group)
            for rest in _orders([*group[:k], *group[k + 1:]])}


def _blocks(tensor: Tensor, parameters: Mapping[int, int]) -> list[Tensor]:
    """The tensor as a sum, parts of which have no parameter in common."""
    leader = {x: x for x in parameters}

    def lead(x: int) -> int:
        while leader[x] != x:
            leader[x] = x = leader[leader[x]]
        return x

    for entry in tensor.values():
        for m in entry:
            for x in m[1:]:
                leader[lead(x)] = lead(m[0])
    found: dict[int, Tensor] = {}
    for place, entry in tensor.items():
        for m, c in entry.items():
            block = found.setdefault(lead(m[0]) if m else -1, {})
            block.setdefault(place, {})[m] = c
    return list(found.values())


def _is_pure(block: Tensor, shape: list[int], kinds: list[int]) -> bool:
    """Whether each axis by all others is a matrix of rank 1: M_ab M_cd = M_ad M_cb with M_cd not 0.

    Axes of one kind are alike.
    """
    pivot, ring = next(iter(block)), Ring(WORK)
    for axis in (kinds.index(kind) for kind in sorted(set(kinds))):
        for place, a in product(block, range(shape[axis])):
            at = _with(place, axis, a)
            left = ring.mul(block.get(at, {}), block[pivot])
            right = ring.mul(block.get(_with(pivot, axis, a), {}), block.get(
                _with(at, axis, pivot[axis]), {}))
            if left != right:
                return False
    return True


def _with(place: Place, axis: int, a: int) -> Place:
    return (*place[:axis], a, *place[axis + 1:])


def _residue(c: Number, p: int) -> int:
    return c.numerator * pow(c.denominator, -1, p) % p
