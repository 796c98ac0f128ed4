"""Comparisons with a maximum: constant, the place of the maximum, or a branch that stays."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from symgauge import derive
from symgauge.capture import capture
from symgauge.verdict import Verdict

Mask = Callable[[Tensor], Tensor]


class Compared(nn.Module):
    """Where a comparison of h = x w holds a h, else b h."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self.mask = mask
        self.w, self.a, self.b = (nn.Parameter(torch.randn(n)) for n in ((3, 4), (4,), (4,)))

    def forward(self, x: Tensor) -> Tensor:
        h = x @ self.w
        return torch.where(self.mask(h), self.a * h, self.b * h)


def top(h: Tensor) -> Tensor:
    return h.amax(-1, keepdim=True)


NEVER: dict[str, Mask] = {
    "above its maximum": lambda h: h > top(h),
    "above by more": lambda h: h - 2.5 > top(h),
    "below its minimum": lambda h: h < h.amin(-1, keepdim=True) - 1,
    "above the maximum of all": lambda h: h > h.amax() + 1,
    "of sums": lambda h: 2 * h + 1 > (2 * h + 1).amax(0) + 0.5,
    "above a pair's": lambda h: h[:, :2].repeat(1, 2) > h[:, :2].amax(-1, keepdim=True),
}
ALWAYS: dict[str, Mask] = {
    "at most its maximum": lambda h: h <= top(h),
    "less than more": lambda h: h < top(h) + 2,
}
PLACE: dict[str, Mask] = {
    "is the maximum": lambda h: h >= top(h),
    "equals the maximum": lambda h: h == top(h),
    "is not the maximum": lambda h: h < top(h),
    "is the minimum": lambda h: h <= h.amin(-1, keepdim=True),
}
BRANCH: dict[str, Mask] = {
    "close to the maximum": lambda h: h > top(h) - 1,
    "above another row's": lambda h: h > top(h).flip(0),
    "above another tensor's": lambda h: h > top(h * h),
    "twice is above": lambda h: 2 * h > top(h),
    "above the others'": lambda h: h > h[:, :2].amax(-1, keepdim=True) + 1,
}


def labels(mask: Mask) -> list[str]:
    torch.manual_seed(0)
    network = capture(Compared(mask), (torch.randn(2, 3),)).network
    return [node.label for node in network.nodes if node.label in ("step", "ranking", "amax")]


@pytest.mark.parametrize("name", [*NEVER, *ALWAYS])
def test_what_is_always_so_is_no_branch(name: str) -> None:
    """One of a and b is unread, the other is scaled against w: 4 of 12 + 4."""
    assert "step" not in labels({**NEVER, **ALWAYS}[name])
    torch.manual_seed(0)
    found = derive(Compared({**NEVER, **ALWAYS}[name]), (torch.randn(2, 3),))
    assert (found.verdict, found.redundancy, found.unread) == (Verdict.PROVED, 4, 4)
    (unread,) = {entry["tensor"] for entry in found.data["unread_tensors"]}
    assert unread == ("a" if name in NEVER else "b")
    assert found.verify().verdict is Verdict.PROVED


@pytest.mark.parametrize("name", PLACE)
def test_the_place_of_a_maximum_is_a_ranking(name: str) -> None:
    """Capture compares with the module: nothing is left that is 0 on a whole cell."""
    found = labels(PLACE[name])
    assert "step" not in found and "ranking" in found


@pytest.mark.parametrize("name", BRANCH)
def test_what_may_be_either_stays(name: str) -> None:
    assert "step" in labels(BRANCH[name])
