"""Which tensors spoilt a change, and the change that would have been right."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from symgauge.families.family import Move
from symgauge.weights.action import Array, apply, relative, touched
from symgauge.audits.differences import distance
from symgauge.audits.fit import Fit
from symgauge.weights.inputs import Inputs
from symgauge.audits.repair import MOST, solve
from symgauge.weights.running import Running
from symgauge.weights.statement import Group, span

#: For how long a single tensor is sought that undoes a change.
SECONDS = 8.0


@dataclass(frozen=True)
class Blame:
    """A tensor at fault: which part of it, what it is, and what it must be."""

    tensor: str
    slice: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"tensor": self.tensor, "slice": self.slice, "reason": self.reason}


@dataclass(frozen=True)
class Wrong:
    """A wrong change: the program, which holds AFTER, and what is known of the change."""

    program: Running
    groups: Sequence[Group]
    found: Fit
    #: What no element explains.
    left: Sequence[str]
    changed: Sequence[str]
    inputs: Sequence[Inputs]
    #: BEFORE's outputs at the inputs.
    wanted: Sequence[Sequence[Tensor]]
    #: BEFORE's tensors, as far as they may be solved for.
    before: Mapping[str, Tensor]

    def blamed(self, cured: bool, count: int) -> list[Blame]:
        """The culprits, the likeliest first, at most a quarter of `count` tensors.

        `cured`: the fitted element's values in place of what it does not explain give BEFORE's
        outputs. Where that takes more tensors than a quarter, a single one is sought that undoes
        the change.
        """
        most = max(1, count // 4)
        few = cured and len(self.left) <= most
        alone = None if few or self.program.large else self._alone()
        if alone is not None:
            return alone[:most]
        by_element = [_by_element(n, self.groups, self.found, self.changed) for n in self._ranked()]
        return by_element if few else by_element[:most]

    def _kept(self, names: Iterable[str]) -> dict[str, Tensor]:
        return {n: self.program.tensors[n].detach().clone() for n in names}

    def _ranked(self) -> list[str]:
        """What is left, first the tensor whose right value brings the outputs nearest to BEFORE's.
        """
        left = self.left
        if len(left) == 1:
            return list(left)
        far = {}
        for name in left:
            kept = self._kept([name])
            self.program.put({name: torch.as_tensor(self.found.state[name])}, [name])
            far[name] = distance(self.wanted, self.program.outputs(self.inputs))
            self.program.put(kept, [name])
        return sorted(left, key=lambda n: far[n])

    def _alone(self) -> list[Blame] | None:
        """A tensor, or the tensors of one module, that alone could undo the change."""
        left, tensors = self.left, self.program.tensors
        order = [*left, *(n for n in self.before if n not in left)]
        parts: dict[str, list[str]] = {}
        for n in order:
            parts.setdefault(n.rpartition(".")[0], []).append(n)
        tried = [[n] for n in order]
        tried += [p for p in parts.values() if len(p) > 1 and set(p) & set(left)]
        end = time.monotonic() + SECONDS
        for names in tried:
            if time.monotonic() > end:
                break
            entries = sum(tensors[n].numel() for n in names)
            if entries > MOST or not set(names) <= set(self.before):
                continue
            inputs, wanted = self._enough(entries)
            starts = [list(self._kept(names).values()), [self.before[n] for n in names]]
            values = solve(self.program, names, inputs, wanted, starts)
            if values is not None:
                return [
                    Blame(n, "", _solved(n, self.before[n], tensors[n], v))
                    for n, v in zip(names, values, strict=True)]
        return None

    def _enough(self, entries: int) -> tuple[list[Inputs], list[list[Tensor]]]:
        """Inputs with more outputs than there are entries, and BEFORE's outputs at them."""
        each = sum(x.numel() for x in self.wanted[0])
        count = min(64, max(4, -(-3 * entries // (2 * max(each, 1)))))
        more = self.program.draws.draw(count, 7)
        kept = self._kept(self.before)
        self.program.put(self.before, list(self.before))
        found = self.program.outputs(more)
        self.program.put(kept, list(kept))
        return more, found


def _solved(name: str, before: Tensor, after: Tensor, right: Tensor) -> str:
    old, new, must = (x.double().numpy() for x in (before, after, right))
    stays = relative(old, must) < 1e-6
    must_be = "it must stay as it was" if stays else _as_change(old, must)
    was = "was not moved" if np.array_equal(old, new) else "was moved"
    return f"{was}; with this tensor alone changed the function is BEFORE's again: {must_be}"


def _as_change(old: Array, must: Array) -> str:
    """What takes one tensor to another, in words where it is a scaling or an order of an axis."""
    for axis in range(old.ndim):
        a, b = (np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1) for x in (old, must))
        ratio = (a * b).sum(1) / np.maximum((a * a).sum(1), 1e-300)
        if relative(a * ratio[:, None], b) < 1e-6:
            shown = ", ".join(f"{r:.4g}" for r in ratio[:4])
            return (f"BEFORE's, its {_axis(axis)} multiplied by {shown}"
                    f"{', ...' if len(ratio) > 4 else ''}")
        far = ((a[:, None] - b[None]) ** 2).sum(2) if a.size * len(b) < 1e7 else None
        if far is not None and relative(a[far.argmin(0)], b) < 1e-6:
            return f"BEFORE's, its {_axis(axis)} in the order {far.argmin(0).tolist()[:16]}"
    return f"another than BEFORE's by {relative(old, must):.2g} of its size"


def _axis(axis: int) -> str:
    return {0: "rows", 1: "columns"}.get(axis, f"axis {axis}")


def _by_element(
    name: str, groups: Sequence[Group], found: Fit, changed: Sequence[str]
) -> Blame:
    """What the fitted element says that a tensor must be."""
    is_moved = name in changed
    said, where = [], ""
    for k, element in found.elements.items():
        group = groups[k]
        for move in group.moves:
            if move.parameter != name or not _moves(group, move, found, k):
                continue
            said.append(f"{_must(move, group)} ({group.label})")
            where = where or _range(move, found.state[name], found.after[name])
    error = found.errors[name]
    was = "moved" if is_moved else "not moved"
    if said:
        return Blame(name, where, f"{was}, and off by {error:.2g} of its size: it must be "
                     + ", and ".join(dict.fromkeys(said)))
    if is_moved:
        reason = f"moved by {error:.2g} of its size in no family: it must stay as it was"
    else:
        reason = "not moved: it must follow what its neighbours did"
    return Blame(name, _whole(found.state[name], found.after[name]), reason)


def _moves(group: Group, move: Move, found: Fit, k: int) -> bool:
    """Whether the element changes what this move touches."""
    state = {n: found.state[n] for n in touched(group)}
    apply(state, group, found.elements[k])
    return not np.array_equal(state[move.parameter], found.state[move.parameter])


def _must(move: Move, group: Group) -> str:
    if move.form == "s^k":
        same = "multiplied" if move.weight > 0 else "divided"
        power = "" if abs(move.weight) == 1 else f" to the power {abs(move.weight)}"
        gain = f" (as {move.offset} + it)" if move.offset else ""
        return f"{same} by the same s{power}{gain}"
    if move.form in ("+c", "+Tc", "+c/T"):
        sign = "" if move.weight == 1 else f"{move.weight} times "
        return f"shifted by {sign}the same c" + (
            f" contracted with {move.source}" if move.form == "+Tc" else
            f" over {move.source}" if move.source else "") + (
            f" times the sum of {move.sum_of}" if move.sum_of else "") + (
            f" / {move.sum_over}" if move.sum_over else "")
    if group.kind is None:
        return "put in the same order"
    verb = "rotated" if group.kind.orthogonal else "multiplied"
    return f"{verb} by the same {'g' if move.form == 'g' else 'g^-T'}"


def _range(move: Move, state: Array, after: Array) -> str:
    """The part of the place's axis that is wrong."""
    if move.at is None or move.part or move.form == "+Tc":  # whose place is that of the source
        return _whole(state, after)
    axis, start, stop = span(move.at)
    bad = _bad(state, after, axis)
    bad = bad[(bad >= start) & (bad < stop)]
    return f"{_axis(axis)} {bad[0]}-{bad[-1]}" if len(bad) else f"{_axis(axis)} {start}-{stop - 1}"


def _whole(state: Array, after: Array) -> str:
    bad = _bad(state, after, 0) if state.ndim else np.zeros(0)
    return f"rows {bad[0]}-{bad[-1]}" if len(bad) else ""


def _bad(state: Array, after: Array, axis: int) -> Array:
    """The indices of an axis where two arrays differ."""
    off = state != after if state.dtype == bool else abs(state - after)
    change = np.moveaxis(off, axis, 0).reshape(state.shape[axis], -1).max(1)
    found: Array = np.flatnonzero(change > 1e-6 * max(float(abs(state).max()), 1e-300))
    return found
