"""Certificates against depth: processor seconds of `derive` and of `verify`, stage by stage.

    python docs/benchmarks/depth.py [--layers 2,4,8] [--block] [--wide] [--old FOLDER]
        [--plot FILE.png]

Llama-shaped networks of the zoo at width 8, logits; all proofs by intertwiners, ranks over residues
(no other evidence is looked for), so that one kind of work is measured at every depth. `--block`:
the network of 11,408 parameters of `sandwich.py` besides; `--wide`: 16 layers of width 16, 50,192
parameters (ten minutes, 3 GB). `--old FOLDER` runs a checkout of another
revision on the same networks, each row in turn, each in a process of its own. Processor seconds,
since machines are shared; one thread. Outside: imports, and a network of one layer to begin with.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from typing import Any

STAGES = ("capture", "rank", "families", "algebra", "hypotheses", "statement")
COLUMNS = (*STAGES, "derive", "verify")


def sizes(network: str) -> dict[str, Any]:
    """Those of a row: a number of layers, "block" or "wide"."""
    from sandwich import FOUR, WIDTH_8

    named = {"block": FOUR, "wide": {**FOUR, "num_layers": 16, "intermediate_size": 42}}
    return named.get(network) or {**WIDTH_8, "num_layers": int(network)}


def measured(network: str) -> dict[str, Any]:
    """One row, in this process."""
    import resource

    from sandwich import STAGES as BEGIN
    from symgauge.certify.evidence import all_evidence
    from symgauge.derivation.module import derive
    from symgauge.derivers import exact
    from symgauge.zoo import llama_like

    exact.LINE_BY_LINE = 0
    for kind in all_evidence().values():
        kind.by_itself = kind.by_itself_open = 0
    derive(*llama_like.factory(**sizes("1")), force=True).verify()
    module, args = llama_like.factory(**sizes(network))
    seconds = dict.fromkeys(COLUMNS, 0.0)
    stage, since = "capture", time.process_time()
    start = since

    def progress(text: str) -> None:
        nonlocal stage, since
        if text in BEGIN:
            seconds[stage] += time.process_time() - since
            stage, since = BEGIN[text], time.process_time()

    found = derive(module, args, force=True, progress=progress)
    middle = time.process_time()
    seconds[stage] += middle - since
    verification = found.verify()
    seconds["derive"], seconds["verify"] = middle - start, time.process_time() - middle
    if verification.verdict.value == "REFUTED":
        raise SystemExit(verification.reasons[0])
    return {
        "network": network, "P": found.parameters, "rank J": found.rank,
        "rank G": found.orbit_dimension, "closed": found.closed, **seconds,
        "GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def row(network: str, folder: str) -> dict[str, Any]:
    """The row of a checkout, from a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", network], capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"})
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def exponents(first: dict[str, Any], last: dict[str, Any]) -> str:
    """Of every column that takes 0.1 s or more, from one depth to another."""
    depths = int(first["network"]), int(last["network"])
    return f"{depths[0]} to {depths[1]} layers: " + ", ".join(
        f"{c} depth^{math.log(last[c] / first[c]) / math.log(depths[1] / depths[0]):.2f}"
        for c in COLUMNS if min(first[c], last[c]) >= 0.1)


def main() -> None:
    """Print the table and the exponents; draw the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", default="2,4,8,16")
    parser.add_argument("--block", action="store_true")
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--old")
    parser.add_argument("--plot")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measured(options.one)))
        return
    folders = {"new": os.getcwd(), **({"old": options.old} if options.old else {})}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in folders}
    print(f"{'':>5s} {'layers':>6s} {'P':>6s} {'rank J':>6s} {'rk G':>5s} "
          + " ".join(f"{c[:8]:>8s}" for c in COLUMNS) + f" {'GB':>5s}", flush=True)
    depths = options.layers.split(",") if options.layers else []
    for network in [*depths, *["block"] * options.block, *["wide"] * options.wide]:
        for name, folder in folders.items():
            r = row(network, folder)
            if network in depths:
                rows[name].append(r)
            print(f"{name:>5s} {network:>6s} {r['P']:6d} {r['rank J']:6d} "
                  f"{r['rank G']:5d} " + " ".join(f"{r[c]:8.1f}" for c in COLUMNS)
                  + f" {r['GB']:5.2f}{'' if r['closed'] else ' open'}", flush=True)
    for name, found in rows.items():
        for first, last in {(0, -1), (-2, -1)} if len(found) > 1 else ():
            print(f"{name}, {exponents(found[first], found[last])}")
    if options.plot:
        plot(rows, options.plot)


def plot(rows: dict[str, list[dict[str, Any]]], path: str) -> None:
    """Seconds of derive and verify against depth, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4))
    for name, found in rows.items():
        for column, mark in (("derive", "o-"), ("verify", "s--")):
            axes.loglog([int(r["network"]) for r in found], [r[column] for r in found], mark,
                        label=f"{column}, {name}")
    depths = [int(r["network"]) for r in rows["new"]]
    axes.loglog(depths, [2 * n for n in depths], "k:", label="proportional to depth")
    axes.set_xticks(depths, [str(n) for n in depths])
    axes.minorticks_off()
    axes.set_xlabel("layers (Llama shape, width 8)")
    axes.set_ylabel("processor seconds")
    axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
