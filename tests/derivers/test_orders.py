"""Permutations of the indices of legs, proved at every size."""

import numpy as np
import pytest
import torch
from known_networks import NETWORKS
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.derivers.discrete import discrete_symmetries
from symgauge.derivers.orders import orders
from symgauge.derivers.structural import find, instantiate
from structural_referee import FIELD

#: Known networks with permutations of many kinds, and without any.
NAMES = [
    "relu_1h_bias_softmax", "exp_2h_bias", "att_mha_allbias", "att_gqa", "att_alibi_allbias",
    "att_qknorm_gain_eps0", "conv1d_relu", "dwsep_conv_linear", "bn_eval_relu", "cp_layer",
    "lstm_tanh", "diag_ssm_real", "moe_dense_softmax", "moe_top2_renorm", "lin_1h_wide",
    "bilinear_glu_dout1",
]


@pytest.mark.parametrize("name", NAMES)
def test_known_networks(name: str) -> None:
    """They are those that random exact points show."""
    module, args = NETWORKS[name]()
    network = capture(module, args).network
    found = find(network)
    seen = discrete_symmetries(network, instantiate(found), FIELD, np.random.default_rng(0))
    permuted = sorted(e["group"] for e in seen if e["label"].startswith("permutations"))
    assert sorted(one.group for one in orders(found)) == permuted


class Heads(nn.Module):
    """Attention by hand with numbers that scale the scores of each head."""

    def __init__(self, slopes: list[float], ranked: bool = False) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(5, 8, bias=False) for _ in range(3))
        self.o, self.ranked = nn.Linear(8, 5), ranked
        self.register_buffer("slopes", torch.tensor(slopes)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (m(x).reshape(-1, 4, 2).transpose(0, 1) for m in (self.q, self.k, self.v))
        p = torch.softmax(q @ k.transpose(1, 2) * self.slopes, -1)
        y = torch.tanh(p @ v)
        if self.ranked:
            y = torch.topk(y, 2, dim=0)[0].repeat(2, 1, 1)
        return self.o(y.transpose(0, 1).reshape(-1, 8))


def heads(*args: object) -> list[str]:
    module = Heads(*args)  # type: ignore[arg-type]
    network = capture(module, (torch.randn(3, 5),)).network
    return sorted(one.group for one in orders(find(network)))


def test_heads_of_one_kind_alone_are_exchanged() -> None:
    assert heads([1.0] * 4) == ["S_2^4", "S_4"]
    assert heads([1.0, 2.0, 1.0, 2.0]) == ["S_2^4"]
    # the ranked heads stay; columns of `o` that read one number twice may be exchanged, row by row
    assert heads([1.0] * 4, True) == ["S_2^20"]


def test_places_and_order() -> None:
    module, args = NETWORKS["att_gqa"]()
    one, each = orders(find(capture(module, args).network))
    assert (one.group, one.order, one.copies) == ("S_2", "2!", ())
    assert (each.group, each.order, each.copies) == ("S_2^2", "2!^2", (2,))
    assert {m.parameter for m in each.moves} == {"Wq", "Wo"}
