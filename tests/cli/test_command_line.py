"""Every verb as a user calls it: what it writes, prints and returns, and every bad input."""

import copy
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file

import symgauge
from symgauge import Derivation, Verdict, zoo
from symgauge.certify.evidence import all_evidence
from symgauge.cli.main import main
from symgauge.derivation.seal import sealed

#: Factories of a user's own file: the good ones, and one for each kind of bad input.
TARGETS = '''
import sys
import time
import torch
from torch import nn

X = torch.randn(1, 3, generator=torch.Generator().manual_seed(0))
FULL = {"width": 7}


def factory(width=2, scale=1.0, widths=(3, 2), bias=True):
    print("a factory may print")
    return nn.Sequential(nn.Linear(3, width, bias=bias), nn.ReLU(), nn.Linear(width, 2)), [X]


def with_kwargs():
    class Scaled(nn.Linear):
        def forward(self, x, factor=1.0):
            return super().forward(x) * factor
    return Scaled(3, 2), (X,), {"factor": 2.0}


def packed():
    class Own(nn.MultiheadAttention):
        def forward(self, x):
            return super().forward(x, x, x, need_weights=False)[0]
    return Own(4, 2, batch_first=True).eval(), (torch.randn(1, 3, 4),)


def high_power():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(2.0))
        def forward(self, x):
            return (self.a**40 + self.b**40 + self.a) * torch.relu(x)  # branches: no minors
    return Own(), (X,)


def two_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(2, 2)
        def forward(self, x):
            return {"first": self.a(x), "second": self.b(torch.tanh(self.a(x)))}
    return Two(), (X,)


HOSTILE = ["a\\x1b[31m", "$%_{}\\\\input{/etc/passwd}", "'; import os #", "\\u00fc\\u4e2d <|> "]


def _named(names):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            for name in names:
                self.add_module(name, nn.Linear(3, 3))
        def forward(self, x):
            for name in names:
                x = getattr(self, name)(x)
            return x
    return Named(), (X,)


def hostile():
    return _named(HOSTILE)


def line_break():
    return _named(["a\\n\\x1b[31mb"])


class NormOfNorm(nn.Module):
    """A norm of what is normed: two roots that no evidence tells apart."""

    def __init__(self):
        super().__init__()
        self.w, self.a, self.b = (nn.Parameter(torch.randn(n, 3)) for n in (3, 2, 2))

    def forward(self, x):
        once, again = (nn.RMSNorm(3, eps=0.0, elementwise_affine=False) for _ in range(2))
        y = once(x @ self.w.T)
        return y @ self.a.T + again(y) @ self.b.T


def norm_of_norm():
    return NormOfNorm(), (torch.randn(1, 3),)


def returns_a_module():
    return nn.Linear(3, 2)


def returns_no_module():
    return 3, (X,)


def returns_a_tensor():
    return nn.Linear(3, 2), X


def needs_an_argument(width):
    return nn.Linear(3, width), (X,)


def takes_a_tensor(start=X):
    return nn.Linear(3, 2), (X,)


def fails():
    raise RuntimeError("first line\\nsecond line")


def exits():
    sys.exit(5)


def dropout():
    return nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)), (X,)


def branch():
    class Branch(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else super().forward(-x)
    return Branch(3, 2), (X,)


def unsupported():
    class Bessel(nn.Linear):
        def forward(self, x):
            return torch.special.bessel_j0(super().forward(x))
    return nn.Sequential(nn.Linear(3, 3), Bessel(3, 2)), (X,)


def _with(parameter):
    class Has(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.extra = nn.Parameter(parameter, requires_grad=parameter.is_complex())
    return Has(), (X,)


def complex_parameter():
    return _with(torch.ones(2, dtype=torch.complex64))


def integer_parameter():
    return _with(torch.ones(2, dtype=torch.int64))


def quantised():
    import warnings
    warnings.simplefilter("ignore")
    model = nn.Sequential(nn.Linear(3, 2))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}), (X,)


def no_parameters():
    return nn.Sequential(nn.ReLU()), (X,)


def frozen():
    return nn.Linear(3, 2).requires_grad_(False), (X,)


def empty():
    return nn.Linear(3, 2), (torch.zeros(0, 3),)


def nan():
    return nn.Linear(3, 2), (X * float("nan"),)


def complex_example():
    return nn.Linear(3, 2), (X * 1j,)


def wrong_example():
    return nn.Linear(3, 2), (X, X)


def integer_output():
    class Chosen(nn.Linear):
        def forward(self, x):
            return super().forward(x).argmax(-1)
    return Chosen(3, 2), (X,)


def ignores_its_parameters():
    class Same(nn.Linear):
        def forward(self, x):
            return torch.ones(2)
    return Same(3, 2), (X,)


def large():
    return nn.Linear(3, 20000), (X,)


def slow():
    print("sleeping", file=sys.stderr, flush=True)
    time.sleep(60)


not_callable = 3
'''


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line of standard error."""
        return self.err.strip().splitlines()[-1]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with the user's file; no LaTeX engine (others test the PDF)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("symgauge.typesetting.compile.find_engine", lambda: None)
    Path("own.py").write_text(TARGETS)
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    def command(*arguments: str | Path) -> Result:
        status = main([str(a) for a in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Result(status, captured.out, captured.err)

    return command


def files(folder: str | Path = ".") -> list[str]:
    """Everything below a folder, hidden and temporary files too."""
    return sorted(
        str(p.relative_to(folder)) for p in Path(folder).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    )


def fits(text: str) -> None:
    # a path is as long as it is
    lines = [line for line in text.splitlines() if not line.startswith("written to ")]
    assert lines and max(map(len, lines)) <= 80
    assert all(c.isprintable() for line in lines for c in line)


# -- derive --------------------------------------------------------------------------------------

KEYS = {
    "schema", "name", "target", "sizes", "full_sizes", "observable", "parameters", "unread", "rank",
    "redundancy", "generators", "discrete", "orbit_dimension", "unexplained", "closed", "algebra",
    "certificate", "hypotheses", "verdict", "scope", "seed", "versions", "seconds",
}


def test_derive_a_zoo_name(run: Any) -> None:
    result = run("derive", "mlp", "--set", "hidden_features=3", "--set", "activation=leaky_relu")
    assert result.status == 0
    fits(result.out)
    assert files("symgauge-mlp") == ["derivation.json", "derivation.tex", "test_mlp.py"]
    derivation = symgauge.Derivation.from_json(Path("symgauge-mlp/derivation.json").read_text())
    data = derivation.data
    assert KEYS <= set(data)
    assert (data["parameters"], data["redundancy"], data["verdict"]) == (20, 3, "PROVED")
    assert data["sizes"]["hidden_features"] == 3 and data["sizes"]["activation"] == "leaky_relu"
    assert data["full_sizes"]["in_features"] == 784
    assert data["algebra"] | {"radical": 3} == data["algebra"] and data["algebra"]["form"] == "R^3"
    assert sum(f["dimension"] for f in data["generators"]) == data["algebra"]["dimension"]
    for family in data["generators"]:
        assert {"label", "algebra", "dimension", "tensors", "action", "proof"} <= set(family)
    assert data["certificate"]["digest"] and isinstance(data["certificate"]["generators"], list)
    assert {"capture", "derive", "certify"} <= set(data["seconds"])
    assert {"symgauge", "python", "torch"} <= set(data["versions"])


def test_evidence_that_was_not_tried_is_named(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hypotheses are left; of what was tried nothing is said."""
    said = "symgauge: hypotheses are left: symgauge certify --"
    tried = run("derive", "own.py:norm_of_norm")
    assert tried.status == 2 and said not in tried.err
    for name, kind in reversed(all_evidence().items()):
        monkeypatch.setattr(kind, "by_itself", 0)
        monkeypatch.setattr(kind, "by_itself_open", 0)
        found = run("derive", "own.py:norm_of_norm")
        assert found.status == 2
        assert f"{said}{name} symgauge-norm_of_norm/derivation.json needs none" in found.err


def test_json_alone_on_standard_output(run: Any) -> None:
    """Progress, and what a factory prints, go to standard error."""
    result = run("derive", "own.py:factory", "--set", "width=3", "--out", "x/y", "--json")
    assert result.status == 0
    data = json.loads(result.out)
    written = Path("x/y/derivation.json").read_text()
    assert symgauge.Derivation.from_json(result.out).to_json() == written
    assert data["name"] == "own" and data["target"] == "own.py:factory"
    assert data["sizes"] == {"width": 3, "scale": 1.0, "widths": [3, 2], "bias": True}
    assert data["full_sizes"]["width"] == 7
    assert "a factory may print" in result.err and "symgauge: capture" in result.err
    assert files("x/y") == ["derivation.json", "derivation.tex", "test_own.py"]


def test_derive_again_replaces_the_files(run: Any) -> None:
    for bias in ("true", "false"):
        assert run("derive", "own.py:factory", "--set", f"bias={bias}", "--out", "x").status == 0
    data = json.loads(Path("x/derivation.json").read_text())
    assert data["certificate"]["parameters"] == 12 and len(files("x")) == 3


def test_seed_and_other_arguments(run: Any) -> None:
    result = run("derive", "own.py:with_kwargs", "--seed", 7, "--json", "--out", "x")
    data = json.loads(result.out)
    assert (result.status, data["seed"], data["parameters"]) == (0, 7, 8)


def test_package_targets(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path("own_package")
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(TARGETS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        result = run("derive", "own_package.models:factory", "--json", "--out", "x")
        assert (result.status, json.loads(result.out)["redundancy"]) == (0, 2)
        assert "own_package.models" in Path("x/test_models.py").read_text().splitlines()[0]
        # the package is found from here by the check, too
        check = run("check", "x/derivation.json", "--json")
        assert (check.status, json.loads(check.out)["ok"]) == (0, True)
    finally:
        for name in ("own_package", "own_package.models"):
            sys.modules.pop(name, None)


def test_outputs_and_observables(run: Any) -> None:
    def facts(*arguments: str) -> tuple[int, int]:
        result = run("derive", "own.py:two_outputs", *arguments, "--json", "--out", "x")
        assert result.status == 0, result.err
        data = json.loads(result.out)
        return data["parameters"], data["redundancy"]

    assert facts() == (14, 0)
    assert facts("--output", "first") == facts("--output", "0") == (8, 0)
    assert facts("--output", "second") == facts("--output", "1") == (14, 0)
    # log_softmax: one shift of the bias, and one of each column of the weight
    assert facts("--output", "0", "--observable", "probabilities") == (8, 4)
    result = run("derive", "own.py:two_outputs", "--output", "third", "--out", "z")
    assert result.status == 3 and "first, second" in result.sentence


def test_a_piecewise_claim_is_about_its_cell(run: Any) -> None:
    result = run("derive", "own.py:factory", "--out", "x")
    assert "every generator on the cell of theta0" in " ".join(result.out.split())
    for text in (result.out, Path("x/derivation.tex").read_text()):
        assert "at a generic point" not in text
    assert "at a generic point" in run("derive", "own.py:with_kwargs", "--out", "y").out


def test_labels_name_the_blocks_of_packed_tensors(run: Any) -> None:
    """Query, key and value share one tensor: which of its rows move is what matters."""
    result = run("derive", "own.py:packed", "--out", "x", "--json")
    labels = [family["label"] for family in json.loads(result.out)["generators"]]
    assert any("in_proj_weight[0:4], in_proj_weight[4:8]" in label for label in labels), labels
    assert any("in_proj_bias[4:8]" in label for label in labels), labels


def test_undecided_is_status_2(run: Any) -> None:
    # one direction is left that no generator of the ansatz makes
    result = run("derive", "own.py:high_power", "--out", "x")
    assert result.status == 2
    fits(result.out)
    assert "UNKNOWN" in result.out and "unexplained" in result.out
    result = run("verify", "x/derivation.json")
    assert result.status == 2
    fits(result.out)


def test_hostile_names(run: Any) -> None:
    result = run("derive", "own.py:hostile", "--out", "x")
    assert result.status == 0, result.err
    fits(result.out)
    assert all(c.isprintable() or c == "\n" for c in result.err)
    assert files("x") == ["derivation.json", "derivation.tex", "test_hostile.py"]
    for name in files("x"):
        assert Path("x", name).read_text(encoding="ascii")
    assert "\\input{/etc" not in Path("x/derivation.tex").read_text()
    data = json.loads(Path("x/derivation.json").read_text())
    assert any("\x1b[31m" in t["name"] for t in data["tensors"])
    assert run("verify", "x/derivation.json", "--target", "own.py:hostile").status == 0
    check = run("check", "x/derivation.json", "--json")
    assert (check.status, json.loads(check.out)["ok"]) == (0, True)


# -- bad input -----------------------------------------------------------------------------------

BAD_TARGETS = {
    "nosuch": "attention, convolutional",
    "own.py": "path/to/file.py:factory",
    "nosuch.py:factory": "no file nosuch.py",
    "own.py:nosuch": "no function 'nosuch'",
    "own.py:not_callable": "no function 'not_callable'",
    "own.py:": "no function ''",
    ":factory": "there is no module",
    "no.such.package:factory": "there is no module",
    "torch:relu": "no Python function",
    "torch.nn:ReLU": "it must return (module, args)",
    "own.py:returns_a_module": "a Linear; it must return (module, args)",
    "own.py:returns_no_module": "(int, tuple)",
    "own.py:returns_a_tensor": "(Linear, Tensor)",
    "own.py:needs_an_argument": "'width' of the factory has no default",
    "own.py:takes_a_tensor": "size 'start' is a Tensor",
    "own.py:fails": "RuntimeError: first line",
    "own.py:exits": "SystemExit: 5",
    "own.py:dropout": "call .eval()",
    "own.py:branch": "data-dependent branch",
    "own.py:unsupported": "special_bessel_j0",
    "own.py:complex_parameter": "extra is complex",
    "own.py:integer_parameter": "extra has dtype torch.int64",
    "own.py:quantised": "quantised",
    "own.py:no_parameters": "no parameters",
    "own.py:frozen": "no parameters that require grad",
    "own.py:empty": "empty tensor",
    "own.py:nan": "NaN",
    "own.py:complex_example": "complex",
    "own.py:wrong_example": "does not run on the example",
    "own.py:integer_output": "no floating tensor",
    "own.py:ignores_its_parameters": "no output depends",
    "own.py:line_break": "rename it",
    "own.py:large": "minutes and",
    "broken.py:factory": "SyntaxError",
    "exits.py:factory": "SystemExit",
    "folder.py:factory": "no file folder.py",
    "latin.py:factory": "fails with",
}


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_bad_targets(run: Any, target: str) -> None:
    Path("broken.py").write_text("def factory(:\n")
    Path("exits.py").write_text("raise SystemExit(0)\n")
    Path("latin.py").write_bytes(b"x = '\xe9'\n")
    Path("folder.py").mkdir()
    before = files()
    for verb in ("derive", "check"):
        out = ("--out", "x") if verb == "derive" else ()
        result = run(verb, target, *out)
        assert result.status == 3, result
        assert result.out == ""
        assert BAD_TARGETS[target] in result.sentence
        assert result.sentence.isprintable()
        assert result.sentence.startswith("symgauge: ") and len(result.sentence) < 500
        if verb == "derive":
            assert files() == before and not Path("x").exists()


def test_the_module_path_of_an_op_without_a_rule(run: Any) -> None:
    result = run("derive", "own.py:unsupported")
    assert "1 (Bessel)" in result.sentence and "ops/special_bessel_j0.py" in result.sentence


@pytest.mark.parametrize("arguments", [
    (),
    ("nosuch",),
    ("derive",),
    ("derive", "mlp", "glu"),
    ("derive", "mlp", "--nosuch"),
    ("derive", "mlp", "--seed", "x"),
    ("derive", "mlp", "--seed", "-1"),
    ("derive", "mlp", "--observable", "nosuch"),
    ("derive", "mlp", "--set", "nosuch=3"),
    ("derive", "mlp", "--set", "hidden_features"),
    ("derive", "mlp", "--set", "=3"),
    ("derive", "mlp", "--set", "hidden_features=x"),
    ("derive", "mlp", "--set", "hidden_features=-1"),
    ("derive", "mlp", "--set", "hidden_features=0"),
    ("derive", "mlp", "--set", "bias=perhaps"),
    ("derive", "mlp", "--set", "activation=nosuch"),
    ("derive", "attention", "--set", "embed_dim=5"),
    ("derive", "attention", "--set", "embed_dim=2000"),
    ("derive", "own.py:factory", "--set", "widths=1,x"),
    ("check", "mlp", "--dtype", "float16"),
    ("check", "mlp", "--device", "nosuch"),
    ("check", "own.py:with_kwargs", "--size", "full", "--set", "nosuch=1"),
    ("verify",),
    ("verify", "nosuch.json"),
    ("verify", "."),
    ("apply", "nosuch.json", "a.safetensors"),
    ("apply", "nosuch.json", "a.safetensors", "b.safetensors"),
    ("prove", "nosuch.py"),
])
def test_usage_errors(run: Any, arguments: tuple[str, ...]) -> None:
    before = files()
    result = run(*arguments)
    assert (result.status, result.out) == (3, "")
    assert result.sentence.startswith("symgauge: ")
    assert files() == before


def test_full_size_without_full_sizes(run: Any) -> None:
    Path("small.py").write_text(TARGETS.replace("FULL =", "LARGE ="))
    result = run("check", "small.py:factory", "--size", "full")
    assert result.status == 3 and "FULL" in result.sentence
    Path("odd.py").write_text(TARGETS.replace("FULL = {\"width\": 7}", "FULL = 7"))
    result = run("derive", "odd.py:factory", "--out", "x")
    assert result.status == 3 and "FULL is a int" in result.sentence and not Path("x").exists()


def test_out_is_a_file(run: Any) -> None:
    Path("taken").write_text("mine")
    result = run("derive", "mlp", "--out", "taken")
    assert result.status == 3 and "--out taken is a file" in result.sentence
    # below a file
    result = run("derive", "mlp", "--out", "taken/below")
    assert result.status == 3 and "taken is a file" in result.sentence
    assert Path("taken").read_text() == "mine" and files() == ["own.py", "taken"]


def test_a_derivation_that_is_none(run: Any) -> None:
    assert run("derive", "mlp", "--set", "hidden_features=2", "--out", "x").status == 0
    text = Path("x/derivation.json").read_text()
    save_file({}, "in.safetensors")
    broken = {
        "truncated": text[:len(text) // 2].encode(),
        "empty": b"",
        "binary": bytes(range(256)),
        "another": b'{"schema": "other"}',
        "list": b"[]",
        "deep": b"[" * 100000,
        "number": b"1" * 5000,
        "incomplete": json.dumps({k: v for k, v in json.loads(text).items() if k != "tensors"})
        .encode(),
    }
    for name, content in broken.items():
        path = Path(f"{name}.json")
        path.write_bytes(content)
        for command in (
            ("verify", path), ("check", path), ("certify", "--balls", path),
            ("apply", path, "in.safetensors", "out.safetensors"),
        ):
            result = run(*command)
            assert (result.status, result.out) == (3, ""), (name, command, result)
            assert name in result.sentence or "derive again" in result.sentence
    assert not Path("out.safetensors").exists()


def test_a_derivation_that_was_edited(run: Any) -> None:
    assert run("derive", "own.py:factory", "--out", "x").status == 0
    data = json.loads(Path("x/derivation.json").read_text())
    data["generators"][0]["action"][0]["weight"] = "2"
    Path("unsealed.json").write_text(json.dumps(data))
    result = run("verify", "unsealed.json")
    assert result.status == 1 and "edited after its digest was made" in " ".join(result.out.split())
    Path("edited.json").write_text(json.dumps(sealed(data)))
    save_file(dict(torch.nn.Linear(3, 2).state_dict()), "in.safetensors")
    for command in (
        ("verify", "edited.json"),
        ("check", "edited.json"),
        ("certify", "--balls", "edited.json"),
        ("apply", "edited.json", "in.safetensors", "out.safetensors"),
    ):
        result = run(*command)
        assert result.status == 1, (command, result)
    assert not Path("out.safetensors").exists()
    result = run("verify", "edited.json")
    fits(result.out)
    assert "REFUTED" in result.out


def test_options_that_belong_to_a_target(run: Any) -> None:
    assert run("derive", "own.py:factory", "--out", "x").status == 0
    for option in (("--set", "width=3"), ("--output", "0"), ("--observable", "probabilities")):
        assert run("check", "x/derivation.json", *option).status == 3


# -- check, verify, zoo, help --------------------------------------------------------------------


def test_check_and_verify(run: Any) -> None:
    assert run("derive", "own.py:factory", "--out", "x").status == 0
    for size in ("small", "full"):
        result = run("check", "x/derivation.json", "--size", size)
        assert result.status == 0 and "every check passed" in result.out
        fits(result.out)
    result = run("check", "own.py:factory", "--set", "width=3", "--dtype", "float32", "--json")
    record = json.loads(result.out)
    assert (result.status, record["ok"], record["dtype"]) == (0, True, "float32")
    assert record["sizes"]["width"] == 3
    result = run("verify", "x/derivation.json")
    fits(result.out)
    assert result.status == 0 and "PROVED" in result.out
    assert "kernel" in result.out and "CONFIRMED" in result.out
    result = run("verify", "x/derivation.json", "--kernel")
    fits(result.out)
    assert result.status == 0 and "CONFIRMED" in result.out and "PROVED" not in result.out
    result = run("verify", "x/derivation.json", "--kernel", "--target", "own.py:factory")
    assert result.status == 3 and "--target" in result.sentence
    # sizes of the derivation are those of the target, tuples included
    result = run("verify", "x/derivation.json", "--target", "own.py:factory", "--json")
    answer = json.loads(result.out)
    assert (result.status, answer["verdict"]) == (0, "PROVED")
    assert set(answer) == {"verdict", "reasons", "hypotheses", "scope", "left_out", "kernel"}
    rank = symgauge.Derivation.from_json(Path("x/derivation.json").read_text()).rank
    assert (answer["kernel"]["verdict"], answer["kernel"]["rank_J"]) == ("CONFIRMED", rank)
    assert {text.partition(":")[0] for text in answer["left_out"]} == {
        "cells", "notes", "seed", "versions", "seconds"}
    result = run("verify", "x/derivation.json", "--set", "width=3")
    assert result.status == 3 and "--target" in result.sentence
    result = run("verify", "x/derivation.json", "--target", "own.py:two_outputs")
    assert result.status == 3 and "no size 'width'" in result.sentence
    result = run("verify", "x/derivation.json", "--target", "mlp", "--set", "bias=true")
    assert result.status == 1
    fits(result.out)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_check_without_its_device(run: Any) -> None:
    result = run("check", "own.py:factory", "--device", "cuda")
    assert result.status == 3 and "CUDA" in result.sentence


def test_zoo(run: Any) -> None:
    result = run("zoo")
    fits(result.out)
    assert result.status == 0
    listed = json.loads(run("zoo", "--json").out)
    assert [entry["name"] for entry in listed] == zoo.names()


@pytest.mark.parametrize("verb", [
    "", "derive", "check", "verify", "certify", "apply", "prove", "zoo",
])
def test_help(run: Any, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*filter(None, [verb]), "--help")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("usage: symgauge") and max(map(len, result.out.splitlines())) <= 80
    assert "--json" in result.out or not verb
    assert re.fullmatch(r"symgauge \d+\.\d+\.\d+\n", run("--version").out)


def test_an_internal_error_is_named(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("planted\nsecond line")

    monkeypatch.setattr("symgauge.derivation.derive.derive_network", broken)
    result = run("derive", "own.py:factory", "--out", "x")
    assert result.status == 4 and "internal error: ZeroDivisionError: planted" in result.sentence
    assert not Path("x").exists()
    monkeypatch.setenv("SYMGAUGE_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["derive", "own.py:factory"])


@pytest.mark.parametrize(("target", "moment"), [
    ("own.py:slow", "sleeping"),
    ("attention", "symgauge: rank of the Jacobian"),
])
def test_interrupted(target: str, moment: str) -> None:
    command = [sys.executable, "-m", "symgauge", "derive", target, "--out", "x"]
    if target == "attention":
        command += ["--set", "embed_dim=12", "--set", "tokens=7"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        seen = ""
        for line in process.stderr:
            seen += line
            if moment in line:
                break
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130, seen + rest
        assert rest.strip().splitlines()[-1] == "symgauge: interrupted"
        assert "Traceback" not in rest and process.stdout.read() == ""
    assert files() == ["own.py"]


def test_an_interrupt_in_a_callback_is_not_lost() -> None:
    """The interpreter swallows what a callback of a weak reference raises."""
    Path("own.py").write_text(
        "import os, signal, time, weakref\n"
        "class Held:\n    pass\n"
        "def factory():\n"
        "    held = Held()\n"
        "    kept = weakref.ref(held, lambda _: os.kill(os.getpid(), signal.SIGINT))\n"
        "    del held\n"
        "    time.sleep(60)\n")
    done = subprocess.run(
        [sys.executable, "-m", "symgauge", "derive", "own.py:factory", "--out", "x"],
        capture_output=True, text=True, timeout=50,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))})
    assert done.returncode == 130
    assert done.stderr.strip().splitlines()[-1] == "symgauge: interrupted"
    assert "Exception ignored" not in done.stderr
    assert files() == ["own.py"]


# -- apply ---------------------------------------------------------------------------------------


def output(module: torch.nn.Module, args: Any, state: dict[str, torch.Tensor]) -> torch.Tensor:
    module = copy.deepcopy(module)
    module.load_state_dict(state)
    with torch.no_grad():
        found: torch.Tensor = module(*args)
    return found


@pytest.mark.parametrize("target", ["attention", "glu", "mlp"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_apply_leaves_the_outputs(run: Any, target: str, dtype: torch.dtype) -> None:
    assert run("derive", target, "--out", "x").status == 0
    module, args = zoo.load(target).factory()
    module, args = module.to(dtype), [a.to(dtype) for a in args]
    save_file(dict(module.state_dict()), "in.safetensors", metadata={"format": "pt"})
    result = run("apply", "x/derivation.json", "in.safetensors", "out.safetensors", "--seed", 3)
    assert result.status == 0, result.err
    fits(result.out)
    before, after = load_file("in.safetensors"), load_file("out.safetensors")
    assert {n: (t.shape, t.dtype) for n, t in before.items()} == {
        n: (t.shape, t.dtype) for n, t in after.items()}
    assert max(float((before[n] - after[n]).abs().max()) for n in before) > 0.05
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(
        output(module, args, after), output(module, args, before), rtol=tolerance, atol=tolerance)
    # another seed, another element; the same seed, the same file
    again = run("apply", "x/derivation.json", "in.safetensors", "b.safetensors", "--seed", 3,
                "--json")
    assert json.loads(again.out)["written"] == "b.safetensors"
    assert Path("b.safetensors").read_bytes() == Path("out.safetensors").read_bytes()
    run("apply", "x/derivation.json", "in.safetensors", "b.safetensors", "--seed", 4, "--force")
    assert Path("b.safetensors").read_bytes() != Path("out.safetensors").read_bytes()


def test_apply_and_its_inverse(run: Any) -> None:
    assert run("derive", "attention", "--out", "x").status == 0
    module, _ = zoo.load("attention").factory()
    start = dict(module.double().state_dict())
    save_file(start, "in.safetensors")
    run("apply", "x/derivation.json", "in.safetensors", "out.safetensors", "--seed", 5)
    derivation = Derivation.from_json(Path("x/derivation.json").read_text())
    element = derivation.sample(5, start)
    moved, written = element.apply(start), load_file("out.safetensors")
    # the command moves arrays of numpy, whose sums are rounded otherwise than torch's
    arrays = element.apply({name: tensor.numpy() for name, tensor in start.items()})
    assert all((written[name].numpy() == arrays[name]).all() for name in start)
    torch.testing.assert_close(moved, written, rtol=0, atol=1e-14)
    torch.testing.assert_close(element.inverse().apply(moved), start, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        element.inverse().inverse().apply(start), moved, rtol=1e-12, atol=1e-12)


def test_apply_at_the_full_sizes(run: Any) -> None:
    """The derivation is at the small sizes, one's own weights are not."""
    assert run("derive", "own.py:factory", "--out", "x").status == 0
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 7), torch.nn.ReLU(), torch.nn.Linear(7, 2)).double()
    save_file(dict(module.state_dict()), "in.safetensors")
    result = run("apply", "x/derivation.json", "in.safetensors", "out.safetensors")
    assert result.status == 0, result.err
    x = torch.randn(5, 3, dtype=torch.float64)
    after = load_file("out.safetensors")
    assert not torch.equal(after["0.weight"], module.state_dict()["0.weight"])
    torch.testing.assert_close(output(module, (x,), after), module(x).detach())


GAIN = '''
import torch
from torch import nn


class Gain(nn.Module):
    """x (1 + w) / |x|, read: the norm of Gemma."""
    def __init__(self, d):
        super().__init__()
        self.w, self.read = nn.Parameter(torch.randn(d)), nn.Linear(d, 2)
    def forward(self, x):
        return self.read(x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.w))


def factory(d=3):
    return Gain(d), (torch.randn(4, d, generator=torch.Generator().manual_seed(0)),)
'''


@pytest.mark.parametrize("dtype, tolerance", [
    (torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_apply_to_a_gain_with_an_offset(run: Any, dtype: torch.dtype, tolerance: float) -> None:
    Path("gain.py").write_text(GAIN)
    assert run("derive", "gain.py:factory", "--out", "x").status == 0
    scope: dict[str, Any] = {}
    exec(GAIN, scope)
    module, args = scope["factory"]()
    save_file(dict(module.to(dtype).state_dict()), "in.safetensors")
    result = run("apply", "x/derivation.json", "in.safetensors", "out.safetensors", "--seed", 1)
    assert result.status == 0, result.err
    before, after = load_file("in.safetensors"), load_file("out.safetensors")
    assert {t.dtype for t in after.values()} == {dtype}
    assert float((after["w"] - before["w"]).abs().max()) > 0.05
    wide = [{n: t.double() for n, t in state.items()} for state in (before, after)]
    args = [a.double() for a in args]
    old, new = (output(module.double(), args, state) for state in wide)
    torch.testing.assert_close(new, old, rtol=tolerance, atol=tolerance)
    # what is quantised is not moved, and nothing is written
    packed = {**before, "read.weight": torch.ones(2, 3, dtype=torch.int8)}
    save_file(packed, "packed.safetensors")
    there = files()
    result = run("apply", "x/derivation.json", "packed.safetensors", "other.safetensors")
    assert result.status == 3 and "read.weight holds int8 entries" in result.sentence
    assert files() == there


def test_weights_that_do_not_fit(run: Any) -> None:
    assert run("derive", "own.py:factory", "--out", "x").status == 0
    state = dict(torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2)).state_dict())
    save_file(state, "good.safetensors")
    whole = Path("good.safetensors").read_bytes()
    Path("truncated.safetensors").write_bytes(whole[:-10])
    Path("header.safetensors").write_bytes(whole[:6])
    Path("empty.safetensors").write_bytes(b"")
    Path("pickled.safetensors").write_bytes(pickle.dumps({"a": 1}))
    torch.save(state, "saved.safetensors")
    save_file({n: t.double() for n, t in state.items() if n != "0.bias"}, "missing.safetensors")
    save_file({n: t[:1].clone() for n, t in state.items()}, "shapes.safetensors")
    Path("folder.safetensors").mkdir()
    before = files()
    for name, words in {
        "truncated": "not a complete safetensors file", "header": "not a complete safetensors",
        "empty": "not a complete safetensors", "pickled": "pickles are not read",
        "saved": "pickles are not read", "missing": "0.bias is missing",
        "shapes": "0.weight has shape [1, 3]", "folder": "holds neither", "nosuch": "no file",
    }.items():
        result = run("apply", "x/derivation.json", f"{name}.safetensors", "out.safetensors")
        assert (result.status, result.out) == (3, ""), name
        assert words in result.sentence
        assert files() == before
    # a place that cannot be written
    result = run("apply", "x/derivation.json", "good.safetensors", "folder.safetensors")
    assert result.status == 3 and "cannot write" in result.sentence and files() == before


# -- Python --------------------------------------------------------------------------------------


def test_the_python_interface() -> None:
    module, args = zoo.load("mlp").factory(hidden_features=2)
    derivation = symgauge.derive(module, args)
    assert (derivation.parameters, derivation.redundancy, derivation.closed) == (14, 2, True)
    assert derivation.verdict is Verdict.PROVED and derivation.algebra.form == "R^2"
    assert symgauge.verify(derivation.certificate).verdict is Verdict.PROVED
    assert symgauge.verify(derivation.certificate.to_json()).verdict is Verdict.PROVED
    assert derivation.verify().verdict is Verdict.PROVED
    assert "R^2" in repr(derivation)
    with pytest.raises(AttributeError, match="nosuch"):
        _ = derivation.nosuch
    assert derivation.to_latex().startswith(r"\documentclass")
    again = Derivation.from_json(derivation.to_json())
    assert again.to_json() == derivation.to_json() and again.rank == derivation.rank
    assert copy.deepcopy(derivation).rank == pickle.loads(pickle.dumps(derivation)).rank == 12
    # a module alone names no file from which a check could rebuild it
    with pytest.raises(symgauge.BadInputError, match="TARGET"):
        derivation.write_check("check.py")
    assert not Path("check.py").exists()
    state = module.double().state_dict()
    moved = derivation.sample(1).apply(state)
    x = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(output(module, (x,), moved), module(x).detach())
    arrays = {n: t.numpy() for n, t in state.items()}
    moved = derivation.sample(1).apply(arrays)
    assert {n: (a.dtype, a.shape) for n, a in moved.items()} == {
        n: (a.dtype, a.shape) for n, a in arrays.items()}
    for wrong in ({}, {n: t[:1] for n, t in state.items()}):
        with pytest.raises(symgauge.BadInputError, match="weight"):
            derivation.sample(1, wrong)


def test_write_check_of_a_target(run: Any) -> None:
    assert run("derive", "own.py:factory", "--out", "x").status == 0
    derivation = Derivation.from_json(Path("x/derivation.json").read_text())
    derivation.write_check("check.py")
    assert Path("check.py").read_text() == Path("x/test_own.py").read_text()
    done = subprocess.run([sys.executable, "check.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.raises(symgauge.BadInputError, match="cannot write"):
        derivation.write_check("check.py/below")
