"""Fixed statistics of batch norms: families in coordinates that contain the numbers."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn
from structural_referee import referee, wrong_families

from symgauge import derive
from symgauge.capture import capture
from symgauge.checks.actions import apply_family
from symgauge.derivation.full import statements
from symgauge.derivation.seal import sealed
from symgauge.derivers.orders import orders
from symgauge.derivers.structural import find, instantiate
from symgauge.families.family import Family
from symgauge.families.serial import family_of, plain_family
from symgauge.program.absorbed import Change, absorbed
from symgauge.proof.intertwiners.proof import NO_CHANGE, FamilyProver
from symgauge.statements.dimension import dimension
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.verdict import Verdict


def trained(*norms: nn.Module) -> None:
    """Running statistics as training leaves them: others for each channel."""
    generator = torch.Generator().manual_seed(0)
    for norm in norms:
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
        if norm.affine:
            norm.weight.data.normal_(generator=generator)
            norm.bias.data.normal_(generator=generator)


def convolutions(
    width: int = 3, bias: bool = True, act: Callable[[], nn.Module] = nn.ReLU, affine: bool = True,
) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    norm = nn.BatchNorm2d(width, affine=affine)
    trained(norm)
    return nn.Sequential(
        nn.Conv2d(2, width, 2, bias=bias), norm, act(), nn.Conv2d(width, 2, 1),
    ).eval(), (torch.zeros(1, 2, 3, 3),)


class Block(nn.Module):
    """A residual block as torchvision has it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, 2)
        trained(self.bn1, self.bn2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.relu(x + y).mean((2, 3)))


def by_hand() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The gain before the statistics, and a bias behind both."""
    class Hand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.g, self.b, self.out = (nn.Parameter(torch.randn(*s)) for s in (
                (3, 2), (3,), (3,), (2, 3)))
            self.register_buffer("mean", torch.tensor([0.5, -1.0, 2.0]))
            self.register_buffer("std", torch.tensor([2.0, 3.0, 0.5]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = (self.g * (x @ self.w.T - self.mean)) * self.std + self.b
            return torch.relu(y) @ self.out.T

    return Hand(), (torch.zeros(1, 2),)


#: Networks with their redundancy, each of which the families explain.
CASES = {
    "convolution with a bias": (convolutions, {}, 9),
    "without": (convolutions, {"bias": False}, 6),
    "behind tanh": (convolutions, {"act": nn.Tanh}, 6),
    "without either": (convolutions, {"act": nn.Tanh, "bias": False}, 3),
    "no gains": (convolutions, {"affine": False}, 3),
    "a residual block": (lambda: (Block().eval(), (torch.zeros(1, 2, 2, 2),)), {}, 8),
    "by hand": (by_hand, {}, 6),
}


@pytest.mark.parametrize("name", CASES)
def test_all_is_explained(name: str) -> None:
    build, sizes, redundancy = CASES[name]
    module, args = build(**sizes)
    result = referee(capture(module, args).network)
    assert result.sound and any(f.changes for f in result.families), result.wrong
    assert (result.redundancy, result.rank, result.dimension) == (redundancy,) * 3


def changed_families() -> tuple[nn.Module, tuple[torch.Tensor, ...], list[Family]]:
    module, args = convolutions()
    network = capture(module, args).network
    return module, args, [f for f in instantiate(find(network)) if f.changes]


def state_changed(
    changes: tuple[Change, ...], state: dict[str, np.ndarray], back: bool = False
) -> dict[str, np.ndarray]:
    """The state in other coordinates, or back from them."""
    state = dict(state)
    for c in reversed(changes) if back else changes:
        n, w = np.array([float(n) for n in c.numbers]), state[c.parameter]
        if c.form == "s^k":
            state[c.parameter] = w / n if back else w * n
        else:
            n = n if c.source is None else n * state[c.source]
            state[c.parameter] = w - n if back else w + n
    return state


@pytest.mark.parametrize("bias", [True, False])
def test_the_finite_action_is_the_one_between_the_changes(bias: bool) -> None:
    module, args = convolutions(bias=bias)
    x = torch.randn(4, *args[0].shape[1:], dtype=torch.float64)
    module = module.double()
    families = [f for f in instantiate(find(capture(module, args).network)) if f.changes]
    assert families
    before = {n: v.detach().numpy() for n, v in module.state_dict().items()}
    for f in families:
        inside = plain_family(replace(f, changes=()))
        there = apply_family(inside, state_changed(f.changes, before), 0)
        after = state_changed(f.changes, there, back=True)
        moved = {n: torch.from_numpy(np.array(v)) for n, v in after.items()}
        alone = {n: torch.from_numpy(np.array(v))
                 for n, v in apply_family(inside, before, 0).items()}
        y = module(x)
        assert torch.allclose(torch.func.functional_call(module, moved, (x,)), y, atol=1e-9)
        assert not torch.allclose(torch.func.functional_call(module, alone, (x,)), y, atol=1e-3)


def test_only_the_changes_of_the_program_prove() -> None:
    module, args, families = changed_families()
    network = capture(module, args).network
    prover = FamilyProver(network)
    for f in families:
        again = family_of(plain_family(f), f.fields)
        assert again.changes == f.changes and prover.prove(again).verdict is Verdict.PROVED
        assert prover.fields(again) == f.fields
        first = f.changes[0]
        wrong = replace(first, numbers=(first.numbers[0] + 1, *first.numbers[1:]))
        faulty = replace(f, changes=(wrong, *f.changes[1:]))
        assert prover.prove(faulty).residual == NO_CHANGE
        assert prover.prove(replace(f, changes=())).verdict is Verdict.UNKNOWN


def test_other_numbers_give_wrong_fields() -> None:
    module, args, families = changed_families()
    network = capture(module, args).network
    own = module.double().state_dict()
    # a shift knows the variance alone, a scaling the mean
    own["1.running_mean"] = own["1.running_mean"] + 1
    own["1.running_var"] = own["1.running_var"] * 2
    module.load_state_dict(own)
    other = capture(module, args).network
    assert wrong_families(network, families) == []
    assert len(wrong_families(other, families)) == len(families)


def test_a_gain_that_others_read_absorbs_nothing() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.g, self.b = (nn.Parameter(torch.randn(*s)) for s in ((3, 3), (3,), (3,)))
            self.register_buffer("r", torch.tensor([2.0, 3.0, 0.5]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.g * (x @ self.w.T * self.r) + torch.tanh(self.g * x + self.b)

    network = capture(Twice(), (torch.zeros(1, 3),)).network
    assert absorbed(network).changes == () and absorbed(network).network == network
    result = referee(network)
    assert result.sound


def test_at_full_size() -> None:
    module, args = convolutions(width=64)
    found = find(capture(module, args, meta=True).network)
    assert dimension(found) == 3 * 64
    said = statements(found)
    changed = [s for s in said if not s.element.kind.is_finite]
    assert len(changed) == 2 and not any(s.action or s.via for s in changed)
    gain, bias, *rest = changed[0].formula
    assert gain.startswith("1.weight' = n1 1.weight, with n1 = (")
    assert bias.startswith("0.bias' = 0.bias + n2, with n2 = (")
    assert rest == [
        "0.weight -> s^-1 0.weight (rows)", "0.bias' -> s^-1 0.bias'", "1.weight' -> s 1.weight'"]
    plain = next(s for s in said if s.element.kind.is_finite)
    assert plain.formula == (
        "3.weight -> s^-1 3.weight (columns)", "1.bias -> s 1.bias", "1.weight -> s 1.weight")


def test_what_follows_is_said() -> None:
    module, args = convolutions(act=nn.Tanh, bias=False)
    (family,) = statements(find(capture(module, args).network))
    assert family.formula[0].startswith("1.weight' = n1 1.weight, with n1 = (")
    assert family.formula[1].startswith("1.bias' = 1.bias + n2 1.weight', with n2 = (")
    assert family.formula[-1] == "1.bias' does not move"
    assert "1.bias" in family.tensors


def test_no_permutation_without_the_statistics() -> None:
    module, args = convolutions()
    found = find(capture(module, args).network)
    assert found.changes and list(orders(found)) == []


def test_derived_and_verified() -> None:
    module, args = convolutions(bias=False)
    found = derive(module, args)
    assert (found.redundancy, found.unexplained) == (6, 0)
    assert {g.all_sizes for g in found.generators} == {"proved"}
    assert found.verify().verdict is Verdict.PROVED


def test_numbers_in_words() -> None:
    from symgauge.statements.changed import changed_formulas

    module, args, (family, *_) = changed_families()
    one = Change("0.bias", "+c", (Fraction(1, 2),) * 3)
    shapes = {n: tuple(p.shape) for n, p in module.named_parameters()}
    text = changed_formulas(replace(family, changes=(one,)), shapes)
    assert text[0] == "0.bias' = 0.bias + n, with n = 1/2 in every entry"


def test_a_record_says_the_coordinates_and_verify_makes_them_anew() -> None:
    module, args = convolutions()
    found = derive(module, args)
    labels = [g.label for g in found.generators]
    assert labels == ["rescaling of 0, 1", "rescaling of 3, 1", "shift of 0, 1, through 1.weight"]
    assert found.generators[0].formula[0].startswith("1.weight' = n1 1.weight, with n1 = (")
    assert found.verify().verdict is Verdict.PROVED
    data = found.plain()
    data["generators"][0]["formula"][1] = "0.bias' = 0.bias"
    assert type(found).from_plain(sealed(data)).verify().verdict is Verdict.REFUTED


class Stage(nn.Module):
    """A block of a residual network; another width is reached by a convolution of one entry."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        self.down = None if width == out else nn.Sequential(
            nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.down is None else self.down(x)))


def test_a_residual_network_at_full_size() -> None:
    """By hand: each norm's gain against the kernel before it, each hidden channel and each of the
    stream by a factor, and the two biases that one sum adds.
    """
    first, second = 64, 128
    blocks = [Stage(first, first), Stage(first, first), Stage(first, second), Stage(second, second)]
    module = nn.Sequential(
        nn.Conv2d(3, first, 3, bias=False), nn.BatchNorm2d(first), nn.ReLU(), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(second, 10))
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    trained(*norms)
    found = find(capture(module.eval(), (torch.zeros(1, 3, 6, 6),), meta=True).network)
    gains = sum(len(m.weight) for m in norms)
    hidden, stream = 2 * first + 2 * second, first + second
    assert dimension(found) == gains + hidden + stream + second
    assert generic_stabiliser(found) is None


def test_proved_together_in_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there are too many fields for a proof of each."""
    monkeypatch.setattr("symgauge.derivers.exact.LINE_BY_LINE", 0)
    monkeypatch.setattr("symgauge.derivers.exact.QUICK", 0)
    found = derive(*convolutions())
    stated = found.certificate.families()
    assert [bool(s.family.changes) for s in stated] == [True, False, True]
    assert found.unexplained == 0 and found.verify().verdict is Verdict.PROVED
