"""Runs the checks, prints the table as it grows, writes the JSON record, sets the exit status."""

from __future__ import annotations

import argparse
import platform
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from symgauge.checks.runtime.bench import (
    Bench,
    Row,
    copy_speed,
    peak_memory,
    plain_kernels,
    readable,
)
from symgauge.checks.runtime.record import (
    device_name,
    exit_status,
    finite,
    options,
    require_device,
    require_folder,
    write,
)

Check = Callable[[Bench], Iterator[Row]]

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
HEAD = f"{'':36} {'residual':>8} {'floors':>8} {'limit':>7} {'passes':>6} {'time':>5}"


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    text = "Numeric check of symmetries; exit status 1 if one fails."
    parser = options(text, list(DTYPES), ["small", "full"])
    parser.add_argument("--checkpoint", metavar="FILE.safetensors", help="instead of random values")
    return parser.parse_args(argv)


def line(row: Row) -> str:
    """One row of the table, at most 80 columns; a long label has lines of its own."""
    *above, label = textwrap.wrap(readable(row.label), 78) or [""]
    if len(label) > 36:
        above, label = [*above, label], ""
    residual = "-" if row.residual is None else f"{row.residual:.1e}"
    floors = "-" if row.floors is None else f"{row.floors:.1e}"
    limit = "-" if row.limit is None else f"{'>' if row.wrong else '<='} {row.limit:.0f}"
    verdict = {True: "ok", False: "FAIL", None: "-"}[row.ok]
    text = f"{label:36} {residual:>8} {floors:>8} {limit:>7} {row.passes:>6} {row.time:5.1f}"
    note = f"\n    {row.note}" if row.note else ""
    return "\n".join([*above, f"{text} {verdict}{note}"])


def missing(record: Mapping[str, Any], labels: Sequence[str]) -> Iterator[str]:
    """The families with these labels, for a reader; those of one class in one line."""
    counts: dict[str, list[str]] = {}
    for family in record["families"]:
        if family["label"] in labels:
            entry = family["small"] or family["full"] or {}
            counts.setdefault(entry.get("class", family["label"]), []).append(family["label"])
    for kind, some in counts.items():
        text = readable(some[0] if len(some) == 1 else f"{len(some)} of {kind}")
        yield text if len(text) <= 54 else text[:51] + "..."


def run(
    record: Mapping[str, Any],
    checks: Sequence[Check],
    size: str = "small",
    seed: int = 0,
    dtype: str = "float64",
    device: str = "cpu",
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """Runs every check; the JSON record. `ok` is None where nothing could be checked."""
    require_device(device)
    start = time.perf_counter(), time.process_time()
    with plain_kernels():
        bench = Bench(record, size, seed, DTYPES[dtype], torch.device(device), checkpoint)
        count = sum(bench.parameters[name].numel() for name in bench.free)
        print(f"{readable(record['name'])[:78]}\n{size} sizes, {count} parameters", end=", ")
        print(f"{dtype}, {device}, seed {seed}, torch {torch.__version__}")
        print(f"{len(bench.families)} families in {len(bench.classes)} classes, ", end="")
        print(f"{len(bench.planted)} planted failures: {bench.allowed()} forward passes allowed")
        floor = bench.measure_floor()
        print(f"floor {floor:.1e}: output change, every parameter moved by one unit in its")
        print(f"last place; time in units of one forward pass ({bench.unit:.2g} s)\n\n{HEAD}")
        rows, judged = [], []
        for check in checks:
            for row in check(bench):
                rows.append(finite(asdict(row) | {"peak_memory_bytes": peak_memory(bench.device)}))
                judged += [] if row.ok is None else [row.ok]
                print(line(row), flush=True)
        speed, peak = copy_speed(bench.device), peak_memory(bench.device)
    for text in missing(record, bench.not_checked()):
        print(f"not checked at this size: {text}")
    print(f"\n{bench.passes} forward passes of {bench.allowed()} allowed")
    ok = all(judged) and bench.passes <= bench.allowed() if judged else None
    return {
        "name": record["name"],
        "target": {k: v for k, v in record["target"].items() if k != "source"},
        "size": size,
        "sizes": record["sizes"][size],
        "parameters": count,
        "observable": record["observable"],
        "dtype": dtype,
        "device": device,
        "device_name": device_name(device),
        "seed": seed,
        "checkpoint": checkpoint,
        "floor": floor,
        "floor_measured": bench.floor_measured,
        "rows": rows,
        "not_checked": bench.not_checked(),
        "forward_seconds": bench.unit,
        "seconds": time.perf_counter() - start[0],
        "processor_seconds": time.process_time() - start[1],
        "passes": bench.passes,
        "passes_allowed": bench.allowed(),
        "families": len(bench.families),
        "classes": len(bench.classes),
        "parameter_bytes": bench.parameter_bytes(),
        "memory_before_bytes": bench.memory_before,
        "memory_built_bytes": bench.memory_built,
        "peak_memory_bytes": peak,
        "copy_bytes_per_second": speed,
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "ok": ok,
    }


def main(
    record: Mapping[str, Any], checks: Sequence[Check], argv: Sequence[str] | None = None
) -> int:
    """Exit status: 0 all holds, 1 a check failed, 2 nothing checked, 3 bad input, 4 a bug."""

    def work() -> int:
        asked = arguments(argv)
        require_folder(asked.json)
        result = run(
            record, checks, asked.size, asked.seed, asked.dtype, asked.device, asked.checkpoint
        )
        if asked.json:
            write(asked.json, result)
        words = {True: "every check passed", False: "FAILED", None: "nothing could be checked"}
        print(words[result["ok"]])
        return {True: 0, False: 1, None: 2}[result["ok"]]

    return exit_status(work, "a narrower --dtype")
