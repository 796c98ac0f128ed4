"""Scalings that norms of parameters make up for: weight norm on layer after layer."""

import pytest
import torch
from hidden_networks import NETWORKS
from torch.nn.utils.parametrizations import weight_norm

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.determining.over_norms import norm_products
from symgauge.kernel.check import check


def two_layers(activation: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        weight_norm(torch.nn.Linear(2, 2)), activation, weight_norm(torch.nn.Linear(2, 2)))


def test_weight_norm_of_two_layers() -> None:
    """Each row of V by itself, four; each unit between the layers, two."""
    found = symgauge.derive(two_layers(torch.nn.ReLU()), (torch.randn(1, 2),))
    assert (found.redundancy, found.unexplained, found.verdict) == (6, 0, Verdict.PROVED)
    assert found.verify().verdict is Verdict.PROVED
    assert check(dict(found.data["certificate"]))["verdict"] == "CONFIRMED"


def test_weight_norm_of_every_layer() -> None:
    """Three layers with biases and ReLU, 12 of 33: rows 7, units 3 + 2."""
    found = symgauge.derive(*NETWORKS["weight-norm 3-3-2-2"]())
    assert found.redundancy == 12
    assert (found.unexplained, found.verdict) == (0, Verdict.PROVED)


def test_without_them_it_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symgauge.determining.over_norms.norm_products", lambda _: [])
    found = symgauge.derive(*NETWORKS["weight-norm 3-3-2-2"]())
    assert (found.redundancy, found.unexplained) == (12, 3)


def test_the_terms_of_a_product_of_norms() -> None:
    """|v_1|^2 |v_2|^2 of rows of two entries has four terms; norms of what inputs reach have none.
    """
    products = norm_products(capture(two_layers(torch.nn.Tanh()), (torch.randn(1, 2),)).network)
    assert [len(terms) for terms in products] == [4, 4]
    assert all(e == 2 for terms in products for m in terms for _, e in m)
    norm = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.RMSNorm(2))
    assert norm_products(capture(norm, (torch.randn(1, 2),)).network) == []
