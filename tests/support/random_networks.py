"""Random small architectures: a recipe is plain data, a module interprets it.

A recipe is `(kind of input, steps)`; each step `(op, a, b, c)` makes one more branch of shape
(tokens, width) from earlier ones. Numbers are taken modulo what there is to choose from, so that
every recipe is a network and hypothesis may shrink it freely.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

TOKENS = 3
VOCABULARY = 4
#: No step takes the parameter count above this.
MAX_PARAMETERS = 60

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "softplus": functional.softplus,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "exp": torch.exp,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "erf": torch.erf,
    "hardtanh": functional.hardtanh,
    "relu6": functional.relu6,
    "softsign": functional.softsign,
    "mish": functional.mish,
    "log1p_square": lambda z: torch.log1p(z * z),
    "root": lambda z: torch.sqrt(z * z + 1),
}
SCALES = (2.0, -1.0, 0.5, 3.0)
INPUTS = ("row", "rows", "two", "tokens", "positions")
STEPS = (
    "linear", "linear_bias", "activation", "add", "product", "layer_norm", "layer_norm_plain",
    "rms_norm", "rms_norm_zero", "attention", "attention_causal", "attention_sigmoid",
    "attention_heads", "tied", "tied_transposed", "concatenate", "slice", "scale", "power",
    "rational", "inverse", "convolution", "softmax", "log_softmax", "gain", "shift", "pool",
    "maximum", "gated", "residual", "cumsum", "outer",
)


class Recipe(NamedTuple):
    """An input and the steps."""

    source: str
    width: int
    steps: tuple[tuple[str, int, int, int], ...]


def recipes(most: int = 7) -> st.SearchStrategy[Recipe]:
    """Recipes of up to `most` steps; a linear layer comes first in many of them."""
    number = st.integers(0, 19)
    step = st.tuples(st.sampled_from(STEPS), number, number, number)
    return st.builds(
        Recipe,
        st.sampled_from(INPUTS),
        st.integers(2, 3),
        st.lists(step, min_size=1, max_size=most).map(tuple),
    )


class RandomNetwork(torch.nn.Module):
    """The network of a recipe. Its output is the last branch, read by a matrix if there is room."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self._shape: dict[str, tuple[int, ...]] = {}
        self._tied: dict[str, str] = {}
        self._dry = True
        # the first pass meets every parameter and notes its shape
        with torch.no_grad():
            self.forward(*self.example())
        generator = torch.Generator().manual_seed(0)
        for name, shape in self._shape.items():
            value = 0.7 * torch.randn(shape, generator=generator)
            self.register_parameter(name, torch.nn.Parameter(value))
        self._dry = False

    def example(self) -> tuple[Tensor, ...]:
        """One example of the inputs."""
        generator = torch.Generator().manual_seed(1)
        source, width = self.recipe.source, self.recipe.width
        if source in ("tokens", "positions"):
            return (torch.tensor([2, 0, 3]),)
        tokens = 1 if source == "row" else TOKENS
        count = 2 if source == "two" else 1
        return tuple(torch.randn(tokens, width, generator=generator) for _ in range(count))

    def count(self) -> int:
        """Parameters so far."""
        return sum(torch.Size(shape).numel() for shape in self._shape.values())

    def weight(self, name: str, *shape: int) -> Tensor | None:
        """The parameter of this name; None where it would be one too many."""
        if self._dry:
            if name not in self._shape:
                if self.count() + torch.Size(shape).numel() > MAX_PARAMETERS:
                    return None
                self._shape[name] = shape
            return torch.ones(shape)
        return getattr(self, name) if name in self._shape else None

    def forward(self, *inputs: Tensor) -> Tensor:
        """The recipe, step by step."""
        width = self.recipe.width
        branches: list[Tensor] = []
        if self.recipe.source in ("tokens", "positions"):
            table = self.weight("E", VOCABULARY, width)
            assert table is not None
            x = functional.embedding(inputs[0], table)
            if self.recipe.source == "positions":
                positions = self.weight("Q", TOKENS, width)
                assert positions is not None
                x = x + positions
            branches.append(x)
        else:
            branches += inputs
        for k, (op, a, b, c) in enumerate(self.recipe.steps):
            # latest first: recipes are chains unless their numbers say otherwise
            x = branches[-1 - a % len(branches)]
            y = branches[-1 - b % len(branches)]
            made = self.step(str(k), op, x, y, b, c)
            if made is not None:
                branches.append(made)
        last = branches[-1]
        reader = self.weight("R", 2, last.shape[1])
        return last if reader is None else last @ reader.T

    def step(
        self, k: str, op: str, x: Tensor, y: Tensor, b: int, c: int
    ) -> Tensor | None:
        """One more branch, or None where the step does not fit."""
        width = x.shape[1]
        out = 2 + c % 2
        if op == "activation":
            return list(ACTIVATIONS.values())[c % len(ACTIVATIONS)](x)
        if op in ("linear", "linear_bias"):
            return self.affine(k, x, out, op == "linear_bias")
        if op in ("add", "product", "maximum", "outer", "concatenate"):
            return self.binary(op, x, y)
        if op in ("layer_norm", "layer_norm_plain", "rms_norm", "rms_norm_zero"):
            return self.norm(k, op, x)
        if op.startswith("attention"):
            return self.attention(k, op, x, y)
        if op in ("tied", "tied_transposed"):
            return self.tied(k, op, x, c)
        if op == "convolution":
            kernel = self.weight("K" + k, out, width, 2)
            if kernel is None:
                return None
            return functional.conv1d(x.T[None], kernel, padding=1)[0].T[: x.shape[0]]
        if op == "gain":
            gain = self.weight("g" + k, width)
            return None if gain is None else gain * x
        if op == "shift":
            shift = self.weight("c" + k, width)
            return None if shift is None else x + shift
        if op in ("gated", "residual"):
            first = self.affine(k, x, width, False)
            if first is None:
                return None
            act = list(ACTIVATIONS.values())[c % len(ACTIVATIONS)]
            return act(first) * x if op == "gated" else x + act(first)
        return self.unary(op, x, b, c)

    def unary(self, op: str, x: Tensor, b: int, c: int) -> Tensor | None:
        """Steps without parameters."""
        if op == "slice":
            start = b % x.shape[1]
            part = x[:, start:start + 2]
            return part if part.shape[1] > 1 else x[:, :2]
        if op == "scale":
            return SCALES[c % len(SCALES)] * x
        if op == "power":
            return x ** (2 + c % 2)
        if op == "rational":
            return x / (1 + x * x)
        if op == "inverse":
            return 1 / (1 + x * x)
        if op == "softmax":
            return torch.softmax(x, -1)
        if op == "log_softmax":
            return torch.log_softmax(x, -1)
        if op == "pool":
            return x.mean(0, keepdim=True) if c % 2 else x.sum(0, keepdim=True)
        if op == "cumsum":
            return x.cumsum(0)
        raise ValueError(op)

    def affine(self, k: str, x: Tensor, out: int, bias: bool) -> Tensor | None:
        weight = self.weight("W" + k, out, x.shape[1])
        if weight is None:
            return None
        shift = self.weight("b" + k, out) if bias else None
        return x @ weight.T if shift is None else x @ weight.T + shift

    def binary(self, op: str, x: Tensor, y: Tensor) -> Tensor | None:
        if op == "concatenate":
            if x.shape[0] != y.shape[0] or x.shape[1] + y.shape[1] > 5:
                return None
            return torch.cat([x, y], 1)
        if x.shape[1] != y.shape[1] or 1 not in (x.shape[0], y.shape[0], TOKENS // x.shape[0]):
            return None
        if op == "outer":
            return x * y.sum(-1, keepdim=True) if x.shape == y.shape else None
        table = {"add": torch.add, "product": torch.mul, "maximum": torch.maximum}
        return table[op](x, y)

    def norm(self, k: str, op: str, x: Tensor) -> Tensor | None:
        width = x.shape[1]
        if op == "layer_norm_plain":
            return functional.layer_norm(x, (width,)) if width > 2 else None
        gain = self.weight("g" + k, width)
        if gain is None:
            return None
        if op == "layer_norm":
            shift = self.weight("h" + k, width)
            return None if shift is None else functional.layer_norm(x, (width,), gain, shift)
        square = (x * x).mean(-1, keepdim=True)
        if op == "rms_norm":
            square = square + 0.01
        return gain * x / torch.sqrt(square)

    def attention(self, k: str, op: str, x: Tensor, y: Tensor) -> Tensor | None:
        if x.shape[1] != y.shape[1]:
            return None
        width, heads = x.shape[1], 2 if op == "attention_heads" else 1
        size = 1 if heads == 2 else 2
        maps = [self.weight(c + k, heads * size, width) for c in "qkv"]
        query, key, value = maps
        if query is None or key is None or value is None:
            return None

        def split(z: Tensor) -> Tensor:
            return z.reshape(z.shape[0], heads, size).transpose(0, 1)

        scores = split(x @ query.T) @ split(y @ key.T).transpose(1, 2)
        if op == "attention_sigmoid":
            weights = torch.sigmoid(scores)
        else:
            if op == "attention_causal":
                keep = torch.ones(scores.shape[1:], dtype=torch.bool).tril()
                scores = scores.masked_fill(~keep, float("-inf"))
            weights = torch.softmax(scores, -1)
        mixed = weights @ split(y @ value.T)
        return mixed.transpose(0, 1).reshape(x.shape[0], heads * size)

    def tied(self, k: str, op: str, x: Tensor, c: int) -> Tensor | None:
        """A matrix met before, used once more."""
        axis = 1 if op == "tied" else 0
        if self._dry:
            fits = [
                n for n, s in self._shape.items()
                if len(s) == 2 and n != "Q" and s[axis] == x.shape[1]
            ]
            if fits:
                self._tied[k] = fits[c % len(fits)]
        if k not in self._tied:
            return None
        weight = self.weight(self._tied[k], *self._shape[self._tied[k]])
        assert weight is not None
        return x @ (weight.T if op == "tied" else weight)
