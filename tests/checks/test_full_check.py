"""The check of a full model: class by class, in place, piece by piece, and exactly undone."""

import copy
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from statements import element, location, move

from symgauge import zoo
from symgauge.capture import capture, load_target
from symgauge.checks.runtime import elements, moves, pieces
from symgauge.checks.runtime.randomness import TorchNumbers
from symgauge.cli.main import main
from symgauge.derivation.full import FullDerivation, derive_full
from symgauge.derivers.structural import find
from symgauge.families.kinds import with_parts
from places import TARGETS

CPU = torch.device("cpu")
SIZES: dict[str, dict[str, Any]] = {
    "gpt2_lm": {
        "n_embd": 12, "n_head": 3, "n_layer": 3, "n_inner": 20, "tokens": 5, "vocab_size": 40,
    },
    "llama_lm": {
        "hidden_size": 16, "num_heads": 4, "num_groups": 2, "num_layers": 2,
        "intermediate_size": 24, "tokens": 5, "vocab_size": 40,
    },
    "gpt_neox_lm": {
        "hidden_size": 16, "num_heads": 2, "num_layers": 2, "intermediate_size": 20, "tokens": 5,
        "vocab_size": 40,
    },
}
# layers alike are one class: (families, classes)
COUNTS = {"gpt2_lm": (49, 17), "llama_lm": (12, 7), "gpt_neox_lm": (42, 23)}


@pytest.fixture(scope="module", params=list(SIZES))
def derived(request: pytest.FixtureRequest) -> FullDerivation:
    target = load_target(f"{TARGETS / request.param}.py:factory", zoo.load)
    return derive_full(target.at({**(target.full or {}), **SIZES[request.param]}), target)


def loaded(derivation: FullDerivation, folder: Path) -> ModuleType:
    """The generated file, imported."""
    path = folder / "generated.py"
    derivation.write_check(path)
    spec = importlib.util.spec_from_file_location("generated_full_check", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look a class's module up by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def generated(derived: FullDerivation, tmp_path: Path) -> ModuleType:
    return loaded(derived, tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_layer_passes_within_the_budget(
    derived: FullDerivation, generated: ModuleType, dtype: str
) -> None:
    record = generated.run(generated.RECORD, generated.CHECKS, "full", 0, dtype)
    families, classes = COUNTS[derived.name]
    assert record["ok"] is True and families == len(derived.generators)
    assert (record["families"], record["classes"]) == (families, classes)
    planted = [row for row in record["rows"] if row["check"] == "planted"]
    ordinary = 3 + classes + len(planted) + 3 * (classes + 1)
    # a class that acts through slices, and of which nothing is planted, has a control
    assert record["passes_allowed"] == ordinary + record["passes_extra"]
    assert record["passes_extra"] <= 2
    assert record["passes"] <= record["passes_allowed"]
    right = [row for row in record["rows"] if not row["wrong"]]
    assert all(row["floors"] <= 10 for row in right)
    assert len(planted) > 12
    assert all(row["floors"] > (1000 if dtype == "float64" else 100) for row in planted)
    # one row for all, one for each class, and no family left out of either
    for check, rows in (("invariance", 1 + classes), ("tangent", classes)):
        chosen = [row for row in right if row["check"] == check]
        assert len(chosen) == rows
        assert sum(row["families"] for row in chosen[-classes:]) == families


def test_the_head_and_the_last_bias_behind_a_norm() -> None:
    """Only where the head is not tied, and has no bias: 1 + u 1^T, of dimension d_model."""
    for name, expected in (("gpt_neox_lm", [16]), ("gpt2_lm", []), ("llama_lm", [])):
        target = load_target(f"{TARGETS / name}.py:factory", zoo.load)
        module, args, kwargs = target.at({**(target.full or {}), **SIZES[name]}).build()
        found = find(capture(module, args, kwargs).network)
        families = [f.family for f in found.families if f.family.kind.fixes_sums_of_0]
        assert [f.dimension for f in families] == expected
        assert all(f.tensors == ("gpt_neox.final_layer_norm.bias", "lm_head.weight") and [
            t.parameter for t in f.via] == ["gpt_neox.final_layer_norm.weight"] for f in families)


def test_one_pass_for_all_one_for_a_class(generated: ModuleType) -> None:
    bench = generated.Bench(generated.RECORD, "full", 0, torch.float64, CPU, None)
    bench.point.measure_floor()
    assert bench.point.passes == 2
    bench.difference("invariance", "all", bench.families)
    assert bench.point.passes == 3
    for label, families in bench.classes.items():
        before = bench.point.passes
        bench.difference("invariance", label, families)
        assert bench.point.passes == before + 1


def test_the_parameters_are_put_back_exactly(generated: ModuleType) -> None:
    bench = generated.Bench(generated.RECORD, "full", 0, torch.float32, CPU, None)
    before = {name: value.clone() for name, value in bench.point.parameters.items()}
    places = {name: value.data_ptr() for name, value in bench.point.parameters.items()}
    bench.point.measure_floor()
    bench.difference("invariance", "all", bench.families)
    for label, families in bench.classes.items():
        bench.derivative("tangent", label, families)
    assert all(torch.equal(value, before[name]) for name, value in bench.point.parameters.items())
    assert places == {name: p.data_ptr() for name, p in bench.point.module.named_parameters(
        remove_duplicate=False)}


def test_a_wrong_last_layer_fails_its_class(derived: FullDerivation, tmp_path: Path) -> None:
    data = copy.deepcopy(dict(derived.data))
    last = {
        "gpt2_lm": "transformer.h.2.mlp.c_fc", "llama_lm": "model.layers.1.mlp.up_proj",
        "gpt_neox_lm": "gpt_neox.layers.1.mlp.dense_h_to_4h",
    }
    wrong = next(
        g for g in data["generators"]
        if g["element"]["kind"] == "diagonal" and last[derived.name] in g["label"]
    )
    wrong["action"][0]["weight"] = "2"
    module = loaded(FullDerivation.from_plain(data), tmp_path)
    record = module.run(module.RECORD, module.CHECKS, "full")
    assert record["ok"] is False
    failed = [row["label"] for row in record["rows"] if row["ok"] is False]
    assert len(failed) == 3 and failed[0] == "all symmetries at once"
    assert all("families)" in label for label in failed[1:])


def test_the_check_command_takes_a_full_derivation(
    derived: FullDerivation, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "full.json"
    path.write_text(derived.to_json())
    status = main(["check", str(path), "--size", "full", "--dtype", "float32", "--json"])
    record = json.loads(capfd.readouterr().out)
    assert status == 0 and record["size"] == "full" and record["ok"] is True
    assert main(["check", str(path), "--set", "tokens=3"]) == 3


def test_tangents_are_held_of_as_many_families_as_fit(
    generated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "TANGENT_BYTES", 0)
    bench = generated.Bench(generated.RECORD, "full", 0, torch.float64, CPU, None)
    bench.point.measure_floor()
    rows = [bench.derivative("tangent", *item) for item in bench.classes.items()]
    asked = [len(families) for families in bench.classes.values()]
    partial = [row for row, n in zip(rows, asked) if 0 < row.families < n and row.passes]
    assert partial and all("the tangents of all are too large" in row.note for row in partial)
    skipped = [row for row in rows if not row.passes]
    assert all(row.ok is None and row.residual is None for row in skipped)


@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_a_centred_element_is_of_its_unit(unit: float) -> None:
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        drawn = with_parts(element("centred", [3], 50))
        by = elements.random_element(drawn, unit, TorchNumbers(rng))
        (line,) = by.factors
        assert isinstance(line, elements.Line)
        u = line.u
        assert bool((u.sum(-1) >= 0).all()) and bool((line.v == 1).all())
        assert bool((u.norm(dim=-1) <= unit / 2).all() and (u.norm(dim=-1) > unit / 8).all())


@pytest.mark.parametrize(
    "kind, form, at",
    [
        ("gl", "g", location(0, [3, 4], 1, [0])),
        ("gl", "g^-T", location(1, [2, 4], 1, []) | {"start": 1}),
        ("so", "g^-1", location(1, [2, 4], 1, [0])),
        ("centred", "g", location(0, [3, 4], 1, [0])),
        ("centred", "g^-T", location(1, [2, 4], 1, [])),
        ("centred", "g^-1", location(1, [2, 4], 1, [0])),
        ("diagonal", "s^k", location(0, [3, 4], 1, [0])),
        ("diagonal", "s^k", location(1, [2, 4], 1, [])),
        ("translation", "+c", location(0, [3, 4], 0, [])),
        ("translation", "+Tc", location(0, [3, 4], 1, [0])),
        ("translation", "+Tc", location(1, [2, 4], 0, [])),
    ],
)
def test_pieces_make_no_difference(
    kind: str, form: str, at: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [at["sizes"][j] for j in (*at["per"], at["along"])]
    rng = torch.Generator().manual_seed(0)
    drawn = with_parts(element(kind, sizes[:-1], sizes[-1]))
    by = elements.random_element(drawn, 1.0, TorchNumbers(rng))
    source = torch.randn(12, 9, generator=rng, dtype=torch.float64)
    name, entry = "w", move("w", form, at, "-1")
    if form == "+Tc":
        name, entry = "b", {**entry, "parameter": "b", "source": "w"}
    found = []
    for size in (2**18, 20, 1):
        monkeypatch.setitem(pieces.PIECE, "cpu", size)
        shape = [n for k, n in enumerate(source.shape) if k != at["axis"]]
        here = {"w": source.clone(), "b": torch.ones(shape, dtype=torch.float64)}
        moved = moves.apply_move(here, entry, by)
        found.append((moved, here[name]))
    for moved, tensor in found[1:]:
        assert moved == pytest.approx(found[0][0], rel=1e-12)
        torch.testing.assert_close(tensor, found[0][1], rtol=0, atol=1e-13)
    assert not torch.equal(found[0][1], source if name == "w" else torch.ones(1))


def test_the_cuts_cover_a_tensor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pieces.PIECE, "cpu", 10)
    tensor = torch.zeros(7, 3, 5)
    for whole in ([], [0], [0, 1], [0, 1, 2]):
        tensor.zero_()
        for cut in pieces.cuts(tensor, whole):
            assert cut is None or cut[0] not in whole
            pieces.piece(tensor, cut).add_(1)
        assert bool((tensor == 1).all())


def test_the_check_command_takes_a_configuration_at_its_full_sizes(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("transformers")
    sizes = [f"--set={key}={value}" for key, value in {
        "n_layer": 1, "n_embd": 16, "n_head": 2, "vocab_size": 20}.items()]
    status = main(["check", "hf:gpt2", "--size", "full", *sizes, "--json"])
    record = json.loads(capfd.readouterr().out)
    assert status == 0 and record["size"] == "full" and record["ok"] is True
    assert record["sizes"]["n_embd"] == 16
