"""Models of transformers as targets: a type, a class, a folder with config.json, loaded."""

from __future__ import annotations

import ast
import contextlib
import json
from functools import partial
from pathlib import Path

import pytest
import torch

import symgauge
from symgauge.cli.main import main
from symgauge.derivation.derive import Asked, captured_target
from symgauge.derivation.larger import without_accidents
from symgauge.errors import CaptureError, SizeError, TargetError
from symgauge.hf.sizes import fields_of, small
from symgauge.hf.source import per_layer
from symgauge.hf.target import is_hf, load_hf

transformers = pytest.importorskip("transformers")

TINY = {"hidden_size": "2", "num_attention_heads": "1", "intermediate_size": "2", "vocab_size": "4"}


@pytest.mark.parametrize(("name", "value", "heads", "size"), [
    ("d_inner", 4096, None, 5), ("q_groups", 4, None, 2), ("intra_bottleneck_size", 128, None, 4),
    ("hidden_size", 4096, None, 4), ("n_embd", 768, None, 4), ("num_hidden_layers", 32, None, 1),
    ("num_key_value_heads", 8, 32, 1), ("num_key_value_heads", 32, 32, 2),
    ("num_experts_per_tok", 8, None, 2), ("num_local_experts", 8, None, 3),
    ("num_local_experts", 1, None, 1), ("bos_token_id", 50256, None, None),
    ("initializer_range", 0.02, None, None), ("use_cache", True, None, None),
    ("n_inner", None, None, 5), ("vocab_size", 50257, None, 9),
])
def test_a_field_is_a_size_if_its_name_says_so(
    name: str, value: object, heads: int | None, size: int | None
) -> None:
    assert small(name, value, heads) == size


def test_what_a_configuration_computes_itself_is_no_size() -> None:
    plain = {name for name, _, _ in fields_of(transformers.LlamaConfig())}
    assert "head_dim" not in plain and "num_key_value_heads" not in plain
    grouped = dict((n, (v, s)) for n, v, s in fields_of(
        transformers.LlamaConfig(num_key_value_heads=8, head_dim=96)))
    assert grouped["num_key_value_heads"] == (8, 1) and grouped["head_dim"] == (96, 2)


def test_a_part_of_a_head_that_is_turned_is_a_pair() -> None:
    # half of a head of two entries would be one, which no position turns
    for kind, full in (("phi", 0.5), ("gpt_neox", 0.25), ("glm", 0.5)):
        target = load_hf(f"hf:{kind}", {})
        module, _, _ = target.build()
        config = module.config
        size = getattr(config, "head_dim", None) or (
            config.hidden_size // config.num_attention_heads)
        assert size * config.rope_parameters["partial_rotary_factor"] == 2
        name = "rope_parameters__partial_rotary_factor"
        assert target.full_sizes.get(name, full) == full


def test_a_small_vocabulary_is_found_out() -> None:
    made = partial(captured_target, asked=Asked("falcon"))
    here = made(load_hf("hf:falcon", {}))
    found = without_accidents(here, made)
    assert here.deriver.left == 89 and here.target.sizes["vocab_size"] == 9
    assert found.deriver.left == 0 and found.target.sizes["vocab_size"] == 48
    assert "up to 89 null directions vanish at 48 tokens" in found.notes[0]
    # one that was asked for stays, and so does one that is no accident
    kept = without_accidents(made(load_hf("hf:falcon", {"vocab_size": "9"})), made)
    assert kept.target.sizes["vocab_size"] == 9 and "--set vocab_size=48" in kept.notes[0]
    assert without_accidents(found, made) is found


@pytest.mark.parametrize("kind", [
    "llama", "gpt2", "bert", "t5", "vit", "mamba", "mixtral", "qwen3", "gemma2", "gpt_neox", "opt",
    "clip", "whisper", "olmoe",
])
def test_a_type_builds_a_small_model_and_its_input(kind: str) -> None:
    target = load_hf(f"hf:{kind}", {})
    module, args, kwargs = target.build()
    assert not module.training and not args
    assert sum(p.numel() for p in module.parameters()) < 1000
    with torch.no_grad():
        module(**kwargs)
    assert set(target.published or ()) == set(target.sizes) and target.full is None


def test_the_source_stands_alone() -> None:
    target = load_hf("hf:gpt2", {"hidden_size": "6", "activation_function": "relu"})
    space: dict[str, object] = {}
    exec(target.source or "", space)
    module, _, kwargs = space["factory"]()  # type: ignore[operator]
    assert module.config.n_embd == 4
    module, _, _ = target.build()
    assert module.config.n_embd == 6 and module.config.activation_function == "relu"
    assert space["FULL"]["n_embd"] == 768 and set(kwargs) == {  # type: ignore[index]
        "input_ids", "use_cache"}


def test_a_part_of_a_configuration_has_its_sizes() -> None:
    target = load_hf("hf:clip", {"text_config.hidden_size": "8", "vision_config.patch_size": "4"})
    module, _, _ = target.build()
    assert module.config.text_config.hidden_size == 8
    assert module.config.vision_config.patch_size == 4


def test_a_class_is_taken_by_its_name() -> None:
    module, _, _ = load_hf("hf:BertModel", {}).build()
    assert type(module).__name__ == "BertModel"


def test_a_class_takes_what_transformers_pairs_with_it() -> None:
    target = load_hf("hf:iquestcoder", {})  # a Llama, whose configuration has a class of its own
    assert type(target.build()[0]).__name__ == "LlamaForCausalLM"


def test_a_folder_says_the_full_sizes(tmp_path: Path) -> None:
    transformers.LlamaConfig(
        hidden_size=96, num_attention_heads=6, num_key_value_heads=2, num_hidden_layers=3,
        rms_norm_eps=0.25, architectures=["LlamaForSequenceClassification"],
    ).save_pretrained(tmp_path)
    assert is_hf(str(tmp_path))
    target = load_hf(str(tmp_path), {})
    module, _, _ = target.build()
    assert type(module).__name__ == "LlamaForSequenceClassification"
    assert module.config.rms_norm_eps == 0.25
    assert (module.config.num_attention_heads, module.config.num_key_value_heads) == (2, 1)
    causal = load_hf(f"hf:LlamaForCausalLM@{tmp_path}", {})
    assert type(causal.build()[0]).__name__ == "LlamaForCausalLM"
    with pytest.raises(TargetError, match="has the configuration of 'llama'"):
        load_hf(f"hf:gpt2@{tmp_path}", {})
    full = target.full_sizes
    assert (full["hidden_size"], full["num_key_value_heads"], full["num_hidden_layers"]) == (
        96, 2, 3)


@pytest.mark.parametrize(("text", "settings", "error", "said"), [
    ("hf:llamma", {}, TargetError, "did you mean"),
    ("hf:", {}, TargetError, "no model type"),
    ("hf:llama", {"hidden": "8"}, TargetError, "no field 'hidden'"),
    ("hf:llama", {"hidden_size": "x"}, SizeError, "hidden_size='x'"),
    ("hf:llama", {"rope_parameters": "x"}, TargetError, "write it into a config.json"),
    ("hf:llama", {"hidden_size": "5"}, TargetError, "fail"),
])
def test_bad_input_is_one_sentence(
    text: str, settings: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as found:
        load_hf(text, settings)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model_type": 3}', '{"model_type": "nope"}'])
def test_a_bad_config_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(TargetError) as found:
        load_hf(str(tmp_path), {})
    assert "\n" not in str(found.value)


def test_lists_of_layers_are_cut_to_the_layers(tmp_path: Path) -> None:
    """Of thirty layers, their kinds given one by one, a copy of n has the first n."""
    kinds = ["full_attention", "sliding_attention", "sliding_attention"] * 10
    transformers.Gemma3TextConfig(num_hidden_layers=30, layer_types=kinds).save_pretrained(tmp_path)
    for settings, count in (({}, 1), ({"num_hidden_layers": "4"}, 4)):
        config = load_hf(str(tmp_path), settings).build()[0].config
        assert (config.num_hidden_layers, config.layer_types) == (count, kinds[:count])
    full = load_hf(str(tmp_path), {}).full_sizes["num_hidden_layers"]
    assert full == 30
    with pytest.raises(TargetError) as found:
        load_hf(str(tmp_path), {"num_hidden_layers": "31"})
    assert "\n" not in str(found.value)


def test_a_list_as_long_as_the_layers_by_accident_is_left() -> None:
    config = transformers.LlamaConfig(num_hidden_layers=3)
    lists = {"layer_types": [1, 2, 3], "scales": [1, 2, 3], "moe_layers": [0, 2]}
    assert per_layer(config, lists, ["hidden_size", "num_hidden_layers"]) == {
        "layer_types": "num_hidden_layers"}


def test_layers_that_are_listed_in_runs_are_the_first_ones() -> None:
    for settings, kinds in (({}, ["global"]), ({"num_layers": "3"}, ["global", "local", "global"])):
        config = load_hf("hf:gpt_neo", settings).build()[0].config
        assert (config.attention_layers, config.intermediate_size) == (kinds, 5)
    assert load_hf("hf:gpt_neo", {}).full_sizes["num_layers"] == 24


def test_a_number_of_buckets_that_the_code_fixes_stays() -> None:
    assert load_hf("hf:mpnet", {}).build()[0].config.relative_attention_num_buckets == 32
    assert load_hf("hf:t5", {}).build()[0].config.relative_attention_num_buckets == 4


def test_a_vocabulary_that_is_left_to_the_user_is_small() -> None:
    """So is the token of padding without which such a model does not run."""
    found = load_hf("hf:esm", {})
    assert (found.sizes["vocab_size"], found.sizes["pad_token_id"]) == (9, 4)


def test_a_loaded_model_needs_no_example() -> None:
    config = transformers.LlamaConfig(
        vocab_size=4, hidden_size=2, intermediate_size=2, num_hidden_layers=1,
        num_attention_heads=1)
    model = transformers.LlamaForCausalLM(config)
    with pytest.raises(CaptureError, match=r"\(LlamaForCausalLM\) is in training mode"):
        symgauge.derive(model.train())
    found = symgauge.derive(model.eval())
    assert found.closed and found.verdict is symgauge.Verdict.PROVED
    # series are taken by themselves, so that no hypothesis on exponentials is left
    assert not found.hypotheses


def test_one_line_derives_a_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"--set={name}={value}" for name, value in TINY.items()]
    status = main(["derive", "hf:llama", *arguments, "--json", "--out", str(tmp_path)])
    record = json.loads(capsys.readouterr().out)
    assert status == 0 and record["verdict"] == "PROVED" and not record["unexplained"]
    assert record["factory"]["source"].startswith('"""LlamaForCausalLM of transformers')


def test_full_takes_the_sizes_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["derive", "hf:llama", "--full", "--set", "num_hidden_layers=2", "--set",
          "vocab_size=1000", "--json", "--out", str(tmp_path)])
    record = json.loads(capsys.readouterr().out)
    # by hand: gains of norms, the stream's rotation, two layers of v/o, q/k and up/down
    d, m, h = 4096, 11008, 32
    layer = d + d + h * 128**2 + d // 2 * 2 + m
    assert record["dimension"] == 2 * layer + d + d * (d - 1) // 2


def test_a_loaded_model_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symgauge.points.limits.MAX_BYTES", 80 * 2500**2)
    config = transformers.LlamaConfig(
        vocab_size=8, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2)
    model = transformers.LlamaForCausalLM(config).eval()
    found = symgauge.derive(model)
    assert isinstance(found, symgauge.ModelDerivation)
    assert found.full.parameters == sum(p.numel() for p in model.parameters())
    # a layer: two gains, turns of 2 x 2 pairs of q and k, v/o, up/down; then the last gain, so(16)
    layer = 16 + 16 + 2 * 2 * 2 + 2 * 4**2 + 24
    assert found.full.dimension == 2 * layer + 16 + 16 * 15 // 2
    assert found.small.closed and found.small.claim.parameters < 300
    assert "too many for an exact derivation" in str(found)


def test_a_folder_with_any_name_is_no_code(tmp_path: Path) -> None:
    folder = tmp_path / '"""\nraise SystemExit(7)\n"""'
    transformers.LlamaConfig().save_pretrained(folder)
    target = load_hf(str(folder), {})
    assert "raise SystemExit" not in (target.source or "").replace("raise_SystemExit", "")
    assert "\nraise" not in (target.source or "")


def test_a_config_is_no_code(tmp_path: Path) -> None:
    hostile = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 10000.0, "model_type": "x",
            "a=print(file=open('written', 'w')),b": {"model_type": "y"}},
    }
    (tmp_path / "config.json").write_text(json.dumps(hostile))
    with contextlib.suppress(TargetError):
        source = load_hf(str(tmp_path), {}).source or ""
        tree = ast.parse(source)
        calls = [n.func.id for n in ast.walk(tree)
                 if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        assert set(calls) <= {"dict"}


def test_labels_are_those_of_the_config(tmp_path: Path) -> None:
    transformers.BertConfig(
        num_labels=5, architectures=["BertForSequenceClassification"]).save_pretrained(tmp_path)
    module, _, _ = load_hf(str(tmp_path), {}).build()
    assert module.classifier.out_features == 5
