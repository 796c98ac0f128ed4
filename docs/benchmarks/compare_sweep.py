"""`compare` on random pairs of which other means say whether they are one function.

Run `python docs/benchmarks/compare_sweep.py [COUNT]` from a checkout: for each of the small modules
of gauge_pairs.py of the tests COUNT pairs A, g.A (150), with g a random element of all families and
index orders at once, and as many A, g.A with one tensor moved by a thousandth of its size (in a
random direction, so that the outputs are seen to change). Float64 and float32 in turn; pair k of a
module has seed k, a spoilt one the next seed from 10^6 on whose change is seen. Each program is
read once.

Printed: how many were recovered (an element that carries every tensor within its dtype's rounding),
called equivalent by their outputs alone, not decided, called different; the largest distance left,
in units of the last place; the seconds of the processor for each pair, drawing included. The exit
status is 1 if one was decided wrongly. Nothing is compared with another program.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path
from time import process_time

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from gauge_pairs import MODELS, Pairs, is_recovered  # noqa: E402

DTYPES = torch.float64, torch.float32
SPOILT = 10 ** 6


def sweep(name: str, count: int, spoil: bool) -> bool:
    """Print the tally of one module; whether none was decided wrongly."""
    pairs = Pairs(*MODELS[name]())
    tally: Counter[str] = Counter()
    seed, done, worst, start = SPOILT if spoil else 0, 0, 0.0, process_time()
    while done < count:
        dtype = DTYPES[done % 2]
        pair = pairs.draw(seed, dtype, spoil)
        seed += 1
        if pair is None:
            tally["not seen to change, drawn anew"] += 1
            continue
        done += 1
        found = pairs.compared(pair)
        word = "recovered" if is_recovered(found, dtype) else found.verdict
        tally[word] += 1
        if word == "recovered":
            worst = max([worst, *(d / torch.finfo(dtype).eps for d in found.distances.values())])
        if word != ("DIFFERENT" if spoil else "recovered"):
            print(f"    {word} at seed {seed - 1}: {found.ground:.200}")
    took = (process_time() - start) / count
    said = ", ".join(f"{n} {word}" for word, n in sorted(tally.items()))
    print(f"{name} | {'spoilt' if spoil else 'moved'} | {said} | {worst:.0f} | {took:.2f} s",
          flush=True)
    return not tally["recovered" if spoil else "DIFFERENT"] and not (
        spoil and tally["EQUIVALENT"])


def main() -> int:
    """Sweep every module."""
    warnings.simplefilter("ignore")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    right = [sweep(name, count, spoil) for name in MODELS for spoil in (False, True)]
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())
