"""Networks beside which a family holds that holds in none of these."""

from collections.abc import Callable

import pytest
import torch
from structural_referee import referee
from torch import Tensor, nn
from torch.nn import functional

import symgauge
from symgauge.capture import capture

Forward = Callable[["Squares", Tensor], object]


class Squares(nn.Module):
    """z = a(x) with 3 entries, and b from them to one number."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.a, self.b, self._forward = nn.Linear(5, 3), nn.Linear(3, 1), forward
        self.t = nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> object:
        return self._forward(self, x)


SQUARES: dict[str, Forward] = {
    "summed without weights too": lambda m, x: (m.b(m.a(x) ** 2), (m.a(x) ** 2).sum(-1)),
    "over their sum": lambda m, x: m.b(m.a(x) ** 2) / ((m.a(x) ** 2).sum(-1, keepdim=True) + 1),
    "and their norm": lambda m, x: (m.b(m.a(x) ** 2), m.a(x).norm(dim=-1)),
    "and their mean": lambda m, x: (m.b(m.a(x) ** 2), (m.a(x) ** 2).mean(-1)),
    "of what is normed": lambda m, x: m.b(functional.rms_norm(m.a(x), (3,)) ** 2),
    "twice": lambda m, x: m.b(m.a(x) ** 2) + m.b(m.a(x + 1) ** 2),
    "of the inputs": lambda m, x: m.b(x[:, :3] ** 2),
    "of what is centred": lambda m, x: m.b(functional.layer_norm(m.a(x), (3,)) ** 2),
    "backwards": lambda m, x: m.b(m.a(x).flip(-1) ** 2),
    "under half of a vector": lambda m, x: (m.a(x) ** 2) @ m.t[:3].reshape(-1, 1),
}


@pytest.mark.parametrize("name", SQUARES)
def test_rotations_of_squares(name: str) -> None:
    found = referee(capture(Squares(SQUARES[name]), (torch.randn(2, 5),), {}).network)
    assert found.sound
    # one family once, however many lines read its squares
    moves = [f.moves for f in found.families]
    assert len(set(moves)) == len(moves)


class Values(nn.Module):
    """One head behind y = T LN(x) + b; values without a bias, outputs with one."""

    def __init__(self, twice: bool = False, added: float = 0.0, one: bool = False,
                 skip: bool = False) -> None:
        super().__init__()
        self.g, self.bb = nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(6 if twice else 3))
        self.q, self.k, self.v = (nn.Linear(3, 2, bias=False) for _ in "qkv")
        self.o = nn.Linear(2, 3)
        self.twice, self.added, self.one, self.skip = twice, added, one, skip

    def forward(self, x: Tensor) -> Tensor:
        gain = 1 + self.g if self.one else self.g
        y = gain * functional.layer_norm(x, (3,)) + (self.bb[3:] if self.twice else self.bb)
        y = y + self.added if self.added else y
        a = torch.softmax(self.q(y) @ self.k(y).T, -1)
        return torch.tanh((y if self.skip else x) + self.o(a @ self.v(y)))


@pytest.mark.parametrize("options", [
    {"twice": True}, {"added": 1.5}, {"added": 1.5, "skip": True}, {"one": True},
    {"one": True, "skip": True}, {"twice": True, "skip": True}])
def test_sums_of_biases(options: dict[str, bool]) -> None:
    module = Values(**options)  # type: ignore[arg-type]
    found = referee(capture(module, (torch.randn(2, 3),), {}).network)
    # fields over 1 + g are no Laurent polynomials: they are counted, not instantiated
    assert not found.wrong and found.rank <= found.dimension <= found.redundancy
    said = [line for g in symgauge.derive_full(module, (torch.randn(2, 3),)).generators
            for line in g.formula if "sum(" in line]
    if "twice" in options:
        assert not said  # the sum would be of a part of bb
    for line in said:
        # off the slice it is over T, and over T alone where that is 1 on the slice
        assert "one" not in options or "sum(bb / g)" not in line
        assert "added" not in options or "sum(bb' / g)" in line


def test_families_of_the_values_that_before_has() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = (nn.Parameter(torch.randn(3, 2)) for _ in "ab")
            self.register_buffer("gate", torch.tensor(0.0))

        def forward(self, x: Tensor) -> Tensor:
            bent = torch.relu(x.sum(-1, keepdim=True) - 50) @ self.a[:1]
            return x @ (self.a + self.b) + self.gate * bent

    module = Gated()
    before = {**module.state_dict(), "gate": torch.tensor(1.0)}
    after = {**before, "a": before["a"] + 1, "b": before["b"] - 1}
    args = (torch.randn(5, 3),)
    assert symgauge.audit(module, args, after, before).verdict != "EQUIVALENT"
    still = {n: torch.tensor(0.0) if n == "gate" else t for n, t in after.items()}
    assert symgauge.audit(module, args, still).verdict == "EQUIVALENT"
    assert not module.gate
