"""The sandwich with structural generators: rank J + rank G = P on networks far beyond any search.

    python docs/benchmarks/sandwich.py [--large]

Llama-shaped networks of the zoo, logits. The generators are those of the structural deriver, each
proved by intertwiners on the program itself; rank G is taken at a random point over GF(p), on the
slices; rank J at another, one row for each fresh input. Where the two meet, no generator is missing
at a generic point, if values of exp and roots are independent (the printed hypothesis of `derive`;
it is not tested here). Depth: the same at one width, for the exponent of the cost.
"""

from __future__ import annotations

import argparse
import math
import resource
import time

import numpy as np

from symgauge.capture import capture
from symgauge.derivers.structural import find, orbit_dimension
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.network.sampling import draw_tokens, rank_at_point, read_coordinates
from symgauge.zoo import llama_like

BLOCK = {
    "hidden_size": 16, "num_heads": 4, "num_kv_heads": 2, "head_dim": 4, "intermediate_size": 32,
    "vocab_size": 24, "tokens": 6, "num_layers": 1,
}
SMALL = {
    "hidden_size": 8, "num_heads": 2, "num_kv_heads": 2, "head_dim": 4, "intermediate_size": 8,
    "vocab_size": 11, "tokens": 5,
}


def run(name: str, sizes: dict[str, int]) -> float:
    """Print one line; the seconds in all."""
    start = time.perf_counter()
    module, args = llama_like.factory(**sizes)
    network = capture(module, args, {}).network
    captured = time.perf_counter()
    found = find(network)
    structural = time.perf_counter()
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    orbit = orbit_dimension(found, field, rng)
    generators = time.perf_counter()
    read = read_coordinates(network)
    total = int(read.sum())
    rank = rank_at_point(network, field, rng, read, {}, draw_tokens(network, rng))
    end = time.perf_counter()
    closed = "closed" if rank + orbit == total else f"{total - rank - orbit} open"
    print(
        f"{name:26s} {total:7d} {rank:7d} {orbit:6d} {closed:>8s} {captured - start:8.2f} "
        f"{structural - captured:8.2f} {generators - structural:8.2f} {end - generators:8.2f} "
        f"{end - start:8.2f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:6.2f}",
        flush=True,
    )
    return end - captured


def main() -> None:
    """Print the table and the exponent of depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="4 layers of the block: minutes")
    options = parser.parse_args()
    print(f"{'':26s} {'P':>7s} {'rank J':>7s} {'rank G':>6s} {'':>8s} {'capture':>8s} "
          f"{'find':>8s} {'rank G':>8s} {'rank J':>8s} {'total s':>8s} {'GB':>6s}")
    points = []
    for layers in (1, 2, 4, 8):
        seconds = run(f"width 8, {layers} layers", {**SMALL, "num_layers": layers})
        points.append((layers, seconds))
    (n, a), (m, b) = points[-2:]
    print(f"cost ~ depth^{math.log(b / a) / math.log(m / n):.2f} between {n} and {m} layers")
    run("block, d = 16, d_ff = 32", BLOCK)
    if options.large:
        run("4 layers, d = 16", {
            **BLOCK, "num_kv_heads": 4, "vocab_size": 32, "num_layers": 4})


if __name__ == "__main__":
    main()
