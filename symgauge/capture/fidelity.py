"""The captured network against the module, in float64."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from symgauge.capture.module import WideFloats, buffers_kept
from symgauge.capture.leaves import is_mask
from symgauge.capture.reader import Reader
from symgauge.domains.balls import BallDomain
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.errors import CaptureError, FlowError
from symgauge.exact import balls
from symgauge.program.array import Array
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network


#: Largest relative difference from the module in float64.
FIDELITY = 1e-7
#: Sizes of the parameters and of the inputs at which they are compared.
POINTS = (
    (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 10.0), (1.0, 100.0), (1.0, 0.1), (3.0, 1.0),
    (3.0, 10.0), (0.3, 1.0), (0.3, 100.0),
)
#: With flows: smaller where a flow blows up.
FLOW_SIZES = (1.0, 0.25, 0.05)
#: Random points among which those are sought that take a branch to a side not seen yet, and how
#: many of them are compared.
SOUGHT, BRANCHES = 64, 8
#: Entries of a network's lines above which branches are not sought, and none are real balls.
MANY, SMALL = 1 << 20, 1 << 15
#: A difference of this many times what the last bit of the parameters makes is rounding.
FLOORS = 100.0
#: Draws of the last bits for one point.
DRAWN = 4
#: Bits of the balls that evaluate the network where floats overflow, and their radius.
BITS, RADIUS = 256, Fraction(1, 1 << 200)


@dataclass(frozen=True)
class _Point:
    """Parameters by name, and the leaves of the example, as tensors."""

    parameters: Mapping[str, torch.Tensor]
    leaves: Sequence[Any]
    #: Whether it is of the size at which floats neither overflow nor underflow.
    moderate: bool


class _Comparison:
    """A module, its network, and fresh points of both."""

    def __init__(
        self, module: torch.nn.Module, network: Network, args: Any, kwargs: Any, reader: Reader
    ) -> None:
        self.module, self.network, self.reader = module, network, reader
        self.example, self.spec = pytree.tree_flatten((args, kwargs))
        self.generator = torch.Generator().manual_seed(20240203)
        self.trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.entries = sum(prod(n.shape) for n in lower(network).nodes)
        self.worst, self.compared = 0.0, False

    def draw(self, theta_size: float, input_size: float) -> _Point:
        """Generic parameters and inputs of these sizes, and tokens."""
        parameters = {}
        for name, p in self.trained.items():
            width = prod(p.shape[1:]) if p.dim() > 1 else 1
            parameters[name] = theta_size * self._normal(p.shape) / math.sqrt(max(width, 1))
        leaves = [
            input_size * self._normal(x.shape) if _moves(x) else x for x in self.example
        ]
        for name, classes in self.reader.leaves.token_places.items():
            place = self.reader.leaves.user_inputs.index(name)
            x = self.example[place]
            # of few tokens now and then, for what compares them
            among = self._integers(classes, (1 + self._integers(classes, ()),))
            leaves[place] = among[self._integers(len(among), x.shape)].to(x.dtype)
        return _Point(parameters, leaves, (theta_size, input_size) == (1.0, 1.0))

    def _normal(self, shape: Any) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def _integers(self, bound: int, shape: Any) -> torch.Tensor:
        return torch.randint(0, bound, shape, generator=self.generator)

    def expected(self, point: _Point) -> list[Array]:
        """The module's outputs."""
        for name, p in self.trained.items():
            p.data = point.parameters[name].clone()
        args, kwargs = pytree.tree_unflatten(
            [x.clone() if isinstance(x, torch.Tensor) else x for x in point.leaves], self.spec)
        with torch.no_grad(), warnings.catch_warnings(), buffers_kept(self.module):
            warnings.simplefilter("ignore")
            with WideFloats():  # type: ignore[no-untyped-call]
                leaves = pytree.tree_leaves(self.module(*args, **kwargs))
        # an output may be a parameter itself
        found = [leaves[x.index].detach().to(torch.float64) for x in self.reader.chosen.outputs]
        if self.reader.reading.observable == "probabilities":
            found = [x.log_softmax(-1) for x in found]
        return [x.numpy() for x in found]

    def feed(self, points: Sequence[_Point]) -> tuple[dict[str, Array], dict[str, Array]]:
        """The same points for the network."""
        parameters = {
            n: np.stack([point.parameters[n].numpy() for point in points]) for n in self.trained
        }
        inputs: dict[str, Array] = {}
        places = [i for i, x in enumerate(self.example) if _moves(x)]
        for (name, _), i in zip(self.reader.leaves.input_places, places, strict=True):
            inputs[name] = np.stack([point.leaves[i].numpy() for point in points])
        for name, classes in self.reader.leaves.token_places.items():
            i = self.reader.leaves.user_inputs.index(name)
            inputs[name] = np.eye(classes)[np.stack([p.leaves[i].numpy() for p in points])]
        return parameters, inputs

    def found(self, point: _Point, extended: bool = False) -> list[Array]:
        """The network's outputs, in float64 or in the widest floats."""
        parameters, inputs = self.feed([point])
        if extended:
            parameters, inputs = (
                {n: v.astype(np.longdouble) for n, v in t.items()} for t in (parameters, inputs))
        with np.errstate(all="ignore"):
            lines = values(lower(self.network), RealDomain(extended), parameters, inputs)
        return [v[0].astype(np.float64) for v in outputs(lower(self.network), lines)]

    def in_balls(self, point: _Point) -> list[Array] | None:
        """The network's outputs in real balls, which overflow nowhere; None where undecided."""
        if self.entries > SMALL or self.network.has_flows:
            return None
        with balls.precision(BITS):
            parameters, inputs = (
                {n: balls.balls(v, RADIUS) for n, v in t.items()} for t in self.feed([point]))
            try:
                lines = values(lower(self.network), BallDomain(), parameters, inputs)
            except balls.Undecided:
                return None
            return [balls.midpoints(v[0]) for v in outputs(lower(self.network), lines)]

    def compare(self, point: _Point) -> None:
        """One point. Where floats lose, wider ones are asked, then real balls."""
        wanted, strict = self.expected(point), point.moderate
        worst = _difference(wanted, self.found(point), strict)
        if not worst < FIDELITY:
            worst = min(worst, _difference(wanted, self.found(point, extended=True), strict))
        if not worst < FIDELITY:
            exact, rounding = self.in_balls(point), 0.0
            if exact is not None:
                worst = min(worst, _difference(wanted, exact, strict))
                # log(1 + exp(-85)) is 0 in floats, of the module as of the network
                rounding = _difference(exact, self.found(point), strict)
            if not strict and worst == math.inf:
                return  # the network's floats overflow here
            if not worst < FIDELITY and worst < FLOORS * max(self._floor(point, wanted), (
                    rounding if math.isfinite(rounding) else 0.0)):
                return  # the module's own rounding is as large
        self.compared |= any(np.isfinite(x).any() for x in wanted)
        self.worst = max(self.worst, worst)

    def _floor(self, point: _Point, wanted: list[Array]) -> float:
        """How much the module's outputs change with the last bit of its parameters.

        The largest of a few draws: in one of them the changes may cancel.
        """
        largest = 0.0
        for _ in range(DRAWN):
            moved = {
                n: p * (1 + 2.0**-52 * self._normal(p.shape).sign())
                for n, p in point.parameters.items()
            }
            found = _difference(wanted, self.expected(_Point(moved, point.leaves, False)), False)
            largest = max(largest, found if math.isfinite(found) else 0.0)
        return largest

    def rare(self) -> list[_Point]:
        """Points that take some branch to a side that no earlier one of them took it to."""
        if not is_piecewise(self.network) or self.entries > MANY or self.network.has_flows:
            return []
        sizes = np.random.default_rng(0)
        points = [
            self.draw(1.0, float(10.0 ** sizes.uniform(-2.0, 2.5))) for _ in range(SOUGHT)
        ]
        domain = RealDomain()
        with np.errstate(all="ignore"):
            values(lower(self.network), domain, *self.feed(points))
        sides = np.concatenate([
            np.broadcast_to(b, (SOUGHT, *b.shape[1:])).reshape(SOUGHT, -1) > 0.0
            for b in domain.branches
        ], axis=1)
        taken: list[_Point] = []
        seen = np.zeros((2, sides.shape[1]), dtype=bool)
        while len(taken) < BRANCHES:
            gain = (sides & ~seen[1]).sum(1) + (~sides & ~seen[0]).sum(1)
            k = int(gain.argmax())
            if not gain[k]:
                break
            seen |= np.stack([~sides[k], sides[k]])
            taken.append(points[k])
        return taken


def check_fidelity(
    module: torch.nn.Module, network: Network, args: Any, kwargs: Any, reader: Reader
) -> None:
    """The network equals the module, in float64, at fresh parameters and inputs of several sizes.

    With branches, also at points that take them to both sides, where such are found. Where a
    flow blows up, smaller parameters and inputs are taken. The module's parameters are changed.
    """
    comparison = _Comparison(module, network, args, kwargs, reader)
    if network.has_flows:
        _with_flows(comparison)
    else:
        for sizes in POINTS:
            comparison.compare(comparison.draw(*sizes))
        for point in comparison.rare():
            comparison.compare(point)
    if not comparison.compared and comparison.worst == 0.0:
        raise CaptureError(
            "no output of the module is finite at generic parameters and inputs, so the captured "
            "network cannot be compared with it"
        )
    if not comparison.worst < FIDELITY:
        raise CaptureError(
            f"the captured network differs from the module by {comparison.worst:.1e} (relative, "
            "float64); it computes something that the exported graph does not show"
        )


def _with_flows(comparison: _Comparison) -> None:
    blown: FlowError | None = None
    for size in FLOW_SIZES:
        try:
            for _ in range(3):
                comparison.compare(comparison.draw(size, size))
            return
        except FlowError as error:
            blown = error
    raise CaptureError(
        f"a flow blows up at every generic point that was tried, so the captured network cannot "
        f"be compared with the module ({blown}); give shorter times"
    )


def _moves(x: Any) -> bool:
    """Whether a leaf of the example is an indeterminate."""
    return isinstance(x, torch.Tensor) and x.is_floating_point() and not is_mask(x)


def _difference(wanted: Sequence[Array], found: Sequence[Array], strict: bool) -> float:
    """The largest difference, relative to the largest entry of its output.

    Infinite where shapes differ, or what is wanted is finite and what is found is not; if
    `strict`, the other way round too: else the module may overflow where the network does not.
    """
    worst = 0.0
    for a, b in zip(wanted, found, strict=True):
        if a.shape != b.shape:
            return math.inf
        finite = np.isfinite(a)
        if (finite & ~np.isfinite(b)).any() or strict and (np.isfinite(b) & ~finite).any():
            return math.inf
        if finite.any():
            size = max(float(np.abs(a[finite]).max()), 1e-30)
            worst = max(worst, float(np.abs(b[finite] - a[finite]).max()) / size)
    return worst
