"""Networks whose redundancy no leg explains: what is found, and what is left.

Run `python docs/benchmarks/unexplained.py [WORD ...]` from a checkout: the networks of
tests/support/hidden_networks.py and the traps whose names hold one of the words, all without. For
each it prints P, the redundancy by singular values of float Jacobians (an upper bound where there
are branches: few cells are drawn, more where it is not the one found), that of the derivation, how
much of it is by minors, what is left, the verdict and processor seconds, the capture included. Exit
status 1 if a redundancy is larger than that of the floats.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from hidden_networks import NETWORKS  # noqa: E402
from judged_networks import HEAD, Judged, judged  # noqa: E402
from known_networks import TRAPS, Factory  # noqa: E402


def printed(networks: dict[str, Factory], words: list[str]) -> list[Judged]:
    """The lines of the networks whose names hold one of the words, printed as they are found."""
    print(HEAD)
    found = []
    for name, build in networks.items():
        if any(word in name for word in words or [""]):
            found.append(judged(name, build))
            print(found[-1], flush=True)
    return found


def main() -> int:
    return int(any(line.above for line in printed({**NETWORKS, **TRAPS}, sys.argv[1:])))


if __name__ == "__main__":
    raise SystemExit(main())
