"""Keys that are read behind a LayerNorm with a bias, without a bias of their own.

The norm's bias adds one number to the sum of its value: c 1^T on the keys' matrix shifts all keys
by the same, which softmax forgets, where nothing turns the keys from place to place.
"""

import pytest
import torch
from rotary_pairs import turned
from structural_referee import referee
from torch import Tensor, nn

from symgauge.capture import capture

TOKENS, WIDTH, SIZE = 3, 4, 2


class Scores(nn.Module):
    """Softmax of q k^T behind a norm; `place`: a table of positions is added behind the norm."""

    def __init__(self, norm: str = "layer", end: str = "softmax", turn: bool = False,
                 place: bool = False) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH, eps=1e-3) if norm == "rms" else nn.LayerNorm(
            WIDTH, bias=norm == "layer")
        self.q, self.k = (nn.Linear(WIDTH, SIZE, bias=False) for _ in "qk")
        self.place = nn.Parameter(torch.randn(TOKENS, WIDTH)) if place else None
        self.end, self.turn = end, turn

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x) if self.place is None else self.norm(x) + self.place
        q, k = self.q(y), self.k(y)
        if self.turn:
            q, k = turned(q, "neighbours"), turned(k, "neighbours")
        scores = q @ k.transpose(-1, -2)
        return torch.softmax(scores, -1) if self.end == "softmax" else torch.sigmoid(scores)


#: Options, and whether the keys' matrix alone is shifted.
CASES = {
    "softmax": ({}, True),
    "no bias": ({"norm": "layer, no bias"}, True),  # the sum is 0: any reader
    "sigmoid": ({"end": "sigmoid"}, False),
    "turned keys": ({"turn": True}, False),
    "a table of positions": ({"place": True}, False),
    "RMS": ({"norm": "rms"}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_keys_are_shifted_where_softmax_forgets_it(name: str) -> None:
    options, shifted = CASES[name]
    torch.manual_seed(0)
    network = capture(Scores(**options), (torch.randn(TOKENS, WIDTH),), {}).network
    found = referee(network)
    assert found.sound, found
    # the table may take the shift up again, but for one number: two directions are no family here
    assert found.redundancy - found.rank == (2 if "place" in options else 0)
    assert any(f.tensors == ("k.weight",) and f.kind.is_shift for f in found.families) == shifted
