"""The table of docs/transformers.rst: families of transformers, derived one after the other.

    python docs/transformers_table.py [TYPE...] > docs/transformers.inc
"""

from __future__ import annotations

import contextlib
import sys
import time

from symgauge.derivation.derive import derive_target
from symgauge.errors import SymgaugeError
from symgauge.hf.target import load_hf

TYPES = (
    "llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "gemma3_text", "olmo", "olmo2",
    "starcoder2", "gpt2", "opt", "bloom", "gpt_neox", "phi", "falcon", "mixtral", "qwen3_moe",
    "deepseek_v3", "mamba", "bert", "roberta", "distilbert", "t5", "vit", "clip_text_model",
    "fnet", "yoso",
)
HEAD = """.. list-table::
   :header-rows: 1
   :widths: auto

   * - family
     - P
     - redundancy
     - explained
     - algebra
     - verdict
     - seconds
"""


def main() -> None:
    sys.stdout.write(HEAD)
    for name in sys.argv[1:] or TYPES:
        start = time.process_time()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                found = derive_target(load_hf(f"hf:{name}", {}))
            claim = found.claim
            cells = [
                str(claim.parameters), str(claim.redundancy), str(claim.orbit_dimension),
                f"``{found.algebra.form}``", claim.verdict.value,
            ]
        except SymgaugeError as error:
            cells = ["", "", "", str(error).partition(";")[0][:90], "not derived"]
        seconds = f"{time.process_time() - start:.0f}"
        rows = [f"``hf:{name}``", *cells, seconds]
        sys.stdout.write("   * - " + "\n     - ".join(rows) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
