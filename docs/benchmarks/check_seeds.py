"""Generated checks at many seeds: no false alarm on what is right, everything broken is caught.

Every architecture of the zoo, and modules on which a check is easily wrong (ReLU units that one
input leaves dead, norms, training mode, a freshly initialised GPT-2 as a checkpoint), are checked
at each seed; then models and statements that are broken by hand
(checked_models.py of the tests) at a few.
One derivation and one import per architecture.

    python docs/benchmarks/check_seeds.py [--seeds 30] [--dtype float64] [NAME ...]

Columns: seeds at which the check passed, FAILED, or could test nothing; rows not tested, of all
rows; the largest residual of a symmetry and the smallest of a planted failure that was tested, in
floors; forward passes for controls and other draws, of all passes. Exit status 1 if a check of the
right fails or a broken one passes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from checked_models import (  # noqa: E402
    ALTERED, BROKEN, FRAGILE, TARGETS, Broken, altered, broken, fresh_gpt2, generated, record,
)

from symgauge import Derivation, zoo  # noqa: E402
from symgauge.capture import load_target  # noqa: E402
from symgauge.derivation.derive import derive_target  # noqa: E402
from symgauge.derivation.full import FullDerivation, derive_full  # noqa: E402

GPT2 = f"{TARGETS / 'gpt2_lm.py'}:factory"
SIZES: dict[str, Any] = {
    "n_embd": 12, "n_head": 3, "n_layer": 2, "n_inner": 20, "tokens": 5, "vocab_size": 40,
}
BROKEN_SEEDS = 3


@cache
def derived(target: str) -> Derivation:
    return derive_target(load_target(target, zoo.load))


def derived_gpt2() -> FullDerivation:
    target = load_target(GPT2, zoo.load)
    return derive_full(target.at({**(target.full or {}), **SIZES}), target)


def short(target: str) -> str:
    """The factory's name, or the zoo's."""
    return target.rpartition(":")[2]


def right(
    name: str, derivation: Any, seeds: int, dtype: str, size: str = "small",
    checkpoint: Callable[[int], str | None] = lambda seed: None,
) -> int:
    """One line of the table; the number of false alarms."""
    verdicts: Counter[bool | None] = Counter()
    rows: list[dict[str, Any]] = []
    passes = extra = 0
    with generated(derivation) as module:
        for seed in range(seeds):
            found = record(module, seed, size, dtype, checkpoint(seed))
            verdicts[found["ok"]] += 1
            passes, extra = passes + found["passes"], extra + found["passes_extra"]
            rows += found["rows"]
    tested = [row for row in rows if row["floors"] is not None and not row["untested"]]
    largest = max((float(row["floors"]) for row in tested if not row["wrong"]), default=0.0)
    smallest = min((float(row["floors"]) for row in tested if row["wrong"]), default=0.0)
    untested = sum(bool(row["untested"]) for row in rows)
    print(f"| {name} | {verdicts[True]} | {verdicts[False]} | {verdicts[None]} "
          f"| {untested} of {len(rows)} | {largest:.1f} | {smallest:.0e} "
          f"| {extra} of {passes} |", flush=True)
    for row in rows:
        if row["ok"] is False:
            print(f"  FAILED {row['check']} {row['label']}: {row['floors']} floors")
    return verdicts[False]


def wrong(case: Any, dtype: str) -> int:
    """One line of the table; 1 if a seed passed it."""
    derivation = derived(case.target)
    change = broken if isinstance(case, Broken) else altered
    with generated(change(derivation, case)) as module:
        found = [record(module, seed, dtype=dtype) for seed in range(BROKEN_SEEDS)]
    caught = sum(one["ok"] is False for one in found)
    floors = [float(r["floors"] or 0) for one in found for r in one["rows"] if not r["wrong"]]
    what = "model" if isinstance(case, Broken) else "statement"
    print(f"| {short(case.target)} | {what} | {case.wrong} | {caught} of {BROKEN_SEEDS} "
          f"| {max(floors, default=0.0):.0e} |", flush=True)
    return caught < BROKEN_SEEDS


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help="of the zoo, or of the tests' checked_models.py; all")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32", "bfloat16"))
    asked = parser.parse_args(argv)
    torch.set_num_threads(1)
    targets = [*zoo.names(), *FRAGILE]
    chosen = [t for t in targets if not asked.names or short(t) in asked.names]
    print("| right | passed | FAILED | nothing tested | rows not tested | largest symmetry "
          "| smallest planted | extra passes |\n" + "| --- " * 8 + "|")
    bad = 0
    for target in chosen:
        bad += right(short(target), derived(target), asked.seeds, asked.dtype)
    if not asked.names or "fresh_gpt2" in asked.names:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fresh.safetensors"
            bad += right("fresh GPT-2, a checkpoint", derived_gpt2(), asked.seeds, asked.dtype,
                         "full", lambda seed: fresh_gpt2(path, seed, SIZES))
    print("\n| broken | what | how | caught | largest residual, floors |\n" + "| --- " * 5 + "|")
    for case in [*BROKEN, *ALTERED]:
        if case.target in chosen:
            bad += wrong(case, asked.dtype)
    print(f"\n{bad} wrong" if bad else "\nno false alarm; everything broken was caught")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
