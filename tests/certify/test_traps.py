"""Networks whose function values satisfy identities: the exact engine claims nothing false on them.

An engine that takes exp(2z) and exp(z) for unrelated numbers finds a rank that is too high and a
certificate of completeness that is a lie. Each network here contains such an identity (or looks
as if it did). The referee is a singular-value count in floats. Allowed answers: the right
redundancy; or UNKNOWN with the hypothesis that fails; or InconsistentError. In real balls the right
redundancy alone.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
import torch
from known_networks import KNOWN_TRAPS, TRAPS, KnownNetwork, real, rms_norm
from singular_values import float_rank
from torch import Tensor
from torch.nn.functional import embedding, gelu, relu, silu, softplus

from symgauge.capture import capture
from symgauge.certify.evidence.balls import is_shown
from symgauge.certify.find.series import find as find_curve
from symgauge.certify.find.balls import find_minor
from symgauge.derivation.derive import Asked, derive_network
from symgauge.derivation.derivation import Derivation
from symgauge.errors import BadInputError, InconsistentError
from symgauge.points.cells import balanced_shadow
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import is_piecewise
from symgauge.verdict import Verdict

Example = tuple[torch.nn.Module, tuple[Tensor, ...]]
P = torch.nn.Module


def logistic_twice(p: P, x: Tensor) -> Tensor:
    """sigmoid(z) (1 - sigmoid(z)) and the derivative of sigmoid written with exp."""
    z = x @ p.W.T
    s, e = torch.sigmoid(z), torch.exp(-z)
    return (s * (1 - s)) @ p.A.T + (e / (1 + e) ** 2) @ p.B.T


def tanh_exp_double(p: P, x: Tensor) -> Tensor:
    """tanh(z) (exp(2z) + 1) = exp(2z) - 1."""
    z = x @ p.W.T
    e = torch.exp(2 * z)
    return (torch.tanh(z) * (e + 1)) @ p.A.T + e @ p.B.T + p.b


def softmax_against_sigmoid(p: P, x: Tensor) -> Tensor:
    """softmax(u, v)_1 = sigmoid(u - v)."""
    z = x @ p.W.T
    return torch.softmax(z, -1) @ p.A.T + torch.sigmoid(z[:, :1] - z[:, 1:]) @ p.B.T + p.b


def gelu_both_signs(p: P, x: Tensor) -> Tensor:
    """gelu(z) - gelu(-z) = z."""
    z = x @ p.W.T
    return gelu(z) @ p.A.T + gelu(-z) @ p.B.T + x @ p.C.T


def gelu_tanh_both_signs(p: P, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return (
        gelu(z, approximate="tanh") @ p.A.T + gelu(-z, approximate="tanh") @ p.B.T + x @ p.C.T
    )


def logsumexp_twice(p: P, x: Tensor) -> Tensor:
    """logsumexp(u, v, w) = logsumexp(logsumexp(u, v), w)."""
    z = x @ p.W.T
    inner = torch.logsumexp(z[:, :2], -1, keepdim=True)
    nested = torch.logsumexp(torch.cat([inner, z[:, 2:]], -1), -1, keepdim=True)
    return torch.logsumexp(z, -1, keepdim=True) @ p.A.T + nested @ p.B.T


def softplus_both_signs(p: P, x: Tensor) -> Tensor:
    """softplus(z) - softplus(-z) = z."""
    z = x @ p.W.T
    return softplus(z) @ p.A.T + softplus(-z) @ p.B.T + x @ p.C.T


def root_of_product(p: P, x: Tensor) -> Tensor:
    """sqrt(u v) = sqrt(u) sqrt(v)."""
    u, v = (x @ p.W.T) ** 2 + 1, (x @ p.V.T) ** 2 + 1
    return torch.sqrt(u * v) @ p.A.T + (torch.sqrt(u) * torch.sqrt(v)) @ p.B.T


def root_of_a_square(p: P, x: Tensor) -> Tensor:
    """sqrt(z^2) = |z|."""
    z = x @ p.W.T
    return torch.abs(z) @ p.A.T + torch.sqrt(z * z) @ p.B.T


def root_of_a_hidden_square(p: P, x: Tensor) -> Tensor:
    """sqrt(u^2 + 2 u v + v^2) = |u + v|."""
    u, v = x @ p.W.T, x @ p.V.T
    root = torch.sqrt(u * u + 2 * u * v + v * v)
    return torch.abs(u + v) @ p.A.T + root @ p.B.T


def relu_both_signs(p: P, x: Tensor) -> Tensor:
    """relu(z) - relu(-z) = z."""
    z = x @ p.W.T
    return relu(z) @ p.A.T + relu(-z) @ p.B.T + x @ p.C.T


def maximum_twice(p: P, x: Tensor) -> Tensor:
    """max(u, v) = (u + v + |u - v|) / 2."""
    u, v = x @ p.W.T, x @ p.V.T
    return torch.maximum(u, v) @ p.A.T + (u - v).abs() @ p.B.T + x @ p.C.T


def norm_with_a_tiny_epsilon(p: P, x: Tensor) -> Tensor:
    """epsilon 1e-12: no scaling of the writer, although floats hardly see it."""
    return (p.g * rms_norm(x @ p.W.T, 1e-12)) @ p.A.T


def duplicated_layers(p: P, x: Tensor) -> Tensor:
    """The same hidden layer read twice."""
    h = torch.tanh(x @ p.W.T + p.c)
    return h @ p.A.T + torch.tanh(x @ p.W.T + p.c) @ p.B.T + p.b


def exp_squared(p: P, x: Tensor) -> Tensor:
    """exp(2z) = exp(z)^2."""
    z = x @ p.W.T
    return torch.exp(2 * z) @ p.A.T + torch.exp(z) ** 2 @ p.B.T


def log_of_product(p: P, x: Tensor) -> Tensor:
    """log(u v) = log u + log v."""
    u, v = (x @ p.W.T) ** 2 + 1, (x @ p.V.T) ** 2 + 2
    return torch.log(u * v) @ p.A.T + (torch.log(u) + torch.log(v)) @ p.B.T


def double_angle(p: P, x: Tensor) -> Tensor:
    """sin 2z = 2 sin z cos z."""
    z = x @ p.W.T
    return torch.sin(2 * z) @ p.A.T + (2 * torch.sin(z) * torch.cos(z)) @ p.B.T


def shifted_angle(p: P, x: Tensor) -> Tensor:
    """A sin(z + c) + B cos z: the phase c and the amplitudes are one plane of waves."""
    z = x @ p.W.T
    return torch.sin(z + p.c) @ p.A.T + torch.cos(z) @ p.B.T + torch.sin(z) @ p.C.T


def arcs_of_reciprocals(p: P, x: Tensor) -> Tensor:
    """atan u + atan(1 / u) is constant where u has one sign."""
    u = (x @ p.W.T) ** 2 + 1
    return torch.atan(u) @ p.A.T + torch.atan(1 / u) @ p.B.T + p.b


def tangent_of_an_arc(p: P, x: Tensor) -> Tensor:
    """sin(2 atan z) = 2 z / (1 + z^2)."""
    z = x @ p.W.T
    return torch.sin(2 * torch.atan(z)) @ p.A.T + (2 * z / (1 + z**2)) @ p.B.T


def arcs_alone(p: P, x: Tensor) -> Tensor:
    """atan z beside sin z and exp z: no identity."""
    z = x @ p.W.T
    return torch.cat([torch.atan(z), torch.sin(z), torch.exp(z)], -1) @ p.A.T


def root_of_an_exponential(p: P, x: Tensor) -> Tensor:
    """sqrt(exp z) = exp(z / 2)."""
    z = x @ p.W.T
    return torch.sqrt(torch.exp(z)) @ p.A.T + torch.exp(z / 2) @ p.B.T


def cube_root_cubed(p: P, x: Tensor) -> Tensor:
    """(u^(1/4))^4 = u, a power by logarithms."""
    u = (x @ p.W.T) ** 2 + 1
    return ((u**0.25) ** 4) @ p.A.T + u @ p.B.T


def log_of_exp(p: P, x: Tensor) -> Tensor:
    """log(exp u exp v) = u + v."""
    u, v = x @ p.W.T, x @ p.V.T
    return torch.log(torch.exp(u) * torch.exp(v)) @ p.A.T + (u + v) @ p.B.T


def hyperbolic_pythagoras(p: P, x: Tensor) -> Tensor:
    """cosh^2 - sinh^2 = 1."""
    z = x @ p.W.T
    return torch.cosh(z) ** 2 @ p.A.T + torch.sinh(z) ** 2 @ p.B.T + p.b


def squares_of_erf(p: P, x: Tensor) -> Tensor:
    """erf(z) erf(-z) = -erf(z)^2."""
    z = x @ p.W.T
    return (torch.erf(z) * torch.erf(-z)) @ p.A.T + torch.erf(z) ** 2 @ p.B.T


def erf_beside_gaussians(p: P, x: Tensor) -> Tensor:
    """exp(-u^2) exp(-v^2) = exp(-u^2 - v^2), beside erf of u and of v."""
    u, v = x @ p.W.T, x @ p.V.T
    product = torch.exp(-u**2) * torch.exp(-v**2)
    values = torch.cat([torch.erf(u), torch.erf(v), product], -1)
    return values @ p.A.T + torch.exp(-u**2 - v**2) @ p.B.T


def erf_of_two_scales(p: P, x: Tensor) -> Tensor:
    """erf z beside erf 2z: exp(-4 z^2) = exp(-z^2)^4, though no identity of erf itself."""
    z = x @ p.W.T
    return torch.erf(z) @ p.A.T + torch.erf(2 * z) @ p.B.T + torch.exp(-(z**2)) @ p.C.T


def dead_unit(p: P, x: Tensor) -> Tensor:
    """The last hidden unit is relu(-z^2 - 1): it is never on."""
    z = x @ p.W.T
    hidden = torch.cat([relu(z[:, :2]), relu(-z[:, 2:] ** 2 - 1)], -1)
    return hidden @ p.A.T + p.b


def identity_on_a_cell(p: P, x: Tensor) -> Tensor:
    """exp(relu u) exp(relu v) = exp(u + v) where both are on: only there is it seen."""
    u, v = x @ p.W.T, x @ p.V.T
    inside = relu(u) * relu(v)
    product = torch.exp(relu(u)) * torch.exp(relu(v))
    return (inside * product) @ p.A.T + (inside * torch.exp(u + v)) @ p.B.T


def root_on_a_cell(p: P, x: Tensor) -> Tensor:
    """sqrt(relu(u)^2 + relu(v)) = relu(u) where v is off: only there is it seen."""
    u, v = x @ p.W.T, x @ p.V.T
    inside = relu(u) * relu(-v)
    root = torch.sqrt(relu(u) ** 2 + relu(v) + relu(-u))
    return (inside * root) @ p.A.T + (inside * u) @ p.B.T


def log_on_a_cell(p: P, x: Tensor) -> Tensor:
    """log(|u| |v|) = log|u| + log|v|, with the absolute values as maxima."""
    u, v = x @ p.W.T, x @ p.V.T
    a, b = torch.maximum(u, -u), torch.maximum(v, -v)
    return torch.log(a * b) @ p.A.T + (torch.log(a) + torch.log(b)) @ p.B.T


def gate_of_two_tokens(p: P, tokens: Tensor) -> Tensor:
    """sigmoid(E_t + F_i) over tokens and positions, and its logit again."""
    logit = embedding(tokens, p.E) + p.F
    gate = torch.sigmoid(logit)
    return torch.cat([gate @ p.A.T + (1 - torch.sigmoid(-logit)) @ p.B.T], -1)


def table_of_exponentials(p: P, tokens: Tensor) -> Tensor:
    """exp(E_t + F_i) read by eight outputs: few sequences are looked at."""
    return torch.exp(embedding(tokens, p.E) + p.F) @ p.A.T


def layer_norm_of_two(p: P, x: Tensor) -> Tensor:
    """LayerNorm over two entries with epsilon 0 is a sign."""
    z = x @ p.W.T
    centred = z - z.mean(-1, keepdim=True)
    return (centred / torch.sqrt((centred**2).mean(-1, keepdim=True))) @ p.A.T + p.b


def norm_of_norm(p: P, x: Tensor) -> Tensor:
    """RMSNorm(RMSNorm(z)) = RMSNorm(z) with epsilon 0."""
    once = rms_norm(x @ p.W.T, 0.0)
    return rms_norm(once, 0.0) @ p.A.T + once @ p.B.T


def silu_by_sigmoid(p: P, x: Tensor) -> Tensor:
    """silu(z) = z sigmoid(z)."""
    z = x @ p.W.T
    return silu(z) @ p.A.T + (z * torch.sigmoid(z)) @ p.B.T


def softmax_shift(p: P, x: Tensor) -> Tensor:
    """softmax(z) and softmax(z + 1 c): the shift c cancels."""
    z = x @ p.W.T
    return torch.softmax(z, -1) @ p.A.T + torch.softmax(z + p.c, -1) @ p.B.T


def wide_sum_of_exponents(p: P, x: Tensor) -> Tensor:
    """exp u exp v / exp(u + v) = 1: hidden in a division."""
    u, v = x @ p.W.T, x @ p.V.T
    return (torch.exp(u) * torch.exp(v) / torch.exp(u + v)) @ p.A.T + p.b


TOKENS = torch.tensor([3, 0, 5, 1])
ROW = real(1, 3)

#: Name: parameter shapes, formula, example.
OWN: dict[str, tuple[str, Callable[..., Tensor], Tensor]] = {
    "logistic_twice": ("W:2x3 A:2x2 B:2x2", logistic_twice, ROW),
    "tanh_exp_double": ("W:2x3 A:2x2 B:2x2 b:2", tanh_exp_double, ROW),
    "softmax_against_sigmoid": ("W:2x3 A:2x2 B:2x1 b:2", softmax_against_sigmoid, ROW),
    "gelu_both_signs": ("W:2x3 A:2x2 B:2x2 C:2x3", gelu_both_signs, ROW),
    "gelu_tanh_both_signs": ("W:2x3 A:2x2 B:2x2 C:2x3", gelu_tanh_both_signs, ROW),
    "logsumexp_twice": ("W:3x3 A:2x1 B:2x1", logsumexp_twice, ROW),
    "softplus_both_signs": ("W:2x3 A:2x2 B:2x2 C:2x3", softplus_both_signs, ROW),
    "root_of_product": ("W:2x3 V:2x3 A:2x2 B:2x2", root_of_product, ROW),
    "root_of_a_square": ("W:2x3 A:2x2 B:2x2", root_of_a_square, ROW),
    "root_of_a_hidden_square": ("W:1x3 V:1x3 A:2x1 B:2x1", root_of_a_hidden_square, ROW),
    "relu_both_signs": ("W:2x3 A:2x2 B:2x2 C:2x3", relu_both_signs, ROW),
    "maximum_twice": ("W:2x3 V:2x3 A:2x2 B:2x2 C:2x3", maximum_twice, ROW),
    "norm_with_a_tiny_epsilon": ("W:3x4 g:3 A:3x3", norm_with_a_tiny_epsilon, real(1, 4)),
    "duplicated_layers": ("W:2x3 c:2 A:2x2 B:2x2 b:2", duplicated_layers, ROW),
    "exp_squared": ("W:2x3 A:2x2 B:2x2", exp_squared, ROW),
    "log_of_product": ("W:2x3 V:2x3 A:2x2 B:2x2", log_of_product, ROW),
    "double_angle": ("W:2x3 A:2x2 B:2x2", double_angle, ROW),
    "shifted_angle": ("W:2x3 c:2 A:2x2 B:2x2 C:2x2", shifted_angle, ROW),
    "arcs_of_reciprocals": ("W:1x3 A:2x1 B:2x1 b:2", arcs_of_reciprocals, ROW),
    "tangent_of_an_arc": ("W:2x3 A:2x2 B:2x2", tangent_of_an_arc, ROW),
    "arcs_alone": ("W:2x3 A:2x6", arcs_alone, ROW),
    "root_of_an_exponential": ("W:2x3 A:2x2 B:2x2", root_of_an_exponential, ROW),
    "cube_root_cubed": ("W:2x3 A:2x2 B:2x2", cube_root_cubed, ROW),
    "log_of_exp": ("W:2x3 V:2x3 A:2x2 B:2x2", log_of_exp, ROW),
    "hyperbolic_pythagoras": ("W:2x3 A:2x2 B:2x2 b:2", hyperbolic_pythagoras, ROW),
    "erf_beside_gaussians": ("W:1x3 V:1x3 A:2x3 B:2x1", erf_beside_gaussians, ROW),
    "erf_of_two_scales": ("W:2x3 A:2x2 B:2x2 C:2x2", erf_of_two_scales, ROW),
    "squares_of_erf": ("W:2x3 A:2x2 B:2x2", squares_of_erf, ROW),
    "dead_unit": ("W:3x3 A:2x3 b:2", dead_unit, ROW),
    "identity_on_a_cell": ("W:1x3 V:1x3 A:2x1 B:2x1", identity_on_a_cell, ROW),
    "root_on_a_cell": ("W:1x3 V:1x3 A:2x1 B:2x1", root_on_a_cell, ROW),
    "log_on_a_cell": ("W:1x3 V:1x3 A:2x1 B:2x1", log_on_a_cell, ROW),
    "gate_of_two_tokens": ("E:6x2 F:4x2 A:2x2 B:2x2", gate_of_two_tokens, TOKENS),
    "table_of_exponentials": ("E:6x2 F:4x2 A:8x2", table_of_exponentials, TOKENS),
    "layer_norm_of_two": ("W:2x3 A:2x2 b:2", layer_norm_of_two, ROW),
    "norm_of_norm": ("W:3x3 A:2x3 B:2x3", norm_of_norm, ROW),
    "silu_by_sigmoid": ("W:2x3 A:2x2 B:2x2", silu_by_sigmoid, ROW),
    "softmax_shift": ("W:3x3 c:1 A:2x3 B:2x3", softmax_shift, ROW),
    "wide_sum_of_exponents": ("W:2x3 V:2x3 A:2x2 b:2", wide_sum_of_exponents, ROW),
}


def build(name: str) -> Example:
    shapes, formula, example = OWN[name]
    return KnownNetwork(shapes, formula), (example.clone(),)


def derive(make: Callable[[], Example], name: str, seed: int = 0) -> Derivation | None:
    """The derivation, or None where the engine says that a hypothesis of its own is false."""
    module, args = make()
    try:
        return derive_network(capture(module, args).network, Asked(name, seed=seed))
    except InconsistentError:
        return None


#: Where floats are fooled: an epsilon of 1e-12 leaves so(3) and the gains, no scaling of W.
EXACT = {"norm_with_a_tiny_epsilon": 6}
#: Networks whose rank is right and whose certificate closes: the guards are not mere refusals.
CLOSED = (
    "arcs_alone",
    "tanh_exp_double",
    "duplicated_layers",
    "hyperbolic_pythagoras",
    "silu_by_sigmoid",
    "norm_with_a_tiny_epsilon",
)


@cache
def truth(name: str) -> int:
    if name in EXACT:
        return EXACT[name]
    module, args = build(name)
    tables = dict(module.named_parameters())
    # on a cell that few inputs reach, few see its rank
    surplus = 40.0 if name.endswith("_on_a_cell") else 3.0
    classes = tables["E"].shape[0] if "E" in tables else 0
    found = float_rank(module, args, 6, classes, surplus=surplus)
    assert found.gap > 1e3, f"the referee does not see a clear rank: {found}"
    return found.redundancy


def claims_nothing_false(derivation: Derivation | None, redundancy: int) -> bool:
    """Whether the answer is the right redundancy; fails on any false claim."""
    if derivation is None:
        return False
    assert derivation.orbit_dimension + derivation.unread <= redundancy
    found = derivation.redundancy + derivation.unread
    if found != redundancy:
        assert derivation.verdict is Verdict.UNKNOWN, f"{found} is proved, {redundancy} is true"
        assert derivation.hypotheses
        return False
    return True


@pytest.mark.parametrize("name", TRAPS)
def test_the_known_traps(name: str) -> None:
    claims_nothing_false(derive(TRAPS[name], name), int(KNOWN_TRAPS[name]["redundancy"]))


def test_most_known_traps_have_the_right_redundancy() -> None:
    right = [
        claims_nothing_false(derive(TRAPS[name], name), int(KNOWN_TRAPS[name]["redundancy"]))
        for name in TRAPS
    ]
    assert sum(right) == len(TRAPS)


@pytest.mark.parametrize("name", OWN)
def test_other_traps(name: str) -> None:
    claims_nothing_false(derive(partial(build, name), name), truth(name))


@pytest.mark.parametrize("name", CLOSED)
def test_identities_that_are_kept_are_proved(name: str) -> None:
    derivation = derive(partial(build, name), name)
    assert derivation is not None
    assert derivation.verdict is Verdict.PROVED
    assert derivation.redundancy + derivation.unread == truth(name)


class MaximumOfTables(torch.nn.Module):
    """softmax((U E_t) relu(E_t)): each token has branches of its own."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        for name, shape in {"E": (4, 2), "Q": (3, 2), "U": (2, 2), "V": (3, 2)}.items():
            value = torch.randn(shape, generator=generator)
            self.register_parameter(name, torch.nn.Parameter(value))

    def forward(self, tokens: Tensor) -> Tensor:
        x = embedding(tokens, self.E) + self.Q
        return torch.softmax(relu(x @ self.U.T) * x, -1) @ self.V.T


def test_a_token_keeps_its_branches() -> None:
    """Other tokens' branches at a token's place would raise the rank: no cell is like that."""
    module, args = MaximumOfTables(), (torch.tensor([2, 0, 3]),)
    derivation = derive(lambda: (module, args), "tables")
    seen = float_rank(module, args, 24, 4)
    assert derivation is not None and seen.gap > 1e3
    # the cell of theta0 may be a poorer one than the referee's best, never a richer one
    assert derivation.redundancy + derivation.unread >= seen.redundancy


@pytest.mark.parametrize("seed", [
    0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2)), 3])
@pytest.mark.parametrize("name", ["identity_on_a_cell", "root_on_a_cell"])
def test_the_rank_takes_no_branches_that_are_not_tested(name: str, seed: int) -> None:
    """The cell with the identity may be rare: the tested branches are those of the rank."""
    claims_nothing_false(derive(partial(build, name), name, seed), truth(name))


# -- real balls: no value is taken as independent ------------------------------------------------


def example(name: str) -> tuple[Example, int]:
    """A trap of either list and its redundancy."""
    if name in TRAPS:
        return TRAPS[name](), int(KNOWN_TRAPS[name]["redundancy"])
    return build(name), truth(name)


@pytest.mark.parametrize("name", [*TRAPS, *OWN])
def test_balls_show_the_right_rank_and_no_more(name: str) -> None:
    """Asked for a rank of P, they stop at the true one."""
    (module, args), redundancy = example(name)
    network = capture(module, args).network
    read, rng = read_coordinates(network), np.random.default_rng(0)
    cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
    minor = find_minor(network, read, cell, int(read.sum()), rng)
    assert minor.rank == network.num_coordinates - redundancy
    assert is_shown(network, minor)


@pytest.mark.parametrize("name", [*TRAPS, *OWN])
def test_traps_are_answered_in_balls(name: str) -> None:
    """The right redundancy, with no hypothesis; PROVED where all of it is explained."""
    (module, args), redundancy = example(name)
    network = capture(module, args).network
    derivation = derive_network(network, Asked(name, evidence="balls"))
    found = derivation.redundancy + derivation.unread
    # of a piecewise network it is that of the cell, which may be a poorer one
    assert found == redundancy or is_piecewise(network) and found > redundancy
    assert derivation.orbit_dimension <= derivation.redundancy
    assert not derivation.hypotheses
    assert (derivation.verdict is Verdict.PROVED) is (derivation.unexplained == 0)
    result = derivation.verify()
    assert (result.verdict, result.hypotheses) == (derivation.verdict, ())


#: Whose symmetries no generator was found for: transcendental ones, or of one cell.
OPEN = {
    "norm_of_norm", "dead_unit", "logsumexp_twice",
    "cube_root_cubed", "root_of_a_hidden_square", "root_on_a_cell", "log_on_a_cell",
    "identity_on_a_cell", "arcs_of_reciprocals", "tangent_of_an_arc",
}
#: Where the arithmetic takes values as independent that are not, or proofs lack an identity.
RELATED = (
    "logsumexp_twice", "softplus_both_signs", "double_angle", "root_of_an_exponential",
    "cube_root_cubed", "root_of_a_square", "root_of_a_hidden_square", "log_on_a_cell",
    "root_of_product", "cosine_two_ways",
)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in RELATED else pytest.mark.slow)
    for name in (*TRAPS, *OWN)])
def test_no_redundancy_is_printed_that_a_false_hypothesis_made(name: str) -> None:
    """By the plain command: the right one, without a hypothesis; PROVED where it is explained."""
    (module, args), redundancy = example(name)
    derivation = derive_network(capture(module, args).network, Asked(name))
    found = derivation.redundancy + derivation.unread
    assert found == redundancy or is_piecewise(derivation.network()) and found > redundancy
    # of this one the rank is right, and no power series is found that spares the hypothesis
    assert not derivation.hypotheses or name == "norm_of_norm"
    assert (derivation.verdict is Verdict.PROVED) is (name not in OPEN)


# -- power series: values at the start of a curve are known numbers ------------------------------

#: Why series do not reach a trap. Roots whose product is a square are seen, never assumed away.
OUT_OF_REACH = {
    "arcs_of_reciprocals": "arguments of atan are known",
    "cosine_two_ways": "a product of radicands",
    "root_of_product": "a product of radicands",
    "layer_norm_of_two": "a product of radicands",
    "norm_of_norm": "a product of radicands",
    "logsumexp_twice": "no parameters are found",
    "root_of_a_square": "branches, and a root",
    "root_of_a_hidden_square": "branches, and a root",
    "root_on_a_cell": "branches, and a root",
    "log_on_a_cell": "branches, and a root or logarithm",
}


@pytest.mark.parametrize("name", [*TRAPS, *OWN])
def test_series_show_the_right_rank_and_no_more(name: str) -> None:
    """Asked for a rank of P, they stop at the true one, or refuse."""
    (module, args), redundancy = example(name)
    network = capture(module, args).network
    read, rng = read_coordinates(network), np.random.default_rng(0)
    cell = balanced_shadow(network, rng) if is_piecewise(network) else {}
    if name in OUT_OF_REACH:
        with pytest.raises(BadInputError, match=OUT_OF_REACH[name]):
            find_curve(network, read, cell, int(read.sum()), rng)
        return
    curve, rank = find_curve(network, read, cell, int(read.sum()), rng)
    assert rank == network.num_coordinates - redundancy
    assert 1 <= curve.order <= 6
