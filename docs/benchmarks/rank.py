"""Rank over GF(p): dense matrices, Jacobians of networks, stacks of generators.

    python docs/benchmarks/rank.py [matrices] [networks] [generators] [--sizes N...]
        [--full-rank] [--only TEXT] [--repeat N]

matrices: `symgauge.exact` (numpy, and torch on the processor) against flint's own `nmod_mat.rank`
    (two threads), SymPy's `DomainMatrix.rank` and numpy's `matrix_rank` (singular values), on the
    same random matrices of full rank and of rank 0.9 n, the same prime, in one run; each repetition
    runs ours and flint one after the other, the others follow. The time of ours holds loading
    residues; that of flint leaves conversion out, which is its own column (python integers, as
    flint reads nothing else). "share" is 4/3 n^3 operations (two products for each of
    elimination's 2/3 n^3) over the time, at the rate of numpy's own float64 product just before.
    Where n is above the limit of a program it is left out. `--full-rank` leaves the deficient
    matrices out.
networks: rows of the Jacobian and their rank at one exact random point, as `derive` and `verify`
    take them: seconds in each, the peak memory of the process so far. Beside it, on the smaller
    ones, the rank that singular values give for as many float64 rows (numpy's default tolerance).
    Capture, and importing torch, are outside. Above P = 5000 there is one repetition.
generators: rank of the values at one point of a stack of generators (changes of basis of heads,
    rescalings of hidden units, rotations of the stream), sparse against dense.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
from collections.abc import Callable
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest import mock

import flint
import numpy as np
import torch
from sympy.polys.domains import GF
from sympy.polys.matrices import DomainMatrix

from symgauge import zoo
from symgauge.capture import capture
from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.real import RealDomain
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.exact.running_rank import RunningRank
from symgauge.lie.fields import VectorField, orbit_rank
from symgauge.points import rank as at_point
from symgauge.points.cells import draw_reals
from symgauge.points.draw import Draw
from symgauge.points.reads import read_coordinates
from symgauge.points.rows import SPARE
from symgauge.points.tokens import draw_tokens
from symgauge.program.lower import lower
from symgauge.program.network import Network

FIELD = PrimeField(next(primes()))
P = FIELD.p
#: Above these sizes a program is left out.
SYMPY_LIMIT, SVD_LIMIT, TORCH_LIMIT = 200, 1000, 1000
THREADS = len(os.sched_getaffinity(0))


def clock(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and the result."""
    start = perf_counter()
    result = run()
    return perf_counter() - start, result


def spread(times: list[float]) -> str:
    """Median (smallest to largest)."""
    low, high = min(times), max(times)
    return f"{statistics.median(times):.3g} ({low:.3g}-{high:.3g})"


def product_rate(n: int) -> float:
    """Operations per second of a float64 matrix product."""
    a = np.random.default_rng(0).random((n, n))
    return 2 * n**3 / min(clock(lambda: a @ a)[0] for _ in range(2))


def random_matrix(n: int, r: int, rng: np.random.Generator) -> Array:
    """An n x n matrix of rank r (but for bad luck)."""
    if r == n:
        return FIELD.random(rng, (n, n))
    return FIELD.matmul(FIELD.random(rng, (n, r)), FIELD.random(rng, (r, n)))


def matrices(sizes: list[int], parts_of_n: list[float], repeat: int) -> None:
    """One row per size and rank."""
    flint.ctx.threads = THREADS
    print("| n | rank | numpy s | share | flint s | flint / numpy | conversion s | torch s | "
          "SymPy s | SVD s |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    rng = np.random.default_rng(0)
    for n in sizes:
        for r in (int(part * n) for part in parts_of_n):
            matrix = random_matrix(n, r, rng)
            ours, theirs, others, ratios, shares = [], [], [], [], []
            converting, converted = clock(lambda: flint.nmod_mat(
                n, n, matrix.astype(np.int64).ravel().tolist(), P))
            for _ in range(repeat):
                rate = product_rate(min(n, 2000))
                t, found = clock(lambda: rank(matrix, P, "numpy"))
                u, same = clock(converted.rank)
                assert found == same == r, (found, same, r)
                ours.append(t)
                theirs.append(u)
                ratios.append(u / t)
                shares.append(4 / 3 * n**3 / t / rate)
            del converted
            # afterwards: torch's threads spin for a while when they have nothing to do
            for _ in range(repeat if n <= TORCH_LIMIT else 0):
                t, found = clock(lambda: rank(matrix, P, "torch"))
                assert found == r
                others.append(t)
            sympy = svd = "-"
            if n <= SYMPY_LIMIT:
                domain = DomainMatrix(matrix.astype(int).tolist(), (n, n), GF(P))
                t, found = clock(domain.rank)
                assert found == r
                sympy = f"{t:.3g}"
            if n <= SVD_LIMIT:
                svd = f"{clock(lambda: np.linalg.matrix_rank(matrix))[0]:.3g}"
            share = f"{statistics.median(shares):.2f}" if n >= 1000 else "-"
            print(f"| {n} | {r} | {spread(ours)} | {share} | "
                  f"{spread(theirs)} | {spread(ratios)} | {converting:.3g} | "
                  f"{spread(others) if others else '-'} | {sympy} | {svd} |", flush=True)


def zoo_network(name: str, **sizes: Any) -> Network:
    """A zoo network at these sizes."""
    module, args = zoo.load(name).factory(**sizes)
    return capture(module, args).network


def known_network(name: str) -> Network:
    """One of the networks of the tests."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))
    from known_networks import NETWORKS

    return capture(*NETWORKS[name]()).network


def _llama(layers: int) -> Network:
    return zoo_network(
        "llama_like", vocab_size=32, hidden_size=16, intermediate_size=32, num_layers=layers,
        num_heads=4, num_kv_heads=4, head_dim=4, tokens=6,
    )


LADDER: dict[str, Callable[[], Network]] = {
    "attention, 2 heads, all biases (zoo)": lambda: zoo_network("attention"),
    "gpt2_untied_eps1e-5": lambda: known_network("gpt2_untied_eps1e-5"),
    "llama_tied_gain_eps0": lambda: known_network("llama_tied_gain_eps0"),
    "llama_untied_eps1e-5": lambda: known_network("llama_untied_eps1e-5"),
    "Llama block, d = 16": lambda: zoo_network(
        "decoder_block", hidden_size=16, intermediate_size=32, num_heads=4, num_kv_heads=2,
        head_dim=4),
    "Llama, 1 layer, V = 32": lambda: _llama(1),
    "Llama, 2 layers, V = 32": lambda: _llama(2),
    "Llama, 4 layers, V = 32": lambda: _llama(4),
}


class Timed(RunningRank):
    """A running rank that counts its own seconds."""

    seconds = 0.0

    def add(self, rows: Array) -> None:
        t, _ = clock(lambda: super(Timed, self).add(rows))
        Timed.seconds += t

    @property
    def rank(self) -> int:
        t, found = clock(lambda: super(Timed, self).rank)
        Timed.seconds += t
        return int(found)


def float_rank(network: Network, count: int, read: np.ndarray) -> int:
    """The rank that singular values give for float64 rows at one point."""
    rng, lowered = np.random.default_rng(0), lower(network)
    parameters, _ = draw_reals(lowered, rng, 1)
    _, inputs = draw_reals(lowered, rng, count)
    domain = RealDomain()
    lines = values(lowered, domain, parameters, inputs)
    seeds = [rng.normal(size=(count, *lowered.nodes[i].shape)) for i in lowered.outputs]
    rows = cotangents(lowered, domain, lines, seeds)
    flat = np.concatenate([rows[p.name].reshape(count, -1) for p in lowered.parameters], axis=1)
    return int(np.linalg.matrix_rank(flat[:, read]))


def networks(only: str, repeat: int) -> None:
    """One row per network."""
    print("| network | P | rank J | P - rank J | rows s | rank s | peak GB | SVD rank | SVD s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, build in LADDER.items():
        if only not in name:
            continue
        network = build()
        read = read_coordinates(network)
        total = int(read.sum())
        rows, ranks, found = [], [], set()
        for seed in range(repeat if total < 5000 else 1):
            rng = np.random.default_rng(seed)
            tokens = draw_tokens(network, rng)
            Timed.seconds = 0.0
            with mock.patch.object(at_point, "RunningRank", Timed):
                draw = Draw(network, FIELD, rng, tokens=tokens)
                t, r = clock(lambda: at_point.rank_at_point(draw, read))
            rows.append(t - Timed.seconds)
            ranks.append(Timed.seconds)
            found.add(r)
        # Linux counts kilobytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        svd = seconds = "-"
        if total <= 2500:
            t, by_svd = clock(lambda: float_rank(network, total + SPARE, read))
            svd, seconds = str(by_svd), f"{t:.3g}"
        listed = " or ".join(str(r) for r in sorted(found))
        print(f"| {name} | {total} | {listed} | {total - max(found)} | {spread(rows)} | "
              f"{spread(ranks)} | {peak:.2f} | {svd} | {seconds} |", flush=True)


def stack(layers: int, width: int, heads: int, hidden: int) -> tuple[list[VectorField], int]:
    """Generators of a residual model on the parameters Q, K, V, O, U, D of each layer.

    gl(head) on queries and keys, gl(head) on values and output, one scaling for each hidden unit,
    and so(width) on the stream of all layers.
    """
    one, head = Fraction(1), width // heads
    tensors = {"Q": width, "K": width, "V": width, "O": width, "U": hidden, "D": hidden}
    offset, offsets = 0, []
    for _ in range(layers):
        offsets.append({})
        for name, rows in tensors.items():
            offsets[-1][name] = offset
            offset += rows * width
    fields: list[VectorField] = []
    for at in offsets:
        for h in range(heads):
            for a, b in (("Q", "K"), ("V", "O")):
                for i in range(head):
                    for j in range(head):
                        m, n = (h * head + i) * width, (h * head + j) * width
                        fields.append(VectorField.build((), (
                            *((at[a] + m + c, at[a] + n + c, one) for c in range(width)),
                            *((at[b] + n + c, at[b] + m + c, -one) for c in range(width)),
                        )))
        for k in range(hidden):
            fields.append(VectorField.build((), (
                *((at["U"] + k * width + c, at["U"] + k * width + c, one) for c in range(width)),
                *((at["D"] + k * width + c, at["D"] + k * width + c, -one) for c in range(width)),
            )))
    for i in range(width):
        for j in range(i):
            fields.append(VectorField.build((), (
                entry for at in offsets for name, rows in tensors.items() for k in range(rows)
                for entry in (
                    (at[name] + k * width + i, at[name] + k * width + j, one),
                    (at[name] + k * width + j, at[name] + k * width + i, -one),
                )
            )))
    return fields, offset


def generators() -> None:
    """One row per stack."""
    print("| generators | parameters | entries | rank G | values s | sparse s | dense s |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    rng = np.random.default_rng(0)
    for layers, width, heads, hidden in (
        (1, 16, 4, 32), (4, 16, 4, 32), (8, 32, 4, 128), (12, 64, 8, 256),
    ):
        fields, total = stack(layers, width, heads, hidden)
        # every tenth twice over, so that the stack is deficient
        fields += fields[::10]
        theta = FIELD.random(rng, (total,))
        point = theta.astype(np.int64).tolist()
        making, made = clock(lambda: [f.entries_at(point, FIELD) for f in fields])
        t, found = clock(lambda: orbit_rank(fields, theta, FIELD))
        dense = "-"
        if len(fields) * total < 1 << 27:
            full = np.zeros((len(fields), total))
            for i, row in enumerate(made):
                full[i, list(row)] = list(row.values())
            u, same = clock(lambda: rank(full, P, "numpy"))
            assert same == found
            dense = f"{u:.3g}"
        print(f"| {len(fields)} | {total} | {sum(map(len, made))} | {found} | {making:.3g} | "
              f"{t - making:.3g} | {dense} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", metavar="PART", default=[],
                        help="matrices, networks, generators; all of them by default")
    parser.add_argument("--full-rank", action="store_true", help="no matrices of rank 0.9 n")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 200, 500, 1000, 2000, 4000])
    parser.add_argument("--only", default="", metavar="TEXT", help="networks with TEXT in the name")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    parts = options.parts or ["matrices", "networks", "generators"]
    versions = ", ".join(
        f"{p} {metadata.version(p)}" for p in ("numpy", "torch", "sympy", "python-flint")
    )
    print(f"Python {platform.python_version()}, {versions} (FLINT {flint.__FLINT_VERSION__})")
    print(f"{THREADS} cores, load {os.getloadavg()[0]:.1f} at the start, "
          f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, "
          f"{torch.get_num_threads()} torch threads; p = {P}; "
          f"median of {options.repeat} (smallest-largest)\n", flush=True)
    if "matrices" in parts:
        matrices(options.sizes, [1.0] if options.full_rank else [1.0, 0.9], options.repeat)
        print()
    if "networks" in parts:
        networks(options.only, options.repeat)
        print()
    if "generators" in parts:
        generators()
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
