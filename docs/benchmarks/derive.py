"""Seconds of a derivation, side by side with a dense solver of the general polynomial ansatz.

Run `python docs/benchmarks/derive.py` in an environment with symgauge and torch. It measures, in
seconds of the processor, since machines are shared,

1. the derive stage (rank, candidates, proofs, algebra; the capture is excluded) of the linear nets
   3-3-3 and 4-4-4 without bias, and all that follows the capture (with certificate, discrete
   elements and planted failures);
2. the same networks by a dense kernel: the general ansatz of degree 1, X = A theta + a on all P
   parameters, P (P + 1) unknowns, one row (v^T J) x (theta, 1) for each fresh point, nullspace mod
   p by the same exact arithmetic. It proves nothing and names nothing: it is the bare solver;
3. the whole command `symgauge derive attention` (two heads, biases everywhere, P = 80), in a
   process of its own that has imported torch before the clock starts;
4. `import symgauge`, each in a process of its own.

Outside every time: importing torch, compiling a PDF. The published times are those of a published
Python implementation of polynomial-ansatz symmetry detection: 17 s for 3-3-3 and 215 s for 4-4-4.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from time import process_time

import numpy as np
import torch

from symgauge import zoo
from symgauge.capture import capture
from symgauge.derivation.derive import Asked, derive_network
from symgauge.exact.linear_algebra import nullspace
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.draw import Draw
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.program.network import Network

REPETITIONS = 7
PUBLISHED = {3: 17.0, 4: 215.0}

IMPORT = "import time; t = time.process_time(); import symgauge; print(time.process_time() - t)"
COMMAND = """
import os, sys, torch
import symgauge.typesetting.compile
symgauge.typesetting.compile.find_engine = lambda: None
from symgauge.cli.main import main
start = sum(os.times()[:4])
status = main(["derive", "attention", "--out", sys.argv[1]])
print(sum(os.times()[:4]) - start)
sys.exit(status)
"""


def linear_network(width: int) -> Network:
    """The linear net width-width-width without bias: x -> W_2 W_1 x."""
    sizes = {"in_features": width, "hidden_features": width, "out_features": width}
    module, args = zoo.load("mlp").factory(activation="identity", bias=False, **sizes)
    return capture(module, args).network


def dense_kernel(network: Network, seed: int) -> int:
    """Dimension of {A theta + a : X f = 0} mod p, by one dense nullspace."""
    field, rng = PrimeField(next(primes())), np.random.default_rng(seed)
    total = network.num_coordinates
    drawn = jacobian_rows(Draw(network, field, rng), total * (total + 1) + SPARE)
    flat = [drawn.parameters[p.name].reshape(len(drawn.rows), -1) for p in network.parameters]
    theta = np.concatenate([*flat, np.ones((len(drawn.rows), 1))], axis=1)
    system = field.mul(drawn.rows[:, :, None], theta[:, None, :])
    return len(nullspace(system.reshape(len(drawn.rows), -1), field.p))


def fresh_process(program: str, *arguments: str) -> float:
    """The last number that a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def times(measure: Callable[[int], float], repetitions: int = REPETITIONS) -> str:
    """Median, with the smallest and the largest."""
    found = sorted(measure(i) for i in range(repetitions))
    return f"{statistics.median(found):8.3f} s  ({found[0]:.3f} to {found[-1]:.3f})"


def clock(run: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = process_time()
    run()
    return process_time() - start


def linear(width: int) -> None:
    """The rows of one linear net."""
    network = linear_network(width)
    name = f"{width}-{width}-{width}"
    derivation = derive_network(network, Asked(name))
    assert derivation.verdict.name == "PROVED" and derivation.redundancy == width * width
    kernel = dense_kernel(network, 0)
    print(f"\nlinear net {name} without bias: P = {derivation.parameters}, "
          f"{derivation.redundancy} generators ({derivation.algebra.form})")

    def stage(seed: int) -> float:
        found: float = derive_network(network, Asked(name, seed=seed)).seconds["derive"]
        return found

    print(f"  derive stage                      {times(stage)}")
    print("  all after the capture             "
          f"{times(lambda i: clock(lambda: derive_network(network, Asked(name, seed=i))))}")
    total = derivation.parameters
    print(f"  dense kernel, {total * (total + 1):4d} unknowns        "
          f"{times(lambda i: clock(lambda: dense_kernel(network, i)))}  nullity {kernel}")
    print(f"  published implementation          {PUBLISHED[width]:8.3f} s")


def main() -> None:
    """Measure and print."""
    time.perf_counter = process_time  # what derivations say of their stages, too
    versions = ", ".join(
        f"{p} {metadata.version(p)}" for p in ("torch", "numpy", "sympy", "python-flint")
    )
    print(f"Python {platform.python_version()}, {versions}")
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads, {platform.machine()}; "
          f"median of {REPETITIONS} (smallest to largest)")
    for width in (3, 4):
        linear(width)
    with tempfile.TemporaryDirectory() as folder:
        print("\nattention, 2 heads, biases everywhere, P = 80")
        print("  whole command, torch imported     "
              f"{times(lambda _: fresh_process(COMMAND, folder))}")
    print("\nimport symgauge")
    print(f"  in a fresh process                {times(lambda _: fresh_process(IMPORT))}")


if __name__ == "__main__":
    main()
