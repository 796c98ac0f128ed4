"""Small sizes of images, sounds and stages, by the fields of a configuration alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers

from symgauge.capture import capture
from symgauge.errors import SymgaugeError, TargetError
from symgauge.hf.inputs import EXAMPLES, examples_in, inputs_of
from symgauge.hf.model import example
from symgauge.hf.sizes import fields_of, small
from symgauge.hf.source import source
from symgauge.hf.stages import Stages
from symgauge.hf.target import load_hf
from symgauge.hf.tries import trials


def test_every_list_of_the_stages_is_cut_to_the_first_ones() -> None:
    plain = {"depths": (3, 3, 9, 3), "hidden_sizes": [96, 192, 384, 768], "strides": (4, 2, 2, 2),
             "num_heads": (3, 6, 12, 24), "num_stages": 4, "out_indices": [0, 1, 2],
             "image_size": (224, 224), "eos_token_id": [1, 2, 3, 4], "layer_types": ["a"] * 4}
    two, whole = Stages(plain), Stages(plain, None)
    found = {n: two.small(n, v) for n, v in plain.items()}
    assert found == {
        "depths": (1, 1), "hidden_sizes": (4, 4), "strides": (4, 2), "num_heads": (2, 2),
        "num_stages": 2, "out_indices": None, "image_size": (4, 4), "eos_token_id": None,
        "layer_types": None}
    assert whole.small("strides", plain["strides"]) == (4, 2, 2, 2)
    assert whole.small("num_stages", 4) == 4


def test_what_the_last_stage_alone_has_stays() -> None:
    plain = {"depth": (1, 2, 10), "cls_token": [False, False, True], "eos_tokens": [1, 2, 3]}
    small = {n: Stages(plain).small(n, v) for n, v in plain.items()}
    assert small == {"depth": (1, 1), "cls_token": (False, True), "eos_tokens": None}
    assert Stages(plain, 1).small("cls_token", plain["cls_token"]) == (True,)


def test_lists_of_layers_that_no_number_of_layers_decides_are_said() -> None:
    text = source(transformers.Zamba2Config(), transformers.Zamba2ForCausalLM, "it")
    assert "layers_block_type=FIXED['layers_block_type'][:num_hidden_layers]" in text
    # those of Qwen3-Next follow the number of layers
    text = source(transformers.Qwen3NextConfig(), transformers.Qwen3NextForCausalLM, "it")
    assert "layer_types=" not in text


def test_lists_of_lists_follow_the_lists_of_their_length() -> None:
    plain = {"depths": (1, 2), "down": [["a", 1], ["b"]], "other": [[1]]}
    assert (Stages(plain).cut("down", plain["down"]), Stages(plain).cut("other", [[1]])) == (
        "depths", None)
    assert Stages(plain).small("down", plain["down"]) is None


@pytest.mark.parametrize(("name", "value", "size"), [
    ("conv_kernel_size", 65, 3), ("d_conv", 4, 2), ("num_conv_pos_embeddings", 128, 2),
    ("num_conv_pos_embedding_groups", 16, 2), ("emb_dim", 2048, 4), ("num_landmarks", 64, 2),
    ("window_size", 256, None),
])
def test_kernels_keep_their_parity_and_groups_divide(
    name: str, value: int, size: int | None
) -> None:
    assert small(name, value, None) == size


def test_widths_that_a_factor_multiplies_are_narrow_together() -> None:
    sizes = {n: s for n, _, s in fields_of(transformers.EfficientNetConfig())}
    assert sizes["hidden_dim"] == 4 and sizes["width_coefficient"] * 1280 == 4


def test_numbers_that_no_rule_knows_are_sizes_where_they_are_asked_for() -> None:
    config = transformers.LlamaConfig()
    config.unknown_width = 512
    assert all("unknown" not in n for n, _, _ in fields_of(config))
    few = {n for n, _, _ in fields_of(config)}
    assert few <= {n for n, _, _ in fields_of(config, rest=True)}


@pytest.mark.parametrize(("kind", "inputs"), [
    ("convnext", "pixel_values"), ("swin", "pixel_values"), ("poolformer", "pixel_values"),
    ("regnet", "pixel_values"), ("bit", "pixel_values"), ("efficientnet", "pixel_values"),
    ("mobilevit", "pixel_values"), ("mobilenet_v1", "pixel_values"), ("segformer", "pixel_values"),
    ("wav2vec2", "input_values"), ("hubert", "input_values"), ("sew", "input_values"),
    ("audio-spectrogram-transformer", "input_values"), ("parakeet_ctc", "input_features"),
    ("xlm", "input_ids"), ("nystromformer", "input_ids"), ("convbert", "input_ids"),
    ("deepseek_v2", "input_ids"), ("llama4", "input_ids"), ("bamba", "input_ids"),
    ("zamba2", "input_ids"), ("moshi", "input_ids"), ("seamless_m4t", "input_features"),
    ("cvt", "pixel_values"), ("levit", "pixel_values"),
])
def test_these_run_at_small_sizes(kind: str, inputs: str) -> None:
    target = load_hf(f"hf:{kind}", {})
    module, _, kwargs = target.build()
    assert inputs in kwargs and sum(p.numel() for p in module.parameters()) < 10_000
    full = target.full_sizes
    assert set(full) == set(target.sizes)
    with torch.no_grad():
        target.at(target.sizes).build()[0](**kwargs)


@pytest.mark.parametrize(
    "kind", ["convnext", "swin", "hubert", "fnet", "yoso", "rwkv", "mobilevit", "zamba2", "cvt",
             "qwen3_vl"])
def test_these_are_captured(kind: str) -> None:
    module, args, kwargs = load_hf(f"hf:{kind}", {}).build()
    assert capture(module, args, kwargs).network.outputs


def test_sizes_that_are_set_stay() -> None:
    target = load_hf("hf:convnext", {"depths": "2,1", "hidden_sizes": "6,8"})
    module, _, _ = target.build()
    assert [len(s.layers) for s in module.convnext.encoder.stages] == [2, 1]
    assert module.config.hidden_sizes[-1] == 8


def test_what_runs_at_no_sizes_is_one_sentence() -> None:
    with pytest.raises(TargetError, match="choices of small sizes .* write a factory") as found:
        load_hf("hf:timm_wrapper", {})
    assert "\n" not in str(found.value)


def test_examples_are_as_long_as_the_inputs_say() -> None:
    assert set(examples_in({"x": "torch.randn(1, 3, pixels, pixels)", "y": "samples"})) == {
        "pixels", "samples"}
    assert not examples_in({"x": "torch.randn(1, config.max_tokens)"})
    assert 16 < sum(1 for _ in trials(transformers.ConvNextConfig(), {})) < 200
    assert issubclass(TargetError, SymgaugeError)


def test_sounds_have_channels_where_the_configuration_counts_them() -> None:
    assert inputs_of(transformers.EncodecConfig(), transformers.EncodecModel)["input_values"] == (
        "torch.randn(1, config.audio_channels, samples)")
    made = inputs_of(transformers.Wav2Vec2Config(), transformers.Wav2Vec2ForCTC)
    assert made["input_values"] == "torch.randn(1, samples)"


def test_features_stand_before_or_behind_their_frames_as_the_model_reads_them() -> None:
    """Of a loaded model too; no field of a configuration tells."""
    for kind, first in (("glmasr_encoder", True), ("parakeet_ctc", False)):
        module, _, kwargs = load_hf(f"hf:{kind}", {}).build()
        for inputs in (kwargs, example(module)):
            frames = inputs["input_features"].shape[2 if first else 1]
            assert frames in EXAMPLES["frames"]
            with torch.no_grad():
                module(**inputs)


def test_a_size_that_is_set_is_no_other_by_another_name() -> None:
    for name in ("d_kv", "head_dim"):
        with pytest.raises(TargetError, match=r"beside d_kv=0 none runs"):
            load_hf("hf:t5", {name: "0"})


def test_the_reason_stands_behind_the_colon() -> None:
    with pytest.raises(TargetError, match=r"hidden size \(7\) is not a multiple .* hidden_size=7"):
        load_hf("hf:llama", {"hidden_size": "7"})


def test_a_model_reads_what_its_folder_says_beside_the_fields_of_its_class(tmp_path: Path) -> None:
    attention = {"kv_n_heads": 1, "clip_qkv": 8, "rope_theta": 500000}
    written = {"model_type": "dbrx", "d_model": 64, "n_heads": 4, "attn_config": attention,
               "quantization_config": {"bits": 4}}
    (tmp_path / "config.json").write_text(json.dumps(written), encoding="utf-8")
    module, _, _ = load_hf(str(tmp_path), {}).build()
    assert module.config.attn_config.rope_theta == 500000
    assert not hasattr(module.config, "quantization_config")
