"""The sweep of the known networks: proved invariants against the functional dimension.

Run `python docs/benchmarks/invariants.py` from a checkout. For every network of
tests/data/known_dimensions.csv it derives the families, builds functions from how they move
tensors, proves each entry by every generator, and prints rank J (the functional dimension, over
residues), the rank of the Jacobian of the invariants at an exact random point mod p, the number of
proved and of left-out entries, the number of conservation laws, the algebra, and the time that
invariants and laws take (the derivation is excluded). The last line counts the rows where the two
ranks agree.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from known_networks import NETWORKS  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.derivation.algebra import closed_algebra  # noqa: E402
from symgauge.derivers.exact import ExactDeriver  # noqa: E402
from symgauge.exact.prime_field import PrimeField, primes  # noqa: E402
from symgauge.families.coordinates import Coordinates  # noqa: E402
from symgauge.invariants.invariants import invariants, random_point  # noqa: E402
from symgauge.invariants.laws import laws  # noqa: E402
from symgauge.points.reads import read_coordinates  # noqa: E402


def main() -> int:
    field, agree, count = PrimeField(next(primes())), 0, 0
    print(f"{'network':26}{'rank J':>7}{'rank I':>7}{'proved':>7}{'left':>5}{'laws':>5}{'time':>7}"
          "  algebra")
    for name, build in NETWORKS.items():
        module, args = build()
        network = capture(module, args).network
        found = ExactDeriver(network, 0).run()
        proved, algebra = closed_algebra(found, field)
        families = [p.family for p in proved]
        start = perf_counter()
        kept = invariants(
            Coordinates(network), families, [x for f in families for x in f.fields])
        point = random_point(network.num_coordinates, field, np.random.default_rng(0))
        rank = kept.rank(point, read_coordinates(network), field)
        conserved = len(laws(families, point, field))
        seconds = perf_counter() - start
        agree += rank == found.rank
        count += 1
        print(f"{name:26}{found.rank:7}{rank:7}{sum(len(i.entries) for i in kept.proved):7}"
              f"{kept.left_out:5}{conserved:5}{seconds:7.1f}  {algebra['form']}"
              + (f" ({kept.reason})" if kept.reason else ""), flush=True)
    print(f"of {count}: the ranks agree on {agree}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
