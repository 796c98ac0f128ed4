"""What a check changes of torch while it runs a model."""

import torch
from torch.nn import functional

from symgauge.checks.runtime.device import Widened


def test_grouped_products_run_in_double() -> None:
    """Rows 0-1 meet the first matrix, none the second, the last the third."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    w = torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    ends = torch.tensor([2, 2, 3], dtype=torch.int32)
    with Widened():
        y = functional.grouped_mm(x, w, offs=ends)
    assert y.dtype == torch.float64
    assert torch.equal(y, torch.cat([x[:2] @ w[0], x[2:] @ w[2]]))
