"""Time and memory of `symgauge legs` on full-size graphs.

    python docs/benchmarks/legs.py [--repeat N] [NAME...]

Each run is a process of its own, `python -m symgauge legs TARGET --json`; its peak resident memory
is the operating system's (wait4), so it holds the interpreter and torch as well. Three times:
`total` is the wall clock of the process; `inside` is what the command reports, from loading TARGET
to the named legs (importing torch and transformers on the way is part of it); `legs` is following
the axes and naming alone, timed again in this process on the same graph at the end.
transformers' classes are built from published sizes; nothing is downloaded and no weight is
allocated. There is nothing to compare with: capture with values cannot hold these models.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
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


def _settings(sizes: dict[str, int]) -> list[str]:
    return [part for name, n in sizes.items() for part in ("--set", f"{name}={n}")]


RUNS = {
    "gpt2_like FULL (zoo)": ["gpt2_like", "--full"],
    "GPT-2 small": [GPT2, "--full"],
    "GPT-2 small, 1024 tokens": [GPT2, "--full", "--set", "tokens=1024"],
    **{
        f"Llama-3-8B shape, {n} layers": [LLAMA, *_settings({**LLAMA_3_8B, "num_layers": n})]
        for n in (1, 2, 4, 8, 16, 32)
    },
}


def measure(arguments: list[str]) -> tuple[float, float, dict[str, object]]:
    """Seconds, peak resident GB, and the record of one run."""
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "symgauge", "legs", *arguments, "--json"],
            stdout=out, stderr=subprocess.DEVNULL, cwd=ROOT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"legs {' '.join(arguments)}: status {status}")
        out.seek(0)
        # Linux counts kilobytes
        return seconds, usage.ru_maxrss / 1e6, json.load(out)


def naming(arguments: list[str]) -> float:
    """Seconds of following and naming the legs of a captured graph."""
    sys.path.insert(0, str(ROOT))
    from symgauge import zoo
    from symgauge.capture import capture, load_target, without_weights
    from symgauge.spaces.roles import named_legs

    sizes = dict(a.split("=") for a in arguments[1:] if "=" in a)
    target = load_target(arguments[0], zoo.load, sizes)
    if "--full" in arguments and target.full is not None:
        target = target.at({**target.full, **{name: target.sizes[name] for name in sizes}})
    with without_weights():
        module, args, kwargs = target.build()
    network = capture(module, args, kwargs, meta=True).network
    start = time.perf_counter()
    named_legs(network)
    return time.perf_counter() - start


def main() -> None:
    """Print one row of the table per run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {list(RUNS)}")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    print("| graph | parameters | lines | legs | total s | inside s | legs s | peak GB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    # a child's peak starts at its parent's: all is measured before this process loads torch
    measured = {
        name: [measure(RUNS[name]) for _ in range(options.repeat)] for name in options.names or RUNS
    }
    for name, runs in measured.items():
        record = runs[0][2]
        total = sorted(r[0] for r in runs)
        inside = statistics.median(float(str(r[2]["seconds"])) for r in runs)
        spread = f"{statistics.median(total):.1f} ({total[0]:.1f}-{total[-1]:.1f})"
        legs = record["legs"]
        assert isinstance(legs, list)
        print(f"| {name} | {record['parameters']:,} | {record['nodes']} | {len(legs)} | "
              f"{spread} | {inside:.1f} | {naming(RUNS[name]):.2f} | "
              f"{max(r[1] for r in runs):.2f} |", flush=True)


if __name__ == "__main__":
    main()
