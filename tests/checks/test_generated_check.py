"""The generated check runs, passes what holds, and fails what does not."""

import copy
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from statements import STATEMENTS, Spec, element, location, move

from symgauge import BadInputError, Derivation, Verdict, zoo
from symgauge.capture import load_target
from symgauge.checks import actions, emit_check
from symgauge.checks.runtime.bench import Bench
from symgauge.checks.runtime.device import Widened
from symgauge.checks.runtime.elements import beside, random_generator
from symgauge.checks.runtime.moves import (
    add_variation, apply_move, carry_back, off_slices, onto_slices,
)
from symgauge.checks.runtime.randomness import TorchNumbers
from symgauge.checks.runtime.rows import Measured
from symgauge.derivation.derive import derive_target
from symgauge.derivation.seal import sealed
from symgauge.families.kinds import with_parts

CPU = torch.device("cpu")


def python(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def written(folder: Path, spec: Spec) -> Path:
    path = folder / "test_generated.py"
    path.write_text(emit_check(spec), encoding="ascii")
    return path


def record_of(folder: Path, spec: Spec, *arguments: str) -> tuple[int, dict[str, Any]]:
    path = folder / "record.json"
    done = python(written(folder, spec), "--json", path, *arguments)
    assert done.returncode in (0, 1), done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    return done.returncode, json.loads(path.read_text())


def bench(spec: Spec, size: str = "small", dtype: torch.dtype = torch.float64) -> Bench:
    families = [
        {"label": f["label"], "small": {
            "element": with_parts(f["element"]), "action": f["action"], "via": f["via"]}}
        for f in spec["families"]
    ]
    return Bench(spec | {"families": families, "planted": []}, size, 0, dtype, CPU, None)


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_passes_from_the_command_line(name: str, tmp_path: Path) -> None:
    status, record = record_of(tmp_path, STATEMENTS[name])
    assert status == 0 and record["ok"] is True
    assert record["passes"] <= record["passes_allowed"]
    assert record["floor_measured"] > 0
    wrong = [row for row in record["rows"] if row["wrong"]]
    right = [row for row in record["rows"] if not row["wrong"]]
    assert len(wrong) >= 4 and all(row["floors"] > 1000 for row in wrong)
    assert all(row["floors"] <= 10 for row in right)
    assert all(row["moved"] > 1e-3 for row in record["rows"] if row["check"] != "tangent")
    assert {row["check"] for row in right} == {"invariance", "tangent"}


def test_it_passes_under_plain_pytest(tmp_path: Path) -> None:
    path = written(tmp_path, STATEMENTS["attention"])
    done = python("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", path)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_full_sizes_and_dtypes(dtype: str, tmp_path: Path) -> None:
    arguments = ["--size", "full", "--dtype", dtype, "--seed", "3", "--device", "cpu"]
    status, record = record_of(tmp_path, STATEMENTS["attention"], *arguments)
    assert status == 0
    assert (record["size"], record["dtype"], record["seed"]) == ("full", dtype, 3)
    assert record["parameters"] == 4 * (24 * 24 + 24)
    judged = {row["ok"] for row in record["rows"] if row["wrong"]}
    assert judged == ({None} if dtype == "bfloat16" else {True})


def test_a_wrong_statement_fails(tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["attention"])
    spec["families"][1]["action"][2]["form"] = "g"  # out.weight
    status, record = record_of(tmp_path, spec)
    assert status == 1 and record["ok"] is False
    failed = {row["label"] for row in record["rows"] if row["ok"] is False and not row["wrong"]}
    assert failed == {
        "all symmetries at once",
        "value/output of each head",
        "J X, value/output of each head",
    }
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", written(tmp_path, spec))
    assert done.returncode == 1 and "test_every_symmetry_holds" in done.stdout


def test_a_planted_failure_that_differs_in_gauge_alone_is_not_tested(tmp_path: Path) -> None:
    """Without k.bias, k.weight -> g^-T k.weight is a symmetry still: the key bias is gauge."""
    spec = copy.deepcopy(STATEMENTS["attention"])
    action = spec["families"][0]["action"]
    action.insert(0, action.pop())  # the first move is the one left out
    spec["planted"] = [{"family": 0, "kind": "omitted"}]
    status, record = record_of(tmp_path, spec)
    assert status == 0
    assert [row["ok"] for row in record["rows"] if row["check"] == "planted"] == [None]
    (entry,) = [e for e in record["not_tested"] if e["check"] == "planted"]
    assert "no change of what it moves is seen" in entry["reason"]


def test_a_family_that_moves_nothing_fails(tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["mlp"])
    for entry in spec["families"][0]["action"]:
        entry["weight"] = "0"
    spec["planted"] = []
    status, record = record_of(tmp_path, spec)
    assert status == 1
    assert "moved a tensor by 0.0e+00" in record["rows"][0]["note"]


def test_a_family_without_finite_action_is_not_checked(tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["mlp"])
    other = {"label": "slice", "group": "so(3)", "element": {"kind": "other"}, "action": []}
    spec["families"].append(other)
    path = written(tmp_path, spec)
    assert "not checked at this size: slice" in python(path).stdout
    spec["families"] = [other]
    done = python(written(tmp_path, spec))
    assert done.returncode == 2 and "nothing could be checked" in done.stdout


HOSTILE = "\"\"\"'''\\N{BULLET}\n\u00e4\u2028%s{}"


def test_hostile_names_run(tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["mlp"])
    spec["name"] = spec["families"][0]["label"] = HOSTILE
    spec["target"]["source"] = f'''
import torch

class Hostile(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_parameter({HOSTILE + "w"!r}, torch.nn.Parameter(torch.randn(5, 3)))
        self.register_parameter({HOSTILE + "v"!r}, torch.nn.Parameter(torch.randn(2, 5)))

    def forward(self, x):
        w, v = self.parameters()
        return torch.relu(x @ w.T) @ v.T

def {"factory"}(n=5):
    return Hostile(), (torch.randn(6, 3),)
'''
    rows, columns = location(0, [5], 0, []), location(1, [5], 0, [])
    spec["families"][0]["action"] = [
        move(HOSTILE + "w", "s^k", rows, "1"),
        move(HOSTILE + "v", "s^k", columns, "-1"),
    ]
    spec["families"][0]["full"] = None
    status, record = record_of(tmp_path, spec)
    assert status == 0 and record["name"] == HOSTILE


def test_an_imported_target(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STATEMENTS["mlp"]["target"]["source"])
    target = {"kind": "import", "module": "mine", "factory": "factory"}
    path = written(tmp_path, STATEMENTS["mlp"] | {"target": target})
    assert python(path).returncode == 0  # Python puts the file's own folder on its path
    (tmp_path / "mine.py").unlink()
    done = python(path)
    assert done.returncode == 3 and done.stderr.startswith("error: cannot import the target")


def test_a_checkpoint(tmp_path: Path) -> None:
    weights = {"0.weight": (5, 3), "0.bias": (5,), "2.weight": (2, 5), "2.bias": (2,)}
    tensors = {name: torch.randn(shape) for name, shape in weights.items()}
    save_file(tensors, tmp_path / "x.safetensors")
    path = tmp_path / "x.safetensors"
    status, record = record_of(tmp_path, STATEMENTS["mlp"], "--checkpoint", str(path))
    assert status == 0 and record["checkpoint"] == str(path)
    stored = Bench(
        STATEMENTS["mlp"] | {"families": [], "planted": []},
        "small", 0, torch.float32, CPU, str(path),
    )
    assert all(torch.equal(stored.point.parameters[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--size", "full"], "error: the target gives no full sizes"),
        (["--size", "huge"], "error: argument --size: invalid choice: 'huge'"),
        (["--dtype", "int8"], "error: argument --dtype: invalid choice: 'int8'"),
        (["--seed", "x"], "error: argument --seed: invalid int value: 'x'"),
        (["--colour"], "error: unrecognized arguments: --colour"),
        (["--json", "no/such/folder/x.json"], "error: the folder of no/such/folder/x.json"),
        (["--checkpoint", "absent.safetensors"], "error: cannot read the checkpoint absent"),
        (["--checkpoint", __file__], "error: cannot read the checkpoint"),
    ],
)
def test_bad_arguments_give_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    done = python(written(tmp_path, STATEMENTS["swiglu"]), *arguments)
    assert done.returncode == 3
    assert done.stderr.startswith(sentence) and done.stderr.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="the machine has a CUDA device")
def test_no_cuda_is_bad_input(tmp_path: Path) -> None:
    done = python(written(tmp_path, STATEMENTS["mlp"]), "--device", "cuda")
    assert done.returncode == 3 and "no CUDA device" in done.stderr


@pytest.mark.parametrize(
    "old, new, sentence",
    [
        ("(torch.randn(7, d),)", "None", "the factory must return (module, args)"),
        ("def factory(d=3, n=5", "def factory(d=3, n=4", "does not fit the shape"),
        ("torch.nn.Linear(d, n)", "torch.nn.Identity()", "is no parameter of the module"),
        ("import torch\n", "import torch, not_a_package\n", "needs a missing package"),
        ("def factory(", "def fabric(", "no factory named"),
    ],
)
def test_a_target_that_does_not_fit(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["mlp"])
    assert old in spec["target"]["source"]
    spec["target"]["source"] = spec["target"]["source"].replace(old, new)
    if new == "None":
        spec["target"]["source"] = spec["target"]["source"].replace("*layers), None", "*layers)")
    done = python(written(tmp_path, spec))
    assert done.returncode == 3 and sentence in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["attention", "layer_norm"])
def test_parameters_are_restored_exactly(name: str) -> None:
    one = bench(STATEMENTS[name])
    before = {name: value.clone() for name, value in one.point.parameters.items()}
    one.point.measure_floor()
    assert one.point.floor_measured > torch.finfo(torch.float64).eps  # every parameter did move
    for family in one.families:
        one.difference("invariance", family["label"], [family])
        one.derivative("tangent", family["label"], [family])
    assert all(torch.equal(value, before[name]) for name, value in one.point.parameters.items())


def test_a_nan_is_not_a_pass() -> None:
    one = bench(STATEMENTS["mlp"])
    one.point.measure_floor()
    nan = one.point.residual(tuple(tensor * float("nan") for tensor in one.point.base))
    for wrong in (False, True):
        assert one.row("x", "x", Measured(nan, None, 1, 1.0), wrong).ok is False


@pytest.mark.parametrize("kind, form", [("gl", "g"), ("gl", "g^-T"), ("gl", "g^-1"), ("so", "g")])
@pytest.mark.parametrize(
    "at",
    [
        location(1, [2, 3], 1, [0]),
        location(1, [3, 2], 0, [1]),
        location(1, [2, 4, 3], 2, [0]),
        location(1, [2, 3], 1, [0]) | {"start": 5},
    ],
)
def test_torch_and_numpy_act_alike(kind: str, form: str, at: dict[str, Any]) -> None:
    family = {"element": element(kind, [2], 3), "action": [move("w", form, at)], "full": None}
    weight = torch.randn(5, 24, 2, dtype=torch.float64)
    # a planted form is no action of its own: the element is drawn for g
    right_one = family | {"action": [move("w", "g", at)]}
    sampled = actions.sample([right_one], {"w": (5, 24, 2)}, 0)
    expected = actions.apply([family], sampled, {"w": weight.numpy().copy()})["w"]
    apply_move({"w": weight}, family["action"][0], beside(sampled[0].element, weight))
    torch.testing.assert_close(weight, torch.from_numpy(expected), rtol=0, atol=1e-13)


@pytest.mark.parametrize("number", range(2))
def test_torch_and_numpy_act_alike_through_slices(number: int) -> None:
    one = bench(STATEMENTS["layer_norm"])
    one.point.parameters["norm.weight"][1] *= -1
    before = {name: value.numpy().copy() for name, value in one.point.parameters.items()}
    family = STATEMENTS["layer_norm"]["families"][number : number + 1]
    sampled = actions.sample(family, {n: v.shape for n, v in before.items()}, 0)
    expected = actions.apply(family, sampled, before)
    element = beside(sampled[0].element, one.point.parameters["norm.weight"])
    by = partial(apply_move, one.point.parameters)
    back = onto_slices(one.point.parameters, family[0], by)
    for entry in family[0]["action"]:
        by(entry, element)
    off_slices(family[0], back, by)
    for name, value in one.point.parameters.items():
        torch.testing.assert_close(value, torch.from_numpy(expected[name]), rtol=0, atol=1e-13)
    for through in family[0]["via"]:
        held = through["parameter"]
        assert torch.equal(one.point.parameters[held], torch.from_numpy(before[held]))


@pytest.mark.parametrize("number", range(2))
def test_the_tangent_is_the_derivative_of_the_action(number: int) -> None:
    """(g(t).theta - g(-t).theta) / 2t for g(t) = exp(t X) to first order, through the slices."""
    one = bench(STATEMENTS["layer_norm"])
    family = one.families[number]
    theta = {name: value.clone() for name, value in one.point.parameters.items()}
    rng = torch.Generator().manual_seed(0)
    generator = random_generator(family["element"], 1.0, TorchNumbers(rng))

    def moved(t: float) -> dict[str, torch.Tensor]:
        here = {name: value.clone() for name, value in theta.items()}
        back = onto_slices(here, family, partial(apply_move, here))
        tangents: dict[str, torch.Tensor] = {}
        for entry in family["action"]:
            add_variation(tangents, here, entry, generator)
        for name, tangent in tangents.items():
            here[name].add_(tangent, alpha=t)
        off_slices(family, back, partial(apply_move, here))
        return here

    tangents: dict[str, torch.Tensor] = {}
    here = {name: value.clone() for name, value in theta.items()}
    back = onto_slices(here, family, partial(apply_move, here))
    for entry in family["action"]:
        add_variation(tangents, here, entry, generator)
    carry_back(tangents, here, family, back, partial(apply_move, tangents))
    one_way, other_way = moved(1e-3), moved(-1e-3)
    for name in theta:
        expected = (one_way[name] - other_way[name]) / 2e-3
        found = tangents.get(name, torch.zeros_like(expected))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_a_gain_of_zero_is_not_checked(tmp_path: Path) -> None:
    """A checkpoint may hold one: the families that act through it have no finite action there."""
    tensors = {
        "inner.weight": (3, 4), "inner.bias": (3,), "norm.weight": (3,), "out.weight": (2, 3),
        "out.bias": (2,),
    }
    torch.manual_seed(0)
    weights = {name: torch.randn(shape) for name, shape in tensors.items()}
    weights["norm.weight"][1] = 0
    save_file(weights, tmp_path / "x.safetensors")
    path = str(tmp_path / "x.safetensors")
    status, record = record_of(tmp_path, STATEMENTS["rms"], "--checkpoint", path)
    assert status == 0 and record["not_checked"] == ["stream"]
    assert {row["label"] for row in record["rows"] if not row["wrong"]} == {"gain", "J X, gain"}


def test_a_forgotten_slice_fails(tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["rms"])
    spec["families"][0]["via"] = []
    spec["planted"] = []
    status, record = record_of(tmp_path, spec)
    assert status == 1
    failed = {row["label"] for row in record["rows"] if row["ok"] is False}
    assert failed == {"all symmetries at once", "stream", "J X, stream"}


BLOCK = '''
import torch


class Block(torch.nn.Module):
    """A pre-norm block: LayerNorm and RMSNorm with gains, a bias, and a residual stream."""

    def __init__(self, d, n, width):
        super().__init__()
        self.inner = torch.nn.Linear(width, d, bias=False)
        self.norm1 = torch.nn.LayerNorm(d)
        self.fc1 = torch.nn.Linear(d, n)
        self.fc2 = torch.nn.Linear(n, d, bias=False)
        self.norm2 = torch.nn.RMSNorm(d, eps=1e-5)
        self.out = torch.nn.Linear(d, 2)

    def forward(self, x):
        x = self.inner(x)
        x = x + self.fc2(torch.tanh(self.fc1(self.norm1(x))))
        return self.out(self.norm2(x))


def factory(d=4, n=2, width=3, tokens=3):
    return Block(d, n, width), (torch.randn(tokens, width),)


FULL = {"d": 48, "n": 64, "width": 32, "tokens": 7}
'''


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Derivation:
    path = tmp_path_factory.mktemp("block") / "block.py"
    path.write_text(BLOCK)
    return derive_target(load_target(str(path) + ":factory", zoo.load))


def test_a_pre_norm_block_is_derived_and_verified(block: Derivation) -> None:
    assert (block.redundancy, block.orbit_dimension, block.verdict) == (17, 17, Verdict.PROVED)
    again = Derivation.from_json(block.to_json())
    assert again.verify().verdict is Verdict.PROVED
    through = {f.group: [t.parameter for t in f.via] for f in block.generators if f.via}
    assert sorted(through["R^2"]) == ["norm1.bias", "norm1.weight"]
    assert sorted(through["SO(3)"]) == ["norm1.bias", "norm1.weight", "norm2.weight"]
    formulas = [line for f in block.generators for line in f.formula]
    assert "out.weight -> out.weight diag(norm2.weight) g^-1 diag(norm2.weight)^-1" in formulas
    assert all(f.full for f in block.generators)
    kinds = {p.kind for p in block.planted if block.generators[p.family].via}
    assert kinds == {"transpose", "larger", "omitted", "slice"}
    text = block.to_latex()
    assert r"W_{4}\,\Gamma_{2}\,g^{\top}\,\Gamma_{2}^{-1}" in text
    assert r"$\Gamma_{2} = \operatorname{diag}(\gamma_{2})$" in text
    assert r"$g \in \mathrm{SO}(3)$ fixing the vector of ones in $\mathbb{R}^{4}$" in text


@pytest.mark.parametrize("size", ["small", "full"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_check_of_a_pre_norm_block(
    block: Derivation, size: str, dtype: str, tmp_path: Path
) -> None:
    block.write_check(tmp_path / "check.py")
    done = python(tmp_path / "check.py", "--size", size, "--dtype", dtype)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not checked" not in done.stdout


@pytest.mark.parametrize("size", ["small", "full"])
def test_weights_of_a_pre_norm_block_are_moved(block: Derivation, size: str) -> None:
    space: dict[str, Any] = {}
    exec(BLOCK, space)
    torch.manual_seed(0)
    module, args = space["factory"](**(space["FULL"] if size == "full" else {}))
    module, x = module.double(), args[0].double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    state = {name: value.clone() for name, value in module.state_dict().items()}
    element = block.sample(1, state)
    moved = element.apply(state)
    assert (moved["out.weight"] - state["out.weight"]).abs().max() > 1e-2
    before = module(x)
    module.load_state_dict(moved)
    torch.testing.assert_close(module(x), before, rtol=1e-9, atol=1e-9)
    back = element.inverse().apply(moved)
    for name in state:
        torch.testing.assert_close(back[name], state[name], rtol=0, atol=1e-11)


def _drop(family: dict[str, Any], slices: dict[str, Any]) -> None:
    family["via"].remove(slices["norm2.weight"])


def _reader(slices: dict[str, Any]) -> dict[str, Any]:
    """How the slice of the gain moves the tensor that reads it."""
    moves: list[dict[str, Any]] = slices["norm2.weight"]["action"]
    return next(m for m in moves if m["parameter"] == "out.weight")


def _sign(family: dict[str, Any], slices: dict[str, Any]) -> None:
    _reader(slices)["weight"] = "1"


def _root(family: dict[str, Any], slices: dict[str, Any]) -> None:
    _reader(slices)["weight"] = "-3/2"


def _size(family: dict[str, Any], slices: dict[str, Any]) -> None:
    slices["norm2.weight"]["element"]["size"] = 5


def _copies(family: dict[str, Any], slices: dict[str, Any]) -> None:
    slices["norm2.weight"]["element"]["copies"] = [2]


def _repeat(family: dict[str, Any], slices: dict[str, Any]) -> None:
    family["via"].append(slices["norm2.weight"])


def _place(family: dict[str, Any], slices: dict[str, Any]) -> None:
    _reader(slices)["at"]["axis"] = -1


def _full(family: dict[str, Any], slices: dict[str, Any]) -> None:
    family["full"]["via"].pop()


@pytest.mark.parametrize(
    "change", [_drop, _sign, _root, _size, _copies, _repeat, _place, _full]
)
def test_a_tampered_slice_is_rejected(block: Derivation, change: Any) -> None:
    data = json.loads(block.to_json())
    family = next(f for f in data["generators"] if f["element"]["kind"] == "so1")
    change(family, {t["parameter"]: t for t in family["via"]})
    try:
        assert Derivation.from_plain(sealed(data)).verify().verdict is Verdict.REFUTED
    except BadInputError as error:
        assert "via" in str(error)  # it is no slice at all


def test_casts_to_float32_are_widened() -> None:
    x = torch.full((3,), 1 / 3, dtype=torch.float64)
    narrow = x.float().to(torch.float64)
    with Widened():
        assert torch.equal(x.float(), x) and torch.equal(x.to(torch.float32), x)
        assert torch.softmax(x, -1, dtype=torch.float32).dtype == torch.float64
    assert not torch.equal(narrow, x)


BACKWARD_ONLY = '''
class Relu(torch.autograd.Function):
    """An op with a backward formula and no forward derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent * (ctx.saved_tensors[0] > 0)


class Activation(torch.nn.Module):
    def forward(self, x):
        return Relu.apply(x)
'''


def test_an_op_without_forward_derivative_falls_back_to_double_backward(tmp_path: Path) -> None:
    spec = copy.deepcopy(STATEMENTS["mlp"])
    source = spec["target"]["source"].replace("torch.nn.ReLU()", "Activation()")
    spec["target"]["source"] = source.replace("import torch\n", "import torch\n" + BACKWARD_ONLY)
    status, record = record_of(tmp_path, spec)
    assert status == 0
    notes = [row["note"] for row in record["rows"] if row["check"] == "tangent"]
    assert len(notes) == 2 and all(note.startswith("double backward") for note in notes)
