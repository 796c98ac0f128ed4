"""Weights in files, moved along the symmetries of a derivation: one shard in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from symgauge.capture import Target
from symgauge.checks import actions
from symgauge.checks.runtime.elements import library
from symgauge.checks.runtime.moves import block, entries, part_of
from symgauge.derivation.derivation import Derivation
from symgauge.derivation.element import GroupElement, drawn, given, no_number, to_numpy
from symgauge.derivation.full import FullDerivation
from symgauge.errors import BadInputError
from symgauge.families.kinds import kind_of
from symgauge.files import folder_beside, write_atomically, writing
from symgauge.plain import PlainFamily
from symgauge.weights.checkpoint import INDEX, Checkpoint, open_checkpoint
from symgauge.weights.rotations import hadamards
from symgauge.weights.ties import alike_in, one_tensor
from symgauge.weights.writing import write_tensors

Record = Derivation | FullDerivation


class Named(Protocol):
    """A tensor of a record, or a parameter of a program."""

    @property
    def name(self) -> str:
        """Its name in a state dict."""


class Moving(Protocol):
    """What names the tensors that its elements move: a record, or the families of a program."""

    @property
    def tensors(self) -> Sequence[Named]:
        """The tensors, moved or not."""


#: By tensor: flat entries, and the values that they are to have exactly, not up to rounding.
Settled = Mapping[str, tuple[np.ndarray, np.ndarray]]
#: What numpy has too.
NUMPY = (torch.float16, torch.float32, torch.float64)


class Weights(Mapping[str, Any]):
    """A checkpoint as a state dict: each tensor is read when it is asked for.

    Arrays of numpy, or tensors of torch where one has a float that numpy lacks.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.framework = "numpy" if all(
            d in NUMPY or not d.is_floating_point for d in checkpoint.dtypes.values()) else "torch"

    def __getitem__(self, name: str) -> Any:
        if name not in self.checkpoint.shapes:
            raise KeyError(name)
        tensor = self.checkpoint.tensor(name)
        return tensor.numpy() if self.framework == "numpy" else tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self.checkpoint.shapes)

    def __len__(self) -> int:
        return len(self.checkpoint.shapes)


# -- the element -----------------------------------------------------------------------------------


def element_for(
    record: Record, weights: Weights, seed: int, chosen: Sequence[tuple[str, str]] = ()
) -> GroupElement:
    """The element that these words name: pairs of a family and its element, in order.

    An element is "random", "identity", "hadamard", a safetensors file, or "fix:PARAMETER=VALUE":
    the one that brings a parameter, as those before left it, to a value. Without pairs: a random
    element of every family. Raises BadInputError where there is no such family or element.
    """
    drawn = sampled(record, weights, seed)
    if not chosen:
        return drawn
    shapes = {n: list(s) for n, s in weights.checkpoint.shapes.items()}
    size = drawn.parts[0].size if drawn.parts else "small"
    found = drawn.identity
    for name, words in chosen:
        index = _index(drawn.families, name, size)
        family = drawn.families[index]
        if words == "identity":
            continue
        if words == "random":
            parts = tuple(p for p in drawn.parts if p.family == index)
            if not parts:
                raise BadInputError(f"the family {family['label']!r} has no finite action here")
            step = GroupElement(drawn.families, parts)
        else:
            value = _fixing(family, size, words, found, weights) if words.startswith("fix:") else (
                hadamards(actions.at_size(family, size) or family, seed) if words == "hadamard"
                else _given(words))
            step = given(drawn.families, {family["label"]: value}, {size: shapes})
        found = step @ found
    return found


def sampled(record: Record, weights: Weights, seed: int) -> GroupElement:
    """A random element of every family that acts. Raises BadInputError at other sizes."""
    if isinstance(record, Derivation):
        return record.sample(seed, weights)
    shapes = {t.name: list(t.shape) for t in record.tensors}
    for name, shape in shapes.items():
        there = weights.checkpoint.shapes.get(name)
        if there is None or list(there) != shape:
            has = "is missing" if there is None else f"has shape {list(there)}"
            raise BadInputError(
                f"these are not weights at the sizes of full.json: {name} {has}, it has {shape} "
                "there")
    return drawn([f.entry() for f in record.generators], shapes, seed, weights,
                 record.with_buffers or ())


def _index(families: Sequence[PlainFamily], name: str, size: str) -> int:
    """The family of that label, or the only one whose label has these words in it."""
    labels = [(f["label"], (actions.at_size(f, size) or f).get("label", "")) for f in families]
    found = [k for k, own in enumerate(labels) if name in own]
    found = found or [k for k, own in enumerate(labels) if any(name in text for text in own)]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(repr(labels[k][0]) for k in (found or range(len(labels)))[:8])
    said = "several families have" if found else "no family has"
    raise BadInputError(f"{said} {name!r} in the label; there are {shown or 'none'}")


def _given(path: str) -> np.ndarray:
    """The one tensor of a safetensors file."""
    if not path:
        raise BadInputError(
            "an element is empty: write random, identity, a file, or fix:PARAMETER=VALUE")
    file = open_checkpoint(path)
    if len(file.shapes) != 1:
        raise BadInputError(f"{path} holds {len(file.shapes)} tensors; an element is one")
    return to_numpy(file.tensor(next(iter(file.shapes))))


def _fixing(
    family: PlainFamily, size: str, words: str, before: GroupElement, weights: Weights
) -> np.ndarray:
    """The numbers s or c that bring a parameter to a value."""
    name, equals, text = words.removeprefix("fix:").partition("=")
    try:
        value = float(text)
    except ValueError:
        equals = ""
    if not equals:
        raise BadInputError(f"{words}: write fix:PARAMETER=VALUE with a number")
    entry = actions.at_size(family, size)
    if entry is None:
        raise BadInputError(f"the family {family['label']!r} has no action at these sizes")
    own = [m for m in entry["action"] if m["parameter"] == name]
    element = entry["element"]
    numbers = prod([*element["copies"], element["size"]])
    if len(own) != 1 or own[0]["form"] not in ("s^k", "+c") or entry.get("via"):
        raise BadInputError(
            f"the family {family['label']!r} does not scale or shift {name!r} by its own numbers "
            "alone, so it cannot bring it to a value")
    state = {n: weights[n] for n in before.reads([name])}
    whole, move = to_numpy(before.apply(state, [name])[name]), own[0]
    array, at = part_of({name: whole}, move), move.get("at")
    if (array if at is None else block(array, at)).size != numbers:
        raise BadInputError(
            f"each of the {numbers} numbers of the family meets several entries of {name!r}")
    here = entries({"parameter": name, "action": own, "element": element}, {name: whole})
    weight, offset = float(Fraction(move["weight"])), float(Fraction(move.get("offset", "0")))
    with np.errstate(all="ignore"):
        if move["form"] == "s^k":
            return np.asarray(((value + offset) / (here + offset)) ** (1 / weight))
    shift = np.asarray((value - here) / weight)
    return np.exp(shift) if kind_of(element).is_scaling else shift


def with_entries(tensor: Any, entries: np.ndarray, values: np.ndarray) -> Any:
    """A copy of a tensor, of numpy or of torch, with these values at these flat entries."""
    xp = library(tensor)
    flat = xp.asarray(tensor, copy=True).reshape(-1)
    flat[xp.asarray(entries)] = xp.asarray(values, dtype=flat.dtype)
    return flat.reshape(tensor.shape)


# -- files -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moved:
    """Which tensors an element changed, and which were moved as the same tensor of another name.

    `alike` hold the entries of another one, and are not it: they stay as they are.
    """

    changed: tuple[str, ...]
    tied: Mapping[str, str]
    alike: Mapping[str, str]


def move_files(
    record: Moving, element: GroupElement, weights: Weights, result: Path,
    target: Callable[[], Target] | None = None, settled: Settled | None = None,
) -> Moved:
    """The weights moved, written to a file, or to a directory as they lie in one.

    Entries that are `settled` get their values.

    A tensor that the record does not name is moved where it is one that it does, by another name:
    `target` builds the module that says so. Nothing is written unless all is. Raises BadInputError
    where a tensor that moves holds integers, or numbers that its dtype cannot hold once they
    are moved, where it cannot be told which tensors are one, and where the result cannot be
    written.
    """
    checkpoint = weights.checkpoint
    alike = alike_in({t.name for t in record.tensors}, weights)
    tied = one_tensor(alike, target) if alike else {}
    changed: set[str] = set()

    def moved(name: str) -> Any:
        state = {n: weights[n] for n in element.reads([name])}
        with np.errstate(over="ignore"):  # what overflows is refused
            there = element.apply(state, [name])[name]
        if there is not state[name]:
            _require_held(name, element, state, there)
        if settled is not None and name in settled:
            there = with_entries(there, *settled[name])
        if there is not state[name]:
            if (_with_ops(there) != _with_ops(state[name])).any():
                changed.update(n for n in checkpoint.shapes if tied.get(n, n) == name)
        return there

    def write(path: Path, names: Sequence[str], header: dict[str, str] | None) -> None:
        write_atomically(path, lambda file: write_tensors(
            file, names, checkpoint.shapes, checkpoint.dtypes,
            lambda n: torch.as_tensor(moved(tied.get(n, n))), header))

    if not Path(checkpoint.path).is_dir():
        header = checkpoint.metadata(Path(checkpoint.path))
        write(result, list(weights), header)
    else:
        _move_folder(checkpoint, result, write)
    return Moved(
        tuple(sorted(changed)), tied, {n: m for n, m in alike.items() if n not in tied})


def _require_held(name: str, element: GroupElement, state: Mapping[str, Any], moved: Any) -> None:
    """Raises BadInputError where what a moved tensor is made of is no number, or the tensor
    overflows its dtype, or ends at 0 in it alone.
    """
    dtype = str(state[name].dtype).removeprefix("torch.")
    before, moved = _with_ops(state[name]), _with_ops(moved)
    xp = library(moved)
    if not bool(xp.isfinite(moved).all()):
        for n in (name, *state):
            if not bool(xp.isfinite(_with_ops(state[n])).all()):
                raise BadInputError(no_number(n))
        raise BadInputError(
            f"{name} would hold numbers beyond {dtype} where this element moves it; take a smaller "
            "element, or weights in a wider dtype")
    lost = (moved == 0) & (before != 0)
    if bool(lost.any()):
        wide = element.apply({n: _widened(v) for n, v in state.items()}, [name])[name]
        if (abs(wide[to_numpy(lost)]) > 1e-14 * abs(to_numpy(before[lost]))).any():
            raise BadInputError(
                f"{name} would hold 0 in place of numbers that are too small for {dtype} where "
                "this element moves it; take another element, or weights in a wider dtype")


def _with_ops(value: Any) -> Any:
    """Floats of one byte have no ops to be looked at with."""
    narrow = str(value.dtype).startswith("torch.float8")
    return value.float() if narrow else value


def _widened(value: Any) -> Any:
    floating = not str(value.dtype).removeprefix("torch.").startswith(("int", "uint", "bool"))
    return to_numpy(value).astype(np.float64) if floating else value


def _move_folder(
    checkpoint: Checkpoint, result: Path,
    write: Callable[[Path, Sequence[str], dict[str, str] | None], None],
) -> None:
    """Each shard moved and written beside the result, then all put in their place."""
    away = [f for f in checkpoint.files.values() if f != Path(checkpoint.path) / f.name]
    if away:
        raise BadInputError(f"the shard {away[0]} does not lie in {checkpoint.path} itself")
    with folder_beside(result) as folder:
        for shard in dict.fromkeys(checkpoint.files.values()):
            names = [n for n, f in checkpoint.files.items() if f == shard]
            write(folder / shard.name, names, checkpoint.metadata(shard))
        index = Path(checkpoint.path) / INDEX
        if index.is_file():
            write_atomically(folder / INDEX, json.dumps(json.loads(index.read_text()), indent=2))
        with writing(result):
            result.mkdir(exist_ok=True)
            for file in sorted(folder.iterdir()):
                file.replace(result / file.name)
            if not index.is_file():  # that of other weights, which were there before
                (result / INDEX).unlink(missing_ok=True)
