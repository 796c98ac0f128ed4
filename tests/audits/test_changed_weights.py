"""Audits of changed weights: every row of data/weights.csv, random elements, spoilt tensors, files.

A row is a change met in a public report: its verdict, and where it is wrong the tensor at fault.
"""

import csv
import importlib.util
import json
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from symgauge import BadInputError
from symgauge.capture import load_target
from symgauge.cli.main import main
from symgauge.hf.target import load_hf
from symgauge.audits.answer import Audit
from symgauge.audits.audit import audit
from symgauge.weights.checkpoint import held, open_checkpoint
from symgauge.weights.orbit import moved_by_each, random_element
from symgauge.weights.action import apply
from symgauge.weights.statement import Held, Statement, statement_of
from symgauge.audits.text import rows
from symgauge.zoo import load

DATA = Path(__file__).parent.parent / "data"
FILE = DATA / "changed_weights.py"
ROWS = list(csv.DictReader((DATA / "weights.csv").open()))


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("changed_weights", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHANGES = _module()


def target(case: str, sizes: str = "") -> Any:
    return load_target(f"{FILE}:{case}", load, dict(p.split("=") for p in sizes.split()))


@cache
def statement(case: str, sizes: str = "") -> Statement:
    return statement_of(target(case, sizes))


def weights(case: str, sizes: str = "", seed: int = 0) -> dict[str, torch.Tensor]:
    """Generic weights in float64: no bias is zero and no gain is one."""
    torch.manual_seed(seed)
    module = target(case, sizes).build()[0].double()
    with torch.no_grad():
        for p in module.parameters():
            if p.ndim < 2:
                p.add_(0.3 * torch.randn_like(p))
    return {n: t.detach().clone() for n, t in module.state_dict().items()}


def audited(case: str, before: Any, after: Any, sizes: str = "") -> Audit:
    return audit(
        target(case, sizes), held(before, "BEFORE"), held(after, "AFTER"),
        statement=statement(case, sizes))


@pytest.mark.parametrize("row", ROWS, ids=[f"{r['change']}-{r['sizes']}" for r in ROWS])
def test_every_reported_change_is_judged_right(row: dict[str, str]) -> None:
    before = weights(row["case"], row["sizes"])
    result = audited(
        row["case"], before, getattr(CHANGES, row["change"])(before), row["sizes"])
    assert result.verdict == row["verdict"]
    names = [b.tensor for b in result.blame]
    if row["culprit"]:
        assert set(names) & set(row["culprit"].split("|")), names
        assert len(names) <= max(1, len(before) // 4)
        assert all(b.reason for b in result.blame)
    else:
        assert not names


#: Those whose sweeps are quick; the others run with -m slow.
QUICK = ("stream", "gated_unit")
SWEPT = [
    pytest.param(c, marks=[] if c in QUICK else [pytest.mark.slow])
    for c in ("grouped_attention", "stream", "attention", "gated_unit", "rotary_attention")]


@pytest.mark.parametrize("case", SWEPT)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_random_element_of_all_families_is_found(case: str, seed: int) -> None:
    before = weights(case, seed=seed)
    after = moved(case, before, seed)
    result = audited(case, before, after)
    assert result.verdict == "EQUIVALENT", result.ground
    assert not result.unchanged and not result.outside, result
    assert result.families


@pytest.mark.parametrize("case", SWEPT)
def test_one_tensor_off_by_a_thousandth_is_never_equivalent(case: str) -> None:
    before = weights(case)
    after = moved(case, before, 1)
    generator = torch.Generator().manual_seed(0)
    for name in before:
        if statement(case).groups and name in ("k.bias", "emb.bias"):
            continue  # free along a shift: a part of the noise is a symmetry
        noise = torch.randn(after[name].shape, generator=generator, dtype=torch.float64)
        spoilt = {**after, name: after[name] + 1e-3 * after[name].norm() * noise / noise.norm()}
        assert audited(case, before, spoilt).verdict == "DIFFERENT", name


def moved(case: str, before: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """All proved families, one after the other, by random elements."""
    rng = np.random.default_rng(seed)
    state = {n: t.numpy().copy() for n, t in before.items()}
    for group in statement(case).groups:
        if group.proved:
            apply(state, group, random_element(group, rng))
    return {n: torch.as_tensor(v) for n, v in state.items()}


def test_each_family_moves_something_and_is_a_symmetry() -> None:
    before = weights("stream")
    groups = [g for g in statement("stream").groups if g.proved]
    for group, after in moved_by_each(groups, before, 0):
        assert any(not torch.equal(after[n], before[n]) for n in before), group.label
        assert audited("stream", before, after).verdict == "EQUIVALENT", group.label


def test_values_packed_group_by_group_are_named() -> None:
    before = weights("packed_attention")
    result = audited("packed_attention", before, CHANGES.packed_values_scaled(before))
    assert result.verdict == "EQUIVALENT" and result.outside == []
    assert "an element of the symmetries" in result.ground


def test_a_change_that_no_family_names_says_on_what_it_rests() -> None:
    # W1 + v u^T with W2 v = 0, where u is no combination of the rows of W1
    module = nn.Sequential(nn.Linear(5, 4, bias=False), nn.Linear(4, 2, bias=False)).double()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    v, u = torch.linalg.svd(before["1.weight"])[2][-1], torch.randn(5, dtype=torch.float64)
    after = {**before, "0.weight": before["0.weight"] + torch.outer(v, u)}
    result = audit(Held(module, (torch.randn(1, 5),), {}), held(before, "a"), held(after, "b"))
    assert result.verdict == "EQUIVALENT"
    assert "outputs agree" in result.ground and "not named" in result.ground
    assert result.outside == ["0.weight"]


def test_dead_parameters_are_equivalent_for_that_reason() -> None:
    class Dead(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.idle = nn.Linear(3, 2), nn.Parameter(torch.randn(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.a(x)) + 0 * self.idle.sum()

    module = Dead().double()
    state = {n: t.clone() for n, t in module.state_dict().items()}
    after = {**state, "idle": state["idle"] + 1}
    result = audit(Held(module, (torch.randn(1, 3),), {}), held(state, "a"), held(after, "b"))
    assert result.verdict == "EQUIVALENT"
    assert "no output reads the entries that moved" in result.ground


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounding_to_the_stored_dtype_is_within_the_floor(dtype: torch.dtype) -> None:
    case = "grouped_attention"
    before = {n: t.to(dtype) for n, t in weights(case).items()}
    right = CHANGES.value_scaled_per_kv_head({n: t.double() for n, t in before.items()})
    wrong = CHANGES.value_scaled_bias_forgotten({n: t.double() for n, t in before.items()})
    right, wrong = ({n: t.to(dtype) for n, t in s.items()} for s in (right, wrong))
    assert audited(case, before, right).verdict == "EQUIVALENT"
    result = audited(case, before, wrong)
    assert result.verdict == "DIFFERENT"
    assert [b.tensor for b in result.blame] == ["v.bias"]
    assert "v.bias" in str(result) and rows(result)[0][:2] == ("at fault", "v.bias")


def test_mixed_dtypes_have_each_their_own_rounding() -> None:
    case = "grouped_attention"
    before = weights(case)
    kinds = {"v.weight": torch.bfloat16, "o.weight": torch.float32}

    def rounded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {n: t.to(kinds.get(n, torch.float64)) for n, t in state.items()}

    before = rounded(before)
    wide = {n: t.double() for n, t in before.items()}
    after = rounded(CHANGES.value_rotated_per_kv_head(wide))
    assert audited(case, before, after).verdict == "EQUIVALENT"
    after["q.bias"] = after["q.bias"] * 1.001
    assert audited(case, before, after).verdict == "DIFFERENT"


def test_the_same_weights_are_equivalent_bit_by_bit() -> None:
    before = weights("gated_unit")
    result = audited("gated_unit", before, before)
    assert (result.verdict, result.drift) == ("EQUIVALENT", 0.0)


def test_an_extra_tensor_is_named_and_compared() -> None:
    before = weights("gated_unit")
    after = {**CHANGES.up_and_down_scaled(before), "note": torch.ones(2)}
    result = audited("gated_unit", {**before, "note": torch.zeros(2)}, after)
    assert result.verdict == "EQUIVALENT"
    assert result.extra == [{"tensor": "note", "where": "BEFORE and AFTER", "same": False}]


BAD = {
    "missing": (lambda s: {n: t for n, t in s.items() if n != "up.weight"}, "no tensor named 'up"),
    "shape": (lambda s: {**s, "up.weight": s["up.weight"][:2]}, "of shape"),
    "integers": (lambda s: {**s, "up.weight": s["up.weight"].to(torch.int8)}, "as int8"),
}


@pytest.mark.parametrize("which", BAD)
def test_a_state_that_does_not_fit_is_refused(which: str) -> None:
    change, words = BAD[which]
    before = weights("gated_unit")
    with pytest.raises(BadInputError, match=words):
        audited("gated_unit", before, change(before))


# -- files and the command -------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    before = weights("gated_unit")
    save_file(before, tmp_path / "before.safetensors")
    for name in ("up_and_down_scaled", "up_gate_and_down_scaled"):
        after = {n: t.contiguous() for n, t in getattr(CHANGES, name)(before).items()}
        save_file(after, tmp_path / f"{name}.safetensors")
    return tmp_path


def test_the_command_says_what_is_wrong(files: Path, capsys: Any) -> None:
    name, before = f"{FILE}:gated_unit", str(files / "before.safetensors")
    assert main(["audit", name, before, str(files / "up_and_down_scaled.safetensors")]) == 0
    assert "EQUIVALENT" in capsys.readouterr().out
    wrong = str(files / "up_gate_and_down_scaled.safetensors")
    assert main(["audit", name, before, wrong, "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert {"verdict", "drift", "floor", "families", "blame", "unchanged", "outside",
            "discrete"} <= set(record)
    assert record["verdict"] == "DIFFERENT"
    assert [b["tensor"] for b in record["blame"]] == ["gate.weight"]


def test_shards_are_read_and_a_missing_one_is_named(files: Path) -> None:
    state = weights("gated_unit")
    folder = files / "shards"
    folder.mkdir()
    for k, name in enumerate(state):
        save_file({name: state[name]}, folder / f"{k}.safetensors")
    index = {"weight_map": {n: f"{k}.safetensors" for k, n in enumerate(state)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = open_checkpoint(str(folder))
    assert all(torch.equal(found.tensor(n), t) for n, t in state.items())
    (folder / "1.safetensors").unlink()
    with pytest.raises(BadInputError, match=r"lacks the shard 1\.safetensors"):
        open_checkpoint(str(folder))


@pytest.mark.parametrize("kind", ["truncated", "pickle", "absent", "text"])
def test_bad_files_are_one_sentence(kind: str, files: Path, capsys: Any) -> None:
    path, good = files / "bad", files / "before.safetensors"
    if kind == "truncated":
        path.write_bytes(good.read_bytes()[:-8])
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"a": 1}))
    elif kind == "text":
        path.write_text("no weights")
    assert main(["audit", f"{FILE}:gated_unit", str(good), str(path)]) == 3
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert ("there is no file" if kind == "absent" else "not a complete safetensors file") in said


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.gain = nn.Embedding(5, 3), nn.RMSNorm(3, eps=1e-6)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.gain(self.table(ids)))
        return out


def test_a_head_moved_apart_from_its_table_is_at_fault() -> None:
    torch.manual_seed(0)
    module = Tied().double()
    nn.init.uniform_(module.gain.weight, 0.5, 1.5)
    state = {n: t.detach().clone() for n, t in module.state_dict().items()}
    ids = (torch.tensor([[0, 3, 1]]),)
    folded = {**state, "head.weight": state["head.weight"] * state["gain.weight"],
              "gain.weight": torch.ones(3, dtype=torch.float64)}
    result = audit(Held(module, ids, {}), held(state, "a"), held(folded, "b"))
    assert (result.verdict, [b.tensor for b in result.blame]) == ("DIFFERENT", ["head.weight"])
    one = {n: t for n, t in state.items() if n != "head.weight"}
    assert audit(Held(module, ids, {}), held(state, "a"), held(one, "b")).verdict == "EQUIVALENT"
    with pytest.raises(BadInputError, match="one tensor in TARGET"):
        audit(Held(module, ids, {}), held(folded, "a"), held(state, "b"))


def test_a_row_of_a_table_that_one_token_reads_is_seen() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Embedding(500, 3), nn.Linear(3, 2)).double()
    state = {n: t.detach().clone() for n, t in module.state_dict().items()}
    table = state["0.weight"].clone()
    table[417] *= 1.001
    result = audit(
        Held(module, (torch.tensor([[0, 3]]),), {}), held(state, "a"),
        held({**state, "0.weight": table}, "b"))
    assert result.verdict == "DIFFERENT"
    assert [(b.tensor, b.slice) for b in result.blame] == [("0.weight", "rows 417-417")]


def test_a_model_of_transformers_is_audited_at_its_published_sizes(
    tmp_path: Path, capsys: Any
) -> None:
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 8, "n_layer": 1,
              "n_head": 2, "vocab_size": 11, "n_positions": 10}
    (tmp_path / "config.json").write_text(json.dumps(config))
    made = load_hf(str(tmp_path), {})
    assert made.sizes["n_embd"] != 8
    torch.manual_seed(0)
    module = made.build(made.full_sizes)[0]
    state = {n: t.detach() + 0.3 * torch.randn_like(t) for n, t in module.state_dict().items()
             if n != "lm_head.weight"}
    save_file(state, tmp_path / "before.safetensors")
    name, order = "transformer.h.0.mlp.c_fc.", torch.randperm(32)
    right = {**state, f"{name}weight": state[f"{name}weight"][:, order].contiguous(),
             f"{name}bias": state[f"{name}bias"][order],
             "transformer.h.0.mlp.c_proj.weight":
             state["transformer.h.0.mlp.c_proj.weight"][order]}
    save_file(right, tmp_path / "right.safetensors")
    save_file({**right, f"{name}bias": state[f"{name}bias"]}, tmp_path / "wrong.safetensors")
    files = [str(tmp_path / n) for n in ("before.safetensors", "right.safetensors")]
    assert main(["audit", str(tmp_path), *files]) == 0
    assert "permutation of the 32 indices" in capsys.readouterr().out.replace("\n", " ")
    assert main(["audit", str(tmp_path), files[0], str(tmp_path / "wrong.safetensors")]) == 1
    assert f"{name}bias" in capsys.readouterr().out
