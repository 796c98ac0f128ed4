"""One-hot rows that a table gives for the tokens of an input."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Law


class FunctionOfTokens(Law):
    """Tokens do not vary; of anything else nothing is said."""

    name = "function of tokens"
    words = ("no lemma", "weight 0", "no lemma")

    def samples(self) -> Iterator[Call]:
        yield Call("tabulated", ((2, 3), (2, 2)), {"table": (0, 1, 1, 0, 2, 1), "count": 3})
