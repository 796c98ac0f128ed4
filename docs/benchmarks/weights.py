"""Time and memory of `audit` and `apply` at the shape of GPT-2 small, with random weights.

The files are made first: BEFORE, AFTER by a random element of every proved family, WRONG with one
bias left behind, and BEFORE in bfloat16 in three shards. Each command then runs in a process of its
own; importing torch is inside its time, making the files is not. Nothing is compared with
another program.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from symgauge.capture import build_without_weights
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


CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 2048,
    "intermediate_size": 8192, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 32000, "max_position_embeddings": 2048,
    "tie_word_embeddings": False}


def sharded(folder: Path) -> None:
    """Write random weights in shards, then derive, copy and apply."""
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text(json.dumps(CONFIG))
    target = load_hf(str(folder / "model"), {})
    shapes = {n: t.shape for n, t in build_without_weights(
        target.at(target.full_sizes))[0].state_dict().items()}
    generator, index, shard, size = torch.Generator().manual_seed(0), {}, 0, 0
    pending: dict[str, torch.Tensor] = {}

    def flush() -> None:
        save_file(pending, folder / f"shards/{shard}.safetensors")
        index.update(dict.fromkeys(pending, f"{shard}.safetensors"))
        pending.clear()

    (folder / "shards").mkdir()
    for name, shape in shapes.items():
        if pending and size + 2 * shape.numel() > 5e8:
            flush()
            shard, size = shard + 1, 0
        noise = 0.02 * torch.randn(shape, generator=generator)
        pending[name] = (1 + 5 * noise if len(shape) < 2 else noise).bfloat16()
        size += 2 * shape.numel()
    flush()
    (folder / "shards/model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    files = list((folder / "shards").glob("*.safetensors"))
    print(f"{sum(s.numel() for s in shapes.values()) / 1e9:.2f} billion parameters, {len(files)} "
          f"shards of at most {max(f.stat().st_size for f in files) / 1e6:.0f} MB", flush=True)
    measured("derive", str(folder / "model"), "--full", "--out", str(folder / "full"))
    for _ in range(2):
        start = time.perf_counter()
        shutil.copytree(folder / "shards", folder / "copy")
        print(f"copy   wall {time.perf_counter() - start:6.1f} s", flush=True)
        shutil.rmtree(folder / "copy")
        measured("apply", str(folder / "full/full.json"), str(folder / "shards"),
                 str(folder / "moved"))
        shutil.rmtree(folder / "moved")


def measured(*words: str) -> None:
    """Run one command; print its status, wall and processor time, and the most memory it held."""
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    code = (
        "import sys; from symgauge.cli.main import main; import torch, numpy\n"
        "import symgauge.weights.moving\n"
        # ru_maxrss starts at what the parent held
        "def most(): return next(\n"
        "    int(x.split()[1]) // 1024 for x in open('/proc/self/status') if 'VmHWM' in x)\n"
        "base, status = most(), main(sys.argv[1:])\n"
        "print(most(), 'MB,', base, 'MB before'); sys.exit(status)")
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{words[0]:6} {Path(words[-1]).name:20} status {done.returncode}  wall {wall:6.1f} s  "
          f"processor {processor:6.1f} s  {done.stdout.splitlines()[-1]}", flush=True)


def main() -> None:
    """Make the files and run the commands."""
    if sys.argv[1:2] == ["sharded"]:
        with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
            sharded(Path(name))
        return
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
