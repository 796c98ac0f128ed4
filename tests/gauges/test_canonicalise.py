"""Representatives of orbits: two points have one, it stays where it is, what is left is said."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from orbits import CHANGES, State, generic, scattered, target, walked
from safetensors.torch import load_file, save_file
from torch import nn

from symgauge.capture import Target
from symgauge.cli.main import main
from symgauge.hf.target import load_hf
from symgauge.gauges.canonical import canonical
from symgauge.gauges.change import changed
from symgauge.weights.statement import Held
from symgauge.gauges.symmetries import Symmetries, symmetries_of

MODELS: list[tuple[str, dict[str, object]]] = [
    ("gated_unit", {}), ("attention", {}), ("grouped_attention", {}), ("latent_attention", {}),
    ("stream", {}), ("convolution", {}), ("llama_like", {"num_layers": 1}),
    ("llama_like", {"num_layers": 1, "tied": True, "num_heads": 4, "num_kv_heads": 2}),
    ("gpt2_like", {"tied": False}), ("gpt2_like", {}),
]
NAMES = [f"{n}-{'-'.join(map(str, s.values()))}" for n, s in MODELS]


@cache
def read(number: int) -> tuple[Target, Symmetries, State]:
    name, sizes = MODELS[number]
    there = target(name, **sizes)
    return there, symmetries_of(there), generic(there.build()[0])


def apart(one: State, two: State) -> float:
    """The largest difference of an entry, in units of the largest entry of its tensor, or of 1."""
    return max(
        float((one[n] - two[n]).abs().max()) / max(float(one[n].abs().max()), 1.0) for n in one)


@pytest.mark.parametrize("number", range(len(MODELS)), ids=NAMES)
def test_two_points_of_an_orbit_have_one_representative(number: int) -> None:
    there, symmetries, state = read(number)
    one, outcome = walked(canonical, there, symmetries, state)
    for seed in (1, 2):
        moved, said = scattered(there, symmetries, state, seed)
        assert apart(moved, state) > 0.1 and said.done
        two, _ = walked(canonical, there, symmetries, moved)
        assert apart(one, two) < 1e-9
    again, _ = walked(canonical, there, symmetries, one)
    assert apart(one, again) < 1e-12
    assert outcome.done
    # every family is settled, or it is named
    labels = [g.label for k, g in enumerate(symmetries.families)
              if k not in symmetries.slices.values()]
    for label in labels:
        assert any(w.startswith(f"{label}: ") for w in (*outcome.done, *outcome.left)), label


@pytest.mark.parametrize("number", [0, 1, 6], ids=[NAMES[k] for k in (0, 1, 6)])
def test_points_of_two_orbits_have_two_representatives(number: int) -> None:
    there, symmetries, state = read(number)
    one, _ = walked(canonical, there, symmetries, state)
    name = next(n for n in state if state[n].ndim == 2)
    other = {**state, name: state[name] * (1 + 1e-3 * torch.rand(state[name].shape).double())}
    two, _ = walked(canonical, there, symmetries, other)
    assert apart(one, two) > 1e-6


def test_the_representative_is_balanced_sorted_and_positive() -> None:
    there, symmetries, state = read(1)
    after, _ = walked(canonical, there, symmetries, state)
    assert float(after["k.bias"].abs().max()) < 1e-12
    v, o = after["v.weight"].reshape(2, 2, 4), after["o.weight"].reshape(4, 2, 2)
    for head in range(2):
        gram = v[head] @ v[head].T
        torch.testing.assert_close(gram, o[:, head].T @ o[:, head])
        torch.testing.assert_close(gram, gram.diag().diag(), atol=1e-10, rtol=0)
        assert gram[0, 0] > gram[1, 1]
    sizes = [sum(float((after[n].reshape(2, -1)[h] ** 2).sum()) for n in (
        "q.weight", "q.bias", "k.weight", "k.bias", "v.weight", "v.bias")) + float(
        (o[:, h] ** 2).sum()) for h in range(2)]
    assert sizes[0] > sizes[1]


def test_what_has_no_gauge_is_left_and_named() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    state, there = generic(module), Held(module, (torch.randn(2, 3),), {})
    after, change = changed(canonical, there, state)
    assert any("not full rank" in words for words in change.outcome.left)


def test_a_family_that_does_not_rest_is_brought_back(monkeypatch: Any) -> None:
    """Planted: shifts that overshoot move away for ever."""
    from symgauge.gauges import canonical as module
    from symgauge.gauges import settling

    def overshoots(group: Any, seen: Any, first: Any) -> Any:
        step = settling.step_of(group, seen, first)
        if isinstance(step, settling.Step) and group.kind.is_shift:
            return settling.Step(3 * step.values, max(step.size, 1.0), step.gauge)
        return step

    monkeypatch.setattr(module, "step_of", overshoots)
    there, symmetries, state = read(1)
    after, outcome = walked(canonical, there, symmetries, state)
    assert torch.equal(after["k.bias"].abs() > 1e-9, torch.ones(4, dtype=torch.bool))
    assert sum("comes to no rest" in w for w in outcome.left) == 2
    assert all(t.isfinite().all() and t.abs().max() < 1e3 for t in after.values())


def test_the_command_writes_a_representative(tmp_path: Path, capsys: Any) -> None:
    state = {n: t.float() for n, t in read(1)[2].items()}
    save_file(state, tmp_path / "in.safetensors")
    arguments = ["canonicalise", f"{CHANGES}:attention", str(tmp_path / "in.safetensors")]
    assert main([*arguments, str(tmp_path / "one.safetensors")]) == 0
    assert "EQUIVALENT" in capsys.readouterr().out
    one = load_file(tmp_path / "one.safetensors")
    assert all(t.dtype == torch.float32 for t in one.values())
    assert main([*arguments[:2], str(tmp_path / "one.safetensors"),
                 str(tmp_path / "two.safetensors")]) == 0
    assert apart(one, load_file(tmp_path / "two.safetensors")) < 1e-5
    (tmp_path / "text.safetensors").write_text("none")
    assert main([*arguments[:2], str(tmp_path / "text.safetensors"), str(tmp_path / "no")]) == 3
    assert "not a complete safetensors file" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_signs_that_are_half_a_familys_are_left_and_named() -> None:
    there = load_hf("hf:gpt_neox", {"num_attention_heads": "2"})
    symmetries, state = symmetries_of(there), generic(there.build()[0])
    one, outcome = walked(canonical, there, symmetries, state)
    assert [w for w in outcome.left if w.startswith("signs in the permutation of the 2 indices")]
    two, _ = walked(canonical, there, symmetries, scattered(there, symmetries, state, 1)[0])
    # the heads' signs are all that is open
    for name in state:
        if "query_key_value" not in name:
            assert apart({name: one[name]}, {name: two[name]}) < 1e-9, name
        assert apart({name: one[name].abs()}, {name: two[name].abs()}) < 1e-9, name
