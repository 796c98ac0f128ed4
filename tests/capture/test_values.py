"""Values of functions: named by function and argument, and exact where they are of constants.

Each network hides an identity between such values. What is PROVED is the true redundancy, and
`verify` says the same; a rank that rests on a hypothesis is UNKNOWN.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from singular_values import float_rank
from torch import Tensor, nn
from torch.nn.functional import interpolate

from symgauge.capture import capture
from symgauge.certify.evidence.residues import assumptions
from symgauge.cli import main as command
from symgauge.derivation.module import derive
from symgauge.identities.written_out import written_out
from symgauge.derivation.derivation import Derivation
from symgauge.domains.polynomials import PolynomialDomain
from symgauge.domains.residues import ResidueDomain
from symgauge.errors import UndecidedError
from symgauge.exact import polynomial as poly
from symgauge.exact.polynomial import Ring
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.roots import root_plan
from symgauge.program.constant import Constant
from symgauge.program.serial import digest_of
from symgauge.verdict import Verdict

FIELD = PrimeField(next(primes()))


class Scalars(nn.Module):
    """A function of parameters of some shapes and of one input x of shape (1,)."""

    def __init__(self, formula: Callable[["Scalars", Tensor], Tensor], **shapes: tuple) -> None:
        super().__init__()
        self.formula = formula
        generator = torch.Generator().manual_seed(0)
        for name, shape in shapes.items():
            value = torch.randn(shape, generator=generator, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(self, x)


class Between(nn.Module):
    """b(mix(a(x))): one number mixed with its neighbours between two scalar affine maps."""

    def __init__(self, mix: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.mix = nn.Linear(1, 1), nn.Linear(1, 1), mix
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.mix(self.a(x)))


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def steps(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float64)


def positive(w: Tensor) -> Tensor:
    return w**2 + 1


def feature(zero: Callable[["Scalars"], Tensor]) -> Callable[["Scalars", Tensor], Tensor]:
    """a times a number that is 0, beside what reads the other parameters."""
    def formula(s: Scalars, x: Tensor) -> Tensor:
        q = positive(s.w)
        return s.a * zero(s) * x + torch.exp(q) * x**2 + torch.sin(q) * x**3 + q * x**4
    return formula


def normalised(rows: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda h: (rows / rows.sum(-1, keepdim=True)) @ h


T = numbers(0.1, 0.4, 0.7, 1.0, 1.3)
ROOTS, LOGS = numbers(2, 3, 6, 8), numbers(2, 3, 6)
ONE = numbers(1.0)
ZERO = {
    "exp_of_log": lambda s: torch.exp(torch.log(positive(s.w))) - positive(s.w),
    "cube_of_log": lambda s: torch.exp(3 * torch.log(positive(s.w))) - positive(s.w) ** 3,
    "log_of_exp": lambda s: torch.log(torch.exp(s.w)) - s.w,
    "log_of_a_power": lambda s: torch.log(positive(s.w) ** 3) - 3 * torch.log(positive(s.w)),
    "log_of_a_quotient": lambda s: torch.log(1 / positive(s.w)) + torch.log(positive(s.w)),
    "log_to_the_base_2": lambda s: (
        torch.log2(positive(s.w)) - torch.log(positive(s.w)) / torch.log(LOGS[0])),
    "roots_of_numbers": lambda s: ROOTS.sqrt()[0] * ROOTS.sqrt()[1] - ROOTS.sqrt()[2],
    "root_of_eight": lambda s: ROOTS.sqrt()[3] - 2 * ROOTS.sqrt()[0],
    "root_squared": lambda s: (LOGS**0.5)[1] ** 2 - LOGS[1],
    "logs_of_numbers": lambda s: LOGS.log()[0] + LOGS.log()[1] - LOGS.log()[2],
    "log_softmax": lambda s: torch.log_softmax(T, -1).exp().sum() - 1,
    "thirds": lambda s: (numbers(1, 2) * numbers(1, 1) / 3000).sum() - ONE / 1000,
    "nested_exponentials": lambda s: torch.exp(2 * ONE.exp()) - torch.exp(ONE.exp()) ** 2,
    "double_root": lambda s: torch.sqrt(2 * positive(s.w)) - (
        ROOTS.sqrt()[0] * torch.sqrt(positive(s.w))),
    "root_of_seventeen": lambda s: torch.sqrt(17 * positive(s.w)) - (
        torch.sqrt(numbers(17)) * torch.sqrt(positive(s.w))),
}
SPAN = {
    "squares": lambda s, x: torch.stack(
        [torch.ones_like(T), (2 * T).cos(), T.sin() ** 2, T.cos() ** 2], -1) @ s.w * x,
    "sum_of_angles": lambda s, x: torch.stack(
        [(T + 2 * T).cos(), T.cos() * (2 * T).cos(), T.sin() * (2 * T).sin()], -1) @ s.w * x,
    "erf_of_both_signs": lambda s, x: torch.stack([torch.erf(T), torch.erf(-T)], -1) @ s.w * x,
    "powers": lambda s, x: torch.stack([T.exp() ** 2, (2 * T).exp(), T.exp()], -1) @ s.w * x,
}
MIX = {
    "softmax": lambda h: torch.softmax(0.37 * torch.outer(T, T), -1) @ h,
    "masked_softmax": lambda h: torch.softmax(torch.outer(T, T).masked_fill(
        torch.ones(5, 5).triu(1).bool(), -torch.inf), -1) @ h,
    "gaussian": lambda h: normalised(torch.exp(-(steps(5)[:, None] - steps(5)) ** 2 / 2))(h),
    "decimals": lambda h: normalised(torch.outer(T, T) ** 2 + 0.7)(h),
    "linspace": lambda h: normalised(torch.linspace(0.1, 1.0, 5).double()[None])(h),
    "window": lambda h: normalised(0.54 - 0.46 * torch.cos(0.5 * steps(5)))(h)[None],
    "bicubic": lambda h: interpolate(
        h.T[None, None].expand(1, 1, 2, 5), size=(2, 3), mode="bicubic").reshape(6, 1),
    "linear": lambda h: interpolate(h.T[None], size=7, mode="linear")[0].T,
}
#: What stays a hypothesis, and why.
UNDECIDED = {
    "nested_exponentials": "constants that are not rational",
    "double_root": "is a square",
    "root_of_seventeen": "square",
    "log_to_the_base_2": "constants made by",
}


def module(name: str) -> tuple[nn.Module, tuple[Tensor]]:
    if name in ZERO:
        return Scalars(feature(ZERO[name]), a=(1,), w=(1,)), (torch.ones(1),)
    if name in SPAN:
        width = {"squares": 4, "erf_of_both_signs": 2}.get(name, 3)
        return Scalars(SPAN[name], w=(width,)), (torch.ones(1),)
    return Between(MIX[name]), (torch.ones(5, 1),)


def truth(name: str) -> int:
    return {"squares": 2, **dict.fromkeys(MIX, 2)}.get(name, 1)


def agreed(name: str, found: Derivation) -> None:
    """Nothing false is said, and verify says the same."""
    assert found.orbit_dimension + found.unread <= truth(name)
    if found.verdict is Verdict.PROVED:
        assert found.redundancy + found.unread == truth(name)
    assert found.verify().verdict is found.verdict
    # the certificate is of this module, as it is or rewritten
    again = capture(*module(name)).network
    assert digest_of(found.network()) in (digest_of(again), digest_of(written_out(again)))


@pytest.mark.parametrize("name", [*ZERO, *SPAN, *MIX])
def test_the_truth(name: str) -> None:
    seen = float_rank(*module(name), 6, 0)
    assert (seen.redundancy, seen.gap > 1e3) == (truth(name), True)


@pytest.mark.parametrize("name", [n for n in (*ZERO, *SPAN, *MIX) if n not in UNDECIDED])
def test_identities_are_decided(name: str) -> None:
    found = derive(*module(name))
    agreed(name, found)
    assert found.verdict is Verdict.PROVED


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_is_not_decided_is_said(name: str) -> None:
    found = derive(*module(name))
    agreed(name, found)
    assert found.verdict is Verdict.UNKNOWN
    if name == "nested_exponentials":  # balls show less than the hypothesis that is false
        assert not found.hypotheses and found.unexplained
    else:
        assert any(UNDECIDED[name] in h for h in found.hypotheses), found.hypotheses


# -- what is assumed ------------------------------------------------------------------------------


def shown(formula: Callable[[Scalars, Tensor], Tensor], **shapes: tuple) -> tuple:
    network = capture(Scalars(formula, **shapes), (torch.ones(1),)).network
    return assumptions(network, FIELD, np.random.default_rng(0))


def test_exp_and_log_of_one_argument_are_two_values() -> None:
    found = shown(lambda s, x: torch.exp(positive(s.w)) * x + torch.log(positive(s.w)), w=())
    assert found.shown == ("independence of exponential and logarithm values: proved (2 of 2)",)


def test_exp_and_sin_of_one_argument_are_two_values() -> None:
    found = shown(lambda s, x: torch.exp(s.w * x) + torch.sin(s.w * x) + torch.cos(s.w * x), w=())
    assert found.shown == ("independence of exponential and logarithm values: proved (2 of 2)",)
    assert not found.hypotheses


@pytest.mark.parametrize("seed", range(3))
def test_exp_of_a_logarithm_is_no_value_of_its_own(seed: int) -> None:
    found = shown(lambda s, x: torch.exp(torch.log(positive(s.w)) / 3) * x + (
        torch.exp(positive(s.w))), w=())
    assert "falls short" in found.hypotheses[0]


def test_e_and_a_logarithm_are_not_known_to_be_independent() -> None:
    found = shown(lambda s, x: s.w * ONE.exp() * x + LOGS[0].log(), w=())
    assert found.hypotheses == ("e and log 2 are algebraically independent",)
    found = shown(lambda s, x: s.w * LOGS[2].log() * x, w=())
    assert found.hypotheses == ("log 2 and log 3 are algebraically independent",)
    assert not shown(lambda s, x: s.w * LOGS[0].log() * x, w=()).hypotheses


def test_pi_is_assumed_nothing_of_unless_the_gaussian_stands_alone() -> None:
    found = shown(lambda s, x: torch.erf(s.w * x) + ONE.exp() * s.w, w=())
    assert not found.hypotheses
    found = shown(lambda s, x: torch.erf(s.w * x) + ONE.exp() * torch.exp(-(s.w * x) ** 2), w=())
    assert found.hypotheses == ("e and pi are algebraically independent",)


# -- functions of rational numbers ----------------------------------------------------------------


@pytest.fixture(params=[7, 123456])
def residues(request: pytest.FixtureRequest) -> ResidueDomain:
    return ResidueDomain(FIELD, request.param, 1)


RATIONALS = [Fraction(7, 10), Fraction(-3, 2), Fraction(0.1), Fraction(1, 3), Fraction(5)]


def test_exponentials_of_rationals_are_powers(residues: ResidueDomain) -> None:
    p = FIELD.p
    for a in RATIONALS:
        for b in RATIONALS:
            one, two, both = (residues.at_rational("exp", r) for r in (a, b, a + b))
            assert one * two % p == both
            (c, s), (d, t) = (
                [residues.at_rational(f, r) for f in ("cos", "sin")] for r in (a, b))
            assert (c * c + s * s) % p == 1
            assert (c * d - s * t) % p == residues.at_rational("cos", a + b)
            assert (s * d + c * t) % p == residues.at_rational("sin", a + b)
    values = {residues.at_rational(f, r) for f in ("exp", "cos", "sin") for r in RATIONALS}
    assert len(values) == 3 * len(RATIONALS)


def test_logarithms_and_roots_of_rationals(residues: ResidueDomain) -> None:
    two, three, both = (residues.at_rational("log", Fraction(r)) for r in (2, 3, 6))
    assert (two + three - both) % FIELD.p == 0 != two * three
    table = (Fraction(2), Fraction(3), Fraction(6), Fraction(8), Fraction(4, 9))
    found = residues.at("rsqrt", Constant(table, np.arange(5)))[0]
    values = dict(zip(table, found.astype(int).tolist(), strict=True))
    assert values[table[0]] * values[table[1]] % FIELD.p == values[table[2]]
    assert values[table[3]] * 2 % FIELD.p == values[table[0]]
    assert values[table[4]] == FIELD.residue(Fraction(3, 2))
    assert residues.valid.all()


def test_proofs_know_multiple_angles_and_powers() -> None:
    domain = PolynomialDomain(Ring(), {"exp": Fraction(1, 2), "circle": Fraction(7, 10)})

    def at(function: str, r: Fraction) -> poly.Polynomial:
        return domain.at(function, Constant((r,), np.zeros((), dtype=np.int64)))[0]

    mul, g = domain.ring.mul, Fraction(7, 10)
    assert mul(at("exp", Fraction(3)), at("exp", Fraction(-5, 2))) == at("exp", Fraction(1, 2))
    cosine, sine = at("cos", g), at("sin", g)
    square = poly.add(mul(cosine, cosine), poly.scale(mul(sine, sine), -1))
    assert square == at("cos", 2 * g)
    assert at("sin", -3 * g) == poly.scale(at("sin", 3 * g), -1)
    assert mul(at("rsqrt", Fraction(2)), at("rsqrt", Fraction(3))) == at("rsqrt", Fraction(6))


def test_radicands_without_roots_at_once_are_told_apart() -> None:
    """q and 17 q: modulo a prime for which 17 has no root one of the two has none."""
    network = capture(Scalars(lambda s, x: s.a * torch.sqrt(17 * positive(s.w * x)) + (
        torch.sqrt(positive(s.w * x))), a=(), w=()), (torch.ones(1),)).network
    rooted = {
        p: PrimeField(p).character(np.array(17.0)) == 1.0 for p, _ in zip(primes(), range(12))}
    assert set(rooted.values()) == {True, False}
    for p, has_root in rooted.items():
        assert root_plan(network, PrimeField(p), False).twisted is not has_root


def test_a_false_hypothesis_is_no_refutation(monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*args: object, **kwargs: object) -> None:
        raise UndecidedError("values are related")

    monkeypatch.setattr("symgauge.derivation.derive.derive_target", undecided)
    assert command.main(["derive", "mlp"]) == 2
