"""A small bound under a norm is read as the norm, and the scope says so."""

import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import symgauge
from symgauge.derivation.seal import sealed


class Directions(nn.Module):
    """What compares a hidden vector with the directions of the rows of `w`."""

    def __init__(self, compare: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.w, self.compare = nn.Linear(2, 3), nn.Parameter(torch.randn(2, 3)), compare

    def forward(self, x: Tensor) -> Tensor:
        return self.compare(torch.tanh(self.a(x)), self.w)


#: How it compares, how many scalings of rows of w there are, and the bound that the scope names.
CASES = {
    "normalize": (lambda h, w: h @ F.normalize(w, dim=-1).T, 2, "1e-12"),
    "taxicab": (lambda h, w: h @ F.normalize(w, p=1, dim=-1).T, 2, "1e-12"),
    "cosine": (lambda h, w: F.cosine_similarity(h[:, None], w, dim=-1), 2, "1e-08"),
    "by hand": (lambda h, w: h @ (w / w.norm(dim=-1, keepdim=True).clamp(min=1e-6)).T, 2, "1e-06"),
    "tensor": (lambda h, w: h @ (w / torch.maximum(
        w.norm(dim=-1, keepdim=True), torch.tensor(1e-6))).T, 0, ""),
    "no small bound": (lambda h, w: h @ F.normalize(w, eps=0.1, dim=-1).T, 0, ""),
    "added": (lambda h, w: h @ (w / (w.norm(dim=-1, keepdim=True) + 1e-6)).T, 0, ""),
    "no norm": (lambda h, w: h @ (w / (w ** 2).sum(-1, keepdim=True).clamp(min=1e-6)).T, 0, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_behind_a_guarded_norm_have_scalings_and_others_have_none(name: str) -> None:
    compare, scalings, bound = CASES[name]
    derivation = symgauge.derive(Directions(compare), (torch.zeros(1, 2),))
    moved = [g for g in derivation.generators if "w" in {m.parameter for m in g.action}]
    assert sum(g.dimension for g in moved) == scalings
    assert (f"held above {bound} is taken" in derivation.scope) == bool(scalings)
    if scalings:
        assert derivation.verdict is symgauge.Verdict.PROVED
        found = symgauge.verify(derivation.certificate)
        assert found.verdict is symgauge.Verdict.PROVED, found.reasons


def test_a_scope_that_names_no_small_bound_is_rejected() -> None:
    derivation = symgauge.derive(Directions(CASES["normalize"][0]), (torch.zeros(1, 2),))
    text = json.dumps(dict(derivation.certificate.data)).replace("above 1e-12 is", "above 1000 is")
    found = symgauge.verify(symgauge.Certificate(sealed(json.loads(text))))
    assert found.verdict is symgauge.Verdict.REFUTED
    assert "which nothing here supports" in found.reasons[0]
