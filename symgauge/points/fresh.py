"""Random numbers that nobody could foresee, for what is said to hold at random points."""

from __future__ import annotations

import secrets

import numpy as np

#: Fresh points at which what holds, or is refuted, at random exact points is looked for again.
TRIES = 3


def fresh() -> np.random.Generator:
    return np.random.default_rng(secrets.randbits(128))
