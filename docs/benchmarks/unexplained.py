"""Networks whose redundancy no leg explains: what is found, and what is left.

Run `python docs/benchmarks/unexplained.py [WORD ...]` from a checkout: the networks of
tests/support/hidden_networks.py and the traps whose names hold one of the words, all without. For
each it prints P, the redundancy by singular values of float Jacobians (an upper bound where there
are branches: few cells are drawn), that of the derivation, how much of it is by minors, what is
left, the verdict and processor seconds, the capture included. Exit status 1 if a redundancy is
larger than that of the floats.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from hidden_networks import NETWORKS  # noqa: E402
from known_networks import TRAPS  # noqa: E402
from singular_values import float_rank  # noqa: E402

import symgauge  # noqa: E402
from symgauge.errors import SymgaugeError  # noqa: E402


def main() -> int:
    words, above = sys.argv[1:] or [""], False
    print(f"{'network':34}{'P':>4}{'floats':>8}{'found':>7}{'minors':>8}{'left':>6}  {'verdict':8}"
          f"{'CPU s':>7}")
    for name, build in {**NETWORKS, **TRAPS}.items():
        if not any(word in name for word in words):
            continue
        module, args = build()
        tokens = args[0].dtype == torch.long
        classes = dict(module.named_parameters())["E"].shape[0] if tokens else 0
        floats = float_rank(module, args, 4, classes).redundancy
        module, args = build()
        start = process_time()
        try:
            found = symgauge.derive(module, args)
        except SymgaugeError as error:
            print(f"{name:34}{'':4}{floats:8}  {error!s:.60}", flush=True)
            continue
        redundancy = found.redundancy + found.unread
        above |= redundancy > floats
        print(f"{name:34}{found.parameters:4}{floats:8}{redundancy:7}"
              f"{found.claim.by_minors or 0:8}{found.unexplained:6}  {found.verdict.value:8}"
              f"{process_time() - start:7.1f}", flush=True)
    return int(above)


if __name__ == "__main__":
    raise SystemExit(main())
