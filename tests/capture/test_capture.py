"""Capture: the network is the module's function, and what cannot be read is refused clearly."""

import copy
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from made import Made
from torch import Tensor, nn
from torch.nn import functional

from symgauge import zoo
from symgauge.capture import capture, load_target
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.known import arguments_of
from symgauge.domains.real import RealDomain
from symgauge.errors import BadInputError, CaptureError, SizeError, TargetError, UnsupportedOpError
from symgauge.ops.softplus import EXACT
from symgauge.points.reads import read_coordinates
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.lower import has_op, lower
from symgauge.program.network import Network
from symgauge.program.serial import digest_of
from places import TARGETS


def evaluate(network: Network, module: nn.Module, *inputs: Tensor) -> list[Array]:
    """The network at the module's own parameters."""
    own = dict(module.named_parameters())
    theta = {p.name: own[p.name].detach().double().numpy()[None] for p in network.parameters}
    x = {
        leaf.name: value.double().numpy()[None]
        for leaf, value in zip(network.inputs, inputs, strict=True)
    }
    lowered = lower(network)
    return [v[0] for v in outputs(lowered, values(lowered, RealDomain(), theta, x))]


def agrees(module: nn.Module, *args: Tensor, **kwargs: Any) -> Network:
    """Capture a module and compare on fresh inputs and parameters, without capture's own check."""
    network = capture(module, args, kwargs, check=False).network
    module = copy.deepcopy(module).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in module.parameters():
            if p.requires_grad:
                p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) / 2)
    fresh = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in args]
    with torch.no_grad():
        made = module(*fresh, **kwargs)
    wanted = [x for x in (made if isinstance(made, tuple) else (made,)) if x is not None]
    found = evaluate(network, module, *fresh)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, atol=1e-11)
    return network


def labels(network: Network) -> list[str]:
    return [n.label for n in network.nodes if n.op is not None]


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(3)))


X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


# -- fidelity ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.LeakyReLU(0.2), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(),
     nn.Softplus(), nn.Softplus(2.0), nn.Identity(), nn.Softmax(-1), nn.LogSoftmax(-1)],
    ids=str,
)
def test_multilayer_perceptrons(activation: nn.Module) -> None:
    network = agrees(nn.Sequential(nn.Linear(3, 4), activation, nn.Linear(4, 2)), X)
    assert [(p.name, p.shape) for p in network.parameters] == [
        ("0.weight", (4, 3)), ("0.bias", (4,)), ("2.weight", (2, 4)), ("2.bias", (2,)),
    ]
    assert [x.shape for x in network.inputs] == [(2, 3)]
    assert network.held == ((EXACT,) if isinstance(activation, nn.Softplus) else ())


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_attention(batch_first: bool, bias: bool) -> None:
    module = nn.MultiheadAttention(4, 2, bias=bias, batch_first=batch_first)
    x = torch.randn(1, 3, 4)
    network = agrees(module, x, x, x, need_weights=False)
    assert len(network.inputs) == 3  # three independent inputs, although the example is one


def test_attention_weights_are_an_output_too() -> None:
    x = torch.randn(1, 3, 4)
    network = agrees(nn.MultiheadAttention(4, 2, batch_first=True), x, x, x)
    assert [network.nodes[i].shape for i in network.outputs] == [(1, 3, 4), (1, 3, 3)]


@pytest.mark.parametrize(
    "target", ["sequential_mlp.py", "multihead_attention.py", "llama_mlp.py"]
)
def test_modules_of_the_libraries(target: str) -> None:
    module, args, kwargs = load_target(f"{TARGETS / target}:factory", _no_zoo).build()
    agrees(module, *args, **kwargs)
    capture(module, args, kwargs)  # capture's own check holds as well


def test_a_network_that_differs_from_the_module_is_refused() -> None:
    """The module computes one thing when it is exported and another when it runs."""
    def forward(self: Made, x: Tensor) -> Tensor:
        y = x @ self.w
        return 2 * y if torch.compiler.is_exporting() else y

    with pytest.raises(CaptureError, match="differs from the module by .*relative"):
        capture(Made(forward, w=weight(3, 2)), (X,))


def test_nothing_finite_to_compare_is_refused() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        return (x @ self.w).square().neg().log()

    with pytest.raises(CaptureError, match="NaN|not finite|no output of the module is finite"):
        capture(Made(forward, w=weight(3, 2)), (X,))


def test_a_module_that_is_finite_on_some_inputs_is_compared_there() -> None:
    module = Made(lambda self, x: (x @ self.w).log(), w=weight(3, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert labels(capture(module, (X.abs(),)).network) == ["matmul", "log"]


# -- parameters and constants --------------------------------------------------------------------


def test_tied_parameters_are_one() -> None:
    table = nn.Embedding(5, 3)
    head = nn.Linear(3, 5, bias=False)
    head.weight = table.weight
    module = Made(lambda self, x: self.head(x @ self.table.weight), table=table, head=head)
    network = agrees(module, torch.randn(2, 5))
    assert [p.name for p in network.parameters] == ["table.weight"]
    assert network.num_coordinates == 15


def test_frozen_parameters_and_buffers_are_constants() -> None:
    frozen = nn.Parameter(torch.full((3, 2), 0.5), requires_grad=False)
    module = Made(
        lambda self, x: x @ (self.frozen + self.w) * self.gain, frozen=frozen, w=weight(3, 2),
        gain=torch.tensor([1 / 3, 0.1], dtype=torch.float64),
    )
    network = agrees(module, X)
    assert [p.name for p in network.parameters] == ["w"]
    tables = {v for n in network.nodes if isinstance(n.leaf, Constant) for v in n.leaf.table}
    assert {str(v) for v in tables} >= {"1/2", "1/3", "1/10"}


def test_what_depends_on_no_parameter_and_no_input_is_folded() -> None:
    """Rational arithmetic alone: of a cosine the argument is."""
    def forward(self: Made, x: Tensor) -> Tensor:
        angle = torch.arange(3, dtype=x.dtype) * self.base / 3000
        return x * angle.cos() + self.w * torch.ones_like(x).cumsum(0)

    network = agrees(Made(forward, w=weight(3), base=torch.tensor(0.3, dtype=torch.float64)), X)
    assert set(labels(network)) <= {"mul", "add", "reshape", "expand", "cos"}
    (argument,) = arguments_of(network).values()
    assert argument.objects().reshape(-1).tolist() == [Fraction(k, 10_000) for k in range(3)]


def test_the_module_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    capture(module, (X,))
    after = module.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert next(module.parameters()).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_float_types_are_no_part_of_the_network(dtype: torch.dtype) -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)
    network = capture(module, (X.to(dtype),)).network
    double = capture(module.double(), (X.double(),)).network
    assert digest_of(network) == digest_of(double)


def test_casts_are_dropped() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        return (x.float() @ self.w.to(torch.float32)).to(x.dtype)

    network = capture(Made(forward, w=weight(3, 2)), (X,)).network
    assert labels(network) == ["matmul"]


def test_a_cast_to_integers_is_an_op() -> None:
    module = Made(lambda self, x: (x @ self.w).to(torch.int64) * x.sum(), w=weight(3, 2))
    assert "floor" in labels(agrees(module, X))


def test_integer_inputs_are_held_at_the_example() -> None:
    module = Made(lambda self, x, n: x @ self.w * n, w=weight(3, 2))
    network = capture(module, (X, torch.tensor([2, 5]))).network
    assert [x.shape for x in network.inputs] == [(2, 3)]
    assert len(network.held) == 1 and "held at the example" in network.held[0]


# -- masks ---------------------------------------------------------------------------------------


def _masked(kind: str) -> Made:
    def forward(self: Made, x: Tensor) -> Tensor:
        scores = x @ self.w @ x.T
        keep = torch.tril(torch.ones(len(x), len(x), dtype=torch.bool))
        if kind == "fill":
            scores = scores.masked_fill(~keep, float("-inf"))
        elif kind == "add":
            table = torch.zeros(len(x), len(x), dtype=x.dtype)
            scores = scores + table.masked_fill(~keep, float("-inf"))
        elif kind == "smallest float":
            smallest = torch.finfo(torch.float32).min
            scores = scores + torch.where(keep, 0.0, smallest).to(x.dtype)
        elif kind == "where":
            scores = torch.where(keep, scores, float("-inf"))
        return scores.softmax(-1) @ x

    return Made(forward, w=weight(3, 3))


@pytest.mark.parametrize("kind", ["fill", "add", "smallest float", "where"])
def test_minus_infinity_leaves_entries_out(kind: str) -> None:
    network = agrees(_masked(kind), torch.randn(4, 3))
    assert all(v > -10 for n in network.nodes if isinstance(n.leaf, Constant)
               for v in n.leaf.table)
    assert "softmax" in labels(network)


def test_causal_attention_as_torch_writes_it() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        q, k, v = (x @ self.w).chunk(3, dim=-1)
        return functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)

    network = agrees(Made(forward, w=weight(2, 6)), torch.randn(3, 2))
    assert "softmax" in labels(network) and not has_op(network, "step")


def test_a_float_mask_of_a_layer() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    module = Made(
        lambda self, x: self.layer(x, x, x, attn_mask=self.mask, need_weights=False)[0],
        layer=layer, mask=mask,
    )
    agrees(module, torch.randn(1, 3, 4))


def test_minus_infinity_that_no_softmax_absorbs_is_refused() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        keep = torch.eye(3, dtype=torch.bool)
        return (x.T @ x @ self.w).masked_fill(~keep, float("-inf"))

    with pytest.raises(CaptureError, match="minus infinity"):
        capture(Made(forward, w=weight(3, 3)), (X,))


# -- outputs -------------------------------------------------------------------------------------


def _two(self: Made, x: Tensor) -> dict[str, Tensor]:
    return {"logits": x @ self.w, "state": x * self.v}


def test_an_output_is_picked_by_name_or_index() -> None:
    module = Made(_two, w=weight(3, 2), v=weight(3))
    for choice, name, shape in (
        ("state", "state", (2, 3)), (1, "state", (2, 3)), ("0", "logits", (2, 2)),
    ):
        captured = capture(module, (X,), output=choice)
        assert captured.output_names == (name,)
        assert [captured.network.nodes[i].shape for i in captured.network.outputs] == [shape]
    assert capture(module, (X,)).output_names == ("logits", "state")  # no name is preferred
    with pytest.raises(CaptureError, match="no output 'loss'; the outputs are logits, state"):
        capture(module, (X,), output="loss")
    with pytest.raises(CaptureError, match="no output '7'"):
        capture(module, (X,), output=7)


def test_all_outputs_jointly() -> None:
    module = Made(lambda self, x: (x @ self.w, (x * self.v, x)), w=weight(3, 2), v=weight(3))
    captured = capture(module, (X,))
    assert len(captured.network.outputs) == len(captured.output_names) == 3


def test_probabilities_append_a_log_softmax() -> None:
    module = nn.Linear(3, 4)
    network = capture(module, (X,), observable="probabilities").network
    assert labels(network)[-1] == "log_softmax"
    with torch.no_grad():
        wanted = module.double()(X.double()).log_softmax(-1)
    np.testing.assert_allclose(evaluate(network, module, X)[0], wanted.numpy(), rtol=1e-9)


def test_unread_coordinates_are_known() -> None:
    def forward(self: Made, x: Tensor) -> Tensor:
        return x @ self.w + self.positions[:2]

    module = Made(forward, w=weight(3, 3), positions=weight(5, 3), idle=weight(4))
    network = agrees(module, X)
    read = read_coordinates(network)
    sizes = {p.name: p.size for p in network.parameters}
    start = network.offsets["positions"]
    assert sizes["idle"] == 4 and read.sum() == 9 + 6
    assert read[start:start + 6].all() and not read[start + 6:start + 15].any()


def test_a_module_without_a_floating_output_is_refused() -> None:
    module = Made(lambda self, x: (x @ self.w).argmax(-1), w=weight(3, 2))
    with pytest.raises(CaptureError, match="no floating tensor"):
        capture(module, (X,))


def test_an_output_that_is_constant_is_refused() -> None:
    module = Made(lambda self, x: torch.ones(2), w=weight(3, 2))
    with pytest.raises(CaptureError, match="no output depends on"):
        capture(module, (X,))


# -- refusals ------------------------------------------------------------------------------------

BAD = {
    "integer_parameter.py": (CaptureError, "parameter counts has dtype torch.int64"),
    "complex_parameter.py": (CaptureError, "parameter weight is complex"),
    "dropout_train.py": (CaptureError, r"dropout in train mode at 1.*\.eval\(\)"),
    "data_dependent.py": (CaptureError, "data-dependent branch"),
    "nan_example.py": (CaptureError, "the example holds NaN or infinity"),
    "nondeterministic.py": (CaptureError, "not deterministic: it draws random numbers, or"),
    "returns_wrong.py": (TargetError, r"the factory returned a str; it must return \(module"),
    "no_parameters.py": (CaptureError, "no parameters that require grad"),
    "unsupported_op.py": (
        UnsupportedOpError,
        r"Factor.* uses linalg_qr.default.*symgauge/ops/linalg_qr\.py"),
}


def _no_zoo(name: str) -> NoReturn:
    raise AssertionError(f"{name} was looked up in the zoo")


def _one_sentence(error: BaseException) -> bool:
    text = str(error)
    return "\n" not in text and len(text) < 500 and not text.startswith("Traceback")


@pytest.mark.parametrize("target", BAD)
def test_bad_targets_are_refused_in_one_sentence(
    target: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kind, message = BAD[target]
    with pytest.raises(BadInputError, match=message) as found:
        module, args, kwargs = load_target(f"{TARGETS / target}:factory", _no_zoo).build()
        capture(module, args, kwargs)
    assert type(found.value) is kind and _one_sentence(found.value)
    printed = capfd.readouterr()
    assert printed.err == "" and printed.out == ""


def test_dropout_is_found_where_two_runs_agree() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(1e-9)).train()
    with pytest.raises(CaptureError, match=r"dropout in train mode at 1.*\.eval\(\)"):
        capture(module, (X,))


def test_every_target_is_tried() -> None:
    good = {
        "sequential_mlp.py", "multihead_attention.py", "llama_mlp.py", "bert.py",
        "conv_batch_norm.py", "gpt2_block.py", "gpt2_lm.py", "gpt_neox_lm.py", "gru_cell.py",
        "checked.py", "llama_lm.py", "transformer_decoder_layer.py", "transformer_encoder_layer.py",
    }
    assert {p.name for p in TARGETS.glob("*.py")} - good == set(BAD)


def test_an_unsupported_op_names_the_module_that_uses_it() -> None:
    inner = Made(lambda self, x: torch.linalg.qr((x @ self.w).T @ x)[0], w=weight(3, 3))
    outer = nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"deep": inner})["deep"])
    with pytest.raises(UnsupportedOpError, match=r"^1 \(Made\) uses linalg_qr.default"):
        capture(outer, (X,))


@pytest.mark.parametrize(
    ("module", "args", "message"),
    [
        (nn.Linear(3, 2), (torch.ones(2, 3, dtype=torch.complex64),), "complex"),
        (nn.Linear(3, 2), (torch.full((2, 3), float("inf")),), "NaN or infinity"),
        (nn.Linear(3, 2), (torch.ones(2, 5),), "does not run on the example"),
        (nn.Linear(3, 2), (), "does not run on the example"),
        (Made(lambda self, x: x @ self.w + torch.rand(2), w=weight(3, 2)), (X,),
         "not deterministic"),
    ],
)
def test_bad_examples_are_refused(
    module: nn.Module, args: tuple[Tensor, ...], message: str
) -> None:
    with pytest.raises(CaptureError, match=message) as found:
        capture(module, args)
    assert _one_sentence(found.value)


def test_randomness_that_the_seed_hides_is_refused() -> None:
    """Two runs agree, and yet the graph draws."""
    def forward(self: Made, x: Tensor) -> Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return functional.dropout(x @ self.w, 0.5, True)

    with pytest.raises(CaptureError):
        capture(Made(forward, w=weight(3, 2)), (X,))


def test_a_frozen_module_has_nothing_to_derive() -> None:
    module = nn.Linear(3, 2).requires_grad_(False)
    with pytest.raises(CaptureError, match="no parameters that require grad"):
        capture(module, (X,))


def test_not_a_module() -> None:
    with pytest.raises(CaptureError, match="expected a torch.nn.Module, found str"):
        capture("linear", (X,))  # type: ignore[arg-type]


# -- targets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("no/such/file.py:factory", TargetError, "there is no file"),
        (f"{TARGETS / 'sequential_mlp.py'}:nothing", TargetError, "no function 'nothing'"),
        ("no_such_package_here:factory", TargetError, "cannot import 'no_such_package_here'"),
    ],
)
def test_targets_that_are_not_there(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as found:
        load_target(text, _no_zoo)
    assert _one_sentence(found.value)


def _write(folder: Path, text: str) -> str:
    path = folder / "target.py"
    path.write_text("import torch\n" + text)
    return f"{path}:factory"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def factory(", "fails with SyntaxError"),
        ("raise RuntimeError('on import')", "fails with RuntimeError: on import"),
        ("def factory():\n    raise ValueError('inside\\nsecond line')",
         "the factory failed with ValueError: inside$"),
        ("def factory():\n    return torch.nn.Linear(1, 1)", "returned a Linear"),
        ("def factory():\n    return torch.nn.Linear(1, 1), torch.ones(1)",
         r"returned \(Linear, Tensor\)"),
        ("def factory(n):\n    return torch.nn.Linear(n, 1), (torch.ones(1),)",
         "argument 'n' of the factory has no default"),
        ("factory = 3", "no function 'factory'"),
    ],
)
def test_broken_target_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message) as found:
        load_target(_write(tmp_path, text), _no_zoo).build()
    assert _one_sentence(found.value)


SIZED = """
FULL = {"n": 64}
def factory(n: int = 2, bias: bool = True, widths=(3, 4)):
    return torch.nn.Linear(n, widths[0], bias=bias), (torch.ones(1, n),)
"""


def test_sizes_are_set_and_checked(tmp_path: Path) -> None:
    text = _write(tmp_path, SIZED)
    target = load_target(text, _no_zoo, {"n": "5", "bias": "false", "widths": "7,8"})
    assert target.sizes == {"n": 5, "bias": False, "widths": (7, 8)}
    assert target.full == {"n": 64, "bias": False, "widths": (7, 8)}
    module, args, _ = target.build()
    assert module.weight.shape == (7, 5) and module.bias is None and args[0].shape == (1, 5)
    with pytest.raises(SizeError, match="has no size 'm'; it has: n, bias, widths"):
        load_target(text, _no_zoo, {"m": "5"})
    with pytest.raises(SizeError, match="n='many' is not"):
        load_target(text, _no_zoo, {"n": "many"})


def test_a_zoo_name_is_looked_up() -> None:
    target = load_target("mlp", zoo.load)
    assert target.name == "mlp" and target.attribute == "factory"
    assert target.source is not None and "def factory(" in target.source
    module, args, _ = target.build()
    assert isinstance(module, nn.Module) and args
    with pytest.raises(BadInputError):
        load_target("no_such_architecture", zoo.load)


def test_a_size_without_a_type_is_read_as_it_is_written() -> None:
    """--set out_bias=False, where the default is None, is no string that counts as true."""
    from symgauge.zoo import load

    for text, value in (("False", False), ("true", True), ("none", None), ("3", 3), ("-2", -2),
                        ("0.5", 0.5), ("relu", "relu")):
        size = load_target("attention", load, {"out_bias": text}).sizes["out_bias"]
        assert size == value and type(size) is type(value)
    module, _, _ = load_target("attention", load, {"out_bias": "False"}).build()
    assert "out_proj.bias" not in dict(module.named_parameters())


class Viewed(torch.nn.Module):
    """Positions in a buffer that is a view, and a scale in an attribute that is one."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.o = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
        self.register_buffer("pe", torch.arange(8.0).reshape(2, 4).unsqueeze(0))
        self.scale = torch.arange(1.0, 9.0).view(2, 4)[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.o(torch.tanh(self.w(x) * self.scale + self.pe))


class Solved(torch.nn.Module):
    """What torch checks of a matrix beside its inverse is no line."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor([[2.0, 1.0], [-1.0, 3.0]]))
        self.b = torch.nn.Parameter(torch.ones(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.solve(self.a, x @ self.b.T, left=False) @ torch.linalg.inv(self.a)


def test_inverses_and_linear_systems_as_modules_write_them() -> None:
    module, x = Solved(), torch.randn(4, 3)
    (found,) = evaluate(capture(module, (x,)).network, module, x)
    np.testing.assert_allclose(found, module(x).detach(), atol=1e-6)


def test_buffers_that_are_views_are_read_and_stay() -> None:
    module, x = Viewed(), torch.randn(1, 2, 3)
    pe, scale, before = module.pe, module.scale, module(x)
    network = capture(module, (x,)).network
    assert module.pe is pe and module.scale is scale and pe.dtype == torch.float32
    assert pe._is_view() and torch.equal(module(x), before)
    assert network.num_coordinates == 26
