"""A derivation's printed formulas, and their values at given parameters."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from latex_values import Formula

import symgauge
from symgauge.domains.evaluate import outputs, values
from symgauge.domains.real import RealDomain
from symgauge.formulas.reading import Reading
from symgauge.program.lower import lower


class Read:
    """A derivation, its reading, and the values of its lines at given parameters."""

    def __init__(self, derivation: symgauge.Derivation, heads: int, eps: float) -> None:
        self.derivation, self.heads, self.eps = derivation, heads, eps
        self.network = derivation.network()
        self.reading = Reading(self.network, derivation.generators)
        self.typeset = self.reading._typeset
        rng = np.random.default_rng(7)
        self.state = {
            p.name: rng.normal(size=p.shape) for p in self.network.parameters}
        self.inputs = {}
        for leaf in self.network.inputs:
            rows = rng.integers(0, leaf.classes, leaf.shape[:-1]) if leaf.classes else None
            self.inputs[leaf.name] = (
                rng.normal(size=leaf.shape) if rows is None else np.eye(leaf.classes)[rows])

    def lines(self, state: dict[str, Any]) -> dict[int, np.ndarray]:
        """The values of the lines with letters, unit axes dropped."""
        wanted = tuple(self.typeset.names)
        # a convolution is printed as what comes out, batch first, not as the product of matrices
        convolutions = self.typeset.convolutions.found
        shown = tuple(convolutions[i].output if i in convolutions else i for i in wanted)
        return dict(zip(wanted, self._values(shown, state)))

    def _values(self, lines: tuple[int, ...], state: dict[str, Any]) -> list[np.ndarray]:
        """The values of lines, unit axes dropped."""
        program = lower(replace(self.network, outputs=lines))
        arrays = [
            {n: np.asarray(v)[None] for n, v in table.items()} for table in (state, self.inputs)]
        found = outputs(program, values(program, RealDomain(), *arrays))
        return [np.squeeze(v) for v in found]

    def formula(self, state: dict[str, Any], letters: dict[str, Any]) -> Formula:
        """What reads a formula where the parameters have these values."""
        lines = self.lines(state)
        by_name = {name: i for i, name in self.typeset.names.items()}
        tables = {f"C_{{{k}}}": i for i, k in self.typeset.constants.tables.items()}
        owners = {symbol: name for name, symbol in self.reading.symbols.items()}

        def look_up(name: str, head: int | None) -> Any:
            if name in by_name:
                value = lines[by_name[name]]
                if head is None:
                    return value
                if value.ndim == 3:
                    return value[head]
                return np.split(value, self.heads, -1)[head]
            if name in owners:
                value, axis = self._tensor(owners[name], state)
                # a matrix of one row or column is written as a vector
                return np.squeeze(value) if head is None else np.split(
                    value, self.heads, axis)[head]
            if name in letters:
                return letters[name] if head is None else letters[name][head]
            if name in tables:
                return self._values((tables[name],), state)[0]
            letter, _, number = name.partition("_")
            assert letter in "XxT", name
            return np.squeeze([*self.inputs.values()][int(number.strip("{}") or 1) - 1])

        def normed(x: np.ndarray) -> np.ndarray:
            off = x - x.mean(-1, keepdims=True)
            return off / np.sqrt((off ** 2).mean(-1, keepdims=True) + self.eps)

        functions = {
            "C": lambda x: x - x.mean(-1, keepdims=True),
            "LN": normed,
            "RMSNorm": lambda x: x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps),
            "softmax": lambda x: torch.softmax(torch.tensor(x) + self._mask(x), -1).numpy(),
            "gelu": lambda x: torch.nn.functional.gelu(torch.tensor(x)).numpy(),
            r"gelu_\tanh": lambda x: torch.nn.functional.gelu(
                torch.tensor(x), approximate="tanh").numpy(),
            "silu": lambda x: torch.nn.functional.silu(torch.tensor(x)).numpy(),
            "relu": lambda x: np.maximum(x, 0),
            "step": lambda x: (x > 0) + 0.0,
            "elu": lambda x, alpha=1.0, scale=1.0, rate=1.0: scale * np.where(
                x > 0, x, alpha * np.expm1(rate * x)),
            r"leaky\_relu": lambda x, slope=0.01: np.where(x > 0, x, slope * x),
            "softplus": lambda x, beta=1.0: np.log1p(np.exp(beta * x)) / beta,
        }
        return Formula(look_up, self.heads, functions)

    def _mask(self, x: np.ndarray) -> torch.Tensor:
        causal = self.derivation.sizes.get("causal", "vocab_size" in self.derivation.sizes)
        hidden = torch.full(x.shape, float("-inf")) if causal else torch.zeros(x.shape)
        return hidden.triu(1) if causal else hidden

    def _tensor(self, name: str, state: dict[str, Any]) -> tuple[np.ndarray, int]:
        """A parameter or a block of it, and the axis along which its heads stand."""
        owner, _, where = name.partition("[")
        value = np.asarray(state[owner])
        if where:
            axis = where.count(":, ")
            start, stop = map(int, where.rsplit(", ", 1)[-1].rstrip("]").split(":"))
            return np.take(value, np.arange(start, stop), axis), axis
        # W_O has its heads on the axis that it contracts
        moves = [m for g in self.derivation.generators for m in g.action
                 if m.parameter == owner and m.at is not None and m.at.per and m.form != "+Tc"]
        sources = [m.at.axis for g in self.derivation.generators for m in g.action
                   if m.source == owner and m.at is not None]
        axis = moves[0].at.axis if moves and moves[0].at else sources[0] if sources else 0
        return value, axis


def close(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9))


def equations_held(read: Read) -> int:
    """How many equations of proofs there are; each is seen to hold at random elements."""
    seen = 0
    rng = np.random.default_rng(3)
    for k, family in enumerate(read.derivation.generators):
        rows = read.reading.proof(k)
        if rows is None:
            continue
        n, copies = family.element.size, family.element.copies
        if family.element.kind.is_matrix:
            value = np.eye(n) + 0.3 * rng.normal(size=(*copies, n, n))
            if getattr(family.element.kind, "orthogonal", False):
                continue
        else:
            value = np.exp(0.3 * rng.normal(size=(*copies, n)))
        state = dict(read.state)
        for through in family.via:  # the equations of these are said on the slice
            scaling = through.element.kind.is_scaling
            state[through.parameter] = np.full_like(state[through.parameter], float(scaling))
        moved = read.derivation.element({family.label: value}).apply(state)
        letter = {True: "s", False: "c"}[family.element.kind.is_scaling]
        letter = "g" if family.element.kind.is_matrix else letter
        before, after = read.formula(state, {}), read.formula(moved, {})
        shown = value.reshape(-1, *value.shape[len(copies):]) if copies else value
        scalar = not family.element.kind.is_matrix and n == 1 and any(
            m.at is None for m in family.action)
        acted = read.formula(state, {letter: float(shown.item()) if scalar else shown})
        for row in rows:
            if re.search(r"(?<![A-Za-z\\])u(?![A-Za-z])", row.becomes + row.equals):
                continue  # u is any vector
            per_head = any("h}" in t for t in (row.left, row.becomes)) and (
                r"\sum_h" not in row.becomes and "concat" not in row.becomes)
            for h in range(read.heads) if per_head else [None]:
                found = acted.value(row.becomes, h)
                assert close(found, acted.value(row.equals, h)), row
                assert close(found, after.value(row.left, h)), row
                if row.stays or row.left == row.equals:
                    assert close(found, before.value(row.left, h)), row
                seen += 1
    return seen
