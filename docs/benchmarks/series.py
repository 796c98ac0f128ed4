"""The rank of J along power series over GF(p): known networks, traps, and far beyond balls.

    python docs/benchmarks/series.py [--most P] [--traps | --large [--only TEXT]] [NAME...]

The networks of tests/data/known_dimensions.csv with at most P parameters (400), or those that are
named; `--traps` takes tests/data/traps.csv instead, `--large` Llama-shaped networks of the zoo (the
sizes of sandwich.py). For each it prints

  table, rank   the table's rank (large: P - rank G of the structural generators), and the one found
  order         coefficients of the series that it takes; zeros: parameters that are 0 at the start
  ranks         rank at each order
  find          seconds for the curve and the rank along it, at the orders that are tried
  check         seconds to check a given curve and its rank, as `verify` does: other numbers and
                another prime
  balls         seconds for a minor in real balls of the same rank (up to SMALL parameters)
  residues      seconds for the rank at one point over residues, hypotheses not tested
  more          the rank that is found when all coordinates are asked for (up to SMALL parameters)

Outside every time: importing torch, the captures. Exit status 1 if a rank differs from the table's
or more than the rank is shown; what series do not reach is printed with the reason.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

sys.path[:0] = [str(Path(__file__).parents[2] / "tests" / "support"), str(Path(__file__).parent)]

import numpy as np  # noqa: E402
from known_networks import KNOWN_DIMENSIONS, KNOWN_TRAPS, NETWORKS, TRAPS  # noqa: E402
from sandwich import BLOCK, WIDTH_8 as NARROW  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.certify.evidence.series import ranks_along  # noqa: E402
from symgauge.certify.evidence.start import random_field  # noqa: E402
from symgauge.certify.find.series import find as find_curve  # noqa: E402
from symgauge.certify.find.balls import find_minor  # noqa: E402
from symgauge.derivers.structural import find, orbit_dimension  # noqa: E402
from symgauge.errors import BadInputError  # noqa: E402
from symgauge.exact.prime_field import PrimeField, primes  # noqa: E402
from symgauge.points.cells import balanced_shadow  # noqa: E402
from symgauge.points.draw import Draw  # noqa: E402
from symgauge.points.rank import rank_at_point  # noqa: E402
from symgauge.points.reads import read_coordinates  # noqa: E402
from symgauge.points.tokens import draw_tokens  # noqa: E402
from symgauge.program.lower import is_piecewise  # noqa: E402
from symgauge.program.network import Network  # noqa: E402
from symgauge.zoo import llama_like  # noqa: E402

#: Above this many parameters balls, and the search for one rank more, are left out.
SMALL = 400
Case = tuple[str, Network, int]


def known(options: argparse.Namespace) -> Iterator[Case]:
    """The known networks or traps, and their ranks."""
    networks, table = (TRAPS, KNOWN_TRAPS) if options.traps else (NETWORKS, KNOWN_DIMENSIONS)
    for name in options.names or [n for n in networks if int(table[n]["P"]) <= options.most]:
        module, args = networks[name]()
        yield name, capture(module, args).network, int(table[name]["rank"])


def large(only: str) -> Iterator[Case]:
    """Llama-shaped networks; the rank at which the structural generators close the sandwich."""
    shapes = {f"width 8, {n} layers": {**NARROW, "num_layers": n} for n in (1, 2, 4, 8)}
    for name, sizes in {**shapes, "block, width 16": BLOCK}.items():
        if only not in name:
            continue
        module, args = llama_like.factory(**sizes)
        network = capture(module, args, {}).network
        orbit = orbit_dimension(
            find(network), PrimeField(next(primes())), np.random.default_rng(0))
        yield name, network, int(read_coordinates(network).sum()) - orbit


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = perf_counter()
    work()
    return perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--most", type=int, default=SMALL, help=f"parameters at most ({SMALL})")
    parser.add_argument("--traps", action="store_true", help="the traps instead")
    parser.add_argument("--large", action="store_true", help="Llama-shaped networks instead")
    parser.add_argument("--only", metavar="TEXT", default="", help="of the large: names with this")
    options = parser.parse_args()
    wrong = reached = count = 0
    field = PrimeField(next(primes()))
    print(f"{'network':26}{'P':>6}{'table':>7}{'rank':>6}{'order':>6}{'zeros':>6}{'find':>7}"
          f"{'check':>7}{'balls':>7}{'residues':>9}{'more':>6}{'GB':>6}  ranks")
    for name, network, rank in large(options.only) if options.large else known(options):
        count, rng = count + 1, np.random.default_rng(0)
        read = read_coordinates(network)
        total, small = int(read.sum()), network.num_coordinates <= SMALL
        cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
        start = perf_counter()
        try:
            curve, found = find_curve(network, read, cell, rank, rng)
        except BadInputError as error:
            print(f"{name:26}{total:6}{rank:7}  {error}", flush=True)
            continue
        seconds = perf_counter() - start
        start = perf_counter()
        ranks = ranks_along(network, curve, read, cell, rank, random_field(), rng)
        check = perf_counter() - start
        balls = residues = more = ""
        if not network.has_flows and small:
            balls = f"{timed(lambda: find_minor(network, read, cell, rank, rng)):.2f}"
            larger = find_curve(network, read, cell, total, rng)[1]
            more, wrong = str(larger), wrong + (larger != rank)
        tokens = draw_tokens(network, rng)
        draw = Draw(network, field, rng, cell=cell, tokens=tokens)
        residues = f"{timed(lambda: rank_at_point(draw, read)):.2f}"
        wrong += found != rank or ranks[-1] != rank
        reached += found == rank
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{name:26}{total:6}{rank:7}{found:6}{curve.order:6}{len(curve.scaled):6}"
              f"{seconds:7.2f}{check:7.2f}{balls:>7}{residues:>9}{more:>6}{memory:6.2f}  {ranks}",
              flush=True)
    print(f"\nof {count}: reached {reached}; wrong {wrong}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
