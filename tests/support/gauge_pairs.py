"""Pairs of weights of which it is known by other means whether they are one function.

B is A moved by a random element of all families and index orders of a program at once; or that,
with one tensor moved by a thousandth of its size. That the first kind is one function and the
second is not, the module itself is asked, in float64, at inputs of this file's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from symgauge.audits.answer import Audit
from symgauge.audits.audit import audit
from symgauge.capture import load_target
from symgauge.weights.action import Element, apply, identity
from symgauge.weights.checkpoint import held
from symgauge.weights.orbit import random_element
from symgauge.weights.pair import TOLERANCE
from symgauge.weights.statement import Group, Held, Statement, statement_of
from symgauge.zoo import load

State = dict[str, Tensor]
#: The largest relative change of an output that float64 makes of one function, and the least that
#: tells another one in a dtype.
ROUNDED, TOLD = 1e-9, {torch.float64: 1e-8, torch.float32: 1e-4}
MOVED = 1e-3
#: Random weights at which an order is tried.
TRIED = 8


@dataclass(frozen=True)
class Pair:
    """A, B, and what was done: by which groups B was moved, and which tensor was spoilt."""

    a: State
    b: State
    groups: tuple[str, ...]
    spoilt: str = ""


class Pairs:
    """Random pairs for one module, whose program is read once."""

    def __init__(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.module, self.args = module.double().eval(), args
        self.held = Held(self.module, args, {})

    @cached_property
    def statement(self) -> Statement:
        """The groups of the program."""
        return statement_of(self.held)

    @cached_property
    def inputs(self) -> list[tuple[Any, ...]]:
        """Random inputs: floats of several sizes, ids of all that the example has, and fewer."""
        generator = torch.Generator().manual_seed(77)

        def drawn(x: Any, size: float) -> Any:
            if not isinstance(x, Tensor):
                return x
            if x.is_floating_point():
                return size * torch.randn(x.shape, generator=generator, dtype=torch.float64)
            return torch.randint(int(x.max()) + 1, x.shape, generator=generator)

        return [tuple(drawn(x, size) for x in self.args) for size in (0.3, 1.0, 3.0) * 3]

    def generic(self, rng: np.random.Generator) -> State:
        """Weights without zero biases and unit gains; gains and variances stay positive."""
        found, own = {}, {}
        for name, t in self.module.state_dict(keep_vars=True).items():
            if not t.is_floating_point():
                found[name] = t.detach().clone()
                continue
            if id(t) not in own:
                noise = torch.as_tensor(rng.standard_normal(t.shape))
                positive = t.ndim < 2 and bool((t > 0).all())
                own[id(t)] = 0.5 + noise.abs() if positive else noise
            found[name] = own[id(t)]
        return found

    def outputs(self, state: Mapping[str, Tensor]) -> list[Tensor]:
        """What the module returns with these weights."""
        wide = {n: t.double() if t.is_floating_point() else t for n, t in state.items()}
        with torch.no_grad():
            found = [
                functional_call(self.module, wide, x, tie_weights=False) for x in self.inputs]
        return [x if isinstance(x, Tensor) else x[0] for x in found]

    def change(self, one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> float:
        """The largest change of an output over the largest one."""
        return max(
            float((a - b).abs().max() / a.abs().max())
            for a, b in zip(self.outputs(one), self.outputs(two), strict=True))

    @cached_property
    def discrete(self) -> list[tuple[Group, str]]:
        """Orders and signs of index spaces that keep the function at several random weights.

        At one point alone units may sleep, and then any order of them passes.
        """
        found = []
        for group in (g for g in self.statement.groups if not g.proved):
            for words in ("order", "signs"):
                kept = True
                for seed in range(TRIED):
                    rng = np.random.default_rng(seed)
                    state = self.generic(rng)
                    there = {n: t.numpy() for n, t in state.items()}
                    apply(there, group, _discrete(group, words, rng))
                    there = self._tied({n: torch.as_tensor(t) for n, t in there.items()})
                    kept = kept and self.change(state, there) < ROUNDED
                found += [(group, words)] * kept
        return found

    def draw(self, seed: int, dtype: torch.dtype, spoil: bool) -> Pair | None:
        """A random pair. None where the spoilt tensor is not seen in the outputs."""
        rng = np.random.default_rng(seed)
        a = self.generic(rng)
        moved = {n: t.numpy().copy() for n, t in a.items()}
        done = []
        steps = [(g, "") for g in self.statement.groups if g.proved] + self.discrete
        for k in rng.permutation(len(steps)):
            group, words = steps[k]
            done.append(f"{group.label} ({words})" if words else group.label)
            if words:
                apply(moved, group, _discrete(group, words, rng))
                continue
            for _ in range(2):  # the condition number of one is at most 2
                apply(moved, group, random_element(group, rng))
        b = self._tied({n: torch.as_tensor(t) for n, t in moved.items()})
        assert self.change(a, b) < ROUNDED, "what was applied is no symmetry"
        a, b = (_in(s, dtype) for s in (a, b))
        if not spoil:
            return Pair(a, b, tuple(done))
        names = [n for n, t in self._first().items() if t.is_floating_point()]
        name = names[rng.integers(len(names))]
        noise = torch.as_tensor(rng.standard_normal(b[name].shape))
        step = MOVED * b[name].double().norm() / noise.norm() * noise
        spoilt = self._tied({**b, name: (b[name].double() + step).to(b[name].dtype)})
        if not self.change(b, spoilt) > TOLD[dtype]:
            return None
        return Pair(a, spoilt, tuple(done), name)

    def _first(self) -> State:
        """The tensors, each by its first name alone."""
        found: dict[int, str] = {}
        for name, t in self.module.state_dict(keep_vars=True).items():
            found.setdefault(id(t), name)
        return {n: self.module.state_dict()[n] for n in found.values()}

    def _tied(self, state: State) -> State:
        """With every other name of a tensor as its first."""
        first: dict[int, str] = {}
        return {
            n: state[first.setdefault(id(t), n)]
            for n, t in self.module.state_dict(keep_vars=True).items()}

    def compared(self, pair: Pair) -> Audit:
        """What `compare` says."""
        return audit(
            self.held, held(pair.a, "A"), held(pair.b, "B"), statement=self.statement)


def is_recovered(found: Audit, dtype: torch.dtype) -> bool:
    """Whether an element was found that carries every tensor to B within its dtype's rounding."""
    return found.verdict == "EQUIVALENT" and not found.outside and not found.unchanged and all(
        d <= TOLERANCE[dtype] for d in found.distances.values())


def _discrete(group: Group, words: str, rng: np.random.Generator) -> Element:
    still = identity(group)
    assert still.order is not None
    if words == "signs":
        signs = rng.choice([-1.0, 1.0], group.size)
        signs[rng.integers(group.size)] = -1.0
        return Element(None, signs, still.order)
    order = rng.permutation(group.size)
    return Element(None, still.values, np.roll(order, 1) if (order == still.order).all() else order)


def _in(state: State, dtype: torch.dtype) -> State:
    return {n: t.to(dtype) if t.is_floating_point() else t.clone() for n, t in state.items()}


def _mlp(activation: type[nn.Module]) -> tuple[nn.Module, tuple[Any, ...]]:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 6), activation(), nn.Linear(6, 5), activation(), nn.Linear(5, 2),
    ), (torch.randn(4, 3),)


def _of_the_zoo(name: str, **sizes: object) -> tuple[nn.Module, tuple[Any, ...]]:
    module, args, _ = load_target(name, load, {n: str(v) for n, v in sizes.items()}).build()
    return module, args


#: Small modules, each with families of several kinds, index orders, or both.
MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]] = {
    "MLP, ReLU": lambda: _mlp(nn.ReLU),
    "MLP, tanh": lambda: _mlp(nn.Tanh),
    "attention": lambda: _of_the_zoo("attention"),
    "GPT-2, one block": lambda: _of_the_zoo("gpt2_like"),
    "Llama, one block, two queries to a key": lambda: _of_the_zoo(
        "llama_like", num_layers=1, num_kv_heads=1),
    "convolutions, batch norm": lambda: _of_the_zoo("convolutional", batch_norm=True),
    "mixture of experts": lambda: _of_the_zoo("mixture_of_experts", kind="swiglu"),
}
