"""Small networks written with symgauge's own ops, for tests that need no torch.

Weights are (out, in) as in torch; inputs are rows.
"""

from collections.abc import Sequence
from fractions import Fraction

from symgauge.ops import all_ops
from symgauge.program.build import Builder
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network
from symgauge.program.writer import Value


class Sketch:
    """A builder with layers. `network(*outputs)` closes it."""

    def __init__(self) -> None:
        self.build = Builder(all_ops())

    def parameter(self, name: str, *shape: int) -> Value:
        return self.build.leaf(Parameter(name, shape))

    def input(self, name: str, *shape: int) -> Value:
        return self.build.leaf(Input(name, shape))

    def linear(self, x: Value, name: str, width: int, bias: bool = True) -> Value:
        """x W^T + b."""
        weight = self.parameter(f"{name}.weight", width, x.shape[-1])
        shift = self.parameter(f"{name}.bias", width) if bias else None
        y = self.build.apply("matmul", x, self.build.permute(weight, (1, 0)))
        return y if shift is None else self.build.add(y, shift)

    def heads(self, x: Value, count: int) -> Value:
        """(tokens, count * size) as (count, tokens, size)."""
        tokens, width = x.shape
        split = self.build.reshape(x, (tokens, count, width // count))
        return self.build.permute(split, (1, 0, 2))

    def network(self, *outputs: Value) -> Network:
        return self.build.network(outputs)


def mlp(activation: str | None, *sizes: int, bias: bool = True) -> Network:
    """Linear layers fc0, fc1, ... with an activation between them."""
    sketch = Sketch()
    x = sketch.input("x", 1, sizes[0])
    for k, width in enumerate(sizes[1:]):
        if k and activation == "square":
            x = sketch.build.mul(x, x)
        elif k and activation:
            x = sketch.build.apply(activation, x)
        x = sketch.linear(x, f"fc{k}", width, bias)
    return sketch.network(x)


def attention(
    width: int, heads: int, size: int, *, groups: int | None = None, bias: bool = False,
    kind: str = "softmax", tokens: int = 3,
) -> Network:
    """Multi-head attention q, k, v, out; `groups` key and value heads, each read by its share."""
    sketch = Sketch()
    build = sketch.build
    groups = groups or heads
    x = sketch.input("x", tokens, width)
    q = sketch.heads(sketch.linear(x, "q", heads * size, bias), heads)
    k, v = (
        sketch.heads(sketch.linear(x, name, groups * size, bias), groups) for name in ("k", "v")
    )
    if groups != heads:
        k, v = (
            build.reshape(
                build.broadcast(
                    build.reshape(y, (groups, 1, tokens, size)),
                    (groups, heads // groups, tokens, size),
                ),
                (heads, tokens, size),
            )
            for y in (k, v)
        )
    scores = build.scale(build.apply("matmul", q, build.permute(k, (0, 2, 1))), Fraction(1, 2))
    if kind == "softmax":
        scores = build.apply("softmax", scores, axis=2)
    elif kind == "sigmoid":
        scores = build.apply("sigmoid", scores)
    mixed = build.permute(build.apply("matmul", scores, v), (1, 0, 2))
    joined = build.reshape(mixed, (tokens, heads * size))
    return sketch.network(sketch.linear(joined, "out", width, bias))


def packed_attention(width: int, heads: int, *, tokens: int = 3) -> Network:
    """Attention whose query, key and value weights are one parameter in_proj (3 width, width)."""
    sketch = Sketch()
    build = sketch.build
    x = sketch.input("x", tokens, width)
    packed = sketch.linear(x, "in_proj", 3 * width, False)
    q, k, v = (
        sketch.heads(build.slice(packed, 1, i * width, (i + 1) * width), heads) for i in range(3)
    )
    scores = build.apply("softmax", build.apply("matmul", q, build.permute(k, (0, 2, 1))), axis=2)
    mixed = build.permute(build.apply("matmul", scores, v), (1, 0, 2))
    return sketch.network(sketch.linear(build.reshape(mixed, (tokens, width)), "out", width, False))


def two_branches(sizes: Sequence[int] = (2, 3), features: int = 2) -> Network:
    """out(cat(a(x), b(x)))."""
    sketch = Sketch()
    x = sketch.input("x", 1, features)
    parts = [
        sketch.linear(x, name, n, False) for name, n in zip(("a", "b"), sizes, strict=True)
    ]
    joined = sketch.build.apply("concatenate", *parts, axis=1)
    return sketch.network(sketch.linear(joined, "out", 2, False))


def rational_network() -> Network:
    """A network whose values are rational functions, with every kind of rational op in it."""
    sketch = Sketch()
    build = sketch.build
    x = sketch.input("x", 2, 2)
    y = sketch.linear(x, "a", 2)
    cube = build.apply("power", y, exponent=3)
    one = build.add(build.mul(y, y), build.full(Fraction(5, 3), (1, 1)))
    ratio = build.mul(cube, build.reciprocal(one))
    joined = build.apply("concatenate", ratio, build.slice(x, 0, 1, 2), axis=0)
    scaled = build.scale(build.permute(joined, (1, 0)), Fraction(-2, 7))
    gains = sketch.parameter("g", 3)
    total = build.sum(build.mul(scaled, build.broadcast(gains, (2, 3))), 1, True)
    return sketch.network(total, sketch.linear(build.reshape(scaled, (3, 2)), "b", 1))
