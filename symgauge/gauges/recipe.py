"""What a named recipe is: it brings weights to a place of their orbit, or says why it does not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.weights.moving import Settled


@dataclass
class Outcome:
    """What was done, in words, and what was left, each with its reason."""

    done: list[str] = field(default_factory=list)  #: What was done.
    left: list[str] = field(default_factory=list)  #: What was not, and why.
    #: Entries that have their values exactly in what is written.
    settled: Settled = field(default_factory=dict)


class Recipe(ABC):
    """Elements of the derived group with a name. The first line of its docstring is its help.

    It asks families for their kinds and moves, and knows no architecture.
    """

    name: ClassVar[str]

    @abstractmethod
    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        """Move the weights. Where nothing is done, what is left says why."""
