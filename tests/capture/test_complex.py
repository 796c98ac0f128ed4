"""Complex numbers inside a module, and Fourier transforms: pairs of real lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fft

from symgauge.capture import capture
from symgauge.errors import CaptureError


class Weighed(torch.nn.Module):
    """A function of x W."""

    def __init__(self, width: int, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(width, width, generator=_generator()))
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x @ self.w)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _pair(h: Tensor) -> Tensor:
    return torch.complex(h, h * 2 + 1)


TURNS = torch.polar(torch.ones(3, 2), torch.randn(3, 2, generator=_generator()))
#: What is made of h, three rows of four.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "rotary": lambda h: torch.view_as_real(
        torch.view_as_complex(h.reshape(3, 2, 2)) * TURNS.to(torch.complex128)).flatten(-2),
    "parts": lambda h: torch.cat([_pair(h).real, _pair(h).imag]),
    "size and angle": lambda h: _pair(h).abs() + _pair(h).angle(),
    "conjugate": lambda h: (_pair(h) * _pair(h * h).conj()).imag,
    "product": lambda h: (_pair(h) @ _pair(h).mT).imag,
    "batched": lambda h: torch.view_as_real(_pair(h)[None] @ _pair(h).mT[None]),
    "quotient": lambda h: (_pair(h) / (_pair(h) - 5j)).imag,
    "sums": lambda h: (1 + _pair(h) - 2j * h).sum(0).imag,
    "moved": lambda h: torch.stack([_pair(h).mT.reshape(-1), _pair(h).flatten()]).imag,
    "split": lambda h: torch.view_as_real(torch.cat(_pair(h).chunk(2, -1)[::-1], 0)),
    "polar": lambda h: torch.polar(h, h * 3).imag,
    "real and complex": lambda h: torch.cat([_pair(h), h.to(torch.complex128)]).real,
}
#: Transforms of the last axis, or of both.
TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "fft": lambda h: torch.view_as_real(fft.fft(h)),
    "inverse": lambda h: fft.ifft(_pair(h), norm="ortho").imag,
    "half": lambda h: torch.view_as_real(fft.rfft(h, norm="forward")),
    "from half": lambda h: fft.irfft(fft.rfft(h) * (2 + 1j), n=h.shape[-1]),
    "two axes": lambda h: fft.fft2(h).real,
    "two axes from half": lambda h: fft.irfft2(fft.rfft2(h, norm="ortho") * 1j, s=h.shape),
    "mixing": lambda h: fft.fftn(h[None], dim=(1, 2)).real,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_complex_numbers_are_those_of_torch(name: str) -> None:
    """Capture compares the program with the module at random points."""
    found = capture(Weighed(4, FUNCTIONS[name]).double(), (torch.randn(3, 4),))
    assert found.network.parameters[0].shape == (4, 4)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_transforms_are_those_of_torch(name: str, width: int) -> None:
    found = capture(Weighed(width, TRANSFORMS[name]).double(), (torch.randn(3, width),))
    # of turns that are not multiples of 1/8 or 1/12 the cosines are the floats'
    assert bool(found.network.held) is (width == 5)


def test_other_functions_of_complex_numbers_are_refused_in_one_sentence() -> None:
    with pytest.raises(CaptureError, match=r"exp.default of complex numbers has no rule") as found:
        capture(Weighed(4, lambda h: _pair(h).exp().real).double(), (torch.randn(3, 4),))
    assert "\n" not in str(found.value)
