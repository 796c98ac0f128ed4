"""What `derive` finds of a network, beside the redundancy by singular values of float Jacobians."""

from dataclasses import dataclass
from time import process_time

import torch
from known_networks import Factory
from singular_values import float_rank

import symgauge
from symgauge.errors import SymgaugeError

HEAD = (f"{'network':36}{'P':>4}{'floats':>8}{'found':>7}{'minors':>8}{'left':>6}  {'verdict':8}"
        f"{'CPU s':>7}")
#: Draws of float Jacobians: these, and so many more where their redundancy is not the one found.
DRAWS, MORE = 4, 18


@dataclass(frozen=True)
class Judged:
    """A line of the table; `error` says why nothing was found."""

    name: str
    parameters: int
    floats: int
    redundancy: int = 0
    minors: int = 0
    left: int = 0
    verdict: str = ""
    seconds: float = 0.0
    error: str = ""

    @property
    def above(self) -> bool:
        """The redundancy is larger than that of the floats, which bound it from above."""
        return not self.error and self.redundancy > self.floats

    def __str__(self) -> str:
        start = f"{self.name:36}{self.parameters:4}{self.floats:8}"
        if self.error:
            return f"{start}  {self.error:.60}"
        return (f"{start}{self.redundancy:7}{self.minors:8}{self.left:6}  {self.verdict:8}"
                f"{self.seconds:7.1f}")


def judged(name: str, build: Factory) -> Judged:
    """Derives the network anew. Processor seconds, the capture included.

    With branches a draw sees a few cells only: where floats and the derivation differ, more are
    drawn, half of them at twice the scale, and the smallest redundancy of a clear gap counts.
    """
    parameters, floats = drawn(build, [(1.0, 0, DRAWS)])
    module, args = build()
    start = process_time()
    try:
        found = symgauge.derive(module, args)
    except SymgaugeError as error:
        return Judged(name, parameters, floats, error=str(error))
    seconds = process_time() - start
    redundancy = found.redundancy + found.unread
    if redundancy != floats:
        floats = drawn(build, [(1.0, 0, DRAWS + MORE), (2.0, DRAWS + MORE, MORE)])[1]
    return Judged(
        name, parameters, floats, redundancy, found.claim.by_minors or 0, found.unexplained,
        found.verdict.value, seconds)


def drawn(build: Factory, draws: list[tuple[float, int, int]]) -> tuple[int, int]:
    """P, and the smallest redundancy of draws (scale, first seed, how many) with a clear gap."""
    module, args = build()
    tokens = args[0].dtype == torch.long
    classes = dict(module.named_parameters())["E"].shape[0] if tokens else 0
    seen = [float_rank(module, args, count, classes, scale, seed=seed)
            for scale, seed, count in draws]
    clear = [rank for rank in seen if rank.gap > 1e3] or seen
    return seen[0].parameters, min(rank.redundancy for rank in clear)
