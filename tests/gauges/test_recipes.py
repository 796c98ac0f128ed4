"""Named recipes: what each brings about, what each refuses and why, and that none is a lie."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from orbits import CHANGES, generic, target
from places import ROOT
from safetensors.torch import load_file, save_file
from torch import nn

from symgauge import BadInputError, recipe
from symgauge.cli.main import main
from symgauge.gauges.change import change_files, changed, way_of
from symgauge.weights.checkpoint import held
from symgauge.gauges.gauge import Gauge
from symgauge.weights.moving import Weights
from symgauge.gauges.recipe import Outcome
from symgauge.gauges.recipes import all_recipes
from symgauge.weights.rotations import hadamard, random_rotation
from symgauge.weights.statement import Held, statement_of
from symgauge.gauges.symmetries import Symmetries, symmetries_of
from symgauge.gauges.trial import Trial

State = dict[str, torch.Tensor]


def outputs(module: nn.Module, args: Any, state: State) -> torch.Tensor:
    module.double().load_state_dict(state)
    args = [a.double() if a.is_floating_point() else a for a in args]
    with torch.no_grad():
        found: torch.Tensor = module(*args)
    return found


def followed(name: str, case: str, **sizes: object) -> tuple[State, State, Outcome]:
    """The state before and after a recipe; both are one function, seen without symgauge."""
    there = target(case, **sizes)
    module, args = there.build()[:2]
    before = generic(module)
    after, change = changed(way_of(name), there, before)
    torch.testing.assert_close(
        outputs(module, args, after), outputs(module, args, before), rtol=1e-9, atol=1e-9)
    if change.outcome.done:
        assert change.measured is not None and change.measured.verdict == "EQUIVALENT"
        assert any(not torch.equal(after[n], before[n]) for n in before)
    else:
        assert change.measured is None and change.outcome.left
        assert all(torch.equal(after[n], before[n]) for n in before)
    return before, after, change.outcome


def test_norms_are_folded_where_their_readers_are_their_own() -> None:
    _, after, outcome = followed("fold-norm", "llama_like", num_layers=1)
    gains = [n for n in after if "norm" in n]
    assert len(gains) == 3 and not outcome.left
    for name in gains:
        torch.testing.assert_close(after[name], torch.ones_like(after[name]))


def test_a_gain_before_a_tied_head_stays_and_is_named() -> None:
    before, after, outcome = followed("fold-norm", "llama_like", num_layers=1, tied=True)
    assert torch.equal(after["norm.weight"], before["norm.weight"])
    assert len(outcome.done) == 2
    (words,) = outcome.left
    assert "norm.weight, a gain" in words and "embed_tokens.weight is read at several" in words


def test_biases_of_norms_go_where_a_bias_takes_them() -> None:
    _, after, outcome = followed("fold-norm", "gpt2_like", tied=False)
    for name in ("h.0.ln_1", "h.0.ln_2"):
        torch.testing.assert_close(after[f"{name}.weight"], torch.ones(4).double())
        torch.testing.assert_close(after[f"{name}.bias"], torch.zeros(4).double())
    torch.testing.assert_close(after["ln_f.weight"], torch.ones(4).double())
    assert [w for w in outcome.left if w.startswith("ln_f.bias")]


def test_post_norm_keeps_the_norm_that_a_skip_takes_too() -> None:
    before, after, outcome = followed("fold-norm", "post_norm_encoder")
    torch.testing.assert_close(after["n2.weight"], torch.ones(4).double())
    assert torch.equal(after["n1.weight"], before["n1.weight"])
    assert any(w.startswith("n1.weight") for w in outcome.left)


@pytest.mark.parametrize("act, sign", [(nn.Identity(), 1.0), (nn.ReLU(), -1.0)])
def test_a_negative_gain_goes_to_one_where_its_sign_passes(act: nn.Module, sign: float) -> None:
    module = nn.Sequential(nn.RMSNorm(4, eps=1e-6), act, nn.Linear(4, 3))
    before = generic(module)
    before["0.weight"][1] *= -1
    after, change = recipe("fold-norm", module, (torch.randn(5, 4),), before)
    assert change.measured is not None and change.measured.verdict == "EQUIVALENT"
    wanted = torch.ones(4).double()
    wanted[1] = sign
    torch.testing.assert_close(after["0.weight"], wanted)
    assert ("checked" if sign > 0 else "proved for positive") in change.outcome.done[0]


def test_a_gain_of_zero_is_left() -> None:
    module = nn.Sequential(nn.RMSNorm(4, eps=1e-6), nn.Linear(4, 3))
    before = generic(module)
    before["0.weight"][2] = 0
    after, change = recipe("fold-norm", module, (torch.randn(5, 4),), before)
    assert not change.outcome.done and "1 entries" in change.outcome.left[0]
    assert torch.equal(after["0.weight"], before["0.weight"])


def test_a_gain_of_the_form_one_plus_w_goes_to_zero() -> None:
    there = target("offset_gain")
    before = generic(there.build()[0])
    own = symmetries_of(there)
    groups = tuple(g for g in statement_of(there).groups if g.proved)
    assert any(m.offset for g in groups for m in g.moves)
    weights = Weights(held(before, "before"))
    with Trial(there, weights) as trial:
        gauge = Gauge(Symmetries(groups, (), own.network, own.found), weights, trial)
        outcome = all_recipes()["fold-norm"].act(gauge, np.random.default_rng(0))
    after = gauge.element.apply(before)
    assert outcome.done[0].startswith("norm.weight to 0")
    assert float(after["norm.weight"].abs().max()) < 1e-12
    torch.testing.assert_close(
        after["up.weight"], before["up.weight"] * (1 + before["norm.weight"]))


def test_the_stream_is_turned() -> None:
    before, after, outcome = followed("rotate-stream", "llama_like", num_layers=1)
    table, turned = before["embed_tokens.weight"], after["embed_tokens.weight"]
    torch.testing.assert_close(turned @ turned.T, table @ table.T)
    turn = torch.linalg.lstsq(table, turned).solution
    torch.testing.assert_close(turn.abs(), torch.full((4, 4), 0.5).double())
    assert "Hadamard" in outcome.done[0]
    _, _, outcome = followed("rotate-stream", "gpt2_like", tied=False)
    assert "fixes the vector of ones" in outcome.done[0]


@pytest.mark.parametrize("case, sizes, words", [
    ("llama_like", {"num_layers": 1, "tied": True}, "norm.weight multiplies it entry by entry"),
    ("post_norm_encoder", {}, "n1.weight multiplies it entry by entry"),
    ("offset_gain", {}, "no family of the derived group turns the stream"),
    ("gated_unit", {}, "has no stream"),
])
def test_a_rotation_is_refused_with_what_blocks_it(
    case: str, sizes: dict[str, object], words: str
) -> None:
    _, _, outcome = followed("rotate-stream", case, **sizes)
    assert not outcome.done and words in outcome.left[0]


def test_writers_are_centred_before_norms_that_centre() -> None:
    _, after, _ = followed("center-writing", "stream")
    for name in ("emb.weight", "emb.bias", "down.weight"):
        torch.testing.assert_close(after[name].mean(0), torch.zeros_like(after[name].mean(0)))
    _, _, outcome = followed("center-writing", "stream", rms=1)
    assert not outcome.done and "sees its mean" in outcome.left[0]


@pytest.mark.parametrize("name, bias", [("fold-value-bias", "v.bias"), ("drop-key-bias", "k.bias")])
def test_biases_go_without_a_sink_and_stay_beside_one(name: str, bias: str) -> None:
    _, after, outcome = followed(name, "attention")
    torch.testing.assert_close(after[bias], torch.zeros(4).double())
    before, after, outcome = followed(name, "attention", sink=1)
    assert not outcome.done


def test_ranges_are_equalised_across_relu() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    before, args = generic(module), (torch.randn(2, 3),)
    after, change = recipe("equalise", module, args, before)
    assert change.measured is not None and change.measured.verdict == "EQUIVALENT"
    torch.testing.assert_close(
        after["0.weight"].abs().amax(1), after["2.weight"].abs().amax(0))
    module[1] = nn.ReLU6()
    after, change = recipe("equalise", module, args, before)
    assert not change.outcome.done and "lets no scaling through" in change.outcome.left[0]


def test_values_are_smoothed_head_by_head_under_grouping() -> None:
    _, after, outcome = followed("smooth", "grouped_attention")
    written = after["v.weight"].abs().amax(1).reshape(2, 2)
    read = after["o.weight"].abs().amax(0).reshape(2, 2, 2).amax(1)
    torch.testing.assert_close(written, read)
    assert len(outcome.done) == 2


def test_heads_are_permuted_and_said_to_be_checked() -> None:
    before, after, outcome = followed("permute-heads", "attention")
    torch.testing.assert_close(after["q.weight"], before["q.weight"].roll(2, 0))
    assert "(checked)" in outcome.done[0]


def test_square_blocks_are_absorbed_and_others_refused() -> None:
    _, after, _ = followed("absorb", "llama_like", num_layers=1, num_kv_heads=1)
    torch.testing.assert_close(
        after["layers.0.self_attn.v_proj.weight"], torch.eye(4).double(), atol=1e-12, rtol=0)
    _, _, outcome = followed("absorb", "latent_attention")
    assert not outcome.done and "kvb.weight has 3 x 2" in outcome.left[0]


def test_two_factors_share_their_spectrum() -> None:
    _, after, _ = followed("split-lora", "low_rank_adapter")
    a, b = after["lora_A.weight"], after["lora_B.weight"]
    torch.testing.assert_close(a @ a.T, b.T @ b)
    torch.testing.assert_close(a @ a.T, torch.diag(torch.diag(a @ a.T)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 4, 8, 12, 24, 768])
def test_hadamard_matrices(n: int) -> None:
    found = hadamard(n, np.random.default_rng(0))
    assert found is not None
    np.testing.assert_allclose(abs(found), np.full((n, n), n ** -0.5))
    np.testing.assert_allclose(found @ found.T, np.eye(n), atol=1e-12)
    if n > 1:
        assert np.linalg.slogdet(found)[0] > 0


def test_there_is_no_hadamard_matrix_of_six() -> None:
    assert hadamard(6, np.random.default_rng(0)) is None


def test_a_rotation_that_fixes_ones() -> None:
    found = random_rotation(5, np.random.default_rng(0), fixes_ones=True)
    np.testing.assert_allclose(found @ np.ones(5), np.ones(5))
    np.testing.assert_allclose(found @ found.T, np.eye(5), atol=1e-12)
    assert np.linalg.det(found) > 0


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    state = generic(target("attention").build()[0])
    save_file(state, tmp_path / "in.safetensors")
    return tmp_path


def command(folder: Path, name: str, case: str, *options: str) -> int:
    return main(["recipe", name, f"{CHANGES}:{case}", str(folder / "in.safetensors"),
                 str(folder / "out.safetensors"), *options])


def test_a_recipe_writes_what_it_ran(weights: Path, capsys: Any) -> None:
    assert command(weights, "drop-key-bias", "attention", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "EQUIVALENT" and record["done"]
    assert record["drift"] <= 100 * record["floor"]
    after = load_file(weights / "out.safetensors")
    assert not after["k.bias"].any()
    assert len(list(weights.iterdir())) == 2
    assert command(weights, "drop-key-bias", "attention") == 3
    assert "--force" in capsys.readouterr().err


def test_a_refusal_writes_nothing(weights: Path, capsys: Any) -> None:
    assert command(weights, "rotate-stream", "attention") == 2
    out = capsys.readouterr().out
    assert "nothing is written" in out and "no stream" in " ".join(out.split())
    assert len(list(weights.iterdir())) == 1


@pytest.mark.parametrize("name, case, words", [
    ("nosuch", "attention", "invalid choice: 'nosuch'"),
    ("fold-norm", "grouped_attention", "in.safetensors has other weights than TARGET"),
    ("fold-norm", "nosuch", "nosuch"),
])
def test_bad_input_is_one_sentence(
    weights: Path, name: str, case: str, words: str, capsys: Any
) -> None:
    assert command(weights, name, case) == 3
    assert words in capsys.readouterr().err
    assert len(list(weights.iterdir())) == 1


def test_another_function_is_never_written(tmp_path: Path) -> None:
    """A planted recipe scales by negative numbers, which relu does not let through."""
    def wrong(gauge: Gauge, rng: np.random.Generator) -> Outcome:
        group = next(g for g in gauge.symmetries.families if g.kind and g.kind.is_scaling)
        gauge.act(group, -np.ones((1, group.size)))
        return Outcome(["all of it"])

    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    state, there = generic(module), Held(module, (torch.randn(2, 3),), {})
    _, change = changed(wrong, there, state)
    assert change.measured is not None and change.measured.verdict == "DIFFERENT"
    save_file(state, tmp_path / "in.safetensors")
    change = change_files(
        wrong, there, str(tmp_path / "in.safetensors"), tmp_path / "out.safetensors")
    assert change.measured is not None and change.measured.verdict == "DIFFERENT"
    assert [p.name for p in tmp_path.iterdir()] == ["in.safetensors"]


def test_a_name_that_is_no_recipe() -> None:
    with pytest.raises(BadInputError, match="there is no recipe 'nosuch'"):
        recipe("nosuch", nn.Linear(2, 2), (torch.randn(1, 2),))


@pytest.mark.parametrize("change, words", [
    ({"k.bias": torch.ones(4, dtype=torch.int8)},
     "holds k.bias as int8, and the symmetries move it"),
    ({"k.bias": None}, "there is no tensor named 'k.bias'"),
])
def test_weights_that_cannot_be_moved_are_said(
    weights: Path, change: dict[str, Any], words: str, capsys: Any
) -> None:
    state = {**load_file(weights / "in.safetensors"), **change}
    save_file({n: t for n, t in state.items() if t is not None}, weights / "in.safetensors")
    assert command(weights, "drop-key-bias", "attention") == 3
    assert words in capsys.readouterr().err
    assert len(list(weights.iterdir())) == 1


def test_every_recipe_is_called_as_its_file() -> None:
    files = {p.stem for p in (ROOT / "symgauge/gauges/recipes").glob("[!_]*.py")}
    assert {n.replace("-", "_") for n in all_recipes()} == files


def test_a_narrow_dtype_hides_no_wrong_element(tmp_path: Path) -> None:
    """Planted: a scaling that forgets to move what reads it, by a little, in bfloat16."""
    def wrong(gauge: Gauge, rng: np.random.Generator) -> Outcome:
        group = next(g for g in gauge.symmetries.families if g.kind and g.kind.is_scaling)
        gauge.act(group, np.full((1, group.size), 1.001))
        (part,) = gauge.element.parts
        families = [dict(f) for f in gauge.element.families]
        action = families[part.family]["action"]
        families[part.family] = {**families[part.family], "action": action[:1]}  # type: ignore
        gauge.element = replace(gauge.element, families=tuple(families))  # type: ignore
        return Outcome(["some of it"])

    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    state = {n: t.bfloat16() for n, t in generic(module).items()}
    _, change = changed(wrong, Held(module, (torch.randn(2, 3),), {}), state)
    assert change.measured is not None and change.measured.verdict == "DIFFERENT"
    assert change.measured.stored < 100 * change.measured.rounding


def test_bfloat16_in_shards(tmp_path: Path) -> None:
    there = target("attention")
    state = {n: t.bfloat16() for n, t in generic(there.build()[0]).items()}
    folder = tmp_path / "in"
    folder.mkdir()
    for name, tensor in state.items():
        save_file({name: tensor}, folder / f"{name}.safetensors", metadata={"format": "pt"})
    index = {"weight_map": {n: f"{n}.safetensors" for n in state}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    change = change_files(all_recipes()["drop-key-bias"].act, there, str(folder), tmp_path / "out")
    assert change.measured is not None and change.measured.verdict == "EQUIVALENT"
    assert not load_file(tmp_path / "out/k.bias.safetensors")["k.bias"].any()
    assert len(list((tmp_path / "out").iterdir())) == len(state) + 1
    with pytest.raises(BadInputError, match="it is a directory"):
        change_files(all_recipes()["drop-key-bias"].act, there, str(folder), tmp_path / "out")


@pytest.mark.parametrize("scale, holds", [(0.0, True), (1e-10, False)])
def test_a_sign_that_almost_passes_does_not_hold(scale: float, holds: bool) -> None:
    """x + scale x^2 between two layers: a sign changes the outputs by 1e-10 of them."""
    class Almost(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(x) + scale * x * x

    module = nn.Sequential(nn.Linear(3, 4), Almost(), nn.Linear(4, 2))
    state, there = generic(module), Held(module, (torch.randn(2, 3),), {})
    symmetries = symmetries_of(there)
    (order,) = symmetries.orders
    with Trial(there, Weights(held(state, "state"))) as trial:
        gauge = Gauge(symmetries, trial.weights, trial)
        assert gauge.may(order, np.array([-1.0, 1, 1, 1]), np.arange(4)) == holds
        assert gauge.may(order, np.ones(4), np.array([1, 0, 2, 3]))
