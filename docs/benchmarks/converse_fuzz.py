"""The bound of the converse sweep on random small networks, against the rank of the Jacobian.

Run `python docs/benchmarks/converse_fuzz.py [COUNT] [--seed N] [--seconds S]` from a checkout. Each
network of swept_networks.py of the tests is captured and swept; the rank of its Jacobian is
exact, modulo a prime, at random points (of piecewise networks the largest over several cells). The
bound must never be below P - rank where the sizes are in its range. Printed: every violation with
its recipe, a tally, and where the sweep stops; the exit status is 1 if there was a violation.

Times are seconds of the processor; imports are outside.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from swept_networks import build, recipe  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.converse.sweep import Outcome, sweep  # noqa: E402
from symgauge.derivers.cells import Cells  # noqa: E402
from symgauge.errors import SymgaugeError  # noqa: E402
from symgauge.exact.prime_field import PrimeField, primes  # noqa: E402
from symgauge.program.network import Network  # noqa: E402

#: Parameters above which a network is passed over.
MOST = 120


def rank_of(network: Network, seed: int) -> int:
    """The rank of the Jacobian at random residues; of several cells the largest."""
    field, rng = PrimeField(next(primes())), np.random.default_rng(seed)
    read = np.ones(network.num_coordinates, dtype=bool)
    cells = Cells(network, field, rng, read, {})
    return cells.many(network.num_coordinates, network.num_coordinates)


def judged(seed: int) -> tuple[str, Outcome | None, int]:
    """A word for the tally, the outcome, and P - rank."""
    try:
        module, args = build(recipe(seed))
    except (RuntimeError, ValueError):
        return "no module", None, 0
    if sum(p.numel() for p in module.parameters()) > MOST:
        return "too large", None, 0
    try:
        network = capture(module, args).network
        outcome = sweep(network)
        redundancy = network.num_coordinates - rank_of(network, seed)
        if outcome.bound < redundancy and outcome.applies:
            redundancy = min(redundancy, *(
                network.num_coordinates - rank_of(network, seed + k) for k in (1, 2)))
    except SymgaugeError as error:
        return f"refused: {type(error).__name__}", None, 0
    if not outcome.applies:
        return "sizes outside the range", outcome, redundancy
    if outcome.bound < redundancy:
        return "VIOLATION", outcome, redundancy
    if outcome.stop is not None:
        return "bound, the sweep stops", outcome, redundancy
    return "exact" if outcome.bound == redundancy else "bound, not sharp", outcome, redundancy


def main() -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tally: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    start = process_time()
    for seed in range(options.seed, options.seed + options.count):
        if process_time() - start > options.seconds:
            break
        word, outcome, redundancy = judged(seed)
        tally[word] += 1
        if outcome is not None and outcome.stop is not None:
            stops[outcome.stop.law] += 1
        if word == "VIOLATION" and outcome is not None:
            print(f"seed {seed}: bound {outcome.bound}, P - rank {redundancy}: {recipe(seed)}",
                  flush=True)
    print(f"{tally.total()} networks from seed {options.seed}, {process_time() - start:.0f} s:")
    for word, number in tally.most_common():
        print(f"  {number:5} {word}")
    print("the sweep stops at:")
    for word, number in stops.most_common():
        print(f"  {number:5} {word}")
    return int(tally["VIOLATION"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
