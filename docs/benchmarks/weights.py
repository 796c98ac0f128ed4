"""Time and memory of `audit` and `apply` at the shape of GPT-2 small, with random weights.

The files are made first: BEFORE, AFTER by a random element of every proved family, WRONG with one
bias left behind, and BEFORE in bfloat16 in three shards. Each command then runs in a process of its
own; importing torch is inside its time, making the files is not. Nothing is compared with
another program.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from symgauge.hf.target import load_hf
from symgauge.weights.action import apply
from symgauge.weights.orbit import random_element
from symgauge.weights.statement import statement_of

TARGET, LEFT = "hf:GPT2LMHeadModel", "transformer.h.5.attn.c_proj.bias"
SHARD = 9e7


def files(folder: Path) -> None:
    """Write the checkpoints."""
    torch.manual_seed(0)
    target = load_hf(TARGET, {})
    full = target.at(target.full_sizes)
    before = {
        n: t.detach() + 0.02 * torch.randn_like(t)
        for n, t in full.build()[0].state_dict().items() if n != "lm_head.weight"}
    save_file(before, folder / "before.safetensors")
    state, rng = {n: t.numpy().copy() for n, t in before.items()}, np.random.default_rng(0)
    for group in statement_of(full).groups:
        if group.proved:
            apply(state, group, random_element(group, rng))
    after = {n: torch.as_tensor(a) for n, a in state.items()}
    save_file(after, folder / "after.safetensors")
    save_file({**after, LEFT: before[LEFT]}, folder / "wrong.safetensors")
    shards: list[dict[str, torch.Tensor]] = [{}]
    for name, value in before.items():
        if shards[-1] and sum(2 * t.numel() for t in shards[-1].values()) + (
                2 * value.numel()) > SHARD:
            shards.append({})
        shards[-1][name] = value.bfloat16()
    (folder / "shards").mkdir()
    for k, shard in enumerate(shards):
        save_file(shard, folder / f"shards/{k}.safetensors")
    index = {n: f"{k}.safetensors" for k, shard in enumerate(shards) for n in shard}
    (folder / "shards/model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))


def measured(*words: str) -> None:
    """Run one command; print its status, wall and processor time, and the most memory it held."""
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = (
        "import resource, sys; from symgauge.cli.main import main; status = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, 'MB'); sys.exit(status)")
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{words[0]:6} {Path(words[-1]).name:20} status {done.returncode}  wall {wall:6.1f} s  "
          f"processor {processor:6.1f} s  {done.stdout.splitlines()[-1]}", flush=True)


def main() -> None:
    """Make the files and run the commands."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files(folder)
        before = str(folder / "before.safetensors")
        for after in ("after", "wrong"):
            measured("audit", TARGET, before, str(folder / f"{after}.safetensors"))
        measured("derive", TARGET, "--full", "--out", str(folder / "full"))
        record = str(folder / "full/full.json")
        measured("apply", record, before, str(folder / "moved.safetensors"))
        measured("apply", record, str(folder / "shards"), str(folder / "moved_shards"))


if __name__ == "__main__":
    main()
