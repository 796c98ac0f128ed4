"""Faults that the package once had, each planted again for a while: what a fuzz must find.

A fault is a context manager that replaces an object of the package by one that errs in the old
way. `finds` names the stages, sources or forms of random_modules.py that show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np

from symgauge.capture import reader as reading
from symgauge.capture.exported import overload_of
from symgauge.derivers import exact as deriving
from symgauge.errors import InconsistentError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.network.builder import Builder, Value
from symgauge.network.program import Network, Parameter
from symgauge.network.sampling import jacobian_rows
from symgauge.ops.softplus import Softplus


class Fault(NamedTuple):
    """The sentence that says what is wrong, what shows it, and how it is planted."""

    sentence: str
    finds: tuple[str, ...]
    plant: Callable[[], AbstractContextManager[None]]


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """The attribute is another one for a while."""
    kept = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


# -- a maximum is idle where samples do not show it ----------------------------------------------


def _without_unseen_maxima(network: Network) -> Network:
    """0 for each maximum of which no output depends at eight random points."""
    maxima = [i for i, n in enumerate(network.nodes) if n.op is not None and n.op.name == "amax"]
    for i in maxima:
        leaf = Parameter(f"maximum at line {i}", network.nodes[i].shape)
        freed = _with_leaf(network, i, leaf)
        field = PrimeField(next(primes()))
        try:
            rows = jacobian_rows(freed, field, np.random.default_rng(i), 8).rows
        except InconsistentError:
            continue
        start = freed.offsets[leaf.name]
        if not rows[:, start:start + freed.parameters[-1].size].any():
            network = _with_leaf(network, i, None)
    return network


def _with_leaf(network: Network, at: int, leaf: Parameter | None) -> Network:
    """The network with a leaf, or zeros, in the place of one line."""
    build = Builder(network.ops)
    moved: list[Value] = []
    for i, node in enumerate(network.nodes):
        if i == at:
            moved.append(build.full(0, node.shape) if leaf is None else build.leaf(leaf))
        elif node.op is None:
            assert node.leaf is not None
            moved.append(build.leaf(node.leaf))
        else:
            moved.append(build.apply(node.op.name, *(moved[j] for j in node.inputs), **node.attrs))
    return build.network([moved[i] for i in network.outputs], network.held)


@contextmanager
def unseen_maxima_are_idle() -> Iterator[None]:
    right = reading.Reader.read

    def read(self: Any, meta: bool = False) -> Network:
        network = right(self, meta)
        return network if meta else _without_unseen_maxima(network)

    with replaced(reading.Reader, "read", read):
        yield


# -- rules of capture ----------------------------------------------------------------------------


@contextmanager
def softplus_without_threshold() -> Iterator[None]:
    def capture(self: Any, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        beta = args[1] if len(args) > 1 else kwargs.get("beta", 1)
        return build.apply("softplus", args[0], beta=build.fraction(beta))

    with replaced(Softplus, "capture", capture):
        yield


@contextmanager
def casts_are_the_identity() -> Iterator[None]:
    right = reading.Reader._call

    def call(self: Any, node: Any) -> Any:
        if hasattr(node.target, "_schema") and overload_of(node.target) == "_to_copy.default":
            value = self._resolve(node.args[0])
            if isinstance(value, Value):
                return value
        return right(self, node)

    with replaced(reading.Reader, "_call", call):
        yield


@contextmanager
def one_output_by_its_name() -> Iterator[None]:
    right = reading.Reader._outputs

    def outputs(self: Any, result: Any) -> Any:
        names = reading.output_names(self.module, self.program, len(result))
        chosen = [n for n in ("logits", "last_hidden_state") if n in names and self.output is None]
        if not chosen or len(names) == 1:
            return right(self, result)
        self.output = chosen[0]
        try:
            return right(self, result)
        finally:
            self.output = None

    with replaced(reading.Reader, "_outputs", outputs):
        yield


# -- the deriver ---------------------------------------------------------------------------------


@contextmanager
def one_cell_is_enough() -> Iterator[None]:
    with replaced(deriving, "CELLS", 1):
        yield


FAULTS: dict[str, Fault] = {
    "unseen_maxima": Fault(
        "a maximum that no output depends on at eight random points is taken for 0",
        ("rare_maximum", "maximum_in_comparison"), unseen_maxima_are_idle),
    "softplus_threshold": Fault(
        "softplus forgets its threshold", ("softplus_threshold",), softplus_without_threshold),
    "casts": Fault(
        "a cast to integers or Booleans is the identity", ("cast_of_parameter", "cast_of_value"),
        casts_are_the_identity),
    "one_output": Fault(
        "logits or last_hidden_state are taken alone, whatever stands beside them",
        ("logits_and_value", "hidden_and_pooled", "logits_and_features", "named_tuple", "nested"),
        one_output_by_its_name),
    "one_cell": Fault(
        "one cell is tried for the largest rank", ("norm_relu", "relu_twice", "routing"),
        one_cell_is_enough),
}
