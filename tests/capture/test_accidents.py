"""Accidents: what user modules and machines do must end in a result or in one clear sentence."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import symgauge
from symgauge import Derivation, derive
from symgauge.capture import capture
from symgauge.capture.skeleton import has_values
from symgauge.certify.evidence import residues
from symgauge.cli.main import main
from symgauge.derivation.derive import Asked, derive_network
from symgauge.points import tried_cells as tried
from symgauge.domains.ties import ties
from symgauge.errors import CaptureError, SizeError, SymgaugeError, UndecidedError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.nn import OdeFlow
from symgauge.points.cells import branch_patterns, shadow_patterns
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import germ_of
from symgauge.verdict import Verdict

X = torch.arange(6.0).reshape(2, 3) / 5
Example = tuple[Any, Sequence[Any]]


class Through(nn.Module):
    """A linear layer and a function of (the module, its input); buffers by name."""

    def __init__(self, function: Callable[..., Any], **buffers: Tensor) -> None:
        super().__init__()
        self.function = function
        self.layer = nn.Linear(3, 2)
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def facts(module: nn.Module, *args: Tensor) -> tuple[int, int, int, str]:
    """Redundancy, unread, unexplained and the verdict."""
    found = derive(module, args)
    return found.redundancy, found.unread, found.unexplained, found.verdict.value


# -- the PDF -------------------------------------------------------------------------------------


TARGET = """
import torch
from torch import nn

FULL = {"width": 5}


def factory(width: int = 2):
    return nn.Sequential(nn.Linear(2, width, bias=False), nn.Linear(width, 2)), (
        torch.zeros(1, 2),)
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(TARGET)
    return f"{tmp_path / 'net.py'}:factory"


@pytest.fixture
def broken_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LaTeX engine that finds no font."""
    engine = tmp_path / "bin" / "pdflatex"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\necho '! Font T1/lmr/m/n/10 not found.'\nexit 1\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")


@pytest.mark.usefixtures("broken_engine")
@pytest.mark.parametrize("full", (False, True))
def test_what_was_derived_outlives_a_pdf_that_does_not_compile(
    target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], full: bool,
) -> None:
    out = tmp_path / "out"
    assert main(["derive", target, "--out", str(out), *(["--full"] if full else [])]) == 0
    kept = {"full.json", "full.tex"} if full else {"derivation.json", "derivation.tex"}
    assert kept < {p.name for p in out.iterdir()} and list(out.glob("test_*.py"))
    said = [s for s in capfd.readouterr().err.splitlines() if "PDF," in s]
    assert len(said) == 1 and "Font T1/lmr/m/n/10 not found" in said[0]


# -- full sizes ----------------------------------------------------------------------------------


LARGE = """
import torch
from torch import nn

FULL = {"width": 3000}


def factory(width: int = 2):
    return nn.Sequential(nn.Linear(width, width), nn.Linear(width, 2)), (torch.zeros(1, width),)


def reads(width: int = 2):
    module = nn.Linear(width, 2)
    if width > 2:
        float(module.weight.sum())
    return module, (torch.zeros(1, width),)
"""


def test_no_weights_are_made_at_full_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.py").write_text(LARGE)
    seen = []
    register = nn.Module.register_parameter

    def watch(self: nn.Module, name: str, p: nn.Parameter | None) -> None:
        register(self, name, p)
        kept = self._parameters[name]
        seen.append(0 if kept is None or not has_values(kept) else kept.numel())

    monkeypatch.setattr(nn.Module, "register_parameter", watch)
    found = symgauge.derive_target(load(f"{tmp_path / 'large.py'}:factory"))
    assert max(seen) < 100 and len(seen) >= 8
    assert {t.shape for t in found.full_tensors} >= {(3000, 3000)}
    assert all(g.full for g in found.generators) and found.generators


def test_a_factory_that_reads_weights_is_not_run_with_them_at_full_size(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(LARGE)
    found = symgauge.derive_target(load(f"{tmp_path / 'large.py'}:reads"))
    assert found.full_tensors is None and found.verdict.value == "PROVED"
    assert any("not restated at the full sizes" in note for note in found.notes)


def load(text: str) -> Any:
    from symgauge import zoo
    from symgauge.capture import load_target

    return load_target(text, zoo.load, {})


def test_the_front_door_has_what_its_messages_name() -> None:
    with pytest.raises(SymgaugeError, match="symgauge.derive_target"):
        derive(nn.Linear(2, 1), (torch.zeros(1, 2),)).check_text()
    assert callable(symgauge.derive_target) and "derive_target" in symgauge.__all__


# -- odd modules ---------------------------------------------------------------------------------


def exits(*_: Any) -> None:
    sys.exit(5)


REFUSED: dict[str, tuple[Callable[[], Example], str]] = {
    "lazy linear": (
        lambda: (nn.Sequential(nn.LazyLinear(4)), (X,)), "parameter 0.weight has no shape yet"),
    "lazy convolution": (
        lambda: (nn.LazyConv1d(4, 2), (torch.ones(1, 3, 5),)), "parameter weight has no shape"),
    "lazy buffer": (
        lambda: (nn.Sequential(nn.Linear(3, 2), nn.LazyBatchNorm1d(affine=False)), (X,)),
        "buffer 1.running_mean has no shape yet"),
    "meta": (lambda: (nn.Linear(3, 2).to("meta"), (X,)), "weight is on the meta device"),
    "meta example": (lambda: (nn.Linear(3, 2), (X.to("meta"),)), "example is on the meta device"),
    "integers": (lambda: (Through(lambda m, x: m.layer(x).argmax(-1)), (X,)), "no floating"),
    "nothing": (lambda: (Through(lambda m, x: None), (X,)), "no floating tensor"),
    "exit": (lambda: (Through(exits), (X,)), "does not run on the example"),
    "frozen": (lambda: (nn.Linear(3, 2).requires_grad_(False), (X,)), "no parameters that"),
    "script": (lambda: (torch.jit.script(nn.Linear(3, 2)), (X,)), "ScriptModule"),
    "sparse parameter": (
        lambda: (_with_parameter(torch.eye(3).to_sparse()), (X,)), "is sparse"),
    "reflections": (
        lambda: (parametrizations.orthogonal(nn.Linear(3, 3), orthogonal_map="householder"), (X,)),
        "without a rule"),
}


def _with_parameter(value: Tensor) -> nn.Module:
    module = Through(lambda m, x: m.layer(x))
    module.extra = nn.Parameter(value)
    return module


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_module_is_refused_in_a_sentence(name: str) -> None:
    make, sentence = REFUSED[name]
    module, args = make()
    with pytest.raises(SymgaugeError, match=sentence) as caught:
        derive(module, args)
    assert "\n" not in str(caught.value)


def test_a_parameter_without_entries_is_a_size() -> None:
    with pytest.raises(SizeError, match="no entries"):
        derive(_with_parameter(torch.zeros(0, 3)), (X,))


#: Modules with (P, unread, redundancy).
WORKING: dict[str, tuple[Callable[[], Example], tuple[int, int, int]]] = {
    "own parameter": (lambda: (Through(lambda m, x: m.layer.weight), (X,)), (6, 2, 0)),
    "nested": (
        lambda: (Through(lambda m, x: {"a": {"b": m.layer(x)}, "c": [None, {}]}), (X,)),
        (8, 0, 0)),
    "complex buffer": (
        lambda: (Through(
            lambda m, x: m.layer(x) * m.c.abs(), c=torch.ones(2, dtype=torch.complex64)), (X,)),
        (8, 0, 0)),
    "sparse buffer": (
        lambda: (Through(
            lambda m, x: m.layer(x) @ m.c.to_dense(), c=torch.eye(2).to_sparse()), (X,)),
        (8, 0, 0)),
    "weight norm": (lambda: (parametrizations.weight_norm(nn.Linear(3, 2)), (X,)), (10, 0, 2)),
    "data parallel": (lambda: (nn.DataParallel(nn.Linear(3, 2)), (X,)), (8, 0, 0)),
    "half": (lambda: (nn.Linear(3, 2).half(), (X.half(),)), (8, 0, 0)),
    "layer norm of one entry": (
        lambda: (nn.Sequential(nn.Linear(3, 1), nn.LayerNorm(1)), (X,)), (1, 5, 0)),
    "layer norm of one entry, then a layer": (
        lambda: (nn.Sequential(nn.Linear(3, 1), nn.LayerNorm(1), nn.Linear(1, 2)), (X,)),
        (5, 5, 3)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WORKING)
def test_an_odd_module_is_derived(name: str) -> None:
    make, wanted = WORKING[name]
    module, args = make()
    found = derive(module, args)
    assert (found.parameters, found.unread, found.redundancy) == wanted
    assert found.verdict.value == "PROVED"


# -- branches that are none ----------------------------------------------------------------------


TIED: dict[str, Callable[[Tensor], Tensor]] = {
    "max(h, h)": lambda h: torch.maximum(h, h),
    "max(2h, h + h)": lambda h: torch.maximum(2 * h, h + h),
    "relu of a square": lambda h: h + torch.relu((h + 1)**2 - h**2 - 2 * h - 1),
    "sign(h - h)": lambda h: h * (1 + torch.sign(h - h)),
    "h >= h": lambda h: torch.where(h >= h, h, 0.0),
    "h > h": lambda h: torch.where(h > h, h**2, h),
    "amax of equal sums": lambda h: torch.stack([2 * h, h + h], -1).amax(-1),
    "tie beside a branch": lambda h: torch.maximum(h, h) + torch.relu(h),
}


@pytest.mark.parametrize("name", TIED)
def test_a_branch_between_equals_is_none(name: str) -> None:
    function = TIED[name]
    assert facts(Through(lambda m, x: function(m.layer(x))), X) == (0, 0, 0, "PROVED")


def test_ties_are_what_is_identically_equal_and_nothing_else() -> None:
    def function(m: Any, x: Tensor) -> Tensor:
        h = m.layer(x)
        # the second entry of the difference is 0 nowhere but on a hyperplane
        return torch.relu(torch.cat([h[:, :1] - h[:, :1], h[:, 1:] - h[:, :1]], -1))

    network = capture(Through(function), (X,)).network
    (mask,) = ties(germ_of(network))
    assert mask is not None and mask.tolist() == [[True, False]] * 2
    network = capture(Through(lambda m, x: torch.relu(m.layer(x))), (X,)).network
    assert ties(germ_of(network)) == [None]


class Undecidable(nn.Module):
    """A unit at exp(a + x) - exp(a) exp(x): 0, which polynomials do not see."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.exp(self.a + x) - torch.exp(self.a) * torch.exp(x)
        return self.b * (torch.relu(h) + x)


def test_what_is_not_decided_refutes_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = capture(Undecidable(), (torch.ones(1),)).network
    with pytest.raises(UndecidedError, match="not decided"):
        branch_patterns(network, {}, np.random.default_rng(0), 4)
    (tmp_path / "net.py").write_text(
        "import torch\nfrom tests.capture.test_accidents import Undecidable\n\n\n"
        "def factory():\n    return Undecidable(), (torch.ones(1),)\n")
    assert main(["derive", str(tmp_path / "net.py:factory"), "--out", str(tmp_path / "o")]) == 2
    assert "branches of this network are not decided" in capfd.readouterr().err


def test_a_masked_entry_does_not_hide_what_the_others_decide() -> None:
    """A mask puts -2^40 beside scores of size 1: their gaps are no rounding of it."""
    mask = torch.ones(3, 3).tril().bool()

    def function(m: Any, x: Tensor) -> Tensor:
        scores = torch.where(mask, x @ m.layer.weight.T @ m.layer.weight @ x.T, -torch.inf)
        return scores.amax(-1) + m.layer(x).sum(-1)

    module = Through(function)
    assert facts(module, torch.ones(3, 3))[2] == 0


# -- flows ---------------------------------------------------------------------------------------


class Field(nn.Module):
    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function, self.layer, self.drop = function, nn.Linear(2, 2), nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def count(field: Any, x: Tensor) -> Tensor:
    field.calls.add_(1)
    return field.layer(x) * field.calls


@pytest.mark.parametrize("function", (
    lambda m, x: m.drop(m.layer(x)), lambda m, x: m.layer(x) + torch.randn_like(x), count,
), ids=("dropout", "noise", "a count of its calls"))
def test_a_field_with_two_values_is_refused_at_once(function: Callable[..., Tensor]) -> None:
    with pytest.raises(CaptureError, match="two values at one state"):
        capture(OdeFlow(Field(function)), (torch.ones(1, 2),))


def test_a_field_that_chatters_is_refused_after_a_bounded_number_of_steps() -> None:
    """x' = -9 sign(x) reaches 0 and stays: no adaptive solver follows it."""
    module = OdeFlow(Field(lambda m, x: -9 * torch.sign(x) - 0 * m.layer(x)))
    with pytest.raises(CaptureError, match="cannot be integrated"):
        capture(module, (torch.ones(1, 2),))


# -- cells ---------------------------------------------------------------------------------------


def two_hidden() -> Example:
    return nn.Sequential(
        nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)), (X[:1],)


def pre_norm() -> Example:
    layer = nn.TransformerEncoderLayer(
        4, 2, 5, dropout=0.0, norm_first=True, batch_first=True).eval()
    return layer, (torch.ones(1, 3, 4),)


class Bent(nn.Module):
    """relu(z) - relu(-z) = z: t may go from a, b to tanh(u), by no polynomial field."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.a, self.b, self.u = (nn.Parameter(torch.rand(1) + 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        z = x * self.w
        return self.a * torch.relu(z) + self.b * torch.relu(-z) + x * torch.tanh(self.u)


def maxout() -> Example:
    class Maxout(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(3, 6), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.down(self.up(x).unflatten(-1, (2, 3)).amax(-1))

    return Maxout(), (X[:1],)


@pytest.mark.parametrize("make, redundancy, seeds", (
    (two_hidden, 9, 12), (maxout, 4, 6), (pre_norm, 63, 2),
))
def test_the_redundancy_is_that_of_the_largest_rank_on_every_seed(
    make: Callable[[], Example], redundancy: int, seeds: int
) -> None:
    torch.manual_seed(0)
    module, args = make()
    network = capture(module, args).network
    for seed in range(seeds):
        found = derive_network(network, Asked("cells", seed=seed))
        assert found.redundancy == redundancy, seed
        _is_stated(found)


def _is_stated(found: Derivation) -> None:
    """The cells that were tried stand in the record, and the printed rank is their largest."""
    assert found.rank == max(int(r) for r in found.cells.ranks)
    assert sum(found.cells.ranks.values()) == found.cells.tried


def test_cells_stand_in_the_notes_where_the_sandwich_does_not_close() -> None:
    found = derive(Bent(), (torch.ones(3, 1),))
    assert found.redundancy == 2 and found.unexplained == 1
    _is_stated(found)
    assert found.cells.tried > 4, found.cells
    assert any(f"largest of {found.cells.tried} cells tried" in n for n in found.notes)
    assert found.verdict.value == "UNKNOWN"


def test_cells_on_which_nothing_is_decided_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is decided is enough; where none is, that is said."""
    module, args = Bent(), (torch.ones(3, 1),)
    ranks = iter([None, None, 5, None, 7, None])

    def rank(*_: object) -> int:
        found = next(ranks, None)
        if found is None:
            raise UndecidedError("no branch is decided")
        return found

    monkeypatch.setattr(tried, "rank_at_point", rank)
    network = capture(module, args).network
    cells = tried.Cells(
        network, PrimeField(next(primes())), np.random.default_rng(0),
        read_coordinates(network), {})
    assert cells.extend(100, 6) == 7
    assert (cells.tried, cells.undecided) == (2, 4)
    assert cells.to_json() == {"tried": 2, "ranks": {"5": 1, "7": 1}}
    again = tried.Cells(network, *cells._point[1:], {})
    with pytest.raises(UndecidedError, match="no branch is decided"):
        again.extend(100, 6)


def test_ties_are_known_after_many_failures() -> None:
    """max(y, y): floats say 0, and every input fails in balls until the tie is known."""

    def forward(module: Through, x: Tensor) -> Tensor:
        y = module.layer(x)
        return torch.maximum(y, y) + torch.relu(y)

    network = capture(Through(forward), (X,)).network
    _, undecided = shadow_patterns(network, {}, np.random.default_rng(0), 256, {})
    assert not undecided.any()


def test_what_verify_cannot_decide_is_not_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*_: object) -> int:
        raise UndecidedError("no branch is decided")

    module, args = Bent(), (torch.ones(3, 1),)
    certificate = derive(module, args).certificate
    monkeypatch.setattr(residues, "rank_at_point", undecided)
    found = symgauge.verify(certificate)
    assert found.verdict is Verdict.UNKNOWN and "no branch is decided" in found.reasons[0]


def test_a_smooth_network_has_no_cells() -> None:
    assert derive(nn.Linear(2, 1), (torch.ones(1, 2),)).cells is None


# -- discrete elements ---------------------------------------------------------------------------


class Linears(nn.Module):
    """Matrices, and a function of (the module, its input)."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        torch.manual_seed(3)
        self.w = nn.ParameterList(torch.randn(s) for s in shapes)

    def forward(self, x: Tensor) -> Any:
        return self.function(self.w, x)


def labels(module: nn.Module, *example: Tensor, seed: int = 0) -> list[str]:
    return [e.label.partition(" indices shared")[0] for e in derive(
        module, example, seed=seed).discrete]


@pytest.mark.parametrize("function", [
    lambda w, x: x @ w[1] + torch.trunc((x @ w[0]).abs()) @ w[2],
    lambda w, x: x @ w[1] + torch.nn.functional.hardshrink((x @ w[0]).abs(), 4.0) @ w[2],
    lambda w, x: x @ w[1] + torch.relu((x @ w[0]) ** 2 - 9.0) @ w[2],
], ids=["truncated", "shrunk", "rare"])
def test_a_sign_that_only_rare_branches_tell_is_no_symmetry(function: Callable[..., Any]) -> None:
    """The units are 0 near x = 0: there, what reads them may take any sign."""
    for seed in range(3):
        found = labels(Linears(function, (3, 2), (3, 2), (2, 2)), X, seed=seed)
        assert "permutations of the 2" in found and "signs of the 2" not in found


@pytest.mark.parametrize("seed", range(2))
def test_what_is_said_of_two_legs_of_the_same_tensors_is_said_apart(seed: int) -> None:
    def grouped(w: Any, x: Tensor) -> Tensor:
        h = nn.functional.group_norm(torch.nn.functional.silu(x) @ w[0], 2)
        return h @ w[1]

    found = derive(Linears(grouped, (3, 4), (4, 2)), (X,), seed=seed)
    said = [e.label for e in found.discrete]
    # a sign moves a unit against the other of its group, which a norm of two sees
    assert [e.group for e in found.discrete] == ["S_2", "(Z_2)^2", "S_2^2"]
    assert len(said) == len(set(said)) and any("factor" in text for text in said)
    assert found.verify().verdict is found.verdict


def test_nothing_is_said_of_the_indices_of_what_is_not_read() -> None:
    def constant(w: Any, x: Tensor) -> Tensor:
        return 0.0 * (x @ w[0]) + torch.tanh(x @ w[1]) @ w[2]

    found = derive(Linears(constant, (3, 2), (3, 2), (2, 2)), (X,))
    assert found.discrete and not any("w.0" in e.label for e in found.discrete)
