"""Certificates over power series: the start of a curve, its roots, known networks, the command."""

import copy
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from certify_command import command, unknown_derivation
from known_networks import KNOWN_DIMENSIONS, NETWORKS, KnownNetwork, real, rms_norm
from torch import Tensor

import symgauge
from symgauge import BadInputError, Certificate, Derivation, InconsistentError, Verdict
from symgauge.capture import capture
from symgauge.certify.evidence import roots_along
from symgauge.certify.evidence.series import Curve, ranks_along
from symgauge.certify.evidence.start import field_for, known_lines, random_field, start_of
from symgauge.certify.find.series import find as find_curve
from symgauge.derivation.derive import Asked, derive_network
from symgauge.derivation.seal import sealed
from symgauge.exact.prime_field import is_prime
from symgauge.nn import OdeFlow
from symgauge.points.cells import balanced_shadow
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network
from symgauge.program.serial import canonical_digest

P = torch.nn.Module


def network_of(shapes: str, formula: Callable[..., Tensor], example: Tensor) -> Network:
    return capture(KnownNetwork(shapes, formula), (example,)).network


def known(name: str) -> Network:
    module, args = NETWORKS[name]()
    return capture(module, args).network


def found(network: Network, wanted: int | None = None) -> tuple[Curve, int]:
    """The curve and the largest rank along it; asked for all coordinates."""
    read, rng = read_coordinates(network), np.random.default_rng(0)
    cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
    return find_curve(network, read, cell, int(read.sum()) if wanted is None else wanted, rng)


def along(network: Network, *scaled: str, order: int = 6) -> list[int]:
    read, rng, curve = read_coordinates(network), np.random.default_rng(0), Curve(scaled, order)
    return ranks_along(network, curve, read, {}, int(read.sum()), field_for(network, scaled), rng)


# -- the start of a curve ------------------------------------------------------------------------


def test_values_at_the_start_are_known_numbers() -> None:
    """ALiBi: scores start at multiples of the slope, which are powers of one number."""
    network = known("att_alibi_allbias")
    start = start_of(network, known_lines(network, ("Wq", "bq")))
    assert len(start.exps) > 2 and all(c <= 0 for c in start.exps)
    with pytest.raises(BadInputError, match="the arguments of exp"):
        start_of(network, known_lines(network, ("Wq",)))
    field = random_field()
    table = start.tables(field, 0)["exp"]
    a, b = sorted(start.exps - {0})[:2]
    if a + b in start.exps:
        product = table[field.residue(a)] * table[field.residue(b)] % field.p
        assert table[field.residue(a + b)] == product
    assert table[0] == 1


def test_two_transcendental_numbers_are_refused() -> None:
    """softplus starts at log 2 and erf at sqrt(pi): nobody knows whether they are independent."""

    def formula(p: P, x: Tensor) -> Tensor:
        z = x @ p.W.T
        return torch.cat([torch.nn.functional.softplus(z) ** 2, torch.erf(z)], -1) @ p.A.T

    with pytest.raises(BadInputError, match="log 2 and pi stand at its start"):
        found(network_of("W:2x2 A:2x4", formula, real(1, 2)))


def test_a_logarithm_that_no_derivative_reads_is_no_obstacle() -> None:
    """log_softmax of erf: log 3 is only added."""

    def formula(p: P, x: Tensor) -> Tensor:
        return torch.log_softmax(torch.erf(x @ p.W.T) @ p.A.T, -1)

    curve, rank = found(network_of("W:2x2 A:3x2", formula, real(1, 2)))
    # softmax ignores a shift of the rows of A
    assert rank == 10 - 2 and curve.scaled


@pytest.mark.parametrize("eps", [0.25, 0.5, 1e-5])
def test_a_constant_under_a_root_may_be_no_square(eps: float) -> None:
    def formula(p: P, x: Tensor) -> Tensor:
        z = torch.tanh(x @ p.W.T)
        return z / torch.sqrt((z**2).mean(-1, keepdim=True) + eps) @ p.A.T

    network = network_of("W:3x2 A:2x3", formula, real(1, 2))
    assert found(network)[1] == 12
    (v,) = start_of(network, known_lines(network, ("W",))).roots
    field = field_for(network, ("W",))
    root = start_of(network, known_lines(network, ("W",))).tables(field, 0)["rsqrt"]
    assert root[field.residue(v)] ** 2 * field.residue(v) % field.p == 1


def test_constants_under_roots_whose_product_is_a_square_are_refused() -> None:
    """sqrt 2 - 2 sqrt(1/2) is 0: with a sign of its own each it would not be."""

    def formula(p: P, x: Tensor, other: float) -> Tensor:
        z = torch.tanh(x @ p.W.T)
        return (torch.sqrt(z**2 + 2) - 2 * torch.sqrt(z**2 + other)) @ p.A.T

    shapes = "W:2x2 A:2x2"
    assert along(network_of(shapes, lambda p, x: formula(p, x, 0.75), real(1, 2)), "W", order=1)
    with pytest.raises(BadInputError, match="a product of constants under roots"):
        along(network_of(shapes, lambda p, x: formula(p, x, 0.5), real(1, 2)), "W", order=1)
    with pytest.raises(BadInputError, match="not positive"):
        along(network_of(
            "W:2x2 A:2x2", lambda p, x: torch.sqrt(torch.exp(x @ p.W.T) - 2) @ p.A.T, real(1, 2)),
            "W", order=1)


class Placed(torch.nn.Module):
    """Fixed positions behind which a norm reads the tokens: a curve may not make them all that is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(5, 3)
        self.norm, self.up = torch.nn.LayerNorm(3, bias=False), torch.nn.Linear(3, 2)
        self.down, self.last = torch.nn.Linear(2, 3), torch.nn.LayerNorm(3, bias=False)
        self.head = torch.nn.Linear(3, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        kept = (tokens != 1).long()
        at = torch.cumsum(kept, 1) * kept
        x = self.table(tokens) + torch.tensor([[0.0, 1, 0], [0.5, 0, 0], [0.25, 0.5, 3]])[at]
        x = x + self.down(torch.tanh(self.up(self.norm(x))))
        out: Tensor = self.head(self.last(x))
        return out


def test_positions_that_tokens_choose_stay_beside_the_table() -> None:
    torch.manual_seed(0)
    network = capture(Placed(), (torch.tensor([[0, 3]]),), {}).network
    curve, _ = found(network)
    assert "table.weight" not in curve.scaled


def test_the_root_of_a_known_square_is_the_positive_one() -> None:
    """sqrt(z^2 + 9) - 3 vanishes at z = 0: with the other sign it would not."""

    def formula(p: P, x: Tensor) -> Tensor:
        z = torch.tanh(x @ p.W.T)
        return torch.exp(torch.sqrt(z**2 + 9) - 3) @ p.A.T

    network = network_of("W:2x2 A:2x2", formula, real(1, 2))
    start = start_of(network, known_lines(network, ("W",)))
    assert start.roots == {Fraction(9)} and start.exps == {0}
    assert found(network)[1] == 8


def test_roots_whose_product_is_a_square_are_refused() -> None:
    """sqrt(u) and sqrt(u (p.b^2 + 1)^2): their signs are not free, at any level."""

    def formula(p: P, x: Tensor) -> Tensor:
        u, w = (x @ p.W.T) ** 2 + 1, p.b**2 + 1
        return torch.sqrt(u) @ p.A.T + torch.sqrt(u * w**2) @ p.B.T

    with pytest.raises(BadInputError, match="a product of radicands"):
        along(network_of("W:2x3 A:2x2 B:2x2 b:2", formula, real(1, 3)), order=1)


def test_a_sign_that_is_not_free_would_raise_the_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """|z| as sqrt(z^2): without the test of characters roots of squares pass for free."""

    def formula(p: P, x: Tensor) -> Tensor:
        z = x @ p.W.T
        return torch.sqrt(z**2 * (p.b**2 + 1) ** 2) @ p.A.T + torch.sqrt(z**2) @ p.B.T

    network = network_of("W:2x3 A:2x2 B:2x2 b:2", formula, real(1, 3))
    with pytest.raises(BadInputError, match="a product of radicands"):
        along(network, order=1)
    monkeypatch.setattr(roots_along.Point, "_independent", lambda *_: True)
    # |z| (w A + B): on a cell of signs z it is linear in x, rank 6
    assert along(network, order=1)[-1] > 6


def test_the_prime_is_random_and_of_its_kind() -> None:
    drawn = {random_field().p for _ in range(8)}
    assert len(drawn) > 1
    assert all(is_prime(p) and p % 4 == 3 and 1 << 25 < p < 1 << 26 for p in drawn)


def test_a_quotient_by_what_vanishes_is_refused() -> None:
    def formula(p: P, x: Tensor) -> Tensor:
        return (x @ p.W.T) / (x @ p.V.T)

    network = network_of("W:2x3 V:2x3", formula, real(1, 3))
    assert along(network, order=1)[-1] == 12 - 2
    with pytest.raises(BadInputError, match="undefined at e = 0"):
        along(network, "V")


def test_a_root_of_what_may_be_negative_is_refused() -> None:
    """Signs are read off line by line: that tanh is above -2 is not seen."""

    def formula(p: P, x: Tensor) -> Tensor:
        return torch.sqrt(torch.tanh(x @ p.W.T) + 2) @ p.A.T

    with pytest.raises(BadInputError, match="what may be negative"):
        found(network_of("W:2x3 A:2x2", formula, real(1, 3)))


def test_roots_of_tokens_whose_product_is_a_square_are_refused_soon() -> None:
    def formula(p: P, tokens: Tensor) -> Tensor:
        x = torch.nn.functional.embedding(tokens, p.E)
        return rms_norm(x, 0.0) @ p.A.T + rms_norm(2 * x, 0.0) @ p.B.T

    with pytest.raises(BadInputError, match="a product of radicands"):
        found(network_of("E:3x2 A:2x2 B:2x2", formula, torch.tensor([0, 1])))


# -- branches ------------------------------------------------------------------------------------


def lost_in_rounding(p: P, x: Tensor) -> Tensor:
    """((z + 2^70) - 2^70) - z + 1/2 is 1/2; in floats of any size it is 1/2 - z."""
    z = x @ p.W.T
    return torch.where(((z + 2.0**70) - 2.0**70) - z + 0.5 > 0, x @ p.A.T, x @ p.B.T)


def identity_enlarged(p: P, x: Tensor) -> Tensor:
    """exp u exp v - exp(u + v) is 0, whatever factor makes its rounding large."""
    u, v = x @ p.W.T, x @ p.V.T
    zero = torch.exp(u) * torch.exp(v) - torch.exp(u + v)
    return torch.where(zero * 1e20 > 0, x @ p.A.T, x @ p.B.T)


def test_branches_are_those_of_exact_numbers() -> None:
    """B is never read: over floats' branches the rank would be 6, and no generator missing."""
    network = network_of("W:1x3 A:1x3 B:1x3", lost_in_rounding, real(1, 3))
    try:
        assert found(network)[1] == 3
    except BadInputError as error:
        assert "real balls decide no branches" in str(error)
    derivation = derive_network(network, Asked("lost in rounding"))
    assert derivation.rank == 3 and derivation.verdict is not Verdict.PROVED


def test_a_branch_of_what_is_0_decides_nothing() -> None:
    network = network_of("W:1x3 V:1x3 A:1x3 B:1x3", identity_enlarged, real(1, 3))
    with pytest.raises(BadInputError, match="real balls decide no branches"):
        found(network)


# -- orders --------------------------------------------------------------------------------------


def test_each_order_sees_more() -> None:
    """tanh of tanh: 8 parameters at the start, all 39 with e^5."""
    ranks = along(known("tanh_2h_bias"), "W1", "b1", "b2")
    assert ranks == sorted(ranks) and (ranks[0], ranks[-1]) == (8, 39)
    assert found(known("tanh_2h_bias"))[0].order == 6


def test_another_curve_may_show_less_and_never_more() -> None:
    network = known("swiglu_nobias")
    assert along(network, "Wg")[-1] == 32
    assert along(network, "Wg", "Wu", order=2)[-1] < 32
    assert along(network, "Wg", "Wu", "Wd", order=12)[-1] <= 32


# -- known networks ------------------------------------------------------------------------------

#: A few of each kind whose sandwich closes; docs/benchmarks/series.py takes them all.
CLOSED = (
    "relu_1h_bias_softmax", "gelu_2h_bias", "geglu_nobias", "lin_rms_gain_lin_eps1e-5",
    "att_mha_allbias", "att_alibi_allbias", "lm_untied_softmax", "moe_top2_renorm", "gru_tanh",
)


@pytest.mark.parametrize("name", CLOSED)
def test_known_networks_are_proved_without_hypotheses(name: str) -> None:
    derivation = derive_network(known(name), Asked(name, evidence="series"))
    assert derivation.redundancy == int(KNOWN_DIMENSIONS[name]["redundancy"])
    assert derivation.verdict is Verdict.PROVED and not derivation.hypotheses
    result = derivation.verify()
    assert result.verdict is Verdict.PROVED and result.scope.startswith("complete ")
    assert any("power series" in reason for reason in result.reasons)


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    n for n, row in KNOWN_DIMENSIONS.items() if n in NETWORKS and int(row["P"]) <= 150
])
def test_the_rank_of_every_known_network(name: str) -> None:
    """Asked for all coordinates, series stop at the true rank."""
    assert found(known(name))[1] == int(KNOWN_DIMENSIONS[name]["rank"])


@pytest.mark.parametrize("name", [
    "gpt2_tied_eps0", "gpt2_untied_eps1e-5", "llama_untied_eps1e-5", "llama_tied_gain_eps0",
])
def test_tokens_and_roots_need_no_hypothesis(name: str) -> None:
    """At the start every norm sees the token's own row alone: few roots, all of them there."""
    rank = int(KNOWN_DIMENSIONS[name]["rank"])
    assert found(known(name), rank + 1)[1] == rank


def test_what_lower_orders_show_stands_where_higher_ones_are_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = known("swiglu_nobias")  # P = 36, rank 32 at order 3
    monkeypatch.setattr("symgauge.certify.evidence.series.MAX_HELD", 36**2 * 6 // 2)
    assert found(network)[1] == 32
    monkeypatch.setattr("symgauge.certify.evidence.series.MAX_HELD", 36**2 * 4 // 2)
    with pytest.raises(BadInputError, match="36 parameters, as power series of order 5"):
        found(network)


def test_a_hypothesis_on_roots_is_discharged(monkeypatch: pytest.MonkeyPatch) -> None:
    """lm_untied_softmax behind a norm, with tokens: UNKNOWN over residues."""
    monkeypatch.setattr("symgauge.derivation.derive.all_evidence", dict)

    def formula(p: P, tokens: Tensor) -> Tensor:
        x = torch.nn.functional.embedding(tokens, p.E)
        return torch.tanh(rms_norm(x, 1e-5) @ p.W.T) @ p.A.T

    network = network_of("E:5x3 W:2x3 A:2x2", formula, torch.tensor([1, 4]))
    before = derive_network(network, Asked("tokens"))
    assert before.verdict is Verdict.UNKNOWN and before.hypotheses
    after, verification = before.certified_in_series()
    assert not after.hypotheses and not verification.hypotheses
    assert after.rank == before.rank
    balls, _ = before.certified_in_balls()
    assert (balls.rank, balls.scope) == (after.rank, after.scope)


@pytest.mark.parametrize(("name", "place"), [
    ("lin_rms_gain_lin_eps1e-5", "at generic parameters,"),
    ("lin_rms_gain_lin_eps0", "at generic parameters of the component of theta0,"),
    ("relu_1h_bias", "on the cell of theta0,"),
])
def test_where_a_claim_reaches(name: str, place: str) -> None:
    derivation = derive_network(known(name), Asked(name, evidence="series"))
    assert derivation.scope == f"complete {place} at the sizes of the program"
    assert ("component" in derivation.to_latex()) is ("component" in place)


def test_flows_are_out_of_reach() -> None:
    field = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
    derivation = symgauge.derive(OdeFlow(field), (torch.ones(1, 2),))
    with pytest.raises(BadInputError, match="flows of vector fields"):
        derivation.certified_in_series()


# -- certificates --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified() -> dict[str, Any]:
    derivation = derive_network(known("swiglu_nobias"), Asked("swiglu", evidence="series"))
    data: dict[str, Any] = derivation.data["certificate"]
    assert data["series"] == {"scaled": ["Wg"], "order": 3}
    assert symgauge.verify(data).verdict is Verdict.PROVED
    return data


def edited(data: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Changed, with the digest of what it is now."""
    out = copy.deepcopy(data)
    change(out)
    del out["digest"]
    return {**out, "digest": canonical_digest(out)}


EDITS: list[Callable[[dict[str, Any]], object]] = [
    lambda d: d["series"].update(order=2),
    lambda d: d["series"].update(order=4),
    lambda d: d["series"].update(order=25),
    lambda d: d["series"].update(order="3"),
    lambda d: d["series"].update(order=True),
    lambda d: d["series"].update(scaled=[]),
    lambda d: d["series"].update(scaled=["Wu"]),
    lambda d: d["series"].update(scaled=["Wg", "Wg"]),
    lambda d: d["series"].update(scaled=["Wg", "nothing"]),
    lambda d: d["series"].update(scaled="Wg"),
    lambda d: d["series"].update(prime=7),
    lambda d: d.update(series=None),
    lambda d: d.pop("series"),
    lambda d: d.update(rank=d["rank"] - 1),
    lambda d: d.update(rank=d["rank"] + 1),
    lambda d: d.update(balls={}),
    lambda d: d["shown"].append("all else"),
]


@pytest.mark.parametrize("number", range(len(EDITS)))
def test_one_thing_changed_is_rejected(certified: dict[str, Any], number: int) -> None:
    result = symgauge.verify(edited(certified, EDITS[number]))
    assert result.verdict is Verdict.REFUTED


def test_a_false_rank_is_rejected_with_the_rank_that_is_found() -> None:
    """silu(z) and silu(-z): residues that forget the relation would say more."""
    from known_networks import TRAPS

    module, args = TRAPS["silu_both_signs"]()
    derivation = derive_network(capture(module, args).network, Asked("silu", evidence="series"))
    data = derivation.data["certificate"]
    assert data["rank"] == 16

    def lie(d: dict[str, Any]) -> None:
        d.update(rank=20, redundancy=0, unexplained=0, closed=True, verdict="PROVED")
        d["shown"] = [text.replace("16", "20") for text in d["shown"]]

    result = symgauge.verify(edited(data, lie))
    assert result.verdict is Verdict.REFUTED
    assert any("rank = 20; found 16" in reason for reason in result.reasons)


def test_certificates_of_the_three_ways_say_the_same(certified: dict[str, Any]) -> None:
    network = Certificate.from_json(certified).network()
    balls = derive_network(network, Asked("swiglu", evidence="balls")).data["certificate"]
    residues = derive_network(network, Asked("swiglu")).data["certificate"]
    for key in ("rank", "orbit_dimension", "unexplained", "scope", "verdict"):
        assert certified[key] == balls[key] == residues[key]


# -- the command ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unknown_derivation(tmp_path_factory.mktemp("series"))


def test_certify_writes_what_verify_accepts(
    unknown: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, target = unknown.read_bytes(), tmp_path / "certified.json"
    status, out, _ = command(capfd, "certify", "--series", unknown, "--output", target, "--json")
    record = json.loads(out)
    assert (status, record["verdict"], record["hypotheses"]) == (0, "PROVED", [])
    assert record["order"] > 1 and "bits" not in record
    assert record["before"]["verdict"] == "UNKNOWN" and unknown.read_bytes() == before
    status, out, _ = command(capfd, "verify", target)
    assert status == 0 and "along power series in e" in " ".join(out.split())
    # by the other way afterwards: what stood there is replaced
    assert command(capfd, "certify", "--balls", target)[0] == 0
    data = Derivation.from_json(target.read_text()).data["certificate"]
    assert "balls" in data and "series" not in data


@pytest.mark.parametrize("arguments", [
    ("certify", "--series"), ("certify", "--series", "missing.json"),
    ("certify", "--series", "--balls", "x.json"), ("derive", "mlp", "--series", "--balls"),
])
def test_usage(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = command(capfd, *arguments)
    assert (status, out) == (3, "") and err.startswith("symgauge: ")
    assert not list(tmp_path.iterdir())


def test_what_series_do_not_reach_is_said_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "derivation.json"

    def formula(p: P, x: Tensor) -> Tensor:
        once = normed(x @ p.W.T)
        return normed(once) @ p.A.T + once @ p.B.T

    def normed(y: Tensor) -> Tensor:
        return y / torch.sqrt((y**2).mean(-1, keepdim=True))

    network = network_of("W:3x3 A:2x3 B:2x3", formula, real(1, 3))
    path.write_text(derive_network(network, Asked("roots")).to_json(), encoding="utf-8")
    before = path.read_bytes()
    status, out, err = command(capfd, "certify", "--series", path)
    assert (status, out) == (3, "") and path.read_bytes() == before
    assert "power series do not reach this network: a product of radicands" in err
    # behind the lines of progress
    assert len([line for line in err.splitlines() if "do not reach" in line]) == 1
    assert err.splitlines()[-1].endswith("certify it without --series")


def test_certify_rejects_what_was_edited(unknown: Path) -> None:
    data = json.loads(unknown.read_text())
    data["certificate"]["rank"] = 3
    with pytest.raises(InconsistentError, match="derive again"):
        Derivation.from_plain(sealed(data)).certified_in_series()


def test_derive_over_series(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = command(
        capfd, "derive", "mlp", "--set", "activation=gelu", "--series", "--out", tmp_path / "x",
        "--json")
    record = json.loads(out)
    assert (status, record["verdict"], record["hypotheses"]) == (0, "PROVED", [])
    assert "power series" in record["shown"][0]
    assert command(capfd, "verify", tmp_path / "x" / "derivation.json")[0] == 0


def test_a_value_without_entries_is_a_series() -> None:
    """The unturned part of a rotary embedding that turns all entries, say."""
    def formula(p: P, x: Tensor) -> Tensor:
        h = x @ p.w.T
        none = torch.zeros(1, 0, dtype=x.dtype) * h[:, :0]
        return torch.cat([torch.tanh(h), none], -1) @ p.v.T

    assert found(network_of("w:3x2 v:2x3", formula, real(1, 2)))[1] == 12
