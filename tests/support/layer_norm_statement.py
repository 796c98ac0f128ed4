"""The statement of a layer norm between two linear maps: weights for it, and its function."""

from typing import Any

import numpy as np
from statements import STATEMENTS

Arrays = dict[str, np.ndarray[Any, Any]]

NORM_SHAPES = {"inner.weight": (4, 5), "inner.bias": (4,), "norm.weight": (4,), "norm.bias": (4,)}
NORM_SHAPES |= {"out.weight": (2, 4), "out.bias": (2,)}
NORM_FAMILIES = STATEMENTS["layer_norm"]["families"]


def norm_state() -> Arrays:
    rng = np.random.default_rng(0)
    theta = {name: rng.standard_normal(shape) for name, shape in NORM_SHAPES.items()}
    theta["norm.weight"] = np.array([0.5, -2.0, 1.5, -0.25])
    return theta


def layer_norm(theta: Arrays) -> np.ndarray[Any, Any]:
    x = np.random.default_rng(1).standard_normal((6, 5))
    y = x @ theta["inner.weight"].T + theta["inner.bias"]
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5)
    y = y * theta["norm.weight"] + theta["norm.bias"]
    out: np.ndarray[Any, Any] = y @ theta["out.weight"].T + theta["out.bias"]
    return out
