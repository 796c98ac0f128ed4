"""Faults that the package once had, each planted again for a while: what a fuzz must find.

A fault is a context manager that replaces an object of the package by one that errs in the old
way. `finds` names the stages, sources or forms of random_modules.py that show it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

import symgauge.capture
from symgauge.capture import reader as reading
from symgauge.capture import borrowed, captured, leaves, token_calls, tokens
from symgauge.capture.exported import DROP, overload_of
from symgauge.certify.evidence import transcendental
from symgauge.certify.verification import verify
from symgauge.checks import actions
from symgauge.derivation import again, derivation, seal
from symgauge.points import tried_cells as tried
from symgauge.errors import InconsistentError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.ops.softplus import Softplus
from symgauge.points import cells, rows
from symgauge.points.cells import draw_reals
from symgauge.points.draw import Draw
from symgauge.points.rows import jacobian_rows
from symgauge.program.build import Builder
from symgauge.program.leaf import Parameter
from symgauge.program.lower import germ_of
from symgauge.program.network import Network
from symgauge.program.serial import digest_of
from symgauge.program.writer import Value


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


@contextmanager
def unguarded() -> Iterator[None]:
    """The captured network is not compared with the module: what it says has to be found out."""
    with replaced(captured, "check_fidelity", lambda *_: None):
        yield


# -- what goes in --------------------------------------------------------------------------------


def _without_unseen_maxima(network: Network) -> Network:
    """0 for each maximum of which no output depends at eight random points."""
    for i in [i for i, n in enumerate(network.nodes) if n.op is not None and n.op.name == "amax"]:
        leaf = Parameter(f"maximum at line {i}", network.nodes[i].shape)
        freed = _with_leaf(network, i, leaf)
        field = PrimeField(next(primes()))
        try:
            rows = jacobian_rows(Draw(freed, field, np.random.default_rng(i)), 8).rows
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


def _ids_of_one_table(node: Any) -> int:
    """Rows of the table that an integer input picks from; 0 where it does anything else."""
    found: set[int] = set()
    stack = [node]
    while stack:
        current = stack.pop()
        for user in current.users:
            overload = overload_of(user.target) if hasattr(user.target, "_schema") else ""
            if overload in token_calls.SHAPING + tokens.PASSING:
                stack.append(user)
            elif overload in token_calls.INDEXING and user.args[1] is current:
                found.add(int(user.args[0].meta["val"].shape[0]))
            elif not overload.startswith(DROP):
                return 0
    return found.pop() if len(found) == 1 else 0


@contextmanager
def ids_that_are_compared_are_frozen() -> Iterator[None]:
    with replaced(leaves, "classes_of", _ids_of_one_table):
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
    class Columns(transcendental._Columns):
        def __init__(self, network: Any, points: Any, field: PrimeField) -> None:
            super().__init__(network, points, field)
            others = {
                (a if sign > 0 else field.neg(a)).tobytes()
                for table in (self.powers, self.circle)
                for (function, _), (a, _, _) in table.items() if function != "log"
            }
            self.powers = {
                key: column for key, column in self.powers.items()
                if key[0] != "log" or column[0].tobytes() not in others
            }

    return replaced(transcendental, "_Columns", Columns)


def values_without_their_function() -> AbstractContextManager[None]:
    return _with_fewer_logarithms(1)


def values_up_to_sign() -> AbstractContextManager[None]:
    return _with_fewer_logarithms(-1)


@contextmanager
def the_first_cell_is_enough() -> Iterator[None]:
    def first(network: Network, rng: np.random.Generator) -> Any:
        return draw_reals(germ_of(network), rng, 1)[0]

    with ExitStack() as stack:
        for name, value in (
                ("CELLS", 1), ("MORE_CELLS", 1), ("MOST", 1), ("balanced_shadow", first)):
            stack.enter_context(replaced(tried, name, value))
        yield


@contextmanager
def ties_are_refuted() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(replaced(cells, "_ties", lambda network: []))
        for room in (cells, rows):
            stack.enter_context(replaced(room, "UndecidedError", InconsistentError))
        yield


# -- what comes out ------------------------------------------------------------------------------


@contextmanager
def scaled_and_then_shifted() -> Iterator[None]:
    right = actions.apply_move

    def apply_move(parameters: Any, move: Any, element: Any, measured: bool = True) -> Any:
        offset = Fraction(move.get("offset", "0"))
        right(parameters, {k: v for k, v in move.items() if k != "offset"}, element, measured)
        if offset:
            weight = str(Fraction(move["weight"]) * offset)
            right(parameters, {**move, "form": "+c", "weight": weight}, element, measured)

    with replaced(actions, "apply_move", apply_move):
        yield


@contextmanager
def programs_are_compared_as_they_are() -> Iterator[None]:
    def same(carried: Network, captured: Network) -> str | None:
        same = digest_of(carried) == digest_of(captured)
        return "the network is that of the module" if same else None

    with replaced(again, "same_program", same):
        yield


@contextmanager
def the_certificate_alone_is_verified() -> Iterator[None]:
    def alone(self: Any, target: Any = None) -> Any:
        return verify(self.data["certificate"])

    with replaced(derivation.Derivation, "verify", alone):
        yield


def check_with(*edits: tuple[str, str]) -> Callable[[], AbstractContextManager[None]]:
    """The generated check with other lines in its text."""
    right = seal.emit_check

    def emit(spec: Any) -> str:
        text = right(spec)
        for old, new in edits:
            if old not in text:
                raise AssertionError(f"the check has no line {old!r}")
            text = text.replace(old, new)
        return text

    return lambda: replaced(seal, "emit_check", emit)


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
    "frozen_ids": Fault(
        "token ids that meet anything but one table are held at the example",
        ("tokens_padded", "tokens_padded_positions", "tokens_end"),
        ids_that_are_compared_are_frozen),
    "rounded_constants": Fault(
        "arithmetic on constants is done in floats", ("mixing", "features"),
        constants_are_rounded),
    "scale_then_shift": Fault(
        "a gain with an offset is scaled and then shifted", ("offset_gain", "offset_matrix"),
        scaled_and_then_shifted),
    "raw_digests": Fault(
        "a program that was rewritten is taken for another one", ("hidden_sum", "hidden_pair"),
        programs_are_compared_as_they_are),
    "first_cell": Fault(
        "the first cell is taken for one of largest rank", ("norm_relu", "relu_twice", "routing"),
        the_first_cell_is_enough),
    "ties": Fault(
        "a branch that is none is said to be refuted", ("accident",), ties_are_refuted),
    "certificate_alone": Fault(
        "facts beside the certificate are not looked at", ("linear", "attention", "tied"),
        the_certificate_alone_is_verified),
    "check_evaluates": Fault(
        "the check runs in evaluation mode, whatever was derived", ("batch_norm_training",),
        check_with(('set_mode(module, (target.get("training") or {}).get(size))',
                    "module.eval()"))),
    "check_of_logits": Fault(
        "the check looks at the logits alone", NAMED,
        check_with(('if record.get("outputs") is not None:', "if False:"),
                   ("if is_model_output(value):", "if True:"))),
    "check_judges_all": Fault(
        "the check judges rows that could not fail", ("relu_twice", "group_norm", "norm_relu"),
        check_with(("return replace(row, ok=None, untested=reason)", "return row"))),
    "copies": Fault(
        "a copy of the module is read, so that a closure reads other parameters", ("closure",),
        a_copy_is_read),
}
