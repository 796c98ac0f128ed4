"""symgauge apply on files: one family at a time, shards, tied tensors, bad input."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import symgauge
from symgauge.cli.main import main

FACTORY = '''
import torch
from torch import nn


def mlp(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2)), (torch.randn(4, 2),)


FULL = {"width": 3}
'''


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("derived")
    (folder / "own.py").write_text(FACTORY)
    assert main(["derive", f"{folder}/own.py:mlp", "--out", str(folder / "mlp")]) == 0
    return folder


@pytest.fixture
def state(tmp_path: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)).double()
    found = {n: t.detach().clone() for n, t in module.state_dict().items()}
    save_file(found, tmp_path / "in.safetensors", metadata={"format": "pt"})
    return found


def function(state: dict[str, torch.Tensor]) -> torch.Tensor:
    x = torch.linspace(-2, 2, 12, dtype=torch.float64).reshape(6, 2)
    hidden = torch.relu(x @ state["0.weight"].double().T + state["0.bias"].double())
    return hidden @ state["2.weight"].double().T + state["2.bias"].double()


def label(derived: Path) -> str:
    (family,) = json.loads((derived / "mlp/derivation.json").read_text())["generators"]
    assert family["element"]["kind"] == "diagonal"
    return str(family["label"])


def apply(derived: Path, folder: Path, *options: object, source: str = "in.safetensors") -> int:
    return main(["apply", str(derived / "mlp/derivation.json"), str(folder / source),
                 str(folder / "out.safetensors"), *map(str, options)])


def test_an_element_brings_a_parameter_to_a_value(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    positive = {**state, "0.bias": state["0.bias"].abs() + 0.5}
    save_file(positive, tmp_path / "in.safetensors")
    name = label(derived)
    assert apply(derived, tmp_path, "--family", name, "--element", "random",
                 "--family", name, "--element", "fix:0.bias=1") == 0
    after = load_file(tmp_path / "out.safetensors")
    torch.testing.assert_close(after["0.bias"], torch.ones(3).double(), rtol=1e-14, atol=0)
    torch.testing.assert_close(function(after), function(positive))
    assert not torch.equal(after["0.weight"], positive["0.weight"])


def test_a_given_element_and_the_identity(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    s = torch.tensor([2.0, 0.5, 3.0], dtype=torch.float64)
    save_file({"s": s}, tmp_path / "s.safetensors")
    name = label(derived)
    assert apply(derived, tmp_path, "--family", name, "--element", "identity") == 0
    after = load_file(tmp_path / "out.safetensors")
    assert all(torch.equal(after[n], t) for n, t in state.items())
    assert apply(derived, tmp_path, "--force", "--family", name, "--element",
                 tmp_path / "s.safetensors") == 0
    after = load_file(tmp_path / "out.safetensors")
    ratio = after["0.bias"] / state["0.bias"]
    assert torch.allclose(ratio, s) or torch.allclose(ratio, 1 / s)
    torch.testing.assert_close(function(after), function(state))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_moved(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], value: float, capsys: Any
) -> None:
    state["0.bias"][1] = value
    save_file(state, tmp_path / "in.safetensors")
    assert apply(derived, tmp_path) == 3
    assert "0.bias holds an entry that is infinite or no number" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("options, words", [
    (["--family", "nosuch"], "no family has 'nosuch'"),
    (["--element", "random"], "1 --element for 0 --family"),
    (["--family", "LABEL", "--element", "fix:0.bias=x"], "write fix:PARAMETER=VALUE"),
    (["--family", "LABEL", "--element", "fix:2.bias=1"], "does not scale or shift '2.bias'"),
    (["--family", "LABEL", "--element", "fix:0.weight=1"], "meets several entries"),
    (["--family", "LABEL", "--element", "fix:0.bias=-1"], "not all positive"),
    (["--family", "LABEL", "--element", "nosuch.safetensors"], "no file"),
    (["--family", "LABEL", "--element", ""], "an element is empty"),
])
def test_what_is_no_element_is_one_sentence(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], options: list[str], words: str,
    capsys: Any,
) -> None:
    save_file({**state, "0.bias": state["0.bias"].abs()}, tmp_path / "in.safetensors")
    options = [label(derived) if o == "LABEL" else o for o in options]
    assert apply(derived, tmp_path, *options) == 3
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_nothing_is_overwritten_without_force(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    (tmp_path / "out.safetensors").write_text("mine")
    assert apply(derived, tmp_path) == 3
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "out.safetensors").read_text() == "mine"
    assert apply(derived, tmp_path, "--force") == 0
    torch.testing.assert_close(
        function(load_file(tmp_path / "out.safetensors")), function(state))


def test_full_json_moves_weights_of_its_sizes(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    assert main(["derive", f"{derived}/own.py:mlp", "--full", "--out", str(tmp_path / "full")]) == 0
    record, there = str(tmp_path / "full/full.json"), str(tmp_path / "in.safetensors")
    assert main(["apply", record, there, str(tmp_path / "out.safetensors")]) == 0
    after = load_file(tmp_path / "out.safetensors")
    assert not torch.equal(after["0.bias"], state["0.bias"])
    torch.testing.assert_close(function(after), function(state))
    save_file({**state, "0.bias": torch.ones(4)}, tmp_path / "other.safetensors")
    assert main(["apply", record, str(tmp_path / "other.safetensors"), str(tmp_path / "b")]) == 3
    assert "0.bias has shape [4]" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def sharded(folder: Path, state: dict[str, torch.Tensor]) -> None:
    folder.mkdir()
    for k, name in enumerate(state):
        save_file({name: state[name]}, folder / f"{k}.safetensors", metadata={"format": "pt"})
    index = {"weight_map": {n: f"{k}.safetensors" for k, n in enumerate(state)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_shards_become_what_one_file_becomes(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], kind: torch.dtype
) -> None:
    narrow = {n: t.to(kind) for n, t in state.items()}
    save_file(narrow, tmp_path / "in.safetensors")
    assert apply(derived, tmp_path, "--seed", 4) == 0
    whole = load_file(tmp_path / "out.safetensors")
    (tmp_path / "out.safetensors").unlink()
    sharded(tmp_path / "shards", narrow)
    assert apply(derived, tmp_path, "--seed", 4, source="shards") == 0
    out = tmp_path / "out.safetensors"
    index = json.loads((out / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(index) == set(state)
    for name, file in index.items():
        found = load_file(out / file)[name]
        assert found.dtype == kind and torch.equal(found, whole[name])
    assert not torch.equal(whole["0.weight"], narrow["0.weight"])
    assert len(list(out.iterdir())) == 5 and not list(tmp_path.glob(".out*"))


def test_integers_in_a_late_shard_leave_nothing_behind(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    sharded(tmp_path / "shards", {**state, "2.weight": torch.ones(2, 3, dtype=torch.int8)})
    assert apply(derived, tmp_path, source="shards") == 3
    assert "2.weight holds int8 entries" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists() and not list(tmp_path.glob(".out*"))


def test_shards_elsewhere_are_refused(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    sharded(tmp_path / "shards", state)
    (tmp_path / "shards/0.safetensors").rename(tmp_path / "0.safetensors")
    index = tmp_path / "shards/model.safetensors.index.json"
    index.write_text(index.read_text().replace('"0.safetensors"', '"../0.safetensors"'))
    assert apply(derived, tmp_path, source="shards") == 3
    assert "does not lie in" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


TIED = '''
import torch
from torch import nn


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.c.weight = self.a.weight
        self.register_buffer("start", self.a.weight.detach().clone())

    def forward(self, x):
        return self.b(torch.relu(self.a(x))) + 0 * self.c(x) + 0 * self.start.sum()


def tied():
    return Tied(), (torch.randn(4, 3),)
'''


def test_a_tied_tensor_is_moved_alike_and_an_equal_buffer_is_not(
    tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "tied.py").write_text(TIED)
    assert main(["derive", f"{tmp_path}/tied.py:tied", "--out", str(tmp_path / "tied")]) == 0
    torch.manual_seed(0)
    weight, kind = torch.randn(3, 3).double(), torch.float64
    state = {
        "a.weight": weight, "c.weight": weight.clone(), "start": weight.clone(),
        **{n: torch.randn(3, dtype=kind).abs() + 0.1 for n in ("a.bias", "b.bias", "c.bias")},
        "b.weight": torch.randn(3, 3, dtype=kind), "zeros": torch.zeros(3, 3, dtype=kind)}
    save_file(state, tmp_path / "in.safetensors")
    record = str(tmp_path / "tied/derivation.json")
    where = [record, str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors")]
    capsys.readouterr()
    assert main(["apply", *where, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tied"], said["alike"]) == ({"c.weight": "a.weight"}, {"start": "a.weight"})
    after = load_file(tmp_path / "out.safetensors")
    assert torch.equal(after["c.weight"], after["a.weight"])
    assert not torch.equal(after["a.weight"], weight)
    assert torch.equal(after["start"], weight) and torch.equal(after["zeros"], state["zeros"])


def test_an_equal_tensor_without_a_target_is_refused(
    tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)).double()
    record = symgauge.derive(module, (torch.randn(4, 2),))
    (tmp_path / "derivation.json").write_text(record.to_json())
    save_file({**state, "0.copy": state["0.weight"].clone()}, tmp_path / "in.safetensors")
    where = [str(tmp_path / n) for n in ("derivation.json", "in.safetensors", "out.safetensors")]
    assert main(["apply", *where]) == 3
    assert "0.copy holds the entries of 0.weight" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("kind, size, s, words", [
    (torch.float16, 1, 1e6, "beyond float16"), (torch.bfloat16, 1, 1e39, "beyond bfloat16"),
    (torch.float16, 1e-3, 1e-6, "too small for float16"),
    (torch.bfloat16, 1e-30, 1e-13, "too small for bfloat16"),
    (torch.float32, 1e-30, 1e-17, "too small for float32")])
def test_what_its_dtype_cannot_hold_is_not_written(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], kind: torch.dtype,
    size: float, s: float, words: str, capsys: Any,
) -> None:
    save_file({n: (size * t).to(kind) for n, t in state.items()}, tmp_path / "in.safetensors")
    save_file({"s": torch.full((3,), s, dtype=torch.float64)}, tmp_path / "s.safetensors")
    options = ("--family", label(derived), "--element", tmp_path / "s.safetensors")
    assert apply(derived, tmp_path, *options) == 3
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_a_stale_index_does_not_stay(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    (tmp_path / "plain").mkdir()
    save_file(state, tmp_path / "plain/model.safetensors")
    sharded(tmp_path / "out.safetensors", state)
    assert apply(derived, tmp_path, "--force", source="plain") == 0
    out = tmp_path / "out.safetensors"
    assert not (out / "model.safetensors.index.json").exists()
    assert not torch.equal(load_file(out / "model.safetensors")["0.bias"], state["0.bias"])


def test_a_dangling_link_is_there(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    (tmp_path / "out.safetensors").symlink_to(tmp_path / "elsewhere")
    assert apply(derived, tmp_path) == 3
    assert "--force" in capsys.readouterr().err
    assert apply(derived, tmp_path, "--force") == 0
    assert load_file(tmp_path / "out.safetensors")


TANH = FACTORY.replace("ReLU", "Tanh")


@pytest.fixture(scope="module")
def tanh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tanh")
    (folder / "own.py").write_text(TANH)
    assert main(["derive", f"{folder}/own.py:mlp", "--out", str(folder / "mlp")]) == 0
    return folder


def test_orders_are_taken_where_the_function_stays(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    assert apply(derived, tmp_path, "--family", label(derived), "--element", "identity",
                 "--discrete", "--json") == 0
    (words,) = json.loads(capsys.readouterr().out)["discrete"]
    assert words.startswith("order of the 3 indices of 0.weight")
    after = load_file(tmp_path / "out.safetensors")
    order = [int((after["0.bias"] == b).nonzero()) for b in state["0.bias"]]
    assert sorted(order) == [0, 1, 2] and order != [0, 1, 2]
    torch.testing.assert_close(function(after), function(state))


NORMED = """
import torch


def factory(c=3):
    module = torch.nn.Sequential(
        torch.nn.Conv1d(2, c, 2), torch.nn.BatchNorm1d(c), torch.nn.ReLU(),
        torch.nn.Conv1d(c, 2, 2))
    with torch.no_grad():
        for k in range(c):
            module[1].running_mean[k], module[1].running_var[k] = k / 2, 1 + k / 4
    return module.eval(), (torch.zeros(1, 2, 5),)
"""


def test_an_order_of_channels_moves_running_statistics(tmp_path: Path, capsys: Any) -> None:
    """They are constants of the derivation; without them nothing but a fault is left."""
    (tmp_path / "normed.py").write_text(NORMED)
    target = f"{tmp_path}/normed.py:factory"
    assert main(["derive", target, "--out", str(tmp_path / "mlp")]) == 0
    space: dict[str, Any] = {}
    exec(NORMED, space)
    module, _ = space["factory"]()
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    save_file(before, tmp_path / "in.safetensors")
    capsys.readouterr()
    record = json.loads((tmp_path / "mlp/derivation.json").read_text())
    assert apply(tmp_path, tmp_path, "--family", record["generators"][0]["label"],
                 "--element", "identity", "--discrete", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert "1.running_mean, 1.running_var" in said["discrete"][0]
    after = load_file(tmp_path / "out.safetensors")
    assert not torch.equal(after["1.running_mean"], before["1.running_mean"])
    x = torch.randn(7, 2, 5)
    y = module(x)
    module.load_state_dict(after)
    torch.testing.assert_close(module(x), y)
    module.load_state_dict({**after, "1.running_var": before["1.running_var"]})
    assert float((module(x) - y).detach().abs().max()) > 1e-2
    # a file without statistics: the program of the record, which holds them
    save_file({k: v for k, v in before.items() if "running" not in k}, tmp_path / "in.safetensors")
    assert apply(tmp_path, tmp_path, "--discrete", "--force") == 3
    assert "no permutation" in capsys.readouterr().err


def test_signs_are_taken_where_they_pass(
    tanh: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    assert apply(tanh, tmp_path, "--discrete") == 0
    assert "signs of the 3 indices" in capsys.readouterr().out
    after = load_file(tmp_path / "out.safetensors")
    assert (after["0.bias"].abs().sort().values == state["0.bias"].abs().sort().values).all()
    assert (after["0.bias"].sign().sum() != state["0.bias"].sign().sum())


def test_orders_of_other_sizes_and_hadamard_numbers_are_refused(
    derived: Path, tmp_path: Path, state: dict[str, torch.Tensor], capsys: Any
) -> None:
    assert apply(derived, tmp_path, "--family", label(derived), "--element", "hadamard") == 3
    assert "no Hadamard matrix of size 3" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_a_hadamard_matrix_of_each_head(tmp_path: Path, capsys: Any) -> None:
    assert main(["derive", "attention", "--out", str(tmp_path / "a")]) == 0
    record = json.loads((tmp_path / "a/derivation.json").read_text())
    family = next(f for f in record["generators"] if f["element"]["kind"] == "gl")
    name = family["action"][0]["parameter"]
    torch.manual_seed(0)
    before = {t["name"]: torch.randn(t["shape"], dtype=torch.float64) for t in record["tensors"]}
    save_file(before, tmp_path / "in.safetensors")
    assert main(["apply", str(tmp_path / "a/derivation.json"), str(tmp_path / "in.safetensors"),
                 str(tmp_path / "out.safetensors"), "--family", family["label"],
                 "--element", "hadamard"]) == 0
    after = load_file(tmp_path / "out.safetensors")
    assert not torch.equal(after[name], before[name])
    torch.testing.assert_close(after[name].norm(), before[name].norm())
