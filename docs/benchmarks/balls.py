"""Certificates in real balls on the known networks and on the traps: ranks, verdicts, times.

Run `python docs/benchmarks/balls.py [--most P] [NAME...]` from a checkout: the networks of
tests/data/known_dimensions.csv with at most P parameters (150), or those that are named; `--traps`
takes tests/data/traps.csv instead. For each it derives in balls and prints

  table, rank, orbit   the table's redundancy, P - rank of the minor, rank G
  verdict              of `verify`, which evaluates the minor anew; place: where the claim reaches
  bits, inputs         precision of the minor, and inputs that its rows are taken at
  balls                seconds for the minor (median, smallest and largest of three points): pool in
                       float64, choice of rows and columns, evaluation in balls, |I - R A| < 1,
                       determinant
  check                seconds to evaluate and decide a given minor, once
  derive, verify       seconds of everything after the capture, and of `Derivation.verify`

and asks for one rank more than there is: "more" is the rank that is found then, with its time (left
out above 150 parameters). Outside every time: importing torch, the captures. Exit status 1 if a
rank differs from the table's or more than the rank is shown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

import numpy as np  # noqa: E402
from known_networks import KNOWN_DIMENSIONS, KNOWN_TRAPS, NETWORKS, TRAPS  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.certify.evidence.balls import is_shown  # noqa: E402
from symgauge.certify.find.balls import find_minor  # noqa: E402
from symgauge.derivation.derive import Asked, derive_network  # noqa: E402
from symgauge.points.reads import read_coordinates  # noqa: E402

REPETITIONS = 3
#: Above this many parameters the search for one rank more is left out.
SMALL = 150
PLACES = {"cell of": "cell", "component of": "component", "generic": "generic"}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--most", type=int, default=SMALL, help="parameters at most (150)")
    parser.add_argument("--traps", action="store_true", help="the traps instead")
    options = parser.parse_args()
    networks, table = (TRAPS, KNOWN_TRAPS) if options.traps else (NETWORKS, KNOWN_DIMENSIONS)
    names = options.names or [n for n in networks if int(table[n]["P"]) <= options.most]
    wrong = proved = 0
    print(f"{'network':26}{'P':>4}{'table':>6}{'rank':>5}{'orbit':>6} {'verdict':8}{'place':10}"
          f"{'bits':>5}{'inputs':>7}{'balls (smallest, largest)':>26}{'check':>7}{'more':>11}"
          f"{'derive':>8}{'verify':>8}")
    for name in names:
        module, args = networks[name]()
        network = capture(module, args).network
        start = perf_counter()
        derivation = derive_network(network, Asked(name, evidence="balls"))
        derived = perf_counter() - start
        start = perf_counter()
        result = derivation.verify()
        verified = perf_counter() - start
        certificate = derivation.certificate
        read, cell = read_coordinates(network), certificate.cell(network)
        times = []
        for seed in range(REPETITIONS):
            start = perf_counter()
            minor = find_minor(
                network, read, cell, derivation.rank, np.random.default_rng(seed))
            times.append(perf_counter() - start)
            wrong += minor.rank != derivation.rank
        start = perf_counter()
        wrong += not is_shown(network, minor)
        check = perf_counter() - start
        known = int(table[name]["redundancy"])
        found = derivation.redundancy + derivation.unread
        wrong += found != known or result.verdict is not derivation.verdict
        proved += result.verdict.value == "PROVED"
        more = ""
        if network.num_coordinates <= SMALL and derivation.redundancy:
            start = perf_counter()
            larger = find_minor(
                network, read, cell, derivation.rank + 1, np.random.default_rng(0))
            more = f"{larger.rank} {perf_counter() - start:.2f}"
            wrong += larger.rank != derivation.rank
        place = next((short for text, short in PLACES.items() if text in result.scope), "?")
        spread = f"{statistics.median(times):.2f} ({min(times):.2f}, {max(times):.2f})"
        print(f"{name:26}{network.num_coordinates:4}{known:6}{found:5}"
              f"{derivation.orbit_dimension:6} {result.verdict.value:8}{place:10}{minor.bits:5}"
              f"{len(minor.inputs):7}{spread:>26}{check:7.2f}{more:>11}{derived:8.2f}"
              f"{verified:8.2f}", flush=True)
    print(f"\nof {len(names)}: PROVED without hypotheses {proved}; wrong {wrong}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
