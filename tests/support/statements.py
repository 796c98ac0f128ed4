"""Six networks with their symmetries written by hand, as the statement of a derivation says them.

`STATEMENTS[name]` is what `symgauge.checks.emit_check` takes; it needs no torch to be read.
"""

from typing import Any

Spec = dict[str, Any]
Move = dict[str, Any]


def location(axis: int, sizes: list[int], along: int, per: list[int]) -> dict[str, Any]:
    return {"axis": axis, "start": 0, "sizes": sizes, "along": along, "per": per}


def heads(axis: int, num_heads: int, head_dim: int) -> dict[str, Any]:
    return location(axis, [num_heads, head_dim], 1, [0])


def move(parameter: str, form: str, at: Any, weight: str | None = None, **more: str) -> Move:
    entry = {"parameter": parameter, "form": form, "at": at, **more}
    return entry if weight is None else entry | {"weight": weight}


def element(kind: str, copies: list[int], size: int) -> dict[str, Any]:
    return {"kind": kind, "copies": copies, "size": size}


def family(label: str, group: str, small: Any, full: Any = None) -> dict[str, Any]:
    """`small` and `full` are (element, action) or (element, action, slices)."""

    def entry(element: Any, action: Any, via: Any = ()) -> dict[str, Any]:
        return {"element": element, "action": action, "via": list(via)}

    return {
        "label": label,
        "group": group,
        **entry(*small),
        "formula": [f"{m['parameter']} -> {m['form']}" for m in small[1]],
        "full": None if full is None else entry(*full),
    }


def through(parameter: str, kind: str, size: int, action: list[Move]) -> dict[str, Any]:
    return {"parameter": parameter, "element": element(kind, [], size), "action": action}


def spec(name: str, source: str, families: list[Any], full: Any = None) -> Spec:
    return {
        "name": name,
        "target": {"kind": "source", "source": source, "factory": "factory"},
        "sizes": {"small": {}, "full": full},
        "observable": "logits",
        "output": None,
        "families": families,
    }


ATTENTION = '''
import math

import torch


class TinyAttention(torch.nn.Module):
    def __init__(self, d, h):
        super().__init__()
        self.h = h
        self.q, self.k, self.v, self.out = (torch.nn.Linear(d, d) for _ in range(4))

    def split(self, x):
        return x.view(x.shape[0], self.h, -1).transpose(0, 1)

    def forward(self, x):
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)
        return self.out((weights @ v).transpose(0, 1).flatten(1))


def factory(d=4, h=2, tokens=5):
    return TinyAttention(d, h), (torch.randn(tokens, d),)
'''


def attention(d: int, h: int) -> list[Any]:
    rows, columns = heads(0, h, d // h), heads(1, h, d // h)
    linear, shift = element("gl", [h], d // h), element("translation", [h], d // h)
    score = [move("q.weight", "g", rows), move("q.bias", "g", rows)]
    score += [move("k.weight", "g^-T", rows), move("k.bias", "g^-T", rows)]
    value = [move("v.weight", "g", rows), move("v.bias", "g", rows)]
    value += [move("out.weight", "g^-T", columns)]
    bias = [move("v.bias", "+c", rows, "1")]
    bias += [move("out.bias", "+Tc", columns, "-1", source="out.weight")]
    return [
        (linear, score),
        (linear, value),
        (shift, [move("k.bias", "+c", rows, "1")]),
        (shift, bias),
    ]


MLP = '''
import torch


def factory(d=3, n=5, out=2):
    layers = torch.nn.Linear(d, n), torch.nn.ReLU(), torch.nn.Linear(n, out)
    return torch.nn.Sequential(*layers), (torch.randn(7, d),)
'''


def mlp(n: int) -> Any:
    rows, columns = location(0, [n], 0, []), location(1, [n], 0, [])
    moves = [move("0.weight", "s^k", rows, "1"), move("0.bias", "s^k", rows, "1")]
    return element("diagonal", [], n), [*moves, move("2.weight", "s^k", columns, "-1")]


SWIGLU = '''
import torch


class SwiGLU(torch.nn.Module):
    def __init__(self, d, n):
        super().__init__()
        self.gate, self.up = (torch.nn.Linear(d, n, bias=False) for _ in range(2))
        self.down = torch.nn.Linear(n, d, bias=False)

    def forward(self, x):
        return self.down(torch.nn.functional.silu(self.gate(x)) * self.up(x))


def factory(d=3, n=4):
    return SwiGLU(d, n), (torch.randn(6, d),)
'''

SWIGLU_UNITS = (
    element("diagonal", [], 4),
    [
        move("up.weight", "s^k", location(0, [4], 0, []), "1"),
        move("down.weight", "s^k", location(1, [4], 0, []), "-1"),
    ],
)

# two key/value heads, each shared by three query heads of size 2
GROUPED = '''
import torch


class Grouped(torch.nn.Module):
    def __init__(self, d, groups, repeats, head_dim):
        super().__init__()
        self.sizes = groups, repeats, head_dim
        heads = groups * repeats
        self.q = torch.nn.Linear(d, heads * head_dim, bias=False)
        self.k, self.v = (torch.nn.Linear(d, groups * head_dim, bias=False) for _ in range(2))
        self.out = torch.nn.Linear(heads * head_dim, d)
        self.v_bias = torch.nn.Parameter(torch.zeros(groups, head_dim))

    def forward(self, x):
        groups, repeats, head_dim = self.sizes
        q = self.q(x).view(-1, groups, repeats, head_dim).permute(1, 2, 0, 3)
        k = self.k(x).view(-1, groups, 1, head_dim).permute(1, 2, 0, 3)
        v = self.v(x).view(-1, groups, 1, head_dim).permute(1, 2, 0, 3)
        v = v + self.v_bias[:, None, None]
        y = torch.nn.functional.scaled_dot_product_attention(
            q, k.expand_as(q).contiguous(), v.expand_as(q).contiguous()
        )
        return self.out(y.permute(2, 0, 1, 3).flatten(1))


def factory(d=4, groups=2, repeats=3, head_dim=2, tokens=5):
    return Grouped(d, groups, repeats, head_dim), (torch.randn(tokens, d),)
'''


def grouped(groups: int = 2, repeats: int = 3, head_dim: int = 2) -> list[Any]:
    query = location(0, [groups, repeats, head_dim], 2, [0])
    output = location(1, [groups, repeats, head_dim], 2, [0])
    shared = heads(0, groups, head_dim)
    bias_rows = location(1, [head_dim], 0, [])
    # v_bias is (groups, head_dim): its groups stand on another axis, so one shift for all groups
    linear = element("gl", [groups], head_dim)
    common = element("gl", [], head_dim)
    values = [
        move("v.weight", "g", location(0, [groups, head_dim], 1, [])),
        move("v_bias", "g", bias_rows),
        move("out.weight", "g^-T", location(1, [groups, repeats, head_dim], 2, [])),
    ]
    shift = [
        move("v_bias", "+c", bias_rows, "1"),
        move("out.bias", "+Tc", output | {"per": []}, "-1", source="out.weight"),
    ]
    return [
        (linear, [move("q.weight", "g", query), move("k.weight", "g^-T", shared)]),
        (common, values),
        (element("translation", [], head_dim), shift),
    ]


NORM = """
import torch


class Normed(torch.nn.Module):
    def __init__(self, norm, d, width):
        super().__init__()
        self.inner = torch.nn.Linear(width, d)
        self.norm = norm
        self.out = torch.nn.Linear(d, 2)

    def forward(self, x):
        return self.out(self.norm(self.inner(x)))


def rms(d=3, width=4):
    return Normed(torch.nn.RMSNorm(d, eps=1e-5), d, width), (torch.randn(6, width),)


def factory(d=4, width=5):
    return Normed(torch.nn.LayerNorm(d), d, width), (torch.randn(6, width),)
"""


def norm(d: int, kind: str) -> list[Any]:
    """A rotation of the normed axis (it fixes ones in LayerNorm), the gain, and shifts.

    The reader out.weight W moves as W diag(gain) g^T diag(gain)^-1, and out.bias with the bias.
    """
    axis, columns = location(0, [d], 0, []), location(1, [d], 0, [])
    gain = [move("norm.weight", "s^k", axis, "1"), move("out.weight", "s^k", columns, "-1")]
    bias = [
        move("out.bias", "+Tc", columns, "1", source="out.weight"),
        move("norm.bias", "+c", axis, "-1"),
    ]
    turn = [move("inner.weight", "g", axis), move("inner.bias", "g", axis)]
    turn += [move("out.weight", "g^-T", columns)]
    via = [through("norm.weight", "diagonal", d, gain)]
    if kind == "so":
        return [(element(kind, [], d), turn, via), (element("diagonal", [], d), gain)]
    via = [through("norm.bias", "translation", d, bias), *via]
    return [
        (element(kind, [], d), turn, via),
        (element("translation", [], 2), [move("out.weight", "+c", location(0, [2], 0, []), "1")],
         via),
        (element("diagonal", [], d), [*gain, move("norm.bias", "s^k", axis, "1")]),
        (element("translation", [], d), bias),
    ]


NORM_LABELS = ["stream", "reader along ones", "gain", "bias"]

LABELS = ["query/key of each head", "value/output of each head", "key bias", "value bias"]
GROUPS = ["GL(2)^2", "GL(2)^2", "R^4", "R^4"]

STATEMENTS: dict[str, Spec] = {
    "attention": spec(
        "two-head attention",
        ATTENTION,
        [
            family(label, group, small, full)
            for label, group, small, full in zip(LABELS, GROUPS, attention(4, 2), attention(24, 3))
        ],
        {"d": 24, "h": 3, "tokens": 9},
    ),
    "mlp": spec("ReLU MLP", MLP, [family("hidden units", "R_+^5", mlp(5), mlp(40))], {"n": 40}),
    "swiglu": spec("SwiGLU", SWIGLU, [family("up/down units", "(R*)^4", SWIGLU_UNITS)]),
    "grouped": spec(
        "grouped-query attention",
        GROUPED,
        [
            family(label, group, small)
            for label, group, small in zip(
                ["query/key of each group", "values of all groups", "value bias of all groups"],
                ["GL(2)^2", "GL(2)", "R^2"],
                grouped(),
            )
        ],
    ),
    "rms": spec(
        "RMSNorm",
        NORM,
        [
            family(label, "", small, full)
            for label, small, full in zip(["stream", "gain"], norm(3, "so"), norm(40, "so"))
        ],
        {"d": 40, "width": 30},
    ),
    "layer_norm": spec(
        "LayerNorm",
        NORM,
        [
            family(label, "", small, full)
            for label, small, full in zip(NORM_LABELS, norm(4, "so1"), norm(40, "so1"))
        ],
        {"d": 40, "width": 30},
    ),
}
STATEMENTS["rms"]["target"]["factory"] = "rms"
