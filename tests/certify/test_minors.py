"""Fields by minors: outputs with as many independent coefficients as rank J."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hidden_networks import NETWORKS
from known_networks import KnownNetwork, real
from singular_values import float_rank

import symgauge
from symgauge.capture import capture
from symgauge.certify.certificate import Certificate
from symgauge.certify.confirm import confirm
from symgauge.certify.minors import spanned_by_minors
from symgauge.identities.coefficients import coefficients
from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.identities.relaxed import relaxed as free_line
from symgauge.program.lower import lower
from symgauge.program.serial import canonical_digest
from symgauge.verdict import Verdict
from tests.kernel.test_schema import SCHEMA, wrong as misfit


def count(shapes: str, formula: Callable[..., Any], *args: torch.Tensor) -> int | None:
    return coefficients(capture(KnownNetwork(shapes, formula), args).network)


X = real(1, 2)


@pytest.mark.parametrize(("shapes", "formula", "number"), [
    ("W:3x2", lambda p, x: x @ p.W.T, 6),
    # one for two outputs, a multiple, an added number
    ("a:1", lambda p, x: torch.stack([p.a * x, 2 * p.a * x, (p.a + 1) * x]), 1),
    ("a:1 b:1", lambda p, x: (p.a**2 + p.b**4) * x, 1),
    ("a:1 b:1", lambda p, x: (p.a + p.b) * x + p.a * x**2, 2),
    # functions of the parameters alone, and of the inputs alone
    ("v:2 g:1", lambda p, x: p.g * (x @ p.v) / p.v.norm(), 2),
    ("a:1", lambda p, x: torch.exp(p.a) * torch.sin(x), 1),
    # functions of both
    ("a:2", lambda p, x: torch.exp(p.a * x), None),
    ("a:2", lambda p, x: torch.relu(x + p.a), None),
])
def test_coefficients(shapes: str, formula: Callable[..., Any], number: int | None) -> None:
    assert count(shapes, formula, X) == number


def test_entries_of_a_batch_have_the_same_coefficients() -> None:
    assert count("W:3x2 b:3", lambda p, x: x @ p.W.T + p.b, real(4, 2)) == 9


@pytest.mark.parametrize(("name", "added"), [
    ("states complex 2, few steps", 2), ("weight-norm linear", 2),
])
def test_what_is_added(name: str, added: int) -> None:
    module, args = NETWORKS[name]()
    found = symgauge.derive(module, args)
    claim = found.claim
    assert (claim.by_minors, claim.unexplained, claim.verdict) == (added, 0, Verdict.PROVED)
    assert found.redundancy == float_rank(module, args, 3, 0).redundancy
    assert found.verify().verdict is Verdict.PROVED
    # what is by minors is no invariant's loss, and the document says where it is from
    assert "By minors" in found.to_latex() and not found.invariants.complete
    said = confirm(found.certificate)
    assert said.verdict == "UNKNOWN" and f"{added} directions are open" in said.reasons[-1]


def test_fields_by_minors_annihilate() -> None:
    """The components by their formula, at a point: J X = 0, and outside of the orbits."""
    a = np.random.default_rng(0).integers(-9, 9, 4).astype(float)
    # f = (a0 a1 + a2) x + a1 a3^2 x^2: N = 2, four parameters
    jacobian = np.array([[a[1], a[0], 1, 0], [0, a[3]**2, 0, 2 * a[1] * a[3]]])
    for chosen in ([0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]):
        field = np.zeros(4)
        for j, k in enumerate(chosen):
            rest = [i for i in chosen if i != k]
            field[k] = (-1)**j * np.linalg.det(jacobian[:, rest])
        assert abs(jacobian @ field).max() < 1e-9 * (1 + abs(field).max())


def test_a_smaller_rank_is_not_spanned() -> None:
    """5 fourth powers in 3 variables: 15 coefficients, of which 14 are independent, not 13."""
    module, args = NETWORKS["waring 3-5-1"]()
    network = capture(module, args).network
    assert coefficients(network) == 15 and not spanned_by_minors(network, 13)


def endpoint() -> tuple[KnownNetwork, tuple[torch.Tensor, ...]]:
    """C (1 + A)^2 B x: one 3x3 matrix of rank 2, 8 of 9 dimensions; gl(2) and all of A."""
    def formula(p: Any, x: torch.Tensor) -> torch.Tensor:
        step = torch.eye(2) + p.A
        return x @ (p.C @ step @ step @ p.B).T
    return KnownNetwork("A:2x2 B:2x3 C:3x2", formula), (real(1, 3),)


@pytest.fixture
def relaxed(monkeypatch: pytest.MonkeyPatch) -> symgauge.Derivation:
    """That of `endpoint` without polynomial fields: the matrix (1 + A)^2 B is free."""
    monkeypatch.setattr("symgauge.derivers.exact.polynomial_fields", lambda *_: iter(()))
    return symgauge.derive(*endpoint())


def test_a_free_line(relaxed: symgauge.Derivation) -> None:
    claim, data = relaxed.claim, relaxed.certificate.data
    assert (claim.rank, claim.redundancy, claim.verdict) == (8, 8, Verdict.PROVED)
    assert claim.by_minors == 8 - claim.orbit_dimension > 0
    assert data["relaxed"]["certificate"]["rank"] == 8
    assert relaxed.verify().verdict is Verdict.PROVED
    assert not misfit(relaxed.certificate.to_json(), SCHEMA)
    # of rows of J: with other minors beside them, that program's generators span less
    assert "minors of order 8 of its rows" in claim.shown[-1]
    assert "generators and fields by minors span the kernel" in relaxed.to_latex()
    # alone 9 coefficients bound nothing
    assert coefficients(relaxed.network()) == 9 and not spanned_by_minors(relaxed.network(), 8)


def resealed(data: Mapping[str, Any]) -> Certificate:
    facts = {k: v for k, v in data.items() if k != "digest"}
    return Certificate({**facts, "digest": canonical_digest(facts)})


def test_another_program_shows_nothing(relaxed: symgauge.Derivation) -> None:
    """The certificate of a network of the same rank; another line; no such entry; an open one."""
    data = relaxed.certificate.to_json()
    other = symgauge.derive(KnownNetwork("W:4x2", lambda p, x: x @ p.W.T), (X,)).certificate
    assert other.claim.rank == 8
    inner = data["relaxed"]
    fewer = {**inner["certificate"], "generators": [], "proofs": [], "tables": []}
    fewer.pop("families", None)
    for wrong in (
        {**inner, "certificate": other.to_json()}, {**inner, "line": inner["line"] - 1},
        {**inner, "line": 10**6}, {"line": inner["line"]},
        {**inner, "certificate": resealed(fewer).to_json()}, {**inner, "more": 1},
    ):
        assert symgauge.verify(resealed({**data, "relaxed": wrong})).verdict is Verdict.REFUTED
    without = {k: v for k, v in data.items() if k != "relaxed"}
    assert symgauge.verify(resealed(without)).verdict is Verdict.REFUTED


def test_a_relaxed_program_is_the_network_at_its_functions() -> None:
    """g(m(x); phi(theta)) = f(x; theta): squares of 2 inputs are 3 functions, rows share them."""
    module = KnownNetwork("W:4x2 C:3x4", lambda p, x: (x @ p.W.T) ** 2 @ p.C.T)
    network = lower(capture(module, (real(2, 2),)).network)
    power = next(i for i, n in enumerate(network.nodes) if n.label == "power")
    other = free_line(network, power, PolynomialLines(network, 1000))
    assert other is not None
    shapes = {p.name: p.shape for p in other.parameters}
    assert shapes == {"C": (3, 4), "coefficients": (3, 4)}
    assert [(x.name, x.shape) for x in other.inputs] == [("functions", (2, 3))]


@pytest.mark.parametrize("edit", [{"by_minors": 1, "unexplained": 1}, {"by_minors": 3}])
def test_another_number_is_rejected(edit: dict[str, int]) -> None:
    module, args = NETWORKS["states complex 2, few steps"]()
    data = symgauge.derive(module, args).certificate.to_json()
    facts = {**data, **edit}
    assert symgauge.verify(resealed(facts)).verdict is Verdict.REFUTED
