"""Networks of the kinds that papers count dimensions of: what is found, and what is left.

Run `python docs/benchmarks/published.py [WORD ...]` from a checkout: the networks of
tests/support/published_networks.py whose names hold one of the words, all without. The lines are
those of unexplained.py: P, the redundancy by singular values of float Jacobians (an upper bound
where there are branches: few cells are drawn; more where it is not the one found), that of the
derivation, how much of it is by minors, what is left, the verdict and processor seconds, the
capture included. A summary counts them. Exit status 1 if a redundancy is larger than that of the
floats.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from published_networks import NETWORKS  # noqa: E402
from unexplained import printed  # noqa: E402


def main() -> int:
    lines = printed(NETWORKS, sys.argv[1:])
    found = [line for line in lines if not line.error]
    print(f"{len(lines)} networks, {len(found)} captured: "
          f"redundancy that of the floats {sum(n.redundancy == n.floats for n in found)}, "
          f"above it {sum(n.above for n in found)}, "
          f"nothing left {sum(not n.left for n in found)}, "
          f"PROVED {sum(n.verdict == 'PROVED' for n in found)}, "
          f"over 60 s {sum(n.seconds > 60 for n in found)}")
    return int(any(line.above for line in lines))


if __name__ == "__main__":
    raise SystemExit(main())
