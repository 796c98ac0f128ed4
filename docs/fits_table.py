"""The table of fits in docs/all_sizes.rst: every architecture of the zoo, families of transformers.

    python docs/fits_table.py [TARGET...] > docs/fits.inc        # all rows: an hour of processor

Each row is one command, `symgauge fit TARGET --sizes ... --seconds SECONDS`: no size is begun later
than that, and the command ends after LIMIT seconds of processor.
Of an architecture with more than three sizes the first two are varied, of a transformers family the
vocabulary and the width of the MLP. A row that does not end, or of which a fresh size is not
certified, says so.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any

from symgauge.cli.inputs import target_of
from symgauge.errors import SymgaugeError
from symgauge.zoo import names

from transformers_table import TYPES

#: Seconds of the processor after which no size is begun, and for one command.
SECONDS, LIMIT = 60, 150
INNER = ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim", "expand")
VOCABULARY = ("vocab_size",)
HEAD = """.. list-table::
   :header-rows: 1
   :widths: auto

   * - TARGET
     - redundancy
     - fitted on
     - fresh sizes, certified as predicted
     - seconds
"""


def main() -> None:
    """Print the table."""
    sys.stdout.write(HEAD)
    for target in sys.argv[1:] or [*names(), *(f"hf:{name}" for name in TYPES)]:
        cells = row(target)
        lines = ["   * - ", *["     - "] * len(cells)]
        sys.stdout.write("".join(
            (line + cell).rstrip() + "\n"
            for line, cell in zip(lines, [f"``{target}``", *cells], strict=True)))
        sys.stdout.flush()


def row(target: str) -> list[str]:
    """The cells of one target, but for its name."""
    found, said, seconds = fitted(target, chosen(target))
    if found is None:
        return [f"none: {said}", "", "", f"{seconds:.0f}"]
    if len(found["points"]) == 1:
        return ["none: one size alone could be certified", "", "", f"{seconds:.0f}"]
    sides = [side for side in found["sides"] if len(side["points"]) > 1]
    polynomials = "; ".join([f"``{found['polynomial']}``", *(
        f"from {at(side['names'], side['start'])}: ``{side['polynomial']}``" for side in sides)])
    return [polynomials, "; ".join(map(fitted_on, [found, *sides])),
            "; ".join(x for f in [found, *sides] for x in fresh(f)) or "none could be certified",
            f"{seconds:.0f}"]


def at(names: list[str], values: list[int]) -> str:
    """Sizes as they are written."""
    return ", ".join(f"{n} = {v}" for n, v in zip(names, values, strict=True))


def fitted_on(found: dict[str, Any]) -> str:
    """How many sizes a polynomial runs through, and from where to where."""
    return f"{len(found['points'])} sizes: " + ", ".join(
        f"{n} {r[0]} to {r[-1]}" for n, r in zip(found["names"], found["ranges"], strict=True))


def fresh(found: dict[str, Any]) -> list[str]:
    """The sizes that the fit has not seen, with what is certified there."""
    return [", ".join(map(str, p["at"])) + f": {p['certified']}"
            + ("" if p["predicted"] == str(p["certified"]) else f", PREDICTED {p['predicted']}")
            for p in found["predictions"]]


def chosen(target: str) -> list[str]:
    """The sizes to vary; none: all of them."""
    try:
        known = target_of(target, []).sizes
    except SymgaugeError:
        return []
    if target.startswith("hf:"):
        two = (next((n for n in known if n.split("__")[-1] in words), "")
               for words in (VOCABULARY, INNER))
        return [n for n in two if n]
    whole = [n for n, v in known.items() if isinstance(v, int) and not isinstance(v, bool)]
    return whole[:2] if len(whole) > 3 else []


def fitted(target: str, sizes: list[str]) -> tuple[dict[str, Any] | None, str, float]:
    """The record of a fit or the reason why there is none, and its seconds."""
    command = [sys.executable, "-m", "symgauge", "fit", target, "--json",
               "--seconds", str(SECONDS)]
    if sizes:
        command += ["--sizes", ",".join(sizes)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5)))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode in (0, 1, 2) and done.stdout.startswith("{"):
        return json.loads(done.stdout), "", seconds
    if done.returncode < 0:
        return None, f"more than {LIMIT} s", max(seconds, LIMIT)
    lines = [x for x in done.stderr.splitlines() if x.strip()] or ["no answer"]
    return None, lines[-1].strip().removeprefix("symgauge: ")[:160], seconds


if __name__ == "__main__":
    main()
