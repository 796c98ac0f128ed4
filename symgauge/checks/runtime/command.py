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

from symgauge.checks.runtime.bench import Bench
from symgauge.checks.runtime.device import copy_speed, peak_memory, plain_kernels
from symgauge.checks.runtime.judge import Judge
from symgauge.checks.runtime.point import Point
from symgauge.checks.runtime.record import (
    device_name,
    exit_status,
    finite,
    options,
    require_folder,
    write,
)
from symgauge.checks.runtime.processes import joined
from symgauge.checks.runtime.rows import Row, readable
from symgauge.checks.runtime.subject import CheckRecord, SizeName

Check = Callable[[Judge], Iterator[Row]]

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
LOOKED_AT = {
    False: "the symmetries, at generic parameters",
    True: "the symmetries, around the weights of the checkpoint",
}
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
    notes = [row.note, row.untested and "not tested: " + row.untested]
    below = [line for note in notes for line in textwrap.wrap(note, 74)]
    return "\n".join([*above, f"{text} {verdict}", *("    " + line for line in below)])


def about(bench: Bench) -> Iterator[str]:
    """What is compared, in a few lines: the mode, and the outputs where there are several."""
    left = bench.point.outputs_left_out
    outputs = ", ".join(map(readable, bench.point.outputs))
    text = bench.point.mode
    if left or len(bench.point.outputs) > 1:
        text += f"; outputs: {outputs}"
    if left:
        text += f"; not looked at: {', '.join(map(readable, left))}"
    yield from textwrap.wrap(text, 78)


def not_looked_at(bench: Bench) -> Iterator[str]:
    """What these checks say nothing about."""
    if bench.point.checkpoint is not None:
        yield "whether the weights are right: any weights of these shapes have the symmetries"
        buffers = [name for name, _ in bench.point.module.named_buffers()]
        stored = [name for name in buffers if bench.point.checkpoint.has(name)]
        if stored:
            yield f"buffers of the checkpoint, such as {stored[0]}: those of the factory are used"
    yield from (f"the output {name}" for name in bench.point.outputs_left_out)


def conclusion(result: Mapping[str, Any]) -> Iterator[str]:
    """The last lines: what holds, what was not tested, what was not looked at."""
    count = len([row for row in result["rows"] if row["untested"]])
    words = {False: "FAILED", None: "nothing could be checked"}
    passed = "every check passed" if not count else "every check that could fail passed"
    if result["checkpoint"] is not None:
        passed = "the symmetries hold around these weights"
    yield words.get(result["ok"], passed) + (f"; {count} rows not tested" if count else "")
    if result["checkpoint"] is not None:
        yield from textwrap.wrap("not looked at: " + "; ".join(result["not_looked_at"]), 78)


def missing(record: CheckRecord, labels: Sequence[str]) -> Iterator[str]:
    """The families with these labels, for a reader; those of one class in one line."""
    counts: dict[str, list[str]] = {}
    for family in record["families"]:
        if family["label"] in labels:
            entry, label = family["small"] or family["full"], family["label"]
            kind = label if entry is None else entry.get("class", label)
            counts.setdefault(kind, []).append(label)
    for kind, some in counts.items():
        text = readable(some[0] if len(some) == 1 else f"{len(some)} of {kind}")
        yield text if len(text) <= 54 else text[:51] + "..."


def opening(bench: Bench) -> None:
    """What is checked, and the noise floor, measured here."""
    record, point = bench.record, bench.point
    print(f"{readable(record['name'])[:78]}")
    print(f"{point.size} sizes, {point.count} parameters", end=", ")
    print(f"{dtype_name(point)}, {point.device}, seed {point.seed}, torch {torch.__version__}")
    if point.layout.processes > 1:
        print(f"{point.layout.processes} processes, every parameter sharded over them")
    print(f"{len(bench.families)} families in {len(bench.classes)} classes, ", end="")
    print(f"{len(bench.planted)} planted failures: {bench.allowed()} forward passes allowed,")
    print("and those that controls and other draws take")
    floor = point.measure_floor()
    for text in about(bench):
        print(text)
    print(f"floor {floor:.1e}: output change, every parameter moved by one unit in its")
    print(f"last place; time in units of one forward pass ({point.unit:.2g} s)\n\n{HEAD}")


def dtype_name(point: Point) -> str:
    return str(point.dtype).removeprefix("torch.")


def table(bench: Bench, checks: Sequence[Check]) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Every row as soon as it is there, and its record."""
    judge = Judge(bench)
    for check in checks:
        for row in check(judge):
            print(line(row), flush=True)
            peak = peak_memory(bench.point.device)
            yield row, finite(asdict(row) | {"peak_memory_bytes": peak})


def closing(bench: Bench, nowhere: Mapping[str, str]) -> None:
    """What is not checked, and the passes that were made."""
    for reason in dict.fromkeys(nowhere.values()):
        some = [label for label in nowhere if nowhere[label] == reason]
        for text in missing(bench.record, some):
            where = reason if set(some) & set(bench.unreachable) else "not checked at this size"
            print(f"{where}: {text}")
    extra = bench.point.extra
    print(f"\n{bench.point.passes} forward passes of {bench.allowed()} allowed", end="")
    print(f", {extra} of them for controls and other draws" if extra else "")


def verdict(bench: Bench, rows: Sequence[Row]) -> bool | None:
    """Whether all holds; None where nothing could be checked."""
    if any(row.ok is False for row in rows) or bench.point.passes > bench.allowed():
        return False
    return True if any(row.ok and not row.wrong for row in rows) else None


def untested(rows: Sequence[Row], nowhere: Mapping[str, str]) -> list[dict[str, str]]:
    """Rows that could not fail, and families that have none, with the reasons."""
    found = [(row.check, row.label, row.untested) for row in rows if row.untested]
    found += [("invariance", label, reason) for label, reason in nowhere.items()]
    return [{"check": check, "label": label, "reason": why} for check, label, why in found]


def circumstances(bench: Bench) -> dict[str, Any]:
    """On what, where and how it was checked."""
    record, point = bench.record, bench.point
    return {
        "name": record["name"],
        "target": {k: v for k, v in record["target"].items() if k != "source"},
        "size": point.size,
        "sizes": record["sizes"][point.size],
        "parameters": point.count,
        "observable": record["observable"],
        "dtype": dtype_name(point),
        "device": str(point.device),
        "device_name": device_name(str(point.device)),
        "seed": point.seed,
        "mode": point.mode,
        "families": len(bench.families),
        "classes": len(bench.classes),
        "parameter_bytes": point.parameter_bytes(),
        **point.layout.facts(),
        "memory_before_bytes": point.memory_before,
        "memory_built_bytes": bench.memory_built,
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }


def run(
    record: CheckRecord,
    checks: Sequence[Check],
    size: SizeName = "small",
    seed: int = 0,
    dtype: str = "float64",
    device: str = "cpu",
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """Runs every check; the JSON record. `ok` is None where nothing could be checked."""
    start = time.perf_counter(), time.process_time()
    with plain_kernels():
        bench = Bench(record, size, seed, DTYPES[dtype], torch.device(device), checkpoint)
        opening(bench)
        pairs = list(table(bench, checks))
        speed, peak = copy_speed(bench.point.device), peak_memory(bench.point.device)
    nowhere, rows, point = bench.not_checked(), [row for row, _ in pairs], bench.point
    closing(bench, nowhere)
    return circumstances(bench) | {
        "checkpoint": checkpoint,
        "floor": point.floor,
        "floor_measured": point.floor_measured,
        "rows": [plain for _, plain in pairs],
        "not_checked": list(nowhere),
        "not_tested": untested(rows, nowhere),
        "looked_at": LOOKED_AT[checkpoint is not None],
        "not_looked_at": list(not_looked_at(bench)),
        "outputs": point.outputs,
        "outputs_left_out": point.outputs_left_out,
        "forward_seconds": point.unit,
        "seconds": time.perf_counter() - start[0],
        "processor_seconds": time.process_time() - start[1],
        "passes": point.passes,
        "passes_allowed": bench.allowed(),
        "passes_extra": point.extra,
        "peak_memory_bytes": peak,
        "copy_bytes_per_second": speed,
        "ok": verdict(bench, rows),
    }


def main(
    record: CheckRecord, checks: Sequence[Check], argv: Sequence[str] | None = None
) -> int:
    """Exit status: 0 all holds, 1 a check failed, 2 nothing tested, 3 bad input, 4 a bug."""

    def work() -> int:
        asked = arguments(argv)
        require_folder(asked.json)
        with joined(asked.device) as (device, speaks):
            result = run(
                record, checks, asked.size, asked.seed, asked.dtype, device, asked.checkpoint
            )
            if asked.json and speaks:
                write(asked.json, result)
            for text in conclusion(result):
                print(text)
        return {True: 0, False: 1, None: 2}[result["ok"]]

    return exit_status(work, "a narrower --dtype")
