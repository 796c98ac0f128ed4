"""Random small networks: no structural family that is none, none too many.

Run `python docs/benchmarks/structural_fuzz.py [COUNT] [SEED]` from a checkout. Each network of
random_networks.py of the tests is captured; its structural families are made fields, each is paired
with exact rows of its Jacobian over GF(p), and their rank is compared with P - rank J. Printed: how
many of the networks have their whole redundancy from structure. Exit status 1 if a field is no
symmetry, a rank is above the redundancy, a counted dimension is not the rank, or on a crash.
"""

from __future__ import annotations

import random
import sys
import traceback
from collections import Counter
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from random_networks import INPUTS, STEPS, RandomNetwork, Recipe  # noqa: E402
from structural_referee import referee  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.errors import SymgaugeError  # noqa: E402


def recipe(draw: random.Random) -> Recipe:
    steps = [
        (draw.choice(STEPS), draw.randrange(20), draw.randrange(20), draw.randrange(20))
        for _ in range(draw.randint(1, 8))
    ]
    return Recipe(draw.choice(INPUTS), draw.randint(2, 3), tuple(steps))


def main(count: int, seed: int) -> int:
    tally: Counter[str] = Counter()
    start = perf_counter()
    for k in range(count):
        drawn = recipe(random.Random(seed * 1_000_003 + k))
        try:
            module = RandomNetwork(drawn)
            if not list(module.parameters()):
                tally["no parameters"] += 1
                continue
            network = capture(module, module.example()).network
            result = referee(network, k)
        except SymgaugeError as error:
            tally["refused"] += 1
            print(f"refused: {error}"[:100], file=sys.stderr)
            continue
        except Exception:
            tally["crash"] += 1
            print(f"crash: {drawn}\n{traceback.format_exc(limit=-3)}", flush=True)
            continue
        tally["compared"] += 1
        tally["whole redundancy"] += result.rank == result.redundancy
        tally["with a symmetry"] += result.redundancy > 0
        tally["with a symmetry, whole"] += result.rank == result.redundancy > 0
        if not result.sound:
            tally["unsound"] += 1
            wrong = [(f.kind, f.moves) for f in result.wrong]
            print(
                f"unsound: {drawn}\n  rank {result.rank}, dimension {result.dimension}, redundancy "
                f"{result.redundancy}, stabiliser {result.stabiliser}; wrong: {wrong}", flush=True,
            )
    print(f"{count} networks, seed {seed}, {perf_counter() - start:.0f} s: {dict(tally)}")
    return int(tally["unsound"] + tally["crash"] > 0)


if __name__ == "__main__":
    given = [int(a) for a in sys.argv[1:]] + [500, 0][len(sys.argv) - 1:]
    sys.exit(main(*given))
