"""Convolutional network: conv, (BatchNorm,) act, ..., conv, in one or two dimensions.

Each hidden channel scales under ReLU; without an activation the hidden channels change basis.
BatchNorm holds its running statistics (eval mode): its gain moves into the map before it, and its
shift into that map's bias.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.nn.functional.relu,
    "identity": lambda z: z,
}


class Convolutional(torch.nn.Module):
    """Convolutions without padding, with one activation between them, none after the last."""

    def __init__(
        self,
        channels: list[int],
        kernel_size: int,
        dims: int,
        activation: str,
        batch_norm: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        conv = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d}[dims]
        norm = {1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm2d}[dims]
        self.convs = torch.nn.ModuleList(
            conv(before, after, kernel_size, bias=bias) for before, after in pairwise(channels)
        )
        hidden = channels[1:-1] if batch_norm else []
        self.norms = torch.nn.ModuleList(norm(width) for width in hidden)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.convs
        for layer, conv in enumerate(hidden):
            x = conv(x)
            if self.norms:
                x = self.norms[layer](x)
            x = self.activation(x)
        return last(x)  # type: ignore[no-any-return]


def factory(
    in_channels: int = 2,
    hidden_channels: int = 3,
    out_channels: int = 2,
    num_hidden_layers: int = 1,
    kernel_size: int = 2,
    size: int = 4,
    dims: int = 1,
    activation: str = "relu",
    batch_norm: bool = False,
    bias: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The network in eval mode, and one input of shape (1, in_channels, size) or (.., size, size).

    The running statistics of a BatchNorm are drawn from a fixed seed.
    """
    if dims not in (1, 2):
        raise ValueError(f"dims {dims} is neither 1 nor 2")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
    channels = [in_channels, *[hidden_channels] * num_hidden_layers, out_channels]
    module = Convolutional(channels, kernel_size, dims, activation, batch_norm, bias)
    generator = torch.Generator().manual_seed(0)
    for statistics, value in module.norms.named_buffers():
        if statistics.endswith("running_mean"):
            value.normal_(generator=generator)
        elif statistics.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=generator)
    x = torch.randn(1, in_channels, *[size] * dims, generator=generator)
    return module.eval(), (x,)


FULL: dict[str, Any] = {
    "in_channels": 3,
    "hidden_channels": 256,
    "out_channels": 256,
    "kernel_size": 3,
    "size": 32,
    "dims": 2,
}

EXPECTED: list[dict[str, Any]] = [
    {"sizes": {}, "parameters": 29, "redundancy": 3, "algebra": "R^3", "orbit_dimension": 3},
    {
        "sizes": {"bias": False},
        "parameters": 24,
        "redundancy": 3,
        "algebra": "R^3",
        "orbit_dimension": 3,
    },
    {
        "sizes": {"num_hidden_layers": 2},
        "parameters": 50,
        "redundancy": 6,
        "algebra": "R^6",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"batch_norm": True},
        "parameters": 35,
        "redundancy": 9,
        "algebra": "aff(1,R)^3 + R^3",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"dims": 2, "size": 3},
        "parameters": 53,
        "redundancy": 3,
        "algebra": "R^3",
        "orbit_dimension": 3,
    },
    {
        "sizes": {"hidden_channels": 2, "activation": "identity"},
        "parameters": 20,
        "redundancy": 6,
        "algebra": "aff(2,R)",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"hidden_channels": 2, "activation": "identity", "bias": False},
        "parameters": 16,
        "redundancy": 4,
        "algebra": "gl(2,R)",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "identity"},
        "parameters": 29,
        "redundancy": 15,
        "algebra": "aff(3,R)",
        "orbit_dimension": None,
    },
]

REFERENCE = (
    "K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image "
    "Recognition, ICLR 2015; S. Ioffe, C. Szegedy, Batch Normalization, ICML 2015"
)
