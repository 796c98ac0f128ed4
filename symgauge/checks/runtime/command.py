"""Runs the checks, prints the table as it grows, writes the JSON record, sets the exit status."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NoReturn

import torch

from symgauge.checks.runtime.bench import Bench, Row, plain_kernels, readable
from symgauge.checks.runtime.model import BadInput

Check = Callable[[Bench], Iterator[Row]]

DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
HEAD = f"{'':36} {'residual':>8} {'floors':>8} {'limit':>7} {'passes':>6} {'time':>5}"


class Parser(argparse.ArgumentParser):
    """Usage errors are bad input: one sentence, exit status 3."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(message)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description="Numeric check of symmetries; exit status 1 if one fails.")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", default="float64", choices=list(DTYPES))
    parser.add_argument("--size", default="small", choices=["small", "full"])
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--json", metavar="PATH", help="write the record there")
    parser.add_argument("--checkpoint", metavar="FILE.safetensors", help="instead of random values")
    return parser.parse_args(argv)


def line(row: Row) -> str:
    """One row of the table, at most 80 columns."""
    label = readable(row.label)
    label = label if len(label) <= 36 else label[:33] + "..."
    residual = "-" if row.residual is None else f"{row.residual:.1e}"
    floors = "-" if row.floors is None else f"{row.floors:.1e}"
    limit = "-" if row.limit is None else f"{'>' if row.wrong else '<='} {row.limit:.0f}"
    verdict = {True: "ok", False: "FAIL", None: "-"}[row.ok]
    text = f"{label:36} {residual:>8} {floors:>8} {limit:>7} {row.passes:>6} {row.time:5.1f}"
    note = f"\n    {row.note}" if row.note else ""
    return f"{text} {verdict}{note}"


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
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("this machine has no CUDA device that torch can use")
    with plain_kernels():
        bench = Bench(record, size, seed, DTYPES[dtype], torch.device(device), checkpoint)
        count = sum(bench.parameters[name].numel() for name in bench.free)
        print(f"{readable(record['name'])[:78]}\n{size} sizes, {count} parameters", end=", ")
        print(f"{dtype}, {device}, seed {seed}, torch {torch.__version__}")
        floor = bench.measure_floor()
        print(f"floor {floor:.1e}: output change, every parameter moved by one unit in its")
        print(f"last place; time in units of one forward pass ({bench.unit:.2g} s)\n\n{HEAD}")
        rows = []
        for check in checks:
            for row in check(bench):
                rows.append(row)
                print(line(row), flush=True)
    for label in bench.not_checked():
        print(f"not checked at this size: {readable(label)[:52]}")
    print(f"\n{bench.passes} forward passes of {bench.allowed} allowed")
    judged = [row.ok for row in rows if row.ok is not None]
    ok = all(judged) and bench.passes <= bench.allowed if judged else None
    return {
        "name": record["name"],
        "target": {k: v for k, v in record["target"].items() if k != "source"},
        "size": size,
        "sizes": record["sizes"][size],
        "parameters": count,
        "observable": record["observable"],
        "dtype": dtype,
        "device": device,
        "device_name": torch.cuda.get_device_name() if device == "cuda" else processor(),
        "seed": seed,
        "checkpoint": checkpoint,
        "floor": floor,
        "floor_measured": bench.floor_measured,
        "rows": [finite(asdict(row)) for row in rows],
        "not_checked": bench.not_checked(),
        "forward_seconds": bench.unit,
        "passes": bench.passes,
        "passes_allowed": bench.allowed,
        "peak_memory_bytes": bench.peak_memory(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "ok": ok,
    }


def processor() -> str:
    """The processor's name where the system tells, else its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for text in file:
                if text.startswith("model name"):
                    return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no nan and no inf: they are written as text."""
    odd = {k: str(v) for k, v in row.items() if isinstance(v, float) and not math.isfinite(v)}
    return {**row, **odd}


def write(path: str, result: Mapping[str, Any]) -> None:
    """Writes the record, the whole file or nothing."""
    part = path + ".part"
    try:
        with open(part, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
        os.replace(part, path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error}") from error


def main(
    record: Mapping[str, Any], checks: Sequence[Check], argv: Sequence[str] | None = None
) -> int:
    """Exit status: 0 all holds, 1 a check failed, 2 nothing checked, 3 bad input, 4 a bug."""
    try:
        asked = arguments(argv)
        if asked.json and not os.path.isdir(os.path.dirname(asked.json) or "."):
            raise BadInput(f"the folder of {asked.json} does not exist")
        result = run(
            record, checks, asked.size, asked.seed, asked.dtype, asked.device, asked.checkpoint
        )
        if asked.json:
            write(asked.json, result)
        words = {True: "every check passed", False: "FAILED", None: "nothing could be checked"}
        print(words[result["ok"]])
        return {True: 0, False: 1, None: 2}[result["ok"]]
    except BadInput as error:
        sentence = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
        print(f"error: {sentence}", file=sys.stderr)
        return 3
    except torch.OutOfMemoryError:
        print("error: out of memory: try --size small or a narrower --dtype", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    except Exception:
        traceback.print_exc()
        return 4
