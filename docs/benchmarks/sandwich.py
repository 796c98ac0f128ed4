"""`derive` and `verify` on a ladder of transformers: the stages, and the cost against depth.

    python docs/benchmarks/sandwich.py [--large] [--huge] [--plot FILE.png]

Llama-shaped networks of the zoo, logits: whole derivations with their certificates, as
`symgauge derive --force` writes them, and their verification from nothing but the certificate.
Generators are structural: proved line by line over polynomials where that takes seconds, else by
intertwiners; ranks are over GF(p). Stages: `rank` is that of the Jacobian, `families` the search
and the proofs, `algebra` the brackets and the name, `hypotheses` the tests of what residues assume,
`statement` the formulas, the discrete symmetries and the planted failures. torch's export is
`capture`; importing torch is in the first line. "series" rows are certified over power series
(`derive --series`): the rank along a curve stands in the column of the hypotheses, which are gone.
In the rows of depth all proofs go by intertwiners.
"""

from __future__ import annotations

import argparse
import math
import resource
import time

from symgauge.derivation.module import derive
from symgauge.derivers import exact
from symgauge.zoo import llama_like

WIDTH_8 = {
    "hidden_size": 8, "num_heads": 2, "num_kv_heads": 2, "head_dim": 4, "intermediate_size": 8,
    "vocab_size": 11, "tokens": 5,
}
BLOCK = {
    "hidden_size": 16, "num_heads": 4, "num_kv_heads": 2, "head_dim": 4, "intermediate_size": 32,
    "vocab_size": 24, "tokens": 6, "num_layers": 1,
}
FOUR = {**BLOCK, "num_kv_heads": 4, "vocab_size": 32, "num_layers": 4}
LADDER = (
    ("width 2", {
        **WIDTH_8, "hidden_size": 2, "num_heads": 1, "num_kv_heads": 1, "head_dim": 2,
        "intermediate_size": 4, "vocab_size": 7, "num_layers": 1}),
    ("width 4", {
        **WIDTH_8, "hidden_size": 4, "num_heads": 1, "num_kv_heads": 1, "num_layers": 1}),
    ("block, d = 16, d_ff = 32", BLOCK),
)
#: From the words that `derive` says when it begins a stage.
STAGES = {
    "rank of the Jacobian": "rank", "legs": "families", "algebra": "algebra",
    "hypotheses": "hypotheses", "series: curve": "hypotheses",
    "discrete symmetries": "statement",
}
COLUMNS = ("capture", "rank", "families", "algebra", "hypotheses", "statement", "verify", "total")


def run(name: str, sizes: dict[str, int], series: bool = False) -> dict[str, float]:
    """Print one line; the seconds of the stages."""
    seconds = dict.fromkeys(COLUMNS, 0.0)
    stage, since = "capture", time.perf_counter()

    def progress(text: str) -> None:
        nonlocal stage, since
        if text in STAGES:
            seconds[stage] += time.perf_counter() - since
            stage, since = STAGES[text], time.perf_counter()

    start = since
    module, args = llama_like.factory(**sizes)
    found = derive(module, args, force=True, series=series, progress=progress)
    seconds[stage] += time.perf_counter() - since
    middle = time.perf_counter()
    verification = found.verify()
    seconds["verify"] = time.perf_counter() - middle
    seconds["total"] = time.perf_counter() - start
    closed = "closed" if found.closed else f"{found.unexplained} open"
    print(
        f"{name:26s} {found.parameters:6d} {found.rank:6d} {found.orbit_dimension:5d} "
        f"{closed:>7s} {verification.verdict.value:>8s} "
        + " ".join(f"{seconds[c]:8.1f}" for c in COLUMNS)
        + f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:6.2f}", flush=True,
    )
    if verification.verdict.value == "REFUTED":
        raise SystemExit(f"{name}: {verification.reasons[0]}")
    return seconds


def main() -> None:
    """Print the table and the exponent of depth; draw the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="4 layers of the block: minutes")
    parser.add_argument("--huge", action="store_true", help="P of about 20,000: half an hour")
    parser.add_argument("--plot")
    options = parser.parse_args()
    print(f"{'':26s} {'P':>6s} {'rank J':>6s} {'rk G':>5s} {'':>7s} {'verdict':>8s} "
          + " ".join(f"{c[:8]:>8s}" for c in COLUMNS) + f" {'GB':>6s}", flush=True)
    for name, sizes in LADDER:
        run(name, sizes)
        run(f"{name}, series", sizes, series=True)
    points = []
    exact.LINE_BY_LINE = 0
    for layers in (1, 2, 4, 8):
        seconds = run(f"width 8, {layers} layers", {**WIDTH_8, "num_layers": layers})
        points.append((layers, seconds))
    for column in ("families", "algebra", "rank", "verify"):
        (n, a), (m, b) = ((k, s[column]) for k, s in points[-2:])
        power = math.log(b / a) / math.log(m / n)
        print(f"{column} ~ depth^{power:.2f} between {n} and {m} layers")
    if options.plot:
        plot(points, options.plot)
    if options.large:
        run("4 layers, d = 16", FOUR)
    if options.huge:
        run("7 layers, d = 16", {**FOUR, "num_layers": 7})


def plot(points: list[tuple[int, dict[str, float]]], path: str) -> None:
    """Seconds of each stage against depth, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4))
    for column in ("rank", "families", "algebra", "hypotheses", "statement", "verify"):
        axes.loglog([n for n, _ in points], [s[column] for _, s in points], "o-", label=column)
    depths = [n for n, _ in points]
    axes.loglog(depths, [3 * n for n in depths], "k:", label="proportional to depth")
    axes.set_xticks(depths, [str(n) for n in depths])
    axes.minorticks_off()
    axes.set_xlabel("layers (Llama shape, width 8)")
    axes.set_ylabel("seconds")
    axes.legend(frameon=False, fontsize=7, ncols=2)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
