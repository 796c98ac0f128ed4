"""From a module, or a loaded model of transformers, to its derivation."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from symgauge.derivation import full as at_full_size
from symgauge.derivation.derivation import Derivation
from symgauge.derivation.derive import Asked, derive_network, derive_target
from symgauge.derivation.facts import training_flags
from symgauge.derivation.full import FullDerivation
from symgauge.points.limits import check_module
from symgauge.errors import SizeError
from symgauge.progress import Progress, silent


@dataclass(frozen=True)
class ModelDerivation:
    """Of a loaded model that is too large for an exact derivation.

    `full`: its group at its own sizes, every family proved, nothing said of others. `small`: the
    derivation of a copy of its configuration at small sizes, where completeness is decided.
    """

    full: FullDerivation
    small: Derivation

    def __repr__(self) -> str:
        return f"ModelDerivation({self.full!r}, {self.small!r})"

    def __str__(self) -> str:
        full, claim = self.full, self.small.claim
        return (
            f"{full.name} has {full.parameters:,} parameters, too many for an exact derivation. "
            f"Its group at its own sizes has dimension {full.dimension:,}, every family proved; "
            "nothing there says that no other symmetry exists. A copy of its configuration at "
            f"small sizes ({claim.parameters} parameters) has the redundancy {claim.redundancy}, "
            f"of which {claim.unexplained} is unexplained ({claim.verdict.value})."
        )


@overload
def derive(
    module: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None, *,
    name: str | None = None, output: str | int | None = None, observable: str = "logits",
    seed: int = 0, force: bool = False, balls: bool = False, series: bool = False,
    progress: Progress = silent,
) -> Derivation: ...


@overload
def derive(
    module: Any, *, kwargs: Mapping[str, Any] | None = None, name: str | None = None,
    output: str | int | None = None, observable: str = "logits", seed: int = 0,
    force: bool = False, balls: bool = False, series: bool = False, progress: Progress = silent,
) -> Any: ...


def derive(
    module: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    output: str | int | None = None,
    observable: str = "logits",
    seed: int = 0,
    force: bool = False,
    balls: bool = False,
    series: bool = False,
    progress: Progress = silent,
) -> Any:
    """The gauge algebra of a torch.nn.Module on inputs of the example's shapes, a `Derivation`.

    Parameters that require grad are the coordinates; floating inputs are indeterminates, integers
    that pick rows of a table range over them, other integers are held. All floating outputs
    jointly unless `output` picks one, or a transformers output has logits. The module is changed
    while it is read (float64), and is afterwards as it was.
    `observable="probabilities"` takes log_softmax of the output over its last axis. `balls`
    certifies the rank of the Jacobian in real balls, `series` over power series: both without
    hypotheses on values.

    The inputs of a loaded transformers model are made from its configuration where none are given,
    caches off. Of one that is too large for an exact derivation the result is a `ModelDerivation`:
    the group at its own sizes, and the derivation of a small copy of its configuration.

    Raises CaptureError or UnsupportedOpError where the module cannot be read exactly, SizeError
    above an estimated 10 minutes or 8 GiB unless `force`.

    >>> from torch import nn, zeros
    >>> derive(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), (zeros(1, 2),))
    Derivation(Sequential: P=9, redundancy=2, orbit=2, R^2, PROVED)
    """
    from symgauge.capture import capture
    from symgauge.hf.model import with_example

    start = time.perf_counter()
    args, kwargs, loaded = with_example(module, args, kwargs, observable)
    try:
        check_module(module, force)
    except SizeError:
        if not loaded:
            raise
        return _of_large(module, output, observable, seed, progress)
    progress("capture")
    captured = capture(module, args, kwargs, output=output, observable=observable)
    seconds = {"capture": time.perf_counter() - start}
    asked = Asked(
        name or type(module).__name__, output, observable, seed, force,
        "balls" if balls else "series" if series else None, progress,
        said={**captured.facts, "training": {"small": training_flags(module)}})
    return derive_network(captured.network, asked, seconds)


def derive_full(
    module: Any,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    name: str | None = None,
    output: str | int | None = None,
    observable: str = "logits",
    progress: Progress = silent,
) -> FullDerivation:
    """The gauge group of a torch.nn.Module at its own sizes, whatever they are.

    Every family is proved for all sizes of the legs; no rank is taken, so that nothing says that
    these are all (`completeness` apart). `args` and `kwargs` are an example of its inputs; those of
    a loaded transformers model are made from its configuration. The module is copied, and left as
    it is. Raises CaptureError or UnsupportedOpError where it cannot be read exactly.

    >>> from torch import nn, zeros
    >>> wide = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 8))
    >>> derive_full(wide, (zeros(1, 64),))
    FullDerivation(Sequential: P=37384, dimension=512, PROVED)
    """
    from symgauge.capture import Target
    from symgauge.hf.model import with_example

    args, kwargs, _ = with_example(module, args, kwargs, observable)
    target = Target(
        name or type(module).__name__, "", lambda: (copy.deepcopy(module), args, kwargs), {}, None,
        None, "", "")
    return at_full_size.derive_full(
        target, target, output=output, observable=observable, progress=progress)


def _of_large(
    model: Any, output: str | int | None, observable: str, seed: int, progress: Progress
) -> ModelDerivation:
    from symgauge.hf.target import of_model

    small = of_model(model)
    full = at_full_size.derive_full(
        small.at(small.full_sizes), small, output=output, observable=observable, progress=progress)
    return ModelDerivation(full, derive_target(
        small, output=output, observable=observable, seed=seed, progress=progress))
