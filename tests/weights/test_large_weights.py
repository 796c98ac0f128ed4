"""What weights that are many are kept in, as small ones show it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from symgauge.capture import build_without_weights, load_target
from symgauge.weights.checkpoint import held, open_checkpoint
from symgauge.weights.filling import fill
from symgauge.weights.spilled import SMALL, Spilled, Stored, changeable
from symgauge.weights.writing import write_tensors
from symgauge.zoo import load


def test_a_changed_array_is_kept_and_an_old_one_stays() -> None:
    base = {"large": np.zeros((2, SMALL)), "small": np.zeros(3)}
    state = changeable(Stored(list(base), base.__getitem__))
    assert isinstance(state, Spilled) and len(state) == 2
    for name in base:
        old = state[name]
        state[name] = old.copy()
        state[name][0] += 1  # in place
        between = state[name]
        assert between.sum() == base[name][:1].size and not old.any()
        state[name] = between + 1
        assert between.sum() == base[name][:1].size
        assert state[name].sum() == base[name].size + base[name][:1].size
        del state[name]
        assert not state[name].any() and not base[name].any()
    assert list(state) == list(base) and isinstance(changeable(base), dict)


def test_a_module_is_filled_with_stored_weights_and_ties_stay() -> None:
    target = load_target("gpt2_like", load)
    state = target.build()[0].state_dict()
    module = build_without_weights(target)[0]
    assert fill(module, held(state, "state"))
    assert all(torch.equal(t, state[n]) for n, t in module.state_dict().items())
    assert module.lm_head.weight is module.wte.weight
    other = build_without_weights(target)[0]
    assert not fill(other, held({n: t for n, t in state.items() if n != "wpe.weight"}, "state"))


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_file_that_is_written_piece_by_piece_is_read_as_any_other(
    metadata: dict[str, str] | None, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    state = {
        "a": torch.randn(3, 5).bfloat16(), "b": torch.arange(7), "c": torch.tensor(True),
        "d": torch.randn(2, 0), "e\u00e9\"": torch.randn(4).to(torch.float8_e4m3fn),
        "f": torch.randn(5, 3, dtype=torch.float64).T}
    path = f"{tmp_path}/file.safetensors"
    write_tensors(
        path, list(state), {n: t.shape for n, t in state.items()},
        {n: t.dtype for n, t in state.items()}, state.__getitem__, metadata)
    found = load_file(path)
    assert set(found) == set(state)
    for name, t in state.items():
        assert found[name].dtype == t.dtype and found[name].shape == t.shape
        assert torch.equal(found[name].double(), t.double())
    save_file({n: t.contiguous() for n, t in state.items()}, f"{tmp_path}/other", metadata)
    one, two = (open_checkpoint(p) for p in (path, f"{tmp_path}/other"))
    assert dict(one.shapes) == dict(two.shapes)
    assert one.metadata(one.files["a"]) == two.metadata(two.files["a"])
