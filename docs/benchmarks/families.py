"""The plain command on families of transformers and torch: one process each, one after the other.

    python docs/benchmarks/families.py [--limit SECONDS] [--structure] [NAME...]

Names are factories of tests/data/families.py (without a name, all of families.csv) or targets such
as hf:llama. For each it prints the redundancy beside the table's, unread coordinates in both;
then what `derive` explains and leaves, the directions that the families proved for all sizes span,
verdict and seconds of processor time (imports and export included). `--structure` asks for the
rank and these families alone. What takes more than the limit (180 s of processor time) is stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

FAMILIES = Path(__file__).parents[2] / "tests" / "data" / "families.py"
KNOWN = {row["family"]: row for row in csv.DictReader(FAMILIES.with_suffix(".csv").open())}
#: Redundancies of the logits alone, which are looked at where a model has other outputs too.
OF_LOGITS = {"t5": 90}


def derived(name: str, structure: bool) -> dict[str, Any]:
    """What a derivation says of a family."""
    from symgauge.cli.inputs import target_of
    from symgauge.derivation.derive import Asked, captured_target, derive_target
    from symgauge.derivation.larger import without_accidents

    target = target_of(f"{FAMILIES}:{name}" if name in KNOWN else name, [])
    if structure:
        made = partial(captured_target, asked=Asked(name))
        deriver = without_accidents(made(target), made).deriver
        total, rank = int(deriver.read.sum()), deriver._cells.rank
        return {"P": total, "redundancy": total - rank, "unread": int((~deriver.read).sum()),
                "structure": total - rank - deriver.left, "left": deriver.left}
    found = derive_target(target)
    return {"P": found.parameters, "redundancy": found.redundancy, "unread": found.unread,
            "structure": found.structural.orbit_dimension, "left": found.unexplained,
            "verdict": found.verdict.value, "notes": list(found.notes)}


def of_process(arguments: Sequence[str], limit: int) -> tuple[dict[str, Any], float]:
    """What a process of its own says, and the seconds of processor time of all so far."""
    process = subprocess.run(
        [sys.executable, __file__, "--one", str(limit), *arguments], capture_output=True, text=True)
    times = os.times()
    spent = times.children_user + times.children_system
    if process.returncode:
        return {"error": (process.stderr.strip().splitlines() or ["stopped"])[-1][:200]}, spent
    said: dict[str, Any] = json.loads(process.stdout)
    return said, spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--limit", type=int, default=180)
    parser.add_argument("--structure", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        resource.setrlimit(resource.RLIMIT_CPU, (asked.one, asked.one))
        with redirect_stdout(sys.stderr):
            said = derived(asked.names[0], asked.structure)
        print(json.dumps(said))
        return 0
    before, seconds, rows = 0.0, [], []
    print(f"{'family':20}{'P':>5}{'known':>7}{'found':>7}{'structure':>11}{'left':>6}"
          f"  {'verdict':8}{'CPU s':>7}")
    for name in asked.names or KNOWN:
        said, spent = of_process([name, *["--structure"] * asked.structure], asked.limit)
        seconds.append(spent - before)
        before = spent
        known = str(OF_LOGITS.get(name, KNOWN[name]["redundancy"])) if name in KNOWN else "?"
        if "error" in said:
            print(f"{name:20} {said['error']} ({seconds[-1]:.0f} s)", flush=True)
            continue
        said["right"] = known in ("?", str(said["redundancy"] + said["unread"]))
        rows.append(said)
        print(f"{name:20}{said['P'] + said['unread']:5}{known:>7}"
              f"{said['redundancy'] + said['unread']:7}{said['structure'] + said['unread']:11}"
              f"{said['left']:6}  {said.get('verdict', '-'):8}{seconds[-1]:7.0f}", flush=True)
        for note in said.get("notes", ()):
            print(f"    {note}", flush=True)
    whole = sum(r["structure"] == r["redundancy"] for r in rows)
    print(f"\n{len(seconds)}: derived {len(rows)}, "
          f"redundancy right {sum(r['right'] for r in rows)}, "
          f"nothing left {sum(not r['left'] for r in rows)}, structure the whole {whole}, "
          f"PROVED {sum(r.get('verdict') == 'PROVED' for r in rows)}; CPU seconds, median "
          f"{statistics.median(seconds):.0f}, most {max(seconds):.0f}")
    return int(len(rows) < len(seconds) or not all(r["right"] for r in rows))


if __name__ == "__main__":
    raise SystemExit(main())
