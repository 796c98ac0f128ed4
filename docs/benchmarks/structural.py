"""Time and memory of `derive --full` on full-size graphs, and time against depth.

    python docs/benchmarks/structural.py [--layers 1 2 4 8 16 32] [--plot FILE.png]

Each run is a process of its own; its peak resident memory is the operating system's (wait4). The
stages are those of the record: `capture` (torch.export without weights), `derive` (legs, families,
their proofs), `statement` (formulas and proof tables), `emit` (the generated check, timed here).
The dimension comes out of the derivation. transformers' classes are built from published sizes;
nothing is downloaded and no weight is allocated.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LLAMA = f"{ROOT / 'tests/targets/llama_lm.py'}:factory"
GPT2 = f"{ROOT / 'tests/targets/gpt2_lm.py'}:factory"
LLAMA_3_8B = {
    "hidden_size": 4096, "num_heads": 32, "num_groups": 8, "intermediate_size": 14336,
    "vocab_size": 128256, "tokens": 8,
}

ONE = """
import json, sys, time
from symgauge import zoo
from symgauge.capture import load_target
from symgauge.full_size import derive_full
target, sizes, observable = json.loads(sys.argv[1])
small = load_target(target, zoo.load, {})
found = derive_full(
    small.at({**(small.full or {}), **sizes}), small, observable=observable)
start = time.perf_counter()
text = found.check_text()
seconds = {**found.seconds, "emit": time.perf_counter() - start}
print(json.dumps({
    "parameters": found.parameters, "dimension": found.dimension,
    "orbit": found.orbit_dimension, "families": len(found.generators), "seconds": seconds,
}))
"""


def measure(target: str, sizes: dict[str, int], observable: str = "logits") -> dict[str, object]:
    """The record of one run, with its wall clock and peak resident GB."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", ONE, json.dumps([target, sizes, observable])],
            stdout=out, stderr=subprocess.DEVNULL, cwd=ROOT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{target} {sizes}: status {status}")
        out.seek(0)
        record: dict[str, object] = json.loads(out.read().splitlines()[-1])
        record["total"] = time.perf_counter() - start
        record["memory"] = usage.ru_maxrss / 1e6  # Linux counts kilobytes
        return record


def row(name: str, record: dict[str, object]) -> str:
    """One line of the table."""
    seconds = record["seconds"]
    assert isinstance(seconds, dict)
    stages = " ".join(f"{seconds[s]:8.2f}" for s in ("capture", "derive", "statement", "emit"))
    orbit = "proved" if record["orbit"] is not None else "open"
    return (
        f"{name:32s} {record['parameters']:>14,} {record['dimension']:>12,} {orbit:>7s} "
        f"{stages} {record['total']:7.1f} {record['memory']:6.2f}"
    )


def main() -> None:
    """Print the table, and the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--plot")
    options = parser.parse_args()
    print(f"{'':32s} {'parameters':>14s} {'dimension':>12s} {'orbits':>7s} "
          f"{'capture':>8s} {'derive':>8s} {'statem.':>8s} {'emit':>8s} {'total':>7s} {'GB':>6s}")
    runs: tuple[tuple[str, dict[str, int], str], ...] = (
        ("GPT-2 small, 32 tokens", {"tokens": 32}, "logits"),
        ("GPT-2 small, 1024 tokens", {"tokens": 1024}, "logits"),
        ("GPT-2 small, probabilities", {"tokens": 1024}, "probabilities"),
    )
    for name, sizes, observable in runs:
        print(row(name, measure(GPT2, sizes, observable)), flush=True)
    points = []
    for n in options.layers:
        record = measure(LLAMA, {**LLAMA_3_8B, "num_layers": n})
        points.append((n, record))
        print(row(f"Llama-3-8B shape, {n} layers", record), flush=True)
    if options.plot:
        plot(points, options.plot)


def plot(points: list[tuple[int, dict[str, object]]], path: str) -> None:
    """Seconds of each stage against depth, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4))
    depths = [n for n, _ in points]
    for stage in ("capture", "derive", "statement", "emit"):
        axes.loglog(depths, [
            r["seconds"][stage] for _, r in points  # type: ignore[index]
        ], "o-", label=stage)
    axes.set_xlabel("layers of the Llama-3-8B shape")
    axes.set_ylabel("seconds")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
