"""For people's own test suites: is it the same function, a symmetry, a gauge-invariant quantity?

Each raises AssertionError with the finding as its message, under plain pytest. A floor is measured
for the dtype at hand, and a planted failure beside it, so that none of them can pass on a module
on which nothing could fail.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = Mapping[str, Tensor]


def assert_same_function(
    module: nn.Module, before: State, after: State, args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None, *, observable: str = "logits",
    output: str | int | None = None,
) -> None:
    """Assert that two state dicts are one function of the module on inputs like these.

    The audit of the change (`symgauge audit`) as an assertion: its verdict has to be EQUIVALENT,
    and its text, the tensor at fault included, is the message. The module is left as it is.
    Raises BadInputError where a state dict is not one of this module.
    """
    from symgauge.weights.audit import audit
    from symgauge.weights.checkpoint import held
    from symgauge.weights.statement import Held
    from symgauge.weights.text import paragraph

    result = audit(
        Held(module, tuple(args), dict(kwargs or {})), held(before, "before"),
        held(after, "after"), observable=observable, output=output)
    assert result.verdict == "EQUIVALENT", paragraph(result)


def assert_symmetry(
    module: nn.Module, args: Sequence[Any], transform: Callable[[dict[str, Tensor]], State],
    kwargs: Mapping[str, Any] | None = None, *, points: int = 3, seed: int = 0,
) -> None:
    """Assert that state -> transform(state) leaves the outputs as they are, at random weights.

    The weights are drawn: at standard initialisation (zero biases, unit gains) a wrong transform
    may pass. It has to move something, and moving one of its tensors alone has to show in the
    outputs: else it is said that nothing could fail. The module is left as it is.
    """
    from symgauge.weights.running import distance, running

    generator = torch.Generator().manual_seed(seed)
    built = copy.deepcopy(module), tuple(args), dict(kwargs or {})
    with running(built, "logits", None) as program:
        inputs = program.draw(4, seed)
        for _ in range(points):
            state = {
                n: _generic(t, generator) for n, t in program.tensors.items()}
            program.put(state, list(state))
            base = program.outputs(inputs)
            rounded = {
                n: t * (1 + torch.finfo(t.dtype).eps * _normal(t.shape, generator))
                if t.is_floating_point() else t for n, t in state.items()}
            program.put(rounded, list(state))
            floor = max(distance(base, program.outputs(inputs)), 1e-15)
            moved = dict(transform({n: t.clone() for n, t in state.items()}))
            unknown = sorted(set(moved) ^ set(state))
            assert not unknown, f"the transform adds or loses {', '.join(unknown)}"
            changed = [n for n in state if not torch.equal(moved[n], state[n])]
            assert changed, "the transform moves nothing, so nothing is tested"
            program.put(moved, list(state))
            change = distance(base, program.outputs(inputs))
            planted = 0.0
            for name in changed:
                program.put({**state, name: moved[name]}, list(state))
                planted = max(planted, distance(base, program.outputs(inputs)))
            assert not planted <= 1000 * floor, (
                f"no tensor that the transform moves ({', '.join(changed[:4])}) shows in the "
                "outputs alone, so nothing is tested")
            assert change <= max(1000 * floor, 1e-6 * planted), (
                f"the outputs change by {change:.2g} of the largest (floor {floor:.2g}; one of "
                f"the {len(changed)} moved tensors alone changes them by {planted:.2g})")


def assert_gauge_invariant(
    quantity: Callable[[dict[str, Tensor]], Any], module: nn.Module, args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None, *, seed: int = 0, observable: str = "logits",
) -> None:
    """Assert that a quantity of a state dict is the same all along the module's gauge orbit.

    It is moved by a random element of each proved family, one after the other: the message says
    which family it depends on, and by how much. A quantity that no random change of the weights
    moves (a constant) fails too: nothing would be tested. Raises BadInputError where the module
    has no family with a finite action.
    """
    from symgauge.errors import BadInputError
    from symgauge.weights.orbit import moved_by_each
    from symgauge.weights.statement import Held, statement_of

    held = Held(module, tuple(args), dict(kwargs or {}))
    groups = [g for g in statement_of(held, observable).groups if g.proved]
    if not groups:
        raise BadInputError("the module has no family of symmetries, so nothing is tested")
    generator = torch.Generator().manual_seed(seed)
    state = {n: _generic(t, generator) for n, t in module.state_dict().items()}
    value = _flat(quantity(dict(state)))
    size = max(float(value.abs().max()), 1e-300)
    other = _flat(quantity({n: _generic(t, generator) for n, t in state.items()}))
    assert float((other - value).abs().max()) > 1e-9 * size, (
        "the quantity is the same at other random weights too, so nothing is tested")
    wrong = []
    for group, moved in moved_by_each(groups, state, seed):
        spread = float((_flat(quantity(moved)) - value).abs().max()) / size
        if not spread <= 1e-9:
            wrong.append(f"{group.label} (by {spread:.2g} of its size)")
    assert not wrong, f"the quantity is not gauge-invariant; it depends on {'; '.join(wrong)}"


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


def _flat(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().double().reshape(-1)
    return torch.as_tensor(value, dtype=torch.float64).reshape(-1)
