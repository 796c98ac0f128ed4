"""Weights and places that nothing can be moved from or to are refused, and nothing is written."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from symgauge import canonicalise
from symgauge.cli.main import main
from symgauge.weights.checkpoint import INDEX

OWN = """
import torch
def mlp():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    return net, (torch.randn(2, 3),)
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight
    def forward(self, ids):
        return self.head(self.table(ids))
def tied():
    return Tied(), (torch.tensor([[0, 1]]),)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    torch.manual_seed(1)
    state = {"0.weight": torch.randn(4, 3), "0.bias": torch.randn(4),
             "1.weight": torch.randn(2, 4), "1.bias": torch.randn(2)}
    save_file(state, tmp_path / "in.safetensors")
    return tmp_path


def run(folder: Path, command: str, *names: str, target: str = "mlp") -> int:
    return main([command, f"{folder / 'own.py'}:{target}", *(str(folder / n) for n in names),
                 str(folder / "out.safetensors"), "--force"])


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("command, names", [
    ("canonicalise", ["bad"]), ("align", ["bad", "in.safetensors"]),
    ("align", ["in.safetensors", "bad"]),
])
def test_entries_that_are_no_numbers_are_named(
    command: str, names: list[str], value: str, folder: Path, capsys: Any
) -> None:
    state = load_file(folder / "in.safetensors")
    state["1.weight"][0, 0] = float(value)
    save_file(state, folder / "bad")
    assert run(folder, command, *names) == 3
    assert "1.weight that is infinite or no number" in capsys.readouterr().err
    assert not (folder / "out.safetensors").exists()


@pytest.mark.parametrize("command, names", [
    ("canonicalise", ["bad"]), ("align", ["bad", "in.safetensors"]),
    ("align", ["in.safetensors", "bad"]),
])
def test_integers_in_place_of_floats_are_named(
    command: str, names: list[str], folder: Path, capsys: Any
) -> None:
    state = load_file(folder / "in.safetensors")
    state["1.weight"] = (10 * state["1.weight"]).to(torch.int8)
    save_file(state, folder / "bad")
    assert run(folder, command, *names) == 3
    assert "holds 1.weight as int8" in capsys.readouterr().err
    assert not (folder / "out.safetensors").exists()


def test_a_name_that_is_another_tensors_is_named(folder: Path, capsys: Any) -> None:
    save_file({"head.weight": torch.randn(5, 3)}, folder / "head")
    save_file({"table.weight": torch.randn(5, 3)}, folder / "table")
    assert run(folder, "canonicalise", "head", target="tied") == 3
    assert "head.weight stands there for table.weight" in capsys.readouterr().err
    assert run(folder, "align", "head", "table", target="tied") == 3
    assert "no tensor named 'table.weight'" in capsys.readouterr().err


def test_floats_of_one_byte_are_moved(folder: Path, capsys: Any) -> None:
    state = load_file(folder / "in.safetensors")
    state["0.weight"] = state["0.weight"].to(torch.float8_e4m3fn)
    save_file(state, folder / "byte")
    assert run(folder, "canonicalise", "byte") in (0, 1)
    assert "internal" not in capsys.readouterr().err


def test_a_folder_is_not_put_over_a_file(folder: Path, capsys: Any) -> None:
    shards = folder / "shards"
    shards.mkdir()
    state = load_file(folder / "in.safetensors")
    save_file(state, shards / "a.safetensors")
    (shards / INDEX).write_text(json.dumps({"weight_map": dict.fromkeys(state, "a.safetensors")}))
    (folder / "out.safetensors").write_text("mine")
    assert run(folder, "canonicalise", "shards") == 3
    assert "cannot write" in capsys.readouterr().err
    assert (folder / "out.safetensors").read_text() == "mine"
    assert not list(folder.glob(".out*"))


def test_a_name_that_no_file_can_have_is_one_sentence(folder: Path, capsys: Any) -> None:
    assert main(["canonicalise", f"{folder / 'own.py'}:mlp", str(folder / "in.safetensors"),
                 str(folder / ("x" * 300))]) == 3
    assert "cannot write" in capsys.readouterr().err


class OddAtOne(torch.nn.Module):
    """A hidden index whose sign passes, and others whose signs do not."""

    def __init__(self, act: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.act, self.a, self.b = act, torch.nn.Linear(3, 6), torch.nn.Linear(6, 2)
        self.slope = torch.nn.Parameter(torch.tensor([1.0, *[0.25] * 5]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.a(x)
        h = torch.nn.functional.prelu(h, self.slope) if self.act == "prelu" else torch.where(
            torch.arange(6) < 1, torch.tanh(h), torch.nn.functional.gelu(h))
        out: torch.Tensor = self.b(h)
        return out


@pytest.mark.parametrize("act", ["prelu", "mixed"])
def test_a_sign_that_one_index_has_is_not_that_of_all(act: str) -> None:
    _, change = canonicalise(OddAtOne(act), (torch.randn(4, 3),))
    assert change.measured is None or change.measured.verdict == "EQUIVALENT"
    assert any("keeps not all of them" in words for words in change.outcome.left)


class NoNumber(torch.nn.Module):
    """Outputs that are no numbers at any inputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.a(x)) * torch.arange(1.0, 5.0)
        out: torch.Tensor = (-self.b(h).square() - 1).log()
        return out


def test_no_order_passes_where_an_output_is_no_number() -> None:
    _, change = canonicalise(NoNumber(), (torch.randn(4, 3),))
    assert not any("checked" in words for words in change.outcome.done)


class FarFromOdd(torch.nn.Module):
    """Odd as far as inputs of scale 10 reach, and not beyond."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.limit, self.a, self.b = limit, torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.b(torch.tanh(self.a(x).clamp(-self.limit, 60.0) / 60))
        return out


@pytest.mark.parametrize("limit, odd", [(60.0, True), (90.0, False)])
def test_a_sign_that_large_inputs_tell_does_not_pass(limit: float, odd: bool) -> None:
    _, change = canonicalise(FarFromOdd(limit), (torch.randn(4, 3),))
    assert any(words.startswith("signs of") for words in change.outcome.done) == odd
