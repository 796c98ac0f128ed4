"""What a record says beside its program: of the module, its sizes, and the versions used."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from symgauge import __version__
from symgauge.derivation.seal import Factory, Tensor
from symgauge.program.network import Network

if TYPE_CHECKING:
    from symgauge.capture.target import Target


def training_flags(module: Any) -> bool | list[str]:
    """Whether all modules (True) or none (False) are in training mode, else the names of those."""
    flags = {name: part.training for name, part in module.named_modules()}
    if len(set(flags.values())) == 1:
        return bool(flags[""])
    return [name for name, training in flags.items() if training]


def at_full_sizes(
    target: Target, output: str | int | None, observable: str
) -> tuple[Network, bool | list[str]]:
    """The program at the full sizes, for its shapes, and which modules are in training mode there.

    No weights are made.
    """
    from symgauge.capture import build_without_weights, capture

    module, args, kwargs = build_without_weights(target.at(target.full or {}), strict=True)
    training = training_flags(module)
    captured = capture(module, args, kwargs, output=output, observable=observable, meta=True)
    return captured.network, training


def tensors_of(network: Network) -> tuple[Tensor, ...]:
    return tuple(Tensor(name=p.name, shape=p.shape) for p in network.parameters)


def factory_of(target: Target | None) -> Factory | None:
    """What the generated check rebuilds the module from."""
    if target is None or not target.module:
        return None
    return Factory(module=target.module, factory=target.attribute, source=target.source)


def versions() -> dict[str, str]:
    found = {"symgauge": __version__, "python": platform.python_version()}
    for package in ("numpy", "python-flint", "sympy", "torch"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
