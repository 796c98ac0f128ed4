"""Conv2d, BatchNorm2d in eval mode, ReLU, Conv2d, pooled; the statistics are those of data."""

import torch
from torch import Tensor


def factory(
    channels: int = 2, hidden: int = 3, size: int = 4, kernel_size: int = 2
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    module = torch.nn.Sequential(
        torch.nn.Conv2d(channels, hidden, kernel_size),
        torch.nn.BatchNorm2d(hidden),
        torch.nn.ReLU(),
        torch.nn.Conv2d(hidden, 2, kernel_size),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )
    generator = torch.Generator().manual_seed(0)
    statistics = module[1]
    assert isinstance(statistics, torch.nn.BatchNorm2d)
    assert statistics.running_mean is not None and statistics.running_var is not None
    statistics.running_mean.copy_(torch.randn(hidden, generator=generator))
    statistics.running_var.copy_(torch.rand(hidden, generator=generator) + 0.5)
    x = torch.randn(1, channels, size, size, generator=generator)
    return module.eval(), (x,)


FULL = {"channels": 3, "hidden": 64, "size": 16, "kernel_size": 3}
