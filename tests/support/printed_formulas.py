"""A derivation's printed formulas, and their values at given parameters."""

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
