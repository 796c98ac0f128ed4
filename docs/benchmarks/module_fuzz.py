"""Random modules before four judges, with or without a fault that is planted first.

Run `python docs/benchmarks/module_fuzz.py [COUNT] [--seed N] [--kind KIND] [--seconds S]` from a
checkout. Each module of random_modules.py of the tests is derived; module_judges.py of the tests
judge the redundancy, the drift of sampled elements, the generated check and the verification.
Printed: every failure with its recipe, and a tally; the exit status is 1 if there was one.

`--mutate NAME` (or `all`) plants a fault of module_faults.py of the tests and goes on until a
module fails that does not fail without it. Printed: what found it, after how long. Exit status 1 if
a fault was not found. A false capture is refused where it is compared with its module;
`--unguarded` leaves that comparison out, so that the judges have to find it. `--telling` passes
over the modules that have none of the stages, sources and forms that the fault names: the count
goes on.

Times are seconds of the processor, of all that is done for the modules; imports are outside.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from module_faults import FAULTS, unguarded  # noqa: E402
from module_judges import judge  # noqa: E402
from random_modules import draw  # noqa: E402


def fuzz(seeds: range, kind: str, seconds: float) -> int:
    """Every failure of these modules, and the tally."""
    tally: Counter[str] = Counter()
    start, done = process_time(), 0
    for seed in seeds:
        if process_time() - start > seconds:
            break
        outcome = judge(seed, kind)
        done += 1
        tally.update(outcome.tally)
        took = process_time() - start
        for name, sentence in outcome.failures:
            print(f"{took:6.1f} s  {name} at seed {seed}: {sentence}", flush=True)
        if outcome.failures or outcome.tally == ("too slow",):
            print(f"          {outcome.tally[0]}: {draw(seed, kind)}", flush=True)
    print(f"{done} modules from seed {seeds.start}, {process_time() - start:.0f} s:")
    for word, number in sorted(tally.items()):
        print(f"  {number:5} {word}")
    return int(any(word.startswith("wrong") for word in tally))


def mutate(
    name: str, seeds: range, kind: str, seconds: float, guarded: bool, telling: bool
) -> bool:
    """Whether a module fails with the fault that does not fail without it."""
    spent, judged = 0.0, 0
    for count, seed in enumerate(seeds):
        recipe = draw(seed, kind)
        words = {recipe.source, recipe.form, *(k for k, _ in recipe.stages)}
        if telling and words.isdisjoint(FAULTS[name].finds):
            continue
        judged += 1
        start = process_time()
        with FAULTS[name].plant(), nullcontext() if guarded else unguarded():
            wrong = judge(seed, kind).failures
        spent += process_time() - start
        before = {n for n, _ in judge(seed, kind).failures} if wrong else set()
        new = [(n, text) for n, text in wrong if n not in before]
        if new:
            stages = " + ".join(k for k, _ in recipe.stages)
            print(f"{name}: found by `{new[0][0]}` at module {count + 1}, {judged} of them judged "
                  f"(seed {seed}: {recipe.source}, {stages}, {recipe.form}), {spent:.1f} s\n"
                  f"    {new[0][1][:160]}", flush=True)
            return True
        if spent > seconds:
            break
    print(f"{name}: not found in {spent:.0f} s", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first module")
    parser.add_argument("--kind", default="", help="a stage, source or form that all have")
    parser.add_argument("--seconds", type=float, default=540.0, help="of the processor")
    parser.add_argument("--mutate", choices=[*FAULTS, "all"], help="plant this fault")
    parser.add_argument("--unguarded", action="store_true", help="without the comparison")
    parser.add_argument("--telling", action="store_true",
                        help="skip modules with none of the stages that the fault names")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = range(options.seed, options.seed + options.count)
    if options.mutate is None:
        return fuzz(seeds, options.kind, options.seconds)
    names = list(FAULTS) if options.mutate == "all" else [options.mutate]
    found = [
        mutate(name, seeds, options.kind, options.seconds, not options.unguarded,
               options.telling)
        for name in names
    ]
    return int(not all(found))


if __name__ == "__main__":
    sys.exit(main())
