"""The sweep of the known networks: derive and certify all, verify each certificate anew.

Run `python docs/benchmarks/known_dimensions.py [--series]` from a checkout; `--series` certifies
over power series, over residues where those do not reach. For every network of
tests/data/known_dimensions.csv it prints the table's redundancy, the rank's, the dimension of the
proved orbit, the verdict and two times: derivation (rank, candidates, proofs, algebra, hypotheses,
discrete elements; the capture is excluded) and verification. The totals and the slowest five
follow. Exit status 1 if a redundancy differs or an orbit is larger than it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import process_time
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from known_networks import KNOWN_DIMENSIONS, NETWORKS  # noqa: E402

from symgauge.capture import capture  # noqa: E402
from symgauge.derivation.derive import Asked, derive_network  # noqa: E402
from symgauge.derivation.derivation import Derivation  # noqa: E402
from symgauge.errors import BadInputError  # noqa: E402
from symgauge.program.network import Network  # noqa: E402


class Timed(NamedTuple):
    name: str
    derive: float
    verify: float


def derived_by(network: Network, name: str, series: bool) -> Derivation:
    try:
        return derive_network(network, Asked(name, evidence="series" if series else None))
    except BadInputError:
        return derive_network(network, Asked(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", action="store_true")
    series = parser.parse_args().series
    times: list[Timed] = []
    right = closed = proved = 0
    above = False
    print(f"{'network':32}{'table':>6}{'rank':>6}{'orbit':>6}  {'verdict':8}"
          f"{'derive':>8}{'verify':>8}")
    for name, build in NETWORKS.items():
        module, args = build()
        network = capture(module, args).network
        start = process_time()
        derivation = derived_by(network, name, series)
        derived = process_time()
        verification = derivation.verify()
        times.append(Timed(name, derived - start, process_time() - derived))
        if verification.verdict is not derivation.verdict:
            raise SystemExit(f"{name}: verified as {verification.verdict.value}")
        table = int(KNOWN_DIMENSIONS[name]["redundancy"])
        right += derivation.redundancy == table
        above |= derivation.orbit_dimension > table
        closed += derivation.unexplained == 0
        proved += derivation.verdict.value == "PROVED"
        print(f"{name:32}{table:6}{derivation.redundancy:6}{derivation.orbit_dimension:6}  "
              f"{derivation.verdict.value:8}{times[-1].derive:8.2f}{times[-1].verify:8.2f}",
              flush=True)
    print(f"\nof {len(times)}: redundancy right {right}, closed {closed}, PROVED {proved}")
    derive, verify = sum(t.derive for t in times), sum(t.verify for t in times)
    print(f"derive {derive:.0f} s, verify {verify:.0f} s; slowest (both):")
    for t in sorted(times, key=lambda t: -t.derive - t.verify)[:5]:
        print(f"  {t.name:30}{t.derive + t.verify:8.1f} s")
    return int(right < len(times) or above)


if __name__ == "__main__":
    raise SystemExit(main())
