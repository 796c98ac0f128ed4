"""Certificates in real balls: networks where floats are fooled, known networks, the command.

The true ranks are known: by theory, or from tests/data.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from certify_command import command, unknown_derivation
from known_networks import KNOWN_DIMENSIONS, NETWORKS, KnownNetwork, mix_heads, real, split_heads
from small_certificates import OPEN
from torch import Tensor

import symgauge
from symgauge import BadInputError, Derivation, InconsistentError, Verdict
from symgauge.capture import capture
from symgauge.certify.evidence import transcendental
from symgauge.certify.evidence.balls import is_shown
from symgauge.certify.find.balls import find_minor
from symgauge.derivation.derive import Asked, derive_network
from symgauge.derivation.seal import sealed
from symgauge.nn import OdeFlow
from symgauge.points.cells import balanced_shadow
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network

P = torch.nn.Module


def shown_rank(network: Network, seed: int = 0) -> int:
    """The largest rank that balls show; it is asked for all coordinates."""
    read, rng = read_coordinates(network), np.random.default_rng(seed)
    cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
    minor = find_minor(network, read, cell, int(read.sum()), rng)
    assert is_shown(network, minor)
    return minor.rank


def network_of(shapes: str, formula: Callable[..., Tensor], example: Tensor) -> Network:
    return capture(KnownNetwork(shapes, formula), (example,)).network


# -- where floats are fooled ---------------------------------------------------------------------


@pytest.mark.parametrize(("eps", "rank"), [(0.0, 25), (1e-12, 26), (1e-30, 26)])
def test_an_epsilon_in_a_norm_is_not_0(eps: float, rank: int) -> None:
    """RMSNorm(W0 x) with gains: the scale of W0 is gauge at 0 and nowhere else."""

    def formula(p: P, x: Tensor) -> Tensor:
        z = x @ p.W0.T
        scale = (z**2).mean(-1, keepdim=True) + eps if eps else (z**2).mean(-1, keepdim=True)
        return (p.gn * z / torch.sqrt(scale)) @ p.W1.T

    assert shown_rank(network_of("W0:4x5 gn:4 W1:3x4", formula, real(1, 5))) == rank


@pytest.mark.parametrize(("gap", "redundancy"), [(0.0, 12), (1e-6, 8), (1e-12, 8)])
def test_nearly_equal_rotary_frequencies_are_different(gap: float, redundancy: int) -> None:
    """Equal frequencies: gl(2, C) + gl(2); different ones: (C*)^2 + gl(2)."""

    def formula(p: P, x: Tensor) -> Tensor:
        positions = torch.arange(x.shape[0], dtype=torch.float64)
        angles = positions[:, None] * torch.tensor([0.7, 0.7 + gap], dtype=torch.float64)

        def rotated(y: Tensor) -> Tensor:
            first, second = split_heads(y, 1).chunk(2, dim=-1)
            cos, sin = torch.cos(angles), torch.sin(angles)
            return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)

        q, k = rotated(x @ p.Wq.T), rotated(x @ p.Wk.T)
        return mix_heads(q, k, split_heads(x @ p.Wv.T, 1), causal=True) @ p.Wo.T

    module = KnownNetwork("Wq:4x5 Wk:4x5 Wv:2x5 Wo:5x2", formula).double()
    network = capture(module, (real(6, 5).double(),)).network
    assert shown_rank(network) == 60 - redundancy


def test_a_state_that_decays_by_18_per_step_is_seen() -> None:
    """h <- exp(-18 (1 + a^2)) h + B x: a step leaves less than 2e-8, three of them 1e-24."""

    def formula(p: P, x: Tensor) -> Tensor:
        decay = torch.exp(-18 * (1 + p.a**2))
        h, outputs = x.new_zeros(3), []
        for step in x:
            h = decay * h + p.B @ step
            outputs.append(p.C @ h)
        return torch.stack(outputs[-1:])

    # diagonal scalings alone
    assert shown_rank(network_of("a:3 B:3x2 C:2x3", formula, real(4, 2))) == 15 - 3


def test_dead_units_raise_no_rank() -> None:
    """The third unit is relu(-z^2 - 1), the fourth -relu(z) - 1 or less: never on."""

    def formula(p: P, x: Tensor) -> Tensor:
        z = x @ p.W.T
        dead = torch.relu(torch.cat([-z[:, 2:3] ** 2, -torch.relu(z[:, 3:])], -1) - 1)
        return torch.cat([torch.relu(z[:, :2]), dead], -1) @ p.A.T + p.b

    # of two live units: 2 (3 + 2) - 2 scalings, and the bias
    assert shown_rank(network_of("W:4x3 A:2x4 b:2", formula, real(1, 3))) == 8 + 2


@pytest.mark.parametrize("square", [False, True])
def test_the_point_lies_where_logarithms_are_defined(square: bool) -> None:
    """log w asks for positive parameters, log(1 - w w) for small ones; of either sign at random."""
    class Logarithm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.full((8,), 0.5))

        def forward(self, x: Tensor) -> Tensor:
            return x * torch.log(1 - self.w * self.w if square else self.w)

    network = capture(Logarithm(), (torch.ones(1, 8),)).network
    minor = find_minor(network, read_coordinates(network), {}, 8, np.random.default_rng(0))
    assert minor.rank == 8 and is_shown(network, minor)


def test_a_pruned_weight_raises_no_rank() -> None:
    """A mask of zeros: one weight is never read, and its unit is an affine function of one x."""
    mask = torch.ones(3, 2)
    mask[0, 1] = 0

    def formula(p: P, x: Tensor) -> Tensor:
        return torch.tanh(x @ (mask * p.W).T) @ p.A.T

    network = network_of("W:3x2 A:2x3", formula, real(1, 2))
    assert network.num_coordinates == 12 and shown_rank(network) == 11


def test_a_small_difference_of_large_numbers_is_a_branch() -> None:
    """(2^53 + 1) - 2^53 - 1/2 is 1/2, and -1/2 in floats: balls take the true branch."""

    def formula(p: P, x: Tensor) -> Tensor:
        gap = (2.0**53 + p.u - p.u) + 1 - 2.0**53 - 0.5
        return torch.relu(gap) * (x @ p.A.T) + torch.relu(-gap) * (x @ p.B.T)

    network = network_of("A:2x3 B:2x3 u:1", formula, real(1, 3))
    read = read_coordinates(network)
    theta = {p.name: np.ones((1, *p.shape)) for p in network.parameters}
    minor = find_minor(network, read, theta, 6, np.random.default_rng(0))
    # floats propose columns of B, where balls find zeros
    start = network.offsets["A"]
    assert minor.columns == tuple(range(start, start + 6)) and is_shown(network, minor)


# -- known networks ------------------------------------------------------------------------------

#: A few of each kind whose sandwich closes; docs/benchmarks/balls.py takes them all.
CLOSED = (
    "relu_1h_bias_softmax", "gelu_2h_bias", "geglu_nobias", "lin_rms_gain_lin_eps1e-5",
    "att_mha_allbias", "att_sigmoid_allbias", "lm_untied_softmax", "moe_top2_renorm", "gru_tanh",
)


@pytest.mark.parametrize("name", CLOSED)
def test_known_networks_are_proved_without_hypotheses(name: str) -> None:
    module, args = NETWORKS[name]()
    derivation = derive_network(capture(module, args).network, Asked(name, evidence="balls"))
    assert derivation.redundancy == int(KNOWN_DIMENSIONS[name]["redundancy"])
    assert derivation.verdict is Verdict.PROVED and not derivation.hypotheses
    result = derivation.verify()
    assert result.verdict is Verdict.PROVED and result.scope.startswith("complete ")


@pytest.mark.parametrize(("name", "place"), [
    ("lin_rms_gain_lin_eps1e-5", "at generic parameters,"),
    ("lin_rms_gain_lin_eps0", "at generic parameters of the component of theta0,"),
    ("relu_1h_bias", "on the cell of theta0,"),
])
def test_where_a_claim_reaches(name: str, place: str) -> None:
    """One minor says nothing beyond where a root of what may be 0 ends."""
    module, args = NETWORKS[name]()
    derivation = derive_network(capture(module, args).network, Asked(name, evidence="balls"))
    assert derivation.scope == f"complete {place} at the sizes of the program"
    if "component" in place:
        assert "component" in derivation.to_latex()


def test_what_is_not_closed_keeps_its_bound() -> None:
    module, args = OPEN()
    derivation = derive_network(capture(module, args).network, Asked("open"))
    after, verification = derivation.certified_in_balls()
    assert verification.verdict is after.verdict is Verdict.UNKNOWN
    assert after.scope == (
        "redundancy <= 1 at generic parameters, at the sizes of the program, at most 1 unexplained"
    )
    assert not after.hypotheses


def test_the_derivation_in_balls_is_the_one_that_is_certified_later() -> None:
    module, args = NETWORKS["geglu_nobias"]()
    network = capture(module, args).network
    at_once = derive_network(network, Asked("geglu", evidence="balls"))
    later, _ = derive_network(network, Asked("geglu")).certified_in_balls()
    for key in ("rank", "redundancy", "orbit_dimension", "verdict", "hypotheses", "scope"):
        assert at_once.data[key] == later.data[key]
    assert later.verify().verdict is Verdict.PROVED
    # again: another point, the same claim
    again, _ = later.certified_in_balls(seed=5)
    assert again.data["certificate"]["balls"] != later.data["certificate"]["balls"]
    assert again.verdict is Verdict.PROVED


def test_balls_follow_unasked_where_series_do_not_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """cos of constants and erf: e and pi both stand at the start of every curve."""
    # as with more values than are tested
    monkeypatch.setattr(transcendental, "MAX_COLUMNS", 5)

    def formula(p: P, x: Tensor) -> Tensor:
        turned = x * torch.cos(torch.arange(4, dtype=x.dtype))
        mixed = (turned @ p.q @ turned.T).softmax(-1) @ turned
        return torch.nn.functional.gelu(mixed @ p.w.T + p.b) @ p.v.T

    network = network_of("q:4x4 w:3x4 b:3 v:2x3", formula, real(3, 4))
    with pytest.raises(BadInputError, match="e and pi"):
        derive_network(network, Asked("turned", evidence="series"))
    found = derive_network(network, Asked("turned"))
    assert (found.parameters, found.redundancy, found.hypotheses) == (37, 0, ())
    assert found.verdict is found.verify().verdict is Verdict.PROVED
    assert "in real balls" in found.shown[0]


def test_flows_are_out_of_reach() -> None:
    field = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
    module = OdeFlow(field)
    with pytest.raises(BadInputError, match="flows of vector fields"):
        symgauge.derive(module, (torch.ones(1, 2),), balls=True)
    derivation = symgauge.derive(module, (torch.ones(1, 2),))
    with pytest.raises(BadInputError, match="flows of vector fields"):
        derivation.certified_in_balls()


# -- the command ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unknown_derivation(tmp_path_factory.mktemp("balls"))


def test_certify_writes_what_verify_accepts(
    unknown: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = unknown.read_bytes()
    target = tmp_path / "certified.json"
    status, out, _ = command(
        capfd, "certify", "--balls", unknown, "--output", target, "--json")
    record = json.loads(out)
    assert (status, record["verdict"], record["hypotheses"]) == (0, "PROVED", [])
    assert record["before"]["verdict"] == "UNKNOWN" and record["before"]["hypotheses"]
    assert record["written"] == str(target) and unknown.read_bytes() == before
    status, out, _ = command(capfd, "verify", target)
    assert status == 0 and "in real balls of 192" in " ".join(out.split())
    assert command(capfd, "verify", unknown)[0] == 2
    # in place, as a table of 80 columns
    copied = tmp_path / "derivation.json"
    copied.write_bytes(before)
    status, out, _ = command(capfd, "certify", copied, "--balls", "--seed", "3")
    lines = [line for line in out.splitlines() if not line.startswith(("written", "before"))]
    assert status == 0 and max(map(len, lines)) <= 80 and "before: UNKNOWN" in out
    assert Derivation.from_json(copied.read_text()).verify().verdict is Verdict.PROVED


def test_certify_rejects_what_verify_rejects(
    unknown: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(Derivation.from_json(unknown.read_text()).printed())
    path = tmp_path / "edited.json"
    edits: list[Callable[[dict[str, Any]], object]] = [
        lambda d: d.update(rank=d["rank"] - 1),
        lambda d: d["certificate"].update(rank=3),
        lambda d: d["certificate"]["network"]["nodes"][0].update(shape=[1, 2]),
    ]
    for edit in edits:
        edited = copy.deepcopy(data)
        edit(edited)
        edited = sealed(edited)
        path.write_text(json.dumps(edited))
        text = path.read_bytes()
        status, out, err = command(capfd, "certify", "--balls", path)
        assert (status, out) == (1, "") and "derive again" in err
        assert path.read_bytes() == text
    with pytest.raises(InconsistentError):
        Derivation.from_plain(edited).certified_in_balls()


@pytest.mark.parametrize("arguments", [
    ("certify",), ("certify", "x.json"), ("certify", "--balls"),
    ("certify", "--balls", "missing.json"), ("certify", "--balls", "x.json", "--seed", "-1"),
])
def test_usage_of_certify(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = command(capfd, *arguments)
    assert (status, out) == (3, "") and err.startswith("symgauge: ")
    assert not list(tmp_path.iterdir())


def test_certify_writes_nowhere_else(
    unknown: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    status, out, err = command(
        capfd, "certify", "--balls", unknown, "--output", taken / "below.json")
    assert (status, out) == (3, "") and "cannot write" in err
    assert taken.read_text() == "mine"


def test_derive_in_balls(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = command(
        capfd, "derive", "mlp", "--set", "activation=gelu", "--balls", "--out", tmp_path / "x",
        "--json")
    record = json.loads(out)
    assert (status, record["verdict"], record["hypotheses"]) == (0, "PROVED", [])
    assert "in real balls" in record["shown"][0]
    assert command(capfd, "verify", tmp_path / "x" / "derivation.json")[0] == 0


def test_derive_says_how_a_hypothesis_is_avoided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("symgauge.derivation.derive.all_evidence", dict)
    Path("scales.py").write_text(
        "import torch\n\n\n"
        "class Scales(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a, self.b = torch.nn.Linear(1, 1, False), torch.nn.Linear(2, 1)\n\n"
        "    def forward(self, x):\n"
        "        z = self.a(x)\n"
        "        return self.b(torch.cat([torch.erf(z), torch.erf(2 * z)], -1))\n\n\n"
        "def factory():\n"
        "    return Scales(), (torch.ones(1, 1),)\n"
    )
    status, _, err = command(capfd, "derive", "scales.py:factory", "--out", "x")
    advice = "symgauge certify --series x/derivation.json"
    assert status == 2 and advice in err
    assert command(capfd, *advice.split()[1:])[0] == 0
    _, _, err = command(capfd, "derive", "scales.py:factory", "--out", "y", "--balls")
    assert "certify" not in err
