"""Models whose checks must pass at every seed, and models and statements that are broken by hand.

A broken model is the source of a target with one piece of text replaced: its check was derived from
the right one. An altered statement is a right one with one thing changed. Each must be caught.
"""

import contextlib
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

from symgauge.derivation.seal import sealed
from places import TARGETS

CHECKED = f"{TARGETS / 'checked.py'}:"

#: Targets beside the zoo whose checks may raise a false alarm.
FRAGILE = tuple(CHECKED + name for name in (
    "relus", "two_units", "group_norm", "batch_norm_in_training", "batch_norm_frozen", "two_heads",
    "held_by_a_function", "signs"))


class Broken(NamedTuple):
    """What is wrong, the target, and the text that is replaced in its source."""

    wrong: str
    target: str
    old: str
    new: str


BROKEN = [
    Broken("another activation", "mlp", "self.activation(layer(x))", "torch.tanh(layer(x))"),
    Broken("capped units", "mlp", "self.activation(layer(x))",
           "self.activation(layer(x)).clamp(max=6.0)"),
    Broken("a constant added", "mlp", "self.activation(layer(x))",
           "self.activation(layer(x)) + 0.01"),
    Broken("a small quadratic term", "mlp", "return last(x)", "return last(x + 1e-6 * x * x)"),
    Broken("a nonlinearity in the linear branch", "glu", "self.up_proj(x)",
           "torch.tanh(self.up_proj(x))"),
    Broken("a sum for a product", "glu", "* self.up_proj", "+ self.up_proj"),
    Broken("absolute values", "attention", "self.mix(q, k, v)", "self.mix(q, k, v.abs())"),
    Broken("normalised queries", "attention", "self.mix(q, k, v)",
           "self.mix(torch.nn.functional.normalize(q, dim=-1), k, v)"),
    Broken("a cast to half precision", "attention", "self.mix(q, k, v)",
           "self.mix(q, k, v.half().to(v.dtype))"),
    Broken("a cast to integers", "attention", "self.mix(q, k, v)",
           "self.mix(q, k, v + (100 * v).long() / 100)"),
    Broken("keys not transposed into heads", "attention",
           "k = self.split_heads(self.k_proj(x), self.num_kv_heads)",
           "k = self.k_proj(x).view(x.shape[0], self.num_kv_heads, x.shape[1], -1)"),
    Broken("a sign of the rotation flipped", "decoder_block", "first * sin + second * cos",
           "first * sin - second * cos"),
    Broken("a nonlinearity behind a norm", "decoder_block",
           "self.mlp(self.post_attention_layernorm(x))",
           "self.mlp(torch.tanh(self.post_attention_layernorm(x)))"),
    Broken("a gain read twice", "decoder_block", "self.mlp(self.post_attention_layernorm(x))",
           "self.mlp(self.post_attention_layernorm(x) * self.post_attention_layernorm.weight)"),
    Broken("heads shared in another order", "rotary_attention",
           "k = k.repeat_interleave(repeats, dim=1)", "k = k.repeat(1, repeats, 1, 1)"),
    Broken("a maximum for a sum", "deep_set", "features.sum(dim=1)", "features.amax(dim=1)"),
    Broken("a missing scale", "deep_set", "features.sum(dim=1)", "features.mean(dim=1)"),
    Broken("an activation between", "low_rank_adapter", "self.lora_B(self.lora_A(x))",
           "self.lora_B(self.lora_A(x).relu())"),
    Broken("a capped channel", "convolutional", "x = self.activation(x)",
           "x = self.activation(x).clamp(max=2.0)"),
    Broken("gates that see no differences", "mixture_of_experts",
           "torch.softmax(self.gate(x), dim=-1)", "torch.sigmoid(self.gate(x))"),
    Broken("a bias that is read twice", "recurrent", "self.cell(step, h)\n",
           "self.cell(step, h) + self.cell.bias_ih\n"),
    Broken("a smooth ReLU", CHECKED + "relus", "nn.ReLU(), nn.Linear(n, out)",
           "nn.Softplus(), nn.Linear(n, out)"),
    Broken("the second output alone", CHECKED + "two_heads", "self.value(h)",
           "self.value(torch.tanh(h))"),
    Broken("another norm", CHECKED + "group_norm", "nn.GroupNorm(groups, n)", "nn.GroupNorm(3, n)"),
]

Family = dict[str, Any]


class Altered(NamedTuple):
    """What is wrong, the target, which families it can be done to, and how."""

    wrong: str
    target: str
    fits: Callable[[Family], bool]
    change: Callable[[Family], Any]


def _matrix(family: Family) -> bool:
    return family["element"]["kind"] == "gl" and len(family["action"]) > 1


def _scaling(family: Family) -> bool:
    return family["element"]["kind"] == "diagonal" and len(family["action"]) > 1


def _trade(family: Family) -> bool:
    return any(move["form"] == "+Tc" for move in family["action"])


def _dual(family: Family) -> None:
    """g for g^-T, or the other way, in the first move."""
    move = family["action"][0]
    move["form"] = "g" if move["form"] == "g^-T" else "g^-T"


def _sign(family: Family) -> None:
    move = family["action"][-1]
    move["weight"] = str(-Fraction(move["weight"]))


def _weight(weight: str) -> Callable[[Family], Any]:
    return lambda family: family["action"][-1].update(weight=weight)


ALTERED = [
    Altered("a scaling by the square", "mlp", _scaling, _weight("-2")),
    Altered("a sign flipped", "glu", _scaling, _sign),
    Altered("a move left out", "glu", _scaling, lambda family: family["action"].pop()),
    Altered("g for its dual", "attention", _matrix, _dual),
    Altered("a move left out", "attention", _matrix, lambda family: family["action"].pop(0)),
    Altered("a shift with the wrong sign", "attention", _trade, _sign),
    Altered("a shift with the wrong weight", "deep_set", _trade, _weight("-2")),
    Altered("matrices for complex numbers", "rotary_attention",
            lambda family: family["element"]["kind"] == "complex",
            lambda family: family["element"].update(kind="gl")),
    Altered("a slice left out", "encoder_block", lambda family: bool(family.get("via")),
            lambda family: family["via"].pop()),
]


def broken(derivation: Any, case: Broken) -> Any:
    """The derivation with the source of its model broken."""
    data = deepcopy(dict(derivation.data))
    source = data["factory"]["source"]
    assert case.old in source, f"{case.target} has no text {case.old!r}"
    data["factory"]["source"] = source.replace(case.old, case.new)
    return type(derivation).from_plain(sealed(data))


def altered(derivation: Any, case: Altered) -> Any | None:
    """The derivation with the first family that fits changed; None where none fits."""
    data = deepcopy(dict(derivation.data))
    family = next(filter(case.fits, data["generators"]), None)
    if family is None:
        return None
    case.change(family)
    data["planted"] = []  # what was refuted is what was made of the right statement
    return type(derivation).from_plain(sealed(data))


@contextlib.contextmanager
def generated(derivation: Any) -> Iterator[ModuleType]:
    """The generated check, imported, so that many seeds need one import of torch."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "generated_check_in_process.py"
        path.write_text(derivation.check_text(), encoding="ascii")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look a class's module up by name
        spec.loader.exec_module(module)
        yield module
        del sys.modules[spec.name]


def record(
    module: ModuleType, seed: int, size: str = "small", dtype: str = "float64",
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """The record of one run, and under "text" what it printed."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        found: dict[str, Any] = module.run(
            module.RECORD, module.CHECKS, size, seed, dtype, checkpoint=checkpoint)
    return {**found, "text": text.getvalue()}


def fresh_gpt2(path: Path, seed: int, sizes: dict[str, Any]) -> str:
    """A freshly initialised GPT-2 as a checkpoint: gains 1 and biases 0, on every slice."""
    import torch
    from safetensors.torch import save_file

    spec = importlib.util.spec_from_file_location("gpt2_lm", TARGETS / "gpt2_lm.py")
    assert spec is not None and spec.loader is not None
    target = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(target)
    torch.manual_seed(seed)
    module = target.factory(**sizes)[0]
    save_file({name: p.detach().clone() for name, p in module.named_parameters()}, path)
    return str(path)
