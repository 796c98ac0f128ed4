"""Networks of the kinds that papers count dimensions of, at widths below, at and above each bound.

`NETWORKS[name]()` returns `(module, args)`. The kind of a network is what stands before the first
blank of its name; each file published_KIND.py holds some kinds. Nothing is said of their
redundancies here: floats count them.
"""

from functools import partial

import published_attention
import published_bases
import published_convolutions
import published_gates
import published_layers
import published_norms
import published_others
import published_steps
import published_tensors
from known_networks import Factory, KnownNetwork
from published_modules import MODULES
from published_rows import Formula
from torch import Tensor, nn


def build(
    shapes: str, formula: Formula, args: tuple[Tensor, ...]
) -> tuple[nn.Module, tuple[Tensor, ...]]:
    return KnownNetwork(shapes, formula), tuple(arg.clone() for arg in args)


NETWORKS: dict[str, Factory] = {
    name: partial(build, *row)
    for kinds in (
        published_layers,
        published_attention,
        published_convolutions,
        published_norms,
        published_steps,
        published_gates,
        published_tensors,
        published_bases,
        published_others,
    )
    for name, row in kinds.TABLE.items()
}
NETWORKS.update(MODULES)
