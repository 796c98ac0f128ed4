"""The barrier between two trained networks, before and after one is moved along its orbit.

Two MLPs are trained from different seeds on one small problem. On the straight line between their
weights the loss rises; `symgauge.align` moves one of them, as the same function, towards the other,
and it rises less. What is printed is an observation at these seeds. The loss is that of training.

    python docs/examples/barrier.py [--width N] [--steps N] [--seeds A B] [--plot FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import torch
from torch import Tensor, nn

import symgauge

State = Mapping[str, Tensor]
#: Points of the line, both ends included.
POINTS = 25


def problem() -> tuple[Tensor, Tensor]:
    """512 points of a square and the values of a smooth function there."""
    x = 2 * torch.rand(512, 2, generator=torch.Generator().manual_seed(0)).double() - 1
    return x, torch.sin(3 * x[:, :1]) * torch.cos(2 * x[:, 1:])


def network(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1)).double()


def trained(width: int, steps: int, seed: int) -> nn.Module:
    """A network trained from this seed, on all points at once."""
    torch.manual_seed(seed)
    model, (x, y) = network(width), problem()
    step = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        step.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        step.step()
    return model


def losses(model: nn.Module, one: State, two: State) -> list[float]:
    """The loss at points of the line from one to two; the model holds the last of them then."""
    x, y = problem()
    found = []
    for t in torch.linspace(0, 1, POINTS).tolist():
        model.load_state_dict({n: (1 - t) * one[n] + t * two[n] for n in one})
        with torch.no_grad():
            found.append(float(nn.functional.mse_loss(model(x), y)))
    return found


def barrier(line: list[float]) -> float:
    """The most by which the loss exceeds the line between its ends."""
    ends = [(1 - k / (POINTS - 1)) * line[0] + k / (POINTS - 1) * line[-1] for k in range(POINTS)]
    return max(a - b for a, b in zip(line, ends))


def compared(width: int, steps: int, seeds: tuple[int, int]) -> dict[str, list[float]]:
    """The losses along the line, before the second network is aligned to the first and after."""
    one, two = (trained(width, steps, seed) for seed in seeds)
    goal = {n: t.clone() for n, t in one.state_dict().items()}
    other = {n: t.clone() for n, t in two.state_dict().items()}
    x, _ = problem()
    aligned, change = symgauge.align(two, (x[:1],), goal, other)
    assert change.is_same  # run and measured: the outputs stay as they are
    return {"before": losses(one, goal, other), "after": losses(one, goal, aligned)}


def plot(lines: Mapping[str, list[float]], file: str) -> None:
    """The losses along the line, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3))
    for name, line in lines.items():
        axes.plot([k / (POINTS - 1) for k in range(POINTS)], line, label=f"{name} align")
    axes.set(xlabel="from the first network to the second", ylabel="loss", yscale="log")
    axes.legend()
    figure.tight_layout()
    figure.savefig(file)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train, align, print; the barriers before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 2))
    parser.add_argument("--plot", metavar="FILE", help="a picture of the losses along the line")
    options = parser.parse_args(arguments)
    lines = compared(options.width, options.steps, tuple(options.seeds))
    if options.plot:
        plot(lines, options.plot)
    found = {name: barrier(line) for name, line in lines.items()}
    ends = lines["before"][0], lines["before"][-1]
    print(f"loss of the two: {ends[0]:.2e} and {ends[1]:.2e}")
    for name, value in found.items():
        print(f"barrier {name} align: {value:.2e}")
    return found


if __name__ == "__main__":
    main()
