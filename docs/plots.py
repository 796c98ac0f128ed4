"""Draw the pictures of gauge_theories.rst into docs/_static, from real runs.

Run from the root of the checkout, with torch, torchdiffeq and matplotlib:

    python docs/plots.py

The flow and its image are solved here, in the plane, by the code of the generated check of C2. The
orders of convergence and the residuals are those of the dated full-size records in
docs/benchmarks (claim-NAME-DIM-cpu-DATE.json, written by `symgauge check-claim --size full`).
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import matplotlib
import torch

from symgauge.checks.claims import claim_names, emit_claim

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (after the choice of the back end)

HERE = Path(__file__).parent
STATIC = HERE / "_static"
HOLDS, PLANTED = "tab:blue", "tab:red"


def records() -> dict[str, dict[str, Any]]:
    """The newest full-size record of each claim."""
    found = {}
    for path in sorted((HERE / "benchmarks").glob("claim-*.json"), key=lambda p: p.stem[-10:]):
        record = json.loads(path.read_text(encoding="utf-8"))
        found[record["name"]] = record
    return {name: found[name] for name in claim_names() if name in found}


def generated(name: str) -> Any:
    """The generated check of a claim, as a module."""
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses look their module up
    exec(compile(emit_claim(name), f"<{name}>", "exec"), module.__dict__)
    return module


def save(figure: Any, name: str) -> None:
    STATIC.mkdir(exist_ok=True)
    figure.savefig(STATIC / f"{name}.png", dpi=100)
    pyplot.close(figure)
    print(STATIC / f"{name}.png")


def flow_and_image() -> None:
    """Trajectories of f in the plane, and of its pushforward: other ways, the same ends."""
    claim = generated("c2_pushforward")
    bench = claim.Bench(
        {"dim": 2, "width": 16, "hidden": 12, "samples": 9}, 4, torch.float64, torch.device("cpu")
    )
    f, phi = claim.vector_field(bench), claim.diffeomorphism(bench)
    line = torch.linspace(-1.2, 1.2, 3, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    claim.require_diffeo(phi, x)
    times = [k / 40 for k in range(41)]
    fields = (("x(t) of f", f), ("y(t) of f' = pushforward of f", claim.pushforward(f, phi)),
              ("pushforward without d_t phi", claim.pushforward(f, phi, 0.0)))
    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.6), layout="constrained", sharex=True,
                                   sharey=True)
    ends = claim.solve("f", f, x).end
    for axis, (title, field) in zip(axes, fields, strict=True):
        states = claim.integrate(title, field, x, times)
        right = claim.distance(states[-1], ends) < 1e-6
        for sample in range(len(x)):
            axis.plot(states[:, sample, 0], states[:, sample, 1], linewidth=1.2,
                      color=f"C{sample}")
        axis.scatter(*x.T, s=14, color="black", label="start", zorder=3)
        axis.scatter(*ends.T, s=60, facecolors="none", edgecolors="black", label="end of f",
                     zorder=3)
        axis.scatter(*states[-1].T, s=14, color=HOLDS if right else PLANTED,
                     label="end", zorder=4)
        axis.set_title(title, fontsize=10)
        axis.set_aspect("equal")
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=8, loc="best")
    save(figure, "flow_and_image")


def order_of_convergence(found: dict[str, dict[str, Any]]) -> None:
    """C2 by fixed-step methods, and C7: residual layers and nets against their diffeomorphism."""
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for axis, name, title in (
        (axes[0], "c2_pushforward", "C2: end of f' by fixed steps against the end of f"),
        (axes[1], "c7_depth", "C7: residual net of depth N against phi"),
    ):
        for row in found[name]["rows"]:
            if row["steps"]:
                label = row["label"].split(": error")[0]
                axis.loglog(row["steps"], row["errors"], marker="o", markersize=4,
                            linestyle="--" if row["wrong"] else "-",
                            color=PLANTED if row["wrong"] else None,
                            label=f"{label}: order {row['value']:.2f}")
        ticks = sorted({n for row in found[name]["rows"] for n in row["steps"]})
        axis.set_xticks(ticks, [str(n) for n in ticks])
        axis.minorticks_off()
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("steps" if name.startswith("c2") else "depth N", fontsize=9)
        axis.set_ylabel("relative error", fontsize=9)
        axis.grid(True, which="major", linewidth=0.4)
        axis.legend(fontsize=8, loc="lower left" if name.startswith("c7") else "upper left")
    save(figure, "order_of_convergence")


def residuals(found: dict[str, dict[str, Any]]) -> None:
    """Every judged residual of every claim, in floors."""
    figure, axis = pyplot.subplots(figsize=(8, 3.8), layout="constrained")
    for place, record in enumerate(found.values()):
        for wrong, colour, marker in ((False, HOLDS, "o"), (True, PLANTED, "x")):
            values = [max(float(row["value"]), 1e-3) for row in record["rows"]
                      if row["kind"] == "holds" and row["wrong"] is wrong]
            label = ("planted failure" if wrong else "claim") if place == 0 else None
            axis.scatter(values, [place + 0.12 * (1 if wrong else -1)] * len(values), s=22,
                         color=colour, marker=marker, label=label)
    axis.axvline(10, color=HOLDS, linestyle="--", linewidth=1)
    axis.axvline(1e4, color=PLANTED, linestyle="--", linewidth=1)
    axis.set_xscale("log")
    axis.set_yticks(range(len(found)), [record["claim"] for record in found.values()])
    axis.invert_yaxis()
    axis.set_xlabel("residual in floors (a claim stays left of 10, a planted failure right of 1e4)",
                    fontsize=9)
    axis.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    axis.grid(True, axis="x", linewidth=0.4)
    save(figure, "residuals")


if __name__ == "__main__":
    flow_and_image()
    order_of_convergence(records())
    residuals(records())
