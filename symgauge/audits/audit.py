"""Whether a change of weights left the function alone, by which element, or what spoilt it.

EQUIVALENT rests on an element of the program's symmetries that carries every tensor from BEFORE to
AFTER, entry by entry or row by row within its dtype's rounding; or, where no family names a move,
on outputs that agree within the rounding of the tensors that moved, at inputs that meet every entry
of them, and then that is said. DIFFERENT: the tensors that no element explains change the
outputs by more.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch

from symgauge.capture import Target, build_without_weights
from symgauge.progress import Progress, silent
from symgauge.audits.answer import Audit
from symgauge.audits.blame import Blame
from symgauge.audits.case import Case, Question
from symgauge.weights.checkpoint import Checkpoint, has_no_number
from symgauge.weights.pair import Pair, same
from symgauge.weights.filling import fill
from symgauge.weights.running import is_large, running, tensors_of
from symgauge.weights.statement import Held, Statement


def audit(
    target: Target | Held, before: Checkpoint, after: Checkpoint, *, observable: str = "logits",
    output: str | int | None = None, statement: Statement | None = None,
    progress: Progress = silent,
) -> Audit:
    """The audit of a change of weights of a TARGET, at its sizes or at its full ones.

    `statement` spares reading the program again, where it is known.

    Raises BadInputError where a tensor is missing, has another shape or is no longer of its kind
    (floats, integers), and where the module cannot be built or run.
    """
    progress("module")
    target, built = _fitting(target, before)
    held = _holding(target, built, before)
    with running(built, observable, output) as program:
        weights = Pair(program, before, after)
        if weights.untied:
            return _untied(weights)
        if not weights.changed:
            return Audit(
                "EQUIVALENT", "every tensor is the same, bit by bit", 0.0, 0.0,
                extra=weights.extra, tensors=len(weights.names))
        question = Question(held, observable, output, progress)
        return _with_broken(Case(question, program, weights).decide(statement), weights)


def _fitting(
    target: Target | Held, before: Checkpoint
) -> tuple[Target | Held, tuple[Any, Any, Any]]:
    """The target at those of its sizes whose shapes the checkpoint has."""
    built = target.build()
    if isinstance(target, Target) and target.full_sizes != target.sizes and not _fits(
            built[0], before):
        full = target.at(target.full_sizes)
        bare = build_without_weights(full)
        if _fits(bare[0], before):
            filled = is_large(bare[0]) and fill(bare[0], before)
            return full, bare if filled else full.build()
    return target, built


def _holding(
    target: Target | Held, built: tuple[Any, Any, Any], before: Checkpoint
) -> Target | Held:
    """The target with BEFORE's values of what its program holds fixed: buffers, frozen parameters.

    Families are those of the function that BEFORE is, not of the module's own buffers.
    """
    module, args, kwargs = built
    free = {n for n, p in module.named_parameters(remove_duplicate=False) if p.requires_grad}
    here = tensors_of(module)
    other = {
        n: before.tensor(n) for n, t in here.items()
        if n not in free and before.shapes.get(n) == tuple(t.shape) and not t.is_meta}
    if all(torch.equal(here[n], t.to(here[n])) for n, t in other.items()):
        return target
    again = copy.deepcopy(module)
    with torch.no_grad():
        for n, t in tensors_of(again).items():
            if n in other:
                t.copy_(other[n])
    return Held(again, tuple(args), dict(kwargs))


def _fits(module: torch.nn.Module, before: Checkpoint) -> bool:
    return all(
        before.shapes.get(n, tuple(t.shape)) == tuple(t.shape)
        for n, t in tensors_of(module).items())


def _with_broken(result: Audit, weights: Pair) -> Audit:
    """An open answer, with the tensor that is no number in both files, if there is one."""
    broken = result.verdict == "UNKNOWN" and next(
        (n for n in weights.floating if has_no_number(weights.value(weights.after, n))), None)
    return result if not broken else replace(result, ground=(
        f"{result.ground}; {broken} holds an entry that is infinite or no number"))


def _untied(weights: Pair) -> Audit:
    """The answer where AFTER gives one tensor of TARGET two values: no function is both."""
    blame = []
    for pair in weights.untied:
        moved = [n for n in pair if n not in weights.before.shapes or not same(
            weights.before, n, weights.after, n)]
        blame += [
            Blame(n, "", f"moved, and TARGET ties it to {pair[0] if n == pair[1] else pair[1]}, "
                  "which AFTER gives another value: move both alike, or untie them in TARGET")
            for n in (moved if len(moved) == 1 else pair)]
    return Audit(
        "DIFFERENT", "AFTER holds two values for one tensor of TARGET; the module was not run",
        float("nan"), float("nan"), blame=blame, outside=[b.tensor for b in blame],
        extra=weights.extra, moved=len({*weights.changed, *(first for _, first in weights.untied)}),
        tensors=len(weights.names))
