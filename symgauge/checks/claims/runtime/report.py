"""Rows, the table of 80 columns, the JSON record, the plot and the command line."""

from __future__ import annotations

import argparse
import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch

from symgauge.checks.claims.runtime.fields import Draw
from symgauge.checks.claims.runtime.solver import fitted_order, settled
from symgauge.checks.runtime.record import (
    BadInput,
    device_name,
    exit_status,
    finite,
    options,
    require_device,
    require_folder,
    write,
)

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
HOLDS_WITHIN = 10.0  # floors
PLANTED_BEYOND = {torch.float64: 1e4, torch.float32: 1e2}  # floors
ORDER_WITHIN = 0.25  # a fitted order lies that near to the claimed one
HEADINGS = f"{'':38} {'residual':>8} {'floor':>8} {'floors':>8} {'limit':>8} {'':>4}"


@dataclass(frozen=True)
class Row:
    """One line of the table. `kind`: holds, order, or reported (not judged); a `wrong` row is a
    planted failure. `value` is the residual in floors, or the fitted order."""

    label: str
    kind: str
    wrong: bool
    residual: float
    floor: float | None
    value: float | None
    limit: str
    ok: bool | None
    steps: Sequence[int] = ()
    errors: Sequence[float] = ()
    seconds: float = 0.0


@dataclass
class Bench:
    """What a check asks for: sizes, random tensors, rows."""

    sizes: Mapping[str, int]
    seed: int
    dtype: torch.dtype
    device: torch.device
    clock: float = field(default_factory=time.perf_counter)

    @property
    def draw(self) -> Draw:
        return Draw(self.seed, self.dtype, self.device)

    def timed(self, *entries: Any) -> Row:
        now = time.perf_counter()
        seconds, self.clock = now - self.clock, now
        return replace(Row(*entries), seconds=seconds)

    def holds(self, label: str, residual: float, floor: float) -> Row:
        """A claim: the residual stays within ten floors."""
        ratio = residual / floor
        limit = f"<= {HOLDS_WITHIN:.0f}"
        return self.timed(label, "holds", False, residual, floor, ratio, limit,
                          ratio <= HOLDS_WITHIN)

    def planted(self, label: str, residual: float, floor: float) -> Row:
        """A wrong claim: the residual is far beyond the floor."""
        ratio, beyond = residual / floor, PLANTED_BEYOND[self.dtype]
        return self.timed(label, "holds", True, residual, floor, ratio, f"> {beyond:.0e}",
                          math.isfinite(ratio) and ratio > beyond)

    def order(
        self, label: str, steps: Sequence[int], errors: Sequence[float], expected: float,
        wrong: bool = False, settled: bool = True,
    ) -> Row:
        """Errors that fall as (1 / steps)^expected; a wrong claim's fall slower by half an order.

        In float32 rounding hides the order, and steps that have not `settled` show none: it is
        reported, not judged.
        """
        order = fitted_order(steps, errors)
        ok: bool | None
        if wrong:
            ok, limit = order < expected - 0.5, f"< {expected - 0.5:g}"
        else:
            ok, limit = abs(order - expected) <= ORDER_WITHIN, f"{expected:g}+-{ORDER_WITHIN:g}"
        if self.dtype is not torch.float64 or not settled:
            ok = None
        row = self.timed(label, "order", wrong, errors[-1], None, order, limit, ok)
        return replace(row, steps=list(steps), errors=list(errors))

    def converges(
        self, label: str, error_of: Callable[[int], float], steps: Sequence[int], expected: float,
        error: float,
    ) -> Row:
        """A method's order, seen at as many steps as it takes (see `settled`)."""
        numbers, errors, small = settled(error_of, steps, error)
        return self.order(label, numbers, errors, expected, settled=small)

    def reported(self, label: str, value: float) -> Row:
        """A number without a verdict."""
        return self.timed(label, "reported", False, value, None, None, "-", None)


def line(row: Row) -> str:
    """One row of the table, and the errors of an order below it; at most 80 columns."""
    floor = "-" if row.floor is None else f"{row.floor:.1e}"
    number = "-" if row.value is None else f"{row.value:.1e}"
    if row.kind == "order":
        number = f"p={row.value:.2f}"
    verdict = {True: "ok", False: "FAIL", None: "-"}[row.ok]
    label = ("! " if row.wrong else "") + row.label
    text = f"{label[:38]:38} {row.residual:8.1e} {floor:>8} {number:>8} {row.limit:>8} {verdict:>4}"
    pairs = [f"{n:>5} {e:.1e}" for n, e in zip(row.steps, row.errors)]
    for k in range(0, len(pairs), 4):
        text += "\n  " + ("error: " if k == 0 else "       ") + "  ".join(pairs[k:k + 4])
    return text


def run_claim(
    head: Mapping[str, Any],
    check: Callable[[Bench], Iterator[Row]],
    size: str = "small",
    seed: int = 0,
    dtype: str = "float64",
    device: str = "cpu",
) -> dict[str, Any]:
    """Runs the check; the JSON record."""
    require_device(device)
    if size not in head["sizes"]:
        raise BadInput(f"{head['claim']} has no size {size}; take {' or '.join(head['sizes'])}")
    torch.backends.cuda.matmul.allow_tf32 = False
    sizes = head["sizes"][size]
    begin, cpu = time.perf_counter(), time.process_time()
    bench = Bench(sizes, seed, PRECISIONS[dtype], torch.device(device))
    print(f"{head['claim']}: {head['title']}"[:79])
    print(f"{size}: " + ", ".join(f"{k} {v}" for k, v in sizes.items()))
    print(f"{dtype}, {device}, seed {seed}, torch {torch.__version__}")
    print("! is a planted failure; floor: the solver's own error, or rounding\n")
    print(HEADINGS)
    rows = []
    for row in check(bench):
        rows.append(row)
        print(line(row), flush=True)
    return {
        **{key: value for key, value in head.items() if key != "sizes"},
        "size": size,
        "sizes": dict(sizes),
        "dtype": dtype,
        "device": device,
        "device_name": device_name(device),
        "threads": torch.get_num_threads(),
        "seed": seed,
        "rows": [finite(asdict(row)) for row in rows],
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": time.process_time() - cpu,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "ok": all(row.ok for row in rows if row.ok is not None),
    }


def save_plot(path: str, record: Mapping[str, Any]) -> None:
    """Two panels: residuals in floors with the limits, and errors against the number of steps."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise BadInput(f"--plot needs matplotlib ({error})") from error
    rows = [r for r in record["rows"] if r["kind"] == "holds" and isinstance(r["value"], float)]
    series = [r for r in record["rows"] if r["steps"]]
    figure, axes = pyplot.subplots(
        1, 1 + bool(series), figsize=(6 + 4.5 * bool(series), 1.4 + 0.28 * max(len(rows), 9)),
        layout="constrained", squeeze=False,
    )
    bars, y = axes[0][0], range(len(rows))
    bars.barh(y, [max(r["value"], 1e-2) for r in rows], left=1e-3,
              color=["tab:red" if r["wrong"] else "tab:blue" for r in rows])
    bars.set_yticks(y, [r["label"] for r in rows], fontsize=8)
    bars.set_xscale("log")
    bars.invert_yaxis()
    beyond = PLANTED_BEYOND[PRECISIONS[record["dtype"]]]
    bars.axvline(HOLDS_WITHIN, color="tab:blue", linestyle="--", linewidth=1)
    bars.axvline(beyond, color="tab:red", linestyle="--", linewidth=1)
    bars.set_xlabel("residual in floors (blue: holds, red: planted failure)", fontsize=8)
    for number, r in enumerate(series):
        style = "--" if r["wrong"] else "-"
        axes[0][1].loglog(r["steps"], r["errors"], marker="o", markersize=3, linestyle=style,
                          color=f"C{number}", label=f"{r['label']}: {float(r['value']):.2f}")
    if series:
        axes[0][1].set_xlabel("steps", fontsize=8)
        axes[0][1].set_title("error, with the fitted order", fontsize=9)
        axes[0][1].legend(fontsize=7)
    figure.suptitle(f"{record['claim']}: {record['title']}", fontsize=10)
    try:
        figure.savefig(path, dpi=100, format="png")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error}") from error
    pyplot.close(figure)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    text = "Numeric check of a claim; exit status 1 if it fails."
    parser = options(text, list(PRECISIONS), ["small", "full", "gpu"])
    parser.add_argument("--plot", metavar="FILE.png", help="draw residuals and orders (matplotlib)")
    return parser.parse_args(argv)


def claim_main(
    head: Mapping[str, Any],
    check: Callable[[Bench], Iterator[Row]],
    argv: Sequence[str] | None = None,
) -> int:
    """Exit status: 0 all holds, 1 a row failed, 3 bad input, 4 a bug."""

    def work() -> int:
        asked = parsed(argv)
        for path in (asked.json, asked.plot):
            require_folder(path)
        record = run_claim(head, check, asked.size, asked.seed, asked.dtype, asked.device)
        if asked.json:
            write(asked.json, record)
        if asked.plot:
            save_plot(asked.plot, record)
        print(f"\n{'every row holds' if record['ok'] else 'FAILED'} ({record['seconds']:.0f} s)")
        return 0 if record["ok"] else 1

    return exit_status(work, "--dtype float32")
