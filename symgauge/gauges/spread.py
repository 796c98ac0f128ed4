"""Whether a quantity of weights is the same along their orbit, and where not by which family.

Each family that acts is tried alone, by random elements of the derived group, in float64. What is
held against what: the change of each entry of the quantity against what rounding does to that
entry. It is a numeric finding: a family that moves nothing of it in these draws is no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from symgauge.derivation.element import GroupElement
from symgauge.errors import BadInputError
from symgauge.weights.checkpoint import held
from symgauge.weights.moving import Record, Weights, sampled

#: Changes up to so many times what rounding makes of an entry are none.
FLOORS = 100.0
#: Random elements of each family, and random roundings.
DRAWS, NOISES = 3, 4
EPSILON = 2.0 ** -52

Quantity = Callable[[dict[str, Tensor]], Any]


@dataclass(frozen=True)
class OrbitSpread:
    """How far a quantity spreads along the orbit of a state: by family, over its largest entry.

    `verdict`: EXACT (no family moves it beyond its rounding), DEPENDS (`families` says on which),
    or UNKNOWN (`reason`). `untried` are families without a finite action.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2))
    >>> found = derive(module, (zeros(1, 2),))
    >>> product = lambda w: w["1.weight"] @ w["0.weight"]
    >>> orbit_spread(found, module.state_dict(), product).verdict
    'EXACT'
    >>> orbit_spread(found, module.state_dict(), lambda w: w["0.weight"].norm()).depends
    ('change of basis of 0, 1',)
    """

    verdict: str
    spread: float
    floor: float
    families: Mapping[str, float] = field(default_factory=dict)
    depends: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        if self.verdict == "UNKNOWN":
            return f"UNKNOWN: {self.reason}"
        if self.verdict == "EXACT":
            return (f"EXACT: {DRAWS} random elements of each of {len(self.families)} families "
                    f"change it by at most {self.spread:.1g} of its size, which is rounding")
        return "DEPENDS on " + "; ".join(
            f"{label} (by {self.families[label]:.2g} of its size)" for label in self.depends)


def orbit_spread(
    derivation: Record, state: Mapping[str, Any], quantity: Quantity, seed: int = 0
) -> OrbitSpread:
    """Whether quantity(state) is the same along the state's orbit; else on which family it hangs.

    `quantity` is given a state dict of float64 tensors, and returns a number, tensor or array.
    Continuous families alone: permutations and signs are not tried. Raises BadInputError where the
    state is not at the small or full sizes of the derivation, or the quantity fails on it.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    >>> found = derive(module, (zeros(1, 2),))
    >>> orbit_spread(found, module.state_dict(), lambda w: w["0.weight"].norm()).depends != ()
    True
    """
    tensors = {n: torch.as_tensor(t).detach().cpu() for n, t in state.items()}
    wide = {n: t.double() if t.is_floating_point() else t for n, t in tensors.items()}
    weights = Weights(held(wide, "the state"))
    elements = [sampled(derivation, weights, seed + k) for k in range(DRAWS)]
    value = _value(quantity, wide)
    size = float(value.abs().max()) if value.numel() else 0.0
    moved = _by_family(elements)
    labels = [f.label for f in derivation.generators]
    # a label says what moves in a few words: two families may share one
    labels = [n if labels.count(n) == 1 else f"{n} (family {k})" for k, n in enumerate(labels)]
    untried = tuple(name for k, name in enumerate(labels) if k not in moved)
    if not value.isfinite().all() or not size:
        return _unknown("the quantity is 0, empty or not finite at this state", untried)
    if not moved:
        return _unknown("no family acts: nothing is tested", untried)
    floors = _floors(quantity, wide, value)
    if not _moves_at_all(quantity, wide, value, floors):
        return _unknown(
            "the quantity is the same at other random weights too: nothing is tested", untried)
    families, depends = {}, []
    for k, parts in moved.items():
        changes = torch.stack([
            (_value(quantity, g.apply(wide), value) - value).abs() for g in parts])
        if not changes.isfinite().all():
            return _unknown(f"the quantity is not finite along {labels[k]}", untried)
        families[labels[k]] = float(changes.max()) / size
        if (changes > FLOORS * floors).any():
            depends.append(labels[k])
    depends.sort(key=lambda label: -families[label])
    return OrbitSpread(
        "DEPENDS" if depends else "EXACT", max(families.values()), float(floors.max()) / size,
        families, tuple(depends), untried)


def _unknown(reason: str, untried: tuple[str, ...]) -> OrbitSpread:
    return OrbitSpread("UNKNOWN", float("nan"), float("nan"), untried=untried, reason=reason)


def _by_family(elements: list[GroupElement]) -> dict[int, list[GroupElement]]:
    """Random elements of each family alone."""
    found: dict[int, list[GroupElement]] = {}
    for element in elements:
        for part in element.parts:
            found.setdefault(part.family, []).append(GroupElement(element.families, (part,)))
    return found


def flat_numbers(value: Any) -> Tensor:
    """The numbers of a tensor, array or number, flat and in float64; complex ones by two each."""
    found = torch.as_tensor(value).detach()
    if found.is_complex():
        found = torch.view_as_real(found.to(torch.complex128))
    return found.double().reshape(-1)


def _value(quantity: Quantity, state: Mapping[str, Tensor], like: Tensor | None = None) -> Tensor:
    """The quantity, flat and in float64, of one shape throughout."""
    try:
        flat = flat_numbers(quantity({n: t.clone() for n, t in state.items()}))
    except (Exception, SystemExit) as error:
        raise BadInputError(
            f"the quantity fails on the state with {type(error).__name__}: {error!s:.120}"
        ) from error
    if like is not None and flat.shape != like.shape:
        raise BadInputError(
            f"the quantity has {flat.numel()} entries along the orbit, and {like.numel()} before")
    return flat


def _floors(quantity: Quantity, state: Mapping[str, Tensor], value: Tensor) -> Tensor:
    """What rounding does to each entry: half a unit in the last place of every tensor."""
    generator = torch.Generator().manual_seed(0)
    floors = EPSILON * value.abs()
    for _ in range(NOISES):
        noisy = {
            n: t * (1 + EPSILON * (torch.rand(t.shape, generator=generator).double() - 0.5))
            if t.is_floating_point() else t for n, t in state.items()}
        floors = torch.maximum(floors, (_value(quantity, noisy, value) - value).abs())
    return floors


def _moves_at_all(
    quantity: Quantity, state: Mapping[str, Tensor], value: Tensor, floors: Tensor
) -> bool:
    """Whether other random weights give another value: the planted failure."""
    generator = torch.Generator().manual_seed(1)
    other = {
        n: t * (0.5 + torch.rand(t.shape, generator=generator).double())
        if t.is_floating_point() else t for n, t in state.items()}
    return bool(((_value(quantity, other, value) - value).abs() > FLOORS * floors).any())
