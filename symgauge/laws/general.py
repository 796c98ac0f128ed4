"""any other function, entry by entry."""

from __future__ import annotations

from symgauge.laws.law import Entrywise


class General(Entrywise):
    """Nothing passes: every weight is 0."""

    name = "general"
    words = ("no lemma", "weight 0", "no lemma")
    false = (
        "a matrix through tanh", "a scaling through tanh", "a shift before tanh",
        "a positive factor, which leaves a sign as it is",
    )
