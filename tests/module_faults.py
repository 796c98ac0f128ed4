"""Faults that the package once had, each planted again for a while: what a fuzz must find.

A fault is a context manager that replaces an object of the package by one that errs in the old
way. `finds` names the stages, sources or forms of random_modules.py that show it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

import symgauge.capture
from symgauge import derivation
from symgauge.capture import borrowed
from symgauge.capture import reader as reading
from symgauge.capture.exported import overload_of
from symgauge.certify import independence
from symgauge.certify.verification import verify
from symgauge.checks import actions
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


# -- what goes in --------------------------------------------------------------------------------


def _without_unseen_maxima(network: Network) -> Network:
    """0 for each maximum of which no output depends at eight random points."""
    for i in [i for i, n in enumerate(network.nodes) if n.op is not None and n.op.name == "amax"]:
        leaf = Parameter(f"maximum at line {i}", network.nodes[i].shape)
        freed = _with_leaf(network, i, leaf)
        field = PrimeField(next(primes()))
        try:
            rows = jacobian_rows(freed, field, np.random.default_rng(i), 8).rows
        except InconsistentError:
            continue
        start = freed.offsets[leaf.name]
        if not rows[:, start:start + leaf.size].any():
            # numbers of lines stay: the zeros take the place of the maximum
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

    def read(self: Any) -> Network:
        return _without_unseen_maxima(right(self))

    with replaced(reading.Reader, "read", read):
        yield


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
    right = reading.choose

    def choose(found: Any, wanted: Any, model_output: bool) -> Any:
        names = [x.name for x in found]
        preferred = [n for n in ("logits", "last_hidden_state") if n in names]
        return right(found, preferred[0] if preferred and wanted is None else wanted, model_output)

    with replaced(reading, "choose", choose):
        yield


@contextmanager
def constants_are_rounded() -> Iterator[None]:
    with replaced(reading, "is_exact", lambda *_: True):
        yield


@contextmanager
def a_copy_is_read() -> Iterator[None]:
    right = symgauge.capture.capture

    def capture(module: Any, *args: Any, **kwargs: Any) -> Any:
        return right(copy.deepcopy(module), *args, **kwargs)

    with ExitStack() as stack:
        stack.enter_context(replaced(symgauge.capture, "capture", capture))
        stack.enter_context(replaced(borrowed.Watch, "_look", lambda self, x: None))
        yield


# -- what is proved ------------------------------------------------------------------------------


def _with_fewer_logarithms(sign: int) -> AbstractContextManager[None]:
    """log b is no value of its own where exp or the circle has b (sign 1) or -b."""
    right = independence._columns

    def columns(network: Any, points: Any, field: PrimeField) -> Any:
        found = right(network, points, field)
        tables = (found.powers, found.circle)
        others = {
            (a if sign > 0 else field.neg(a)).tobytes()
            for table in tables for (function, _), (a, _, _) in table.items() if function != "log"
        }
        powers = {
            key: column for key, column in found.powers.items()
            if key[0] != "log" or column[0].tobytes() not in others
        }
        return replace(found, powers=powers)

    return replaced(independence, "_columns", columns)


def values_without_their_function() -> AbstractContextManager[None]:
    return _with_fewer_logarithms(1)


def values_up_to_sign() -> AbstractContextManager[None]:
    return _with_fewer_logarithms(-1)


@contextmanager
def one_cell_is_enough() -> Iterator[None]:
    with replaced(deriving, "CELLS", 1):
        yield


# -- what comes out ------------------------------------------------------------------------------


@contextmanager
def scaled_and_then_shifted() -> Iterator[None]:
    right = actions._move

    def move(target: Any, source: Any, said: Any, part: Any) -> None:
        offset = Fraction(said.get("offset", "0"))
        right(target, source, {k: v for k, v in said.items() if k != "offset"}, part)
        if offset:
            weight = str(Fraction(said["weight"]) * offset)
            right(target, source, {**said, "form": "+c", "weight": weight}, part)

    with replaced(actions, "_move", move):
        yield


@contextmanager
def programs_are_compared_as_they_are() -> Iterator[None]:
    def same(carried: Network, captured: Network) -> str | None:
        return "the network is that of the module" if carried.digest == captured.digest else None

    with replaced(derivation, "same_program", same):
        yield


@contextmanager
def the_certificate_alone_is_verified() -> Iterator[None]:
    def alone(self: Any, target: Any = None) -> Any:
        return verify(self.data["certificate"])

    with replaced(derivation.Derivation, "verify", alone):
        yield


NAMED = ("logits_and_value", "hidden_and_pooled", "logits_and_features", "named_tuple", "nested")

FAULTS: dict[str, Fault] = {
    "unseen_maxima": Fault(
        "a maximum that no output depends on at eight random points is taken for 0",
        ("rare_maximum", "maximum_in_comparison"), unseen_maxima_are_idle),
    "function_forgotten": Fault(
        "log b is no value of its own where exp, sin or cos of b occurs",
        ("zero_of_parameters",), values_without_their_function),
    "sign_forgotten": Fault(
        "log b is no value of its own where exp, sin or cos of -b occurs",
        ("zero_of_parameters",), values_up_to_sign),
    "softplus_threshold": Fault(
        "softplus forgets its threshold", ("softplus_threshold",), softplus_without_threshold),
    "casts": Fault(
        "a cast to integers or Booleans is the identity", ("cast_of_parameter", "cast_of_value"),
        casts_are_the_identity),
    "one_output": Fault(
        "logits or last_hidden_state are taken alone, whatever stands beside them",
        NAMED, one_output_by_its_name),
    "rounded_constants": Fault(
        "arithmetic on constants is done in floats", ("mixing", "features"),
        constants_are_rounded),
    "scale_then_shift": Fault(
        "a gain with an offset is scaled and then shifted", ("offset_gain", "offset_matrix"),
        scaled_and_then_shifted),
    "raw_digests": Fault(
        "a program that was rewritten is taken for another one", ("hidden_sum", "hidden_pair"),
        programs_are_compared_as_they_are),
    "one_cell": Fault(
        "one cell is tried for the largest rank", ("norm_relu", "relu_twice", "routing"),
        one_cell_is_enough),
    "certificate_alone": Fault(
        "facts beside the certificate are not looked at", ("linear", "attention", "tied"),
        the_certificate_alone_is_verified),
    "copies": Fault(
        "a copy of the module is read, so that a closure reads other parameters", ("closure",),
        a_copy_is_read),
}
