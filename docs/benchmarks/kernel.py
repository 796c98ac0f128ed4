"""The kernel on certificates: its verdict and its time, one process for each.

Run `python docs/benchmarks/kernel.py [FOLDER] [--python PATH]` from a checkout. The known networks
of tests/data/known_dimensions.csv and the small sizes of the zoo are derived and written to FOLDER
(kept there for the next run), and each certificate is given to `PYTHON -I symgauge/kernel FILE
--json`; PATH is the python of an environment with numpy alone. Timed is the whole process: start of
Python, import of numpy, reading. The derivations are outside every time. Prints a table, the median
and the largest time, and the lines of the kernel. Exit status 1 where a closed certificate that is
PROVED is refuted, or one that is not closed is confirmed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).parents[2]
KERNEL = ROOT / "symgauge" / "kernel"
sys.path.insert(0, str(ROOT / "tests" / "support"))


def certificates(folder: Path) -> list[Path]:
    """The files, derived where they are missing."""
    from kernel_certificates import NETWORKS, make, zoo
    found = []
    for name in [*NETWORKS, *(f"zoo/{n}" for n in zoo.names())]:
        path = folder / f"{name.replace('/', '_')}.json"
        if not path.exists():
            path.write_text(json.dumps(dict(make(name).data["certificate"])), encoding="utf-8")
        found.append(path)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    folder = Path(options.folder or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    times: list[float] = []
    confirmed = closed = 0
    wrong = False
    print(f"{'certificate':32}{'P':>6}{'rank J':>8}{'rank G':>8}  {'verdict':11}{'seconds':>8}")
    for path in certificates(folder):
        data = json.loads(path.read_text(encoding="utf-8"))
        start = perf_counter()
        told = subprocess.run([options.python, "-I", str(KERNEL), str(path), "--json"],
                              capture_output=True, text=True, check=False)
        times.append(perf_counter() - start)
        record: dict[str, Any] = json.loads(told.stdout)
        verdict = record["verdict"]
        print(f"{path.stem:32}{record['parameters'] or 0:6}{record['rank_J'] or 0:8}"
              f"{record['rank_G'] or 0:8}  {verdict:11}{times[-1]:8.2f}", flush=True)
        closed += data["closed"]
        confirmed += verdict == "CONFIRMED"
        wrong |= verdict == "REFUTED" if data["closed"] else verdict == "CONFIRMED"
    lines = sum(len(f.read_text(encoding="utf-8").splitlines()) for f in KERNEL.glob("*.py"))
    print(f"{len(times)} certificates, {closed} closed, {confirmed} confirmed; median "
          f"{statistics.median(times):.2f} s, largest {max(times):.2f} s; {lines} lines")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
