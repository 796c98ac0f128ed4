"""Random modules before four judges, with or without a fault that is planted first.

Run `python docs/benchmarks/module_fuzz.py [COUNT] [--seed N] [--kind KIND] [--seconds S]` from a
checkout. Module N of tests/random_modules.py is derived; tests/module_judges.py judge the
redundancy, the drift of sampled elements, the generated check and the verification. Printed: every
failure with its recipe, and a tally. `--mutate NAME` plants a fault of tests/module_faults.py
first and stops at the first failure; `--mutate all` plants each in turn, a process each, and
prints a table of the times. Exit status 1 if something failed (with `--mutate`: if nothing did).
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from module_judges import judge  # noqa: E402
from random_modules import draw  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first module")
    parser.add_argument("--kind", default="", help="a stage, source or form that all have")
    parser.add_argument("--seconds", type=float, default=540.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tally: Counter[str] = Counter()
    start, done = process_time(), 0
    for seed in range(options.seed, options.seed + options.count):
        if process_time() - start > options.seconds:
            break
        outcome = judge(seed, options.kind)
        done += 1
        tally.update(outcome.tally)
        for name, sentence in outcome.failures:
            took = process_time() - start
            print(f"{took:6.1f} s  {name} at seed {seed}: {sentence}", flush=True)
        if outcome.failures:
            print(f"          {draw(seed, options.kind)}", flush=True)
        if outcome.tally == ("too slow",):
            print(f"          too slow: {draw(seed, options.kind)}", flush=True)
    print(f"{done} modules from seed {options.seed}, {process_time() - start:.0f} s:")
    for word, number in sorted(tally.items()):
        print(f"  {number:5} {word}")
    return int(any(word.startswith(("wrong", "crash", "inconsistent")) for word in tally))


if __name__ == "__main__":
    sys.exit(main())
