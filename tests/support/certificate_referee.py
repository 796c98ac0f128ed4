"""Certificates judged in float64: their program run by torch, which shares no line with symgauge.

`untrue` says what of a certificate's numbers is false, by singular values with a clear gap.
"""

import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Data = dict[str, Any]


def ranking(a: Tensor, count: int) -> Tensor:
    """One-hot rows of the `count` largest, the largest first."""
    order = a.argsort(-1, descending=True)[..., :count]
    return functional.one_hot(order, a.shape[-1]).double()


def standardise(a: Tensor, axes: list[int], eps: str) -> Tensor:
    """(a - mean) / sqrt(variance + eps)."""
    centred = a - a.mean(axes, keepdim=True)
    return centred / ((centred**2).mean(axes, keepdim=True) + float(Fraction(eps))).sqrt()


def softmax(a: Tensor, mask: Tensor | None = None, *, axis: int) -> Tensor:
    """Softmax; entries whose mask is 0 are left out."""
    if mask is None:
        return a.softmax(axis)
    weights = a.exp() * mask
    return weights / weights.sum(axis, keepdim=True)


def elu(a: Tensor, alpha: str, scale: str, rate: str) -> Tensor:
    """scale (a where it is positive, else alpha (exp(rate a) - 1))."""
    fall = float(Fraction(alpha)) * (a * float(Fraction(rate))).expm1()
    return torch.where(a > 0, a, fall) * float(Fraction(scale))


def part(a: Tensor, axis: int, start: int, stop: int, step: int) -> Tensor:
    """A slice of one axis."""
    return a[(slice(None),) * axis + (slice(start, stop, step),)]


def take(a: Tensor, axis: int, index: Any) -> Tensor:
    """Entries along one axis."""
    return a[(slice(None),) * axis + (torch.tensor(index),)]


OPS: dict[str, Callable[..., Tensor]] = {
    "abs": torch.abs,
    "add": torch.add,
    "amax": lambda a: a.amax(-1),
    "concatenate": lambda *xs, axis: torch.cat(xs, axis),
    "cos": torch.cos,
    "elu": elu,
    "erf": torch.erf,
    "exp": torch.exp,
    "expand": lambda a, size: a.expand(size),
    "floor": torch.floor,
    "gelu": lambda a, approximate: functional.gelu(a, approximate=approximate),
    "leaky_relu": lambda a, slope: torch.where(a > 0, a, a * float(Fraction(slope))),
    "log": torch.log,
    "log_softmax": lambda a, axis: a.log_softmax(axis),
    "matmul": torch.matmul,
    "maximum": torch.maximum,
    "mul": torch.mul,
    "permute": lambda a, dims: a.permute(dims),
    "power": lambda a, exponent: a**exponent,
    "ranking": ranking,
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "reshape": lambda a, size: a.reshape(size),
    "rsqrt": torch.rsqrt,
    "scale": lambda a, factor: a * float(Fraction(factor)),
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "sin": torch.sin,
    "slice": part,
    "softmax": softmax,
    "softplus": lambda a, beta: functional.softplus(a, float(Fraction(beta)), 1e9),
    "sqrt": torch.sqrt,
    "standardise": standardise,
    "step": lambda a: (a > 0).double(),
    "sum": lambda a, axes: a.sum(axes),
    "take": take,
    "tanh": torch.tanh,
}
#: What the ops above read; an attribute that none reads has no meaning.
ATTRIBUTES = {
    "factor", "size", "dims", "axes", "axis", "approximate", "exponent", "slope", "alpha", "scale",
    "rate", "beta", "eps", "count", "start", "stop", "step", "index",
}


def run(network: Data, theta: dict[str, Tensor], inputs: dict[str, Tensor]) -> Tensor:
    """The outputs of a program in plain data, flattened."""
    lines: list[Tensor] = []
    for node in network["nodes"]:
        if "parameter" in node:
            lines.append(theta[node["parameter"]])
        elif "input" in node:
            lines.append(inputs[node["input"]])
        elif "constant" in node:
            numbers = [float(Fraction(c)) for c in node["constant"]]
            table = torch.tensor(numbers, dtype=torch.float64)
            index = torch.tensor(node["index"] or [0] * math.prod(node["shape"]))
            lines.append(table[index.long()].reshape(node["shape"]))
        else:
            attributes = {k: v for k, v in node["attrs"].items() if k in ATTRIBUTES}
            lines.append(OPS[node["op"]](*(lines[j] for j in node["inputs"]), **attributes))
    return torch.cat([lines[i].flatten() for i in network["outputs"]])


def numerical_rank(matrix: Tensor) -> int:
    """The rank at the widest gap of the singular values, which must be wide."""
    if not matrix.numel() or not matrix.any():
        return 0
    matrix = matrix / matrix.abs().max()
    sizes = matrix.norm(dim=0)
    # a column of rounding alone stays what it is
    matrix = matrix / torch.where(sizes > 1e-9, sizes, torch.ones_like(sizes))
    values = torch.linalg.svdvals(matrix)
    floor = values[0] * 1e-14
    values = torch.cat([values.clamp(min=floor), floor[None]])
    ratios = values[:-1] / values[1:]
    found = int(ratios.argmax()) + 1
    assert ratios[found - 1] > 1e3
    return found


def jacobian(data: Data, seed: int) -> tuple[Tensor, Tensor]:
    """Rows of J of length 1 at random inputs, and the parameters: the cell's, or random ones.

    Points at which the program has no value are drawn again, parameters too. Raises ValueError
    where there are no others.
    """
    generator = torch.Generator().manual_seed(seed)
    for _ in range(50):
        found = _jacobian(data, generator)
        if found is not None:
            return found
    raise ValueError("the program has no value at random points")


def _jacobian(data: Data, generator: torch.Generator) -> tuple[Tensor, Tensor] | None:
    def normal(shape: list[int]) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    nodes = data["network"]["nodes"]
    theta = {n["parameter"]: normal(n["shape"]) for n in nodes if "parameter" in n}
    for name, values in data["cell"].items():
        point = torch.tensor([float.fromhex(v) for v in values], dtype=torch.float64)
        theta[name] = point.reshape(theta[name].shape)
    total, rows, count = sum(t.numel() for t in theta.values()), [], 0
    for k in range(24 + 40 * total):
        if k >= 24 and count >= 8 * total:
            break
        # three scales, so that few branches stay unseen
        inputs = {n["input"]: normal(n["shape"]) * 3.0**(k % 3 - 1) for n in nodes if "input" in n}
        for n in nodes:
            if n.get("classes"):
                chosen = torch.randint(n["classes"], n["shape"][:-1], generator=generator)
                inputs[n["input"]] = functional.one_hot(chosen, n["classes"]).double()
        block = torch.func.jacrev(lambda th, x=inputs: run(data["network"], th, x))(theta)
        row = torch.cat([block[name].reshape(-1, t.numel()) for name, t in theta.items()], dim=1)
        size = row.norm(dim=1, keepdim=True)
        if row.isfinite().all() and size.max() < 1e100:
            # a row of rounding alone stays small
            rows.append(row / size.clamp(min=max(1e-9 * float(size.max()), 1e-100)))
            count += len(row)
    if count < 8 * total:
        return None
    return torch.cat(rows), torch.cat([t.flatten() for t in theta.values()])


def fields_at(data: Data, theta: Tensor) -> Tensor:
    """The generators' values at a point, one in each row."""
    found = torch.zeros(len(data["generators"]), len(theta), dtype=torch.float64)
    for i, entry in enumerate(data["generators"]):
        for k, c in entry["shift"]:
            found[i, k] += float(Fraction(c))
        for k, j, c in entry["linear"]:
            found[i, k] += float(Fraction(c)) * theta[j]
        for k, monomial, c in entry["higher"]:
            found[i, k] += float(Fraction(c)) * math.prod(theta[j]**e for j, e in monomial)
    return found


def untrue(data: Data, seed: int = 1) -> list[str]:
    """What a claim says wrongly of its program, of its generators and of its numbers."""
    rows, theta = jacobian(data, seed)
    named = data.get("unread_coordinates", [])
    read, fields = torch.ones(len(theta), dtype=torch.bool), fields_at(data, theta)
    read[named] = False
    sizes = fields.norm(dim=1).clamp(min=1e-100)
    moved = bool(fields.numel() and ((rows @ fields.T) / sizes).abs().max() > 1e-9)
    count, r, orbit = int(read.sum()), numerical_rank(rows), numerical_rank(fields[:, read])
    facts = {
        "parameters": count, "unread": len(theta) - count, "rank": r, "redundancy": count - r,
        "orbit_dimension": orbit, "unexplained": count - r - orbit, "closed": r + orbit == count,
    }
    return ["a generator moves the function"] * moved + [
        f"coordinate {k} is read" for k in named if rows[:, k].any()] + [
        f"{key} is {data[key]!r}, not {fact!r}" for key, fact in facts.items()
        if json.dumps(data[key]) != json.dumps(fact)]
