"""What a generated check promises: no false alarm, no empty pass, and it says what it looked at."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from checked_models import (
    ALTERED, BROKEN, CHECKED, FRAGILE, Altered, Broken, altered, broken, fresh_gpt2, generated,
    record,
)
from safetensors.torch import save_file
from statements import STATEMENTS

from symgauge import Derivation, zoo
from symgauge.capture import load_target
from symgauge.checks import emit_check
from symgauge.checks.runtime.bench import Bench
from symgauge.checks.runtime.judge import Judge
from symgauge.checks.runtime.model import select
from symgauge.cli.main import main
from symgauge.derivation.derive import derive_target
from symgauge.derivation.facts import training_flags
from symgauge.derivation.full import FullDerivation, derive_full

CPU = torch.device("cpu")
FRESH: dict[str, Any] = {
    "n_embd": 12, "n_head": 3, "n_layer": 2, "n_inner": 20, "tokens": 5, "vocab_size": 40,
}
#: The zoo's that take longest to derive are left to docs/benchmarks/check_seeds.py.
QUICK = ("attention", "convolutional", "deep_set", "glu", "mixture_of_experts", "mlp", "recurrent")


@cache
def derived(target: str) -> Derivation:
    return derive_target(load_target(target, zoo.load))


@cache
def derived_gpt2() -> FullDerivation:
    target = load_target(f"{Path(CHECKED[:-1]).parent / 'gpt2_lm.py'}:factory", zoo.load)
    return derive_full(target.at({**(target.full or {}), **FRESH}), target)


class Given:
    """A statement with its check's text."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec

    def check_text(self) -> str:
        return emit_check(self.spec)


@pytest.fixture
def attention() -> Iterator[ModuleType]:
    with generated(Given(STATEMENTS["attention"])) as module:
        yield module


def failed(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["check"], row["label"]) for row in found["rows"] if row["ok"] is False]


# -- no false alarm ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [*QUICK, *FRAGILE])
@pytest.mark.parametrize(
    "seeds", [range(4), pytest.param(range(4, 30), marks=pytest.mark.slow)], ids=["few", "many"])
def test_no_seed_raises_a_false_alarm(target: str, seeds: range) -> None:
    with generated(derived(target)) as module:
        for seed in seeds:
            found = record(module, seed)
            assert found["ok"] is not False, (seed, failed(found))
            assert found["passes"] <= found["passes_allowed"]


def test_two_reverse_passes_reach_what_a_function_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an op has no forward derivative, J X is the same number."""
    def missing(*_: object) -> None:
        raise NotImplementedError

    with generated(derived(CHECKED + "held_by_a_function")) as module:
        right = [row for row in record(module, 0)["rows"] if row["check"] == "tangent"]
        monkeypatch.setattr(module, "forward_ad", SimpleNamespace(dual_level=missing))
        found = [row for row in record(module, 0)["rows"] if row["check"] == "tangent"]
    assert len(found) == len(right) and all(row["ok"] is True for row in found)
    assert any("double backward" in row["note"] for row in found)


def test_units_that_are_dead_are_drawn_again() -> None:
    """Two units, one input: at some seeds nothing is seen at first, and nothing FAILED."""
    with generated(derived(CHECKED + "two_units")) as module:
        found = [record(module, seed) for seed in range(20)]
    assert all(one["ok"] is True for one in found)
    again = [row for one in found for row in one["rows"] if "drawn again" in row["note"]]
    assert {row["check"] for row in again} >= {"invariance", "planted"}
    assert all(one["passes_extra"] <= one["passes_allowed"] for one in found)


def test_a_planted_failure_that_is_a_symmetry_of_one_branch_is_not_tested(tmp_path: Path) -> None:
    """sign(t) of one sign: the larger group is true there, and wrong where the signs differ."""
    torch.manual_seed(0)
    shapes = {"a.weight": (2, 3), "a.bias": (2,), "b.weight": (2, 2), "b.bias": (2,)}
    tensors = {name: torch.randn(shape) for name, shape in shapes.items()}
    found = {}
    with generated(derived(CHECKED + "signs")) as module:
        for kind, t in (("alike", [0.5, 0.2]), ("unlike", [0.5, -0.2])):
            path = str(tmp_path / f"{kind}.safetensors")
            save_file({**tensors, "t": torch.tensor(t)}, path)
            found[kind] = record(module, 0, checkpoint=path)
    for kind, one in found.items():
        assert one["ok"] is True, (kind, failed(one))
        assert one["passes"] <= one["passes_allowed"]
        (larger,) = rows_of(one, "planted", "larger group")
        assert larger["ok"] is (None if kind == "alike" else True), kind
    (larger,) = rows_of(found["alike"], "planted", "larger group")
    assert "it is a symmetry, too" in larger["untested"]


@pytest.mark.parametrize(
    "seeds", [range(3), pytest.param(range(3, 30), marks=pytest.mark.slow)], ids=["few", "many"])
def test_a_fresh_gpt2_is_no_failure(seeds: range, tmp_path: Path) -> None:
    with generated(derived_gpt2()) as module:
        for seed in seeds:
            path = fresh_gpt2(tmp_path / "fresh.safetensors", seed, FRESH)
            found = record(module, seed, "full", checkpoint=path)
            assert found["ok"] is True, (seed, failed(found))
            reasons = {e["reason"] for e in found["not_tested"] if e["check"] == "planted"}
            assert "at these weights it is the symmetry itself" in reasons


# -- no empty pass -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [c for c in BROKEN if c.target in (*QUICK, *FRAGILE)],
                         ids=lambda c: c.wrong.replace(" ", "-"))
def test_a_broken_model_is_caught(case: Broken) -> None:
    with generated(broken(derived(case.target), case)) as module:
        assert record(module, 0)["ok"] is False


@pytest.mark.parametrize("case", [c for c in ALTERED if c.target in (*QUICK, *FRAGILE)],
                         ids=lambda c: c.wrong.replace(" ", "-"))
def test_an_altered_statement_is_caught(case: Altered) -> None:
    wrong = altered(derived(case.target), case)
    assert wrong is not None
    with generated(wrong) as module:
        assert record(module, 0)["ok"] is False


def test_a_planted_failure_that_is_seen_and_holds_fails(attention: ModuleType) -> None:
    """h^-T for every h is the same group: a symmetry, and another element than h."""
    wrong = copy.deepcopy(attention.RECORD)
    planted = wrong["planted"][0]["small"]
    planted["action"] = copy.deepcopy(wrong["families"][0]["small"]["action"])
    for move in planted["action"]:
        move["form"] = "g" if move["form"] == "g^-T" else "g^-T"
    found = attention.run(wrong, attention.CHECKS)
    label = wrong["planted"][0]["label"]
    assert found["ok"] is False and ("planted", label) in failed(found)


def weights(tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> str:
    """A checkpoint of the hand-written attention, generic but for the change."""
    torch.manual_seed(0)
    tensors = {f"{name}.weight": torch.randn(4, 4) / 2 for name in ("q", "k", "v", "out")}
    tensors |= {f"{name}.bias": torch.randn(4) for name in ("q", "k", "v", "out")}
    change(tensors)
    path = tmp_path / "weights.safetensors"
    save_file(tensors, path)
    return str(path)


def rows_of(found: dict[str, Any], check: str, text: str) -> list[dict[str, Any]]:
    return [row for row in found["rows"] if row["check"] == check and text in row["label"]]


def test_a_weight_of_zero_leaves_its_row_untested(attention: ModuleType, tmp_path: Path) -> None:
    """Queries that are 0: no key is seen, whatever the statement says of them."""

    def no_queries(tensors: dict[str, torch.Tensor]) -> None:
        tensors["q.weight"].zero_()
        tensors["q.bias"].zero_()

    found = record(attention, 0, checkpoint=weights(tmp_path, no_queries))
    assert found["ok"] is True
    for text in ("query/key of each head", "key bias"):
        for check in ("invariance", "tangent"):
            (row,) = rows_of(found, check, text)
            assert row["ok"] is None and row["untested"], row
    # of equal heads, a group that mixes them is one of symmetries, too
    (larger,) = rows_of(found, "planted", "larger group, value/output")
    assert larger["ok"] is None and "it is a symmetry, too" in larger["untested"]
    (value,) = rows_of(found, "invariance", "value/output of each head")
    assert value["ok"] is True
    assert {e["label"] for e in found["not_tested"]} >= {"query/key of each head", "key bias"}
    assert all(e["reason"] for e in found["not_tested"])
    assert "not tested: no change of what it moves is seen" in found["text"]


def test_weights_that_show_nothing_are_unknown(tmp_path: Path) -> None:
    """All weights 0: status 2, neither ok nor FAILED."""
    path = str(tmp_path / "zero.safetensors")
    shapes = {"0.weight": (5, 3), "0.bias": (5,), "2.weight": (2, 5), "2.bias": (2,)}
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    check = tmp_path / "check.py"
    check.write_text(emit_check(STATEMENTS["mlp"]))
    with generated(Given(STATEMENTS["mlp"])) as module:
        found = record(module, 0, checkpoint=path)
        assert module.main(module.RECORD, module.CHECKS, ["--checkpoint", path]) == 2
    assert found["ok"] is None and not failed(found)
    assert {row["ok"] for row in found["rows"]} == {None}


def test_a_wrong_statement_fails_where_its_control_is_unseen(tmp_path: Path) -> None:
    """A symmetry row is judged by its residual, always: nothing hides behind "not tested"."""
    spec = copy.deepcopy(STATEMENTS["attention"])
    spec["families"][1]["action"][2]["form"] = "g"
    with generated(Given(spec)) as module:
        bench = module.Bench(module.RECORD, "small", 0, torch.float64, CPU, None)
        bench.point.measure_floor()
        bench.control = lambda families: None
        judge = module.Judge(bench)
        rows = [judge.symmetry(*item) for item in bench.classes.items()]
    assert [row.label for row in rows if row.ok is False] == ["value/output of each head"]


def test_the_floor_takes_zeros_at_the_scale_of_their_tensor(tmp_path: Path) -> None:
    def sparse(tensors: dict[str, torch.Tensor]) -> None:
        tensors["q.weight"][1:] = 0
        for name in ("q", "k", "v", "out"):
            tensors[name + ".bias"].zero_()

    spec = {**STATEMENTS["attention"], "families": [], "planted": []}
    bench = Bench(spec, "small", 0, torch.float64, CPU, weights(tmp_path, sparse))
    before = {name: value.clone() for name, value in bench.point.parameters.items()}
    scales = {name: bench.point.scale_of(name) for name in before}
    assert scales["q.bias"] == scales["k.bias"] == bench.point.typical > 0.1
    bench.point.nudge("floor ")
    for name, value in bench.point.parameters.items():
        size = torch.finfo(torch.float64).eps * before[name].abs().clamp(min=scales[name])
        moved = (value - before[name]).abs()
        assert bool((moved > size / 2).all()) and bool((moved <= 2 * size).all()), name


def test_an_output_of_noise_does_not_hide_another() -> None:
    """Each output is judged by its own floor."""
    bench = Bench({**STATEMENTS["attention"], "families": [], "planted": []}, "small", 0,
                  torch.float64, CPU, None)
    bench.point.measure_floor()
    (y,) = bench.point.base
    noise = y * 1e-30
    point = bench.point
    point.base, point.scales, point.floors = (y, noise), [1.0, 1e-30], [1e-15, 1.0]
    change = point.residual((y + 1e-12, -noise))
    assert change.size == pytest.approx(1e-12, rel=1e-3) and change.floors > 900


# -- mode and outputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("name, flags, words", [
    ("batch_norm_in_training", True, "training mode"),
    ("batch_norm_frozen", ["", "1"], "2 of 6 modules in training mode"),
])
def test_the_mode_is_the_one_that_was_derived(
    name: str, flags: bool | list[str], words: str
) -> None:
    found = derived(CHECKED + name)
    assert found.data["training"] == {"small": flags}
    with generated(found) as module:
        assert record(module, 0)["mode"] == words
        # the factory may have been changed since, or another mode asked for by mistake
        wrong = copy.deepcopy(module.RECORD)
        wrong["target"]["training"]["small"] = not flags if name.endswith("training") else True
        assert module.run(wrong, module.CHECKS)["ok"] is False


def test_statistics_are_put_back_after_each_pass() -> None:
    with generated(derived(CHECKED + "batch_norm_in_training")) as module:
        bench = module.Bench(module.RECORD, "small", 0, torch.float64, CPU, None)
        buffers = dict(bench.point.module.named_buffers())
        before = {name: buffer.clone() for name, buffer in buffers.items()}
        bench.point.measure_floor()
        bench.derivative("tangent", *next(iter(bench.classes.items())))
        assert before and all(
            torch.equal(buffer, before[name]) for name, buffer in buffers.items())


def test_flags_of_a_module() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout())
    assert training_flags(module) is True and training_flags(module.eval()) is False
    module[1].train()
    assert training_flags(module) == ["1"]


class ModelOutput(dict):  # type: ignore[type-arg]
    """As transformers names it."""


ModelOutput.__module__ = "transformers.utils.generic"


def chosen(value: Any, output: str | int | None = None, **more: Any) -> list[str]:
    found, _ = select(value, {"output": output, "observable": "logits", **more})
    return [name for name, _ in found]


def test_every_floating_output_counts() -> None:
    x, ids = torch.randn(3), torch.arange(3)
    assert chosen((x, ids, [x, {"value": x}])) == ["0", "2", "value"]
    assert chosen({"logits": x, "value": x}) == ["logits", "value"]
    assert chosen({"last_hidden_state": x, "pooled": x, "ids": ids}) == [
        "last_hidden_state", "pooled"]
    assert chosen(ModelOutput(logits=x, past=x)) == ["logits"]
    assert chosen(ModelOutput(logits_per_image=x, logits_per_text=x, loss=x)) == [
        "logits_per_image", "logits_per_text"]
    assert chosen(ModelOutput(last_hidden_state=x, pooler_output=x)) == [
        "last_hidden_state", "pooler_output"]
    assert chosen({"a": x, "b": x}, "b") == chosen({"a": x, "b": x}, 1) == ["b"]
    assert chosen({"a": x, "b": x, "c": x}, outputs=[[0, "a"], [2, "c"]]) == ["a", "c"]


def test_an_output_beside_logits_is_looked_at() -> None:
    """A statement that holds of the logits alone fails where a value stands beside them."""
    source = STATEMENTS["mlp"]["target"]["source"] + '''

class Two(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        h = torch.relu(self.layers[0](x))
        return {"logits": self.layers[2](h), "value": h.sum(-1)}


def two():
    made, args = factory()
    return Two(made), args
'''
    spec = copy.deepcopy(STATEMENTS["mlp"])
    spec["target"] = {"kind": "source", "source": source, "factory": "two"}
    for move in spec["families"][0]["action"]:
        move["parameter"] = "layers." + move["parameter"]
    spec["families"][0]["full"] = None
    with generated(Given(spec)) as module:
        found = record(module, 0)
        assert found["ok"] is False and found["outputs"] == ["logits", "value"]
    with generated(Given({**spec, "output": "logits"})) as module:
        found = record(module, 0)
    assert found["ok"] is True
    assert (found["outputs"], found["outputs_left_out"]) == (["logits"], ["value"])
    assert "not looked at: value" in found["text"]


# -- what is said --------------------------------------------------------------------------------


def test_a_checkpoint_is_not_said_to_be_right(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Broken weights have the symmetries, too; nobody is told that they are right."""
    path = tmp_path / "broken.safetensors"
    shapes = {"layers.0.weight": (4, 3), "layers.0.bias": (4,), "layers.1.weight": (2, 4),
              "layers.1.bias": (2,)}
    save_file({name: torch.randn(shape) for name, shape in shapes.items()}, path)
    assert main(["check", "mlp", "--checkpoint", str(path)]) == 0
    out = capfd.readouterr().out
    assert "the symmetries hold around these weights" in out
    assert "not looked at: whether the weights are right" in out
    assert "every check passed" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["check", "mlp", "--checkpoint", str(path), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["looked_at"] == "the symmetries, around the weights of the checkpoint"
    assert any("whether the weights are right" in text for text in found["not_looked_at"])
    assert found["not_tested"] == []


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["attention", "layer_norm"])
def test_narrow_floats(name: str, dtype: str) -> None:
    with generated(Given(STATEMENTS[name])) as module:
        for seed in range(3):
            found = record(module, seed, dtype=dtype)
            assert not failed(found)
            assert found["ok"] is True or found["not_tested"]


def test_controls_and_other_draws_are_counted(attention: ModuleType) -> None:
    bench = attention.Bench(attention.RECORD, "small", 0, torch.float64, CPU, None)
    bench.point.measure_floor()
    before = {name: value.clone() for name, value in bench.point.parameters.items()}
    floor, allowed = bench.point.floor, bench.allowed()
    with bench.point.at_draw(2):
        assert not torch.equal(bench.point.parameters["q.weight"], before["q.weight"])
    assert bench.point.extra == 2 and bench.point.floor == floor
    bench.control(bench.families)
    assert (bench.point.extra, bench.point.passes, bench.allowed()) == (3, 5, allowed + 3)
    assert all(torch.equal(value, before[n]) for n, value in bench.point.parameters.items())


def test_the_judge_asks_once() -> None:
    with generated(Given(STATEMENTS["mlp"])) as module:
        bench = module.Bench(module.RECORD, "small", 0, torch.float64, CPU, None)
        bench.point.measure_floor()
        judge: Judge = module.Judge(bench)
        planted = bench.planted[0]
        assert judge.planted(planted) is judge.planted(planted)
        item = next(iter(bench.classes.items()))
        assert judge.symmetry(*item) is judge.symmetry(*item)


def test_a_planted_failure_that_overflows_is_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    with generated(Given(STATEMENTS["mlp"])) as module:
        bench = module.Bench(module.RECORD, "small", 0, torch.float64, CPU, None)
        bench.point.measure_floor()
        nan = module.Change(float("nan"), float("nan"))
        monkeypatch.setattr(bench.point, "residual", lambda output: nan)
        judge: Judge = module.Judge(bench)
        row = judge.planted(bench.planted[0])
        assert row.ok is None and "infinite" in row.untested
        # of a symmetry it is a failure
        assert judge.symmetry(*next(iter(bench.classes.items()))).ok is False
