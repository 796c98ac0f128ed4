"""Rank over GF(p) on a device: n x n matrices of known rank, and a check that can fail.

    python docs/benchmarks/device_rank.py [--device cuda] [--sizes N...]

r = 0.9 n rows are random residues, which are independent but with probability below n / p; the
others are sums of eight of them. Timed: the elimination alone, loading included, once; the device
is waited for. "share" is 4/3 n^3 operations over the time, at the rate of the device's own float64
product just before. Exit status 1 where a rank is another.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter

import numpy as np
import torch

from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField, primes

P = next(primes())


def product_rate(device: str, n: int = 4000) -> float:
    """Operations a second of torch's float64 product."""
    a = torch.rand(n, n, dtype=torch.float64, device=device)
    for _ in range(2):
        start = perf_counter()
        float((a @ a)[0, 0])
        taken = perf_counter() - start
    return 2 * n**3 / taken


def deficient(n: int, r: int, rng: np.random.Generator) -> np.ndarray:
    """Residues of a matrix of rank r: r random rows, and random sums of eight of them."""
    field = PrimeField(P)
    matrix = np.array(field.random(rng, (n, n)), dtype=np.float64)
    for i in range(r, n):
        chosen = rng.integers(0, r, 8)
        matrix[i] = sum(float(rng.integers(1, 2**20)) * matrix[j] % P for j in chosen) % P
    return matrix[rng.permutation(n)]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4000, 16000, 30000])
    options = parser.parse_args()
    rate, wrong = product_rate(options.device), 0
    print(f"p = {P}, torch {torch.__version__}, {options.device}, float64 product "
          f"{rate / 1e12:.2f} Tflop/s\n\n| n | rank | found | s | share |")
    print("| --- " * 5 + "|")
    for n in options.sizes:
        r = n - n // 10
        matrix = deficient(n, r, np.random.default_rng(n))
        start = perf_counter()
        found = rank(matrix, P, f"torch:{options.device}")
        taken = perf_counter() - start
        wrong += found != r
        print(f"| {n} | {r} | {found} | {taken:.3g} | {4 / 3 * n**3 / taken / rate:.2f} |",
              flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
