"""The redundancy of small sizes, fitted, at published ones, beside the counts by hand.

    python docs/benchmarks/full_fits.py [SHAPE...]

Shapes are those of `full_shapes.py`. Each is one `symgauge fit`; its polynomial, which no published
size went into, is evaluated at each model's sizes. The counts by hand are those of `full_sizes.py`,
where `derive --full` proves as many. A fit is evidence.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import sympy

from full_sizes import POSITIONS, ROWS

#: Seconds of the processor after which no size of a fit is begun.
SECONDS = 150
#: The sizes that are varied, and those of models; others stay as they are in `full_shapes.py`.
ROTARY = ("width", "layers", "ff", "groups", "pairs")
PLAIN = ("heads", "size", "layers", "ff", "tokens")
SHAPES: dict[str, tuple[tuple[str, ...], dict[str, tuple[int, ...]]]] = {
    "llama": (ROTARY, {
        "llama-7b": (4096, 32, 11008, 32, 64),
        "llama-3-8b": (4096, 32, 14336, 8, 64),
        "mistral-7b": (4096, 32, 14336, 8, 64),
    }),
    "gpt2": (PLAIN, {
        "gpt2": (12, 64, 12, 3072, POSITIONS),
        "gpt2-xl": (25, 64, 48, 6400, POSITIONS),
    }),
    "bert": (PLAIN, {"bert-base": (12, 64, 12, 3072, POSITIONS)}),
    "gemma": (ROTARY, {"gemma-7b": (3072, 28, 24576, 16, 128)}),
    "qwen2": (ROTARY, {"qwen2-7b": (3584, 28, 18944, 4, 64)}),
    "mixtral": ((*ROTARY, "experts"), {"mixtral-8x7b": (4096, 32, 14336, 8, 64, 8)}),
    "t5": (("width", "layers", "ff", "heads", "size"), {"t5-base": (768, 12, 3072, 12, 64)}),
}


def fitted(shape: str) -> tuple[dict[str, Any], float]:
    """The record of a fit, and its seconds. Raises RuntimeError where there is none."""
    command = [sys.executable, "-m", "symgauge", "fit",
               f"{Path(__file__).with_name('full_shapes.py')}:{shape}", "--json",
               "--sizes", ",".join(SHAPES[shape][0]), "--seconds", str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not done.stdout.startswith("{"):
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout), spent.ru_utime + spent.ru_stime


def lines(shape: str, found: dict[str, Any]) -> list[str]:
    """What was fitted, then one row for each model."""
    ranges = ", ".join(
        f"{n} {r[0]} to {r[-1]}" for n, r in zip(found["names"], found["ranges"], strict=True))
    out = [f"`{shape}`: `{found['polynomial']}`", "",
           f"fitted on {len(found['points'])} sizes: {ranges}", ""]
    out += [f"fresh: {p['at']}: {p['certified']} certified, {p['predicted']} predicted"
            for p in found["predictions"]]
    out += [f"beyond a bound: {b['size']} = {b['value']}: {b['redundancy']}"
            for b in found["beyond"]]
    out += [f"not certified, not used: {at}" for at in found["open"]]
    polynomial = sympy.sympify(found["polynomial"], {n: sympy.Symbol(n) for n in found["names"]})
    for name, sizes in SHAPES[shape][1].items():
        there = dict(zip(found["names"], sizes, strict=True))
        value, hand = int(polynomial.subs(there)), ROWS[name].by_hand()
        out.append(f"| {name} | {value:,} | {'the same' if value == hand else f'{hand:,}'} |")
    return out


if __name__ == "__main__":
    for chosen in sys.argv[1:] or SHAPES:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        record, seconds = fitted(chosen)
        print("\n".join(lines(chosen, record)))
        print(f"{seconds - before.ru_utime - before.ru_stime:.0f} s", flush=True)
