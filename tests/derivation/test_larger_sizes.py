"""A factory of one's own with directions that a small size leaves: they are said to be its own."""

from functools import partial
from pathlib import Path

import pytest

from symgauge import zoo
from symgauge.capture import load_target
from symgauge.derivation.derive import Asked, captured_target
from symgauge.derivation.larger import said_of_larger

#: A class token is read behind attention; in one layer its query is one constant vector.
SOURCE = """
import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d, bias=False)
        self.q, self.k, self.v = (nn.Linear(d, n, bias=False) for n in (2, 2, d))

    def forward(self, x):
        y = self.norm(x)
        weights = torch.softmax(self.q(y) @ self.k(y).transpose(-1, -2), -1)
        return x + weights @ self.v(y)


class Net(nn.Module):
    def __init__(self, layers, d=3):
        super().__init__()
        self.cls, self.inp = nn.Parameter(torch.randn(1, d)), nn.Linear(2, d, bias=False)
        self.layers = nn.Sequential(*(Layer(d) for _ in range(layers)))

    def forward(self, x):
        return self.layers(torch.cat([self.cls, self.inp(x)]))[0]


def factory(LAYERS: int = 1):
    return Net(LAYERS).eval(), (torch.randn(2, 2),)
"""


@pytest.mark.parametrize(("name", "said"), [("depth", True), ("width", False)])
def test_directions_of_one_layer_are_said_to_be_its_own(
    name: str, said: bool, tmp_path: Path
) -> None:
    path = tmp_path / "token.py"
    path.write_text(SOURCE.replace("LAYERS", name))
    target = load_target(f"{path}:factory", zoo.load)
    assert target.chose and target.growing == ((("layers", name),) if said else ())
    made = partial(captured_target, asked=Asked("token"))
    here, two = made(target), made(target.at({name: 2}))
    assert here.deriver.left > two.deriver.left
    notes = said_of_larger(here, made)
    assert notes == ((
        f"one layer: up to {here.deriver.left - two.deriver.left} null directions vanish at 2 "
        f"layers; beyond the families proved for all sizes rank J leaves at most "
        f"{here.deriver.left} at 1, {two.deriver.left} at 2 (--set {name}=2)",) if said else ())
    assert not said_of_larger(two, made)
