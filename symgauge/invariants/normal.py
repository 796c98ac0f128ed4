"""Slices and shifts as substitutions: gains are absorbed, biases joined, means taken off.

A family of scalings or shifts that brings one tensor to 1 or to 0 brings all others to functions
that it does not move (a moving frame; M. Fels, P. J. Olver, Acta Appl. Math. 55 (1999) 127).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Through, own_move
from symgauge.invariants.laurent import Laurent
from symgauge.invariants.pieces import Piece


class Tensors:
    """The parameters as pieces, changed by one family after the other."""

    def __init__(self, coordinates: Coordinates, pieces: Mapping[str, Piece]) -> None:
        self.coordinates = coordinates
        self.pieces = dict(pieces)

    def at(self, move: Move, parameter: str | None = None) -> np.ndarray:
        """Places of a move in the flat tensor: copies, size, all else."""
        name = parameter or move.parameter
        index = self.coordinates.at(name, move.at) - self.coordinates.network.offsets[name]
        flat: np.ndarray = index.reshape(index.shape[0], index.shape[1], -1)
        return flat

    def flat(self, name: str) -> np.ndarray:
        """The entries of a parameter, to be changed in place."""
        return self.pieces[name].values.reshape(-1)

    def renamed(self, name: str, said: str) -> None:
        """Another way to write a parameter."""
        self.pieces[name] = replace(self.pieces[name], name=said)

    def slice(self, through: Through) -> None:
        """Bring the slice's parameter to 1 or 0, and all that its family moves along."""
        own = own_move(through)
        if through.kind.is_scaling:
            self._scale(through.moves, own)
        else:
            self.shift(through.moves, own)

    def _scale(self, moves: Sequence[Move], own: Move) -> None:
        """T -> T v^(-k/k0), v the slice's own tensor, which becomes 1."""
        v, places = self.flat(own.parameter).copy(), self.at(own)
        said = self.pieces[own.parameter].name
        for move in moves:
            if move is own:
                continue
            power = -move.weight / own.weight
            if move.form != "s^k" or power.denominator != 1 or places.shape[2] != 1:
                raise ValueError("a slice that is no plain scaling")
            target, where = self.flat(move.parameter), self.at(move)
            for c, i in np.ndindex(*where.shape[:2]):
                factor = v[places[c, i, 0]].power(int(power))
                if factor is None:
                    raise ValueError("the inverse of a sum")
                for k in where[c, i]:
                    target[k] = target[k] * factor
            body = f"diag({said})" + ("" if power == 1 else f"^{power}")
            now = self.pieces[move.parameter].name
            last = move.at is not None and move.at.axis
            self.renamed(move.parameter, f"{now} {body}" if last else f"{body} {now}")
        self.flat(own.parameter)[places.reshape(-1)] = Laurent.number(1)

    def shift(self, moves: Sequence[Move], own: Move) -> None:
        """T -> T - (w / w0) c for c the mean of what the slice's own tensor has at each place."""
        places, source = self.at(own), self.flat(own.parameter)
        share = Laurent.number(1 / (own.weight * places.shape[2]))
        c = np.empty(places.shape[:2], dtype=object)
        for at in np.ndindex(*c.shape):
            total = source[places[at][0]]
            for k in places[at][1:]:
                total = total + source[k]
            c[at] = total * share
        said = self.pieces[own.parameter].name
        for move in moves:
            self._moved_back(move, c, said, own)

    def _moved_back(self, move: Move, c: np.ndarray, said: str, own: Move) -> None:
        target, sign = self.flat(move.parameter), Laurent.number(-move.weight)
        now = self.pieces[move.parameter].name
        if move.form == "+c":
            where = self.at(move)
            for at in np.ndindex(*c.shape):
                for k in where[at]:
                    target[k] = target[k] + c[at] * sign
            mean = f"mean({said})" if self.at(own).shape[2] > 1 else said
            self.renamed(move.parameter, f"({now} - {mean})")
        elif move.form == "+Tc":
            assert move.source is not None
            index = self.coordinates.at(move.source, move.at)
            index = index - self.coordinates.network.offsets[move.source]
            source = self.flat(move.source)
            for at in np.ndindex(*c.shape):
                for row in index[at]:
                    for k, m in enumerate(row):
                        target[k] = target[k] + source[m] * c[at] * sign
            there = self.pieces[move.source].name
            sign_said = "+" if -move.weight / own.weight > 0 else "-"
            rows = move.at is not None and move.at.axis == 0 and index.ndim > 1 and (
                len(self.pieces[move.source].values.shape) > 1)
            self.renamed(move.parameter, f"({now} {sign_said} {_product(there, said, rows)})")
        else:
            raise ValueError(f"a shift by {move.form}")


def _product(left: str, right: str, rows: bool) -> str:
    """A matrix times a vector, a scaling and its inverse between them left out.

    >>> _product("W diag(g)", "diag(g)^-1 b", False), _product("diag(g) W", "diag(g)^-1 b", True)
    ('W b', 'W^T b')
    """
    inner = re.fullmatch(r"diag\((.*)\) (.*)" if rows else r"(.*) diag\((.*)\)", left)
    if inner is not None:
        gain, body = (inner[1], inner[2]) if rows else (inner[2], inner[1])
        inverse = f"diag({gain})^-1 "
        if right.startswith(inverse):
            left, right = body, right.removeprefix(inverse)
    if rows:
        left = f"({left})^T" if " " in left else f"{left}^T"
    return f"{left} {right}"


def normalised(
    coordinates: Coordinates, pieces: Mapping[str, Piece], families: Sequence[Family]
) -> tuple[dict[str, Piece], set[int]]:
    """The parameters after all slices and shifts, and the numbers of the families that are done."""
    tensors, done = Tensors(coordinates, pieces), set()
    slices = list(dict.fromkeys(t for f in families for t in f.via))
    for through in slices:
        tensors.slice(through)
        done |= {n for n, f in enumerate(families) if set(f.moves) == set(through.moves)}
    for number, family in enumerate(families):
        if number in done or not family.kind.is_shift:
            continue
        own = [m for m in family.moves if m.form == "+c"]
        if not own:
            continue
        tensors.shift(family.moves, min(own, key=lambda m: tensors.at(m).shape[2]))
        done.add(number)
    return tensors.pieces, done
