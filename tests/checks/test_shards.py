"""A full-size check in several processes: parameters in shards, the rows of one device."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from places import TARGETS
from statements import STATEMENTS, element, location, move

from symgauge import zoo
from symgauge.capture import load_target
from symgauge.checks import emit_check
from symgauge.checks.runtime import elements, moves
from symgauge.checks.runtime.elements import Element
from symgauge.checks.runtime.processes import joined
from symgauge.checks.runtime.randomness import TorchNumbers
from symgauge.checks.runtime.record import BadInput
from symgauge.checks.runtime.whole import axes_apart
from symgauge.cli.main import main
from symgauge.derivation.full import FullDerivation, derive_full
from symgauge.families.kinds import with_parts

SCRIPT = Path(__file__).parents[1] / "support" / "sharded_check.py"
LLAMA = {
    "hidden_size": 16, "num_heads": 4, "num_groups": 2, "num_layers": 4, "intermediate_size": 24,
    "tokens": 5, "vocab_size": 40,
}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the check and the record of a Llama of four layers."""
    target = load_target(f"{TARGETS / 'llama_lm.py'}:factory", zoo.load)
    derivation: FullDerivation = derive_full(target.at({**(target.full or {}), **LLAMA}), target)
    folder = tmp_path_factory.mktemp("llama")
    derivation.write_check(folder / "check.py")
    (folder / "full.json").write_text(derivation.to_json())
    return folder


def torchrun(*command: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return subprocess.run([*run, *command], capture_output=True, text=True, check=False)


def rows_in_two_processes_and_in_one(
    folder: Path, size: str
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]], str]:
    """Those of `sharded_check.py`, those of one device, and how moves met the shards."""
    out, alone = folder / "rows.json", folder / "alone.json"
    done = torchrun(str(SCRIPT), str(folder / "check.py"), size, str(out))
    assert done.returncode == 0, done.stderr
    code = (
        f"import json, check; r = check.run(check.RECORD, [check.check_invariance], {size!r});"
        f"json.dump(r['rows'], open({str(alone)!r}, 'w'))")
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    return json.loads(out.read_text()), json.loads(alone.read_text()), done.stderr


def compare(found: dict[str, list[dict[str, Any]]], expected: list[dict[str, Any]]) -> None:
    """The rows of one device; and each class is seen to fail where one process spoils it."""
    for row, one in zip(found["right"], expected, strict=True):
        assert (row["label"], row["passes"], row["ok"]) == (one["label"], one["passes"], True)
        assert row["moved"] == pytest.approx(one["moved"], rel=1e-9)
    # a shift of the key biases of some heads alone is a symmetry, too
    assert all(row["ok"] is False for row in found["left out"] if "key bias" not in row["label"])
    assert any(row["ok"] is False for row in found["turned"])


def test_the_rows_are_those_of_one_device_and_a_fault_in_one_shard_is_seen(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text(emit_check(STATEMENTS["attention"]))
    found, expected, _ = rows_in_two_processes_and_in_one(tmp_path, "small")
    compare(found, expected)
    assert len(expected) > 2


@pytest.mark.slow
def test_a_llama_of_four_layers_in_two_processes(llama: Path) -> None:
    found, expected, said = rows_in_two_processes_and_in_one(llama, "full")
    compare(found, expected)
    assert len(expected) == 8 and all(row["ok"] is False for row in found["turned"])
    assert '"on the shards"' in said and '"along another axis"' in said and '"gathered"' in said


@pytest.mark.slow
def test_the_command_under_torchrun(llama: Path) -> None:
    """One table, one record, and the status of each process; torchrun makes 1 of any other."""
    command = ["-m", "symgauge", "check"]
    done = torchrun(*command, str(llama / "full.json"), "--size", "full", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["ok"] is True and record["processes"] == 2
    assert {row["check"] for row in record["rows"]} == {"invariance", "planted", "tangent"}
    assert all(row["floors"] > 1000 for row in record["rows"] if row["wrong"])
    data = json.loads((llama / "full.json").read_text())
    broken = next(g for g in data["generators"] if g["element"]["kind"] == "diagonal")
    broken["action"][0]["weight"] = "2"
    FullDerivation.from_plain(data).write_check(llama / "wrong.py")
    done = torchrun(str(llama / "wrong.py"), "--size", "full")
    assert done.returncode == 1 and done.stdout.count("FAILED") == 1
    done = torchrun(*command, str(llama / "none.json"))
    assert done.returncode == 1 and done.stderr.count("symgauge: ") == 1, done.stderr


def test_several_processes_take_a_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert main(["check", "mlp"]) == 3
    assert "symgauge derive mlp --full first" in capsys.readouterr().err
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["check", "mlp"]) == 3
    assert not capsys.readouterr().err


@pytest.mark.parametrize("count", ["2", "two"])
def test_several_processes_are_started_by_torchrun(
    count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", count)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with pytest.raises(BadInput, match="start several with torchrun"), joined("cpu"):
        pass


#: kind, form, location, the axes along which parts move each on their own, and more of the move.
MOVES: list[tuple[str, str, dict[str, Any], set[int], dict[str, Any]]] = [
    ("gl", "g", location(0, [3, 4], 1, [0]), {1, 2}, {}),
    ("gl", "g^-T", location(1, [2, 3], 1, []) | {"start": 1}, {0, 2}, {}),
    ("gl", "g", location(1, [8], 0, [[0, 12]]), {2}, {}),
    ("so", "g^-1", location(2, [2, 3], 1, [0]), {0, 1}, {}),
    ("diagonal", "s^k", location(0, [3, 4], 1, [0]), {1, 2}, {}),
    ("diagonal", "s^k", location(1, [2, 4], 1, []), {0}, {"part": [2, 1, 5]}),
    ("translation", "+c", location(2, [6], 0, []), {0, 1}, {}),
]


def drawn(kind: str, at: dict[str, Any], shape: tuple[int, ...]) -> Element:
    rng = torch.Generator().manual_seed(1)
    sizes = [k[1] if isinstance(k, list) else at["sizes"][k] for k in (*at["per"], at["along"])]
    return elements.random_element(
        with_parts(element(kind, sizes[:-1], sizes[-1])), 1.0, TorchNumbers(rng))


@pytest.mark.parametrize("kind, form, at, apart, more", MOVES)
def test_a_move_of_the_parts_is_the_move_of_the_whole(
    kind: str, form: str, at: dict[str, Any], apart: set[int], more: dict[str, Any]
) -> None:
    shape = (12, 8, 6)
    rng = torch.Generator().manual_seed(0)
    tensor = torch.randn(shape, generator=rng, dtype=torch.float64)
    by, entry = drawn(kind, at, shape), {**move("w", form, at, "-1"), **more}
    assert {pair["w"] for pair in axes_apart(entry, {"w": shape})} == apart
    whole = tensor.clone()
    sums = moves.moved_by({"w": whole}, entry, by)
    for axis in apart:
        parts = [part.clone() for part in tensor.tensor_split(3, axis)]
        found = [moves.moved_by({"w": part}, entry, by) for part in parts]
        torch.testing.assert_close(torch.cat(parts, axis), whole, rtol=0, atol=1e-13)
        assert [sum(column) for column in zip(*found)] == pytest.approx(list(sums))
    assert not torch.equal(whole, tensor)


@pytest.mark.parametrize("axis, pairs", [(0, [(1, 0), (2, 1)]), (1, [(0, 0), (2, 1)])])
def test_what_a_contraction_adds_falls_into_parts_with_its_source(
    axis: int, pairs: list[tuple[int, int]]
) -> None:
    rng = torch.Generator().manual_seed(0)
    source = torch.randn(12, 8, 6, generator=rng, dtype=torch.float64)
    left = [n for k, n in enumerate(source.shape) if k != axis]
    at = location(axis, [source.shape[axis]], 0, [])
    entry = {**move("b", "+Tc", at, "2"), "source": "w"}
    shapes = {"w": tuple(source.shape), "b": tuple(left)}
    assert [(p["w"], p["b"]) for p in axes_apart(entry, shapes)] == pairs
    by = drawn("translation", at, tuple(source.shape))
    whole = torch.zeros(left, dtype=torch.float64)
    moves.moved_by({"w": source, "b": whole}, entry, by)
    for k, j in pairs:
        parts = []
        for w, b in zip(source.tensor_split(3, k), torch.zeros_like(whole).tensor_split(3, j)):
            parts.append(b.clone())
            moves.moved_by({"w": w, "b": parts[-1]}, entry, by)
        torch.testing.assert_close(torch.cat(parts, j), whole, rtol=0, atol=1e-13)


def test_a_divisor_keeps_the_last_axes_whole() -> None:
    entry = {**move("w", "+c/T", None, "1"), "source": "g"}
    assert axes_apart(entry, {"w": (5, 4, 3), "g": (3,)}) == [{"w": 0}, {"w": 1}]
    assert axes_apart(entry, {"w": (3,), "g": (3,)}) == []
