"""Derivations beside what other programs are published to take, in one table and one run.

    python docs/benchmarks/ladder.py [--repeat 3]

Each network is derived whole by `symgauge.derive`: capture, rank, generators with their proofs, the
algebra, the certificate, discrete elements, planted failures. Beside it stands a float SVD: the
Jacobian of the outputs at one random point and at as many random inputs as there are parameters, by
torch in float64, singular values cut at torch's own tolerance; given are the least that is kept and
the largest that is dropped, as parts of the largest. It gives a number of directions, with no proof
and no generators. Processor seconds of one thread, the median of the repetitions; a first
derivation, of another network, is outside, as are imports.

Networks: the linear net 4-4-4; attention of the zoo (two heads, biases everywhere); a realisation
x' = A x, x(0) = B u, y = C x of one input and one output by its 2 n first Markov parameters
C A^k B, which determine all; the flow over a unit of time of z' = V tanh(W z) with two states and
two units, the state read at its end.

Peers were not run: their times were read where they are published, on other machines, and for
networks that their own pages describe: symident 0.12 (realisations with their generators, a tanh
field) and a Python implementation of symmetry detection by a polynomial ansatz, which finds
generators of degree 1 in the linear net.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from symgauge import zoo
from symgauge.derivation.module import derive
from symgauge.nn import OdeFlow

Made = tuple[torch.nn.Module, tuple[Tensor, ...]]
#: The seconds that other programs are published to take.
SYMIDENT, ANSATZ = "symident 0.12: {} s", "polynomial ansatz: {} s"


class Realisation(torch.nn.Module):
    """u -> C A^k B u for k < 2 n."""

    def __init__(self, states: int) -> None:
        super().__init__()
        self.into = torch.nn.Linear(1, states, bias=False)
        self.step = torch.nn.Linear(states, states, bias=False)
        self.out = torch.nn.Linear(states, 1, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        x, found = self.into(u), []
        for _ in range(2 * self.step.in_features):
            found.append(self.out(x))
            x = self.step(x)
        return torch.cat(found, dim=-1)


class TanhField(torch.nn.Module):
    """V tanh(W z)."""

    def __init__(self, states: int, units: int) -> None:
        super().__init__()
        self.into = torch.nn.Linear(states, units, bias=False)
        self.out = torch.nn.Linear(units, states, bias=False)

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        found: Tensor = self.out(torch.tanh(self.into(z)))
        return found


def linear() -> Made:
    """The linear net 4-4-4."""
    made: Made = zoo.load("mlp").factory(
        activation="identity", bias=False, in_features=4, hidden_features=4, out_features=4)
    return made


LADDER: tuple[tuple[str, Callable[[], Made], str], ...] = (
    ("linear net 4-4-4", linear, ANSATZ.format(215)),
    ("attention, 2 heads of 2", lambda: zoo.load("attention").factory(), "none known"),
    ("realisation, n = 3", lambda: (Realisation(3), (torch.ones(1, 1),)), SYMIDENT.format(11)),
    ("realisation, n = 4", lambda: (Realisation(4), (torch.ones(1, 1),)), SYMIDENT.format(72)),
    ("tanh field 2-2", lambda: (OdeFlow(TanhField(2, 2)), (torch.ones(1, 2),)),
     SYMIDENT.format(3.5)),
)


def float_svd(module: torch.nn.Module, args: tuple[Tensor, ...]) -> tuple[int, float, float]:
    """Parameters less the rank in floats; the least singular value kept, the largest dropped."""
    torch.manual_seed(0)
    module = module.double()
    parameters = list(module.parameters())
    for p in parameters:
        torch.nn.init.normal_(p)
    total = sum(p.numel() for p in parameters)
    rows = []
    for _ in range(total):
        out = module(*(torch.randn(a.shape, dtype=torch.float64) for a in args)).reshape(-1)
        rows += [torch.cat([g.reshape(-1) for g in torch.autograd.grad(
            y, parameters, retain_graph=True, materialize_grads=True)]) for y in out]
    values = torch.linalg.svdvals(torch.stack(rows))
    values = values / values[0]
    kept = values > torch.finfo(torch.float64).eps * len(rows)
    dropped = values[~kept].tolist() or [0.0]
    return total - int(kept.sum()), float(values[kept][-1]), dropped[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    torch.set_num_threads(1)
    derive(*zoo.load("mlp").factory())
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {repeat} repetitions\n")
    print("| network | P | redundancy | verdict | derive, s | float SVD | its s | published |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | --- |")
    for name, make, published in LADDER:
        ours, floats = [], []
        for _ in range(repeat):
            module, args = make()
            start = time.process_time()
            found = derive(module, args)
            middle = time.process_time()
            directions, least, largest = float_svd(module, args)
            ours.append(middle - start)
            floats.append(time.process_time() - middle)
        print(
            f"| {name} | {found.parameters} | {found.redundancy} | {found.verdict.value} | "
            f"{median(ours):.2f} | {directions} ({least:.0e}, {largest:.0e}) | "
            f"{median(floats):.2f} | {published} |", flush=True)


if __name__ == "__main__":
    main()
