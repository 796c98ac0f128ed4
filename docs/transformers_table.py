"""The table of docs/transformers.rst: families of transformers, derived one after the other.

    python docs/transformers_table.py [TYPE...] > docs/transformers.inc

What is special is the author's word about an architecture; the rest is derived.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterable

from symgauge.derivation.derive import derive_target
from symgauge.errors import SymgaugeError
from symgauge.hf.target import load_hf

TYPES = {
    "llama": "RMSNorm, rotary pairs, gated units, a head of its own",
    "mistral": "grouped queries",
    "qwen2": "biases of queries, keys and values",
    "qwen3": "queries and keys are normed, so that no pair of theirs is scaled or turned",
    "phi3": "packed queries, keys and values, packed gates",
    "gemma": "gains 1 + w, a tied head: the stream is fixed",
    "gemma2": "gains 1 + w in front of blocks and behind, a cap of the logits",
    "gemma3_text": "gains 1 + w, also of queries and keys",
    "ernie4_5": "grouped queries, a tied head",
    "smollm3": "layers without rotary pairs",
    "helium": "rotary pairs that are neighbours",
    "cohere2": "LayerNorm without biases, attention beside units",
    "granite": "fixed factors of table, skips, scores and logits",
    "glm4": "norms in front of blocks and behind, half of a head is turned",
    "olmo": "LayerNorm without gains: readers lose the ones-direction",
    "olmo2": "norms behind blocks alone, and of queries and keys",
    "nemotron": "LayerNorm with gains 1 + w, squared ReLU",
    "starcoder2": "LayerNorm, biases, grouped queries",
    "stablelm": "LayerNorm, a part of each head is turned",
    "gpt2": "learned positions, a tied head, packed queries, keys and values",
    "gpt_bigcode": "one key for all queries",
    "openai-gpt": "norms behind the sums",
    "opt": "ReLU, learned positions",
    "bloom": "distances as biases of scores, packed head by head, a normed table",
    "gpt_neox": "attention beside units, packed head by head, a quarter turned",
    "phi": "attention beside units with one norm",
    "falcon": "one key for all queries, packed by groups",
    "ctrl": "waves as positions",
    "mixtral": "experts, the two largest of a softmax",
    "qwen3_moe": "experts, queries and keys are normed",
    "olmoe": "experts, queries and keys are normed as a whole",
    "deepseek_v3": "queries, keys and values through normed latents, one rotary key for all heads",
    "gpt_oss": "experts with clamps and biases, a sink in each softmax",
    "mamba": "a selective state space, steps by softplus",
    "jamba": "attention, state space and experts by turns",
    "rwkv": "averages with decay, gates by sigmoids",
    "bert": "norms behind the sums, a tied head behind one more norm",
    "roberta": "as BERT; positions begin behind the padding's",
    "distilbert": "as BERT, without kinds of tokens",
    "ibert": "as RoBERTa, in float",
    "layoutlm": "as BERT, with tables of places on a page",
    "fnet": "Fourier transforms in place of attention",
    "yoso": "angles between queries and keys",
    "t5": "encoder and decoder, biases of distances, ReLU, no other biases",
    "marian": "encoder and decoder, norms behind the sums, waves as positions",
    "blenderbot": "encoder and decoder, norms in front",
    "m2m_100": "encoder and decoder, ReLU, waves as positions",
    "whisper": "convolutions of sound, keys without a bias",
    "vit": "patches, a class token that is read",
    "deit": "two tokens that are read",
    "beit": "layer scales, keys without a bias",
    "siglip_vision_model": "a query of parameters that pools",
    "clip_text_model": "one row is read, chosen by its token",
}
HEAD = """.. list-table::
   :header-rows: 1
   :widths: auto
   :class: families

   * - family
     - P
     - redundancy
     - explained
     - unexplained
     - groups of its families
     - algebra
     - verdict
     - seconds
     - what is special
"""


def together(groups: Iterable[str]) -> str:
    """Groups that act, equal ones as a power: GL(2)^2 and GL(2) are GL(2)^3."""
    powers = Counter[str]()
    for group in groups:
        base, _, power = group.rpartition("^") if group[-1].isdigit() and "^" in group else (
            group, "", "1")
        powers[base] += int(power)
    return ", ".join(f"{base}^{n}" if n > 1 else base for base, n in powers.items())


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
                str(claim.unexplained), f"``{together(f.group for f in found.families)}``",
                f"``{found.algebra.form}``", claim.verdict.value,
            ]
        except SymgaugeError as error:
            cells = [*[""] * 5, str(error).partition(";")[0][:90], "not derived"]
        seconds = f"{time.process_time() - start:.0f}"
        row = [f"``hf:{name}``", *cells, seconds, TYPES.get(name, "")]
        sys.stdout.write("   * - " + "\n     - ".join(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
