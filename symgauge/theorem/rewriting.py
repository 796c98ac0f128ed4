"""Normal forms of words: g g^-1 = 1, diagonal letters sorted, and the rules that a step states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgauge.errors import BadInputError
from symgauge.theorem.words import Matrix, Terms, Word, collect, transposed_word

#: Rewritings that one step may use.
BUDGET = 20_000


class TooLong(Exception):
    pass


class Rewriting:
    """Words to normal form by the built-in rules and by `rules`, pairs (word, its value)."""

    def __init__(self, rules: Sequence[tuple[Matrix, Matrix]]) -> None:
        self._rules: list[tuple[Word, Terms]] = []
        self._left = BUDGET
        for left, right in rules:
            if len(left.terms) != 1 or next(iter(left.terms.values())) != 1:
                raise BadInputError(f"the left side of a rule is one word, not {left.latex}")
            if (left.rows, left.columns) != (right.rows, right.columns):
                raise BadInputError(f"a rule keeps the shape: {left.latex} -> {right.latex}")
            for a, b in ((left, right), (left.T, right.T)):
                ((word, c),) = a.terms.items()
                self._rules.append((word, {w: k / c for w, k in b.terms.items()}))

    def once(self, word: Word, sort: bool = True) -> Terms | None:
        """The word rewritten at one place, or None; `sort`: diagonal neighbours by name."""
        self._left -= 1
        if self._left < 0:
            raise TooLong
        for i, (f, g) in enumerate(zip(word, word[1:])):
            same = f.letter == g.letter and f.transposed == g.transposed
            if same and f.inverted != g.inverted:
                return {word[:i] + word[i + 2:]: sympy.Integer(1)}
            diagonal = f.letter.kind == g.letter.kind == "diagonal"
            if sort and diagonal and f.letter.name > g.letter.name:
                return {word[:i] + (g, f) + word[i + 2:]: sympy.Integer(1)}
        for left, right in self._rules:
            for i in range(len(word) - len(left) + 1):
                if word[i:i + len(left)] == left:
                    head, tail = word[:i], word[i + len(left):]
                    return {head + middle + tail: k for middle, k in right.items()}
        return None

    def normal(self, terms: Terms) -> Terms:
        """The terms rewritten until no rule applies."""
        todo, done = dict(terms), []
        while todo:
            word, c = todo.popitem()
            rewritten = self.once(word)
            if rewritten is None:
                done.append((word, c))
            else:
                # merged at once, so that words that cancel are not rewritten apart
                todo = collect([*todo.items(), *((w, c * k) for w, k in rewritten.items())])
        return collect(done)

    def traces(self, terms: Terms) -> Terms:
        """The traces of the terms, rewritten; the empty word stands for the number 1."""
        todo, done = dict(terms), []
        while todo:
            word, c = todo.popitem()
            turn, rewritten = word, self.once(word)
            for i in range(1, len(word)):
                if rewritten is None:
                    # sorting a turned word would turn it for ever
                    turn = word[i:] + word[:i]
                    rewritten = self.once(turn, sort=False)
            if rewritten is None:
                done.append(_least(word, c))
                continue
            size = turn[0].letter.columns if turn[0].transposed else turn[0].letter.rows
            found = ((w, c * k * (1 if w else size)) for w, k in rewritten.items())
            todo = collect([*todo.items(), *found])
        return collect(done)


def _key(word: Word) -> list[tuple[str, bool, bool]]:
    return [(f.letter.name, f.transposed, f.inverted) for f in word]


def _least(word: Word, c: Any) -> tuple[Word, Any]:
    """tr(A B) = tr(B A) and tr(A^T) = tr(A): the first of all turns in lexical order."""
    turned, k = transposed_word(word, c)
    candidates = [(w[i:] + w[:i], x) for w, x in ((word, c), (turned, k))
                  for i in range(max(len(w), 1))]
    least = min(candidates, key=lambda pair: _key(pair[0]))
    # tr(skew) = -tr(skew) = 0
    opposite = any(w == least[0] and x != least[1] for w, x in candidates)
    return (least[0], sympy.Integer(0)) if opposite else least
