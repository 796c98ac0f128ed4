"""`symgauge legs`: names, places, sizes that no machine could hold, and bad input."""

import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from rich.console import Console

from symgauge import CaptureError, zoo
from symgauge.capture import capture, load_target, without_weights
from symgauge.cli.main import main
from symgauge.program.constant import Constant
from symgauge.program.serial import digest_of
from symgauge.report.legs import print_legs
from symgauge.spaces.follow import follow
from symgauge.spaces.roles import named_legs
from places import TARGETS

MLP = f"{TARGETS / 'sequential_mlp.py'}:factory"
CONVOLUTION = f"{TARGETS / 'conv_batch_norm.py'}:factory"
LLAMA = f"{TARGETS / 'llama_lm.py'}:factory"
NO_FULL = f"{TARGETS / 'dropout_train.py'}:factory"
#: A 32-layer decoder with two groups of two heads, narrow in the test and wide where it says so.
DEEP = {"num_layers": 32, "hidden_size": 24, "num_heads": 4, "num_groups": 2,
        "intermediate_size": 10, "vocab_size": 11, "tokens": 3}
WIDE = {"hidden_size": 4096, "num_heads": 32, "num_groups": 8, "intermediate_size": 14336,
        "vocab_size": 128256}


class Result(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    def command(*arguments: str) -> Result:
        status = main(["legs", *arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Result(status, captured.out, captured.err)

    return command


def settings(sizes: dict[str, int]) -> list[str]:
    return [part for name, value in sizes.items() for part in ("--set", f"{name}={value}")]


def removed(module: torch.nn.Module, group: dict[str, Any], index: int) -> None:
    """One index of a group out of every tensor, in place, as a pruner does it."""
    state = module.state_dict()
    for place in group["places"]:
        owner, _, last = place["parameter"].rpartition(".")
        tensor = state[place["parameter"]]
        step = place["step"]
        gone = [s + index * step + k for s in place["starts"] for k in range(step)]
        keep = [k for k in range(tensor.shape[place["axis"]]) if k not in gone]
        assert len(keep) == tensor.shape[place["axis"]] - len(gone)
        kept = tensor.index_select(place["axis"], torch.tensor(keep))
        part = module.get_submodule(owner)
        if last in part._parameters:
            part._parameters[last] = torch.nn.Parameter(kept)
        else:
            part._buffers[last] = kept
        state[place["parameter"]] = kept


def test_slices_that_go_together_leave_a_module_that_runs(run: Any) -> None:
    result = run(CONVOLUTION, "--pruning")
    assert result.status == 0, result.err
    groups = json.loads(result.out)["groups"]
    inside = [g for g in groups if not g["outside"] and any(
        p["parameter"].endswith("running_var") for p in g["places"])]
    assert inside
    module, args = load_target(CONVOLUTION, zoo.load).build()[:2]
    before = module(*args)
    removed(module, inside[0], 0)
    assert module(*args).shape == before.shape
    # what its places leave out does not fit any more
    broken = load_target(CONVOLUTION, zoo.load).build()[0]
    removed(broken, {"places": inside[0]["places"][1:]}, 0)
    with pytest.raises(RuntimeError):
        broken(*args)


OWN = """
import torch
class Masked(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)
        self.b = torch.nn.Linear(4, 2)
        self.register_buffer("mask", torch.tensor([True, False, True, True]))
    def forward(self, x):
        return self.b(torch.relu(self.norm(self.a(x))).masked_fill(self.mask, 0.0))
def training():
    return Masked(), (torch.randn(5, 3),)
def evaluation():
    return Masked().eval(), (torch.randn(5, 3),)
"""


def test_tensors_that_no_group_places_are_named(run: Any, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    statistics = ["norm.running_mean", "norm.running_var"]
    for factory, names in (("evaluation", ["mask"]), ("training", ["mask", *statistics])):
        found = json.loads(run(f"{tmp_path / 'own.py'}:{factory}", "--pruning").out)
        assert sorted(found["left_out"]) == names
    assert json.loads(run(LLAMA, "--pruning").out)["left_out"] == []


def test_factors_of_an_axis_are_sliced_by_their_step(run: Any) -> None:
    groups = json.loads(run(LLAMA, "--pruning").out)["groups"]
    for group in groups:
        for place in group["places"]:
            entries = [s + i * place["step"] + k for s in place["starts"]
                       for i in range(group["size"]) for k in range(place["step"])]
            assert len(entries) == len(set(entries))
    assert any(len(p["starts"]) > 1 for g in groups for p in g["places"])
    assert any(g["outside"] for g in groups) and not all(g["outside"] for g in groups)


def record(run: Any, *arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.status == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


def named(found: dict[str, Any]) -> dict[str, list[set[str]]]:
    """Names to the axes that each leg of that name touches."""
    out: dict[str, list[set[str]]] = {}
    for leg in found["legs"]:
        axes = {f"{t['parameter']}[{t['axis']}]" for t in leg["touches"]}
        out.setdefault(leg["name"], []).append(axes)
    return out


# -- names ---------------------------------------------------------------------------------------


def test_attention(run: Any) -> None:
    legs = named(record(run, "attention"))
    assert set(legs) == {"input", "heads", "head query/key", "head value", "output"}
    assert legs["head query/key"] == [
        {f"{n}_proj.{kind}[0]" for n in "qk" for kind in ("weight", "bias")}
    ]
    assert legs["head value"] == [{"v_proj.weight[0]", "v_proj.bias[0]", "out_proj.weight[1]"}]
    assert legs["input"] == [{f"{n}_proj.weight[1]" for n in "qkv"}]


def test_gpt2(run: Any) -> None:
    found = record(run, "gpt2_like", "--set", "n_layer=2")
    legs = named(found)
    assert set(legs) == {
        "vocabulary", "stream", "positions", "heads", "head query/key", "head value", "hidden",
    }
    assert legs["vocabulary"] == [{"wte.weight[0]"}] and legs["positions"] == [{"wpe.weight[0]"}]
    (stream,) = legs["stream"]
    assert {"wte.weight[1]", "wpe.weight[1]", "h.0.attn.c_proj.weight[1]", "h.1.ln_2.bias[0]",
            "ln_f.weight[0]"} <= stream
    assert legs["hidden"] == [
        {f"h.{k}.mlp.{n}" for n in ("c_fc.weight[1]", "c_fc.bias[0]", "c_proj.weight[0]")}
        for k in range(2)
    ]
    (query, _) = [leg for leg in found["legs"] if leg["name"] == "head query/key"]
    # the packed projection: queries in front, keys behind them, contragredient
    places = {(t["parameter"], t["start"], t["parity"]) for t in query["touches"]}
    assert places == {
        (f"h.0.attn.c_attn.{kind}", start, parity)
        for kind in ("weight", "bias") for start, parity in ((0, 1), (4, -1))
    }
    assert all(t["sizes"] == [2, 2] and t["along"] == 1 for t in query["touches"])


def test_llama(run: Any) -> None:
    legs = named(record(run, "llama_like", "--set", "num_layers=1"))
    assert set(legs) == {
        "vocabulary", "stream", "heads", "head query/key, factor 1 of 2",
        "head query/key, factor 2 of 2", "head value", "hidden", "vocabulary of the output",
    }
    (hidden,) = legs["hidden"]
    assert hidden == {
        f"layers.0.mlp.{n}" for n in ("gate_proj.weight[0]", "up_proj.weight[0]",
                                      "down_proj.weight[1]")
    }


def test_groups_of_heads(run: Any) -> None:
    legs = named(record(run, "decoder_block"))
    places = {"q_proj.weight[0]", "k_proj.weight[0]", "v_proj.weight[0]", "o_proj.weight[1]"}
    assert legs["groups of heads"] == [{f"self_attn.{p}" for p in places}]
    assert legs["heads of a group"] == [
        {"self_attn.q_proj.weight[0]", "self_attn.o_proj.weight[1]"}
    ]


def test_a_stack_of_layers(run: Any) -> None:
    """One name for each inner width; an input's and an output's are no hidden ones."""
    legs = named(record(run, MLP))
    assert legs == {
        "input": [{"0.weight[1]"}],
        "hidden": [{"0.weight[0]", "0.bias[0]", "2.weight[1]"},
                   {"2.weight[0]", "2.bias[0]", "4.weight[1]"}],
        "output": [{"4.weight[0]", "4.bias[0]"}],
    }


@pytest.mark.parametrize(("target", "kernels"), [("convolutional", 2), (CONVOLUTION, 4)])
def test_convolutions(run: Any, target: str, kernels: int) -> None:
    legs = named(record(run, target))
    assert len(legs["channels"]) == 1 and len(legs["input channels"]) == 1
    assert len(legs["kernel"]) == kernels and "stream" not in legs and "positions" not in legs


def test_an_honest_fallback(run: Any) -> None:
    legs = named(record(run, "mixture_of_experts"))
    assert legs["leg of gate.weight[0]"] == [{"gate.weight[0]"}]


def test_a_polynomial_inside_an_activation_is_no_stream() -> None:
    class Activation(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + x ** 3

    class Residual(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + super().forward(x)

    def names(inner: torch.nn.Module) -> set[str]:
        module = torch.nn.Sequential(torch.nn.Linear(3, 4), inner, torch.nn.Linear(4, 2))
        return {leg["name"] for leg in named_legs(
            capture(module, (torch.randn(1, 3),), meta=True).network)}

    assert names(Activation()) == {"input", "hidden", "output"}
    assert names(Residual(4, 4)) == {"input", "stream", "output"}


# -- any size ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*zoo.names(), MLP, CONVOLUTION, LLAMA])
def test_without_weights_it_is_the_same_network(name: str) -> None:
    """Node for node what the ordinary capture gives, whose fidelity is checked."""
    target = load_target(name, zoo.load)
    own = capture(*target.build()).network
    with without_weights():
        module, args, kwargs = target.build()
    assert all(p.is_meta for p in module.parameters())
    hollow = capture(module, args, kwargs, meta=True).network
    assert follow(hollow)[1] == follow(own)[1]
    if not any(isinstance(n.leaf, Constant) and n.leaf.unknown for n in hollow.nodes):
        assert digest_of(hollow) == digest_of(own)
    else:
        assert name == "low_rank_adapter"  # its base is frozen: a constant whose values are gone


def test_the_hook_is_removed() -> None:
    with pytest.raises(ValueError), without_weights():
        raise ValueError
    assert not torch.nn.Linear(2, 2).weight.is_meta


def test_tied_parameters_stay_tied() -> None:
    with without_weights():
        module, args = zoo.load("gpt2_like").factory()
    assert module.lm_head.weight is module.wte.weight
    assert "lm_head.weight" not in [p.name for p in capture(module, args, meta=True).network
                                    .parameters]


def test_thirty_two_layers(run: Any) -> None:
    found = record(run, LLAMA, *settings(DEEP))
    legs = named(found)
    counts = {name: len(axes) for name, axes in legs.items()}
    assert counts == {
        "vocabulary": 1, "stream": 1, "groups of heads": 32, "heads of a group": 32,
        "head query/key, factor 1 of 2": 32, "head query/key, factor 2 of 2": 32,
        "head value": 32, "hidden": 32, "vocabulary of the output": 1,
    }
    (stream,) = legs["stream"]
    # per layer 7 matrices and 2 gains; the last gain, the embedding and the head
    assert len(stream) == 32 * 9 + 3
    sizes = {leg["name"]: leg["size"] for leg in found["legs"]}
    assert sizes["stream"] == 24 and sizes["head value"] == 6 and sizes["hidden"] == 10
    # one row for the 32 layers
    console = Console(width=80, file=io.StringIO())
    print_legs(found, console)
    table = console.file.getvalue()  # type: ignore[attr-defined]
    assert "model.layers.{0-31}.mlp.up_proj.weight[1]" in "".join(
        re.findall(r"│ ([^│]*?)\s*│\n", table))
    assert len(table.splitlines()) < 80 and max(map(len, table.splitlines())) <= 80


def test_no_weight_is_allocated(run: Any) -> None:
    """Two billion parameters in one layer; the largest tensor that a sum runs over is counted."""
    tallest = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            out = func(*args, **(kwargs or {}))
            if type(out) is torch.Tensor and not out.is_meta and "empty" not in str(func):
                tallest.append(out.untyped_storage().nbytes())
            return out

    target = load_target(LLAMA, zoo.load, {k: str(v) for k, v in WIDE.items()})
    with without_weights():
        module, args, kwargs = target.build()
    with Watch():  # constants that are folded; no parameter among them
        network = capture(module, args, kwargs, meta=True).network
    assert network.num_coordinates == 2 * 128256 * 4096 + 4096 * (
        2 * 4096 + 2 * 1024 + 3 * 14336 + 3)
    assert tallest and max(tallest) < 1 << 20


def test_a_module_on_the_meta_device() -> None:
    """Buffers without values are constants of a known shape; masks are computed all the same."""
    target = load_target(LLAMA, zoo.load)
    with torch.device("meta"):
        module = target.build()[0]
    ids = torch.zeros((1, 3), dtype=torch.int64, device="meta")
    hollow = capture(module, (ids,), {"use_cache": False}, meta=True).network
    assert any(isinstance(n.leaf, Constant) and n.leaf.unknown for n in hollow.nodes)
    own = capture(*target.build()).network
    assert named_legs(hollow) == named_legs(own)


def test_values_that_are_not_known_are_never_made_up() -> None:
    class Masked(torch.nn.Linear):
        def __init__(self, device: str) -> None:
            super().__init__(3, 3)
            self.register_buffer("keep", torch.tensor([True, False, True], device=device))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.where(self.keep, super().forward(x), x)

    x = torch.randn(1, 3)
    assert digest_of(capture(Masked("cpu"), (x,), meta=True).network) == (
        digest_of(capture(Masked("cpu"), (x,)).network))
    with pytest.raises(CaptureError, match="values of a constant"):
        capture(Masked("meta"), (x,), meta=True)
    constant = Constant.without_values("unknown 0", (2, 3))
    for ask in (constant.floats, constant.objects):
        with pytest.raises(CaptureError, match=r"shape \(2, 3\)"):
            ask()


def test_a_factory_that_uses_the_values_of_its_weights(run: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "import torch\n"
        "FULL = {'width': 6}\n"
        "def factory(width=4):\n"
        "    linear = torch.nn.Linear(3, width)\n"
        "    float(linear.weight.detach().sum())\n"
        "    return torch.nn.Sequential(linear, torch.nn.Linear(width, 2)), (torch.randn(1, 3),)\n"
    )
    assert set(named(record(run, f"{own}:factory"))) == {"input", "hidden", "output"}
    result = run(f"{own}:factory", "--full")
    assert result.status == 3 and "without weights" in result.err and result.out == ""


# -- the table, and bad input --------------------------------------------------------------------


def test_full_sizes(run: Any) -> None:
    found = record(run, "gpt2_like", "--full", "--set", "n_layer=2")
    assert found["sizes"]["n_layer"] == 2 and found["sizes"]["n_embd"] == 768
    sizes = {leg["name"]: leg["size"] for leg in found["legs"]}
    assert sizes["stream"] == 768 and sizes["vocabulary"] == 50257 and sizes["hidden"] == 3072


@pytest.mark.parametrize("target", ["gpt2_like", "mixture_of_experts", CONVOLUTION])
def test_the_table_fits_and_says_what_was_not_checked(run: Any, target: str) -> None:
    result = run(target)
    assert result.status == 0
    assert max(map(len, result.out.splitlines())) <= 80
    assert "parameter[axis]" in result.out
    assert "not compared with the module" in " ".join(result.out.split())
    assert "not compared with the module" in record(run, target)["fidelity"]


def test_names_are_data(run: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "import torch\n"
        "def factory():\n"
        "    module = torch.nn.Sequential()\n"
        "    module.add_module('[bold]a\\x1b[31m', torch.nn.Linear(3, 2))\n"
        "    return module, (torch.randn(1, 3),)\n"
    )
    result = run(f"{own}:factory")
    assert result.status == 0 and "\x1b" not in result.out and "[bold]a" in result.out


@pytest.mark.parametrize(("arguments", "words"), [
    (("nosuch",), "no architecture 'nosuch'"),
    (("nosuch.py:factory",), "no file"),
    (("mlp", "--set", "nosuch=3"), "no size 'nosuch'"),
    (("mlp", "--output", "nosuch"), "no output 'nosuch'"),
    ((), "TARGET"),
    ((f"{TARGETS / 'unsupported_op.py'}:factory",), "op without a rule"),
    ((f"{TARGETS / 'no_parameters.py'}:factory",), "no parameters"),
    ((f"{TARGETS / 'returns_wrong.py'}:factory",), "must return"),
    ((f"{TARGETS / 'dropout_train.py'}:factory",), "not deterministic"),
    ((f"{TARGETS / 'data_dependent.py'}:factory",), "branches on the value"),
    ((f"{TARGETS / 'complex_parameter.py'}:factory",), "complex"),
])
def test_bad_input(run: Any, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert (result.status, result.out) == (3, "")
    sentence = result.err.strip().splitlines()[-1]
    assert sentence.startswith("symgauge: ") and words in sentence


def test_a_lazy_parameter(run: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("import torch\ndef factory():\n"
                   "    return torch.nn.LazyLinear(2), (torch.randn(1, 3),)\n")
    result = run(f"{own}:factory")
    assert result.status == 3 and "no shape yet" in result.err
