"""For people's own test suites: is it the same function, a symmetry, a gauge-invariant quantity?

Each raises AssertionError with the finding as its message, under plain pytest. A floor is measured
for the dtype at hand, and a planted failure beside it, so that none of them can pass on a module
on which nothing could fail.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from symgauge.weights.running import Running

State = Mapping[str, Tensor]
#: Rounded states that a floor is the largest of.
ROUNDED = 4


def assert_same_function(
    module: nn.Module, before: State, after: State, args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None, *, observable: str = "logits",
    output: str | int | None = None,
) -> None:
    """Assert that two state dicts are one function of the module on inputs like these.

    `args` and `kwargs` are an example of its inputs: more are drawn, of the example's shapes. The
    audit of the change (`symgauge audit`) as an assertion: its verdict has to be EQUIVALENT, and
    its text, the tensor at fault included, is the message. The module is left as it is. Raises
    BadInputError where a state dict is not one of this module.
    """
    from symgauge.audits.verb import audit

    result = audit(
        module, args, after, before, kwargs=kwargs, observable=observable, output=output)
    assert result.verdict == "EQUIVALENT", str(result)


def assert_symmetry(
    module: nn.Module, args: Sequence[Any], transform: Callable[[dict[str, Tensor]], State],
    kwargs: Mapping[str, Any] | None = None, *, points: int = 3, seed: int = 0,
) -> None:
    """Assert that state -> transform(state) leaves the outputs as they are, at random weights.

    The weights are drawn: at standard initialisation (zero biases, unit gains) a wrong transform
    may pass. It has to move something, and moving one of its tensors alone has to show in the
    outputs: else it is said that nothing could fail. The module is left as it is.
    Raises BadInputError for fewer than one point.
    """
    from symgauge.errors import BadInputError
    from symgauge.audits.differences import UNRESOLVED, share
    from symgauge.weights.running import running

    if points < 1:
        raise BadInputError(f"points={points} tests nothing; give 1 or more")
    generator = torch.Generator().manual_seed(seed)
    built = copy.deepcopy(module), tuple(args), dict(kwargs or {})
    with running(built, "logits", None) as program:
        inputs = program.draws.draw(4, seed)
        for _ in range(points):
            state = {
                n: _generic(t, generator) for n, t in program.tensors.items()}
            moved = dict(transform({n: t.clone() for n, t in state.items()}))
            changed = _changed(state, moved)
            point = _Point(program, inputs, state)
            floor = point.floor(generator)
            coarse = share(floor, point.base)
            assert coarse < UNRESOLVED, (
                f"rounding alone changes an output by {coarse:.2g} of its largest value, so "
                "nothing is tested")
            point.hold_against(floor, moved, changed)


def _changed(state: State, moved: State) -> list[str]:
    """What a transform moves, each tensor in its own shape."""
    unknown = sorted(set(moved) ^ set(state))
    assert not unknown, f"the transform adds or loses {', '.join(unknown)}"
    for name, value in moved.items():
        shape = list(getattr(value, "shape", ()))
        assert isinstance(value, Tensor) and shape == list(state[name].shape), (
            f"the transform returns {name} as {type(value).__name__} of shape {shape}, and it has "
            f"shape {list(state[name].shape)}")
    changed = [n for n in state if not torch.equal(moved[n], state[n])]
    assert changed, "the transform moves nothing, so nothing is tested"
    return changed


class _Point:
    """A program at random weights, and its outputs there."""

    def __init__(self, program: Running, inputs: list[Any], state: State) -> None:
        self.program, self.inputs, self.state = program, inputs, state
        self.base = self._at(state)

    def _at(self, state: State) -> list[list[Tensor]]:
        self.program.put(state, list(state))
        return self.program.outputs(self.inputs)

    def floor(self, generator: torch.Generator) -> list[Tensor]:
        """What rounding does to each entry of the outputs."""
        from symgauge.audits.differences import change, largest, rounding

        return largest([rounding(self.base), *(
            change(self.base, self._at(_rounded(self.state, generator)))
            for _ in range(ROUNDED))])

    def hold_against(self, floor: list[Tensor], moved: State, changed: Sequence[str]) -> None:
        """Assert that all together change no entry, and that one alone changes some."""
        from symgauge.audits.differences import change, excess, largest, share

        planted = largest(
            change(self.base, self._at({**self.state, name: moved[name]})) for name in changed)
        assert not excess(planted, floor) <= 1000, (
            f"no tensor that the transform moves ({', '.join(changed[:4])}) shows in the "
            "outputs alone, so nothing is tested")
        off = change(self.base, self._at(moved))
        most = [torch.maximum(1000 * a, 1e-6 * b) for a, b in zip(floor, planted)]
        assert excess(off, most) <= 1, (
            f"the outputs change by {share(off, self.base):.2g} of the largest, an entry by "
            f"{excess(off, floor):.2g} times its floor (one of the {len(changed)} moved tensors "
            f"alone changes them by {share(planted, self.base):.2g})")


def assert_gauge_invariant(
    quantity: Callable[[dict[str, Tensor]], Any], module: nn.Module, args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None, *, seed: int = 0, observable: str = "logits",
) -> None:
    """Assert that a quantity of a state dict is the same all along the module's gauge orbit.

    The quantity is a number, or a tensor of any shape, that is compared entry by entry. It is moved
    by a random element of each proved family, one after the other: the message says which family it
    depends on, and by how much. A quantity that no random change of the weights moves (a constant)
    fails too: nothing would be tested. Raises BadInputError where the module has no family with a
    finite action.
    """
    from symgauge.errors import BadInputError
    from symgauge.gauges.spread import flat_numbers
    from symgauge.weights.orbit import moved_by_each
    from symgauge.weights.running import tensors_of
    from symgauge.weights.statement import Held, statement_of

    def number(state: State) -> Tensor:
        return flat_numbers(quantity({n: t.clone() for n, t in state.items()}))

    held = Held.of(module, args, kwargs)
    groups = [g for g in statement_of(held, observable).groups if g.proved]
    if not groups:
        raise BadInputError("the module has no family of symmetries, so nothing is tested")
    generator = torch.Generator().manual_seed(seed)
    state = {n: _generic(t, generator) for n, t in tensors_of(module).items()}
    value = number(state)
    assert bool(value.isfinite().all()), "the quantity is not finite at random weights"
    most = 1e-9 * value.abs()
    for _ in range(ROUNDED):
        near = number(_rounded(state, generator))
        most = torch.maximum(most, 1e5 * _apart(near, value))
    other = number({n: _generic(t, generator) for n, t in state.items()})
    assert bool((_apart(other, value) > most).any()), (
        "the quantity is the same at other random weights too, so nothing is tested")
    wrong = []
    for group, moved in moved_by_each(groups, state, seed):
        spread = _apart(number(moved), value)
        if not bool((spread <= most).all()):
            far = float((spread / value.abs().clamp_min(1e-300)).max())
            wrong.append(f"{group.label} (an entry by {far:.2g} of its size)")
    assert not wrong, f"the quantity is not gauge-invariant; it depends on {'; '.join(wrong)}"


def _rounded(state: State, generator: torch.Generator) -> dict[str, Tensor]:
    """A state whose floats are off by about a unit in the last place."""
    return {
        n: t * (1 + torch.finfo(t.dtype).eps * _normal(t.shape, generator))
        if t.is_floating_point() else t for n, t in state.items()}


def _apart(one: Tensor, two: Tensor) -> Tensor:
    """How far each entry is from the other's."""
    assert one.shape == two.shape, (
        f"the quantity has {one.numel()} entries at some weights and {two.numel()} at others")
    return (one - two).abs()


def _normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)


def _generic(t: Tensor, generator: torch.Generator) -> Tensor:
    """Random values in place of a tensor's, of a sign and size that norms and gains can have."""
    if not t.is_floating_point():
        return t.detach().clone()
    noise = _normal(t.shape, generator)
    if t.ndim < 2 and bool((t.detach() > 0).all()):
        return 0.5 + noise.abs()
    fan = max(t.numel() // max(t.shape[0], 1), 1) if t.ndim > 1 else 1
    scale: float = fan ** -0.5
    return noise * scale
