"""`symgauge derive --full` on published sizes: one process each, one after the other.

    python docs/benchmarks/full_sizes.py [NAME...]
    python docs/benchmarks/full_sizes.py --rst > docs/full_sizes.inc

Names are those of ROWS; without one all are run. For each it prints the number of parameters, the
dimension, a count by hand of the families that are known, the processor seconds of the process
(user and system, imports, LaTeX and PDF included) and its peak in GB. The counts know the
configuration alone and no leg: they are of an architecture as a person writes it down.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

#: Tokens or positions of an example of hf:TYPE.
POSITIONS = 8


def so(n: int) -> int:
    """Rotations of a stream of width n."""
    return n * (n - 1) // 2


def llama(
    d: int, layers: int, ff: int, heads: int, size: int, *, tied: bool = False, experts: int = 1
) -> int:
    """RMSNorm, rotary attention of `heads` keys and values, gated units; a router for experts."""
    attention = heads * (size ** 2 + size)  # values and outputs; turns and factors of pairs
    router = d if experts > 1 else 0  # softmax forgets what all experts get
    each = attention + experts * ff + router + 2 * d
    # the last gain and the rotations need a head that is not the table of tokens
    return layers * each + (0 if tied else d + so(d))


def gpt2(d: int, layers: int, heads: int) -> int:
    """Learned positions, tied head: the last norm stays, and so does the stream."""
    size = d // heads
    attention = 2 * heads * size ** 2 + 2 * d  # biases of keys and of values
    norms = 2 * 2 * d + 7 * d  # gains and biases; readers along what a norm takes away
    writers = (d + 1) + (4 * d + 1)  # along the ones
    return layers * (attention + norms + writers) + POSITIONS


def gpt_neox(d: int, layers: int, ff: int, heads: int, turned: int, vocabulary: int) -> int:
    """Partial rotary attention beside units, LayerNorm, a head of its own without a bias."""
    size = d // heads
    plain = size - turned
    attention = heads * (size ** 2 + plain ** 2 + turned + size + plain)
    norms = 2 * 2 * d + 3 * d + ff
    writers = (d + 1) + (ff + 1) + (d - 1)  # the last: from one bias to the other
    # the last norm: its gain, and its bias with the head's rows over the gain
    return layers * (attention + norms + writers) + so(d - 1) + 2 * d + vocabulary


def bert(d: int, layers: int, ff: int, heads: int) -> int:
    """Norms behind the sums, a head that is tied to the tokens behind one more norm."""
    size = d // heads
    attention = 2 * heads * size ** 2 + 2 * d
    readers = 3 * d + ff  # over a gain that stays
    writers = (d + 1) + (ff + 1)
    norms = 2 * d  # their biases, past the skip
    # the last norm's gain, what reads it, the first norm's bias; the head's norm's bias;
    # positions against kinds of tokens; positions along the ones, and tokens over the head's gain
    return layers * (attention + readers + writers + norms) + 5 * d + POSITIONS + 1


def t5(d: int, layers: int, ff: int, heads: int, size: int) -> int:
    """Encoder and decoder without biases, ReLU, one table of tokens for all."""
    attention = 3 * layers * 2 * heads * size ** 2  # the encoder's, the decoder's, across
    gains = (2 * layers + 1 + 3 * layers) * d
    return attention + 2 * layers * ff + gains + 2 * heads  # softmax forgets a constant of a head


def vit(d: int, layers: int, ff: int, heads: int, patch: int, positions: int, labels: int) -> int:
    """Norms in front, patches, a class token that is read."""
    size = d // heads
    attention = 2 * heads * size ** 2 + 2 * d
    each = attention + 4 * d + 3 * d + ff + (d + 1) + (ff + 1)
    # patches along the ones, their bias, the class token and all positions; and what goes from
    # positions to that bias, to the class token
    first = patch + 1 + 1 + positions + 2 * (d - 1)
    return layers * each + so(d - 1) + 2 * d + labels + first


def deepseek(
    d: int, layers: int, dense: int, wide: int, ff: int, experts: int, heads: int,
    ranks: tuple[int, int], size: int, turned: int,
) -> int:
    """Latent attention (queries and keys of low rank, one rotary key), experts but for `dense`."""
    latents = sum(so(r) + r for r in ranks)
    attention = 2 * heads * size ** 2 + latents + turned
    units = dense * wide + (layers - dense) * (experts + 1) * ff
    return layers * (attention + 2 * d) + units + d + so(d)


@dataclass(frozen=True)
class Row:
    """A target at sizes, and the count by hand."""

    target: str
    by_hand: Callable[[], int]
    sizes: dict[str, object] = field(default_factory=dict)


ROWS = {
    "gpt2": Row("hf:gpt2", lambda: gpt2(768, 12, 12)),
    "gpt2-xl": Row("hf:gpt2", lambda: gpt2(1600, 48, 25),
                   {"n_layer": 48, "n_embd": 1600, "n_head": 25}),
    "bert-base": Row("hf:bert", lambda: bert(768, 12, 3072, 12)),
    "t5-base": Row("hf:t5", lambda: t5(768, 12, 3072, 12, 64), {
        "d_model": 768, "d_ff": 3072, "num_layers": 12, "num_decoder_layers": 12, "num_heads": 12}),
    "vit-base": Row("hf:vit", lambda: vit(768, 12, 3072, 12, 3 * 16 * 16, 197, 2)),
    "llama-7b": Row("hf:llama", lambda: llama(4096, 32, 11008, 32, 128)),
    "llama-3-8b": Row("hf:llama", lambda: llama(4096, 32, 14336, 8, 128), {
        "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128256, "num_hidden_layers": 32}),
    "mistral-7b": Row("hf:mistral", lambda: llama(4096, 32, 14336, 8, 128)),
    "mixtral-8x7b": Row("hf:mixtral", lambda: llama(4096, 32, 14336, 8, 128, experts=8)),
    "qwen2-7b": Row("hf:qwen2", lambda: llama(3584, 28, 18944, 4, 128), {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064}),
    "gemma-7b": Row("hf:gemma", lambda: llama(3072, 28, 24576, 16, 256, tied=True), {
        "hidden_size": 3072, "intermediate_size": 24576, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256}),
    "gpt-neox-20b": Row("hf:gpt_neox", lambda: gpt_neox(6144, 44, 24576, 64, 24, 50432)),
    "deepseek-v3": Row("hf:deepseek_v3", lambda: deepseek(
        7168, 61, 3, 18432, 2048, 256, 128, (1536, 512), 128, 64)),
}


HEAD = """.. list-table::
   :header-rows: 1
   :widths: auto

   * - model
     - TARGET
     - P
     - dimension
     - a count by hand
     - seconds
     - GB
"""


def run(row: Row) -> str:
    """One row: parameters, dimension, count by hand, seconds, GB."""
    sizes = [x for name, value in row.sizes.items() for x in ("--set", f"{name}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with said.open("w") as out:
            child = os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", "symgauge", "derive", row.target, "--full", "--json",
                 "--out", f"{folder}/out", *sizes],
                os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
            _, status, spent = os.wait4(child, 0)
        seconds, peak = spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1e6
        if status:
            return f"stopped ({status}) after {seconds:.0f} s, {peak:.2f} GB"
        found = json.loads(said.read_text())
    hand = row.by_hand()
    same = "the same" if hand == found["dimension"] else f"{hand:,}"
    return (f"| {found['parameters']:,} | {found['dimension']:,} | {same} | {seconds:.0f} "
            f"| {peak:.2f} |")


if __name__ == "__main__":
    as_rst = "--rst" in sys.argv
    print(HEAD if as_rst else "", end="")
    for name in [a for a in sys.argv[1:] if a != "--rst"] or ROWS:
        found = run(ROWS[name])
        if as_rst:
            cells = [name, f"``{ROWS[name].target}``", *found.strip("| ").split(" | ")]
            print("   * - " + "\n     - ".join(cells), flush=True)
        else:
            print(f"| {name} {found}", flush=True)
