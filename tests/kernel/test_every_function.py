"""One fault in each function that derive and verify share: the kernel confirms nothing false.

A function is shared if both call it on one of the small networks below. A mutant gives another
answer of the same kind wherever the original gives one (a truth value turned, a number one larger,
a list without its last entry). Under it a network is derived, once more with a candidate that is no
symmetry, and the kernel, in which nothing is replaced, reads the certificate. What of it is false
says the referee. Each mutant has its own process. `python tests/kernel/test_every_function.py
[ROOM...]` tries all of the package (of these rooms) and prints the table of docs/benchmarks/; a few
are tests.
"""

import dataclasses
import functools
import importlib
import itertools
import multiprocessing
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
import pytest
import torch
from certificate_referee import untrue
from kernel_certificates import Data, derive, make, proposed, verify
from known_networks import NETWORKS
from small_certificates import EXPONENTIAL, OPEN, PRODUCT, ROOT, SHIFT, TWO_OUTPUTS, weights

from symgauge.kernel.check import check

#: The smallest first: a mutant is tried on the first that calls its function.
ON: dict[str, Callable[[], Any]] = {
    "product": PRODUCT, "root": ROOT, "exponential": EXPONENTIAL, "two outputs": TWO_OUTPUTS,
    "open": OPEN, "relu": lambda: None, "erf": lambda: None, "silu": lambda: None,
    **{name: NETWORKS[name] for name in ("rms_gain_linear", "lm_untied_logits", "att_linear_1h")},
}
#: Rooms whose functions a certificate does not rest on: they read a module, or write a text.
WITHOUT = ("symgauge.kernel", "symgauge.cli", "symgauge.report", "symgauge.capture",
           "symgauge.progress", "symgauge.errors", "symgauge.zoo")
#: Seconds for one mutant on one network.
LIMIT = 20


def derived(network: str) -> Any:
    """A derivation, always the same one."""
    torch.manual_seed(0)
    build = ON[network]()
    return make(network) if build is None else derive(*build, name=network)


# -- the functions --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Place:
    """A function where it is defined: a module's, or a class's."""

    module: str
    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.module.removeprefix('symgauge.')}:{self.owner}{'.' * bool(self.owner)}" \
               f"{self.name}"


def plain(value: Any) -> FunctionType | None:
    """The function in a static method, a class method, a property or a cache."""
    for inner in ("__func__", "fget", "func", "__wrapped__"):
        if not isinstance(value, FunctionType) or inner == "__wrapped__":
            value = getattr(value, inner, value)
    return value if isinstance(value, FunctionType) else None


def modules() -> list[ModuleType]:
    return [m for name, m in sorted(sys.modules.items())
            if name.startswith("symgauge") and not name.startswith(WITHOUT)]


def functions() -> dict[CodeType, Place]:
    """Every function of the package, by its code."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if isinstance(value, type):
                for key, member in vars(value).items():
                    inner = plain(member)
                    if inner and inner.__module__ == module.__name__:
                        found[inner.__code__] = Place(module.__name__, value.__name__, key)
            elif inner := plain(value):
                found[inner.__code__] = Place(module.__name__, "", name)
    return found


def called(function: Callable[[], Any]) -> tuple[set[CodeType], Any]:
    """The codes that ran, and the answer."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        seen.add(frame.f_code)

    sys.setprofile(note)
    try:
        answer = function()
    finally:
        sys.setprofile(None)
    return seen, answer


def shared(network: str) -> set[Place]:
    """What derive and verify both call on this network."""
    first, found = called(lambda: derived(network))
    second, _ = called(lambda: verify(dict(found.data["certificate"])))
    places = functions()
    return {places[code] for code in first & second if code in places}


# -- the faults -----------------------------------------------------------------------------------


def other(value: Any) -> Any:
    """Another value of the same kind; LookupError where there is none that is told here."""
    if isinstance(value, bool | np.bool_):
        return not value
    if isinstance(value, int | float | Fraction | np.integer | np.floating):
        return value + 1
    if isinstance(value, np.ndarray):
        changed = value.copy()
        changed.flat[0] = other(changed.flat[0])  # IndexError, a LookupError, where it is empty
        return changed
    if isinstance(value, dict):
        return dict(list(value.items())[:-1]) if value else other(None)
    if isinstance(value, list | tuple | set | frozenset | deque) and value:
        kept = list(value)
        last = kept.pop()
        if isinstance(value, tuple) and (hasattr(value, "_fields") or len(value) == 2):
            # a record, or a pair of answers, keeps its length
            kept.append(other(last))
            return type(value)(*kept) if hasattr(value, "_fields") else tuple(kept)
        return type(value)(kept)
    if isinstance(value, Iterator):
        return itertools.islice(value, 1, None)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            try:
                return dataclasses.replace(value, **{field.name: other(getattr(value, field.name))})
            except (LookupError, TypeError, ValueError):
                continue
    raise LookupError(f"no other value than this {type(value).__name__}")


def mutant(function: Callable[..., Any], made: list[int]) -> Callable[..., Any]:
    """The function with another answer; `made` counts them."""

    @functools.wraps(function)
    def changed(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        try:
            answer = other(answer)
        except LookupError:
            return answer
        made.append(1)
        return answer
    return changed


def plant(place: Place) -> list[int]:
    """The mutant instead of the function, wherever the package holds it; this process alone."""
    made: list[int] = []
    module = importlib.import_module(place.module)
    holder = vars(module)[place.owner] if place.owner else module
    held = vars(holder)[place.name]
    inner = plain(held)
    assert inner is not None
    changed: Any = mutant(inner, made)
    if isinstance(held, staticmethod | classmethod | property):
        changed = type(held)(changed)
    elif isinstance(held, functools.cached_property):
        changed = functools.cached_property(changed)
        changed.__set_name__(holder, place.name)
    if place.owner:
        setattr(holder, place.name, changed)
        return made
    for other_module in modules():
        for key, value in list(vars(other_module).items()):
            if value is held:
                setattr(other_module, key, changed)
    return made


# -- the trial ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Outcome:
    """What came of one mutant on one network."""

    said: str
    false: int = 0
    closed: int = 0
    noticed: int = 0
    confirmed: tuple[str, ...] = ()


def trial(place: Place, network: str) -> Outcome:
    """Derived, proposed to, verified and confirmed, in this process."""
    def late(number: int, frame: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    made = plant(place)
    certificates: list[Data] = []
    try:
        found = derived(network)
        certificates.append(dict(found.data["certificate"]))
        for candidate in (SHIFT, weights(1, 1)):
            certificates.append(proposed(found, candidate))
    except TimeoutError:
        return Outcome("too slow")
    except Exception as error:  # noqa: BLE001 any end of a mutant is an outcome
        if not certificates:
            return Outcome(f"refuses: {type(error).__name__}" if made else "never another value")
    outcome = Outcome("answers" if made else "never another value")
    try:
        for data in certificates:
            wrong = untrue(data)
            if not wrong:
                continue
            outcome.false += 1
            outcome.closed += bool(data["closed"])
            record = check(data)
            if record["verdict"] == "CONFIRMED":
                outcome.confirmed += tuple(wrong)
            try:
                outcome.noticed += verify(data).verdict.value != data["verdict"]
            except TimeoutError:
                raise
            except Exception:  # noqa: BLE001 a crash of verify confirms nothing
                outcome.noticed += 1
    except TimeoutError:
        outcome.said = "too slow"
    except Exception as error:  # noqa: BLE001 what the referee cannot run
        outcome.said = f"not judged: {type(error).__name__}"
    return outcome


def _send(pipe: Any, function: Callable[..., Any], *args: Any) -> None:
    torch.set_num_threads(1)  # the other threads are not in this process: it would wait for them
    pipe.send(function(*args))
    pipe.close()


def apart(function: Callable[..., Any], *args: Any, seconds: float | None = 3 * LIMIT) -> Any:
    """The answer of a process of its own; None where it ended without one, or took longer."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_send, args=(there, function, *args))
    process.start()
    there.close()
    answer = None
    if here.poll(seconds):
        try:
            answer = here.recv()
        except EOFError:
            answer = None
    process.kill()
    process.join()
    return answer


QUICK = [
    Place("symgauge.certify.claim", "", "claim_of"),
    Place("symgauge.lie.fields", "", "orbit_rank"),
]


@pytest.mark.parametrize("place", QUICK, ids=str)
def test_a_fault_in_a_function_is_never_confirmed(place: Place) -> None:
    for network in ("product", "open"):
        outcome = apart(trial, place, network)
        assert outcome is not None and not outcome.confirmed, outcome


@pytest.mark.slow
def test_no_fault_in_any_function_is_confirmed() -> None:
    assert not [row for row in rows() if row[2].confirmed]


def rows(rooms: Sequence[str] = ()) -> Iterator[tuple[Place, str, Outcome]]:
    """All mutants (of these rooms), each on one network."""
    where: dict[Place, list[str]] = {}
    for network in ON:
        for place in apart(shared, network, seconds=None):
            where.setdefault(place, []).append(network)
    assert len(where) > 300
    for place, networks in sorted(where.items(), key=lambda p: str(p[0])):
        if rooms and room_of(place) not in rooms:
            continue
        yield place, networks[0], apart(trial, place, networks[0]) or Outcome("dies")


def room_of(place: Place) -> str:
    return place.module.split(".")[1]


def table(rooms: Sequence[str] = ()) -> Iterator[str]:
    """Room by room."""
    count: dict[str, Counter[str]] = {}
    for place, network, o in rows(rooms):
        c = count.setdefault(room_of(place), Counter())
        c["functions"] += 1
        c[o.said.split(":")[0]] += 1
        c["false"] += o.false
        c["closed"] += o.closed
        c["noticed"] += o.noticed
        c["confirmed"] += bool(o.confirmed)
        if o.confirmed:
            yield f"CONFIRMED: {place}, {network}: {o.confirmed}"
        print(place, network, o, file=sys.stderr, flush=True)
    columns = ["functions", "refuses", "never another value", "too slow", "not judged",
               "dies", "false", "closed", "noticed", "confirmed"]
    yield "| room | " + " | ".join(columns) + " |"
    yield "| --- " * (len(columns) + 1) + "|"
    for room, c in [*sorted(count.items()), ("all", sum(count.values(), Counter()))]:
        yield f"| {room} | " + " | ".join(str(c[k]) for k in columns) + " |"


if __name__ == "__main__":
    for line in table(sys.argv[1:]):
        print(line, flush=True)
