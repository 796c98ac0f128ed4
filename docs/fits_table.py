"""The table of fits in docs/all_sizes.rst: the zoo, families of transformers, modules of torch.

    python docs/fits_table.py [--seconds N] [TARGET...] > docs/fits.inc   # all: an hour

Each row is one command, `symgauge fit TARGET --sizes ... --seconds N` (SECONDS): no size is begun
later than that, and the command ends after LIMIT seconds of processor.
Of an architecture with more than three sizes the first two are varied, of a transformers family the
vocabulary and the width of the MLP, where these change the number of parameters, or the number of
tokens; SIZES says for some where the fit starts and what it varies. A row that does not end, or of
which a fresh size is not certified, says so.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from symgauge.capture.target import Target
from symgauge.cli.inputs import target_of
from symgauge.errors import SymgaugeError
from symgauge.fits.sizes import parameters
from symgauge.zoo import names

from transformers_table import TYPES

#: Seconds of the processor after which no size is begun, and for one command.
SECONDS, LIMIT = 90, 150
#: Names of sizes that are varied in a transformers family: one of each, the first that counts.
VARIED = (
    ("vocab_size",),
    ("intermediate_size", "moe_intermediate_size", "n_inner", "ffn_dim", "d_ff", "dff",
     "hidden_dim", "decoder_ffn_dim", "state_size", "tokens"))
#: Where the fit of a target starts (--set), and the sizes that it varies, where these are others.
SIZES: dict[str, tuple[dict[str, object], str]] = {
    "decoder_block": (
        {"hidden_size": 8, "intermediate_size": 3, "num_heads": 2, "head_dim": 2},
        "hidden_size,intermediate_size,num_heads,num_kv_heads,head_dim"),
    "encoder_block": ({}, "embed_dim,num_heads,ffn_dim"),
    "gpt2_like": ({"vocab_size": 14, "n_inner": 3}, "n_embd,n_head,n_inner"),
    "linear_neural_ode": ({"trajectory": True}, "in_features,state_size,out_features"),
    "llama_like": (
        {"vocab_size": 12, "tokens": 3, "hidden_size": 8, "num_layers": 1, "head_dim": 2,
         "intermediate_size": 4},
        "hidden_size,intermediate_size,num_heads,num_kv_heads,head_dim"),
    "neural_ode": ({"width": 6, "out_features": 6}, "in_features,augment_dim,width,out_features"),
    "rotary_attention": ({"embed_dim": 12}, "num_heads,num_kv_heads,head_dim"),
    # 16 s for each size
    "hf:roberta": ({}, "intermediate_size"),
}
#: Modules that a person writes with torch alone.
MODULES = tuple(f"tests/data/families.py:{n}" for n in ("nanogpt", "resnet"))
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    asked = parser.parse_args()
    sys.stdout.write(HEAD)
    for target in asked.targets or [*names(), *(f"hf:{name}" for name in TYPES), *MODULES]:
        cells = row(target, asked.seconds)
        lines = ["   * - ", *["     - "] * len(cells)]
        sys.stdout.write("".join(
            (line + cell).rstrip() + "\n"
            for line, cell in zip(lines, [named(target), *cells], strict=True)))
        sys.stdout.flush()


def row(target: str, most: int) -> list[str]:
    """The cells of one target, but for its name."""
    found, said, seconds = fitted(target, most)
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


def named(target: str) -> str:
    """The target, and where its fit starts if that is chosen."""
    start = SIZES.get(target, ({}, ""))[0]
    return f"``{target}``" + (f", {at([*start], [*start.values()])}" if start else "")


def at(names: list[str], values: list[Any]) -> str:
    """Sizes as they are written."""
    return ", ".join(f"{n} = {v}" for n, v in zip(names, values, strict=True))


def fitted_on(found: dict[str, Any]) -> str:
    """How many sizes a polynomial runs through, and from where to where."""
    return f"{len(found['points'])} sizes: " + ", ".join(
        f"{n} {r[0]} to {r[-1]}" for n, r in zip(found["names"], found["ranges"], strict=True)
    ) + "".join(f"; no time to vary {n}" for n in found["untried"])


def fresh(found: dict[str, Any]) -> list[str]:
    """The sizes that the fit has not seen, with what is certified there."""
    return [", ".join(map(str, p["at"])) + f": {p['certified']}"
            + ("" if p["predicted"] == str(p["certified"]) else f", PREDICTED {p['predicted']}")
            for p in found["predictions"]]


def options(target: str) -> list[str]:
    """What the command says beside the target: where it starts, what it varies."""
    start, names = SIZES.get(target, ({}, ",".join(chosen(target))))
    return [x for n, v in start.items() for x in ("--set", f"{n}={v}")] + (
        ["--sizes", names] if names else [])


def chosen(target: str) -> list[str]:
    """The sizes to vary; none: all of them."""
    try:
        model = target_of(target, [])
    except SymgaugeError:
        return []
    if target.startswith("hf:"):
        return [n for words in VARIED if (n := counted(model, words))]
    whole = [n for n, v in model.sizes.items() if isinstance(v, int) and not isinstance(v, bool)]
    return whole[:2] if len(whole) > 3 else []


def counted(model: Target, words: Sequence[str]) -> str:
    """The first size of these names that changes the number of parameters; tokens change none."""
    here = parameters(model, {})
    for word in words:
        for name, value in model.sizes.items():
            if name.split("__")[-1] == word and isinstance(value, int) and (
                    word == "tokens" or parameters(model, {name: value + 1}) not in (None, here)):
                return name
    return ""


def fitted(target: str, most: int) -> tuple[dict[str, Any] | None, str, float]:
    """The record of a fit or the reason why there is none, and its seconds."""
    command = [sys.executable, "-m", "symgauge", "fit", target, "--json",
               "--seconds", str(most), *options(target)]
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
