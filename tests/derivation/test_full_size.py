"""`derive --full`: the group of a model at sizes where no weight is allocated."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sympy import sympify

from symgauge import zoo
from symgauge.capture import load_target
from symgauge.cli.main import main
from symgauge.derivation.derive import derive_target
from symgauge.derivation.full import FullDerivation, derive_full
from symgauge.derivation.seal import sealed
from symgauge.errors import BadInputError
from symgauge.report.full_size import print_full
from symgauge.verdict import Verdict
from places import TARGETS

GPT2 = f"{TARGETS / 'gpt2_lm.py'}:factory"
LLAMA = f"{TARGETS / 'llama_lm.py'}:factory"


@pytest.fixture(scope="module")
def gpt2() -> FullDerivation:
    small = load_target(GPT2, zoo.load, {})
    sizes = {"n_embd": 16, "n_head": 4, "n_layer": 3, "n_inner": 24, "tokens": 5, "vocab_size": 50}
    return derive_full(small.at(sizes), small)


def by_hand(d: int, h: int, layers: int, inner: int, tokens: int) -> int:
    """A tied GPT-2: heads, key and value biases, norms, what norms do not see, read and written."""
    k = d // h
    heads = layers * h * (2 * k * k + 2 * k)
    norms = layers * 4 * d
    unseen = layers * (d + 1) + layers * (inner + 1) + tokens
    annihilated = layers * (3 * d + inner)
    return heads + norms + unseen + annihilated


def test_the_dimension_is_counted_from_the_graph(gpt2: FullDerivation) -> None:
    assert gpt2.dimension == by_hand(16, 4, 3, 24, 5)
    assert gpt2.orbit_dimension == gpt2.dimension and gpt2.stabiliser is None


def test_the_families_add_up_but_for_what_they_share(gpt2: FullDerivation) -> None:
    assert sum(g.dimension for g in gpt2.generators) == gpt2.dimension
    assert all(g.proof.verdict is Verdict.PROVED for g in gpt2.generators)
    assert len({g.class_ for g in gpt2.generators}) < len(gpt2.generators) / 2


def test_permutations(gpt2: FullDerivation) -> None:
    """Of the stream, which tied embeddings and gains let no rotation turn; of heads; of units."""
    assert gpt2.discrete is not None
    assert sorted((e.group, e.order) for e in gpt2.discrete) == [
        ("S_16", "16!"), *[("S_24", "24!")] * 3, *[("S_4", "4!")] * 3]
    assert r"$16! \cdot 4!^{3} \cdot 24!^{3}$ elements" in gpt2.to_latex()
    wrong = gpt2.plain()
    wrong["discrete"][0]["group"] = "S_17"
    edited = FullDerivation.from_plain(sealed(wrong)).verify()
    assert edited.verdict is Verdict.REFUTED and "discrete" in edited.reasons[0]
    # a record from before has none
    del wrong["discrete"]
    assert FullDerivation.from_plain(sealed(wrong)).verify().verdict is Verdict.PROVED


GRID = """
import torch
from torch import nn
class Grid(nn.Module):
    def __init__(self, rows, columns):
        super().__init__()
        self.shape = rows, columns
        self.a, self.c = nn.Linear(3, rows * columns), nn.Linear(rows * columns, 2)
    def forward(self, x):
        h = torch.tanh(self.a(x)).reshape(-1, *self.shape).transpose(1, 2)
        return self.c(h.flatten(1))
def factory(rows=2, columns=2):
    return Grid(rows, columns), (torch.randn(2, 3),)
"""


def test_permutations_of_one_axis_are_not_multiplied(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows and columns of a 2 x 2 grid of units, 2!^2 elements each, generate all 4!."""
    (tmp_path / "grid.py").write_text(GRID)
    small = load_target(f"{tmp_path / 'grid.py'}:factory", zoo.load, {})
    found = derive_full(small, small)
    assert found.discrete is not None and [e.order for e in found.discrete] == ["2!^2"] * 2
    text = found.to_latex()
    assert "The groups may overlap" in text and "a group of" not in text and "$2!^{2}$ each" in text
    print_full(found.data, Console(width=80))
    printed = capsys.readouterr().out
    assert "The groups may overlap" in printed and "2!^2 each" in printed


def test_a_lazy_module_is_refused_as_elsewhere(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lazy.py").write_text(
        "import torch\ndef factory():\n    return torch.nn.LazyLinear(2), (torch.ones(1, 3),)\n")
    said = set()
    for options in ([], ["--full"]):
        assert main(["derive", f"{tmp_path / 'lazy.py'}:factory", *options]) == 3
        said.add(capsys.readouterr().err.splitlines()[-1])
    assert len(said) == 1 and "weight has no shape yet" in said.pop()


def test_permutations_move_running_statistics() -> None:
    """A channel goes with the statistics of its norm, which the module alone tells."""
    small = load_target("convolutional", zoo.load, {"batch_norm": "true"})
    full = small.at({**small.sizes, "hidden_channels": 5})
    statistics = ("norms.0.running_mean", "norms.0.running_var")
    for found, target, group in (
            (derive_full(full, small), full, "S_5"), (derive_target(small), small, "S_3")):
        assert found.with_buffers is not None
        (one,) = found.with_buffers
        assert (one.group, one.buffers) == (group, statistics)
        assert set(statistics) < {m.parameter for m in one.action}
        assert "and the buffers norms.0.running" in one.label and "buffers" in found.to_latex()
        alone, again = found.verify(), found.verify(target)
        assert alone.verdict is again.verdict is Verdict.PROVED
        assert "with_buffers" in str(alone.left_out) and "with_buffers" not in str(again.left_out)
        wrong = found.plain()
        wrong["with_buffers"][0]["buffers"] = ["norms.0.running_var"]
        edited = type(found).from_plain(sealed(wrong)).verify(target)
        assert edited.verdict is Verdict.REFUTED and "buffers" in edited.reasons[0]
        none = type(found).from_plain(sealed({**wrong, "with_buffers": []})).verify(target)
        assert none.verdict is Verdict.REFUTED and "buffers" in none.reasons[0]
        del wrong["with_buffers"]  # as in a record from before
        absent = type(found).from_plain(sealed(wrong)).verify(target)
        assert absent.verdict is Verdict.PROVED and "with_buffers: they" in str(absent.left_out)


def test_the_polynomial_has_this_value(gpt2: FullDerivation) -> None:
    values = {name: int(text.split()[0]) for name, text in gpt2.symbols.items()}
    assert sympify(gpt2.polynomial).subs(values) == gpt2.dimension


def test_other_sizes_have_the_same_polynomial(gpt2: FullDerivation) -> None:
    small = load_target(GPT2, zoo.load, {})
    sizes = {"n_embd": 24, "n_head": 3, "n_layer": 3, "n_inner": 40, "tokens": 7, "vocab_size": 90}
    other = derive_full(small.at(sizes), small)
    assert other.polynomial == gpt2.polynomial
    assert other.dimension == by_hand(24, 3, 3, 40, 7)


def test_probabilities_allow_a_shift_of_the_tied_embedding() -> None:
    small = load_target(GPT2, zoo.load, {})
    sizes = {"n_embd": 16, "n_head": 4, "n_layer": 1, "n_inner": 24, "tokens": 5, "vocab_size": 50}
    found = derive_full(small.at(sizes), small, observable="probabilities")
    assert found.dimension == by_hand(16, 4, 1, 24, 5) + 16


def test_a_llama_shape_with_groups_of_heads() -> None:
    """so(d) + gl(k) a group and layer + 2 a frequency + gains + hidden units."""
    small = load_target(LLAMA, zoo.load, {})
    sizes = {"hidden_size": 32, "num_heads": 4, "num_groups": 2, "intermediate_size": 20,
             "vocab_size": 64, "tokens": 6, "num_layers": 2}
    found = derive_full(small.at(sizes), small)
    d, groups, k, layers, inner = 32, 2, 8, 2, 20
    assert found.dimension == d * (d - 1) // 2 + layers * (
        groups * (k * k + k) + inner) + (2 * layers + 1) * d
    assert found.orbit_dimension == found.dimension


def test_text_and_back(gpt2: FullDerivation) -> None:
    assert FullDerivation.from_json(gpt2.to_json()).data == json.loads(gpt2.to_json())
    for text in ("", "{}", gpt2.to_json()[:500], "[1]"):
        with pytest.raises(BadInputError):
            FullDerivation.from_json(text)
    latex = gpt2.to_latex()
    assert r"\begin{proposition}" in latex and "does not vary" not in latex
    assert "does not vary" in gpt2.to_latex(appendix=True)
    assert r"\documentclass" in latex and r"\documentclass" not in gpt2.to_latex(fragment=True)
    compile(gpt2.check_text(), "check", "exec")


def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["derive", GPT2, "--full", "--set", "n_embd=8", "--set", "n_layer=2", "--set",
                 "n_head=2", "--set", "vocab_size=30", "--set", "tokens=3", "--set", "n_inner=6"]
    assert main([*arguments, "--out", "x"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines()[:-1])
    assert f"{by_hand(8, 2, 2, 6, 3):,}" in out
    found: dict[str, Any] = json.loads(Path("x/full.json").read_text())
    assert found["schema"] == "symgauge-full/1"
    assert {p.name for p in Path("x").iterdir()} >= {
        "full.json", "full.tex", "test_gpt2_lm_full.py"}
    # verified from the program that it carries, without torch
    program = (
        "import sys; sys.modules['torch'] = None; from symgauge.cli.main import main; "
        "sys.exit(main(['verify', 'x/full.json']))")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    text = " ".join(done.stdout.split())
    assert done.returncode == 0 and "PROVED" in text and "not verified" in text, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    found["dimension"] += 1
    # keys in any order: the schema is read, not looked for
    Path("edited.json").write_text(json.dumps(dict(reversed(sealed(found).items()))))
    assert main(["verify", "edited.json"]) == main(["check", "edited.json"]) == 1
    assert "another dimension" in " ".join(capsys.readouterr().out.split())


def test_a_target_without_full_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its factory's own sizes are the full ones, and the only ones."""
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(
        "import torch\n"
        "def factory(n=2):\n    return torch.nn.Linear(n, n), (torch.ones(1, n),)\n")
    assert main(["derive", "own.py:factory", "--full"]) == 0
    found = FullDerivation.from_json(Path("symgauge-own-full/full.json").read_text())
    assert (found.parameters, found.dimension, dict(found.sizes)) == (6, 0, {"n": 2})


def test_a_size_of_1_that_was_set_is_1_at_the_full_sizes() -> None:
    """With one head there is no axis of heads to restate; another size stays that of FULL."""
    from symgauge import zoo
    from symgauge.capture import load_target

    one = load_target("attention", zoo.load, {"num_heads": "1"})
    assert one.full is not None and one.full["num_heads"] == 1 and one.full["embed_dim"] == 768
    assert one.at({"embed_dim": 2}).full == one.full
    other = load_target("attention", zoo.load, {"num_heads": "4", "embed_dim": "8", "bias": "True"})
    assert other.full is not None and other.full["num_heads"] == 12
    assert other.full["embed_dim"] == 768 and other.full["bias"] is True
